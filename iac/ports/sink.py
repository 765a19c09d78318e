"""Where outputs go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from iac.core.errors import RenderError
from iac.ports.foreign import only

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_sink = only(RenderError, "the output cannot be written")


class Tracking(StrEnum):
    """What version control makes of a file: it has it, it would take it up, or it does not say."""

    TRACKED = "tracked"
    NOT_IGNORED = "not ignored"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Exposure:
    """That an output is not kept out of version control.

    Attributes:
        fix: the command or the line of a file that keeps it out.
        why: the words of version control; "" when `tracking` says it.
    """

    tracking: Tracking
    fix: str
    why: str = ""


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

    @_sink
    def exposed(self, paths: Collection[str]) -> Mapping[str, Exposure]:
        """Those of these outputs that version control holds or would take up. All are asked for at once."""
        return self._exposed(paths)

    @abstractmethod
    def _check(self, path: str) -> None: ...
    @abstractmethod
    def _write(self, path: str, content: bytes, *, mode: int) -> bool: ...
    @abstractmethod
    def _read(self, path: str) -> bytes | None: ...
    @abstractmethod
    def _remove(self, path: str) -> None: ...
    @abstractmethod
    def _exposed(self, paths: Collection[str]) -> Mapping[str, Exposure]: ...
