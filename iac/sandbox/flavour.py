"""What the versions of INDIGO IAM do differently: one table of named facts.

Each fact names the recording ("rec:") that shows it; what is the same everywhere stands in the code.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

_SCOPES_1_12 = (
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
    "eduperson_scoped_affiliation",
    "eduperson_entitlement",
    "eduperson_assurance",
    "entitlements",
)


class Flavour(StrEnum):
    """A version of IAM whose client APIs the sandbox knows."""

    V1_12 = "1.12"
    V1_13 = "1.13"
    V1_14 = "1.14"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlavourFacts:
    """How one flavour answers.

    Sizes: `secret_bytes` in bytes before base64url, `jwk_limit` and `jwk_column` in characters.
    """

    version: str
    secrets_shown: bool  # by GET, list, search, PUT, /rat and self service; rec: admin-secret-visibility
    jwk_shown: bool  # by the same answers; rec: admin-jwk, self-service-jwk
    put_sets_secret: bool  # the body's secret, or its absence, replaces it; rec: admin-put-and-secret
    secret_follows_method: bool  # made and dropped with the auth method; rec: admin-auth-method-matrix
    auth_method_enforced: bool  # at /token; rec: login, admin-auth-method-matrix
    secret_bytes: int  # 86 or 87 characters, then 72; rec: admin-create-minimal
    strict_redirect_uris: bool  # rec: admin-redirect-uris, admin-old-redirect-uri
    up_scoping: bool  # field up_scoping_enabled; rec: admin-up-scoping
    federation: bool  # fields entity_id and expiration; rec: admin-federation-fields
    token_calls: bool  # revoke-*-tokens and reset-client; rec: admin-revoke-and-reset
    create_keeps_clear_tokens: bool  # clear_access_tokens_on_refresh as sent; rec: admin-create-full
    jwk_limit: int  # what validation lets pass; rec: admin-jwk
    jwk_column: int | None  # what the database of the recorded server could hold; rec: admin-jwk
    lists_are_full: bool  # me/clients shows all fields; rec: self-service-user
    search_hides_lifetimes: bool  # rec: admin-search
    second_rat_marks_use: bool  # last_used is set; rec: admin-rat
    unknown_token_named: bool  # the 401 repeats the token; rec: admin-authorization
    owner_rotates: bool  # an owner may ask for a new secret; rec: owner-rotates-secret
    introspection_has_jti: bool  # shape of /introspect; rec: admin-revoke-and-reset
    refresh_by_stranger_ends: bool  # another client's try uses a refresh token up; rec: refresh-token
    suspended_works: bool  # a disabled client refreshes and introspects; rec: refresh-after-change
    revoke_says_why: bool  # the 403 for another client's token has a body; rec: revoke
    revoke_takes_get: bool  # rec: revoke
    odd_challenge_refused: bool  # a code_challenge_method that is neither plain nor S256; rec: authorize-pkce
    scopes_supported: tuple[str, ...]  # in discovery; rec: login


_V1_12 = FlavourFacts(
    version="1.12.0",
    secrets_shown=True,
    jwk_shown=True,
    put_sets_secret=True,
    secret_follows_method=False,
    auth_method_enforced=False,
    secret_bytes=64,
    strict_redirect_uris=False,
    up_scoping=False,
    federation=False,
    token_calls=False,
    create_keeps_clear_tokens=True,
    jwk_limit=2048,
    jwk_column=None,
    lists_are_full=False,
    search_hides_lifetimes=False,
    second_rat_marks_use=False,
    unknown_token_named=True,
    owner_rotates=False,
    introspection_has_jti=False,
    refresh_by_stranger_ends=False,
    suspended_works=True,
    revoke_says_why=False,
    revoke_takes_get=True,
    odd_challenge_refused=False,
    scopes_supported=(*_SCOPES_1_12, "wlcg.groups"),
)
_V1_13 = replace(
    _V1_12,
    version="1.13.3",
    token_calls=True,
    create_keeps_clear_tokens=False,
    introspection_has_jti=True,
    scopes_supported=(*_SCOPES_1_12, "aarc", "voperson_external_affiliation", "wlcg.groups"),
)
_V1_14 = replace(
    _V1_13,
    version="1.14.1",
    secrets_shown=False,
    jwk_shown=False,
    put_sets_secret=False,
    secret_follows_method=True,
    auth_method_enforced=True,
    secret_bytes=54,
    strict_redirect_uris=True,
    up_scoping=True,
    federation=True,
    jwk_limit=65535,
    jwk_column=8192,
    lists_are_full=True,
    search_hides_lifetimes=True,
    second_rat_marks_use=True,
    unknown_token_named=False,
    owner_rotates=True,
    refresh_by_stranger_ends=True,
    suspended_works=False,
    revoke_says_why=True,
    revoke_takes_get=False,
    odd_challenge_refused=True,
)

FACTS = {Flavour.V1_12: _V1_12, Flavour.V1_13: _V1_13, Flavour.V1_14: _V1_14}
