"""WLCG Bearer Token Discovery (WLCG AuthZ Working Group, version 1.0, DOI 10.5281/zenodo.3937438).

BEARER_TOKEN, BEARER_TOKEN_FILE, $XDG_RUNTIME_DIR/bt_u$ID, /tmp/bt_u$ID, in this order; an empty one is passed over.
Stricter than the document where others could plant or read a token: a file in one of the two well-known
places has to be a regular file of ours that nobody else may read or write.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from iac.core.errors import CredentialsError
from iac.core.secret import Secret
from iac.providers.logins.given import FoundToken

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_TOKEN = 64 * 1024
"""Bytes of a token file that are read."""

_TEMPORARY = Path("/tmp")  # noqa: S108  # the place that the discovery document names
_BLANKS = " \f\n\r\t\v"


def find_token(environ: Mapping[str, str], uid: int, temporary: Path = _TEMPORARY) -> FoundToken:
    """The token of this environment for the effective user id `uid`.

    Raises:
        CredentialsError: there is none, or its file cannot be trusted or read.
    """
    given = environ.get("BEARER_TOKEN", "").strip(_BLANKS)
    if given:
        return FoundToken(Secret(given), "environment variable BEARER_TOKEN")
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
            return FoundToken(Secret(token), f"BEARER_TOKEN_FILE={path}")
    return _find_in_known_places(environ, uid, temporary)


def _find_in_known_places(environ: Mapping[str, str], uid: int, temporary: Path) -> FoundToken:
    runtime = environ.get("XDG_RUNTIME_DIR")
    places = [Path(folder) / f"bt_u{uid}" for folder in (runtime, temporary) if folder]
    for path in places:
        token = _read(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, owner=uid)
        if token:
            return FoundToken(Secret(token), str(path))
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
            content = file.read(LARGEST_TOKEN)
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
            "the token file is not ours",
            where=str(path),
            why="in a place where others may write, somebody else's token could be planted",
            fix=f"remove {path}, or set BEARER_TOKEN_FILE",
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialsError(
            "the token file is open to others",
            where=str(path),
            why=f"its mode is {stat.S_IMODE(status.st_mode):o}",
            fix=f"chmod 600 {path}",
        )
