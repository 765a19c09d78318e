"""What definitions and changes mean: one registry of rules, and the only place that knows their ids. Pure.

`check` finds, offline; `judge` lays the project's severities and the client's waivers over what was found; `review`
does both for a plan. docs/reference/policy.md has a section for each rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct, field
from msgspec.structs import replace

from iac.core.capabilities import Capabilities
from iac.core.desired import OWNERS, Desired, DesiredClient, Waiver
from iac.core.drift import ClientDrift, Drift
from iac.core.errors import Diagnostic, Location, Severity, hit
from iac.core.model import Registration
from iac.core.plan.change import Action, Change, FieldChange
from iac.core.plan.plan import Plan
from iac.core.policy import grant, redirect, scope, transition, upkeep
from iac.core.policy.rule import ChangeRule, DefinitionRule, Level, RegisteredRule, Rule, Subject
from iac.core.policy.transition import NEW_RECIPIENT, new_recipients
from iac.core.text import printable

__all__ = [
    "CHANGE_RULES",
    "DEFINITION_RULES",
    "REGISTERED_RULES",
    "RULES",
    "ChangeRule",
    "DefinitionRule",
    "Level",
    "RegisteredRule",
    "ReviewContext",
    "Rule",
    "Subject",
    "asks_server",
    "check",
    "in_force",
    "judge",
    "level",
    "review",
    "review_drift",
    "review_registered",
    "unused",
]  # fmt: skip

DEFINITION_RULES: tuple[DefinitionRule, ...] = (*grant.RULES, *redirect.RULES, *scope.RULES, *upkeep.RULES)
CHANGE_RULES: tuple[ChangeRule, ...] = transition.RULES
REGISTERED_RULES: tuple[RegisteredRule, ...] = transition.REGISTERED_RULES
RULES: Mapping[str, Rule] = {rule.id: rule for rule in (*DEFINITION_RULES, *CHANGE_RULES, *REGISTERED_RULES)}
"""Every rule by its id."""


def level(rule: str, severities: Mapping[str, str]) -> Level:
    """How serious a rule's findings are in a project whose iac.yaml has these severities under `policy`."""
    return Level(severities[rule]) if rule in severities else RULES[rule].level


def in_force(severities: Mapping[str, str], api: Capabilities) -> tuple[DefinitionRule, ...]:
    """The rules on definitions that are not off, those on IAM only where the server is one."""
    meant = (rule for rule in DEFINITION_RULES if api.is_iam or not rule.is_of_iam)
    return tuple(rule for rule in meant if level(rule.id, severities) is not Level.OFF)


def check(
    subject: Subject, rules: Iterable[DefinitionRule], broken: Collection[str] = frozenset()
) -> list[tuple[DefinitionRule, Diagnostic]]:
    """What these rules find in a definition; those that read one of the `broken` fields are left out."""
    return [(rule, hit) for rule in rules if not broken or rule.reads.isdisjoint(broken) for hit in rule.check(subject)]


EXPIRED = "waiver-expired"
UNUSED = "waiver-unused"
_RECIPIENTS = "state.encryption.recipients"
_SEVERITIES = {Level.WARNING: Severity.WARNING, Level.ERROR: Severity.ERROR}


class PolicyResult(Struct, frozen=True):
    """The findings for one client, and which of its waivers waived something."""

    diagnostics: tuple[Diagnostic, ...]
    used: frozenset[Waiver]


def judge(
    findings: Iterable[Diagnostic], waivers: Sequence[Waiver], severities: Mapping[str, str], today: date
) -> PolicyResult:
    """Lay severities and waivers over what was found; a waiver holds up to and with its day, then it is an error."""
    used: set[Waiver] = set()
    diagnostics: list[Diagnostic] = []
    for finding in findings:
        seriousness = level(finding.id, severities)
        if seriousness is Level.OFF:
            continue
        waivings = [waiver for waiver in waivers if waiver.rule == finding.id]
        used.update(waivings)
        valid = [waiver for waiver in waivings if today <= waiver.until]
        diagnostics.append(_waived(finding, valid[0]) if valid else replace(finding, severity=_SEVERITIES[seriousness]))
    expired = [
        Diagnostic(
            EXPIRED,
            printable(f"the waiver of {waiver.rule} ended with {waiver.until}"),
            waiver.location,
            printable(f"its reason was: {waiver.reason}"),
            "fix what it waived and remove the waiver, or give a reason for a later day",
        )
        for waiver in waivers
        if waiver.until < today
    ]
    return PolicyResult((*diagnostics, *expired), frozenset(used))


