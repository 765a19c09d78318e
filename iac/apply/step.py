"""One change at a time: what is sent, what is read back, what is stored, in this order."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iac.apply.book import Book, Held
from iac.apply.check import check_same, hold
from iac.apply.exchange import Exchange
from iac.core import semantics
from iac.core.change import Action, Change, SecretChange, SecretStep
from iac.core.errors import IacError, ServerError, StalePlan, UnknownOutcome
from iac.core.model import uses_secret
from iac.core.registration import Api, NewClient
from iac.core.state import ClientGone, SecretStatus, Tombstone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.apply.ledger import Ledger
    from iac.core.desired import DesiredClient
    from iac.core.model import Fields
    from iac.core.registration import Facts, Registration
    from iac.core.secret import Secret
    from iac.core.state import ClientState, SealedSecret
    from iac.ports import Provider


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
            case Action.CREATE:
                self._create(change, _desired(change))
            case Action.ADOPT | Action.UPDATE | Action.ROTATE:
                self._update(change, _desired(change))
            case Action.DELETE:
                self._delete(change)
            case _:
                self._forget(change)

    def _create(self, change: Change, desired: DesiredClient) -> None:
        sealed, chosen = self._chosen(change)
        answer = self._exchange.register(change, NewClient(change.client_id, desired.fields, chosen))
        held = Held(sealed, SecretStatus.KNOWN if sealed else SecretStatus.NONE, desired.secret_serial)
        if answer.secret is not None and answer.secret != chosen and uses_secret(desired.fields):
            held = replace(held, secret=self._seal(change, answer.secret), status=SecretStatus.KNOWN)
        change = replace(change, client_id=answer.client_id or change.client_id)
        done = self._settle(change, answer, held, desired.declared)
        if done.wrong and done.wrong <= semantics.forced_by_create(desired.fields, self.facts.api):
            answer = self._put(change, self._fresh(change, desired), desired.declared)
            done = self._settle(change, answer, done.held, desired.declared)
        if desired.owners:
            self._exchange.assign(change.client_id, desired.owners, ())
            self._book.store(desired, done.answer, done.held, desired.declared, desired.owners)
        hold(sorted(done.wrong), change)

    def _settle(
        self,
        change: Change,
        answer: Registration,
        held: Held,
        names: frozenset[str],
        owners: tuple[str, ...] | None = None,
    ) -> Settled:
        """Make an answer durable, then read back what is stored and hold that against what was sent."""
        desired = _desired(change)
        held = _if_unseen(change, self._book.learned(change.address, answer, held))
        wrong = self._book.store(desired, answer, held, names, owners)
        seen = self._exchange.read_back(answer)
        if seen is not answer:
            held = self._book.learned(change.address, seen, held)
            wrong = self._book.store(desired, seen, held, names, owners)
        return Settled(frozenset(wrong), held, seen)

    def _update(self, change: Change, desired: DesiredClient) -> None:
        with self._unsent(change):
            fresh = self._fresh(change, desired)
            check_same(change, fresh)
            last = self.ledger.state.clients.get(change.address)
            owners = last.owners if last else None
            held = self._held_before(change, last, fresh)
            if change.step is SecretStep.CHOOSE:
                held, fresh = self._choose(change, fresh, held)
            elif change.step is SecretStep.TAKE and fresh.secret is not None:
                held = replace(held, secret=self._seal(change, fresh.secret), status=SecretStatus.KNOWN)
            elif change.step is SecretStep.DROP:
                held = replace(held, secret=None, status=SecretStatus.NONE)
            answer = fresh
            if change.writes_fields or change.step is SecretStep.CHOOSE:
                answer = self._put(change, fresh, desired.managed)
        if answer is not fresh and semantics.reads_back(self.facts):
            done = self._settle(change, answer, held, desired.managed, owners)
            held, answer = done.held, done.answer
        if change.step is SecretStep.ROTATE:
            try:
                secret = self._exchange.rotate(change, fresh)
                held = replace(held, secret=self._seal(change, secret), status=SecretStatus.KNOWN)
                held = replace(held, serial=desired.secret_serial)
            except ServerError as refusal:
                if not isinstance(refusal, UnknownOutcome):
                    self._book.store(desired, answer, held, desired.managed, owners)
                raise
        wrong = self._book.store(desired, answer, held, desired.managed, owners)
        if desired.managed_owners is not None:
            self._exchange.assign(change.client_id, desired.managed_owners, fresh.owners or ())
            self._book.store(desired, answer, held, desired.managed, desired.managed_owners)
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
        desired = _desired(change)
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
        serial = _desired(change).secret_serial
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

    def _put(self, change: Change, fresh: Registration, names: frozenset[str]) -> Registration:
        return self._exchange.put(change, fresh, _desired(change).fields, names)

    def _delete(self, change: Change) -> None:
        fresh = self.provider.get(change.client_id)
        client = self.ledger.state.clients[change.address]
        if fresh is not None:
            check_same(change, fresh)
            self._exchange.remove(change.client_id)
        self.ledger.record(ClientGone(change.address, Tombstone(change.address, client, self.ledger.now())))

    def _forget(self, change: Change) -> None:
        """A client that is gone from the server leaves a tombstone, whoever deleted it: perhaps an interrupted run.

        One that has left state already had an output that an interrupted run could not remove any more.
        """
        client = self.ledger.state.clients.get(change.address)
        if client is None:
            return
        is_gone = change.observed is None
        grave = Tombstone(change.address, client, self.ledger.now()) if is_gone else None
        self.ledger.record(ClientGone(change.address, grave))

    def _fresh(self, change: Change, desired: DesiredClient) -> Registration:
        return self._exchange.fresh(change, with_owners=desired.owners is not None)

    def _seal(self, change: Change, secret: Secret) -> SealedSecret:
        return self.ledger.seal_next(change.address, secret)


def _if_unseen(change: Change, held: Held) -> Held:
    """A secret that was to be taken from an answer which has none is not known."""
    if change.step is SecretStep.TAKE and held.secret is None:
        return replace(held, status=SecretStatus.UNKNOWN)
    return held


def _desired(change: Change) -> DesiredClient:
    if change.desired is None:
        raise StalePlan("a change without a definition", where=change.address)
    return change.desired
