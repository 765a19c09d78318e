"""Where outputs go, and what this machine has written of them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from iac.core.errors import Diagnostic, RenderError, StateError
from iac.core.state.model import State
from iac.ports.foreign import foreign_as
from iac.ports.site import Clock
from iac.ports.state import StateBackend

_writes = foreign_as(RenderError, "the output cannot be written")
_reads = foreign_as(RenderError, "the output cannot be read")
_removes = foreign_as(RenderError, "the output cannot be removed")


class Comparison(StrEnum):
    """The content of an output's place: as wanted, with another mode, something else, or nothing."""

    AS_WANTED = "as wanted"
    OTHER_MODE = "other mode"
    OTHER = "other"
    NOTHING = "nothing"


class Delivery(Struct, frozen=True):
    """An output as it was written.

    Attributes:
        serial: that of the state it was rendered from.
        salt: random text.
        fingerprint: 32 bits of a salted hash of the content: a changed output is noticed, and no secret can be guessed.
    """

    serial: int
    salt: str
    fingerprint: str

    def is_of(self, content: bytes) -> bool:
        """Whether this is what was written."""
        return self.fingerprint == _fingerprint(self.salt, content)


def _fingerprint(salt: str, content: bytes) -> str:
    return hashlib.sha256(salt.encode() + b":" + content).hexdigest()[:8]


class Sink(ABC):
    """Where outputs go. Each sink decides what a path means; `mode` is the mode of a file."""

    @_writes
    def check(self, path: str, content: bytes) -> None:
        """Prove that `write` of such a content could succeed, changing nothing."""
        self._check(path, content)

    @_writes
    def write(self, path: str, content: bytes, *, mode: int, is_new: bool = True) -> bool:
        """Replace the output in one step; False when it already was as wanted.

        Args:
            path: its place.
            content: what it is to hold.
            mode: of a file.
            is_new: state does not have it as wanted, so that its readers may have to change.
        """
        return self._write(path, content, mode=mode, is_new=is_new)

    @_reads
    def compare(self, path: str, content: bytes, *, mode: int | None = None) -> Comparison:
        """Compare what is there now with what should be; `mode` is that of a plain file, None for any."""
        return self._compare(path, content, mode)

    @_reads
    def look(self, path: str, delivery: Delivery | None, *, mode: int | None = None) -> Comparison:
        """Whether what this machine wrote is still there. A sink that keeps no files here does not look: as wanted.

        `delivery` is None for what it did not write. Fails where it could not be written, for something else is there.
        """
        return self._look(path, delivery, mode)

    @_reads
    def read(self, path: str) -> bytes | None:
        """The content as readers get it: in clear, of the same form if not the same bytes; None when there is none."""
        return self._read(path)

    @_removes
    def remove(self, path: str) -> None:
        """Remove the output. One that is gone already does not fail; one that somebody else made stays."""
        self._remove(path)

    @_reads
    def place(self, path: str) -> str:
        """A name for the place: two outputs with the same name, of any sinks, would overwrite each other."""
        return self._place(path)

    @_reads
    def exposed(self, paths: Collection[str]) -> Mapping[str, Diagnostic]:
        """The outputs that version control holds or would take up, all at once; a sink outside of it has none."""
        return self._exposed(paths)

    @abstractmethod
    def _check(self, path: str, content: bytes) -> None: ...
    @abstractmethod
    def _write(self, path: str, content: bytes, *, mode: int, is_new: bool) -> bool: ...
    @abstractmethod
    def _compare(self, path: str, content: bytes, mode: int | None) -> Comparison: ...
    @abstractmethod
    def _read(self, path: str) -> bytes | None: ...
    @abstractmethod
    def _remove(self, path: str) -> None: ...
    @abstractmethod
    def _place(self, path: str) -> str: ...

    def _look(self, path: str, delivery: Delivery | None, mode: int | None) -> Comparison:
        return Comparison.AS_WANTED

    def _exposed(self, paths: Collection[str]) -> Mapping[str, Diagnostic]:
        return {}


class Deliveries:
    """Deliveries by the id of their output. These are forgotten with the process; an adapter keeps them.

    `begun` is the serial of the state that a run was about to write outputs from; 0 when every run came to its end.

    A fresh checkout knows none, which is fine: what is not known cannot be held against the state.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.begun = 0

    @cached_property
    def by_id(self) -> dict[str, Delivery]:
        """All deliveries; read once."""
        return self._load()

    def newest(self) -> tuple[str, int]:
        """The output that was written last and the serial of its state; 0 when none is known."""
        serials = {name: delivery.serial for name, delivery in self.by_id.items()}
        if self.begun > max(serials.values(), default=0):
            return "an output of a run that was interrupted", self.begun
        return max(serials.items(), key=lambda named: named[1], default=("", 0))

    def begin(self, serial: int) -> None:
        """Note that outputs are about to be written, durably: a run that is killed has perhaps written some."""
        self.newest()
        self.begun = max(serial, self.begun)
        self.save()

    def end(self) -> None:
        """Note that all outputs are as they were added, durably."""
        self.begun = 0
        self.save()

    def add(self, name: str, serial: int, content: bytes) -> None:
        """Note an output that was written; `end` keeps the note."""
        salt = self._clock.token()[:16]
        self.by_id[name] = Delivery(serial, salt, _fingerprint(salt, content))

    def remove(self, name: str) -> None:
        """Note that an output was removed."""
        self.by_id.pop(name, None)

    def accept(self, serial: int) -> None:
        """Let a state of this serial be the newest."""
        kept = {name: replace(one, serial=min(one.serial, serial)) for name, one in self.by_id.items()}
        self.by_id.update(kept)
        self.begun = min(self.begun, serial)

    def save(self) -> None:
        """Keep the notes."""

    def _load(self) -> dict[str, Delivery]:
        return {}


def find_newer(deliveries: Deliveries, backend: StateBackend, state: State) -> StateError | None:
    """The error for a state that is older than an output or a journal of this machine; None when nothing is newer."""
    output, serial = deliveries.newest()
    source = f"{output} was written from"
    copy, copied = backend.newest_copy()
    if copied > serial:
        source, serial = f"{copy} names", copied
    if serial <= state.serial:
        return None
    return StateError(
        "the state is older than what this machine has seen, so nothing is written",
        where=f"serial {state.serial}",
        why=f"{source} serial {serial}; secrets in an older state may have been replaced since",
        fix="put the newest state back (iac state push COPY), or accept this one with --accept-older-state",
    )
