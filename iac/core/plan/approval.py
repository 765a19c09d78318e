"""What was approved: the note of it in state, and the plan in a file. Pure.

State notes which plan was approved last, so that a retry after a partial apply needs no second review. But whoever can
write state could note there what he likes. So the note proves itself: the digests that it lists count only where they
hash to the digest that was approved, and what is left of a succession only where one of them follows from it.

The digest of a file covers what is wanted and what was seen on the server. The text beside it is what people read, so
it has to say what will be done, too: it is held against the new plan, value by value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from iac.core.capabilities import Capabilities
from iac.core.desired import OWNERS
from iac.core.model import as_json
from iac.core.plan.change import CLIENT_ID, Action, Cause, Change, OutputAction, SecretChange, SecretStep
from iac.core.plan.plan import Plan, plan_digest
from iac.core.server import forced
from iac.core.state.codec import TEXT, MalformedValue, Object, anything, items, known, load, matching, one_of
from iac.core.state.model import Approval
from iac.core.text import side_by_side

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
"""The digest of a plan or of a change."""

_LONGEST = 120

_FIELD = known(name=TEXT, before=anything, after=anything, cause=one_of(Cause), added=anything, removed=anything)
_OUTPUT = known(path=TEXT, sink=TEXT, action=one_of(OutputAction))
_CHANGE = known(
    address=TEXT,
    digest=matching(DIGEST, "a digest"),
    client_id=TEXT,
    action=one_of(Action),
    secret=one_of(SecretChange),
    fields=items(_FIELD),
    outputs=items(_OUTPUT),
)
_PLAN = known(
    format_version=matching(re.compile(r"1\.[0-9]{1,4}"), "a format that this version of iac reads"),
    digest=TEXT,
    issuer=TEXT,
    environment=TEXT,
    changes=items(_CHANGE),
)
_PLANS = known(environments=items(_PLAN))
_RECIPIENTS = items(known(address=TEXT))


def approve(plan: Plan, at: str) -> Approval:
    """The approval of a plan, as state notes it."""
    observed = {
        change.address: json.dumps(change.seen, sort_keys=True)
        for change in plan.changes
        if change.leaving and change.seen is not None
    }
    digests = tuple(change.digest for change in plan.changes)
    return Approval(plan_digest(plan.issuer, plan.environment, digests), digests, at, observed)


def uncovered(plan: Plan, approval: Approval) -> Iterator[Change]:
    """The changes of a plan that are neither in the approved one nor left of it; all, if the approval is not sound."""
    approved = frozenset(approval.changes)
    if plan_digest(plan.issuer, plan.environment, approved) != approval.digest:
        approved = frozenset()
    for change in plan.changes:
        is_left = _may_be_left(change) and _digest_before(change, approval) in approved
        if not is_left and change.digest not in approved:
            yield change


def _may_be_left(change: Change) -> bool:
    """Whether a change only lets predecessors go, as the end of one that was begun."""
    if not change.leaving:
        return False
    is_written = change.desired is not None and not change.fields and change.step is SecretStep.NOTHING
    return change.resumes or change.observed is None or is_written


def _digest_before(change: Change, approval: Approval) -> str:
    """The digest that a change had before it was begun, if what state says was seen then is true."""
    try:
        return change.digest_of(json.loads(approval.seen.get(change.address, "")))
    except (ValueError, RecursionError):
        return ""


class SavedPlan(Struct, frozen=True):
    """A plan as its file has it.

    Attributes:
        changes: by address.
        recipients: by address, of clients without a change; None where the file is of format 1.0.
    """

    digest: str
    changes: Mapping[str, Object]
    recipients: Mapping[str, Object] | None = None


class Difference(Struct, frozen=True):
    """A value that the file and the new plan do not share; both as text, cut around the first difference."""

    address: str
    key: str
    saved: str
    now: str


def _saved(plan: Object) -> SavedPlan:
    changes = {change["address"]: change for change in plan["changes"]}
    if len(changes) < len(plan["changes"]):
        raise MalformedValue("plan.changes: an address is there twice")
    if plan_digest(plan["issuer"], plan["environment"], (one["digest"] for one in changes.values())) != plan["digest"]:
        raise MalformedValue("plan.digest: not that of the changes in the file")
    recorded = _RECIPIENTS(plan["recipients"], "plan.recipients") if "recipients" in plan else None
    return SavedPlan(plan["digest"], changes, None if recorded is None else {who["address"]: who for who in recorded})


def parse_saved_plans(text: str) -> dict[str, SavedPlan]:
    """The plans of a file that `iac plan --out` wrote, also of an older version of iac, by their environments.

    It holds one plan, or those of several environments (`--all-envs`).

    Raises:
        MalformedValue: it is none, or not all of it.
    """
    value = load(text)
    has_several = isinstance(value, dict) and "environments" in value
    plans = _PLANS(value, "plan")["environments"] if has_several else (_PLAN(value, "plan"),)
    saved = {plan["environment"]: _saved(plan) for plan in plans}
    if not saved or len(saved) < len(plans):
        raise MalformedValue("environments: none is there, or one is there twice")
    return saved


def differences(plan: Plan, saved: SavedPlan) -> Iterator[Difference]:
    """Where the text of a file does not say what would be done. Keys that the file does not have do not count."""
    if saved.recipients is not None:
        for address, who in plan.recipients.items():
            yield from _compare(address, "recipients", saved.recipients.get(address), who.to_dict())
    for change in plan.changes:
        recorded = saved.changes.get(change.address)
        if recorded is None:
            yield Difference(change.address, "address", "no change of it", str(change.action))
            continue
        differing = list(_compare(change.address, "", recorded, _shown(change)))
        if differing and (change.resumes or change.digest != recorded["digest"]):
            differing = list(_compare(change.address, "", recorded, _as_left(change, recorded, plan.api)))
        yield from differing


def _shown(change: Change) -> Object:
    """What a file has to say of a change."""
    shown = change.to_dict()
    return {name: shown[name] for name in ("client_id", "action", "fields", "secret", "outputs", "recipients")}


def _as_left(change: Change, recorded: Object, api: Capabilities) -> Object:
    """What a file had to say of a change of which this is what an interrupted apply has left.

    What was there before, and what has become of the outputs, is another thing by now; what is wanted is the same.
    """
    wanted: dict[str, Any] = {CLIENT_ID: change.client_id}
    if change.desired is not None:
        wanted |= {**forced(change.desired.fields, api), OWNERS: change.desired.owners}
    shown = _shown(change)
    return {
        "client_id": change.client_id,
        "action": str(change.action if change.leaving else Action.CREATE),
        "fields": [
            {"name": field["name"], "after": as_json(wanted.get(field["name"]))} for field in recorded["fields"]
        ],
        "recipients": shown["recipients"] and {"after": shown["recipients"]["after"]},
        "outputs": [{name: output[name] for name in output if name != "action"} for output in shown["outputs"]],
        **({} if change.leaving else {"secret": shown["secret"]}),
    }


def _compare(address: str, key: str, recorded: Any, now: Any) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(now, dict):
        for name in [name for name in now if name in recorded]:
            yield from _compare(address, f"{key}.{name}" if key else name, recorded[name], now[name])
    elif _names(recorded) and _names(recorded) == _names(now):
        for name, one, other in zip(_names(recorded), recorded, now, strict=True):
            yield from _compare(address, f"{key}.{name}", one, other)
    elif _text(recorded) != _text(now):
        one, other = _text(_names(recorded) or recorded), _text(_names(now) or now)
        yield Difference(address, key, *side_by_side(one, other, _LONGEST))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _names(value: Any) -> list[str]:
    """What names the objects of a list; empty for any other value."""
    is_list = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return [str(item.get("name", item.get("path"))) for item in value] if is_list else []
