"""YAML files of SOPS: read as YAML 1.2 core has it, written so that every reader gives the same strings back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from iac.sinks.sops.form import METADATA, Form, Unwritable
from iac.sinks.sops.metadata import Metadata
from iac.sinks.sops.tree import Branch, Node

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]{1,15}")
_NUMBER = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|nan)", re.IGNORECASE
)
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_DEEPEST = 32
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Yaml(Form):
    """One document that is a mapping, without anchors and tags."""

    def read(self, text: str) -> Branch:
        """See `Form`."""
        value = _value(_composed(text))
        if not isinstance(value, dict):
            raise Unwritable("SOPS takes a YAML mapping only")
        return value

    def show(self, branch: Branch) -> str:
        """See `Form`."""
        return "".join(f"{line}\n" for line in _mapping(branch, ""))

    def seal(self, branch: Branch, metadata: Metadata) -> str:
        """See `Form`."""
        return self.show({**branch, METADATA: metadata.to_dict()})


def _composed(text: str) -> Any:
    import yaml  # only where an output is YAML

    try:
        _check_tokens(text)
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "its end"
        raise Unwritable(f"it is no YAML of one document ({line})") from None
    except yaml.YAMLError:
        raise Unwritable("it is no YAML: it has a character that YAML does not have") from None


def _check_tokens(text: str) -> None:
    """Refuse what can name or repeat a value, and nesting that exhausts a reader."""
    import yaml  # only where an output is YAML

    depth = 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        line = token.start_mark.line + 1
        if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken | yaml.DirectiveToken):
            raise Unwritable(f"line {line} has an anchor, an alias, a tag or a directive")
        depth += type(token).__name__.endswith("StartToken") - type(token).__name__.endswith("EndToken")
        if depth > _DEEPEST:
            raise Unwritable(f"line {line} is nested too deeply")


def _value(node: Any) -> Node:
    import yaml  # only where an output is YAML

    if isinstance(node, yaml.MappingNode):
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = _scalar(key) if isinstance(key, yaml.ScalarNode) else None
            if not isinstance(name, str) or name in found:
                raise Unwritable(f"line {key.start_mark.line + 1} has a key that is no string, or was there before")
            found[name] = _value(value)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return _scalar(node) if node is not None else None


def _scalar(node: Any) -> Node:
    text: str = node.value
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text) and (text.lstrip("-+") == "0" or not text.lstrip("-+").startswith("0")):
        return int(text)
    if _NUMBER.fullmatch(text):
        line = node.start_mark.line + 1
        raise Unwritable(f"the number of line {line} is read differently by each program: write it as a string")
    return text


def _mapping(branch: Branch, indent: str) -> Iterator[str]:
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
        yield from _mapping(node, f"{indent}    ")
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
            _mapping(node, inner) if isinstance(node, dict) else (line for part in node for line in _item(part, inner))
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
    """The text in double quotes (YAML 1.2 section 7.3.1)."""
    return f'"{"".join(map(_character, text))}"'


def _character(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"  # noqa: PLR2004  # four hex digits
