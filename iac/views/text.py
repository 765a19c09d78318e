"""A plan and a report for people at a terminal. Pure; text of users and servers is made inert before it is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from iac.apply.outcome import (
    Delivered,
    Done,
    Failed,
    NotDelivered,
    NotTried,
    Report,
)
from iac.core.errors import Diagnostic, IacError, OwnersError
from iac.core.plan.change import Action, Change, FieldChange, OutputAction, SecretChange
from iac.core.plan.plan import Plan
from iac.core.text import ALIKE, grouped, listed, printable
from iac.views.layout import TextLayout
from iac.views.words import (
    CAUSES,
    SOME_UNREAD,
    counted,
    entry_shown,
    no_change,
    remarks,
    sealing,
    value_shown,
)

SYMBOLS = {
    Action.CREATE: "+",
    Action.ADOPT: ">",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.ROTATE: "@",
    Action.DELETE: "-",
    Action.FORGET: "x",
}
_PAST = {
    Action.CREATE: "created",
    Action.ADOPT: "adopted",
    Action.UPDATE: "updated",
    Action.REPLACE: "registered",
    Action.ROTATE: "rotated",
}
_NAME_WIDTH = 30
_NAMES_WIDTH = 100
"""Of lines with many names, where no terminal says how wide it is."""


def plan_text(plan: Plan, *, color: bool, width: int | None = None, is_full: bool = False) -> str:
    """The whole plan: changes, refusals, remarks, summary. Many changes of one kind are one block with their names.

    Args:
        plan: what is to be shown.
        color: whether to use the colours of a terminal.
        width: of the terminal, in characters; None leaves lines as long as they are.
        is_full: whether each change has a block of its own.
    """
    page = TextLayout(color=color, width=width)
    title = f"{plan.project}, environment {plan.environment}, {plan.issuer} ({plan.api.provider})"
    blocks = [list(block) for block in _blocks(plan.changes, page, is_full=is_full)]
    blocks += [lines] if (lines := [page.line(line) for line in _remarks(plan)]) else []
    if plan.refusals:
        blocks.append([page.line(f"Refused: {_refusing(plan)}", "!"), *map(page.line, _guards(plan))])
    return page.text(title, blocks, summary_line(plan))


def _refusing(plan: Plan) -> str:
    """By how many guards, which follow, and how many findings, which stand where they belong."""
    guards = counted(len(plan.guards), "guard") if plan.guards else ""
    refused = len(plan.refusals) - len(plan.guards)
    findings = f"{counted(refused, 'finding')} of policy" if refused else ""
    return " and ".join(part for part in (guards, findings) if part)


def summary_line(plan: Plan) -> str:
    """Counts in one line."""
    counts = plan.summary()
    done = [f"{counts[str(action)]} to {action.replace('_', ' ')}" for action in Action if counts[str(action)]]
    changes = ", ".join(done) if done else no_change(plan)
    return f"Plan: {changes}; {counts['no_op']} unchanged, {counts['unmanaged']} not managed here."


def _blocks(changes: Sequence[Change], page: TextLayout, *, is_full: bool) -> Iterator[Iterator[str]]:
    """A block for each change, or for many of one kind, where the first of them stands."""
    kinds = [_kind(change) for change in changes]
    counts = Counter(kinds)
    shown: set[Hashable] = set()
    for change, kind in zip(changes, kinds, strict=True):
        if is_full or counts[kind] <= ALIKE:
            yield _change(change, page)
        elif kind not in shown:
            shown.add(kind)
            yield _like([other for other, its_kind in zip(changes, kinds, strict=True) if its_kind == kind], page)


def _kind(change: Change) -> Hashable:
    """What changes of one block have in common: all but who they are, and the values of their fields."""
    fields = tuple((field.name, field.cause) for field in change.fields)
    outputs = tuple((output.sink, output.action, output.recipients) for output in change.outputs)
    findings = tuple(finding.id for finding in change.findings)
    return change.action, change.reason, fields, change.secret_words, change.recipients, outputs, findings


def _like(changes: Sequence[Change], page: TextLayout) -> Iterator[str]:
    """Many changes of one kind: all their names, and the values of the first where they differ."""
    import textwrap  # only for many changes

    first, symbol = changes[0], SYMBOLS[changes[0].action]
    yield page.line(f"  {symbol} {counted(len(changes), 'client')}: {first.action}", symbol)
    names = ", ".join(printable(change.address) for change in changes)
    yield from textwrap.wrap(
        names, page.width or _NAMES_WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False
    )
    if first.reason:
        yield page.line(f"      {printable(first.reason)}")
    for index, field in enumerate(first.fields):
        if any(change.fields[index] != field for change in changes):
            yield f"      {printable(field.name)} has other values for each; for {printable(first.address)}:"
        yield from field_lines(field, first.action, page)
    yield from _recipients(first, page)
    yield from (page.line(line) for line in _effects_of_many(changes))
    yield "      details of each: iac -v plan"


def _effects_of_many(changes: Sequence[Change]) -> Iterator[str]:
    """What becomes of their secrets and of their outputs, and what is to be known about the changes."""
    yield from _secret(changes[0])
    outputs = Counter(output.action for change in changes for output in change.outputs)
    del outputs[OutputAction.UNCHANGED]
    yield from (f"      {counted(number, 'output'):<{_NAME_WIDTH}} ({action})" for action, number in outputs.items())
    yield from finding_lines((finding for change in changes for finding in change.findings), " " * 6)


def _change(change: Change, page: TextLayout) -> Iterator[str]:
    symbol = SYMBOLS[change.action]
    head = f"{symbol} {printable(change.address)}: {change.action} {printable(change.client_id)}".rstrip()
    name = f' "{printable(change.client_name)}"' if change.client_name else ""
    yield page.line(f"  {head}{name}", symbol)
    place = f"{change.location.file}:{change.location.line}" if change.location else ""
    yield page.line("      " + " - ".join(part for part in (printable(place), printable(change.reason)) if part))
    for field in change.fields:
        yield from field_lines(field, change.action, page)
    yield from _recipients(change, page)
    yield from (page.line(line) for line in _effects(change))


def _recipients(change: Change, page: TextLayout) -> Iterator[str]:
    """Who comes and who goes of those who can open the secret; all of them where nothing is known of before."""
    who = change.recipients
    if who is None:
        return
    if who.is_changed:
        yield page.line("      recipients")
        for sign, keys in (("+", who.added), ("-", who.removed)):
            yield from (page.line(f"        {sign} {printable(key)}", sign) for key in keys)
        yield page.line(f"        ({sealing(who)})")
    elif who.after and (who.is_sealed or who.before is None):
        yield page.line(f"      {'recipients':<{_NAME_WIDTH}} {printable(' '.join(who.after))}")


def _effects(change: Change) -> Iterator[str]:
    """What becomes of the secret and of outputs, and what is to be known about the change."""
    yield from _secret(change)
    for output in change.outputs:
        if output.action is not OutputAction.UNCHANGED:
            to = f", sealed to {printable(', '.join(output.recipients))}" if output.recipients else ""
            yield f"      {'output':<{_NAME_WIDTH}} {printable(output.id)} ({output.action}{to})"
    yield from finding_lines([replace(finding, where="") for finding in change.findings], " " * 6)


def _secret(change: Change) -> Iterator[str]:
    if change.secret not in {SecretChange.NONE, SecretChange.KEPT}:
        yield f"      {'secret':<{_NAME_WIDTH}} {change.secret_words}"


def field_lines(field: FieldChange, action: Action, page: TextLayout) -> Iterator[str]:
    """What becomes of one field: entries that come and go, or the value before and after, and who changed it."""
    name = printable(field.name)
    cause = f"  ({CAUSES[field.cause]})" if CAUSES[field.cause] else ""
    if action is Action.CREATE:
        yield page.line(f"      {name:<{_NAME_WIDTH}} {value_shown(field.name, field.after)}", hanging=_NAME_WIDTH + 1)
    elif field.added or field.removed:
        yield page.line(f"      {name}{cause}")
        signed = [("+", entry) for entry in field.added] + [("-", entry) for entry in field.removed]
        yield from (page.line(f"        {sign} {entry_shown(field.name, entry)}", sign) for sign, entry in signed)
    else:
        before, after = value_shown(field.name, field.before), value_shown(field.name, field.after)
        yield page.line(f"      {name:<{_NAME_WIDTH}} {before} -> {after}{cause}", hanging=_NAME_WIDTH + 1)


def _remarks(plan: Plan) -> Iterator[str]:
    if not plan.complete:
        yield f"  {SOME_UNREAD}"
    yield from (f"  {word} {printable(sentence)}" for word, sentence in remarks(plan))
    yield from finding_lines(plan.findings, " " * 2)


def finding_lines(findings: Iterable[Diagnostic], indent: str) -> Iterator[str]:
    """Findings in full; of many of one kind the first, and how many more there are."""
    for group in grouped(findings, lambda finding: finding.id):
        yield from (f"{indent}{printable(line)}" for finding in group[:ALIKE] for line in finding.lines())
        if len(group) > ALIKE:
            yield f"{indent}{group[0].severity}: {len(group) - ALIKE:,} more, see --format json [{group[0].id}]"


def _guards(plan: Plan) -> Iterator[str]:
    """The guards that refuse; of many of one kind the first, and the addresses of the others."""
    for group in grouped(plan.guards, lambda guard: guard.id):
        yield from (f"  {printable(line)}" for guard in group[:ALIKE] for line in guard.lines())
        if len(group) > ALIKE:
            others = listed(address for guard in group[ALIKE:] for address in guard.details["addresses"])
            yield f"  {group[0].id}: {len(group) - ALIKE:,} more, see --format json: {printable(others)}"


def ended_text(result: object, page: TextLayout) -> str:
    """What became of a client or an output, when it is known; why it failed is for the report. "" for anything else."""
    match result:
        case Done(change):
            sign = SYMBOLS[change.action]
            findings = finding_lines([replace(finding, where="") for finding in result.findings], " " * 4)
            return "\n".join([page.line(f"{sign} {_name(change)}: {change.action} done", sign), *findings])
        case Failed(change, error):
            return page.line(f"! {_name(change)}: {_failed(change, error)}, the report says why", "!")
        case Delivered():
            return _delivered(result)
        case NotDelivered(output):
            return page.line(f"! {printable(output.id)}: not written, the report says why", "!")
        case _:
            return ""


def report_text(report: Report, *, color: bool) -> str:
    """What failed and why, and what was not tried; what was done was told when it ended (`ended_text`)."""
    page = TextLayout(color=color)
    done = [outcome for outcome in report.outcomes if isinstance(outcome, Done)]
    lines = list(finding_lines((finding for outcome in done for finding in outcome.findings), ""))
    for group in grouped((outcome for outcome in report.outcomes if not isinstance(outcome, Done)), _alike):
        batches = [group] if len(group) > ALIKE else [[outcome] for outcome in group]
        lines += [line for batch in batches for line in _undone(batch, page)]
    for output in report.outputs:
        if isinstance(output, NotDelivered):
            lines += page.failure(f"{printable(output.output.id)}: not written", output.error)
    lines += _tokens(report, page)
    if report.unsaved is not None:
        lines += page.failure("state: not written", report.unsaved)
    return "\n".join([*lines, "", page.line(_tally(report), "bold")]) + "\n"


def _alike(outcome: Failed | NotTried) -> tuple[object, ...]:
    """What two outcomes have in common that are told together."""
    if isinstance(outcome, NotTried):
        return outcome.change.action, outcome.reason
    error = outcome.error
    return outcome.change.action, error.summary, error.why, error.fix


def _undone(outcomes: Sequence[Failed | NotTried], page: TextLayout) -> Iterator[str]:
    """One client, or many to which the same happened: it is told once, with the first of them."""
    first, names = outcomes[0], _name(outcomes[0].change)
    action = f"{names}: {first.change.action}"
    if len(outcomes) > 1:
        names = f"{counted(len(outcomes), 'client')}: {printable(listed(one.change.address for one in outcomes))}"
        action = f"{first.change.action} of {names}:"
    if isinstance(first, NotTried):
        yield f". {action} not tried: {printable(first.reason)}"
    else:
        yield from page.failure(f"{names}: {_failed(first.change, first.error)}", first.error)


def _name(change: Change) -> str:
    return printable(change.address) + (f" ({printable(change.client_id)})" if change.client_id else "")


def _failed(change: Change, error: IacError) -> str:
    return (
        f"{_PAST[change.action]}, its owners refused" if isinstance(error, OwnersError) else f"{change.action} failed"
    )


def _delivered(output: Delivered) -> str:
    what = "removed" if output.output.action is OutputAction.DELETE else "written"
    return f"  {printable(output.output.id)}: {what if output.is_changed else 'up to date already'}"


def _tokens(report: Report, page: TextLayout) -> Iterator[str]:
    for revocation in report.revocations:
        address = printable(revocation.change.address)
        if isinstance(revocation, Done):
            yield f"  {address}: its tokens are revoked, where the server stores them"
        else:
            yield from page.failure(f"{address}: its tokens are not revoked", revocation.error)


def _tally(report: Report) -> str:
    done, failed, skipped = (len(report.of(kind)) for kind in (Done, Failed, NotTried))
    kept = sum(isinstance(revocation, Failed) for revocation in report.revocations)
    tokens = f", tokens of {kept} client{'s' if kept > 1 else ''} not revoked" if kept else ""
    if report.is_applied:
        return f"Apply: {done} done{tokens}."
    undelivered = sum(not isinstance(output, Delivered) for output in report.outputs)
    rest = f", {undelivered} output{'s' if undelivered > 1 else ''} not written" if undelivered else ""
    rest += tokens + (", state not written" if report.unsaved else "")
    return f"Apply: {done} done, {failed} failed, {skipped} not tried{rest}. iac apply plans exactly the rest."
