"""The plan of a run: made from state and server, held against policy, guards and what was approved."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from iac.apply.deliver import check_sinks, check_templates, find_unfit, open_secrets, outputs_to_write
from iac.apply.run import LockedPlan
from iac.core.errors import Diagnostic, Severity, StalePlan, UnsafePlan
from iac.core.model import Actual, Registration
from iac.core.plan.approval import SavedPlan, differences, uncovered
from iac.core.plan.change import SecretChange, SecretStep
from iac.core.plan.identity import move
from iac.core.plan.make import make_plan
from iac.core.plan.plan import Plan, PlanOptions
from iac.core.policy import ReviewContext, asks_server, review
from iac.core.secret import Secret
from iac.core.state.model import Approval, State
from iac.core.text import grouped, listed
from iac.ports import find_newer
from iac.session import Session
from iac.session.ledger import Ledger
from iac.workflow.registrations import RegistrationReader, reading
from iac.workflow.render import UNREAD, find_damage, with_exposures


def read_plan(session: Session, options: PlanOptions) -> Plan:
    """What would be done now; nothing is written, and no lock taken, but for tokens that reading brings (`reading`)."""
    with reading(session) as read:
        options = replace(options, now=session.clock.now(), templates=session.digests(read.state))
        older = _older_state(session, read.state)
        actual = read.actual(options)
    plan = _plan(session, read.ledger, actual, options)
    return replace(plan, findings=(*older, *plan.findings))


def _older_state(session: Session, state: State) -> tuple[Diagnostic, ...]:
    """What a plan says of a state from which apply would write nothing."""
    error = find_newer(session.deliveries, session.backend, state)
    if error is None:
        return ()
    return (Diagnostic("older-state", error.summary, None, error.why, error.fix, Severity.WARNING, error.where),)


def _plan(session: Session, ledger: Ledger, actual: Actual, options: PlanOptions) -> Plan:
    """The plan, with what validation warns of among its findings; outputs that change are looked at: templates, git."""
    state = ledger.state
    plan = make_plan(session.desired, state, actual, options)
    plan = replace(plan, findings=(*session.warnings, *plan.findings))
    if any(change.creates for change in plan.changes):
        session.provider.check_create()
    wanted = [client for client in session.desired.clients.values() if options.wants(client.address)]
    # The server is asked which scopes it knows only where that could settle a finding of policy.
    scopes = session.provider.known_scopes() if asks_server(wanted) else frozenset[str]()
    context = ReviewContext(session.clock.now().date(), scopes, _registered(plan, state, actual))
    plan = review(plan, session.desired, wanted, context)
    check_sinks(session, plan)
    check_templates(session, plan, state)
    plan = replace(plan, findings=(*plan.findings, *find_unfit(session, state, _kept(plan, ledger)).values()))
    written = {output.id for output in outputs_to_write(plan.changes)}
    specs = [spec for spec in session.desired.outputs if options.wants_any(spec.clients)]
    damage = find_damage(session, state, specs, written)
    plan = replace(plan, findings=(*plan.findings, *(one for one in damage if one.id != UNREAD)))
    return with_exposures(session, plan, written)


def _kept(plan: Plan, ledger: Ledger) -> dict[str, Secret]:
    """By address, secrets that clients with a change keep: those that the server shows, and those that outputs get.

    Of the others this run may have no key.
    """
    shown = {
        change.address: change.observed.secret
        for change in plan.changes
        if change.observed is not None
        and change.observed.secret is not None
        and (change.secret is SecretChange.KEPT or change.step is SecretStep.TAKE)
    }
    kept = {one.address for one in plan.changes if one.secret is SecretChange.KEPT and outputs_to_write([one])}
    return {**open_secrets(ledger, kept - shown.keys()), **shown}


def _registered(plan: Plan, state: State, actual: Actual) -> dict[str, Registration]:
    """By address, clients as the server holds them: those of state, and those that the plan adopts."""
    held = move(state, plan.moved).clients.items()
    known = {address: seen for address, client in held if (seen := actual.registrations.get(client.client_id))}
    return {**known, **{change.address: change.observed for change in plan.changes if change.observed}}


def prepare(session: Session, options: PlanOptions) -> LockedPlan:
    """The plan that `apply_plan` carries out. Call it with the lock held."""
    state = session.backend.load()
    options = replace(options, now=session.clock.now(), templates=session.digests(state))
    session.check_serial(state)
    # A token that cannot be opened stops an apply here, before anything is sent; a plan goes on and says so.
    read = RegistrationReader(session, session.ledger(state), must_open=True)
    actual = read.actual(options)
    return LockedPlan(_plan(session, read.ledger, actual, options), read.state, actual, options)


_REVIEW = "review the new plan and approve it"


def check_guards(plan: Plan, consequence: str = "") -> None:
    """Refuse a plan that a guard refuses, or policy.

    Args:
        plan: what would be done.
        consequence: what follows for who wanted more than a plan.

    Raises:
        UnsafePlan: with what they say; the plan has been shown before.
    """
    if plan.refusals:
        groups = grouped(plan.refusals, lambda refusal: (refusal.summary, refusal.id))
        raise UnsafePlan(
            f"the plan is refused{consequence}",
            why=listed(map(_refused, groups), "; "),
            fix="see the plan above: each refusal has its fix; iac explain ID says more",
        )


def _refused(alike_ones: Sequence[Diagnostic]) -> str:
    """What is said of several clients, once, with their addresses."""
    first, about = alike_ones[0], listed(dict.fromkeys(refusal.where for refusal in alike_ones if refusal.where))
    return f"{about}: {first.summary} [{first.id}]" if about else f"{first.summary} [{first.id}]"


def check_expected(plan: Plan, noted: Approval | None, expected: str) -> None:
    """Stop unless the plan is the approved one, or a rest of it.

    Args:
        plan: what would be done.
        noted: the approval that state notes.
        expected: the digest that was approved.

    Raises:
        StalePlan: naming the addresses whose change is not what was approved.
    """
    if plan.digest == expected or plan.is_empty:
        return
    others = list(uncovered(plan, noted)) if noted is not None and noted.digest == expected else plan.changes
    if others:
        raise StalePlan(
            "the plan is not the one that was approved, nothing was sent",
            where=listed(change.address for change in others),
            why=f"approved {expected}, now {plan.digest}",
            fix=_REVIEW,
        )


def check_saved(plan: Plan, saved: SavedPlan) -> None:
    """Stop unless the text of a saved plan, which is what people read, says what would be done.

    Raises:
        StalePlan: naming address and key, with what the file says and what the new plan says.
    """
    if differing := list(differences(plan, saved)):
        raise StalePlan(
            "the saved plan does not say what would be done, nothing was sent",
            where=listed(f"{one.address}: {one.key}" for one in differing),
            why=listed((f"{one.key}: the file says {one.saved}, the new plan {one.now}" for one in differing), "; "),
            fix=_REVIEW,
        )
