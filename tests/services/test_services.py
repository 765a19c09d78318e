"""Each file of the demo project, read by its format's own parser and compared with what the service needs."""

from __future__ import annotations

import json
import subprocess
from itertools import product
from typing import TYPE_CHECKING

import pytest

from iac.config.definitions import validate_project
from iac.core.errors import RenderError
from tests.every import every
from tests.services.parsing import (
    parse_apache,
    parse_dirac,
    parse_dotenv,
    parse_ini,
    parse_kubernetes,
    parse_sql,
    parse_yaml,
)
from tests.services.project import ISSUER, ROOT, desired, rendered, secret_of, specs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HTVAULT_SCOPES = [
    "email",
    "offline_access",
    "profile",
    *("storage.create:/", "storage.modify:/", "storage.read:/"),
    *("wlcg", "wlcg.groups"),
]


def source(text: str, folder: Path) -> dict[str, str]:
    """What a POSIX shell exports after `set -a; . file`."""
    (folder / "file.env").write_text(text)
    script = "set -a; . ./file.env; set +a; env -0"
    done = subprocess.run(["/bin/sh", "-c", script], cwd=folder, env={}, capture_output=True, check=True)
    pairs = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    return {name: value for name, value in pairs.items() if name not in {"PWD", "OLDPWD", "SHLVL", "_"}}


def test_rucio_has_two_clients_in_one_idpsecrets() -> None:
    assert {
        "wlcg": {
            "issuer": ISSUER,
            "redirect_uris": [
                "https://rucio-auth.example.org/auth/oidc_code",
                "https://rucio-auth.example.org/auth/oidc_token",
            ],
            "client_id": "rucio-auth",
            "client_secret": secret_of("wlcg/rucio-auth"),
            "SCIM": {
                "client_id": "rucio-admin-scim",
                "client_secret": secret_of("wlcg/rucio-admin-scim"),
                "grant_type": "client_credentials",
            },
        }
    } == json.loads(rendered("out/rucio/idpsecrets.json"))


def test_rucio_webui_has_its_environment(tmp_path: Path) -> None:
    text = rendered("out/rucio/webui.env")
    expected = {
        "RUCIO_WEBUI_OIDC_PROVIDER_WLCG_CLIENT_ID": "rucio-webui",
        "RUCIO_WEBUI_OIDC_PROVIDER_WLCG_CLIENT_SECRET": secret_of("wlcg/rucio-webui"),
        "RUCIO_WEBUI_OIDC_PROVIDER_WLCG_REDIRECT_URL": "https://rucio-webui.example.org/api/auth/callback/wlcg",
    }
    assert expected == parse_dotenv(text)
    assert expected == source(text, tmp_path)


def test_fts3_has_its_provider_in_the_ini_file_and_in_the_database() -> None:
    assert {
        "providers": {
            "provider1": ISSUER,
            "provider1_ClientId": "fts3",
            "provider1_ClientSecret": secret_of("wlcg/fts3"),
        }
    } == parse_ini(rendered("out/fts3/fts3restconfig"))
    assert [("wlcg", ISSUER, "fts3", secret_of("wlcg/fts3"))] == parse_sql(
        rendered("out/fts3/token-provider.sql"), ISSUER
    )


def test_htvault_has_a_public_file_and_a_secret_one_under_the_same_name() -> None:
    public = rendered("out/htvault/20-wlcg.yaml")
    (issuer,) = parse_yaml(public)["issuers"]
    assert secret_of("wlcg/htvault") not in public
    assert [{"name": "default", "scopes": HTVAULT_SCOPES}] == issuer.pop("roles")
    assert {
        "name": "wlcg",
        "clientid": "htvault",
        "url": ISSUER,
        "callbackmode": "direct",
        "credclaim": "email",
    } == issuer
    assert {"issuers": [{"name": "wlcg", "secret": secret_of("wlcg/htvault")}]} == parse_yaml(
        rendered("out/htvault/80-secrets.yaml")
    )


def test_diracx_has_the_id_of_its_public_client_only() -> None:
    idp = {"ClientID": "diracx", "URL": ISSUER}
    assert {"DiracX": {"CsSync": {"VOs": {"wlcg": {"IdP": idp}}}}} == parse_dirac(rendered("out/diracx/dirac.cfg"))


