"""What the token endpoint answers (RFC 6749 section 5). Pure."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from msgspec import Struct
from msgspec.structs import replace

from iac.core.errors import CredentialsError, UnreachableError
from iac.core.secret import Secret
from iac.core.text import printable
from iac.providers.answer import error_code, is_empty_405, read_failure
from iac.providers.bearer import Bearer, parse_scopes, read_bearer
from iac.providers.discovery import Endpoints
from iac.providers.logins.proof import LoginProof
from iac.transport.message import Answer, Call, server_words

LONGEST_LIFETIME = 10.0 * 365 * 24 * 3600
"""Seconds; an `expires_in` beyond it is taken for it."""

_ASSERTED = frozenset({"client_secret_jwt", "private_key_jwt"})
"""Methods by which a client signs (RFC 7523 section 2.2)."""

_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class TokenRequest(Struct, frozen=True):
    """What was asked of the token endpoint, for messages.

    Attributes:
        grant: its name.
        scopes: asked for; empty for all that the client has.
        skew: how the clocks of this machine and the server differ, in words; "" when they do not.
    """

    proof: LoginProof
    endpoints: Endpoints
    grant: str
    scopes: tuple[str, ...]
    skew: str = ""

    @property
    def where(self) -> str:
        """The client and the endpoint."""
        return f"client {printable(self.proof.client_id)} at {printable(self.endpoints.token_url)}"


def bearer_of(answer: Answer, now: datetime) -> Bearer | None:
    """The token of a token endpoint's answer (RFC 6749 section 5.1); None when it has none.

    An answer's scope and lifetime win over the token's claims.
    """
    body = answer.json() if answer.is_ok else None
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        return None
    bearer = read_bearer(Secret(body["access_token"]), now, lifetime(body.get("expires_in")))
    scopes = parse_scopes(body.get("scope"))
    return bearer if scopes is None else replace(bearer, scopes=scopes)


def lifetime(value: object) -> float | None:
    """Seconds of an `expires_in`; None for none or nonsense."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return float(min(value, LONGEST_LIFETIME))  # first the bound: no float holds each whole number of JSON


def refused(attempt: TokenRequest, answer: Answer) -> UnreachableError:
    """The error of an answer that brought no token (RFC 6749 section 5.2)."""
    words = server_words(answer)
    if answer.status == HTTPStatus.BAD_REQUEST and error_code(answer) == "invalid_scope":
        asked = " ".join(attempt.scopes)
        return CredentialsError(
            "the login client does not have the scopes that are needed",
            where=attempt.where,
            why=f"asked for: {asked}; {words}",
            fix=f"ask an administrator of the server to give this client the scopes {asked}, or set auth.scope",
        )
    if attempt.proof.method in _ASSERTED and is_empty_405(answer):
        return no_such_client(attempt, f"{words}, as IAM does to an assertion of a client that it does not have")
    if answer.status in _REFUSALS:
        clocks = f"; {attempt.skew}" if attempt.skew else ""
        return CredentialsError(
            "the server refuses the login",
            where=attempt.where,
            why=f"sent by {attempt.proof.method}; {words}{clocks}",
            fix=f"{attempt.proof.advice}; the client must be enabled, and needs the grant {attempt.grant}",
        )
    return read_failure(Call("POST", attempt.endpoints.token), answer)


def no_such_client(attempt: TokenRequest, why: str) -> CredentialsError:
    """The error of a login through a client that the server does not have."""
    fix = "check auth.client_id in iac.yaml: it is mistyped, or the client was deleted at the server"
    return CredentialsError("the server does not know this client_id", where=attempt.where, why=why, fix=fix)
