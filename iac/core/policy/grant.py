"""Rules on how tokens are got and how the client proves who it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from iac.core.errors import Diagnostic, hit
from iac.core.model import GRANT_TYPES, SECRET_METHODS, members
from iac.core.policy.redirect import is_native
from iac.core.policy.rule import DefinitionRule, Level, Subject, hits

_EXCHANGE = GRANT_TYPES["token-exchange"]
_SECRET_LATER = frozenset({"client_secret_post", "client_secret_jwt"})
_OWN = frozenset({"client_credentials", "refresh_token"})
"""Grants of a client that acts for itself alone; offline_access adds refresh_token by itself."""


def _implicit(subject: Subject) -> Iterator[Diagnostic]:
    if "implicit" in subject.grants:
        yield hit("grant_types", "the implicit grant hands out tokens in an address", "implicit")
    elif "token" in members(subject.fields.get("response_types")):
        yield hit("response_types", "the response type token hands out tokens in an address", "token")


def _pkce(subject: Subject) -> Iterator[Diagnostic]:
    is_public = subject.method == "none" and "authorization_code" in subject.grants
    if is_public and subject.fields.get("code_challenge_method") != "S256":
        yield hit("code_challenge_method", "a public client is not held to PKCE with S256")


def _native(subject: Subject) -> Iterator[Diagnostic]:
    is_native_app = bool(subject.redirects) and all(map(is_native, subject.redirects))
    if is_native_app and subject.method in SECRET_METHODS:
        yield hit(
            "token_endpoint_auth_method",
            "a client whose users are all sent back to their own machine has a secret",
        )


def _enforced(subject: Subject) -> Iterator[Diagnostic]:
    if subject.method in _SECRET_LATER:
        yield hit(
            "token_endpoint_auth_method",
            f"IAM from 1.14.1 takes this client's secret by {subject.method} only",
        )


def _offline(subject: Subject) -> Iterator[Diagnostic]:
    acts_for_itself = "client_credentials" in subject.grants and _OWN.issuperset(subject.grants)
    if acts_for_itself and "offline_access" in subject.scopes:
        yield hit("scope", "offline_access for a client that acts for itself alone", "offline_access")


def _refresh(subject: Subject) -> Iterator[Diagnostic]:
    if "refresh_token" in subject.grants and "offline_access" not in subject.scopes:
        yield hit(
            "grant_types",
            "the grant refresh_token does nothing without the scope offline_access",
            "refresh_token",
        )


RULES = (
    DefinitionRule(
        id="implicit-grant",
        what="The grant `implicit`, or the response type `token`.",
        why="The access token stands in an address: in the browser's history, in logs, and in what the browser tells "
        "other pages.",
        source="RFC 9700 section 2.1.2",
        fix="grant_types: [authorization_code] with code_challenge_method: S256",
        bad="grant_types: [implicit]",
        good="grant_types: [authorization_code]\ncode_challenge_method: S256",
        reads=frozenset({"grant_types", "response_types"}),
        check=_implicit,
    ),
    DefinitionRule(
        id="password-grant",
        level=Level.ERROR,
        what="The grant `password`: people type their password for IAM into the service.",
        why="The service, and an intruder there, can act as each of them. Second factors do not work.",
        source="RFC 9700 section 2.4, which forbids it",
        fix="use authorization_code, or device_code where there is no browser",
        bad="grant_types: [password]",
        good="grant_types: [device_code]",
        reads=frozenset({"grant_types"}),
        check=lambda subject: hits(
            "grant_types",
            {"password"}.intersection(subject.grants),
            "with the password grant the service sees its users' passwords",
        ),
    ),
    DefinitionRule(
        id="token-exchange",
        level=Level.OFF,
        what="The grant `token-exchange`.",
        why="The client turns others' tokens into its own, which last longer and allow more. The rule is off, "
        "because Rucio, FTS and orchestrators need it; a plan says grant-added when a client gets the "
        "grant.",
        source="RFC 8693 section 5; IAM documentation, token exchange: given by administrators only",
        fix="remove token-exchange from grant_types, or waive it with the service's reason",
        bad="grant_types: [authorization_code, token-exchange]",
        good="grant_types: [authorization_code]",
        reads=frozenset({"grant_types"}),
        check=lambda subject: hits(
            "grant_types",
            {_EXCHANGE}.intersection(subject.grants),
            "the client may exchange tokens of others for its own",
        ),
    ),
    DefinitionRule(
        id="public-client-without-pkce",
        what="A client without a secret (`token_endpoint_auth_method: none`) has the grant authorization_code, and its "
        "`code_challenge_method` is not S256.",
        why="Whoever catches the code can redeem it, because nothing else proves who asks.",
        source="RFC 9700 section 2.1.1; RFC 7636 section 4.2",
        fix="code_challenge_method: S256",
        bad="token_endpoint_auth_method: none",
        good="token_endpoint_auth_method: none\ncode_challenge_method: S256",
        reads=frozenset({"grant_types", "token_endpoint_auth_method", "code_challenge_method"}),
        check=_pkce,
    ),
    DefinitionRule(
        id="native-app-with-secret",
        what="A client with a secret whose redirect URIs all lead to the user's own machine: loopback, or a scheme of "
        "an app.",
        why="A secret that every user gets with the app is not a secret.",
        source="RFC 8252 section 8.5",
        fix="token_endpoint_auth_method: none with code_challenge_method: S256",
        bad="redirect_uris: ['http://localhost:4242/cb']",
        good="redirect_uris: ['http://localhost:4242/cb']\ntoken_endpoint_auth_method: none\n"
        "code_challenge_method: S256",
        reads=frozenset({"redirect_uris", "token_endpoint_auth_method"}),
        check=_native,
    ),
    DefinitionRule(
        id="auth-method-enforced",
        what="`token_endpoint_auth_method` is client_secret_post or client_secret_jwt. IAM up to 1.14.0 does not "
        "enforce the method, 1.14.1 does.",
        why="A service that sends its secret by Basic, as most libraries do, fails there.",
        source="rec: login (1.14), admin-auth-method-matrix",
        fix="check how the service sends its secret; by Basic: token_endpoint_auth_method: client_secret_basic",
        bad="token_endpoint_auth_method: client_secret_post",
        good="token_endpoint_auth_method: client_secret_basic",
        reads=frozenset({"token_endpoint_auth_method"}),
        is_of_iam=True,
        check=_enforced,
    ),
    DefinitionRule(
        id="offline-access-without-user",
        what="A client has the scope `offline_access`, and no grant but client_credentials.",
        why="A refresh token stands for an absent user; this client can ask for a token at any time. The server may "
        "also add the grant refresh_token, and a token that may never end.",
        source="RFC 6749 section 4.4.3; rec: admin-offline-access",
        fix="remove offline_access from scope",
        bad="grant_types: [client_credentials]\nscope: [offline_access]",
        good="grant_types: [client_credentials]\nscope: [compute.create]",
        reads=frozenset({"grant_types", "scope"}),
        check=_offline,
    ),
    DefinitionRule(
        id="refresh-token-without-offline-access",
        what="The grant `refresh_token` without the scope `offline_access`.",
        why="The server gives no refresh token without the scope.",
        source="OpenID Connect Core section 11; rec: admin-offline-access",
        fix="add offline_access to scope, or remove the grant",
        bad="grant_types: [authorization_code, refresh_token]",
        good="grant_types: [authorization_code, refresh_token]\nscope: [openid, offline_access]",
        reads=frozenset({"grant_types", "scope"}),
        check=_refresh,
    ),
)
"""Rules on grants and authentication."""
