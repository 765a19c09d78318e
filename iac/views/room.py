"""A budget of characters, given to what comes first. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Room:
    """How many characters are left; each block takes one more than it has, for the end of its line."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take_all(self, blocks: Sequence[str]) -> bool:
        """Take room for all blocks, or for none when there is too little."""
        size = sum(len(block) + 1 for block in blocks)
        if size > self.left:
            return False
        self.left -= size
        return True

    def take(self, blocks: Iterable[str]) -> list[str]:
        """Take room for each block that fits; those that do."""
        return [block for block in blocks if self.take_all([block])]

    def section(self, title: str, entries: Sequence[str], *, most: int) -> tuple[list[str], int]:
        """A title with the entries that fit into `most` characters, and how many do not. Nothing has no title."""
        own = Room(min(most, self.left))
        if not entries or not own.take_all([title, "", _more(len(entries)), ""]):
            return [], len(entries)
        taken = own.take(entries)
        hidden = len(entries) - len(taken)
        lines = [title, "", *taken, *([_more(hidden)] if hidden else []), ""]
        self.take_all(lines)
        return lines, hidden


def _more(hidden: int) -> str:
    return f"- and {hidden:,} more"
