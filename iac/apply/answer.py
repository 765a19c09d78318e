"""What a write sets, and what state learns from its answer: fields, secret, registration access token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from iac.core import server
from iac.core.desired import DesiredClient
from iac.core.errors import StalePlan
from iac.core.model import Fields, uses_secret
from iac.core.plan.change import Change
from iac.core.plan.diff import mismatches
from iac.core.registration import Facts, Registration
from iac.core.secret import Secret
from iac.core.state.answer import kept_answer
from iac.core.state.model import ClientState, ClientWritten, Predecessor, SealedSecret, SecretStatus, State
from iac.session.ledger import Ledger


def desired_of(change: Change) -> DesiredClient:
    """The definition of a change that has one.

    Raises:
        StalePlan: it has none.
    """
    if change.desired is None:
        raise StalePlan("a change without a definition", where=change.address)
    return change.desired


def fields_of(change: Change) -> Fields:
    """Fields that a write sets: the definition's, and those carried over from a predecessor or a deleted client."""
    return {**change.carried, **desired_of(change).fields}


def names_of(change: Change) -> frozenset[str]:
    """Names of the fields that a write sets, emptied ones too: a new client has nothing that could be emptied."""
    desired = desired_of(change)
    return (desired.declared if change.creates else desired.managed) | change.carried.keys()


def owners_given(change: Change, own: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Owners that are assigned: those that the definition wants, else those that the client before it had."""
    is_carried = bool(change.succeeds or change.carried_owners) and desired_of(change).managed_owners is None
    return (change.carried_owners or None) if is_carried else own


def last_of(change: Change, state: State) -> ClientState | None:
    """What was last applied to this very client; None for one that is new to its address."""
    client = state.clients.get(change.address)
    return client if client is not None and client.client_id == change.client_id else None


def with_secret(client: ClientState, secret: SealedSecret | None) -> ClientState:
    """The client with a secret that is known, or with none."""
    return replace(client, secret=secret, secret_status=SecretStatus.KNOWN if secret else SecretStatus.NONE)


@dataclass(frozen=True, slots=True)
class AnswerStore:
    """Writes answers into state, durably: what is done next may rely on it."""

    ledger: Ledger
    facts: Facts
    defaults: Fields
    provider_name: str

    def learned(self, change: Change, answer: Registration, client: ClientState) -> ClientState:
        """The client with the secret and the token of an answer, where the server chooses them.

        Where iac chooses, the plan has said what becomes of the secret.
        """
        if not self.facts.api.server_chooses:
            return client
        if answer.registration_uri:
            client = replace(client, registration_uri=answer.registration_uri)
        if answer.rat is not None and not _is_same(client.rat, answer.rat):
            client = replace(client, rat=self.ledger.seal_rat(change.address, answer.rat))
        if answer.secret is None or not uses_secret(answer.fields) or _is_same(client.secret, answer.secret):
            return client
        return with_secret(client, self.ledger.seal_next(change.address, answer.secret))

    def wrong(self, change: Change, answer: Registration) -> list[str]:
        """Names of the fields in which an answer is not what was sent."""
        return mismatches(fields_of(change), names_of(change), answer, self.facts, self.defaults)

    def store(self, change: Change, answer: Registration, client: ClientState) -> list[str]:
        """Make the answer durable; names of the fields in which it is not what was sent.

        Of `client` the owners and what belongs to its secret and token are stored; the rest is of this change. A field
        that the server did not keep is stored as it answered: the next plan shows it as drift.
        """
        desired = desired_of(change)
        wrong = self.wrong(change, answer)
        applied = dict(server.forced(desired.fields, self.facts.api))
        for name in wrong:
            applied.pop(name, None)
            if name in answer.fields and name in desired.declared:
                applied[name] = answer.fields[name]
        client = replace(
            client,
            client_id=answer.client_id or desired.client_id,
            provider=self.provider_name,
            applied=applied,
            declared=desired.declared,
            prevent_destroy=desired.lifecycle.prevent_destroy,
            applied_at=self.ledger.now(),
            adopted_at=self._adopted_at(change),
            generation=desired.generation,
            predecessors=_predecessors(change, self.ledger.state.clients.get(change.address)),
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


def _predecessors(change: Change, before: ClientState | None) -> tuple[Predecessor, ...]:
    """The predecessors of a client that is written: those of the one that stands there; another becomes one itself."""
    if before is None or not change.succeeds or before.client_id == change.client_id:
        return before.predecessors if before else ()
    grace = next((old.grace for old in change.leaving if old.client_id == before.client_id), 0)
    return (*before.predecessors, Predecessor(replace(before, predecessors=()), grace))


def _is_same(stored: SealedSecret | None, answered: Secret) -> bool:
    return stored is not None and answered.fingerprint(stored.salt) == stored.fingerprint
