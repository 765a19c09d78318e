"""Text made safe and short for messages, and words that were probably meant. Pure.

A person reads the first few names and the number. `--format json` holds every item; there, too, one message has an end,
for what users and servers write can be of any length.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from iac import HOME

NAMES = 10
"""Names or reasons in one sentence: more of them push the fix out of sight."""

ALIKE = 10
"""Lines that say the same: mistakes of one kind in one file, or one message for many clients. More are one habit."""

MESSAGES = 100
"""Messages that one command prints: about five screens."""

TEXT = 4_096
"""Characters of one part of a message: the longest path fits."""

_SUSPECT = re.compile("[^ -~]")
"""What has to be looked at: all but the plain characters of ASCII."""
_ANYWHERE = "##["
_NUMBER = re.compile(r"\[Errno -?[0-9]+\] ")
_COMPARED = 40
"""Known words that a mistyped one is held against: of more of them those that begin or end most like it."""
_AT_START = re.compile("^( *):(?=:)")
"""GitHub's runner obeys `##[command]` wherever it stands in a line of a log, and `::command::` where a line begins with
it (actions/runner, ActionCommand.cs)."""


T = TypeVar("T")


def printable(text: str) -> str:
    r"""The text with everything that a terminal, a log or an eye could be fooled by as `\u` escapes.

    Escaped are control characters (line breaks too), marks without width, marks that change the writing
    direction, lone surrogates and spaces other than U+0020; and that by which a line of a log commands a runner of
    GitHub: `##[`, and `::` at the beginning. Text without them comes back as it is.
    """
    shown = text if text.isprintable() else _SUSPECT.sub(_inert, text)
    return _AT_START.sub(r"\1\\u003a", without_commands(shown))


def reason(error: Exception) -> str:
    """What an error says, without the number of the system's."""
    return _NUMBER.sub("", str(error)) or type(error).__name__


def is_id(text: str) -> bool:
    """Whether a text can be an id: one line of printable characters and tabs, which an IAM takes, too.

    (rec: admin-client-ids-odd 101 to 104)
    """
    return bool(text) and text.replace("\t", "").isprintable()


def without_commands(text: str) -> str:
    r"""The text with `##[` escaped as `#\u0023[`, which JSON reads back as it was."""
    return text.replace(_ANYWHERE, "#\\u0023[")


def side_by_side(one: str, other: str, limit: int) -> tuple[str, str]:
    """Two texts that differ, each cut to about `limit` characters around the first place where they do."""
    if max(len(one), len(other)) <= limit:
        return one, other
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, same - limit // 2)
    return _window(one, start, limit), _window(other, start, limit)


def _window(text: str, start: int, limit: int) -> str:
    head, tail = "..." if start else "", "..." if start + limit < len(text) else ""
    return f"{head}{text[start : start + limit]}{tail}"


def install_extra(name: str) -> str:
    """How to install an extra. No command names the package on an index, where anybody could take its name."""
    return f"install the extra {name} of iac: {HOME}#install"


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean X?` for the closest known word, "" when none is close."""
    import difflib  # only for a mistake

    words = list(known)
    if len(words) > _COMPARED:  # a long list of mistakes against a long list of names would take minutes
        backwards = _beside(word[::-1], (name[::-1] for name in words))
        words = [*_beside(word, words), *(name[::-1] for name in backwards)]
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def _beside(word: str, known: Iterable[str]) -> list[str]:
    """The words beside it in the order of the alphabet."""
    words = sorted(known)
    at = max(0, bisect(words, word) - _COMPARED // 4)
    return words[at : at + _COMPARED // 2]


def _inert(match: re.Match[str]) -> str:
    char = match[0]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # four hex digits


def listed(items: Iterable[object], separator: str = ", ") -> str:
    """The first items in one sentence, and how many more there are."""
    names = [str(item) for item in items]
    shown = separator.join(names[:NAMES])
    return shown if len(names) <= NAMES else f"{shown}{separator}and {len(names) - NAMES:,} more"


def bounded(text: str) -> str:
    """The text, cut where it is too long for a message; then its end says how many characters are missing."""
    return text if len(text) <= TEXT else f"{text[:TEXT]}... ({len(text) - TEXT:,} more characters)"


def grouped(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """The items with one key together, each group at the place of its first."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def once_per_message(messages: Iterable[tuple[str, str]], noun: str, *, sign: str = ": ") -> Iterator[str]:
    """`NAME: message` for each pair; one message of many names stands once, with their number and the first names.

    Args:
        messages: name and message.
        noun: what the names are, in the plural.
        sign: what stands between name and message.
    """
    for group in grouped(messages, lambda pair: pair[1]):
        if len(group) <= ALIKE:
            yield from (f"{name}{sign}{message}" for name, message in group)
        else:
            yield f"{group[0][1]} ({len(group):,} {noun}: {listed(name for name, _ in group)})"
