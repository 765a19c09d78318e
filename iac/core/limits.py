"""Limits: how much of a long list or text one message shows, and what is taken from a server. Pure.

A person reads the first few names and the number. `--format json` holds every item; there, too, one message has an end,
for what users and servers write can be of any length.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

NAMES = 10
"""Names or reasons in one sentence: more of them push the fix out of sight."""

ALIKE = 10
"""Lines that say the same: mistakes of one kind in one file, or one message for many clients. More are one habit."""

MESSAGES = 100
"""Messages that one command prints: about five screens."""

TEXT = 4_096
"""Characters of one part of a message: the longest path fits."""

T = TypeVar("T")


def listed(items: Iterable[object], separator: str = ", ") -> str:
    """The first items in one sentence, and how many more there are."""
    names = [str(item) for item in items]
    shown = separator.join(names[:NAMES])
    return shown if len(names) <= NAMES else f"{shown}{separator}and {len(names) - NAMES:,} more"


def bounded(text: str) -> str:
    """The text, cut where it is too long for a message; then its end says how many characters are missing."""
    return text if len(text) <= TEXT else f"{text[:TEXT]}... ({len(text) - TEXT:,} more characters)"


def alike(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """The items with one key together, each group at the place of its first."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def said_once(messages: Iterable[tuple[str, str]], noun: str, *, sign: str = ": ") -> Iterator[str]:
    """`NAME: message` for each pair; what is said of many is said once, with their number and the first names.

    Args:
        messages: name and message.
        noun: what the names are, in the plural.
        sign: what stands between name and message.
    """
    for group in alike(messages, lambda pair: pair[1]):
        if len(group) <= ALIKE:
            yield from (f"{name}{sign}{message}" for name, message in group)
        else:
            yield f"{group[0][1]} ({len(group):,} {noun}: {listed(name for name, _ in group)})"


TIMEOUT = 30.0
"""Seconds that a server may be silent: `timeout` of iac.yaml."""

DEADLINE = 120.0
"""Seconds for a whole answer, from the first step to the last byte, repeated reads and pauses included: `deadline`."""

LARGEST_BODY = 32 * 2**20
"""Bytes of an answer, decoded; a page of 100 clients with the largest jwk that IAM takes is 7 MB."""

LARGEST_HEAD = 2**20
"""Bytes of an answer besides its body: status lines, headers, those of 1xx answers, sizes of chunks, trailers."""

DECODED_AT_ONCE = 2**16
"""Bytes that one step of decompression may make."""
