"""Terraform's state protocol as GitLab serves it: what is sent, and what each answer means.

GET gives the state; an update names the lock's id in its query; locking sends a description whose `ID` is the lock's
name. A lock that is held is 409 (GitLab) or 423, with a description of the holder. GitLab keeps of a description no
more than the id, and answers the rest of it as the asker sent it (lib/api/terraform/state.rb); so whose lock it is,
and until when, stands in the id.
"""

from __future__ import annotations

import base64
import hashlib
import json
import weakref
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from iac import __version__
from iac.backends.cell import NotStored
from iac.core.errors import CredentialsError, UnreachableError
from iac.core.origin import Address
from iac.core.secret import Secret
from iac.core.text import printable
from iac.ports import Clock, Holder
from iac.transport.http import Http, RetryPolicy, Transport
from iac.transport.message import Answer, Call, server_words

LONGEST_ID = 255
"""Characters of a lock's id that GitLab takes."""

_PARTS = 4
_RETRY = RetryPolicy(attempts=3, longest=10.0)
_HELD = frozenset({HTTPStatus.CONFLICT, HTTPStatus.LOCKED})
_NO_LOCKS = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_MEMBERS = ("message", "error", "error_description", "detail")


class StateTarget(Struct, frozen=True):
    """One request of the protocol: where to, and by which method."""

    address: Address
    method: str


class LockFailure(StrEnum):
    """Why a lock is not known to be ours.

    GitLab breaks off, too, when the lock it was to describe was freed meanwhile.
    """

    REFUSED = "the server has no locks, or none for us"
    BROKE_OFF = "the server has an error of its own"
    SILENT = "no answer"


class LockTaken(Struct, frozen=True):
    """The lock is ours."""


class LockHeld(Struct, frozen=True):
    """The lock is somebody else's. `lock_id` is "" where the server does not say."""

    lock_id: str
    holder: Holder


class LockUnknown(Struct, frozen=True):
    """It is not known that the lock is ours."""

    error: UnreachableError
    cause: LockFailure


def render_id(holder: Holder) -> str:
    """The id of a run's lock: run id, since, until and by whom."""
    return ";".join((holder.run_id, holder.since, holder.expires, printable(holder.who)))[:LONGEST_ID]


def parse_holder(lock_id: str, who: str, created: str) -> Holder:
    """The holder that a lock's id names. For the lock of another program the server's own words count."""
    parts = lock_id.split(";", _PARTS - 1)
    if len(parts) < _PARTS:
        parts = [lock_id or "unknown", created or "unknown", "unknown", who or "unknown"]
    run_id, since, expires, by = (printable(part)[:LONGEST_ID] for part in parts)
    return Holder(run_id, by, since, expires)


