"""What policy says of a client that somebody changed on the server: the same as of such a change in git. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from iac.core.desired import OWNERS, Desired, DesiredClient
from iac.core.diagnostics import Diagnostic
from iac.core.drift import Drift, Drifted
from iac.core.plan.change import Action, Change, FieldChange
from iac.core.policy import EXPIRED, Outside, check, in_force, judge, of_change, of_server, place_in, refined
from iac.core.policy.rule import Subject


def review_drift(drift: Drift, desired: Desired, outside: Outside) -> Drift:
    """The drift with the findings of policy, each at its client.

    Args:
        drift: what somebody changed.
        desired: the definitions.
        outside: the day, the scopes that the server knows, and the clients of `drift` as the server holds them.
    """
    return replace(drift, clients=tuple(_reviewed(client, desired, outside) for client in drift.clients))


def _reviewed(drifted: Drifted, desired: Desired, outside: Outside) -> Drifted:
    client = desired.clients[drifted.address]
    change = Change(
        address=drifted.address,
        client_id=drifted.client_id,
        client_name=drifted.client_name,
        action=Action.UPDATE,
        reason="",
        location=drifted.location,
        fields=drifted.fields,
        observed=outside.clients.get(drifted.address),
    )
    found = [*_of_values(client, drifted.fields, desired, outside)]
    found += [*of_change(change, client), *of_server(client, outside)]
    said = judge(found, client.waivers, desired.policy, outside.today).diagnostics
    findings = (replace(finding, where=client.address) for finding in said if finding.id != EXPIRED)
    return replace(drifted, findings=tuple(findings))


def _of_values(
    client: DesiredClient, fields: tuple[FieldChange, ...], desired: Desired, outside: Outside
) -> Iterator[Diagnostic]:
    """What the rules on definitions would find in the server's values and do not find in the definition."""
    theirs = {field.name: field.after for field in fields if field.name != OWNERS}
    if not theirs:
        return
    values = {name: value for name, value in {**client.fields, **theirs}.items() if value is not None}
    subject = Subject(values, desired.terms, has_owners=bool(client.owners))
    known = {_about(remark) for remark in client.remarks}
    for rule, hit in check(subject, in_force(desired.policy, desired.api)):
        finding = refined(rule.diagnostic(hit, place_in(client, hit)), outside.scopes)
        if finding is not None and _about(finding) not in known:
            yield finding


def _about(finding: Diagnostic) -> tuple[str, str, str]:
    return finding.id, finding.details["field"], finding.details["value"]
