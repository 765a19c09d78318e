"""State in memory: a backend with a journal, a vault that binds secrets to their place, a clock that tests set."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from msgspec.structs import replace

from iac.core.errors import LockedError, StateError
from iac.core.secret import Secret
from iac.core.state.model import fold, is_needed
from iac.ports import Clock, StateBackend, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iac.core.state.model import Event, State
    from iac.ports import Holder, Place


class MemoryBackend(StateBackend):
    """One document and its journal.

    Attributes:
        journal: events that were recorded since the last save.
        on_call: told of every write before and after it is durable; may raise.
    """

    def __init__(self, state: State | None = None) -> None:
        self.document = state
        self.journal: list[Event] = []
        self.on_call: Callable[[str], None] = lambda _: None
        self._holder_now: Holder | None = None

    def _load(self) -> State:
        if self.document is None:
            raise StateError("there is no state", fix="iac state init")
        state = self.document
        for event in self.journal:
            state = fold(state, event)
        return state

    def _create(self, state: State) -> None:
        if self.document is not None:
            raise StateError("there is a state already")
        self.document = state

    def _save(self, state: State) -> State:
        if self.document is None or self.document.serial != state.serial:
            raise StateError("somebody else wrote the state")
        self.on_call("before save")
        self.document = replace(state, serial=state.serial + 1)
        self.journal.clear()
        self.on_call("after save")
        return self.document

    def _record(self, events: Sequence[Event]) -> None:
        self.on_call("before record")
        self.journal.extend(events)
        self.on_call("after record")

    def _newest_copy(self) -> tuple[str, int]:
        return "", 0

    def lose_machine(self) -> None:
        """What is left of a state that is kept elsewhere when the machine of the run is gone (iac.backends.remote)."""
        last = 0
        for number, event in enumerate(self.journal, start=1):
            if self.document is not None and is_needed(self.document, [event]):
                last = number
        del self.journal[last:]

    @contextmanager
    def _lock(self, holder: Holder, *, timeout: float) -> Iterator[None]:
        del timeout
        if self._holder_now is not None:
            raise LockedError("somebody else holds the lock", where=self._holder_now.who)
        self._holder_now = holder
        try:
            yield
        finally:
            self._holder_now = None

    def _holder(self) -> Holder | None:
        return self._holder_now

    def _unlock(self, run_id: str) -> Holder:
        holder, self._holder_now = self._holder_now, None
        if holder is None or holder.run_id != run_id:
            raise StateError("this run does not hold the lock", where=run_id)
        return holder


class MemoryVault(Vault):
    """Turns secrets around and writes their place beside them; without `has_key` it only seals.

    Attributes:
        sealed: how often it did.
        also: sealed secret -> whom it was sealed to beside the recipients of the state, the last time.
    """

    def __init__(self) -> None:
        self.has_key = True
        self.sealed = 0
        self.also: dict[str, tuple[str, ...]] = {}

    @property
    def recipients(self) -> tuple[str, ...]:
        return ("age1state",)

    def _seal(self, secret: Secret, place: Place, also: Sequence[str]) -> str:
        self.sealed += 1
        sealed = base64.b64encode(f"{place}|{secret.reveal()}"[::-1].encode()).decode()
        self.also[sealed] = tuple(also)
        return sealed

    def _open(self, sealed: str, place: Place) -> Secret:
        self._check()
        where, _, clear = base64.b64decode(sealed).decode()[::-1].partition("|")
        if where != str(place):
            raise StateError("the secret belongs elsewhere", where=str(place), why=where)
        return Secret(clear)

    def _check(self) -> None:
        if not self.has_key:
            raise StateError("the key of the state is missing", where="IAC_AGE_IDENTITY", fix="export it")


class StepClock(Clock):
    """A second passes with each look; tokens are counted and have the length of real ones."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 10, tzinfo=UTC)
        self._tokens = count(1)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def token(self) -> str:
        # What makes tokens differ comes first: a fingerprint's salt is the first 16 characters.
        return f"{next(self._tokens):08d}".ljust(43, "t")

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