class StateServer:
    """One state on a server.

    Args:
        targets: where a state is written and read, locked and unlocked, all on one origin.
        username: "" for none.
        password: None for none.
        clock: for pauses between attempts at what may be sent again.
        transport: how the server is reached.

    Attributes:
        where: how messages name the state.
        held: the id of the lock that this run holds; "" while it holds none.
        deadline: after which a call is given up.
    """

    def __init__(
        self, targets: Sequence[StateTarget], login: tuple[str, Secret | None], clock: Clock, transport: Transport
    ) -> None:
        self._update, self._lock, self._unlock = targets
        self.where = self._update.address.shown
        self.held = ""
        self._username, self._password = login
        own = replace(transport, parallelism=2, retry=_RETRY, setting="state.address")
        self._http = Http(self._update.address, own, clock)
        self.deadline = timedelta(seconds=transport.deadline)
        weakref.finalize(self, self._http.close)

    def read(self) -> bytes | None:
        """The state; None when there is none.

        Raises:
            CredentialsError: the server does not let us.
            UnreachableError: no answer, or none that a state server would give.
        """
        answer = self._send(Call("GET", self._update.address.path, is_read=True, is_query_shown=False))
        if answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}:
            return None
        if answer.status != HTTPStatus.OK or _is_page(answer):
            raise self._failure(answer, "read")
        return answer.body

    def write(self, data: bytes, lock_id: str) -> None:
        """Replace the state under a lock, sent once.

        Raises:
            NotStored: refused, or no answer came back.
        """
        # Sent once: the protocol has no compare and swap, and a second write might replace what somebody else wrote.
        answer = self._send(_call(self._update, data, lock_id))
        if answer.status in _HELD:
            raise NotStored(f"{self._words(answer)}: the lock is not this run's any more", is_refusal=True)
        if not answer.is_ok or _is_page(answer):
            raise NotStored(self._words(answer), is_refusal=not _is_fault(answer))

    def lock(self, lock_id: str) -> LockTaken | LockHeld | LockUnknown:
        """Try for the lock. It may be sent again: the lock is ours where the one that is held has our id."""
        try:
            answer = self._send(_call(self._lock, _describe(lock_id), is_repeatable=True))
        except UnreachableError as error:
            return LockUnknown(error, LockFailure.SILENT)
        if answer.status in _HELD:
            present = _held(answer)
            return LockTaken() if present.lock_id == lock_id else present
        if answer.is_ok and not _is_page(answer):
            return LockTaken()
        is_broken = _is_fault(answer) and answer.status not in _NO_LOCKS
        return LockUnknown(self._failure(answer, "locked"), LockFailure.BROKE_OFF if is_broken else LockFailure.REFUSED)

    def free(self, lock_id: str) -> str:
        """Free the lock of this id; "" when it is surely free, else why that is unknown.

        Without an id whatever lock there is, as `terraform force-unlock` does.
        """
        # It may be sent again: a lock that is free already has no holder by this id, and that is what is wanted.
        body = _describe(lock_id) if lock_id else b""
        try:
            answer = self._send(_call(self._unlock, body, lock_id, is_repeatable=True))
        except UnreachableError as error:
            return f"{error.summary}: {error.why}"
        return "" if answer.is_ok or (lock_id and answer.status in _HELD) else self._words(answer)

    def _send(self, call: Call) -> Answer:
        if self._username or self._password is not None:
            call = call.with_authorization(_basic(self._username, self._password or Secret("")))
        return self._http.send(call)

    def _words(self, answer: Answer) -> str:
        return server_words(answer, [self._password], _MEMBERS)

    def _failure(self, answer: Answer, verb: str) -> UnreachableError:
        """The error of an answer by which the state cannot be read, or cannot be locked."""
        words, kind = self._words(answer), UnreachableError
        match answer.status:
            case HTTPStatus.UNAUTHORIZED:
                kind = CredentialsError
                summary = "the state's server does not accept the login"
                fix = "set state.username and state.password in iac.yaml; for GitLab a token with the scope api"
            case HTTPStatus.FORBIDDEN:
                kind, words = CredentialsError, f"{words}; the state was to be {verb}"
                summary = "the state's server refuses this login"
                fix = "ask for the right; in GitLab Developer reads a state, Maintainer locks and writes it"
            case status if status in _NO_LOCKS and verb == "locked":
                summary = "the state's server knows no locks at this address, or does not show them to this login"
                fix = "see that this login has access; else set state.lock_address and state.lock_method in iac.yaml"
            case _ if _is_fault(answer):
                summary, fix = f"the state cannot be {verb}", "run it again; if it stays, see the server's log"
            case _:
                summary = "the state's server gave an unusable answer"
                words = f"{words}; a proxy or a login page may stand in between"
                fix = "set state.address in iac.yaml to the state's own URL"
        return kind(summary, where=self.where, why=words, fix=fix)


def _basic(username: str, password: Secret) -> str:
    """RFC 7617 section 2. No variable holds the clear text, for an error's traceback to show."""
    return "Basic " + base64.b64encode(f"{username}:{password.reveal()}".encode()).decode()


def _is_fault(answer: Answer) -> bool:
    """The server has an error of its own, or asks to come back later."""
    return answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS


def _is_page(answer: Answer) -> bool:
    """A login page of a proxy, say. A state of any kind is served as something else."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in {"text/html", "application/xhtml+xml"}


def _call(target: StateTarget, body: bytes, lock_id: str = "", *, is_repeatable: bool = False) -> Call:
    path = target.address.path
    if lock_id:
        path += ("&" if "?" in path else "?") + urlencode({"ID": lock_id})
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    headers = {"Content-Type": "application/json", "Content-MD5": md5}
    return Call(target.method, path, body, headers, is_read=is_repeatable, is_query_shown=False)


def _describe(lock_id: str) -> bytes:
    """The lock as the protocol describes it; all members are needed by GitLab."""
    holder = parse_holder(lock_id, "", "")
    members = {"ID": lock_id, "Operation": "iac", "Info": "", "Who": holder.who, "Version": __version__}
    return json.dumps({**members, "Created": holder.since, "Path": ""}).encode()


def _held(answer: Answer) -> LockHeld:
    body = answer.json()
    members = body if isinstance(body, dict) else {}
    lock_id, who, created = (str(members.get(name) or "") for name in ("ID", "Who", "Created"))
    return LockHeld(lock_id, parse_holder(lock_id, who, created))
