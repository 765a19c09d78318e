"""All changes of a plan: phases in order, each phase in a bounded pool, failures kept apart."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iac.apply.outcome import Done, Failed, NotTried, Outcome
from iac.core.errors import GarbledError, IacError, StateError, UnreachableError
from iac.core.plan.change import Action, Change, SecretStep
from iac.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from iac.core.state.model import SealedSecret
    from iac.session.ledger import Ledger

_PHASES = (
    frozenset({Action.CREATE, Action.ADOPT, Action.REPLACE}),
    frozenset({Action.UPDATE}),
    frozenset({Action.ROTATE}),
    frozenset({Action.DELETE, Action.FORGET}),
)


@dataclass(slots=True)
class Stop:
    """Asks a run to end: what is in flight is finished, nothing new is sent."""

    event: threading.Event = field(default_factory=threading.Event)
    reason: str = ""
    is_interrupt: bool = False

    def ask(self, reason: str) -> None:
        """End with this reason; the first one counts."""
        if not self.event.is_set():
            self.reason = reason
            self.event.set()


def intend(ledger: Ledger, changes: Iterable[Change], kept: Mapping[str, SealedSecret]) -> None:
    """Note the intents of all creates and new secrets; the next `save` makes them durable in one write.

    Secrets that a request carries are chosen here, but for those in `kept`, by address, which a client had before; they
    are sealed to those whom the plan shows. A rotation that an earlier run may have sent stays that run's.
    """
    for change in changes:
        last = ledger.state.intents.get(change.address)
        sealed = None
        if change.step is SecretStep.CHOOSE:
            old = kept.get(change.address)
            chosen = Secret(ledger.clock.token())
            sealed = ledger.reseal(change.address, old) if old else ledger.seal_next(change.address, chosen)
        if change.creates:
            action = Action.CREATE
        elif change.step is SecretStep.CHOOSE:
            action = Action.UPDATE
        elif change.step is SecretStep.ROTATE and (last is None or last.action != Action.ROTATE):
            action = Action.ROTATE
        else:
            continue
        ledger.note(ledger.intend(change.address, change.client_id, action, sealed))


def withdraw(ledger: Ledger, outcomes: Iterable[Outcome]) -> None:
    """Note that what was not tried was not sent; the next `save` makes it durable."""
    for outcome in outcomes:
        if isinstance(outcome, NotTried):
            ledger.note(*ledger.withdrawn(outcome.change.address))


def execute(
    changes: Sequence[Change], do: Callable[[Change], None], parallelism: int, stop: Stop
) -> tuple[Outcome, ...]:
    """Do every change; the outcomes in the order of `changes`."""
    outcomes: dict[str, Outcome] = {}
    # limit: each request of a change ends by its deadline, each write of state by the limits of its backend
    with ThreadPoolExecutor(max_workers=parallelism, thread_name_prefix="iac-apply") as pool:
        for phase in _PHASES:
            batch = [change for change in changes if change.action in phase]
            for outcome in pool.map(lambda change: _one(change, do, stop), batch):
                outcomes[outcome.change.address] = outcome
    return tuple(outcomes[change.address] for change in changes)


def _one(change: Change, do: Callable[[Change], None], stop: Stop) -> Outcome:
    if stop.event.is_set():
        return NotTried(change, stop.reason)
    try:
        do(change)
    except IacError as error:
        # the cause is that of a write of unknown outcome that could not be read back
        if isinstance(error, StateError) or _is_out_of_reach(error) or _is_out_of_reach(error.__cause__):
            stop.ask(error.summary)
        return Failed(change, error)
    except Exception as fault:
        stop.ask("a fault in iac itself")
        return Failed(change, IacError("a fault in iac itself", where=change.address, why=type(fault).__name__))
    return Done(change)


def _is_out_of_reach(error: BaseException | None) -> bool:
    """Whether the server answers nobody; where one answer makes no sense, others may."""
    return isinstance(error, UnreachableError) and not isinstance(error, GarbledError)
