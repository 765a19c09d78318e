"""A change in Markdown: folded, its fields as a diff. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from iac.core.plan.change import Action, Change, FieldChange, OutputAction, SecretChange
from iac.core.text import printable
from iac.views.text import SYMBOLS
from iac.views.words import CAUSES, code, diff_block, entry_shown, html_code, sealing, shortened, value_shown

_LONGEST = 1_000
"""Characters of one value; keys and descriptions can have many thousands."""


def folded(change: Change) -> str:
    """A change as a fold that is closed at first: where and why, then what differs."""
    who = f"client {code(change.client_id)}" if change.client_id else ""
    place = code(f"{change.location.file}:{change.location.line}") if change.location else ""
    why = code(shortened(printable(change.reason), _LONGEST))
    told = ", ".join(part for part in (who, place, why) if part)
    return fold((f"{SYMBOLS[change.action]} {change.address}", str(change.action)), told, list(_lines(change)))


def fold(head: tuple[str, str], told: str, lines: list[str]) -> str:
    """A fold that is closed at first.

    Args:
        head: what is shown of it when it is closed: a text of users, and a word of ours.
        told: the paragraph in it, as Markdown.
        lines: of a diff below; each begins with a sign.
    """
    inside = "\n\n".join(part for part in (told, diff_block(lines) if lines else "") if part)
    return f"<details>\n<summary>{html_code(head[0])} {head[1]}</summary>\n\n{inside}\n\n</details>\n"


def _lines(change: Change) -> Iterator[str]:
    """Lines of a diff, each with a sign before it."""
    for field in change.fields:
        cause = CAUSES[field.cause] if change.action is not Action.CREATE else ""
        yield from field_diff(field, cause)
    if change.secret not in {SecretChange.NONE, SecretChange.KEPT}:
        yield from ("@@ secret @@", f"! {change.secret}")
    yield from _recipients(change)
    for output in change.outputs:
        if output.action is not OutputAction.UNCHANGED:
            yield from ("@@ output @@", f"! {printable(output.id)} {output.action}")
            yield from (f"! sealed to {printable(key)}" for key in output.recipients)


def _recipients(change: Change) -> Iterator[str]:
    who = change.recipients
    if who is None:
        return
    if who.is_changed:
        yield "@@ recipients @@"
        yield from (_line("-", printable(key)) for key in who.removed)
        yield from (_line("+", printable(key)) for key in who.added)
        yield f"! {sealing(who)}"
    elif who.after and (who.is_sealed or who.before is None):
        yield from ("@@ recipients @@", *(f"! {printable(key)}" for key in who.after))


def field_diff(field: FieldChange, cause: str) -> Iterator[str]:
    """Lines of a diff for one field: its name with who changed it, then what goes and what comes."""
    yield f"@@ {printable(field.name)} @@{f' {cause}' if cause else ''}"
    yield from _values(field)


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
