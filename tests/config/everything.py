"""Definitions and settings that together have every key of the schemas: what generated tests of wrong input begin with.

`test_every_key_of_the_schemas_is_tried` fails when a schema gets a key that is not here.
"""

from __future__ import annotations

from typing import Any

from tests.config.given import RECIPIENT

UUID = "80e5fb8d-b7c8-451a-89ba-346ae278a66f"

OUTPUTS: list[dict[str, Any]] = [
    {"template": "json", "path": "out/a.json", "sink": "file", "mode": "0600", "values": {"a": [1, {"b": None}]}}
]

SHARED: dict[str, Any] = {
    "client_description": "What it is for",
    "client_uri": "https://portal.example.org/",
    "policy_uri": "https://portal.example.org/policy",
    "tos_uri": "https://portal.example.org/terms",
    "contacts": ["ops@example.org"],
    "contacts+": ["more@example.org"],
    "redirect_uris": ["https://portal.example.org/cb"],
    "redirect_uris+": ["https://portal.example.org/more"],
    "grant_types": ["authorization_code"],
    "grant_types+": ["refresh_token"],
    "response_types": ["code"],
    "response_types+": ["token"],
    "scope": ["openid", "profile"],
    "scope+": "email offline_access",
    "token_endpoint_auth_method": "client_secret_basic",
    "code_challenge_method": "S256",
    "jwks_uri": "https://portal.example.org/jwks",
    "jwk": {"keys": [{"kty": "RSA"}]},
    "default_max_age": 60,
    "require_auth_time": True,
    **dict.fromkeys(("logo_uri", "initiate_login_uri", "sector_identifier_uri"), "https://portal.example.org/page"),
    **dict.fromkeys(("frontchannel_logout_uri", "backchannel_logout_uri"), "https://portal.example.org/logout"),
    "software_id": "portal",
    "software_version": "1.0",
    "application_type": "web",
    "subject_type": "pairwise",
    **{
        f"{what}_{how}": value
        for what in ("id_token", "userinfo")
        for how, value in (
            ("signed_response_alg", "ES256"),
            ("encrypted_response_alg", "RSA-OAEP-256"),
            ("encrypted_response_enc", "A256GCM"),
        )
    },
    "request_object_signing_alg": "ES256",
    "request_object_encryption_alg": "RSA-OAEP-256",
    "request_object_encryption_enc": "A256GCM",
    "token_endpoint_auth_signing_alg": "ES256",
    "tls_client_auth_subject_dn": "CN=portal",
    "tls_client_auth_san_dns": "portal.example.org",
    "tls_client_auth_san_uri": "https://portal.example.org/",
    "tls_client_auth_san_ip": "192.0.2.1",
    "tls_client_auth_san_email": "ops@example.org",
    "request_uris": ["https://portal.example.org/request"],
    "request_uris+": ["https://portal.example.org/another"],
    "post_logout_redirect_uris": ["https://portal.example.org/bye"],
    "post_logout_redirect_uris+": ["https://portal.example.org/gone"],
    "default_acr_values": ["strong", "weak"],
    "frontchannel_logout_session_required": True,
    "backchannel_logout_session_required": True,
    "tls_client_certificate_bound_access_tokens": True,
    "dpop_bound_access_tokens": True,
    "require_pushed_authorization_requests": True,
    "require_signed_request_object": True,
    "access_token_validity_seconds": 3600,
    "refresh_token_validity_seconds": 86400,
    "id_token_validity_seconds": 600,
    "device_code_validity_seconds": 600,
    "reuse_refresh_token": True,
    "allow_introspection": False,
    "clear_access_tokens_on_refresh": False,
    "up_scoping_enabled": True,
    "extra": {"client_name#de": "Portal", "policy": {"level": 1}},
    "owners": [UUID],
    "owners+": [UUID],
    "lifecycle": {
        "prevent_destroy": True,
        "ignore_changes": ["scope"],
        "rotate_after": "180d",
        "rotation": "replace",
        "grace": "7d",
    },
}
"""Keys that definitions and defaults have in common."""

OVERLAY: dict[str, Any] = {
    "client_id": "portal",
    "client_name": "Portal",
    **SHARED,
    "secret": {"serial": 2},
    "recipients": [RECIPIENT],
    "recipients+": [RECIPIENT],
    "waive": [{"id": "password-grant", "reason": "it is meant", "until": "2030-01-01"}],
    "adopt": True,
    "outputs": OUTPUTS,
    "outputs+": [{"template": "dotenv", "path": "out/b.env"}],
}

DEFINITION: dict[str, Any] = {**OVERLAY, "environments": {"prod": OVERLAY}}

