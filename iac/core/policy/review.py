"""What a plan's changes mean: the findings of policy, each at the change that it is about. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iac.core.change import Finding
from iac.core.policy import CHANGE_RULES, RULES, ChangeRule, DefinitionRule, Level, level
from iac.core.policy.judge import judge, unused
from iac.core.remark import Remark

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import date

    from iac.core.change import Change
    from iac.core.desired import Desired, DesiredClient
    from iac.core.diagnostics import Diagnostic
    from iac.core.plan import Plan


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
        findings = tuple(_findings(client, change, desired, outside))
        if change is None:
            rest += findings
        else:
            changes[client.address] = replace(change, findings=(*_kept(change, client, desired), *findings))
    return replace(plan, changes=tuple(changes.values()), findings=(*plan.findings, *rest))


def _kept(change: Change, client: DesiredClient, desired: Desired) -> list[Finding]:
    """Findings of planning; what it says under the id of a rule is policy's to say, or to leave unsaid."""
    ours = {remark.rule for remark in client.remarks}
    return [
        finding
        for finding in change.findings
        if finding.id not in RULES or (finding.id not in ours and level(finding.id, desired.policy) is not Level.OFF)
    ]


def _findings(client: DesiredClient, change: Change | None, desired: Desired, outside: Outside) -> Iterator[Finding]:
    remarks = [remark for each in client.remarks if (remark := _refined(each, outside.scopes)) is not None]
    if change is not None and (change.observed is not None or change.succeeds):
        remarks += _remarks(change, client)
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
    for rule in CHANGE_RULES:
        for hit in rule.check(change):
            yield Remark(rule.id, hit.summary, client.location, hit.fix, hit.value)


def _finding(said: Diagnostic) -> Finding:
    """With the way on where it is one of its own; the rule's can be had by `iac explain`."""
    rule = RULES.get(said.id)
    way = f"; {said.fix}" if rule is not None and said.fix not in {"", rule.fix} else ""
    return Finding(said.id, said.severity, f"{said.summary}{way}", said.location)