def _waived(finding: Diagnostic, waiver: Waiver) -> Diagnostic:
    why = printable(f"waived until {waiver.until}: {waiver.reason}")
    return replace(finding, severity=Severity.WAIVED, why=why, fix="")


def unused(waiver: Waiver, severities: Mapping[str, str]) -> Diagnostic | None:
    """The finding for a waiver that waives nothing; None when the project has switched it off."""
    seriousness = Level(severities.get(UNUSED, Level.WARNING))
    if seriousness is Level.OFF:
        return None
    return Diagnostic(
        UNUSED,
        f"the waiver of {waiver.rule} waives nothing",
        waiver.location,
        "it could hide later findings",
        "remove it",
        _SEVERITIES[seriousness],
    )


class ReviewContext(Struct, frozen=True):
    """What a review needs from outside: the day, the scopes that the server says it knows, its clients by address."""

    today: date
    scopes: Collection[str] = frozenset()
    clients: Mapping[str, Registration] = field(default_factory=dict)


def asks_server(clients: Iterable[DesiredClient]) -> bool:
    """Whether the server's list of scopes can settle something that was found in these definitions."""
    return any(_refiner(finding.id) is not None for client in clients for finding in client.remarks)


def review(plan: Plan, desired: Desired, wanted: Iterable[DesiredClient], context: ReviewContext) -> Plan:
    """The plan with the findings of policy: at the change of an address, else among those of the plan.

    Only clients that are `wanted`, which this run looks at, are reviewed.
    """
    changes = {change.address: change for change in plan.changes}
    rest: list[Diagnostic] = []
    for client in wanted:
        change = changes.get(client.address)
        diagnostics = list(_of_definition(client, plan, context))
        diagnostics += _of_change(change, client) if change else _of_recipients(plan, client)
        if fields := plan.taken_over.get(client.address):
            subjects = {_about(finding) for finding in diagnostics}
            diagnostics += [finding for finding in _by_hand(client, fields, context) if _about(finding) not in subjects]
        diagnostics += _of_server(client, context)
        findings = tuple(
            replace(finding, where=client.address) for finding in _findings(client, diagnostics, desired, context)
        )
        if change is None:
            rest += findings
        else:
            changes[client.address] = replace(change, findings=(*_kept(change, client, desired), *findings))
    rest += judge(_of_state(plan, desired), (), desired.policy, context.today).diagnostics
    return replace(plan, changes=tuple(changes.values()), findings=(*plan.findings, *rest))


def _kept(change: Change, client: DesiredClient, desired: Desired) -> list[Diagnostic]:
    """Findings of planning; what it says under the id of a rule is policy's to say, or to leave unsaid."""
    ours = {finding.id for finding in client.remarks}
    return [
        finding
        for finding in change.findings
        if finding.id not in RULES or (finding.id not in ours and level(finding.id, desired.policy) is not Level.OFF)
    ]


def _findings(
    client: DesiredClient, diagnostics: Sequence[Diagnostic], desired: Desired, context: ReviewContext
) -> Iterator[Diagnostic]:
    if not diagnostics and not client.waivers:
        return
    verdict = judge(diagnostics, client.waivers, desired.policy, context.today)
    yield from verdict.diagnostics
    for waiver in client.waivers:
        is_open = waiver not in verdict.used and waiver.until >= context.today
        if (
            is_open
            and not isinstance(RULES[waiver.rule], DefinitionRule)
            and (diagnostic := unused(waiver, desired.policy))
        ):
            yield diagnostic


def _of_definition(client: DesiredClient, plan: Plan, context: ReviewContext) -> Iterator[Diagnostic]:
    """What its definition got offline, but for what a guard of this plan refuses for the same reason."""
    guarded = {guard.id for guard in plan.guards if guard.where == client.address} if client.remarks else ()
    for remark in client.remarks:
        if remark.id not in guarded and (refined := _refined(remark, context.scopes)) is not None:
            yield refined


def _refiner(rule: str) -> Callable[[Diagnostic, Collection[str]], Diagnostic | None] | None:
    known = RULES[rule]
    return known.refine if isinstance(known, DefinitionRule) else None


def _refined(finding: Diagnostic, scopes: Collection[str]) -> Diagnostic | None:
    """A finding as the server's list of scopes settles it; None when the server knows better."""
    refine = _refiner(finding.id)
    return refine(finding, scopes) if refine is not None else finding


def _of_change(change: Change, client: DesiredClient) -> Iterator[Diagnostic]:
    if change.observed is None and not change.succeeds:
        return
    yield from (
        rule.diagnostic(finding, _place(client, finding)) for rule in CHANGE_RULES for finding in rule.check(change)
    )


