"""A plan for a pull or merge request, in Markdown that GitHub and GitLab both show. Pure.

It never has more characters than its budget. Diffs are given up first,
then findings, then clients' names in favour of addresses; counts never. Text of users stands in code alone
(`markdown_code`).
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from iac.core.errors import Diagnostic
from iac.core.plan.change import Action, Change, FieldChange, OutputAction, SecretChange
from iac.core.plan.plan import Plan
from iac.core.text import printable
from iac.views.text import SYMBOLS
from iac.views.words import (
    CAUSES,
    FINDINGS,
    SOME_UNREAD,
    CharacterBudget,
    code,
    counted,
    entry_shown,
    no_change,
    remarks,
    sealing,
    shortened,
    value_shown,
)

_ROOM_FOR_NOTES = 500
_LONGEST_WORD, _LONGEST_SENTENCE, _SHORT_NAME = 120, 1_000, 30
_ORDER = (
    Action.DELETE, Action.REPLACE, Action.CREATE, Action.ADOPT, Action.UPDATE, Action.ROTATE, Action.FORGET,
)  # fmt: skip
"""What cannot be undone is told first."""


def plan_markdown(plan: Plan, budget: int) -> str:
    """The plan: title, deletion warning, counts, refusals, names by verb, findings, folded diffs.

    Args:
        plan: what is to be shown.
        budget: most characters of the result, at least `iac.views.kind.SMALLEST_BUDGET`. Where it does not suffice,
            that is the first thing that is said after the title.
    """
    changes = [change for action in _ORDER for change in plan.changes if change.action is action]
    room = CharacterBudget(budget - _ROOM_FOR_NOTES)
    title, *head = room.take([*_title(plan), *_warnings(plan), *_counts(plan)])
    guards, refusals = room.section("#### Refused", [_guard(guard) for guard in plan.guards], most=room.left // 4)
    names, names_note = _names(changes, room)
    findings, unsaid = room.section(FINDINGS, list(_findings(plan, changes)), most=room.left // 2)
    beside = [f"- {word}: {_sentence(sentence)}" for word, sentence in remarks(plan)]
    others, rest = room.section("#### Beside changes", beside, most=room.left // 2)
    folds = room.take(folded(change) for change in changes)
    hidden = {"refusal": refusals, "finding": unsaid + rest, "difference": len(changes) - len(folds)}
    notes = [f"{counted(number, noun)} left out" for noun, number in hidden.items() if number] + names_note
    note = (
        f"> **Shortened to fit: {', '.join(notes)}.** All counts are here; `iac plan --format json` has everything.\n"
    )
    blocks = [title, "", *([note] if notes else []), *head, *guards, *names, *findings, *others, *folds]
    return "\n".join([*blocks, f"Digest {code(plan.digest)}", ""])


def _title(plan: Plan) -> list[str]:
    counts = plan.summary()
    verbs = [f"{counts[str(action)]:,} to {action}" for action in _ORDER if counts[str(action)]]
    where = place_line(plan.project, plan.environment, plan.issuer, plan.api.provider)
    return [f"### Plan: {', '.join(verbs) or no_change(plan)}", where, ""]


def place_line(*words: str) -> str:
    """The line of a project, its environment, the issuer and the provider."""
    project, environment, issuer, provider = (code(shortened(printable(word), _LONGEST_WORD)) for word in words)
    return f"Project {project}, environment {environment}, issuer {issuer}, provider {provider}"


def _warnings(plan: Plan) -> Iterator[str]:
    if leaving := sum(change.deletions for change in plan.changes):
        yield f"> [!CAUTION]\n> **{counted(leaving, 'client')} will be deleted.** Services lose their login at once.\n"
    if refusals := len(plan.refusals):
        yield f"> [!WARNING]\n> **Refused, for {counted(refusals, 'reason')}:** apply will not do this.\n"
    if not plan.complete:
        yield f"> {SOME_UNREAD}\n"


def _counts(plan: Plan) -> list[str]:
    counts = plan.summary()
    labels = [*(str(action) for action in _ORDER), "unchanged", "not managed here"]
    numbers = [*(counts[str(action)] for action in _ORDER), counts["no_op"], counts["unmanaged"]]
    rows = [labels, ["---:" for _ in labels], [f"{number:,}" for number in numbers]]
    return [*(f"| {' | '.join(row)} |" for row in rows), ""]


def _sentence(text: str) -> str:
    return code(shortened(printable(text), _LONGEST_SENTENCE))


def _guard(guard: Diagnostic) -> str:
    ways = [guard.details["setting"], guard.details["flag"]]
    lines = [f"- {code(guard.id)}{_place(guard)}: {_sentence(guard.headline)}", *_why(guard)]
    return "\n".join([*lines, *(f"  - fix: {_sentence(way)}" for way in ways if way)])


def _findings(plan: Plan, changes: Sequence[Change]) -> Iterator[str]:
    yield from (finding_entry(finding, change.address) for change in changes for finding in change.findings)
    yield from (finding_entry(finding, finding.where) for finding in plan.findings)


def finding_entry(finding: Diagnostic, about: str) -> str:
    """A finding and what it is about, as an entry of a list."""
    address = f" {_sentence(about)}:" if about else ""
    head = f"- **{finding.severity}** {code(finding.id)}{_place(finding)}:{address} {_sentence(finding.summary)}"
    fix = [f"  - fix: {_sentence(finding.fix)}"] if finding.fix else []
    return "\n".join([head, *_why(finding), *fix])


def _place(diagnostic: Diagnostic) -> str:
    return f" {_sentence(str(diagnostic.location))}" if diagnostic.location else ""


def _why(diagnostic: Diagnostic) -> list[str]:
    return [f"  - {_sentence(diagnostic.why)}"] if diagnostic.why else []


def _names(changes: Sequence[Change], room: CharacterBudget) -> tuple[list[str], list[str]]:
    """All addresses by verb, with as much of the clients' names as there is room for; and what was given up."""
    for limit, notes in ((None, []), (_SHORT_NAME, ["clients' names cut"]), (0, ["clients' names left out"])):
        lines = list(_by_verb(changes, limit))
        if room.take_all(lines):
            return lines, notes
    addresses, hidden = room.section("#### Changes", [_name(change, 0) for change in changes], most=room.left)
    return addresses, [*notes, f"{counted(hidden, 'address')} left out"]


