"""Logins that ask no server: none, an initial access token, a token from elsewhere (environment, file, WLCG)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from iac.core.errors import CredentialsError
from iac.core.limits import LARGEST_SECRET
from iac.core.secret import Secret
from iac.ports import LoginSite
from iac.ports.settings import LoginSettings
from iac.providers.bearer import Bearer, read_bearer
from iac.providers.discovery import KnownServer
from iac.providers.logins import Login
from iac.providers.logins.settings import InitialAccessTokenAuth, TokenAuth, WlcgAuth
from iac.transport.message import skew_words


def open_login(settings: LoginSettings, at: LoginSite) -> Login:
    """The token, or nobody: each is looked for when it is needed."""
    match settings:
        case TokenAuth(token):
            return TokenLogin(lambda: LocatedToken(at.read(token), token.describe()))
        case InitialAccessTokenAuth(token):
            return InitialAccessToken(lambda: at.read(token))
        case WlcgAuth():
            return TokenLogin(lambda: find_token(at.site.environ, os.geteuid()), "wlcg")
        case _:
            return AnonymousLogin()


_EARLY = timedelta(seconds=60)
_RENEW = "get a new one, for example with oidc-token or htgettoken"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class LocatedToken(Struct, frozen=True):
    """A token and where it was found, for messages.

    Attributes:
        issuer: who issued it, by whoever handed it in; "" when only the token says it.
    """

    value: Secret
    where: str
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class TokenLogin(Login):
    """A token that somebody else got: from the environment, a file, or by WLCG bearer token discovery.

    `find` is called anew each time, so that a file which is kept fresh is followed.
    """

    find: Callable[[], LocatedToken]

    kind: str = "token"

    def fetch(self, server: KnownServer) -> Bearer:
        """The token as found, when it says that it is this server's and has not expired."""
        return check_token(self.find(), server)


def check_token(found: LocatedToken, server: KnownServer) -> Bearer:
    """A token that somebody else got, as one to send.

    Args:
        found: the token.
        server: that it is for.

    Raises:
        CredentialsError: it is none, has ended or not begun, or does not say who issued it.
    """
    if not _TOKEN.fullmatch(found.value.reveal()):
        raise CredentialsError(
            "this is not a token",
            where=found.where,
            why="it is empty, or has characters that no bearer token has (RFC 6750 section 2.1)",
            fix=f"provide an access token of {server.endpoints.issuer}",
        )
    now = server.clock.now()
    bearer = read_bearer(found.value, now)
    if not (bearer.issuer or found.issuer):
        raise CredentialsError(
            "the token does not say who issued it",
            where=found.where,
            why="without iss a token cannot be told from another server's, so it is not sent",
            fix=f"provide an access token of {server.endpoints.issuer}",
        )
    _check_times(bearer, found.where, now, skew_words(server.http.skew))
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


class AnonymousLogin(Login):
    """A login without a token."""

    kind = "none"

    def fetch(self, server: KnownServer) -> Bearer:
        """Say that there is none.

        Raises:
            CredentialsError: always.
        """
        raise CredentialsError(
            "nobody is logged in",
            where=f"issuer: {server.endpoints.issuer}",
            why="auth in iac.yaml is {method: none}, and this needs a login",
            fix="set auth in iac.yaml to a login",
        )


KIND = "initial access token"


@dataclass(frozen=True, slots=True)
class InitialAccessToken(Login):
    """Such a token, read when it is needed. It may be opaque: that it is this server's is who configures it to say."""

    find: Callable[[], Secret]

    kind: ClassVar = KIND

    def fetch(self, server: KnownServer) -> Bearer:
        """The token as it is.

        Raises:
            CredentialsError: it says itself that it has ended.
        """
        now = server.clock.now()
        read = read_bearer(self.find(), now)
        # some servers write 0 for a token without an end
        ends = read.expires if read.expires is not None and read.expires.timestamp() > 0 else None
        if ends is not None and ends <= now:
            raise CredentialsError(
                "the initial access token has expired",
                where="auth.token",
                why=f"it ended at {ends:{_TIME}}, and now is {now:{_TIME}}",
                fix="get a new one from the server's operator",
            )
        return Bearer(read.value, subject=KIND, issuer=read.issuer)


_TEMPORARY = Path("/tmp")  # noqa: S108  # the place that the discovery document names
_BLANKS = " \f\n\r\t\v"


def find_token(environ: Mapping[str, str], uid: int, temporary: Path = _TEMPORARY) -> LocatedToken:
    """The token of this environment for the effective user id `uid`.

    Raises:
        CredentialsError: there is none, or its file cannot be trusted or read.
    """
    if given := environ.get("BEARER_TOKEN", "").strip(_BLANKS):
        return LocatedToken(Secret(given), "environment variable BEARER_TOKEN")
    if environ.get("BEARER_TOKEN_FILE"):
        path = Path(environ["BEARER_TOKEN_FILE"])
        token = _read(path, os.O_RDONLY)
        if token is None:
            raise CredentialsError(
                "the token file does not exist",
                where=f"BEARER_TOKEN_FILE={path}",
                fix="write the token there, or unset BEARER_TOKEN_FILE",
            )
        if token:
            return LocatedToken(Secret(token), f"BEARER_TOKEN_FILE={path}")
    places = [Path(folder) / f"bt_u{uid}" for folder in (environ.get("XDG_RUNTIME_DIR"), temporary) if folder]
    for path in places:
        if token := _read(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, owner=uid):
            return LocatedToken(Secret(token), str(path))
    raise CredentialsError(
        "no bearer token was found",
        where="BEARER_TOKEN, BEARER_TOKEN_FILE, " + ", ".join(map(str, places)),
        fix="get one, for example: export BEARER_TOKEN=$(oidc-token ACCOUNT)",
    )


def _read(path: Path, flags: int, owner: int | None = None) -> str | None:
    def opener(name: str, _: int) -> int:
        return os.open(name, flags | os.O_CLOEXEC)

    try:
        with open(path, "rb", opener=opener) as file:
            if owner is not None:
                _check(path, os.fstat(file.fileno()), owner)
            content = file.read(LARGEST_SECRET)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CredentialsError(
            "the token file cannot be read",
            where=str(path),
            why=str(error.strerror),
            fix=f"check that {path} is a file that you may read",
        ) from error
    return content.decode("ascii", "replace").strip(_BLANKS)


def _check(path: Path, status: os.stat_result, owner: int) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_uid != owner:
        raise CredentialsError(
            "the token file belongs to another user",
            where=str(path),
            why="others can write to this place, and could put their own token there",
            fix=f"remove {path}, or set BEARER_TOKEN_FILE",
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialsError(
            "the token file is open to others",
            where=str(path),
            why=f"its mode is {stat.S_IMODE(status.st_mode):o}",
            fix=f"chmod 600 {path}",
        )