def _by_hand(client: DesiredClient, fields: tuple[FieldChange, ...], context: ReviewContext) -> Iterator[Diagnostic]:
    """What the rules on changes find in what somebody changed on the server, held against what was applied."""
    observed = context.clients.get(client.address)
    change = Change(
        client.address, client.client_id, "", Action.UPDATE, "", client.location, fields=fields, observed=observed
    )
    return _of_change(change, client)


def _of_server(client: DesiredClient, context: ReviewContext) -> Iterator[Diagnostic]:
    registration = context.clients.get(client.address)
    return (
        rule.diagnostic(finding, _place(client, finding))
        for rule in REGISTERED_RULES
        for finding in (rule.check(registration, context.today) if registration else ())
    )


def _of_recipients(plan: Plan, client: DesiredClient) -> Iterator[Diagnostic]:
    """For a client without a change: who can open its secret is not one of its fields."""
    findings = new_recipients(plan.recipients.get(client.address), client.recipients)
    return (RULES[NEW_RECIPIENT].diagnostic(finding, _place(client, finding)) for finding in findings)


def _place(client: DesiredClient, finding: Diagnostic) -> Location:
    return client.at(finding.details["field"], finding.details["value"])


def _of_state(plan: Plan, desired: Desired) -> Iterator[Diagnostic]:
    """Recipients of the whole state: one finding for each, however many clients there are."""
    every = [*plan.recipients.values(), *(change.recipients for change in plan.changes if change.recipients)]
    named = desired.recipients or ()
    added = Counter(key for who in every for key in who.added if key in named)
    clear = sum(who.is_clear for who in every)
    rule, place = RULES[NEW_RECIPIENT], desired.at(_RECIPIENTS)
    for key, count in sorted(added.items()):
        summary = f"recipient {key} of the state gets the secrets of {_clients(count)}, and could not open them before"
        yield rule.diagnostic(hit(_RECIPIENTS, summary, key), place)
    if clear:
        summary = f"the secrets of {_clients(clear)} would be stored in clear, for all who can read the state"
        yield rule.diagnostic(hit(_RECIPIENTS, summary), place)


def _clients(number: int) -> str:
    return f"{number:,} client{'' if number == 1 else 's'}"


def review_drift(drift: Drift, desired: Desired, context: ReviewContext) -> Drift:
    """The drift with the findings of policy, each at its client.

    Args:
        drift: what somebody changed.
        desired: the definitions.
        context: the day, the scopes that the server knows, and the clients that were looked at, as the server
            holds them.
    """
    clients = tuple(_reviewed(client, desired, context) for client in drift.clients)
    drifted = {client.address for client in clients}
    findings = (one for one in review_registered(desired, context) if one.where not in drifted)
    return replace(drift, clients=clients, findings=tuple(sorted(findings, key=lambda finding: finding.where)))


def review_registered(desired: Desired, context: ReviewContext) -> Iterator[Diagnostic]:
    """What the rules on registered clients find, each with its address; waived ones are left out."""
    for address in context.clients.keys() & desired.clients.keys():
        client = desired.clients[address]
        for finding in judge(_of_server(client, context), client.waivers, desired.policy, context.today).diagnostics:
            if finding.severity is not Severity.WAIVED and finding.id != EXPIRED:
                yield replace(finding, where=address)


def _reviewed(client_drift: ClientDrift, desired: Desired, context: ReviewContext) -> ClientDrift:
    client = desired.clients[client_drift.address]
    hits = [*_of_values(client, client_drift.fields, desired, context)]
    hits += [*_by_hand(client, client_drift.fields, context), *_of_server(client, context)]
    diagnostics = judge(hits, client.waivers, desired.policy, context.today).diagnostics
    findings = (replace(finding, where=client.address) for finding in diagnostics if finding.id != EXPIRED)
    return replace(client_drift, findings=tuple(findings))


def _of_values(
    client: DesiredClient, fields: tuple[FieldChange, ...], desired: Desired, context: ReviewContext
) -> Iterator[Diagnostic]:
    """What the rules on definitions would find in the server's values and do not find in the definition."""
    theirs = {field.name: field.after for field in fields if field.name != OWNERS}
    if not theirs:
        return
    values = {name: value for name, value in {**client.fields, **theirs}.items() if value is not None}
    subject = Subject(values, desired.terms, has_owners=bool(client.owners))
    known = {_about(remark) for remark in client.remarks}
    for rule, value_hit in check(subject, in_force(desired.policy, desired.api)):
        finding = _refined(rule.diagnostic(value_hit, _place(client, value_hit)), context.scopes)
        if finding is not None and _about(finding) not in known:
            yield finding


def _about(finding: Diagnostic) -> tuple[str, str, str]:
    return finding.id, finding.details["field"], finding.details["value"]
