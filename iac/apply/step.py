"""One change at a time: what is sent, what is read back, what is stored, in this order."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iac.apply.answer import Book, Held, Sent, desired_of, last_of, owners_given, sent_by
from iac.apply.check import check_same, hold
from iac.apply.delete import Leave
from iac.apply.exchange import Exchange
from iac.core import server
from iac.core.errors import IacError, ServerError, UnknownOutcome, UnreachableError
from iac.core.model import uses_secret
from iac.core.plan.change import Action, Change, SecretChange, SecretStep
from iac.core.registration import Api, NewClient
from iac.core.state.model import SecretStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.desired import DesiredClient
    from iac.core.model import Fields
    from iac.core.registration import Facts, Registration
    from iac.core.secret import Secret
    from iac.core.state.model import ClientState, SealedSecret
    from iac.ports import Provider
    from iac.session.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Settled:
    """A write whose answer is durable: fields in which it is not what was sent, what is held, what is stored."""

    wrong: frozenset[str]
    held: Held
    answer: Registration


@dataclass(frozen=True, slots=True)
class Steps:
    """Does one change; raises `IacError` when it does not come to its end."""

    provider: Provider
    ledger: Ledger
    facts: Facts
    defaults: Fields
    provider_name: str

    @property
    def _exchange(self) -> Exchange:
        return Exchange(self.provider, self.ledger, self.facts, self.defaults)

    @property
    def _book(self) -> Book:
        return Book(self.ledger, self.facts, self.defaults, self.provider_name)

    def do(self, change: Change) -> None:
        """Carry out one change."""
        match change.action:
            case Action.DELETE:
                Leave(self.provider, self.ledger).delete(change)
            case Action.FORGET:
                Leave(self.provider, self.ledger).forget(change)
            case _ if change.creates:
                self._create(change, desired_of(change))
            case _:
                self._update(change, desired_of(change))

    def _create(self, change: Change, desired: DesiredClient) -> None:
        sealed, chosen = self._chosen(change)
        sent = sent_by(change, desired.declared)
        answer = self._exchange.register(change, NewClient(change.client_id, sent.fields, chosen))
        held = Held(sealed, SecretStatus.KNOWN if sealed else SecretStatus.NONE, desired.secret_serial)
        if answer.secret is not None and answer.secret != chosen and uses_secret(desired.fields):
            held = replace(held, secret=self._seal(change, answer.secret), status=SecretStatus.KNOWN)
        change = replace(change, client_id=answer.client_id or change.client_id)
        if change.carried or change.carried_owners:
            self._take_over(change, answer, held, sent)
            return
        done = self._settle(change, answer, held, sent)
        if done.wrong and done.wrong <= server.forced_by_create(sent.fields, self.facts.api):
            answer = self._put(change, self._fresh(change), sent)
            done = self._settle(change, answer, done.held, sent)
        if desired.owners:
            self._exchange.assign(change.client_id, desired.owners, ())
            self._book.store(change, done.answer, done.held, sent, desired.owners)
        hold(sorted(done.wrong), change)

    def _take_over(self, change: Change, answer: Registration, held: Held, sent: Sent) -> None:
        """End a create that gives a client what another one had.

        Its intent stays until all of that is there: only a change that resumes the create knows what is still missing.
        """
        if held.secret != self.ledger.state.intents[change.address].secret:
            self.ledger.record(self.ledger.intend(change.address, change.client_id, Action.CREATE, held.secret))
        wrong = self._book.wrong(answer, sent)
        if wrong and set(wrong) <= server.forced_by_create(sent.fields, self.facts.api):
            answer = self._put(change, self._fresh(change), sent)
        owners = desired_of(change).owners
        self._exchange.assign(change.client_id, owners_given(change, owners) or (), ())
        hold(self._book.store(change, answer, held, sent, owners), change)

    def _settle(
        self,
        change: Change,
        answer: Registration,
        held: Held,
        sent: Sent,
        owners: tuple[str, ...] | None = None,
    ) -> Settled:
        """Make an answer durable, then read back what is stored and hold that against what was sent."""
        held = _if_unseen(change, self._book.learned(change.address, answer, held))
        wrong = self._book.store(change, answer, held, sent, owners)
        seen = self._exchange.stored(change, answer)
        if seen is not answer:
            held = self._book.learned(change.address, seen, held)
            wrong = self._book.store(change, seen, held, sent, owners)
        return Settled(frozenset(wrong), held, seen)

    def _update(self, change: Change, desired: DesiredClient) -> None:
        sent = sent_by(change, desired.managed)
        with self._unsent(change):
            fresh = self._fresh(change)
            check_same(change, fresh)
            last = last_of(change, self.ledger.state)
            owners = last.owners if last else None
            held = self._held_before(change, last, fresh)
            if change.step is SecretStep.CHOOSE:
                held, fresh = self._choose(change, fresh, held)
            elif change.step is SecretStep.TAKE and fresh.secret is not None:
                held = replace(held, secret=self._seal(change, fresh.secret), status=SecretStatus.KNOWN)
            elif change.step is SecretStep.DROP:
                held = replace(held, secret=None, status=SecretStatus.NONE)
            answer = fresh
            is_lacking = bool(change.carried and self._book.wrong(fresh, sent))
            if change.writes_fields or is_lacking or change.step is SecretStep.CHOOSE:
                answer = self._put(change, fresh, sent)
        if answer is not fresh and server.reads_back(self.facts):
            done = self._settle(change, answer, held, sent, owners)
            held, answer = done.held, done.answer
        if change.step is SecretStep.ROTATE:
            try:
                secret = self._exchange.rotate(change, fresh)
                held = replace(held, secret=self._seal(change, secret), status=SecretStatus.KNOWN)
                held = replace(held, serial=desired.secret_serial)
            except (ServerError, UnreachableError) as refusal:
                if not isinstance(refusal, UnknownOutcome):
                    self._book.store(change, answer, held, sent, owners)
                raise
        wrong = self._book.store(change, answer, held, sent, owners)
        wanted = owners_given(change, desired.managed_owners)
        if wanted is not None:
            self._exchange.assign(change.client_id, wanted, fresh.owners or ())
            self._book.store(change, answer, held, sent, desired.managed_owners)
        hold(wrong, change)

    @contextmanager
    def _unsent(self, change: Change) -> Iterator[None]:
        """What fails before a new secret is asked for takes its intent along, but for a PUT that may still arrive."""
        try:
            yield
        except IacError as error:
            events = self.ledger.withdrawn(change.address)
            if events and not (isinstance(error, UnknownOutcome) and change.step is SecretStep.CHOOSE):
                self.ledger.record(*events)
            raise

    def _held_before(self, change: Change, last: ClientState | None, fresh: Registration) -> Held:
        """What state holds until the secret's own step is done, or what an interrupted create chose."""
        held = self._secret_before(change, last, fresh)
        if self.facts.api is Api.ADMIN or last is None:
            return held
        return replace(held, rat=last.rat, uri=last.registration_uri)

    def _secret_before(self, change: Change, last: ClientState | None, fresh: Registration) -> Held:
        desired = desired_of(change)
        intent = self.ledger.state.intents.get(change.address)
        if change.resumes and intent is not None and intent.secret is not None:
            return self._resumed(change, intent.secret, fresh)
        if last is None:
            is_known = change.step is SecretStep.ROTATE or not uses_secret(desired.fields)
            return Held(None, SecretStatus.NONE if is_known else SecretStatus.UNKNOWN, desired.secret_serial)
        serial = max(last.secret_serial, desired.secret_serial)
        if change.step is not SecretStep.ROTATE:
            return Held(last.secret, last.secret_status, serial)
        is_another_runs = intent is not None and intent.run_id != self.ledger.state.run_id
        is_dead = is_another_runs or change.secret is SecretChange.CREATED
        status = SecretStatus.UNKNOWN if is_dead and last.secret else last.secret_status
        return Held(last.secret, status, last.secret_serial)

    def _resumed(self, change: Change, chosen: SealedSecret, fresh: Registration) -> Held:
        serial = desired_of(change).secret_serial
        if fresh.secret is not None and fresh.secret.fingerprint(chosen.salt) != chosen.fingerprint:
            return Held(self._seal(change, fresh.secret), SecretStatus.KNOWN, serial)
        return Held(chosen, SecretStatus.KNOWN, serial)

    def _choose(self, change: Change, fresh: Registration, held: Held) -> tuple[Held, Registration]:
        """Up to 1.13 a PUT sets the secret it carries: the one of the intent (rec: admin-auth-method-matrix)."""
        sealed, secret = self._chosen(change)
        return replace(held, secret=sealed, status=SecretStatus.KNOWN), replace(fresh, secret=secret)

    def _chosen(self, change: Change) -> tuple[SealedSecret | None, Secret | None]:
        """The secret that the intent holds, sealed and in clear; None for a client that has none."""
        sealed = self.ledger.state.intents[change.address].secret
        return sealed, self.ledger.open(change.address, sealed) if sealed else None

    def _put(self, change: Change, fresh: Registration, sent: Sent) -> Registration:
        return self._exchange.put(change, fresh, sent.fields, sent.names)

    def _fresh(self, change: Change) -> Registration:
        needs_owners = owners_given(change, desired_of(change).owners) is not None
        return self._exchange.fresh(change, with_owners=needs_owners)

    def _seal(self, change: Change, secret: Secret) -> SealedSecret:
        return self.ledger.seal_next(change.address, secret)


def _if_unseen(change: Change, held: Held) -> Held:
    """A secret that was to be taken from an answer which has none is not known."""
    if change.step is SecretStep.TAKE and held.secret is None:
        return replace(held, status=SecretStatus.UNKNOWN)
    return held
