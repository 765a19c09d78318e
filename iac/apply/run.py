"""A plan carried out, from its last check to its report. Everything from outside comes in by the session's ports.

The changes run in phases, each phase in a bounded pool, and what fails keeps no other change from being done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct, field
from msgspec.structs import replace

from iac.apply.delete import Deletion, retire_predecessors
from iac.apply.deliver import check_outputs, deliver
from iac.apply.outcome import Done, Failed, NotTried, Outcome, Report, StopRequest
from iac.apply.step import Steps
from iac.core.errors import Diagnostic, GarbledError, IacError, StateError, UnreachableError
from iac.core.model import Actual
from iac.core.plan.approval import approve, uncovered
from iac.core.plan.change import Action, Change, SecretStep
from iac.core.plan.identity import reinstate
from iac.core.plan.plan import Plan, PlanOptions
from iac.core.secret import Secret
from iac.core.state.document import check_events
from iac.core.state.model import ClientState, ClientWritten, IntentGiven, SealedSecret, State
from iac.ports.progress import SILENT, Progress
from iac.session import Session
from iac.session.ledger import Ledger

# What adds comes before what takes away, so that no service is without what it needs in between. Deletions come last:
# when something before them stops the run, the old clients are still there.
_PHASES = (
    frozenset({Action.CREATE, Action.ADOPT, Action.REPLACE}),
    frozenset({Action.UPDATE}),
    frozenset({Action.ROTATE}),
    frozenset({Action.DELETE, Action.FORGET}),
)


class LockedPlan(Struct, frozen=True):
    """A plan made under the lock, with the state and the facts it was made from.

    Attributes:
        kept: by address, secrets of creates that iac does not choose again.
    """

    plan: Plan
    state: State
    actual: Actual
    options: PlanOptions
    kept: Mapping[str, SealedSecret] = field(default_factory=dict)

    @property
    def has_work(self) -> bool:
        """Whether apply has anything to do, even if only in state."""
        return bool(
            self.plan.changes or self.plan.moved or self.plan.released or self.plan.taken_over or self.settled()
        )

    def settled(self) -> frozenset[str]:
        """Addresses whose interrupted write needs nothing more: the server holds what is wanted."""
        planned = {change.address for change in self.plan.changes}
        return frozenset(a for a in self.state.intents if self.options.wants(a) and a not in planned)


def apply_plan(session: Session, locked: LockedPlan, stop: StopRequest) -> Report:
    """Carry out a plan that was approved. Call it with the lock held.

    Raises:
        IacError: something keeps the run from its first write; nothing was sent.
    """
    plan, ledger = locked.plan, session.ledger(locked.state)
    session.provider.keep_tokens(ledger.keep_token)
    _check_ready(session, locked, ledger)
    _begin(session, locked, ledger)
    # One write of state makes the approval, all intents and all secrets that iac chooses durable before the first
    # request: whatever a crash leaves at the server, the next run finds here what was sent and with which secret.
    intend(ledger, plan.changes, locked.kept, begun=False if locked.actual.facts.api.server_chooses else None)
    ledger.save()
    steps = Steps(
        session.provider, ledger, locked.actual.facts, session.desired.server_defaults, session.desired.api.provider
    )
    outcomes = execute(plan.changes, steps.do, session.parallelism, stop, session.progress)
    # Only noted: the save at the end makes it durable. After a crash before that the intents are still there, and the
    # next run asks the server about writes that were never sent, which costs no more than a read each.
    withdraw(ledger, outcomes)
    # Outputs come after all changes, for one output may hold several clients, and only for changes that are done.
    done = {outcome.change.address for outcome in outcomes if isinstance(outcome, Done)}
    outputs = tuple(deliver(session, ledger, plan, done))
    if any(outcome.change.leaving for outcome in outcomes):
        # Hosts that render from the state have to find the successor there before its predecessor is gone.
        error = _save(ledger)
        if error is not None:
            stop.ask(f"the state could not be written: {error.summary}")
        outcomes = tuple(retire_predecessors(Deletion(session.provider, ledger), outcomes, outputs, stop))
    told = [finding for outcome in outcomes if isinstance(outcome, Done) for finding in outcome.findings]
    findings = (*plan.findings, *told)
    ended = Report(plan.digest, outcomes, outputs, is_interrupted=stop.is_interrupt, findings=findings)
    # A failure here loses nothing: each event of this run is in the journal, which the next load folds in.
    return replace(ended, unsaved=_save(ledger))


def _check_ready(session: Session, locked: LockedPlan, ledger: Ledger) -> None:
    """Everything that can fail before the first write fails here (contract 5.1)."""
    # The login first: without the right to write nothing else is worth asking.
    session.provider.check_write()
    check_events([ClientWritten(change.address, _as_stored(change)) for change in locked.plan.changes])
    sealing = [change for change in locked.plan.changes if change.step is not SecretStep.NOTHING or change.resumes]
    ledger.check_recipients(change.address for change in sealing)
    check_outputs(session, locked.plan, ledger)
    if locked.plan.moved:
        ledger.check_identity()


def _as_stored(change: Change) -> ClientState:
    """What a change puts into state of its definition."""
    desired = change.desired
    if desired is None:
        return ClientState(change.client_id, "", {}, frozenset())
    return ClientState(change.client_id, "", desired.fields, desired.declared, desired.owners)


def _begin(session: Session, locked: LockedPlan, ledger: Ledger) -> None:
    """Note in the state of this run what was approved, and do what concerns state alone; nothing is written yet.

    The rest of an earlier plan keeps that plan's approval, so that a third run may carry out what is left after this.
    """
    plan, noted = locked.plan, locked.state.approval
    approval = noted if noted is not None and not any(uncovered(plan, noted)) else approve(plan, ledger.now())
    ledger.state = replace(ledger.state, served_issuer=session.provider.served_issuer())
    ledger.begin(session.run_id, approval, plan.moved, locked.settled())
    wanted = [client for client in session.desired.clients.values() if locked.options.wants(client.address)]
    ledger.state = reinstate(ledger.state, wanted)
    ledger.release(plan)


def _save(ledger: Ledger) -> IacError | None:
    """Why the state could not be written, if so: what was done is reported all the same. The journal still has it."""
    try:
        ledger.save()
    except (StateError, UnreachableError) as error:
        return error
    return None


def intend(
    ledger: Ledger, changes: Iterable[Change], kept: Mapping[str, SealedSecret], *, begun: bool | None = None
) -> None:
    """Note the intents of all creates and new secrets; the next `save` makes them durable in one write.

    Secrets that a request carries are chosen here, but for those in `kept`, by address, which a client had before; they
    are sealed to those whom the plan shows. A rotation that an earlier run may have sent stays that run's.

    `begun` is False where each create notes when it begins: where the server chooses ids, nobody can look for a client
    afterwards that was perhaps registered.
    """
    intents: list[IntentGiven] = []
    for change in changes:
        # That it may be another run's is what tells the step that the secret in state may be dead.
        intent = ledger.state.intents.get(change.address)
        sealed = None
        if change.step is SecretStep.CHOOSE:
            old = kept.get(change.address)
            chosen = Secret(ledger.clock.token())
            sealed = ledger.reseal(change.address, old) if old else ledger.seal(change.address, chosen)
        if change.creates:
            action = Action.CREATE
        elif change.step is SecretStep.CHOOSE:
            action = Action.UPDATE
        elif change.step is SecretStep.ROTATE and (intent is None or intent.action != Action.ROTATE):
            action = Action.ROTATE
        else:
            continue
        is_begun = begun if action is Action.CREATE else None
        intents.append(ledger.intend(change.address, change.client_id, action, sealed, begun=is_begun))
    ledger.note(*intents)


def withdraw(ledger: Ledger, outcomes: Iterable[Outcome]) -> None:
    """Note that what was not tried was not sent; the next `save` makes it durable."""
    untried = [outcome.change.address for outcome in outcomes if isinstance(outcome, NotTried)]
    ledger.note(*(event for address in untried for event in ledger.withdrawn(address)))


def execute(
    changes: Sequence[Change],
    do: Callable[[Change], Sequence[Diagnostic] | None],
    parallelism: int,
    stop: StopRequest,
    progress: Progress = SILENT,
) -> tuple[Outcome, ...]:
    """Do every change; the outcomes in the order of `changes`."""
    outcomes: dict[str, Outcome] = {}

    def do_one(change: Change) -> Outcome:
        progress.enter(change.address)
        outcome = _do_one(change, do, stop)
        progress.leave(change.address, outcome)
        return outcome

    if changes:
        progress.begin(len(changes), "client")
    # limit: each request of a change ends by its deadline, each write of state by the limits of its backend
    with ThreadPoolExecutor(max_workers=parallelism, thread_name_prefix="iac-apply") as pool:
        for phase in _PHASES:
            batch = [change for change in changes if change.action in phase]
            for outcome in pool.map(do_one, batch):
                outcomes[outcome.change.address] = outcome
    return tuple(outcomes[change.address] for change in changes)


def _do_one(change: Change, do: Callable[[Change], Sequence[Diagnostic] | None], stop: StopRequest) -> Outcome:
    if stop.event.is_set():
        return NotTried(change, stop.reason)
    try:
        findings = tuple(do(change) or ())
    except IacError as error:
        # No write is sent a second time, here or below. A server that answers nobody, or a state that takes nothing,
        # ends the run: each change to come would be one more write of unknown outcome. The cause of such an error is
        # that of the read which was to find out.
        if isinstance(error, StateError) or _is_out_of_reach(error) or _is_out_of_reach(error.__cause__):
            stop.ask(error.summary)
        return Failed(change, error)
    except Exception as fault:
        stop.ask("a fault in iac itself")
        return Failed(change, IacError("a fault in iac itself", where=change.address, why=type(fault).__name__))
    return Done(change, findings)


def _is_out_of_reach(error: BaseException | None) -> bool:
    """Whether the server answers nobody; where one answer makes no sense, others may."""
    return isinstance(error, UnreachableError) and not isinstance(error, GarbledError)
