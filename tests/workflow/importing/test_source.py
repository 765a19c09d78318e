"""Clients in JSON, in every form that people have, become one form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from iac.config.layers import MergedLayers
from iac.core.errors import InputError
from iac.registry import capabilities
from iac.workflow.importing import source
from iac.workflow.importing.source import parse_files, read_folder
from iac.workflow.importing.text import minimal_values
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

    from iac.workflow.importing.selection import Candidate

KEY = {"keys": [{"kty": "EC", "crv": "P-256", "x": "1", "y": "2"}]}
FIELDS = {
    "client_name": "Portal",
    "client_description": "For all",
    "client_uri": "https://portal.example.org/",
    "contacts": ("ops@example.org",),
    "redirect_uris": ("https://portal.example.org/cb",),
    "grant_types": ("authorization_code", "refresh_token"),
    "response_types": ("code",),
    "scope": ("openid", "profile"),
    "token_endpoint_auth_method": "client_secret_post",
    "code_challenge_method": "S256",
    "access_token_validity_seconds": 3600,
    "reuse_refresh_token": True,
}
MITREID = {
    "id": 7,
    "clientId": "portal",
    "clientSecret": "some-secret",
    "clientName": "Portal",
    "clientDescription": "For all",
    "clientUri": "https://portal.example.org/",
    "logoUri": None,
    "contacts": ["ops@example.org"],
    "redirectUris": ["https://portal.example.org/cb"],
    "grantTypes": ["refresh_token", "authorization_code"],
    "responseTypes": ["code"],
    "scope": ["profile", "openid"],
    "tokenEndpointAuthMethod": "SECRET_POST",
    "codeChallengeMethod": "S256",
    "accessTokenValiditySeconds": 3600,
    "refreshTokenValiditySeconds": None,
    "reuseRefreshToken": True,
    "dynamicallyRegistered": False,
    "authorities": [{"authority": "ROLE_CLIENT"}],
    "createdAt": "2015-06-09T11:43:08+0000",
}
EXPORT = {
    "mitreid-connect-1.3": {
        "accessTokens": [],
        "clients": [
            {
                **{key: value for key, value in MITREID.items() if not key.startswith("client")},
                "clientId": "portal",
                "secret": "some-secret",
                "name": "Portal",
                "description": "For all",
                "uri": "https://portal.example.org/",
                "tokenEndpointAuthMethod": "client_secret_post",
                "codeChallengeMethod": {"name": "S256"},
            }
        ],
    }
}
SNAKE = {
    "client_id": "portal",
    "client_secret": "some-secret",
    **{name: list(value) if isinstance(value, tuple) else value for name, value in FIELDS.items()},
    "scope": "profile openid",
    "created_at": 1,
    "active": True,
}


def parse(value: Any) -> list[Candidate]:
    return parse_files([("a.json", json.dumps(value).encode())])


@every(
    "value",
    [SNAKE, [SNAKE], {"totalResults": 1, "Resources": [SNAKE]}, {"clients": [SNAKE]}, MITREID, [MITREID], EXPORT],
    ids=["one", "list", "page", "clients", "mitreid", "mitreids", "export"],
)
def test_every_form_means_the_same_client(value: Any) -> None:
    (found,) = parse(value)
    assert FIELDS == dict(found.registration.fields)
    assert ("portal", "Portal", ()) == (found.client_id, found.name, found.unkept)
    assert found.registration.secret is not None
    assert found.registration.secret.reveal() == "some-secret"


@pytest.mark.parametrize(
    ("mitreid", "expected"),
    [
        ("SECRET_BASIC", "client_secret_basic"),
        ("SECRET_JWT", "client_secret_jwt"),
        ("PRIVATE_KEY", "private_key_jwt"),
        ("NONE", "none"),
        (None, "client_secret_basic"),
    ],
)
def test_auth_methods_of_mitreid_are_those_of_rfc_7591(mitreid: str | None, expected: str) -> None:
    (found,) = parse({**MITREID, "tokenEndpointAuthMethod": mitreid})
    assert expected == found.registration.fields["token_endpoint_auth_method"]


def test_grants_that_a_request_leaves_out_are_those_of_the_rfc_and_those_of_an_answer_are_none() -> None:
    request, answer = parse([{"client_name": "New"}, {"client_id": "a", "created_at": 1}])
    assert ("authorization_code",) == request.registration.fields["grant_types"]
    assert "grant_types" not in answer.registration.fields
    assert "" == request.client_id


@pytest.mark.parametrize("key", [KEY, json.dumps(KEY)])
@pytest.mark.parametrize("name", ["jwk", "jwks"])
def test_a_key_set_is_read_as_mapping_and_as_text(name: str, key: object) -> None:
    (found,) = parse({"client_id": "a", name: key})
    assert KEY == json.loads(str(found.registration.fields["jwk"]))


def test_what_iam_does_not_keep_is_named_unless_it_is_empty() -> None:
    (found,) = parse({**SNAKE, "logo_uri": "https://a/", "software_id": "", "application_type": "web"})
    assert ("application_type", "logo_uri") == found.unkept


@every(
    "member, why",
    [
        ({"client_id": 7}, "client_id is not text"),
        ({"client_secret": ["x"]}, "client_secret is not text"),
        ({"client_name": 7}, "client_name is not text"),
        ({"contacts": "a"}, "contacts is not a list of texts"),
        ({"grant_types": [7]}, "grant_types is not a list of texts"),
        ({"reuse_refresh_token": "yes"}, "reuse_refresh_token is not true or false"),
        ({"id_token_validity_seconds": True}, "id_token_validity_seconds is not a whole number"),
        ({"jwk": 7}, "jwk is not a JWK set"),
        ({"jwk": '{"a":' * 60_000}, "jwk is not a JWK set"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "1"}]}}, "jwk holds private key material (k)"),
    ],
)
def test_a_member_of_another_type_is_told_without_its_value(member: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError) as caught:
        parse([SNAKE, {**SNAKE, **member}])
    assert f"a.json[1]: {why}" in caught.value.why


def test_mistakes_of_all_files_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse_files([("a.json", b"{"), ("b.json", b"\xff"), ("c.json", b"[7]")])
    assert [name for name in ("a.json", "b.json: it is not UTF-8", "c.json") if name not in caught.value.why] == []


def test_a_file_that_is_too_large_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(source, "MAX_BYTES", 1 << 20)
    (tmp_path / "a.json").write_bytes(b"[" + b" " * (2 << 20) + b"]")
    with pytest.raises(InputError, match="larger than 1 MiB"):
        parse_files(read_folder(tmp_path, "x"))


def test_files_that_begin_with_a_dot_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in (".git/a.json", ".b.json", "c.json"):
        (tmp_path / name).write_text("{}")
    assert [("x/c.json", b"{}")] == read_folder(tmp_path, "x/")


def test_another_server_keeps_all_that_an_answer_of_rfc_7591_has() -> None:
    answer = {
        "client_id": "a1",
        "client_name": "Portal",
        "logo_uri": "https://a.example.org/l.png",
        "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]},
        "ui_theme": {"b": 1},
        "registration_access_token": "token",
        "client_secret_expires_at": 0,
    }
    (found,) = parse_files([("a.json", json.dumps(answer).encode())], capabilities("rfc7591"))
    fields = found.registration.fields
    assert ("https://a.example.org/l.png", '{"b":1}') == (fields["logo_uri"], fields["extra.ui_theme"])
    assert ((), True) == (found.unkept, "jwk" in fields)
    values = minimal_values(found.registration, MergedLayers(), {})
    assert {"ui_theme": {"b": 1}} == values["extra"]


def test_an_export_of_keycloak_is_refused_with_the_way_by_its_registration_api() -> None:
    export = {"clients": [{"clientId": "portal", "publicClient": False, "redirectUris": []}]}
    with pytest.raises(InputError) as caught:
        parse_files([("realm.json", json.dumps(export).encode())])
    assert "iac import CLIENT_ID --uri ISSUER/clients-registrations" in caught.value.why
