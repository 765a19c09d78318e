"""What jsonschema finds in a document, typed. Its own messages are left out: they print the value, secret or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import referencing

from iac.config.format import FORMATS
from iac.config.schema import load_schema

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


@dataclass(frozen=True, slots=True)
class Violation:
    """One mistake: in which keyword, for which value at which pointer, in which branch of a union."""

    keyword: str
    wanted: Any
    value: Any
    schema: Mapping[str, Any]
    pointer: tuple[str | int, ...]
    relative: tuple[str | int, ...]
    branch: int
    is_name: bool
    inner: tuple[Violation, ...]


def _typed(error: ValidationError) -> Violation:
    path = list(error.schema_path)
    return Violation(
        keyword=str(error.validator),
        wanted=error.validator_value,
        value=error.instance,
        schema=cast("Mapping[str, Any]", error.schema),
        pointer=tuple(error.absolute_path),
        relative=tuple(error.path),
        branch=path[0] if path and isinstance(path[0], int) else 0,
        is_name="propertyNames" in path,
        inner=tuple(_typed(inner) for inner in error.context or ()),
    )


@cache
def validator_of(name: str) -> jsonschema.protocols.Validator:
    """Jsonschema's validator of a schema, with our formats."""
    formats = jsonschema.FormatChecker(formats=())
    for each, test in FORMATS.items():
        formats.checks(each)(test)
    return jsonschema.Draft202012Validator(load_schema(name), registry=referencing.Registry(), format_checker=formats)


def violations(value: Any, name: str) -> Iterator[Violation]:
    """Everything in a value that its schema forbids."""
    for error in validator_of(name).iter_errors(value):
        yield _typed(error)
