"""Where outputs go."""

from __future__ import annotations

from abc import ABC, abstractmethod

from iac.core.errors import RenderError
from iac.ports.foreign import only

_sink = only(RenderError, "the output cannot be written")


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
