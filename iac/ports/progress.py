"""How far a run is, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

T = TypeVar("T")


class Progress:
    """Hears how far a run is. This one keeps silent; the command line has one that shows it.

    Use cases call it, from any thread, and know nothing of terminals. No call raises.
    """

    def begin(self, total: int, noun: str, verb: str = "done") -> None:
        """Work on so many things begins, such as 12 clients; what was worked on before is over."""

    def enter(self, name: str) -> None:
        """Work on one of them begins."""

    def leave(self, name: str, result: object = None) -> None:
        """Work on one of them has ended, with this result."""

    def wait(self, reason: str) -> None:
        """The run waits for somebody, until the next thing ends."""

    def end(self) -> None:
        """Nothing is worked on any more."""

    def aside(self) -> AbstractContextManager[None]:
        """Somebody else prints something meanwhile."""
        return nullcontext()

    def over(self, items: Mapping[str, T], noun: str, verb: str = "done") -> Iterator[tuple[str, T]]:
        """The items, one after the other, each told."""
        self.begin(len(items), noun, verb)
        for name, item in items.items():
            self.enter(name)
            yield name, item
            self.leave(name)


SILENT = Progress()
