"""The note of what this machine has written, beside its local files: it never goes where the state goes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from iac import files, wait
from iac.core.state.codec import COUNT, OBJECT, TEXT, Malformed, dump, known, load, named
from iac.ports import Clock, Deliveries, Delivery

_FORMAT = "1.0"
_OUTPUTS = named(known(serial=COUNT, salt=TEXT, fingerprint=TEXT))


class FileDeliveries(Deliveries):
    """Deliveries in the file `path`, mode 0600; it holds no secret.

    A note that is damaged or cannot be written is as if there were none: it protects against a mistake, and no run may
    fail for want of it.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(clock)
        self._path = path

    def save(self) -> None:
        """Replace the file where something is known."""
        outputs = {name: asdict(delivery) for name, delivery in self.by_id.items()}
        if not outputs and not self.begun and not self._path.exists():
            return
        note = {"format_version": _FORMAT, "outputs": outputs, **({"begun": self.begun} if self.begun else {})}
        data = dump(note).encode() + b"\n"
        with suppress(OSError):
            files.make_folder(self._path.parent)
            files.write(self._path, data)

    def _load(self) -> dict[str, Delivery]:
        try:
            note = OBJECT(load(wait.read(self._path).decode()), "note")
            self.begun = COUNT(note.get("begun", 0), "begun")
            outputs = _OUTPUTS(note.get("outputs"), "outputs").items()
            return {name: Delivery(one["serial"], one["salt"], one["fingerprint"]) for name, one in outputs}
        except (OSError, UnicodeDecodeError, Malformed):
            return {}