def _by_verb(changes: Sequence[Change], limit: int | None) -> Iterator[str]:
    for action in _ORDER:
        if entries := [_name(change, limit) for change in changes if change.action is action]:
            yield f"#### {str(action).capitalize()}: {len(entries):,}\n"
            yield from (*entries, "")


def _name(change: Change, limit: int | None) -> str:
    name = printable(change.client_name)
    shown = name if limit is None else shortened(name, limit) if limit else ""
    return f"- {code(change.address)} {code(shown)}".rstrip()


_LONGEST = 1_000
"""Characters of one value; keys and descriptions can have many thousands."""


def folded(change: Change) -> str:
    """A change as a fold that is closed at first: where and why, then what differs."""
    who = f"client {code(change.client_id)}" if change.client_id else ""
    place = code(f"{change.location.file}:{change.location.line}") if change.location else ""
    why = code(shortened(printable(change.reason), _LONGEST))
    return fold(
        (f"{SYMBOLS[change.action]} {change.address}", str(change.action)),
        ", ".join(part for part in (who, place, why) if part),
        list(_lines(change)),
    )


def fold(head: tuple[str, str], words: str, lines: list[str]) -> str:
    """A fold that is closed at first.

    Args:
        head: what is shown of it when it is closed: a text of users, and a word of ours.
        words: the paragraph in it, as Markdown.
        lines: of a diff below; each begins with a sign.
    """
    # Each line of the block begins with a sign, so none can end it.
    block = "\n".join(["```diff", *lines, "```"]) if lines else ""
    inside = "\n\n".join(part for part in (words, block) if part)
    title = f"<code>{html.escape(printable(head[0]))}</code> {head[1]}"
    return f"<details>\n<summary>{title}</summary>\n\n{inside}\n\n</details>\n"


def _lines(change: Change) -> Iterator[str]:
    """Lines of a diff, each with a sign before it."""
    for field in change.fields:
        yield from field_diff(field, CAUSES[field.cause] if change.action is not Action.CREATE else "")
    if change.secret not in {SecretChange.NONE, SecretChange.KEPT}:
        yield from ("@@ secret @@", f"! {change.secret_words}")
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
