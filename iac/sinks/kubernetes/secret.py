"""Secrets as the API has them (v1 Secret), and whose fields of them are. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from iac.core.errors import RenderError

Manifest = dict[str, Any]
MANAGER = "iac"
"""The field manager of everything that iac applies."""
MARK = "indigo-iac.github.io/owner"
"""The annotation that says which project and environment made a Secret."""
_MANAGED_BY = "app.kubernetes.io/managed-by"
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_KEY = re.compile(r"(?!\.\.)[A-Za-z0-9._-]{1,253}")
_ENTRY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(?:'([^']*)'|([^\s'\"]*))")


class SecretPath(Struct, frozen=True):
    """The place of an output; `key` "" for a dotenv output, each line of which is a key."""

    path: str
    namespace: str
    name: str
    key: str = ""


def parse_target(path: str) -> SecretPath:
    """Read a path: `NAMESPACE/NAME/KEY` or `NAMESPACE/NAME`.

    Raises:
        RenderError: it is neither.
    """
    namespace, _, rest = path.partition("/")
    name, slash, key = rest.partition("/")
    if not (_NAME.fullmatch(namespace) and _NAME.fullmatch(name)) or (slash and not _KEY.fullmatch(key)):
        raise RenderError(
            "the output's path names no key of a Secret",
            where=path,
            fix="path: NAMESPACE/NAME/KEY, or NAMESPACE/NAME for dotenv",
        )
    return SecretPath(path, namespace, name, key)


def read_data(target: SecretPath, content: bytes) -> dict[str, str]:
    """The `data` of the Secret: key to base64.

    Raises:
        RenderError: the content should be several keys, and is not dotenv.
    """
    if target.key:
        return {target.key: base64.b64encode(content).decode()}
    return {name: base64.b64encode(value.encode()).decode() for name, value in _entries(target, content)}


def _entries(target: SecretPath, content: bytes) -> Iterator[tuple[str, str]]:
    names: set[str] = set()
    for number, line in enumerate(content.decode(errors="replace").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry = _ENTRY.fullmatch(line)
        if entry is None or entry[1] in names:
            raise RenderError(
                "the output cannot be several keys of a Secret",
                where=target.path,
                why=f"line {number} is not NAME=VALUE as dotenv has it, or repeats a name",
                fix="use the template dotenv, or name one key for the whole: path: NAMESPACE/NAME/KEY",
            )
        names.add(entry[1])
        yield entry[1], entry[2] if entry[2] is not None else entry[3]


def read_content(target: SecretPath, present: Manifest) -> bytes | None:
    """The part of a Secret that is an output; several keys as dotenv lines; None when there is none."""
    data = {name: base64.b64decode(text) for name, text in _part(present, "data").items()}
    if target.key:
        return data.get(target.key)
    owned = _owned(present, ("data",))
    return b"".join(_line(name, value) for name, value in data.items() if name in owned)


def _line(name: str, value: bytes) -> bytes:
    is_bare = re.fullmatch(rb"[^\s'\"]*", value)
    return b"%s=%s\n" % (name.encode(), value) if is_bare else b"%s='%s'\n" % (name.encode(), value)


def manifest(target: SecretPath, data: Mapping[str, str], owner: str, kind: str, labels: Mapping[str, str]) -> Manifest:
    """The Secret as it is applied."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": target.name,
            "namespace": target.namespace,
            "labels": {**labels, _MANAGED_BY: MANAGER},
            "annotations": {MARK: owner},
        },
        "type": kind,
        "data": dict(data),
    }


def released(target: SecretPath, present: Manifest) -> Manifest:
    """A Secret without fields of ours, where others keep keys in it. Its type cannot be changed."""
    metadata = {"name": target.name, "namespace": target.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": present.get("type")}


def is_marked(present: Manifest, owner: str) -> bool:
    """Whether a Secret was made by this project and environment."""
    return bool(_part(present, "metadata", "annotations").get(MARK) == owner)


def holds(present: Manifest | None, wanted: Manifest) -> bool:
    """Whether a Secret is as it was applied, and nothing of what iac applied before is left in it."""
    if present is None or present.get("type") != wanted["type"]:
        return False
    for path in (("data",), ("metadata", "labels"), ("metadata", "annotations")):
        present_part, wanted_part = _part(present, *path), _part(wanted, *path)
        if _owned(present, path) != set(wanted_part) or any(
            present_part.get(name) != value for name, value in wanted_part.items()
        ):
            return False
    return True


def keys_of_others(present: Manifest) -> set[str]:
    """Keys of the data that are not iac's."""
    return set(_part(present, "data")) - _owned(present, ("data",))


def _owned(present: Manifest, path: tuple[str, ...]) -> set[str]:
    """Names below a field that iac's applies own (metadata.managedFields, fieldsV1)."""
    names: set[str] = set()
    for entry in present.get("metadata", {}).get("managedFields", ()):
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply":
            fields = _part(entry.get("fieldsV1", {}), *(f"f:{part}" for part in path))
            names |= {name.removeprefix("f:") for name in fields if name.startswith("f:")}
    return names


def _part(present: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A mapping inside of one; empty when there is none."""
    part: Any = present
    for name in path:
        part = (part or {}).get(name)
    return part or {}
