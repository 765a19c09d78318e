"""The forms of SOPS files, by their names as SOPS takes them: text to values and back. Pure.

Comments are not kept: SOPS would encrypt them, and nobody reads them then.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import NoReturn

from iac.sinks.sops.metadata import Foreign, Metadata, parse_flat
from iac.sinks.sops.tree import Branch, Node

METADATA = "sops"
_FLAT = "sops_"
_DIGITS = 15
_NOT_INI = re.compile(r"[#;`\"'\\]")
_SECTION = re.compile(r"\[([^\[\]]+)\]")


class Unwritable(Exception):
    """A text has no values in this form, or such as SOPS would not give back; says why, never a value."""


class Form(ABC):
    """One form of files."""

    @abstractmethod
    def read(self, text: str) -> Branch:
        """The values of a text; raises `Unwritable`."""

    @abstractmethod
    def show(self, branch: Branch) -> str:
        """The values as a text of this form."""

    @abstractmethod
    def seal(self, branch: Branch, metadata: Metadata) -> str:
        """The file that holds encrypted values."""

    def split(self, text: str) -> tuple[Branch, Node]:
        """The values of an encrypted file, and what stands under `sops`; raises `Unwritable` or `Foreign`."""
        branch = self.read(text)
        return branch, branch.pop(METADATA, None)


class Json(Form):
    """An object."""

    def read(self, text: str) -> Branch:
        """See `Form`."""
        try:
            value = json.loads(
                text, parse_constant=_no_fraction, object_pairs_hook=_once, parse_int=_short, parse_float=_no_fraction
            )
        except (ValueError, RecursionError) as error:
            raise Unwritable(f"it is no JSON ({_place(error)})") from None
        if not isinstance(value, dict):
            raise Unwritable("SOPS takes a JSON object only")
        return value

    def show(self, branch: Branch) -> str:
        """See `Form`."""
        return json.dumps(branch, indent="\t", ensure_ascii=False) + "\n"

    def seal(self, branch: Branch, metadata: Metadata) -> str:
        """See `Form`."""
        return self.show({**branch, METADATA: metadata.to_dict()})


class Binary(Form):
    """Any text as one value: `sops decrypt` gives it back byte by byte."""

    def read(self, text: str) -> Branch:
        """See `Form`."""
        return {"data": text}

    def show(self, branch: Branch) -> str:
        """See `Form`."""
        return str(branch["data"])

    def seal(self, branch: Branch, metadata: Metadata) -> str:
        """See `Form`."""
        return Json().seal(branch, metadata)

    def split(self, text: str) -> tuple[Branch, Node]:
        """See `Form`."""
        branch, metadata = Json().split(text)
        if not isinstance(branch.get("data"), str):
            raise Foreign
        return branch, metadata


class Dotenv(Form):
    """Lines `NAME=VALUE`; a value is all that follows, quotes too."""

    def read(self, text: str) -> Branch:
        """See `Form`."""
        branch: Branch = {}
        for number, line in enumerate(text.split("\n"), 1):
            if not line or line.startswith("#"):
                continue
            name, equals, value = line.partition("=")
            if not equals or name in branch:
                raise Unwritable(f"line {number} is no NAME=VALUE, or has a name that was there before")
            branch[name] = value.replace("\\n", "\n")
        return branch

    def show(self, branch: Branch) -> str:
        """See `Form`."""
        lines = {name: str(value).replace("\n", "\\n") for name, value in branch.items()}
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    def seal(self, branch: Branch, metadata: Metadata) -> str:
        """See `Form`."""
        return self.show({**branch, **{f"{_FLAT}{name}": text for name, text in metadata.to_flat().items()}})

    def split(self, text: str) -> tuple[Branch, Node]:
        """See `Form`."""
        flat = self.read(text)
        own = {name.removeprefix(_FLAT): str(value) for name, value in flat.items() if name.startswith(_FLAT)}
        return {name: value for name, value in flat.items() if not name.startswith(_FLAT)}, parse_flat(own)


class Ini(Form):
    """Sections of `key = value`, one line each."""

    def read(self, text: str) -> Branch:
        """See `Form`."""
        branch = _sections(text)
        for name, section in branch.items():
            if any(_NOT_INI.search(str(value)) for value in _mapping(section).values()):
                raise Unwritable(f"[{name}] has a quote, a backslash, # or ;, which readers of INI do not agree on")
        return branch

    def seal(self, branch: Branch, metadata: Metadata) -> str:
        """See `Form`."""
        return self.show({**branch, METADATA: dict(metadata.to_flat())})

    def show(self, branch: Branch) -> str:
        """See `Form`."""
        lines: list[str] = []
        for name, values in branch.items():
            lines += [f"[{name}]", *(f"{key} = {value}" for key, value in _mapping(values).items()), ""]
        return "\n".join(lines)

    def split(self, text: str) -> tuple[Branch, Node]:
        """See `Form`."""
        branch = _sections(text)
        own = branch.pop(METADATA, None)
        return branch, parse_flat({name: str(value) for name, value in _mapping(own).items()})


def _sections(text: str) -> Branch:
    branch: Branch = {}
    section: dict[str, Node] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith(("#", ";")):
            continue
        found = _SECTION.fullmatch(line.rstrip())
        if found:
            section = _new_section(branch, found[1], number)
        else:
            _add_key(section, line, number)
    return branch


def _new_section(branch: Branch, name: str, number: int) -> dict[str, Node]:
    if name in branch:
        raise Unwritable(f"line {number} begins a section that was there before")
    section: dict[str, Node] = {}
    branch[name] = section
    return section


def _add_key(section: dict[str, Node] | None, line: str, number: int) -> None:
    key, equals, value = line.partition("=")
    if section is None or not equals or line[0].isspace() or ":" in key or key.strip() in section:
        raise Unwritable(f"line {number} is no `key = value` of a section, or has a key that was there before")
    section[key.strip()] = value.strip()


def _mapping(node: Node) -> dict[str, Node]:
    if not isinstance(node, dict):
        raise Foreign
    return node


def _once(pairs: list[tuple[str, Node]]) -> dict[str, Node]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unwritable("a key is there twice")
    return found


def _short(text: str) -> int:
    if len(text) > _DIGITS:
        _no_fraction(text)
    return int(text)


def _no_fraction(text: str) -> NoReturn:  # noqa: ARG001  # a number may be a secret
    raise Unwritable("a long number, or one with a point, is read differently by each program: write it as a string")


def _place(error: Exception) -> str:
    return f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "nested too deeply, or a long number"
