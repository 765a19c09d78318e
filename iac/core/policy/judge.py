"""From what rules found to what is said: severities of the project, waivers, the changes of a plan. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iac.core.diagnostics import Diagnostic, Location, Severity
from iac.core.plan.change import Finding
from iac.core.policy import CHANGE_RULES, RULES, ChangeRule, DefinitionRule, Level, level
from iac.core.policy.transition import NEW_RECIPIENT, new_recipients
from iac.core.remark import Remark
from iac.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from iac.core.desired import Desired, DesiredClient
    from iac.core.plan.change import Change
    from iac.core.plan.plan import Plan
    from iac.core.remark import Waiver


EXPIRED = "waiver-expired"
UNUSED = "waiver-unused"
_SEVERITIES = {Level.WARNING: Severity.WARNING, Level.ERROR: Severity.ERROR}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one client, and which of its waivers waived something."""

    diagnostics: tuple[Diagnostic, ...]
    used: frozenset[Waiver]


def judge(remarks: Iterable[Remark], waivers: Sequence[Waiver], severities: Mapping[str, str], today: date) -> Verdict:
    """Lay severities and waivers over what was found; a waiver holds up to and with its day, then it is an error."""
    used: set[Waiver] = set()
    said: list[Diagnostic] = []
    for remark in remarks:
        seriousness = level(remark.rule, severities)
        if seriousness is Level.OFF:
            continue
        waivings = [waiver for waiver in waivers if waiver.rule == remark.rule]
        used.update(waivings)
        valid = [waiver for waiver in waivings if today <= waiver.until]
        said.append(_waived(remark, valid[0]) if valid else _said(remark, _SEVERITIES[seriousness]))
    expired = [_expired(waiver) for waiver in waivers if waiver.until < today]
    return Verdict((*said, *expired), frozenset(used))


def _said(remark: Remark, severity: Severity) -> Diagnostic:
    rule = RULES[remark.rule]
    fix = remark.fix or rule.fix
    return Diagnostic(rule.id, printable(remark.summary), remark.location, rule.why, printable(fix), severity)


def _waived(remark: Remark, waiver: Waiver) -> Diagnostic:
    summary = f"{remark.summary}; waived until {waiver.until}: {waiver.reason}"
    return Diagnostic(remark.rule, printable(summary), remark.location, severity=Severity.WAIVED)


def _expired(waiver: Waiver) -> Diagnostic:
    return Diagnostic(
        EXPIRED,
        printable(f"the waiver of {waiver.rule} ended with {waiver.until}"),
        waiver.location,
        printable(f"its reason was: {waiver.reason}"),
        "mend what it waived and take the waiver out, or argue anew for a later day",
    )


def unused(waiver: Waiver, severities: Mapping[str, str]) -> Diagnostic | None:
    """What is said of a waiver that waives nothing; None when the project does not want to hear it."""
    seriousness = Level(severities.get(UNUSED, Level.WARNING))
    if seriousness is Level.OFF:
        return None
    return Diagnostic(
        UNUSED,
        f"the waiver of {waiver.rule} waives nothing",
        waiver.location,
        "nobody would notice what it lets pass later",
        "take it out",
        _SEVERITIES[seriousness],
    )


_PROJECT = Location("iac.yaml")


@dataclass(frozen=True, slots=True)
class Outside:
    """What a review needs from outside: the day, and the scopes that the server says it knows."""

    today: date
    scopes: Collection[str] = frozenset()


def asks_server(clients: Iterable[DesiredClient]) -> bool:
    """Whether the server's list of scopes can settle something that was found in these definitions."""
    return any(_refiner(remark.rule) is not None for client in clients for remark in client.remarks)


