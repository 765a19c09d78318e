"""MitreID Connect's JSON of a client, in camelCase, by the names of RFC 7591. Pure.

Three forms are in the field: the administrators' API (`/api/clients`: `clientName`, auth methods by the name of the
enumeration), the export of all data (`mitreid-connect-1.x`: `name`, `uri`, `secret`), and dumps of the entity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: Mapping[str, str] = {
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "secret": "client_secret",
    "clientName": "client_name",
    "name": "client_name",
    "clientDescription": "client_description",
    "description": "client_description",
    "clientUri": "client_uri",
    "uri": "client_uri",
    "policyUri": "policy_uri",
    "tosUri": "tos_uri",
    "contacts": "contacts",
    "redirectUris": "redirect_uris",
    "grantTypes": "grant_types",
    "responseTypes": "response_types",
    "scope": "scope",
    "tokenEndpointAuthMethod": "token_endpoint_auth_method",
    "codeChallengeMethod": "code_challenge_method",
    "jwksUri": "jwks_uri",
    "jwks": "jwk",
    "defaultMaxAge": "default_max_age",
    "requireAuthTime": "require_auth_time",
    "accessTokenValiditySeconds": "access_token_validity_seconds",
    "refreshTokenValiditySeconds": "refresh_token_validity_seconds",
    "idTokenValiditySeconds": "id_token_validity_seconds",
    "deviceCodeValiditySeconds": "device_code_validity_seconds",
    "reuseRefreshToken": "reuse_refresh_token",
    "allowIntrospection": "allow_introspection",
    "clearAccessTokensOnRefresh": "clear_access_tokens_on_refresh",
    "dynamicallyRegistered": "dynamically_registered",
}
_METHODS: Mapping[str, str] = {
    "SECRET_BASIC": "client_secret_basic",
    "SECRET_POST": "client_secret_post",
    "SECRET_JWT": "client_secret_jwt",
    "PRIVATE_KEY": "private_key_jwt",
    "NONE": "none",
}
"""Name in MitreID's enumeration of auth methods -> the value of RFC 7591."""

_TECHNICAL = frozenset(
    {
        "id", "authorities", "createdAt", "resourceIds", "registeredRedirectUri", "authorizedGrantTypes",
        "additionalInformation", "secretRequired", "scoped", "allowRefresh",
    }
)  # fmt: skip
"""Members that say how MitreID keeps the client, or say again what others do."""


def is_mitreid(entry: Mapping[str, Any]) -> bool:
    """Whether a client is written in MitreID's way."""
    return "clientId" in entry or "redirectUris" in entry or "grantTypes" in entry


def from_mitreid(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The client by RFC 7591's names; what has none keeps the name it has."""
    found: dict[str, Any] = {}
    for key, value in entry.items():
        if key not in _TECHNICAL:
            found[_NAMES.get(key, key)] = value
    method = found.get("token_endpoint_auth_method")
    if isinstance(method, str):
        found["token_endpoint_auth_method"] = _METHODS.get(method, method)
    challenge = found.get("code_challenge_method")
    if isinstance(challenge, dict):
        found["code_challenge_method"] = challenge.get("name")
    return found
