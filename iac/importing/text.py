"""A definition as text, in the form that `iac fmt` leaves as it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iac.config.document import parse_document
from iac.config.formatting import format_text, schema_address
from iac.config.splicing import scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from iac.core.diagnostics import Diagnostic

WIDTH = 100
"""Columns that a list in one line may have."""


def write_definition(
    root: Path, file: str, values: Mapping[str, Any], comments: Sequence[str]
) -> tuple[str, list[Diagnostic]]:
    """The text of a definition, comments first, and why it cannot be read back as these values.

    Args:
        root: the project's folder.
        file: where it will stand, relative to it.
        values: keys and values of the definition.
        comments: one line each, printable.
    """
    raw = "".join([*(f"# {comment}\n" for comment in comments), *(_lines(values))])
    document, found = parse_document(raw.encode(errors="surrogatepass"), file)
    if document is None or found:
        return raw, found
    return format_text(document, raw, "client", schema_address(root, file, "client")), []


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        line = f"{key}: {_flow(value)}"
        if isinstance(value, list) and len(line) > WIDTH:
            yield f"{key}:\n"
            yield from (f"  - {_flow(item)}\n" for item in value)
        else:
            yield f"{line}\n"


def _flow(value: Any) -> str:
    if isinstance(value, str):
        return scalar_text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
    return json.dumps(value)