def review(plan: Plan, desired: Desired, wanted: Iterable[DesiredClient], outside: Outside) -> Plan:
    """The plan with the findings of policy: at the change of an address, else among those of the plan.

    Only clients that are `wanted`, which this run looks at, are reviewed.
    """
    changes = {change.address: change for change in plan.changes}
    rest: list[Finding] = []
    for client in wanted:
        change = changes.get(client.address)
        remarks = _remarks(change, client) if change else _of_recipients(plan, client)
        findings = tuple(_findings(client, remarks, desired, outside))
        if change is None:
            rest += findings
        else:
            changes[client.address] = replace(change, findings=(*_kept(change, client, desired), *findings))
    of_state = judge(_of_state(plan, desired), (), desired.policy, outside.today)
    rest += map(_finding, of_state.diagnostics)
    return replace(plan, changes=tuple(changes.values()), findings=(*plan.findings, *rest))


def _kept(change: Change, client: DesiredClient, desired: Desired) -> list[Finding]:
    """Findings of planning; what it says under the id of a rule is policy's to say, or to leave unsaid."""
    ours = {remark.rule for remark in client.remarks}
    return [
        finding
        for finding in change.findings
        if finding.id not in RULES or (finding.id not in ours and level(finding.id, desired.policy) is not Level.OFF)
    ]


def _findings(
    client: DesiredClient, of_change: Iterable[Remark], desired: Desired, outside: Outside
) -> Iterator[Finding]:
    remarks = [remark for each in client.remarks if (remark := _refined(each, outside.scopes)) is not None]
    remarks += of_change
    if not remarks and not client.waivers:
        return
    verdict = judge(remarks, client.waivers, desired.policy, outside.today)
    yield from map(_finding, verdict.diagnostics)
    for waiver in client.waivers:
        is_open = waiver not in verdict.used and waiver.until >= outside.today
        if is_open and isinstance(RULES[waiver.rule], ChangeRule) and (said := unused(waiver, desired.policy)):
            yield _finding(said)


def _refiner(rule: str) -> Callable[[Remark, Collection[str]], Remark | None] | None:
    known = RULES[rule]
    return known.refine if isinstance(known, DefinitionRule) else None


def _refined(remark: Remark, scopes: Collection[str]) -> Remark | None:
    refine = _refiner(remark.rule)
    return refine(remark, scopes) if refine is not None else remark


def _remarks(change: Change, client: DesiredClient) -> Iterator[Remark]:
    if change.observed is None and not change.succeeds:
        return
    for rule in CHANGE_RULES:
        for hit in rule.check(change):
            yield Remark(rule.id, hit.summary, client.location, hit.fix, hit.value)


def _of_recipients(plan: Plan, client: DesiredClient) -> Iterator[Remark]:
    """Of a client that has no change: who can open its secret is no field of it."""
    for hit in new_recipients(plan.recipients.get(client.address), client.recipients):
        yield Remark(NEW_RECIPIENT, hit.summary, client.location, hit.fix, hit.value)


def _of_state(plan: Plan, desired: Desired) -> Iterator[Remark]:
    """Recipients of all secrets of the state, each said once whatever the number of clients."""
    every = [*plan.recipients.values(), *(change.recipients for change in plan.changes if change.recipients)]
    named = desired.recipients or ()
    added = Counter(key for who in every for key in who.added if key in named)
    clear = sum(who.is_clear for who in every)
    for key, count in sorted(added.items()):
        summary = f"recipient {key} of the state gets the secrets of {_clients(count)}, and could not open them before"
        yield Remark(NEW_RECIPIENT, summary, _PROJECT, value=key)
    if clear:
        summary = f"the secrets of {_clients(clear)} would be stored in clear, for all who can read the state"
        yield Remark(NEW_RECIPIENT, summary, _PROJECT)


def _clients(number: int) -> str:
    return f"{number:,} client{'' if number == 1 else 's'}"


def _finding(said: Diagnostic) -> Finding:
    """With the way on where it is one of its own; the rule's can be had by `iac explain`."""
    rule = RULES.get(said.id)
    way = f"; {said.fix}" if rule is not None and said.fix not in {"", rule.fix} else ""
    return Finding(said.id, said.severity, f"{said.summary}{way}", said.location)
