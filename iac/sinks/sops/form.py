"""The forms of SOPS files, by their names as SOPS takes them: text to values and back. Pure.

Comments are not kept: SOPS would encrypt them, and nobody reads them then.

YAML is read as YAML 1.2 core has it, and written so that every reader gives the same strings back.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NoReturn

from iac.core.limits import LARGEST_LIST
from iac.document import WORDS, YamlReader, parse_yaml
from iac.sinks.sops.tree import Branch, ForeignMetadata, Metadata, Node, parse_flat

METADATA = "sops"
_FLAT = "sops_"
_DIGITS = 15
_NOT_INI = re.compile(r"[#;`\"'\\]")
_SECTION = re.compile(r"\[([^\[\]]+)\]")


class FormError(Exception):
    """A text has no values in this form, or such as SOPS would not give back; says why, never a value."""


class Form(ABC):
    """One form of files."""

    @abstractmethod
    def read(self, text: str) -> Branch:
        """The values of a text; raises `FormError`."""

    @abstractmethod
    def show(self, branch: Branch) -> str:
        """The values as a text of this form."""

    def seal(self, branch: Branch, metadata: Metadata) -> str:
        """The file that holds encrypted values."""
        return self.show({**branch, METADATA: metadata.to_dict()})

    def split(self, text: str) -> tuple[Branch, Node]:
        """The values of an encrypted file, and what stands under `sops`; raises `FormError` or `ForeignMetadata`."""
        branch = self.read(text)
        return branch, branch.pop(METADATA, None)


class Json(Form):
    """An object."""

    def read(self, text: str) -> Branch:
        """See `Form`."""
        try:
            value = json.loads(
                text,
                parse_constant=_no_fraction,
                object_pairs_hook=_unique_keys,
                parse_int=_small_number,
                parse_float=_no_fraction,
            )
        except (ValueError, RecursionError) as error:
            raise FormError(f"it is not JSON ({_place(error)})") from None
        if not isinstance(value, dict):
            raise FormError("SOPS takes a JSON object only")
        return value

    def show(self, branch: Branch) -> str:
        """See `Form`."""
        return json.dumps(branch, indent="\t", ensure_ascii=False) + "\n"


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
            raise ForeignMetadata
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
                raise FormError(f"line {number} is not NAME=VALUE, or repeats a name")
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
        metadata = {name.removeprefix(_FLAT): str(value) for name, value in flat.items() if name.startswith(_FLAT)}
        return {name: value for name, value in flat.items() if not name.startswith(_FLAT)}, parse_flat(metadata)


class Ini(Form):
    """Sections of `key = value`, one line each."""

    def read(self, text: str) -> Branch:
        """See `Form`."""
        branch = _sections(text)
        for name, section in branch.items():
            if any(_NOT_INI.search(str(value)) for value in _mapping(section).values()):
                raise FormError(f"[{name}] has a quote, a backslash, # or ;, which readers of INI do not agree on")
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
        metadata = branch.pop(METADATA, None)
        return branch, parse_flat({name: str(value) for name, value in _mapping(metadata).items()})


def _sections(text: str) -> Branch:
    branch: Branch = {}
    section: dict[str, Node] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if header := _SECTION.fullmatch(line.rstrip()):
            if header[1] in branch:
                raise FormError(f"line {number} begins a section that was there before")
            section = {}
            branch[header[1]] = section
        else:
            key, equals, value = line.partition("=")
            if section is None or not equals or line[0].isspace() or ":" in key or key.strip() in section:
                raise FormError(f"line {number} is not `key = value` of a section, or repeats a key")
            section[key.strip()] = value.strip()
    return branch


def _mapping(node: Node) -> dict[str, Node]:
    if not isinstance(node, dict):
        raise ForeignMetadata
    return node


def _unique_keys(pairs: list[tuple[str, Node]]) -> dict[str, Node]:
    branch = dict(pairs)
    if len(branch) < len(pairs):
        raise FormError("a key is there twice")
    return branch


def _small_number(text: str) -> int:
    if len(text) > _DIGITS:
        _no_fraction(text)
    return int(text)


def _no_fraction(_: str) -> NoReturn:  # a number may be a secret
    raise FormError("a long number, or one with a point, is read differently by each program: write it as a string")


def _place(error: Exception) -> str:
    return f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "nested too deeply, or a long number"


_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})")
_NUMBER = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|nan)", re.IGNORECASE
)
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_FOUR_DIGITS = 0xFFFF


class _SopsReader(YamlReader):
    """Reads numbers that all programs read alike, and any character in a text."""

    max_nodes = LARGEST_LIST

    def scalar(self, event: Any) -> Node:
        """The value; a number of another kind is a mistake."""
        text: str = event.value
        if not event.implicit[0]:
            return text
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            self.fault(event, "yaml-number", "each program reads this number differently: write it as a string")
        return WORDS.get(text, text)


class Yaml(Form):
    """One document that is a mapping, without anchors and tags."""

    def read(self, text: str) -> Branch:
        """See `Form`."""
        parsed = parse_yaml(text, reader=_SopsReader)
        for problem in parsed.mistakes:  # its summary holds no value
            raise FormError(f"line {problem.location.line if problem.location else 1}: {problem.summary}")
        if not isinstance(parsed.value, dict):
            raise FormError("SOPS takes a YAML mapping only")
        return parsed.value

    def show(self, branch: Branch) -> str:
        """See `Form`."""
        return "".join(f"{line}\n" for line in _yaml_lines(branch, ""))


def _yaml_lines(branch: Branch, indent: str) -> Iterator[str]:
    for name, node in branch.items():
        yield from _lines(node, indent, f"{indent}{name if _is_plain(name) else quoted(name)}:")


def _is_plain(name: str) -> bool:
    return _PLAIN_KEY.fullmatch(name) is not None and name.lower() not in {
        "null",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
    }


def _lines(node: Node, indent: str, head: str) -> Iterator[str]:
    if isinstance(node, dict) and node:
        yield head
        yield from _yaml_lines(node, f"{indent}    ")
    elif isinstance(node, list) and node:
        yield head
        for item in node:
            yield from _item(item, f"{indent}    ")
    else:
        yield f"{head} {_text(node)}"


def _item(node: Node, indent: str) -> Iterator[str]:
    """An item of a list; a mapping or list in it begins on the line of its dash."""
    if isinstance(node, dict | list) and node:
        inner = f"{indent}  "
        nested = (
            _yaml_lines(node, inner)
            if isinstance(node, dict)
            else (line for part in node for line in _item(part, inner))
        )
        first, *rest = nested
        yield f"{indent}- {first.removeprefix(inner)}"
        yield from rest
    else:
        yield f"{indent}- {_text(node)}"


def _text(node: Node) -> str:
    if isinstance(node, str):
        return quoted(node)
    if isinstance(node, bool):
        return "true" if node else "false"
    return "null" if node is None else "{}" if node == {} else "[]" if node == [] else str(node)


def quoted(text: str) -> str:
    """The text in double quotes (YAML 1.2 section 7.3.1): JSON, with all that nobody sees as escapes."""
    return "".join(
        char if char.isprintable() else f"\\u{ord(char):04x}" if ord(char) <= _FOUR_DIGITS else f"\\U{ord(char):08x}"
        for char in json.dumps(text, ensure_ascii=False)
    )