LOGINS: list[dict[str, Any]] = [
    {
        "method": "client_credentials",
        "client_id": "iac-login",
        "client_secret": {"file": "secret"},
        "token_endpoint_auth_method": "client_secret_post",
        "scope": "openid",
    },
    {
        "method": "private_key_jwt",
        "client_id": {"env": "ID"},
        "private_key": {"env": "KEY"},
        "key_id": "k1",
        "scope": "openid",
    },
    {"method": "private_key_jwt", "client_id": {"file": "id"}, "private_key": {"file": "key"}},
    {"method": "client_credentials", "client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}},
    {"method": "client_credentials", "client_id": {"file": "id"}, "client_secret": {"env": "SECRET"}},
    {"method": "device", "client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}},
    {
        "method": "device",
        "client_id": {"file": "id"},
        "client_secret": {"file": "secret"},
        "token_endpoint_auth_method": "client_secret_post",
        "scope": "openid",
    },
    {"method": "oidc-agent", "account": "iac", "audience": "https://iam.example.org", "scope": "openid"},
    {"method": "token", "token": {"env": "TOKEN"}},
    {"method": "token", "token": {"file": "token"}},
    {"method": "wlcg"},
    {"method": "initial_access_token", "token": {"env": "TOKEN"}},
    {"method": "initial_access_token", "token": {"file": "token"}},
    {"method": "none"},
]

STATES: list[dict[str, Any]] = [
    {
        "backend": "file",
        "path": ".iac/state.json",
        "encryption": {"recipients": [RECIPIENT], "identity": {"env": "IDENTITY"}},
        "lineage": UUID,
    },
    {"backend": "git", "repository": "https://git.example.org/state.git", "branch": "iac-state", "path": "a.json"},
    {"backend": "git", "remote": "origin", "encryption": {"recipients": [RECIPIENT], "identity": {"file": "id"}}},
    {
        "backend": "http",
        "address": "https://state.example.org/a",
        "lock_address": "https://state.example.org/a/lock",
        "unlock_address": "https://state.example.org/a/lock",
        "update_method": "POST",
        "lock_method": "POST",
        "unlock_method": "DELETE",
        "username": {"env": "NAME"},
        "password": {"file": "password"},
        "encryption": "none",
    },
    {"backend": "http", "address": "https://state.example.org/a", "username": "me", "password": {"env": "PASSWORD"}},
    {
        "backend": "s3",
        "bucket": "states",
        "key": "demo/a.json",
        "region": "eu",
        "endpoint": "https://s3.example.org",
        "access_key_id": {"env": "ID"},
        "secret_access_key": {"file": "key"},
    },
    {"backend": "s3", "bucket": "states", "access_key_id": {"file": "id"}, "secret_access_key": {"env": "KEY"}},
]

SINKS: dict[str, Any] = {
    "sealed": {"kind": "age", "recipients": [RECIPIENT]},
    "values": {"kind": "sops", "recipients": [RECIPIENT], "encrypted_regex": "^(data)$"},
    "cluster": {
        "kind": "kubernetes",
        "kubeconfig": "~/.kube/config",
        "context": "prod",
        "type": "Opaque",
        "labels": {"app": "portal"},
    },
}

TLS = {"ca": "ca.pem", "certificate": "cert.pem", "key": "key.pem"}

PROJECT_OUTPUTS: list[dict[str, Any]] = [
    {**OUTPUTS[0], "path": "out/c.json", "clients": ["portal"]},
    {"template": "json", "path": "out/d.json", "clients": {"one": "portal"}},
]


def settings(login: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """An iac.yaml with every key, but for what depends on the login and on the backend."""
    return {
        "project": "demo",
        "issuer": "https://iam.example.org/",
        "provider": "iam-admin",
        "registration_endpoint": "https://iam.example.org/register",
        "auth": login,
        "state": state,
        "limits": {"max_deletes": 1, "max_updates": 1},
        "parallelism": 4,
        "timeout": 10,
        "deadline": 60,
        "pipelines": {"wheel": f"https://example.org/indigo_iac-1.0.0-py3-none-any.whl#sha256={'0' * 64}"},
        "tls": TLS,
        "proxy": "none",
        "scopes": ["storage.read:/"],
        "grantable_scopes": ["storage.*"],
        "policy": {"no-contact": "off"},
        "lifetime_bounds": {"access_token_validity_seconds": {"min": 60, "max": 7200}},
        "defaults": SHARED,
        "server_defaults": {"access_token_validity_seconds": 3600},
        "sinks": SINKS,
        "outputs": PROJECT_OUTPUTS,
        "removed": [{"address": "gone", "then": "delete"}],
        "moved": [{"from": "before", "to": "portal"}],
        "environments": {
            "prod": {
                "issuer": "https://iam.example.org/",
                "registration_endpoint": "https://iam.example.org/register",
                "auth": login,
                "tls": TLS,
                "proxy": "none",
                "state": state,
                "defaults": SHARED,
                "sinks": SINKS,
                "outputs": PROJECT_OUTPUTS,
                "outputs+": PROJECT_OUTPUTS,
                "removed": [{"address": "gone", "then": "forget"}],
                "clients": ["*"],
            }
        },
    }


PROJECTS: list[dict[str, Any]] = [
    settings(LOGINS[0], STATES[0]),
    *({"project": "demo", "provider": "iam-admin", "auth": login} for login in LOGINS[1:]),
    *({"project": "demo", "provider": "iam-admin", "state": state} for state in STATES[1:]),
]
