"""Each built-in template of a service, read by its format's own parser and compared with what the service needs."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from iac.config.schema import compile_schema
from iac.core.errors import RenderError
from iac.rendering.content import FileCredentials, output_format, read_credentials
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.services import Format, services, template_files, template_format, values_schema
from tests.every import every
from tests.services.parsing import (
    leaves,
    parse_apache,
    parse_condor,
    parse_dirac,
    parse_dotenv,
    parse_env_file,
    parse_ini,
    parse_kubernetes,
    parse_sql,
    parse_yaml,
)
from tests.services.started import FACTS, ISSUER, credentials, rendered, secret_of, specs
from tests.services.test_services import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

PARSERS: dict[Format, Callable[[str], Any]] = {
    Format.APACHE: parse_apache,
    Format.CONDOR: parse_condor,
    Format.DIRAC: parse_dirac,
    Format.DOTENV: parse_dotenv,
    Format.INI: parse_ini,
    Format.JSON: json.loads,
    Format.KUBERNETES: parse_kubernetes,
    Format.TEXT: lambda text: [text],
    Format.TOML: tomllib.loads,
    Format.YAML: parse_yaml,
}
TAKES_ALL = {Format.JSON, Format.YAML, Format.KUBERNETES, Format.TOML}


def parsed(template: str, secret: str | None = None) -> Any:
    """What the format's parser makes of an output."""
    return parsed_text(template, rendered(template, secret))


def parsed_text(template: str, text: str, issuer: str = ISSUER) -> Any:
    """What the format's parser makes of a text that a template made for a server."""
    if template == "paas-orchestrator-env":
        return parse_env_file(text)
    format_ = template_format(template)
    return parse_sql(text, issuer) if format_ is Format.SQL else PARSERS[format_](text)


@every("template", template_files())
def test_the_schema_of_values_is_one_that_iac_and_editors_know(template: str) -> None:
    schema = values_schema(template)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert set(schema.get("required", ())) <= schema["properties"].keys()
    assert all(value["description"].endswith(".") for value in schema["properties"].values())
    compile_schema(schema)


def test_each_schema_of_values_is_that_of_a_template() -> None:
    folder = next(iter(template_files().values())).parents[1]
    assert {path.name.removesuffix(".values.json") for path in folder.rglob("*.json")} < template_files().keys()


