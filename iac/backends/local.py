"""The second copy of what a run records into a state that is elsewhere: a journal on this machine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac import files
from iac.core.statefile import Journal, Origin, parse_journal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a journal goes. `size`: bytes of the file; `length`: those that are whole batches of the document."""

    size: int = 0
    length: int = 0


class LocalJournal:
    """The journal in file `path`. It belongs to one lineage; its batches name the document that they go on from.

    Readers take no lock: a line that is being written is a torn one, which does not count. A writer finds out
    whether the file is as it was when it was read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, fix: str) -> tuple[Journal, int]:
        """The whole batches, and the size of the file; empty when there is none.

        Raises:
            StateError: it is damaged; `fix` is the way on.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            data = b""
        return parse_journal(data, Origin(str(self._path), fix)), len(data)

    def is_at(self, extent: Extent) -> bool:
        """Whether nobody has written to the file since."""
        return self._size() == extent.size

    def append(self, line: bytes, extent: Extent) -> Extent | None:
        """Add a batch durably; None when this disk cannot take it, or somebody else has written to the file."""
        try:
            files.make_folder(self._path.parent)
            with files.moment(self._path.parent, is_writer=True):
                if not self.is_at(extent):
                    return None
                files.append(self._path, line, extent.length)
        except OSError:
            return None
        length = extent.length + len(line)
        return Extent(length, length)

    def clear(self) -> Extent:
        """Remove what the state holds now. What stays, for want of rights, is older than the state and is ignored."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        return Extent(self._size(), 0)

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0
