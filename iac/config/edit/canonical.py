"""Whether a text is in the style that ruamel.yaml would give it, told by its lines. Pure.

ruamel.yaml takes 15 ms for a file and this a tenth of a millisecond: most files of a project are as `iac fmt` leaves
them. A yes is certain; a text that is not plain enough for a look at its lines is for ruamel.yaml to decide on.
"""

from __future__ import annotations

import re

_LONGEST = 2000
"""Characters of a line, well below the width at which ruamel.yaml breaks it."""

_KEY = r"[A-Za-z_][A-Za-z0-9_.+-]*"
_QUOTED = r""""[^"\\]*"|'[^'\\]*'"""
_NUMBER = r"[0-9]{1,18}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]+[dhmsw]"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FIRST = r"(?!(?:True|TRUE|False|FALSE|Null|NULL)\b)(?:[A-Za-z_/\u00c0-\u00ff]|(?:~|\.[A-Za-z0-9_.-]*)/)"
_INNER = r"A-Za-z0-9_./@+~?&=%()!;$*\-\u00c0-\u00ff"

_OUTER = f"{_INNER},'"


def _plain(signs: str) -> str:
    return rf"{_FIRST}(?:[{signs}]|:(?=[{signs}:])| (?=[{signs}]))*"


_ATOM = rf"(?:{_QUOTED}|{_UUID}|{_NUMBER}|{_plain(_INNER)})"
_PAIR = rf"""(?:{_KEY}|"[^"\\]*"): {_ATOM}"""
_LIST = rf"\[(?:{_ATOM}(?:, {_ATOM})*)?\]"
_MAPPING = rf"\{{{_PAIR}(?:, {_PAIR})+\}}|(?<!\[)(?<!, )\{{(?:{_PAIR})?\}}"
"""ruamel.yaml takes the braces away from a mapping of one key that is an item of a list."""
_INNERMOST = re.compile(f"{_LIST}|{_MAPPING}")
_VALUE = rf"{_QUOTED}|{_UUID}|{_NUMBER}|{_plain(_OUTER)}|(?P<flow>[\[{{].*[\]}}])"
_LINE = re.compile(
    rf"(?P<indent> *)(?P<dash>- )?(?P<key>{_KEY}:(?: |(?!.)|(?= +#)))?(?P<value>{_VALUE})?(?: +#(?:.*\S)?)?"
)
_NOT_READ = re.compile(r" *#.*\S| *#|")


def is_styled(text: str) -> bool:
    """Whether ruamel.yaml would write a text as it stands; no may be wrong, yes is not.

    Args:
        text: a mapping in YAML, without mistakes.
    """
    *lines, end = text.split("\n")
    return end == "" and not text.startswith("\n") and _LineReader().is_styled(lines)


class _LineReader:
    """A look at the lines of a text, in their order: each level of a block stands two columns right of its parent."""

    def __init__(self) -> None:
        self._levels = [(0, False)]
        self._opened: int | None = None

    def is_styled(self, lines: list[str]) -> bool:
        return all(map(self._is_line, lines)) and self._opened is None

    def _is_line(self, line: str) -> bool:
        if _NOT_READ.fullmatch(line):
            return True
        match = _LINE.fullmatch(line) if len(line) <= _LONGEST else None
        if match is None:
            return False
        indent, is_item, key, value = len(match["indent"]), bool(match["dash"]), match["key"], match["value"]
        if not (key or (is_item and value)) or not self._is_level(indent, is_item=is_item):
            return False
        if is_item and key:
            indent += 2
            self._levels.append((indent, False))
        self._opened = indent if value is None else None
        return match["flow"] is None or _is_flow(match["flow"])

    def _is_level(self, indent: int, *, is_item: bool) -> bool:
        """Whether a line may begin here: below a key without a value, else on a level that is open."""
        level = (indent, is_item)
        if self._opened is not None:
            self._levels.append(level)
            return indent == self._opened + 2
        while self._levels[-1][0] > indent:
            self._levels.pop()
        return self._levels[-1] == level


def _is_flow(text: str) -> bool:
    """Whether a list or mapping in one line has its spaces where they belong: what is innermost becomes a word."""
    while text[0] in "[{":
        text, count = _INNERMOST.subn("x", text)
        if not count:
            return False
    return text == "x"
