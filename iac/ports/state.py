"""Where state lives, who may write it, and how its secrets are sealed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

from msgspec import Struct

from iac.core.errors import StateError
from iac.core.secret import Secret
from iac.core.state.model import Event, State
from iac.ports.foreign import foreign_as

_backend = foreign_as(StateError, "the state cannot be used")


class Holder(Struct, frozen=True):
    """The holder of a lock: run id, `user@host pid`, since and until when (RFC 3339 UTC)."""

    run_id: str
    who: str
    since: str
    expires: str


class Lock(ABC):
    """One run at a time.

    Attributes:
        ends_with_process: the system frees it when its run ends, however that ends.
    """

    ends_with_process: ClassVar[bool] = False

    @_backend
    def lock(self, holder: Holder, *, timeout: float) -> AbstractContextManager[None]:
        """Hold the lock for a `with` block; waits `timeout` seconds, then raises `LockedError` naming the holder."""
        return self._lock(holder, timeout=timeout)

    @_backend
    def holder(self) -> Holder | None:
        """The holder of the lock now, None when nobody holds it."""
        return self._holder()

    @_backend
    def unlock(self, run_id: str) -> Holder:
        """Break the lock of this run; who held it.

        Raises:
            LockedError: that run is alive.
            StateError: this run does not hold the lock.
        """
        return self._unlock(run_id)

    @abstractmethod
    def _lock(self, holder: Holder, *, timeout: float) -> AbstractContextManager[None]: ...
    @abstractmethod
    def _holder(self) -> Holder | None: ...
    @abstractmethod
    def _unlock(self, run_id: str) -> Holder: ...


class StateBackend(Lock):
    """Where state lives. One object per environment's state."""

    @_backend
    def load(self) -> State:
        """The state with its journal folded in.

        Raises:
            StateError: missing, foreign, newer or damaged; never taken for empty.
        """
        return self._load()

    @_backend
    def create(self, state: State) -> None:
        """Write the first state; refused when there is one already."""
        self._create(state)

    @_backend
    def save(self, state: State) -> State:
        """Replace the document durably and clear the journal; the state as written, with its new serial.

        Raises:
            StateError: the stored serial is not `state.serial` (compare and swap).
        """
        return self._save(state)

    @_backend
    def record(self, events: Sequence[Event]) -> None:
        """Append events durably; concurrent callers share one fsync (group commit). Thread-safe."""
        self._record(events)

    @_backend
    def newest_copy(self) -> tuple[str, int]:
        """The journal or emergency copy on this machine that names the highest serial, and that; 0 when none does."""
        return self._newest_copy()

    @abstractmethod
    def _load(self) -> State: ...
    @abstractmethod
    def _create(self, state: State) -> None: ...
    @abstractmethod
    def _save(self, state: State) -> State: ...
    @abstractmethod
    def _record(self, events: Sequence[Event]) -> None: ...
    @abstractmethod
    def _newest_copy(self) -> tuple[str, int]: ...


class Place(Struct, frozen=True):
    """Which value a sealed secret is: it cannot be moved to another place."""

    lineage: str
    environment: str
    address: str
    name: str


class Vault(ABC):
    """Seals and opens secrets for state (contract 6)."""

    @property
    @abstractmethod
    def recipients(self) -> tuple[str, ...]:
        """Public keys that everything is sealed to; () where nothing is encrypted."""

    @_backend
    def seal(self, secret: Secret, place: Place, also: Sequence[str] = ()) -> str:
        """Encrypt to the recipients of the state and to those in `also`; needs no key.

        Raises:
            StateError: a recipient is invalid, or none is named.
        """
        return self._seal(secret, place, also)

    @_backend
    def open(self, sealed: str, place: Place) -> Secret:
        """Decrypt and check that the value belongs to this place.

        Raises:
            ClosedSecretError: the identity is of somebody else.
            StateError: no identity, or a value that is damaged or belongs elsewhere.
        """
        return self._open(sealed, place)

    @_backend
    def check(self) -> None:
        """Prove that the identity opens what is sealed to the recipients; raises as `open` does."""
        self._check()

    @abstractmethod
    def _seal(self, secret: Secret, place: Place, also: Sequence[str]) -> str: ...
    @abstractmethod
    def _open(self, sealed: str, place: Place) -> Secret: ...
    @abstractmethod
    def _check(self) -> None: ...
