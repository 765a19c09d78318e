"""Tokens of a login by device code, kept between runs: one file a server, client and set of scopes.

$XDG_CACHE_HOME/iac/tokens (else ~/.cache/iac/tokens), mode 0700, files 0600, replaced in one step. Each file says whose
tokens it holds; one that does not fit, is damaged, is somebody else's or open to others is as good as none.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from iac import files
from iac.core.errors import CredentialsError
from iac.core.limits import LARGEST_TOKENS
from iac.core.secret import Secret
from iac.files import flock
from iac.ports.path import named_file
from iac.providers.bearer import parse_time

_FORMAT = 1


class TokenOwner(Struct, frozen=True):
    """Whose tokens: issuer as the server spells it, client, and the scopes that were asked for."""

    issuer: str
    client_id: str
    scopes: tuple[str, ...]

    def name(self) -> str:
        """The file's name: nothing of the owner's text gets into a path."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()[:32]

    def describe(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {"issuer": self.issuer, "client_id": self.client_id, "scopes": sorted(self.scopes)}


class Tokens(Struct, frozen=True):
    """The tokens of a login by device code.

    Attributes:
        access: None when it was refused, and only the refresh token is left.
        refresh: None when the server gave none.
        expires: of the access token; None when nothing says it.
        scopes: that were granted; None when nothing says them.
    """

    access: Secret | None
    refresh: Secret | None = None
    expires: datetime | None = None
    scopes: frozenset[str] | None = None


class TokenCache:
    """The tokens of one owner on this machine.

    Args:
        folder: of all owners; made when the first tokens are kept.
        owner: whose tokens.
    """

    def __init__(self, folder: Path, owner: TokenOwner) -> None:
        self._folder = folder
        self._owner = owner
        self.path = folder / f"{owner.name()}.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time: a refresh token may be used only once.

        Where nothing can be written nothing is kept either, and nobody is in the way.
        """
        descriptor = self._open_lock()
        try:
            if descriptor is not None:
                try:
                    flock(descriptor, fcntl.LOCK_EX)
                except TimeoutError as error:
                    raise CredentialsError(
                        "another run of iac uses the login and does not end",
                        where=str(self.path),
                        why=str(error.strerror),
                        fix="end that process, and run this again",
                    ) from None
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _open_lock(self) -> int | None:
        try:
            files.make_folder(self._folder)
            lock = self.path.with_suffix(".lock")
            return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, files.PRIVATE)
        except OSError:
            return None

    def load(self) -> Tokens | None:
        """The tokens; None when there is no file that can be trusted."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if not _is_ours(os.fstat(file.fileno())):
                    return None
                return self._parse(json.loads(file.read(LARGEST_TOKENS)))
        except (OSError, ValueError, RecursionError):
            return None

    def store(self, tokens: Tokens) -> None:
        """Keep the tokens, durably, before they are used.

        Raises:
            OSError: they cannot be written.
        """
        files.make_folder(self._folder)
        members = {
            "format": _FORMAT,
            "owner": self._owner.describe(),
            "access_token": tokens.access.reveal() if tokens.access else None,
            "refresh_token": tokens.refresh.reveal() if tokens.refresh else None,
            "expires": tokens.expires.timestamp() if tokens.expires else None,
            "granted": sorted(tokens.scopes) if tokens.scopes is not None else None,
        }
        files.write(self.path, json.dumps(members).encode())

    def _parse(self, value: Any) -> Tokens | None:
        if not isinstance(value, dict) or (value.get("format"), value.get("owner")) != (
            _FORMAT,
            self._owner.describe(),
        ):
            return None
        scopes = value.get("granted")
        return Tokens(
            access=_secret(value, "access_token"),
            refresh=_secret(value, "refresh_token"),
            expires=parse_time(value.get("expires")),
            scopes=frozenset(map(str, scopes)) if isinstance(scopes, list) else None,
        )


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder of kept tokens; an XDG_CACHE_HOME that is not absolute does not count (XDG Base Directory)."""
    named = Path(environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else named_file(Path(), "~/.cache")) / "iac" / "tokens"


def forget_tokens(folder: Path, issuers: Collection[str] | None) -> list[str]:
    """Remove the tokens for these issuers, None for all; the issuer of each login that was kept.

    Raises:
        OSError: a file cannot be removed.
        CredentialsError: another run uses one and does not end.
    """
    wanted = None if issuers is None else {issuer.removesuffix("/") for issuer in issuers}
    forgotten = []
    for path in sorted(folder.glob("*.json")):
        owner = _owner_in(path)
        if owner is not None and (wanted is None or owner.issuer.removesuffix("/") in wanted):
            # A run that renews the tokens now would write them again after they are gone.
            with TokenCache(folder, owner).alone():
                path.unlink(missing_ok=True)
            forgotten.append(owner.issuer)
    return forgotten


def _owner_in(path: Path) -> TokenOwner | None:
    """Whose tokens a file holds; None for what is none of ours."""
    try:
        owner = json.loads(files.read(path, LARGEST_TOKENS))["owner"]
        whose = TokenOwner(str(owner["issuer"]), str(owner["client_id"]), tuple(map(str, owner["scopes"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return whose if path.name == f"{whose.name()}.json" else None


def _is_ours(status: os.stat_result) -> bool:
    is_closed = not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and is_closed


def _secret(value: Mapping[str, Any], name: str) -> Secret | None:
    text = value.get(name)
    return Secret(text) if isinstance(text, str) and text else None
