"""What the rules of the table do, and the JWK sets (RFC 7517) that some of them are about. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

from iac.core.errors import Diagnostic, hit
from iac.core.model import (
    EXTRA,
    FIELDS,
    SECRET_METHODS,
    Facts,
    Fields,
    Kind,
    Value,
    field_of,
    members,
    names_of,
    uses_secret,
)
from iac.core.server.rule import PutBody

_PUBLIC = frozenset({"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"})
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members that hold private or symmetric key material (RFC 7518 section 6)."""


def parse_jwks(text: str) -> list[dict[str, Any]]:
    """The keys of a JWK set given as JSON text.

    Raises:
        ValueError: not JSON, or not an object with a list `keys` of objects that have `kty`.
    """
    parsed = json.loads(text)
    keys = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) and "kty" in key for key in keys):
        raise ValueError("not a JWK set: an object with a list `keys` of keys is expected")
    return keys


def canonical_jwks(text: str) -> str:
    """Canonical text of the public part of a JWK set, so that equal key sets are equal strings; other text as it is.

    The server re-serialises what it is sent, in another order and without unknown or private members (rec: admin-jwk).
    """
    try:
        keys = parse_jwks(text)
        public = [{name: value for name, value in key.items() if name in _PUBLIC} for key in keys]
        ordered = sorted(public, key=lambda key: json.dumps(key, sort_keys=True))
        return json.dumps({"keys": ordered}, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text


def private_members(text: str) -> tuple[str, ...]:
    """Names of the private members found in a JWK set, sorted; empty for any other text."""
    try:
        keys = parse_jwks(text)
    except ValueError:
        return ()
    return tuple(sorted({name for key in keys for name in key if name in PRIVATE}))


Refused = Iterator[Diagnostic]
"""Each reason why fields are refused."""

STOCK: Fields = {name: field.stock for name, field in FIELDS.items() if field.stock is not None}
"""What a stock server gives a client whose create leaves them out; flags that it makes false are not here."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LOOPBACK = re.compile(r"(?:[^@]*@)?(?:localhost|127\.0\.0\.1|\[(?:::1|0:0:0:0:0:0:0:1)\])(?::[0-9]*)?")
"""Authorities that http may have: in lower case, with a port of digits or none (rec: admin-redirect-uris-odd)."""
_ILLEGAL = re.compile(r'[\x00-\x20\x7f-\xa0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})')
_NO_PATH = re.compile(r"[/;%\\\x00]")
"""Characters of an id that IAM's servlet container and firewall refuse in a path, percent-encoded or not."""
OIDC_AGENT = "edu.kit.data.oidc-agent:/redirect"
"""The one address with a scheme of its own that every version of IAM takes (rec: admin-redirect-uris)."""


def add_refresh_token(fields: Fields) -> Fields:
    """grant_types with refresh_token when scope has offline_access."""
    # At every write, so that a definition without it would show drift after each apply.
    grants = members(fields.get("grant_types"))
    if "offline_access" not in members(fields.get("scope")) or "refresh_token" in grants:
        return fields
    return {**fields, "grant_types": tuple(sorted((*grants, "refresh_token")))}


def drop_nulls(draft: PutBody) -> None:
    """Null members are left out."""
    for name in [name for name, value in draft.body.items() if value is None]:
        del draft.body[name]


def carry_secret(draft: PutBody) -> None:
    """The secret that was read goes along, where the client keeps one."""
    # Before 1.14 a PUT without it leaves the client without a secret, and every service that has it is locked out.
    if draft.fresh.secret is not None and uses_secret(draft.body):
        draft.body["client_secret"] = draft.fresh.secret.reveal()


def lay_over(draft: PutBody) -> None:
    """Managed fields as wanted."""
    # Emptied fields: the server takes an empty list and false. It refuses a null, and empties a text that is left out.
    for name in draft.declared:
        kind, member = field_of(name).kind, name.removeprefix(EXTRA)
        if name in draft.fields:
            draft.body[member] = to_wire(name, draft.fields[name])
        elif kind is Kind.SET:
            draft.body[member] = "" if name == "scope" else []
        elif kind is Kind.FLAG:
            draft.body[member] = False
        else:
            draft.body.pop(member, None)


def leave_out_empty_scope(draft: PutBody) -> None:
    """No scope at all rather than an empty one."""
    if draft.body.get("scope") == "":
        del draft.body["scope"]


def one_key_source(draft: PutBody) -> None:
    """A key by value is not sent beside a jwks_uri."""
    if draft.body.get("jwks_uri"):
        # The server would drop the key without a word and keep the URI: the body says what will be stored.
        draft.body.pop("jwk", None)
        draft.body.pop("jwks", None)


def to_wire(name: str, value: Value) -> Any:
    """A canonical value as it is sent: sets are lists, scope is one string."""
    if field_of(name).kind is Kind.JSON:
        return json.loads(str(value))
    if isinstance(value, tuple):
        return " ".join(value) if name == "scope" else list(value)
    return value


def drops(name: str, fix: str, *, before_1_14: bool = False) -> Callable[[Fields, Facts | None], Refused]:
    """What refuses a field that IAM drops without a word: all versions do, or those before 1.14."""
    who = "this server (up to 1.13)" if before_1_14 else "IAM"

    def act(fields: Fields, facts: Facts | None) -> Refused:
        is_kept = before_1_14 and (facts is None or facts.has_up_scoping)
        if name in fields and not is_kept:
            yield hit(name, f"{who} silently drops {name}", fix=fix)

    return act


_LIFETIMES = names_of(Kind.SECONDS) - {"refresh_token_validity_seconds"}


def refuse_zero_lifetime(fields: Fields, _: Facts | None) -> Refused:
    """Zero is kept for refresh tokens alone."""
    for name in sorted(_LIFETIMES & fields.keys()):
        if fields[name] == 0:
            fix = f"leave {name} out for the server's default, or give its seconds"
            yield hit(name, f"IAM takes {name} 0 for its default", fix=fix)


def refuse_private_jwk(fields: Fields, _: Facts | None) -> Refused:
    """A private key does not belong into a definition."""
    private = private_members(str(fields["jwk"])) if "jwk" in fields else ()
    if private:
        summary = f"jwk holds private key material ({', '.join(private)})"
        yield hit("jwk", summary, fix="keep the public members only; treat a key that was committed as stolen")


def refuse_long_jwk(most: int, takes: str, *, to_1_13: bool) -> Callable[[Fields, Facts | None], Refused]:
    """What refuses more characters than servers up to 1.13 take, or than all others do, and where none is known."""

    def act(fields: Fields, facts: Facts | None) -> Refused:
        is_old, size = facts is not None and not facts.has_up_scoping, len(str(fields.get("jwk", "")))
        if is_old is to_1_13 and size > most:
            fix = "remove old keys, use ES256 keys, which are shorter, or publish them at jwks_uri"
            yield hit("jwk", f"jwk has {size:,} characters, and this server {takes} {most:,}", fix=fix)

    return act


def refuse_no_redirect_uri(fields: Fields, facts: Facts | None) -> Refused:
    """Refuse the grant authorization_code without an address; offline it is unknown what the client has."""
    if facts and "authorization_code" in members(fields.get("grant_types")) and not fields.get("redirect_uris"):
        summary = "the client has the grant authorization_code and no redirect_uris, and the server refuses any change"
        yield hit("redirect_uris", summary, fix="add redirect_uris, or remove authorization_code from grant_types")


def refuse_no_key(fields: Fields, facts: Facts | None) -> Refused:
    """Refuse a login by key without a key; offline it is unknown what the client has."""
    is_keyed = "jwk" in fields or "jwks_uri" in fields
    if facts and fields.get("token_endpoint_auth_method") == "private_key_jwt" and not is_keyed:
        summary = "private_key_jwt needs a key, and the client has none"
        yield hit("token_endpoint_auth_method", summary, fix="add jwks_uri (better) or jwk")


def refuse_malformed_uri(fields: Fields, _: Facts | None) -> Refused:
    """A malformed redirect URI."""
    for uri in members(fields.get("redirect_uris")):
        if problem := malformed(uri):
            summary = f"redirect URI {uri}: {problem}"
            yield hit(
                "redirect_uris",
                summary,
                uri,
                "write the whole address: no placeholder, no #, other signs percent-encoded",
            )


def refuse_redirect_uri(fields: Fields, facts: Facts | None) -> Refused:
    """A redirect URI that 1.14 servers refuse; older ones take it."""
    for uri in members(fields.get("redirect_uris")) if facts and facts.has_up_scoping else ():
        if not malformed(uri) and (problem := redirect_uri_problem(uri)):
            fix = "use https, or http on localhost, 127.0.0.1 or [::1], with a number as port"
            yield hit("redirect_uris", f"redirect URI {uri}: {problem}", uri, fix)


@lru_cache(maxsize=256)  # several rules look at the same address
def malformed(uri: str) -> str:
    """Why every version of IAM refuses this redirect URI; "" when one takes it (rec: admin-redirect-uris-odd)."""
    if illegal := _ILLEGAL.search(uri):
        return f"it has {'a blank' if illegal[0] == ' ' else repr(illegal[0])}, which a URI cannot have"
    if not _SCHEME.match(uri):
        return "it has no scheme"
    if "#" in uri:
        return "it has a fragment (#)"
    return "" if _split(uri) else "it is not a well-formed URI"


def redirect_uri_problem(uri: str) -> str:
    """Why IAM 1.13.5 and 1.14.1 refuse this redirect URI; "" when they take it (rec: admin-redirect-uris-more)."""
    if uri == OIDC_AGENT:
        return ""
    if "#" in uri:
        return "it has a fragment"
    # The server's parser refuses characters and escapes that Python's lets pass (rec: admin-redirect-uris-odd).
    parts = None if _ILLEGAL.search(uri) else _split(uri)
    if parts is None:
        return "it is not a well-formed URI"
    if parts.scheme == "https":
        return ""
    if parts.scheme != "http":
        return f"scheme {parts.scheme or '(none)'} is neither https nor http"
    return _plain_http_problem(parts.netloc)


def _plain_http_problem(authority: str) -> str:
    if _LOOPBACK.fullmatch(authority):
        return ""
    if _LOOPBACK.fullmatch(authority.rpartition(":")[0]):
        return "its port is not a number"
    return f"http is for loopback hosts only, not {authority or '(none)'}"


def path_problem(client_id: str) -> str:
    """Why a client of this id cannot be asked for; "" for an id that a path can hold."""
    signs = sorted(set(_NO_PATH.findall(client_id)))
    if client_id in {".", ".."}:
        return "a path cannot hold it"
    return f"a path cannot hold {' or '.join(map(repr, signs))}" if signs else ""


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return parts if parts.netloc or parts.path or parts.query else None


_REDIRECTING = frozenset({"authorization_code", "implicit"})
"""Grants that have a response_type (RFC 7591 section 2.1)."""


def add_response_types(fields: Fields) -> Fields:
    """No response_types where none are given and no grant has one: the default, code, would be refused."""
    grants = members(fields.get("grant_types"))
    return fields if not grants or _REDIRECTING & set(grants) else {"response_types": (), **fields}


def follow_grants(draft: PutBody) -> None:
    """response_types that nobody declares are those of the grants of before."""
    if "grant_types" in draft.declared and "response_types" not in draft.declared:
        draft.body.pop("response_types", None)
        if "response_types" in draft.fields:
            draft.body["response_types"] = to_wire("response_types", draft.fields["response_types"])


def gets_secret(_: Facts, before: str, after: str) -> bool:
    """From an auth method without secret to one with."""
    return before not in SECRET_METHODS and after in SECRET_METHODS