def test_storm_webdav_has_a_registration_of_spring() -> None:
    client = parse_yaml(rendered("out/storm-webdav/application.yml"))["spring"]["security"]["oauth2"]["client"]
    registration = {
        "provider": "wlcg",
        "client-name": "storm-webdav",
        "client-id": "storm-webdav",
        "client-secret": secret_of("wlcg/storm-webdav"),
        "authorization-grant-type": "authorization_code",
        "scope": ["openid", "profile", "wlcg.groups"],
    }
    assert {"provider": {"wlcg": {"issuer-uri": ISSUER}}, "registration": {"wlcg": registration}} == client


def test_the_pilot_factory_has_its_environment(tmp_path: Path) -> None:
    text = rendered("out/pilot-factory.env")
    expected = {
        "WLCG_CLIENT_ID": "pilot-factory",
        "WLCG_CLIENT_SECRET": secret_of("wlcg/pilot-factory"),
        "WLCG_ISSUER": ISSUER,
    }
    assert expected == parse_dotenv(text)
    assert expected == source(text, tmp_path)


def test_jupyterhub_has_helm_values_and_a_kubernetes_secret() -> None:
    authenticator = parse_yaml(rendered("out/jupyterhub/values.yaml"))["hub"]["config"]["GenericOAuthenticator"]
    assert {
        "client_id": "wlcg-jupyterhub",
        "client_secret": secret_of("portals/jupyterhub"),
        "oauth_callback_url": "https://jupyterhub.example.org/hub/oauth_callback",
        "authorize_url": "https://iam.example.org/authorize",
        "token_url": "https://iam.example.org/token",
        "userdata_url": "https://iam.example.org/userinfo",
        "scope": ["email", "offline_access", "openid", "profile", "wlcg.groups"],
        "username_claim": "preferred_username",
    } == authenticator
    manifest = parse_kubernetes(rendered("out/jupyterhub/secret.yaml"))
    assert {"name": "jupyterhub-oidc", "namespace": "jupyterhub"} == manifest["metadata"]
    expected = {"issuer": ISSUER, "client_id": "wlcg-jupyterhub", "client_secret": secret_of("portals/jupyterhub")}
    assert expected == manifest["data"]


def test_grafana_has_its_section() -> None:
    assert {
        "auth.generic_oauth": {
            "enabled": "true",
            "name": "IAM",
            "client_id": "wlcg-grafana",
            "client_secret": secret_of("portals/grafana"),
            "scopes": "email openid profile",
            "auth_url": "https://iam.example.org/authorize",
            "token_url": "https://iam.example.org/token",
            "api_url": "https://iam.example.org/userinfo",
            "role_attribute_path": "contains(groups[*], 'grafana-admins') && 'Admin' || 'Viewer'",
            "use_pkce": "true",
        }
    } == parse_ini(rendered("out/grafana/grafana.ini"))


def test_keystone_has_its_directives() -> None:
    assert {
        "OIDCProviderMetadataURL": "https://iam.example.org/.well-known/openid-configuration",
        "OIDCClientID": "keystone",
        "OIDCClientSecret": secret_of("portals/keystone"),
        "OIDCScope": "email openid profile",
        "OIDCRedirectURI": "https://keystone.example.org:5000/v3/auth/OS-FEDERATION/websso/openid/redirect",
    } == parse_apache(rendered("out/keystone/openidc.conf"))


def test_the_orchestrator_and_clues_share_a_file_keyed_by_the_issuer_in_brackets() -> None:
    assert {
        "[https://iam.example.org/]": {
            "orchestrator": {"client-id": "paas-orchestrator", "client-secret": secret_of("paas/orchestrator")},
            "clues": {"client-id": "paas-clues", "client-secret": secret_of("paas/clues")},
        }
    } == parse_yaml(rendered("out/paas/application.yml"))["oidc"]["iam-properties"]


def test_every_definition_reaches_a_file_and_every_file_has_its_test() -> None:
    reached = {address for spec in specs().values() for address in spec.clients}
    assert set(desired().clients) == reached
    assert set(specs()) == READERS.keys() | {"out/diracx/dirac.cfg"}


def _idp(text: str) -> list[str]:
    provider = json.loads(text)["wlcg"]
    return [provider["client_secret"], provider["SCIM"]["client_secret"]]


def _spring(text: str) -> list[str]:
    client = parse_yaml(text)["spring"]["security"]["oauth2"]["client"]
    return [client["registration"]["wlcg"]["client-secret"]]


