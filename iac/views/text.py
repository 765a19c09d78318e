"""A plan and a report for people at a terminal. Pure; text of users and servers is made inert before it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.apply.outcome import Delivered, Done, Failed, NotTried, TokensKept, TokensRevoked
from iac.core.change import Action, Cause, Change, OutputAction, SecretChange
from iac.core.model import short_grant
from iac.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.apply.outcome import Report
    from iac.core.change import FieldChange, Finding
    from iac.core.model import Value
    from iac.core.plan import Guard, Plan

SYMBOLS = {
    Action.CREATE: "+",
    Action.ADOPT: ">",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.ROTATE: "@",
    Action.DELETE: "-",
    Action.FORGET: "x",
}
_COLORS = {"+": 32, ">": 36, "~": 33, "-/+": 31, "@": 35, "-": 31, "x": 31, "!": 31, "bold": 1}
_CAUSES = {Cause.DEFINITION: "", Cause.SERVER: "changed on the server", Cause.BOTH: "changed here and on the server"}
_NAME_WIDTH = 30


class Painter:
    """Colours by symbol, or none."""

    def __init__(self, *, color: bool) -> None:
        self.color = color

    def __call__(self, symbol: str, text: str) -> str:
        """The text in the colour of a symbol."""
        return f"\x1b[{_COLORS[symbol]}m{text}\x1b[0m" if self.color and symbol in _COLORS else text


def plan_text(plan: Plan, *, color: bool) -> str:
    """The whole plan: changes, refusals, remarks, summary."""
    paint = Painter(color=color)
    head = f"{plan.project}, environment {plan.environment}, {plan.issuer} ({plan.provider})"
    lines = [paint("bold", printable(head)), ""]
    for change in plan.changes:
        lines += [*_change(change, paint), ""]
    lines += _remarks(plan)
    if plan.guards:
        lines += [paint("!", f"Refused: {len(plan.guards)} guard{'s' if len(plan.guards) > 1 else ''}")]
        lines += [line for guard in plan.guards for line in _guard(guard)] + [""]
    lines.append(paint("bold", summary_line(plan)))
    return "\n".join(lines) + "\n"


def summary_line(plan: Plan) -> str:
    """Counts in one line."""
    counts = plan.summary()
    done = [f"{counts[str(action)]} to {action.replace('_', ' ')}" for action in Action if counts[str(action)]]
    changes = ", ".join(done) if done else "no changes"
    return f"Plan: {changes}; {counts['no_op']} unchanged, {counts['unmanaged']} not managed here."


def _change(change: Change, paint: Painter) -> Iterator[str]:
    symbol = SYMBOLS[change.action]
    head = f"{symbol} {printable(change.address)}: {change.action} {printable(change.client_id)}".rstrip()
    name = f' "{printable(change.client_name)}"' if change.client_name else ""
    yield "  " + paint(symbol, head + name)
    place = f"{change.location.file}:{change.location.line}" if change.location else ""
    yield "      " + " - ".join(part for part in (printable(place), printable(change.reason)) if part)
    for field in change.fields:
        yield from _field(field, change.action, paint)
    if change.secret not in {SecretChange.NONE, SecretChange.KEPT}:
        yield f"      {'secret':<{_NAME_WIDTH}} {change.secret}"
    for output in change.outputs:
        if output.action is not OutputAction.UNCHANGED:
            yield f"      {'output':<{_NAME_WIDTH}} {printable(output.path)} ({output.action})"
    for finding in change.findings:
        yield f"      {_finding(finding)}"


def _field(field: FieldChange, action: Action, paint: Painter) -> Iterator[str]:
    cause = f"  ({_CAUSES[field.cause]})" if _CAUSES[field.cause] else ""
    if action is Action.CREATE:
        yield f"      {field.name:<{_NAME_WIDTH}} {_shown(field.name, field.after)}"
    elif field.added or field.removed:
        yield f"      {field.name}{cause}"
        for sign, entries in (("+", field.added), ("-", field.removed)):
            for entry in entries:
                yield "        " + paint(sign, f"{sign} {printable(_entry(field.name, entry))}")
    else:
        before, after = _shown(field.name, field.before), _shown(field.name, field.after)
        yield f"      {field.name:<{_NAME_WIDTH}} {before} -> {after}{cause}"


def _entry(name: str, entry: str) -> str:
    return short_grant(entry) if name == "grant_types" else entry


def _shown(name: str, value: Value | None) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return printable(" ".join(_entry(name, entry) for entry in value))
    return printable(str(value))


def _remarks(plan: Plan) -> Iterator[str]:
    for source, target in plan.moved:
        yield f"  moved {printable(source)} -> {printable(target)}"
    for released in plan.released:
        line = f"{released.address}: {', '.join(released.fields)} (the server keeps the values)"
        yield f"  released {printable(line)}"
    for pending in plan.pending:
        line = f"{pending.address}: the end of a {pending.action} of {pending.at} is not known"
        yield f"  interrupted {printable(line)}"
    for finding in plan.findings:
        yield f"  {_finding(finding)}"
    if plan.moved or plan.released or plan.pending or plan.findings:
        yield ""


def _finding(finding: Finding) -> str:
    place = f"{finding.location}: " if finding.location else ""
    return f"{finding.severity}: {printable(place + finding.message)} [{finding.id}]"


def _guard(guard: Guard) -> Iterator[str]:
    yield f"  {guard.id}: {printable(guard.message)}"
    if guard.limit:
        found = f"limit {guard.limit}, found {guard.value}: {', '.join(guard.addresses)}"
        yield f"    {printable(found)}"
    yield f"    fix: {printable(', or '.join(way for way in (guard.setting, guard.flag) if way))}"


def report_text(report: Report, *, color: bool) -> str:
    """What was done, what failed and why, what was not tried."""
    paint = Painter(color=color)
    lines: list[str] = []
    for outcome in report.outcomes:
        change = outcome.change
        name = printable(change.address) + (f" ({printable(change.client_id)})" if change.client_id else "")
        match outcome:
            case Done():
                lines.append(paint(SYMBOLS[change.action], f"{SYMBOLS[change.action]} {name}: {change.action} done"))
            case Failed(_, error):
                lines.append(paint("!", f"! {name}: {change.action} failed"))
                lines += [f"    {printable(line)}" for line in error.lines()]
            case NotTried(_, reason):
                lines.append(f". {name}: {change.action} not tried: {printable(reason)}")
    lines += [*_outputs(report, paint), *_tokens(report, paint)]
    if report.unsaved is not None:
        lines.append(paint("!", "! state: not written"))
        lines += [f"    {printable(line)}" for line in report.unsaved.lines()]
    return "\n".join([*lines, "", paint("bold", _tally(report))]) + "\n"


def _outputs(report: Report, paint: Painter) -> Iterator[str]:
    for output in report.outputs:
        path = printable(output.output.path)
        if isinstance(output, Delivered):
            what = "removed" if output.output.action is OutputAction.DELETE else "written"
            yield f"  {path}: {what if output.is_changed else 'already as wanted'}"
        else:
            yield paint("!", f"! {path}: not written")
            yield from (f"    {printable(line)}" for line in output.error.lines())


def _tokens(report: Report, paint: Painter) -> Iterator[str]:
    for revocation in report.revocations:
        address = printable(revocation.change.address)
        if isinstance(revocation, TokensRevoked):
            yield f"  {address}: its tokens are revoked, where the server stores them"
        else:
            yield paint("!", f"! {address}: its tokens are not revoked")
            yield from (f"    {printable(line)}" for line in revocation.error.lines())


def _tally(report: Report) -> str:
    done, failed, skipped = (len(report.of(kind)) for kind in (Done, Failed, NotTried))
    kept = sum(isinstance(revocation, TokensKept) for revocation in report.revocations)
    tokens = f", tokens of {kept} client{'s' if kept > 1 else ''} not revoked" if kept else ""
    if report.is_applied:
        return f"Apply: {done} done{tokens}."
    undelivered = sum(not isinstance(output, Delivered) for output in report.outputs)
    rest = f", {undelivered} output{'s' if undelivered > 1 else ''} not written" if undelivered else ""
    rest += tokens + (", state not written" if report.unsaved else "")
    return f"Apply: {done} done, {failed} failed, {skipped} not tried{rest}. iac apply plans exactly the rest."
