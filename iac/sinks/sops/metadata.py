"""What a SOPS file says of itself: who opens it, when it was changed, its MAC, which values are encrypted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from iac.sinks.sops.tree import UNENCRYPTED, Node

VERSION = "3.13.3"
"""The version of SOPS with which these files are tested; SOPS asks for one."""
_KNOWN = frozenset({"age", "lastmodified", "mac", "unencrypted_suffix", "encrypted_regex", "version"})
_NAMES = re.compile(r"\^\(([A-Za-z0-9_|-]+)\)\$")
_PART = re.compile(r"__(map|list)_")


class Foreign(Exception):
    """The metadata are none, or of a file that this sink would not write."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of a file that this sink writes.

    Attributes:
        keys: each recipient with the data key that is sealed to it, armored.
        modified: RFC 3339.
        mac: encrypted.
        encrypted_keys: the only keys below which values are encrypted; empty for all.
    """

    keys: tuple[tuple[str, str], ...]
    modified: str
    mac: str
    encrypted_keys: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Node]:
        """As it stands under `sops`."""
        names = "|".join(self.encrypted_keys)
        return {
            "age": [{"recipient": recipient, "enc": sealed} for recipient, sealed in self.keys],
            "lastmodified": self.modified,
            "mac": self.mac,
            **({"encrypted_regex": f"^({names})$"} if names else {"unencrypted_suffix": UNENCRYPTED}),
            "version": VERSION,
        }

    def to_flat(self) -> dict[str, str]:
        """As dotenv and INI have it: one level of keys, line breaks as a backslash and an n."""
        return {name: text.replace("\n", "\\n") for name, text in _flat(self.to_dict(), "")}


def parse_metadata(value: Node) -> Metadata:
    """Read what stands under `sops`; raises `Foreign`."""
    if not isinstance(value, dict):
        raise Foreign
    filled = {name: part for name, part in value.items() if part not in (None, [], "")}
    age = filled.get("age")
    if not _KNOWN.issuperset(filled) or not isinstance(age, list):
        raise Foreign
    found = _NAMES.fullmatch(_string(filled.get("encrypted_regex", "^(all)$")))
    if found is None or filled.get("unencrypted_suffix", UNENCRYPTED) != UNENCRYPTED:
        raise Foreign
    names = tuple(found[1].split("|")) if "encrypted_regex" in filled else ()
    return Metadata(tuple(map(_key, age)), _string(filled.get("lastmodified")), _string(filled.get("mac")), names)


def parse_flat(flat: Mapping[str, str]) -> Node:
    """The nested form of what dotenv and INI have on one level; raises `Foreign`."""
    root: dict[str, Node] = {}
    for name, text in flat.items():
        head, *rest = _PART.split(name)
        _put(root, [head, *(int(part) if kind == "list" else part for kind, part in _pairs(rest))], text)
    return _listed(root)


def _pairs(parts: list[str]) -> Iterator[tuple[str, str]]:
    for kind, part in zip(parts[::2], parts[1::2], strict=True):
        if kind == "list" and not (part.isascii() and part.isdigit()):
            raise Foreign
        yield kind, part


def _put(root: dict, path: list[str | int], text: str) -> None:  # type: ignore[type-arg]  # keys of lists are numbers
    for part in path[:-1]:
        root = root.setdefault(part, {})
        if not isinstance(root, dict):
            raise Foreign
    if path[-1] in root:
        raise Foreign
    root[path[-1]] = text.replace("\\n", "\n")


def _listed(node: Node) -> Node:
    if not isinstance(node, dict):
        return node
    inner = {key: _listed(value) for key, value in node.items()}
    if inner and all(isinstance(key, int) for key in inner):
        return [inner[key] for key in sorted(inner)]
    return inner


def _flat(node: Node, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _flat(inner, f"{prefix}__map_{name}" if prefix else name)
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _flat(inner, f"{prefix}__list_{index}")
    else:
        yield prefix, str(node)


def _key(value: Node) -> tuple[str, str]:
    if not isinstance(value, dict):
        raise Foreign
    return _string(value.get("recipient")), _string(value.get("enc"))


def _string(value: Node) -> str:
    if not isinstance(value, str):
        raise Foreign
    return value
