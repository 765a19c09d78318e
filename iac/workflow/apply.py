"""The straight line: read, plan, guard, apply, render. Everything from outside comes in by the session's ports."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iac.apply import run
from iac.apply.delete import Leave, let_go
from iac.apply.deliver import (
    check_outputs,
    check_sinks,
    check_templates,
    deliver,
    outputs_to_write,
)
from iac.apply.outcome import Done, Report
from iac.apply.step import Steps
from iac.core.errors import IacError, StateError, UnreachableError, UnsafePlan
from iac.core.limits import listed
from iac.core.plan.approval import approve, uncovered
from iac.core.plan.change import Finding, SecretStep
from iac.core.plan.identity import turn_back
from iac.core.plan.make import make_plan
from iac.core.policy.judge import Outside, asks_server, review
from iac.core.state.journal import check_events
from iac.core.state.model import ClientState, ClientWritten
from iac.workflow.approval import check_serial, older_state
from iac.workflow.exposure import with_exposures
from iac.workflow.registrations import keep_new_tokens, read_actual

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.core.plan.change import Change
    from iac.core.plan.make import Options
    from iac.core.plan.plan import Plan
    from iac.core.registration import Actual
    from iac.core.state.model import SealedSecret, State
    from iac.session.ledger import Ledger
    from iac.session.session import Session


def read_plan(session: Session, options: Options) -> Plan:
    """What would be done now; nothing is written and no lock is taken."""
    options = replace(options, now=session.clock.now())
    state = session.backend.load()
    older = older_state(session, state)
    actual = read_actual(session, state, options)
    state = keep_new_tokens(session, state, actual, is_locked=False)
    plan = _plan(session, state, actual, options)
    return replace(plan, findings=(*older, *plan.findings))


def _plan(session: Session, state: State, actual: Actual, options: Options) -> Plan:
    """The plan, with what validation warns of among its findings; outputs that change are looked at: templates, git."""
    findings = tuple(
        Finding(warning.id, warning.severity, warning.summary, warning.location) for warning in session.warnings
    )
    plan = make_plan(session.desired, state, actual, options)
    plan = _reviewed(session, replace(plan, findings=(*findings, *plan.findings)), options)
    check_sinks(session, plan)
    check_templates(session, plan)
    return with_exposures(session, plan, [output.id for output in outputs_to_write(plan)])


def _reviewed(session: Session, plan: Plan, options: Options) -> Plan:
    """With the findings of policy. The server is asked which scopes it knows only where that could settle one."""
    wanted = [client for client in session.desired.clients.values() if options.wants(client.address)]
    scopes = session.provider.known_scopes() if asks_server(wanted) else frozenset[str]()
    return review(plan, session.desired, wanted, Outside(session.clock.now().date(), scopes))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan under the lock, with the state and the facts it was made from.

    Attributes:
        kept: by address, secrets of creates that are not chosen anew.
    """

    plan: Plan
    state: State
    actual: Actual
    options: Options
    kept: Mapping[str, SealedSecret] = field(default_factory=dict)

    @property
    def has_work(self) -> bool:
        """Whether apply has anything to do, even if only in state."""
        return bool(self.plan.changes or self.plan.moved or self.plan.released or self.settled())

    def settled(self) -> frozenset[str]:
        """Addresses whose interrupted write needs nothing more: the server holds what is wanted."""
        planned = {change.address for change in self.plan.changes}
        return frozenset(a for a in self.state.intents if self.options.wants(a) and a not in planned)


def prepare(session: Session, options: Options) -> Prepared:
    """The plan that `apply_plan` carries out. Call it with the lock held."""
    options = replace(options, now=session.clock.now())
    state = session.backend.load()
    check_serial(session, state)
    actual = read_actual(session, state, options, must_open=True)
    state = keep_new_tokens(session, state, actual, is_locked=True)
    return Prepared(_plan(session, state, actual, options), state, actual, options)


def check_guards(plan: Plan) -> None:
    """Refuse a plan that a guard refuses, or policy.

    Raises:
        UnsafePlan: with what they say; the plan has been shown before.
    """
    if plan.refusals:
        messages = listed(plan.refusals, "; ")
        raise UnsafePlan(
            "the plan is refused, nothing was sent", why=messages, fix="see the plan above: each names its way on"
        )


def apply_plan(session: Session, prepared: Prepared, stop: run.Stop) -> Report:
    """Carry out a plan that was approved: preflight, intents, writes, outputs, one last save."""
    plan = prepared.plan
    ledger = session.ledger(prepared.state)
    _preflight(session, prepared, ledger)
    noted = prepared.state.approval
    is_rest = noted is not None and not uncovered(plan, noted)
    approval = noted if noted is not None and is_rest else approve(plan, ledger.now())
    ledger.state = replace(ledger.state, served_issuer=session.provider.served_issuer())
    ledger.begin(session.run_id, approval, plan.moved, prepared.settled())
    wanted = [client for client in session.desired.clients.values() if prepared.options.wants(client.address)]
    ledger.state = turn_back(ledger.state, wanted)
    ledger.release(plan)
    run.intend(ledger, plan.changes, prepared.kept)
    ledger.save()
    steps = Steps(
        session.provider, ledger, prepared.actual.facts, session.desired.server_defaults, session.desired.provider
    )
    outcomes = run.execute(plan.changes, steps.do, session.parallelism, stop)
    done = {outcome.change.address for outcome in outcomes if isinstance(outcome, Done)}
    run.withdraw(ledger, outcomes)
    outputs = tuple(deliver(session, ledger, plan, done))
    if any(outcome.change.leaving for outcome in outcomes):
        _save_before_deleting(ledger, stop)
        outcomes = tuple(let_go(Leave(session.provider, ledger), outcomes, outputs, stop))
    return Report(plan.digest, outcomes, outputs, is_interrupted=stop.is_interrupt, unsaved=_save(ledger))


def _save_before_deleting(ledger: Ledger, stop: run.Stop) -> None:
    """Hosts that render from the state have to find the successor there before its predecessor is gone."""
    error = _save(ledger)
    if error is not None:
        stop.ask(f"the state could not be written: {error.summary}")


def _save(ledger: Ledger) -> IacError | None:
    """The last write; when it fails, what was done is told all the same, and then why."""
    try:
        ledger.save()
    except (StateError, UnreachableError) as error:
        return error
    return None


def _preflight(session: Session, prepared: Prepared, ledger: Ledger) -> None:
    """Everything that can fail before the first write fails here (contract 5.1)."""
    session.provider.check_write()
    check_events([ClientWritten(change.address, _prospect(change)) for change in prepared.plan.changes])
    sealing = [each for each in prepared.plan.changes if each.step is not SecretStep.NOTHING or each.resumes]
    ledger.check_recipients(change.address for change in sealing)
    check_outputs(session, prepared.plan, ledger)
    if prepared.plan.moved:
        ledger.check_identity()


def _prospect(change: Change) -> ClientState:
    """What a change puts into state of its definition."""
    desired = change.desired
    if desired is None:
        return ClientState(change.client_id, "", {}, frozenset())
    return ClientState(change.client_id, "", desired.fields, desired.declared, desired.owners)
