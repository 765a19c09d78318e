"""Where outputs go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from enum import StrEnum

from iac.core.diagnostics import Diagnostic
from iac.core.errors import RenderError
from iac.ports.foreign import only

_sink = only(RenderError, "the output cannot be written")


class Found(StrEnum):
    """What is at an output's place: what it should be, something else, or nothing."""

    AS_WANTED = "as wanted"
    OTHER = "other"
    NOTHING = "nothing"


class Sink(ABC):
    """Where outputs go. What a path means is each sink's own; `mode` is that of a file."""

    @_sink
    def check(self, path: str, content: bytes) -> None:
        """Prove that `write` of such a content could succeed, changing nothing."""
        self._check(path, content)

    @_sink
    def write(self, path: str, content: bytes, *, mode: int, is_new: bool = True) -> bool:
        """Replace the output in one step; False when it already was as wanted.

        Args:
            path: its place.
            content: what it is to hold.
            mode: of a file.
            is_new: state does not know it as it is to be, so that those who can read it may have to be others.
        """
        return self._write(path, content, mode=mode, is_new=is_new)

    @_sink
    def compare(self, path: str, content: bytes) -> Found:
        """What is there now, against what should be."""
        return self._compare(path, content)

    @_sink
    def read(self, path: str) -> bytes | None:
        """What its readers get: in clear, and in the form of its content, if not to the byte; None when nothing is."""
        return self._read(path)

    @_sink
    def remove(self, path: str) -> None:
        """Remove the output; one that is gone already is no error, one that somebody else made is not removed."""
        self._remove(path)

    @_sink
    def place(self, path: str) -> str:
        """What two outputs have in common that would overwrite each other, of whichever sinks."""
        return self._place(path)

    @_sink
    def exposed(self, paths: Collection[str]) -> Mapping[str, Diagnostic]:
        """Those of these outputs that version control holds or would take up. All are asked for at once."""
        return self._exposed(paths)

    @abstractmethod
    def _check(self, path: str, content: bytes) -> None: ...
    @abstractmethod
    def _write(self, path: str, content: bytes, *, mode: int, is_new: bool) -> bool: ...
    @abstractmethod
    def _compare(self, path: str, content: bytes) -> Found: ...
    @abstractmethod
    def _read(self, path: str) -> bytes | None: ...
    @abstractmethod
    def _remove(self, path: str) -> None: ...
    @abstractmethod
    def _place(self, path: str) -> str: ...
    @abstractmethod
    def _exposed(self, paths: Collection[str]) -> Mapping[str, Diagnostic]: ...
