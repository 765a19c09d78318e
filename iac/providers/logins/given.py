"""A token that somebody else got: from the environment, a file, or by WLCG bearer token discovery."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iac.core.errors import CredentialsError
from iac.providers.bearer import read_bearer
from iac.providers.logins import Login
from iac.transport.date import skew_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from iac.core.secret import Secret
    from iac.ports import Clock
    from iac.providers.bearer import Bearer
    from iac.providers.discovery import Endpoints
    from iac.transport.http import Http

_EARLY = timedelta(seconds=60)
_RENEW = "get a new one, for example with oidc-token or htgettoken"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token and where it was found, for messages.

    Attributes:
        issuer: who issued it, by whoever handed it in; "" when only the token says it.
    """

    value: Secret
    where: str
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class GivenToken(Login):
    """A token that somebody else got: from the environment, a file, or by WLCG bearer token discovery.

    `find` is called anew each time, so that a file which is kept fresh is followed.
    """

    find: Callable[[], FoundToken]

    kind: str = "token"

    def fetch(self, http: Http, endpoints: Endpoints, clock: Clock) -> Bearer:
        """The token as found, when it says that it is this server's and has not expired."""
        return check_token(self.find(), endpoints, clock.now(), skew_words(http.skew))


def check_token(found: FoundToken, endpoints: Endpoints, now: datetime, skew: str = "") -> Bearer:
    """A token that somebody else got, as one to send.

    Args:
        found: the token.
        endpoints: of the server that it is for.
        now: the time.
        skew: how the clocks of this machine and the server differ, in words; "" when they do not.

    Raises:
        CredentialsError: it is none, has ended or not begun, or does not say who issued it.
    """
    if not _TOKEN.fullmatch(found.value.reveal()):
        raise CredentialsError(
            "what was found is no token",
            where=found.where,
            why="it is empty, or has characters that no bearer token has (RFC 6750 section 2.1)",
            fix=f"hand in an access token of {endpoints.issuer}",
        )
    bearer = read_bearer(found.value, now)
    if not (bearer.issuer or found.issuer):
        raise CredentialsError(
            "the token does not say who issued it",
            where=found.where,
            why="a token that is no JWT with iss cannot be told from another server's, so it is not sent",
            fix=f"hand in an access token of {endpoints.issuer}",
        )
    _check_times(bearer, found.where, now, skew)
    return replace(bearer, issuer=bearer.issuer or found.issuer)


def _check_times(bearer: Bearer, where: str, now: datetime, skew: str) -> None:
    fix = "set this machine's clock right, for example with chrony" if skew else _RENEW
    clocks = f"; {skew}" if skew else ""
    if bearer.expires is not None and bearer.expires <= now:
        why = f"it ended at {bearer.expires:{_TIME}}, and now is {now:{_TIME}}{clocks}"
        raise CredentialsError("the token has expired", where=where, why=why, fix=fix)
    if bearer.valid_from is not None and bearer.valid_from > now + _EARLY:
        why = f"it begins at {bearer.valid_from:{_TIME}}, and now is {now:{_TIME}}{clocks}"
        raise CredentialsError("the token is not valid yet", where=where, why=why, fix=fix)
