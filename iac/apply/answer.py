"""What a write sets, and what state learns from its answer: fields, secret, registration access token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iac.core import server
from iac.core.errors import StalePlan
from iac.core.model import uses_secret
from iac.core.plan.diff import mismatches
from iac.core.registration import Api
from iac.core.state.answer import kept_answer
from iac.core.state.model import ClientState, ClientWritten, Predecessor, SecretStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.core.desired import DesiredClient
    from iac.core.model import Fields
    from iac.core.plan.change import Change
    from iac.core.registration import Facts, Registration
    from iac.core.secret import Secret
    from iac.core.state.model import SealedSecret, State
    from iac.session.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Sent:
    """What a write sets: fields, and the names of all that it sets, emptied ones too."""

    fields: Fields
    names: frozenset[str]


def desired_of(change: Change) -> DesiredClient:
    """The definition of a change that has one.

    Raises:
        StalePlan: it has none.
    """
    if change.desired is None:
        raise StalePlan("a change without a definition", where=change.address)
    return change.desired


def sent_by(change: Change, names: frozenset[str]) -> Sent:
    """With what the client gets from its predecessor, or from itself as it was before it was deleted."""
    return Sent({**change.carried, **desired_of(change).fields}, names | change.carried.keys())


def owners_given(change: Change, own: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Owners that are assigned: those that the definition wants, else those that the client before it had."""
    is_carried = bool(change.succeeds or change.carried_owners) and desired_of(change).managed_owners is None
    return (change.carried_owners or None) if is_carried else own


def predecessors_with(change: Change, before: ClientState | None) -> tuple[Predecessor, ...]:
    """The predecessors of a client that is written: those of the one that stands there; another becomes one itself."""
    if before is None or not change.succeeds or before.client_id == change.client_id:
        return before.predecessors if before else ()
    grace = next((old.grace for old in change.leaving if old.client_id == before.client_id), 0)
    return (*before.predecessors, Predecessor(replace(before, predecessors=()), grace))


def last_of(change: Change, state: State) -> ClientState | None:
    """What was last applied to this very client; None for one that is new to its address."""
    held = state.clients.get(change.address)
    return held if held is not None and held.client_id == change.client_id else None


@dataclass(frozen=True, slots=True)
class Held:
    """A client's secret, and what reaches the client, as state will hold them.

    Attributes:
        rat: the registration access token, None where the server gave none.
        uri: the registration_client_uri, "" where the server gave none.
    """

    secret: SealedSecret | None
    status: SecretStatus
    serial: int
    rat: SealedSecret | None = None
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Book:
    """Writes answers into state, durably: what is done next may rely on it."""

    ledger: Ledger
    facts: Facts
    defaults: Fields
    provider_name: str

    def learned(self, address: str, answer: Registration, held: Held) -> Held:
        """What is held after an answer where the server chooses: its secret and its token take the place of the old.

        With the management API the tool has chosen, and the plan has said what becomes of the secret.
        """
        if self.facts.api is Api.ADMIN:
            return held
        if answer.registration_uri:
            held = replace(held, uri=answer.registration_uri)
        if answer.rat is not None and not _is_same(held.rat, answer.rat):
            held = replace(held, rat=self.ledger.seal_rat(address, answer.rat))
        if answer.secret is None or not uses_secret(answer.fields) or _is_same(held.secret, answer.secret):
            return held
        return replace(held, secret=self.ledger.seal_next(address, answer.secret), status=SecretStatus.KNOWN)

    def wrong(self, answer: Registration, sent: Sent) -> list[str]:
        """Names of the fields in which an answer is not what was sent."""
        return mismatches(sent.fields, sent.names, answer, self.facts, self.defaults)

    def store(
        self,
        change: Change,
        answer: Registration,
        held: Held,
        sent: Sent,
        owners: tuple[str, ...] | None,
    ) -> list[str]:
        """Make the answer durable; names of the fields in which it is not what was sent."""
        desired = desired_of(change)
        wrong = self.wrong(answer, sent)
        applied = dict(server.forced(desired.fields, self.facts.api))
        for name in wrong:
            applied.pop(name, None)
            if name in answer.fields and name in desired.declared:
                applied[name] = answer.fields[name]
        client = ClientState(
            client_id=answer.client_id or desired.client_id,
            provider=self.provider_name,
            applied=applied,
            declared=desired.declared,
            owners=owners,
            secret=held.secret,
            secret_status=held.status,
            secret_serial=held.serial,
            prevent_destroy=desired.lifecycle.prevent_destroy,
            applied_at=self.ledger.now(),
            rat=held.rat,
            registration_uri=held.uri,
            adopted_at=self._adopted_at(change),
            generation=desired.generation,
            predecessors=predecessors_with(change, self.ledger.state.clients.get(change.address)),
            answer=self._answer(change, answer),
        )
        self.ledger.record(ClientWritten(desired.address, client))
        return wrong

    def _answer(self, change: Change, answer: Registration) -> Mapping[str, Any] | None:
        """The answer; where nothing was read, the one before it."""
        if not answer.is_remembered:
            return kept_answer(answer.answer)
        last = last_of(change, self.ledger.state)
        return last.answer if last else None

    def _adopted_at(self, change: Change) -> str:
        last = last_of(change, self.ledger.state)
        if last is not None:
            return last.adopted_at
        is_taken = change.observed is not None and not change.resumes
        return self.ledger.now() if is_taken else ""


def _is_same(stored: SealedSecret | None, answered: Secret) -> bool:
    return stored is not None and answered.fingerprint(stored.salt) == stored.fingerprint