IAM = "https://iam.example.org"
EXPECTED: dict[str, Any] = {
    "client-id": ["client-id"],
    "client-secret": [secret_of("htcondor-credmon")],
    "dirac-idprovider": {
        "Resources": {
            "IdProviders": {
                "wlcg": {
                    "ProviderType": "IAM",
                    "issuer": ISSUER,
                    "client_id": "dirac-pilot",
                    "client_secret": secret_of("dirac-pilot"),
                    "scope": "compute.cancel compute.create compute.modify compute.read",
                }
            }
        }
    },
    "esaco-yml": {
        "oidc": {
            "clients": [{"issuer-url": ISSUER, "client-id": "esaco", "client-secret": secret_of("esaco")}],
        }
    },
    "grafana-env": {
        "GF_AUTH_GENERIC_OAUTH_ENABLED": "true",
        "GF_AUTH_GENERIC_OAUTH_NAME": "IAM",
        "GF_AUTH_GENERIC_OAUTH_CLIENT_ID": "grafana-env",
        "GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET": secret_of("grafana-env"),
        "GF_AUTH_GENERIC_OAUTH_SCOPES": "email openid profile",
        "GF_AUTH_GENERIC_OAUTH_AUTH_URL": f"{IAM}/authorize",
        "GF_AUTH_GENERIC_OAUTH_TOKEN_URL": f"{IAM}/token",
        "GF_AUTH_GENERIC_OAUTH_API_URL": f"{IAM}/userinfo",
        "GF_AUTH_GENERIC_OAUTH_USE_PKCE": "true",
    },
    "grafana-ini": {
        "auth.generic_oauth": {
            "enabled": "true",
            "name": "IAM",
            "client_id": "grafana",
            "client_secret": secret_of("grafana"),
            "scopes": "email openid profile",
            "auth_url": f"{IAM}/authorize",
            "token_url": f"{IAM}/token",
            "api_url": f"{IAM}/userinfo",
            "use_pkce": "true",
        }
    },
    "htcondor-credmon-conf": {
        "WLCG_CLIENT_ID": "htcondor-credmon",
        "WLCG_CLIENT_SECRET_FILE": "/etc/condor/.secrets/wlcg",
        "WLCG_RETURN_URL_SUFFIX": "/return/wlcg",
        "WLCG_AUTHORIZATION_URL": f"{IAM}/authorize",
        "WLCG_TOKEN_URL": f"{IAM}/token",
    },
    "iam-oidc-yml": {
        "oidc": {
            "providers": [
                {
                    "name": "wlcg",
                    "issuer": ISSUER,
                    "client": {
                        "clientId": "iam-behind-iam",
                        "clientSecret": secret_of("iam-behind-iam"),
                        "redirectUris": "https://app.example.org/openid_connect_login",
                        "scope": "email,openid,profile",
                    },
                    "loginButton": {"text": "Sign in with wlcg"},
                }
            ]
        }
    },
    "interlink-installer": {
        "oauth": {
            "provider": "oidc",
            "issuer": ISSUER,
            "token_url": f"{IAM}/token",
            "device_code_url": f"{IAM}/devicecode",
            "grant_type": "authorization_code",
            "client_id": "interlink",
            "client_secret": secret_of("interlink"),
            "scopes": ["email", "offline_access", "openid", "profile", "wlcg", "wlcg.groups"],
        }
    },
    "jupyterhub-env": {
        "OAUTH_CLIENT_ID": "jupyterhub-env",
        "OAUTH_CLIENT_SECRET": secret_of("jupyterhub-env"),
        "OAUTH_CALLBACK_URL": "https://app.example.org/hub/oauth_callback",
        "OAUTH2_AUTHORIZE_URL": f"{IAM}/authorize",
        "OAUTH2_TOKEN_URL": f"{IAM}/token",
        "OAUTH2_USERDATA_URL": f"{IAM}/userinfo",
    },
    "mod-auth-openidc-client": {
        "client_id": "mod-auth-openidc-client",
        "client_secret": secret_of("mod-auth-openidc-client"),
        "token_endpoint_auth_method": "client_secret_basic",
    },
    "oauth2-proxy-cfg": {
        "provider": "oidc",
        "oidc_issuer_url": ISSUER,
        "client_id": "oauth2-proxy-cfg",
        "client_secret": secret_of("oauth2-proxy-cfg"),
        "redirect_url": "https://app.example.org/oauth2/callback",
        "scope": "email openid profile",
        "code_challenge_method": "S256",
    },
    "oauth2-proxy-env": {
        "OAUTH2_PROXY_PROVIDER": "oidc",
        "OAUTH2_PROXY_OIDC_ISSUER_URL": ISSUER,
        "OAUTH2_PROXY_CLIENT_ID": "oauth2-proxy",
        "OAUTH2_PROXY_CLIENT_SECRET": secret_of("oauth2-proxy"),
        "OAUTH2_PROXY_REDIRECT_URL": "https://app.example.org/oauth2/callback",
        "OAUTH2_PROXY_SCOPE": "email openid profile",
        "OAUTH2_PROXY_CODE_CHALLENGE_METHOD": "S256",
    },
    "oidc-agent-client": {
        "issuer_url": ISSUER,
        "client_id": "oidc-agent",
        "client_secret": secret_of("oidc-agent"),
        "scope": "offline_access openid profile",
        "redirect_uris": [
            "edu.kit.data.oidc-agent:/redirect",
            "http://localhost:4242",
            "http://localhost:43985",
            "http://localhost:8080",
        ],
    },
    "paas-orchestrator-env": {
        f"OIDC_IAM-PROPERTIES[{ISSUER}]_{name.upper()}_CLIENT-{key}": value
        for name in ("orchestrator", "clues")
        for key, value in {
            "ID": f"paas-orchestrator-env-{name}",
            "SECRET": secret_of(f"paas-orchestrator-env-{name}"),
        }.items()
    },
    "spring-yml": {
        "spring": {
            "security": {
                "oauth2": {
                    "client": {
                        "provider": {"wlcg": {"issuer-uri": ISSUER}},
                        "registration": {
                            "wlcg": {
                                "provider": "wlcg",
                                "client-id": "spring",
                                "client-secret": secret_of("spring"),
                                "client-authentication-method": "client_secret_basic",
                                "authorization-grant-type": "authorization_code",
                                "redirect-uri": "https://app.example.org/login/oauth2/code/wlcg",
                                "scope": ["email", "openid", "profile"],
                            }
                        },
                    }
                }
            }
        }
    },
}
"""What the services' own documents ask for; the templates that the demo project uses are looked at in test_services."""


