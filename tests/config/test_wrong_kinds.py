"""Every key of the schemas with every wrong kind of value: each mistake has its place, and none hides another.

Made from `everything`, whose documents have every key; a key that a schema gets later has to be put there.
"""

from __future__ import annotations

import copy
import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from iac.config.complaint import validator_of
from iac.config.schema import load_schema
from iac.core.errors import Severity
from iac.document import parse_document
from iac.workflow.validate import validate
from tests.config.everything import DEFINITION, PROJECTS, SHARED
from tests.config.given import CLIENT, PROJECT, write
from tests.config.places import all_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from iac.core.errors import Diagnostic
    from iac.document import Pointer

KINDS: list[list[Any]] = [
    [None],
    [True],
    [5, -1, 1.5],
    ["", "wrong", "broken\n"],
    [[], [5], [[]], [["a"]]],
    [{}, {"a": {"b": []}}],
]
"""Values of each kind that JSON has; every key takes some kinds, and none takes all. The values of a kind go round."""

OTHER = "clients.d/other.yaml"
MISTAKE = "unknown key contact"

of_each_kind = pytest.mark.parametrize("values", KINDS, ids=["null", "boolean", "number", "text", "list", "mapping"])


def positions(value: Any, pointer: Pointer = ()) -> Iterator[Pointer]:
    """Where something stands in a document."""
    yield pointer
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        if "values" not in pointer:
            yield from positions(part, (*pointer, key))


def put(value: Any, pointer: Pointer, wrong: Any) -> Any:
    """The document with another value at one place."""
    if not pointer:
        return wrong
    changed = copy.copy(value)
    changed[pointer[0]] = put(value[pointer[0]], pointer[1:], wrong)
    return changed


def around(value: Any, pointer: Pointer) -> Any:
    """What a place needs of its document: the key that it is in, and those that a document cannot do without."""
    if not pointer:
        return value
    needed = {"client_name", "project", "provider", pointer[0]}
    reduced = {key: part for key, part in value.items() if key in needed}
    if pointer[0] == "environments" and len(pointer) > 2:
        name, key = pointer[1:3]
        reduced["environments"] = {name: {key: value["environments"][name][key]}}
    return reduced


def is_valid(schema: str, value: Any) -> bool:
    return not any(True for _ in validator_of(schema).iter_errors(value))


def check(root: Path, file: str, schema: str, value: Any, pointer: Pointer) -> None:
    """Validate a project in which one file has this value, and see that what is said has its place."""
    text = json.dumps(value, indent=1)
    (root / file).write_text(text, encoding="utf-8")
    found = validate(root).diagnostics
    assert any(MISTAKE in each.summary for each in found), "another mistake is hidden"
    if not is_valid(schema, value) and value is not None:
        document, _ = parse_document(text.encode(), file)
        assert document
        below = [place for place, _ in all_places(document.place) if place[: len(pointer)] == pointer]
        near = {at(*place) for place in below for at in (document.at, document.at_key)}
        assert [each for each in stopping(found, file) if each.location in near], (pointer, value)
    assert all(each.location and each.summary for each in found)


def stopping(found: tuple[Diagnostic, ...], file: str) -> list[Diagnostic]:
    return [each for each in found if each.severity is Severity.ERROR and each.location and each.location.file == file]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    environments = "environments: {prod: {}}\n"
    return write(
        tmp_path, {"iac.yaml": PROJECT + environments, OTHER: CLIENT.replace("portal", "other") + "contact: x\n"}
    )


@of_each_kind
def test_each_key_of_a_definition_with_each_wrong_kind_has_its_place(root: Path, values: list[Any]) -> None:
    for pointer, wrong in zip(positions(DEFINITION), cycle(values), strict=False):
        check(root, "clients.d/portal.yaml", "client", put(around(DEFINITION, pointer), pointer, wrong), pointer)


@of_each_kind
def test_each_key_of_a_folder_s_defaults_with_each_wrong_kind_has_its_place(root: Path, values: list[Any]) -> None:
    for pointer, wrong in zip(positions(SHARED), cycle(values), strict=False):
        check(root, "clients.d/_defaults.yaml", "defaults", put(around(SHARED, pointer), pointer, wrong), pointer)


@of_each_kind
def test_each_key_of_iac_yaml_with_each_wrong_kind_has_its_place(root: Path, values: list[Any]) -> None:
    for project in PROJECTS:
        for pointer, wrong in zip(positions(project), cycle(values), strict=False):
            check(root, "iac.yaml", "project", put(around(project, pointer), pointer, wrong), pointer)


def keys(schema: Any) -> Iterator[tuple[int, str]]:
    """Every key of every mapping in a schema, by the identity of the mapping's schema."""
    for part in parts(schema):
        for key in part.get("properties", {}):
            yield id(part), key


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for name, value in schema.items():
            if name not in {"enum", "const"}:
                yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)


def used(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """The keys of a schema that a value has, in the branches that it is valid by."""
    if "$ref" in schema:
        yield from used(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if jsonschema.Draft202012Validator({**branch, "$defs": root["$defs"]}).is_valid(value):
            yield from used(branch, value, root)
    if isinstance(value, list) and "items" in schema:
        for item in value:
            yield from used(schema["items"], item, root)
    if isinstance(value, dict):
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key)
            if inner is not None:
                yield id(schema), key
            inner = inner or schema.get("additionalProperties")
            if isinstance(inner, dict):
                yield from used(inner, item, root)


@pytest.mark.parametrize(("name", "documents"), [("client", [DEFINITION]), ("project", PROJECTS)])
def test_every_key_of_the_schemas_is_tried(name: str, documents: list[Any]) -> None:
    schema = load_schema(name)
    tried = {found for document in documents for found in used(schema, document, schema)}
    alike = {"policy", "lifetime_bounds", "server_defaults"}  # all of their keys have one schema
    known = (
        {found for part, inner in schema["properties"].items() if part not in alike for found in keys(inner)}
        | {(id(schema), key) for key in schema["properties"]}
        | set(keys(schema["$defs"]))
    )
    assert set() == {key for place, key in known - tried}
