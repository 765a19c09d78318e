"""Public keys of a client: behind its jwks_uri, or by value. Judged without a server's help.

A jwks_uri is read as IAM would read it, but for redirects, which are not followed; no credentials are sent, the
client certificate of iac.yaml is not shown, and nothing of the answer is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from msgspec.structs import replace

from iac.core.errors import UnreachableError
from iac.core.limits import LARGEST_KEY_SET
from iac.core.origin import Address
from iac.core.proof import Evidence, Grade
from iac.core.server import parse_jwks, private_members
from iac.ports import Clock
from iac.transport.http import Http, Transport
from iac.transport.message import Call

JWKS_URI = "jwks_uri"
KEY_SET_SECONDS = 10.0
"""Seconds for a key set: it lies with the client's service, which may be down."""

_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
"""What a public key needs (RFC 7518 section 6, RFC 8037 section 2)."""


def check_jwks_uri(uri: str, transport: Transport, clock: Clock) -> Evidence:
    """A key set with a key that signatures can be verified by stands there (RFC 7517 section 5)."""
    address = Address.parse(uri)
    if address is None:
        return Evidence(
            JWKS_URI, Grade.FAILED, uri, "keys are read over https, or from this machine", "change jwks_uri"
        )
    limits = replace(
        transport,
        parallelism=1,
        timeout=min(transport.timeout, KEY_SET_SECONDS),
        deadline=min(transport.deadline, KEY_SET_SECONDS),
        certificate=None,
        key=None,
        setting=JWKS_URI,
        largest_body=LARGEST_KEY_SET,
    )
    http = Http(address, limits, clock)
    try:
        answer = http.send(Call("GET", address.path, is_read=True, is_query_shown=False))
    except UnreachableError as error:
        if error.sent:  # it was reached: whoever asks there for keys gets what this machine got
            return Evidence(JWKS_URI, Grade.UNANSWERED, uri, error.why)
        why = f"this machine cannot read it, the server perhaps can: {error.why or error.summary}"
        return Evidence(JWKS_URI, Grade.UNPROVEN, uri, why, "look at it from the server's network")
    finally:
        http.close()
    if answer.status != HTTPStatus.OK:
        return Evidence(JWKS_URI, Grade.FAILED, uri, f"it answers {answer.status}", "publish the key set there")
    return check_keys(JWKS_URI, answer.body.decode(errors="replace"), uri)


def check_keys(name: str, text: str, subject: str = "") -> Evidence:
    """A key set, from a jwks_uri or by value as it was applied: IAM from 1.14 on does not show what it holds."""
    try:
        keys = parse_jwks(text)
    except (ValueError, RecursionError):
        return Evidence(name, Grade.FAILED, subject, "there is no JWK set", "publish an object with a list `keys`")
    if leaked := private_members(text):
        why = f"it shows private members of a key: {', '.join(leaked)}"
        return Evidence(name, Grade.FAILED, subject, why, "take the private key away at once, and make a new one")
    usable = sum(map(_is_usable, keys))
    if not usable:
        return Evidence(name, Grade.FAILED, subject, "none of its keys verifies a signature", "publish the public key")
    return Evidence(name, Grade.OK, subject, f"{usable} of {len(keys)} keys can verify a signature")


def _is_usable(key: Mapping[str, object]) -> bool:
    members = _MEMBERS.get(str(key["kty"]), ())
    is_whole = bool(members) and all(isinstance(key.get(name), str) and key[name] for name in members)
    return is_whole and key.get("use", "sig") == "sig"
