"""Clients that go: those of a removed address, and predecessors when their successors' outputs are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from iac.apply.outcome import Delivered, Done, Failed, NotDelivered, Outcome, StopRequest
from iac.apply.request import check_same, read_back
from iac.core.errors import IacError, UnknownOutcome
from iac.core.model import Registration
from iac.core.plan.change import Change, OutputAction, PredecessorChange
from iac.core.state.codec import kept_answer
from iac.core.state.model import ClientGone, ClientState, ClientWritten, PredecessorGone, Tombstone
from iac.core.text import listed
from iac.ports import Provider
from iac.session.ledger import Ledger


class Deletion(Struct, frozen=True):
    """Deletes and forgets clients; raises `IacError` when that does not come to its end."""

    provider: Provider
    ledger: Ledger

    def delete(self, change: Change) -> None:
        """The client of an address that leaves, and before it those that it has taken the place of."""
        for old in change.leaving:
            self.retire(change, old)
        fresh = self.provider.get(change.client_id, with_owners=True)
        client = self.ledger.state.clients[change.address]
        if fresh is not None:
            check_same(change.address, change.observed, fresh)
            client = _with_last_answer(client, fresh)
            self._remove(change.client_id)
        # After the delete: a crash between the two leaves a client in state that is gone, which the next plan forgets;
        # the other way round a client would stay on the server of which no state knows.
        self.ledger.record(ClientGone(change.address, Tombstone(change.address, client, self.ledger.now())))

    def forget(self, change: Change) -> None:
        """A client that is gone from the server leaves a tombstone, whoever deleted it: perhaps an interrupted run.

        One that has left state already had an output that an interrupted run could not remove any more.
        """
        client = self.ledger.state.clients.get(change.address)
        if client is None:
            return
        is_gone = change.observed is None
        grave = Tombstone(change.address, client, self.ledger.now()) if is_gone else None
        self.ledger.record(ClientGone(change.address, grave))

    def retire(self, change: Change, old: PredecessorChange) -> None:
        """Delete a predecessor, or let its grace time begin."""
        if old.grace:
            self._begin_grace(change.address, old)
            return
        fresh = self.provider.get(old.client_id, with_owners=True)
        if fresh is not None:
            # The owners of a predecessor are no part of what the plan says about it.
            check_same(change.address, old.observed, replace(fresh, owners=None))
            self._remove(old.client_id)
        client = self.ledger.state.clients[change.address]
        former = next((one.client for one in client.predecessors if one.client.client_id == old.client_id), None)
        if former is not None:
            former = _with_last_answer(former, fresh) if fresh else former
            self.ledger.record(PredecessorGone(Tombstone(change.address, former, self.ledger.now())))

    def _begin_grace(self, address: str, old: PredecessorChange) -> None:
        client, now = self.ledger.state.clients[address], self.ledger.now()
        predecessors = tuple(
            replace(one, grace=old.grace, since=now) if one.client.client_id == old.client_id else one
            for one in client.predecessors
        )
        self.ledger.record(ClientWritten(address, replace(client, predecessors=predecessors)))

    def _remove(self, client_id: str) -> None:
        """Sent once, as in `iac.apply.request`; when no usable answer comes back, a read decides."""
        try:
            self.provider.delete(client_id)
        except UnknownOutcome as unknown:
            if read_back(self.provider, unknown, client_id) is not None:
                raise


def _with_last_answer(client: ClientState, fresh: Registration) -> ClientState:
    """With the server's last answer before the client goes, and all its owners: `iac state restore` needs both."""
    owners = client.owners if fresh.owners is None else fresh.owners
    return replace(client, answer=kept_answer(fresh.answer), owners=owners)


def retire_predecessors(
    deletion: Deletion, outcomes: Iterable[Outcome], outputs: Sequence[Delivered | NotDelivered], stop: StopRequest
) -> Iterator[Outcome]:
    """The outcomes, after predecessors went whose successors are registered and rendered.

    One stays as long as an output of its successor is not written: what reads it still has the old credentials.
    """
    unwritten = {output.output.id for output in outputs if isinstance(output, NotDelivered)}
    for outcome in outcomes:
        is_waiting = any(output.id in unwritten for output in outcome.change.outputs)
        if isinstance(outcome, Done) and outcome.change.leaving and outcome.change.desired and not is_waiting:
            yield _retire_all(deletion, outcome, stop)
        else:
            yield outcome


def _retire_all(deletion: Deletion, outcome: Done, stop: StopRequest) -> Outcome:
    change = outcome.change
    try:
        _check_retirable(change, stop)
        for old in change.leaving:
            deletion.retire(change, old)
    except IacError as error:
        return Failed(change, error)
    return outcome


def _check_retirable(change: Change, stop: StopRequest) -> None:
    names = ", ".join(old.client_id for old in change.leaving)
    blocked = [output.path for output in change.outputs if output.action is OutputAction.BLOCKED]
    if stop.event.is_set():
        raise IacError("a predecessor is still registered", where=names, why=stop.reason, fix="run iac apply again")
    if blocked:
        raise IacError(
            "a predecessor stays registered, for an output still names it",
            where=names,
            why=f"iac does not know a secret that {listed(blocked)} needs",
            fix="provide it with iac secret set, then run iac apply",
        )