def _paas(text: str) -> list[str]:
    (issuer,) = parse_yaml(text)["oidc"]["iam-properties"].values()
    return [client["client-secret"] for client in issuer.values()]


READERS: dict[str, Callable[[str], list[str]]] = {
    "out/rucio/idpsecrets.json": _idp,
    "out/rucio/webui.env": lambda text: [parse_dotenv(text)["RUCIO_WEBUI_OIDC_PROVIDER_WLCG_CLIENT_SECRET"]],
    "out/fts3/fts3restconfig": lambda text: [parse_ini(text)["providers"]["provider1_ClientSecret"]],
    "out/fts3/token-provider.sql": lambda text: [parse_sql(text, ISSUER)[0][3]],
    "out/htvault/20-wlcg.yaml": lambda text: [] if parse_yaml(text) else [text],
    "out/htvault/80-secrets.yaml": lambda text: [parse_yaml(text)["issuers"][0]["secret"]],
    "out/storm-webdav/application.yml": _spring,
    "out/pilot-factory.env": lambda text: [parse_dotenv(text)["WLCG_CLIENT_SECRET"]],
    "out/jupyterhub/values.yaml": lambda text: [
        parse_yaml(text)["hub"]["config"]["GenericOAuthenticator"]["client_secret"]
    ],
    "out/jupyterhub/secret.yaml": lambda text: [parse_kubernetes(text)["data"]["client_secret"]],
    "out/grafana/grafana.ini": lambda text: [parse_ini(text)["auth.generic_oauth"]["client_secret"]],
    "out/keystone/openidc.conf": lambda text: [parse_apache(text)["OIDCClientSecret"]],
    "out/paas/application.yml": _paas,
}
"""How to read the secrets back from each file that has any."""

HOSTILE = {
    "double quote": 'a"b',
    "single quote": "a'b",
    "dollar": "a$HOME b$1",
    "placeholder": "a${HOME}b",
    "command": "a$(id)`id`b",
    "backslash": "a\\b\\",
    "spaces": " a  b ",
    "hash": "a #b",
    "percent": "a%(x)s%20b%",
    "markup": "a<b>&amp;c",
    "semicolon": "a;b --",
    "colon": "a: b",
    "brackets": "[a]{b}",
    "line break": "a\nb",
    "tab": "a\tb",
    "nul": "a\0b",
    "unicode": "pässwörd 🔑 \u2028",
    "number": "0123",
    "word": "null",
}
TAKES_ALL = {
    "out/rucio/idpsecrets.json",
    "out/htvault/20-wlcg.yaml",
    "out/htvault/80-secrets.yaml",
    "out/jupyterhub/values.yaml",
    "out/jupyterhub/secret.yaml",
}


@pytest.mark.parametrize("path", READERS)
@every("kind", HOSTILE)
def test_a_hostile_secret_is_right_in_the_file_or_refused(path: str, kind: str) -> None:
    secret = HOSTILE[kind]
    try:
        text = rendered(path, secret)
    except RenderError as error:
        refused = str(error)
    else:
        assert {secret} >= set(READERS[path](text))
        return
    assert path not in TAKES_ALL
    assert secret not in refused


@every("path, kind", product(["out/rucio/webui.env", "out/pilot-factory.env"], HOSTILE))
def test_a_shell_reads_a_hostile_secret_as_the_strict_reader_does(path: str, kind: str, tmp_path: Path) -> None:
    try:
        text = rendered(path, HOSTILE[kind])
    except RenderError:
        assert set("$'\\\n\t\0\u2028") & set(HOSTILE[kind])
        return
    assert parse_dotenv(text) == source(text, tmp_path)


def test_the_demo_project_is_valid_and_what_it_means_is_waived_with_a_reason() -> None:
    found = validate_project(ROOT)
    assert (found.is_valid, 13) == (True, found.definitions)
    assert [("privileged-scope", "waived", "clients.d/wlcg/rucio-admin-scim.yaml")] == [
        (each.id, str(each.severity), each.location.file) for each in found.diagnostics if each.location
    ]


def test_definitions_name_their_schema() -> None:
    for path in [ROOT / "iac.yaml", *(ROOT / "clients.d").rglob("*.yaml")]:
        marker, _, schema = path.read_text().splitlines()[0].partition("=")
        assert "# yaml-language-server: $schema" == marker
        assert (path.parent / schema).resolve().parent == ROOT / "schemas"
