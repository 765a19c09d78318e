"""What this machine has written of the outputs of one state, and from which version of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from iac.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Delivery:
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


class Deliveries:
    """Deliveries by the id of their output. These are forgotten with the process; an adapter keeps them.

    `begun` is the serial of the state that a run was about to write outputs from; 0 when every run came to its end.

    A fresh checkout knows none, and that is no error: what is not known cannot be held against the state.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_id: dict[str, Delivery] | None = None
        self.begun = 0

    @property
    def by_id(self) -> dict[str, Delivery]:
        """All of them; read once."""
        if self._by_id is None:
            self._by_id = self._load()
        return self._by_id

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
