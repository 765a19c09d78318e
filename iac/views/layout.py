"""How text is laid out: its colours and its width. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iac.core.errors import Diagnostic, IacError, Severity, message_groups
from iac.core.text import printable

_COLORS = {"+": 32, ">": 36, "~": 33, "-/+": 31, "@": 35, "-": 31, "x": 31, "!": 31, "bold": 1}
_HANGING = 4
_NARROWEST = 40
_MOST_ROWS = 12
"""Of one value on a terminal; keys can have many thousand characters, and JSON shows them whole."""
_LONGEST_WORD = 240
"""Characters of a word that is not broken: as a rule longer ones are keys of clients, which nobody copies."""
SIGNS = {Severity.ERROR: "!", Severity.WARNING: "~"}
"""The symbol in whose colour a message is shown."""


class TextLayout:
    """Where lines are shown: in colours by symbol or without, folded at a width or as long as they are."""

    def __init__(self, *, color: bool, width: int | None = None) -> None:
        self.color = color
        self.width = width and max(width, _NARROWEST)

    def line(self, text: str, symbol: str = "", *, hanging: int = _HANGING) -> str:
        """A line, its indentation kept and the rest in the colour of a symbol.

        A line that is wider than the page goes on below, indented by `hanging` more if its words fit there; one of too
        many rows is cut, and says how much is missing. A URL or a key stays whole, so that it can be copied.
        """
        inner = text.lstrip(" ")
        indent = " " * (len(text) - len(inner))
        rows = self._rows(inner, indent, hanging) if self.width and len(text) > self.width else [inner]
        return "\n".join(f"{indent}{self._painted(row, symbol)}" for row in rows)

    def failure(self, text: str, error: IacError) -> Iterator[str]:
        """What failed, and why, indented."""
        yield self.line(f"! {text}", "!")
        yield from (f"    {printable(line)}" for line in error.lines())

    def text(self, title: str, blocks: Iterable[Iterable[str]], summary: str) -> str:
        """All of it: the title, each block with an empty line after it, and the summary."""
        lines = [line for block in blocks for line in (*block, "")]
        return "\n".join([self.line(printable(title), "bold"), "", *lines, self.line(summary, "bold")]) + "\n"

    def _rows(self, text: str, indent: str, hanging: int) -> list[str]:
        import textwrap  # only for what is wider than a terminal

        room = max((self.width or 0) - len(indent), _NARROWEST // 2)
        longest = max(map(len, text.split()), default=0)
        below = " " * (hanging if longest <= room - hanging else _HANGING)
        rows = textwrap.wrap(
            text,
            room,
            subsequent_indent=below,
            break_long_words=longest > _LONGEST_WORD,
            break_on_hyphens=False,
            tabsize=1,
        )
        if len(rows) <= _MOST_ROWS:
            return rows
        missing = sum(len(row) - len(below) for row in rows[_MOST_ROWS:])
        return [*rows[:_MOST_ROWS], f"{below}... {missing:,} more characters, see --format json"]

    def _painted(self, text: str, symbol: str) -> str:
        return f"\x1b[{_COLORS[symbol]}m{text}\x1b[0m" if self.color and symbol in _COLORS else text

    def messages(self, diagnostics: Iterable[Diagnostic]) -> Iterator[str]:
        """Diagnostics as `iac.core.errors` groups them, the head of each in the colour of its severity."""
        return (
            self.line(printable(line), "" if number else SIGNS.get(severity, ""))
            for severity, lines in message_groups(diagnostics)
            for number, line in enumerate(lines)
        )