@pytest.mark.parametrize("template", EXPECTED)
def test_the_file_says_what_the_service_reads(template: str) -> None:
    assert EXPECTED[template] == parsed(template)


def test_every_template_is_looked_at() -> None:
    demo = {"diracx-cfg", "dotenv", "fts3-restconfig", "fts3-token-provider", "htvault-issuer", "htvault-secrets",
            "jupyterhub-values", "kubernetes-secret", "mod-auth-openidc-conf", "paas-orchestrator-yml",
            "rucio-idpsecrets", "rucio-webui-env", "storm-webdav-yml"}  # fmt: skip
    general = {"json", "yaml"}
    assert set(template_files()) == set(EXPECTED) | demo | general
    assert set(template_files()) == set(specs())


@pytest.mark.parametrize("template", template_files())
def test_credentials_are_read_back_from_where_the_template_puts_them(template: str) -> None:
    spec, clients = specs()[template], credentials(template)
    assert template_format(template) == output_format(spec)
    content = rendered(template).encode()
    found = read_credentials(
        content, load_templates(Path(), [template], Renderer().references)[template], spec, clients, FACTS
    )
    ids, secrets = ("id" not in WITHOUT.get(template, ()), "secret" not in WITHOUT.get(template, ()))
    expected = {
        address: FileCredentials(each.client_id if ids else None, each.secret if secrets else None)
        for address, each in clients.items()
    }
    assert expected == found
    assert {template_format(template)} == {each.format for each in found.values()}


WITHOUT = {
    "client-id": ("secret",),
    "client-secret": ("id",),
    "htcondor-credmon-conf": ("secret",),
    "htvault-issuer": ("secret",),
    "htvault-secrets": ("id",),
}
"""Templates that print one of the two only."""


@pytest.mark.parametrize("template", template_files())
@every("kind", HOSTILE)
def test_a_hostile_secret_is_right_in_the_file_or_refused(template: str, kind: str) -> None:
    secret = HOSTILE[kind]
    try:
        found = leaves(parsed(template, secret))
    except RenderError as error:
        refused = error
    else:
        clients = credentials(template)
        prints = "secret" not in WITHOUT.get(template, ()) and any(each.secret for each in clients.values())
        assert found.count(secret) == (len(clients) if prints else 0)
        return
    assert template_format(template) not in TAKES_ALL or "filter spring" in refused.why
    assert secret not in str(refused)


def test_placeholders_of_definitions_are_what_the_service_asks_for() -> None:
    for service in services().values():
        texts = [service.definition(role) for role in service.roles]
        asked = {name.lower() for text in texts for name in re.findall(r"@@([A-Z]+)@@", text)} - {"until"}
        asked |= {
            name for each in service.files for value in each.values.values() for name in re.findall(r"{(\w+)}", value)
        }
        assert set(service.asks) == asked, service.name


def test_every_file_names_a_template_that_is_there_in_one_format() -> None:
    formats: dict[str, set[Format]] = {}
    for service in services().values():
        for each in service.files:
            formats.setdefault(each.template, set()).add(each.format)
    assert set(template_files()) == set(formats)
    assert all(len(each) == 1 for each in formats.values())


def test_every_service_names_its_sources_but_the_plain_one() -> None:
    assert ["plain"] == [service.name for service in services().values() if not service.sources]
    assert all(url.startswith("https://") for service in services().values() for url in service.sources)
