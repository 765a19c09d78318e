"""What an apply would do now: read state and server, plan, hold it against policy. Without the lock, or under it."""

from __future__ import annotations

from dataclasses import replace

from iac.apply.deliver import check_sinks, check_templates, outputs_to_write
from iac.apply.run import LockedPlan
from iac.core.diagnostics import Diagnostic, Severity
from iac.core.plan.draft import Options
from iac.core.plan.make import make_plan
from iac.core.plan.plan import Plan
from iac.core.policy import Outside, asks_server, review
from iac.core.registration import Actual
from iac.core.state.model import State
from iac.session import Session, find_newer
from iac.workflow.exposure import with_exposures
from iac.workflow.registrations import keep_new_tokens, read_actual


def read_plan(session: Session, options: Options) -> Plan:
    """What would be done now; nothing is written and no lock is taken."""
    state = session.backend.load()
    options = replace(options, now=session.clock.now(), templates=session.digests(state))
    older = _older_state(session, state)
    actual = read_actual(session, state, options)
    state = keep_new_tokens(session, state, actual, is_locked=False)
    plan = _plan(session, state, actual, options)
    return replace(plan, findings=(*older, *plan.findings))


def _older_state(session: Session, state: State) -> tuple[Diagnostic, ...]:
    """What a plan says of a state from which apply would write nothing."""
    error = find_newer(session.deliveries, session.backend, state)
    if error is None:
        return ()
    found = Diagnostic("older-state", error.summary, None, error.why, error.fix, Severity.WARNING, error.where)
    return (found,)


def _plan(session: Session, state: State, actual: Actual, options: Options) -> Plan:
    """The plan, with what validation warns of among its findings; outputs that change are looked at: templates, git."""
    plan = make_plan(session.desired, state, actual, options)
    plan = _reviewed(session, replace(plan, findings=(*session.warnings, *plan.findings)), options)
    check_sinks(session, plan)
    check_templates(session, plan)
    return with_exposures(session, plan, [output.id for output in outputs_to_write(plan)])


def _reviewed(session: Session, plan: Plan, options: Options) -> Plan:
    """With the findings of policy. The server is asked which scopes it knows only where that could settle one."""
    wanted = [client for client in session.desired.clients.values() if options.wants(client.address)]
    scopes = session.provider.known_scopes() if asks_server(wanted) else frozenset[str]()
    return review(plan, session.desired, wanted, Outside(session.clock.now().date(), scopes))


def prepare(session: Session, options: Options) -> LockedPlan:
    """The plan that `apply_plan` carries out. Call it with the lock held."""
    state = session.backend.load()
    options = replace(options, now=session.clock.now(), templates=session.digests(state))
    session.check_serial(state)
    # A token that cannot be opened stops an apply here, before anything is sent; a plan goes on and says so.
    actual = read_actual(session, state, options, must_open=True)
    state = keep_new_tokens(session, state, actual, is_locked=True)
    return LockedPlan(_plan(session, state, actual, options), state, actual, options)
