"""A change in Markdown: folded, its fields as a diff. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.change import Action, OutputAction, SecretChange
from iac.core.text import printable
from iac.views.markdown_code import code, diff_block, html_code
from iac.views.shown import CAUSES, entry_shown, shortened, value_shown
from iac.views.text import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.change import Change, FieldChange

_LONGEST = 1_000
"""Characters of one value; keys and descriptions can have many thousands."""


def folded(change: Change) -> str:
    """A change as a fold that is closed at first: where and why, then what differs."""
    head = f"{html_code(f'{SYMBOLS[change.action]} {change.address}')} {change.action}"
    who = f"client {code(change.client_id)}" if change.client_id else ""
    place = code(f"{change.location.file}:{change.location.line}") if change.location else ""
    why = code(shortened(printable(change.reason), _LONGEST))
    lines = list(_lines(change))
    told = ", ".join(part for part in (who, place, why) if part)
    parts = [told, diff_block(lines) if lines else ""]
    inside = "\n\n".join(part for part in parts if part)
    return f"<details>\n<summary>{head}</summary>\n\n{inside}\n\n</details>\n"


def _lines(change: Change) -> Iterator[str]:
    """Lines of a diff, each with a sign before it."""
    for field in change.fields:
        cause = f" {CAUSES[field.cause]}" if CAUSES[field.cause] and change.action is not Action.CREATE else ""
        yield f"@@ {printable(field.name)} @@{cause}"
        yield from _values(field)
    if change.secret not in {SecretChange.NONE, SecretChange.KEPT}:
        yield from ("@@ secret @@", f"! {change.secret}")
    for output in change.outputs:
        if output.action is not OutputAction.UNCHANGED:
            yield from ("@@ output @@", f"! {printable(output.path)} {output.action}")


def _values(field: FieldChange) -> Iterator[str]:
    if field.added or field.removed:
        yield from (_line("-", entry_shown(field.name, entry)) for entry in field.removed)
        yield from (_line("+", entry_shown(field.name, entry)) for entry in field.added)
        return
    if field.before is not None:
        yield _line("-", value_shown(field.name, field.before))
    if field.after is not None:
        yield _line("+", value_shown(field.name, field.after))


def _line(sign: str, value: str) -> str:
    return f"{sign} {shortened(value, _LONGEST)}"
