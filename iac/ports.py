"""What the core asks of the world: abstract ports. Adapters implement the private `_x`; callers use the public `x`.

Each public method lets the errors of `iac.core.errors` through and turns every other exception into the port's own,
so no caller ever meets an exception of httpx, OSError or a library.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

from iac.core.errors import IacError, RenderError, StateError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from iac.core.model import Fields
    from iac.core.registration import Actual, NewClient, Registration
    from iac.core.secret import Secret
    from iac.core.state import Event, State

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def _only(
    error: type[IacError], summary: str
) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(self, *args, **kwargs)
            except IacError:
                raise
            except Exception as foreign:
                why = f"{type(foreign).__name__}: {foreign}"
                raise error(summary, why=why) from foreign

        return cast("Callable[Concatenate[S, P], R]", functools.update_wrapper(guarded, method))

    return decorate


_server = _only(UnreachableError, "the server cannot be used")
_backend = _only(StateError, "the state cannot be used")
_sink = _only(RenderError, "the output cannot be written")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the token is: subject (client_id or user), scopes as the token endpoint or the token says, issuer.

    `scopes` is None when nothing says them: IAM's tokens carry no scope claim unless the server is set to include it.
    """

    subject: str
    scopes: frozenset[str] | None
    issuer: str


class Reader(ABC):
    """The reading half of a provider. Needs `iam:admin.read` only."""

    @_server
    def read(self, client_ids: Collection[str], owners_of: Collection[str] = ()) -> Actual:
        """Those of these client_ids that exist, owners for those in `owners_of`, and the count of all clients."""
        return self._read(client_ids, owners_of)

    @_server
    def get(self, client_id: str, *, with_owners: bool = False) -> Registration | None:
        """One registration, read afresh; None when the server does not have it."""
        return self._get(client_id, with_owners=with_owners)

    @_server
    def identify(self) -> Identity:
        """Who we are for this server.

        Raises:
            CredentialsError: the login is refused.
        """
        return self._identify()

    @abstractmethod
    def _read(self, client_ids: Collection[str], owners_of: Collection[str]) -> Actual: ...
    @abstractmethod
    def _get(self, client_id: str, *, with_owners: bool) -> Registration | None: ...
    @abstractmethod
    def _identify(self) -> Identity: ...


class Provider(Reader):
    """A server's API for registered clients. Every write is sent exactly once.

    All writes raise `ServerError` when the server says no (surely no effect) and `UnknownOutcome` when no usable answer
    came back.
    """

    @_server
    def create(self, client: NewClient) -> Registration:
        """Register a client; the answer as it came."""
        return self._create(client)

    @_server
    def update(self, fresh: Registration, fields: Fields, declared: Collection[str]) -> Registration:
        """Lay `fields` (named in `declared`; absent ones are emptied) over `fresh` and replace the registration."""
        return self._update(fresh, fields, declared)

    @_server
    def rotate(self, client_id: str) -> Registration:
        """Ask for a new secret; the old one is dead at once (rec: admin-secret-rotation)."""
        return self._rotate(client_id)

    @_server
    def delete(self, client_id: str) -> None:
        """Delete the registration. One that is gone already is no error."""
        self._delete(client_id)

    @_server
    def assign_owners(self, client_id: str, add: Collection[str], remove: Collection[str]) -> None:
        """Add and remove owners by account UUID (rec: admin-owners)."""
        self._assign_owners(client_id, add, remove)

    @_server
    def accepts_secret(self, client_id: str, secret: Secret) -> bool:
        """Whether the token endpoint takes this secret for this client, whatever grant it then refuses (rec: login)."""
        return self._accepts_secret(client_id, secret)

    @abstractmethod
    def _create(self, client: NewClient) -> Registration: ...
    @abstractmethod
    def _update(self, fresh: Registration, fields: Fields, declared: Collection[str]) -> Registration: ...
    @abstractmethod
    def _rotate(self, client_id: str) -> Registration: ...
    @abstractmethod
    def _delete(self, client_id: str) -> None: ...
    @abstractmethod
    def _assign_owners(self, client_id: str, add: Collection[str], remove: Collection[str]) -> None: ...
    @abstractmethod
    def _accepts_secret(self, client_id: str, secret: Secret) -> bool: ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: run id, `user@host pid`, since and until when (RFC 3339 UTC)."""

    run_id: str
    who: str
    since: str
    expires: str


class StateBackend(ABC):
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
    def lock(self, holder: Holder, *, timeout: float) -> AbstractContextManager[None]:
        """Hold the lock for a `with` block; waits `timeout` seconds, then raises `LockedError` naming the holder."""
        return self._lock(holder, timeout=timeout)

    @_backend
    def holder(self) -> Holder | None:
        """Who holds the lock now, None when nobody does."""
        return self._holder()

    @abstractmethod
    def _load(self) -> State: ...
    @abstractmethod
    def _create(self, state: State) -> None: ...
    @abstractmethod
    def _save(self, state: State) -> State: ...
    @abstractmethod
    def _record(self, events: Sequence[Event]) -> None: ...
    @abstractmethod
    def _lock(self, holder: Holder, *, timeout: float) -> AbstractContextManager[None]: ...
    @abstractmethod
    def _holder(self) -> Holder | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Which value a sealed secret is: it cannot be moved to another place."""

    lineage: str
    environment: str
    address: str
    name: str


class Vault(ABC):
    """Seals and opens secrets for state (contract 6)."""

    @_backend
    def seal(self, secret: Secret, place: Place) -> str:
        """Encrypt to all recipients; needs no key."""
        return self._seal(secret, place)

    @_backend
    def open(self, sealed: str, place: Place) -> Secret:
        """Decrypt and check that the value belongs to this place.

        Raises:
            StateError: no identity, the wrong one, or a value that belongs elsewhere.
        """
        return self._open(sealed, place)

    @_backend
    def check(self) -> None:
        """Prove that the identity opens what is sealed to the recipients; raises as `open` does."""
        self._check()

    @abstractmethod
    def _seal(self, secret: Secret, place: Place) -> str: ...
    @abstractmethod
    def _open(self, sealed: str, place: Place) -> Secret: ...
    @abstractmethod
    def _check(self) -> None: ...


class Sink(ABC):
    """Where outputs go."""

    @_sink
    def check(self, path: str) -> None:
        """Prove that `write` could succeed, changing nothing."""
        self._check(path)

    @_sink
    def write(self, path: str, content: bytes, *, mode: int) -> bool:
        """Replace the output atomically; False when it already was as wanted."""
        return self._write(path, content, mode=mode)

    @_sink
    def read(self, path: str) -> bytes | None:
        """What is there now; None when nothing is."""
        return self._read(path)

    @_sink
    def remove(self, path: str) -> None:
        """Remove the output; one that is gone already is no error."""
        self._remove(path)

    @abstractmethod
    def _check(self, path: str) -> None: ...
    @abstractmethod
    def _write(self, path: str, content: bytes, *, mode: int) -> bool: ...
    @abstractmethod
    def _read(self, path: str) -> bytes | None: ...
    @abstractmethod
    def _remove(self, path: str) -> None: ...


class Clock(ABC):
    """Time and chance, so that tests decide them."""

    @abstractmethod
    def now(self) -> datetime:
        """The time, aware, UTC."""

    @abstractmethod
    def token(self) -> str:
        """32 random bytes, URL-safe base64 without padding (43 characters)."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Wait."""
