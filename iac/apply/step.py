"""One change at a time: what is sent, what is read back, what is stored, in this order.

Every write is sent once. When no usable answer comes back the object is read, and the read decides.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iac.apply.check import check_same, hold
from iac.core import semantics
from iac.core.change import Action, Change, SecretChange, SecretStep
from iac.core.diff import is_hidden, mismatches
from iac.core.errors import IacError, ServerError, StalePlan, UnknownOutcome
from iac.core.model import uses_secret
from iac.core.registration import NewClient
from iac.core.state import ClientGone, ClientState, ClientWritten, IntentDropped, SecretStatus, Tombstone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from iac.apply.ledger import Ledger
    from iac.core.desired import DesiredClient
    from iac.core.model import Fields
    from iac.core.registration import Facts, Registration
    from iac.core.secret import Secret
    from iac.core.state import SealedSecret
    from iac.ports import Provider


@dataclass(frozen=True, slots=True)
class Held:
    """A client's secret as state will hold it."""

    secret: SealedSecret | None
    status: SecretStatus
    serial: int


@dataclass(frozen=True, slots=True)
class Steps:
    """Does one change; raises `IacError` when it does not come to its end."""

    provider: Provider
    ledger: Ledger
    facts: Facts
    defaults: Fields
    provider_name: str

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
        answer = self._register(change, NewClient(change.client_id, desired.fields, chosen))
        held = Held(sealed, SecretStatus.KNOWN if sealed else SecretStatus.NONE, desired.secret_serial)
        if answer.secret is not None and answer.secret != chosen and uses_secret(desired.fields):
            held = replace(held, secret=self._seal(change, answer.secret), status=SecretStatus.KNOWN)
        wrong = self._store(desired, answer, held, desired.declared, None)
        if wrong and set(wrong) <= set(semantics.forced_by_create()):
            answer = self._put(change, self._fresh(change, desired), desired.declared)
            wrong = self._store(desired, answer, held, desired.declared, None)
        if desired.owners:
            self._assign(change.client_id, desired.owners, ())
            self._store(desired, answer, held, desired.declared, desired.owners)
        hold(wrong, change)

    def _register(self, change: Change, client: NewClient) -> Registration:
        try:
            with self._intent_of(change):
                return self.provider.create(client)
        except UnknownOutcome as unknown:
            found = self.provider.get(client.client_id)
            if found is None:
                raise
            if self._is_ours(found, client):
                return found
            self.ledger.record(IntentDropped(change.address))
            raise ServerError(
                "somebody else registered this client_id meanwhile",
                where=client.client_id,
                fix="choose another client_id",
            ) from unknown

    @contextmanager
    def _intent_of(self, change: Change) -> Iterator[None]:
        """A refused write had no effect: its intent goes. One without an answer may still arrive: its intent stays."""
        try:
            yield
        except UnknownOutcome:
            raise
        except ServerError:
            self.ledger.record(IntentDropped(change.address))
            raise

    def _is_ours(self, found: Registration, client: NewClient) -> bool:
        """Proven by the secret; a client without one is ours when it is what was sent."""
        if client.secret is None:
            names = frozenset(client.fields) - semantics.forced_by_create().keys()
            return not mismatches(client.fields, names, found, self.facts, self.defaults)
        if found.secret is not None:
            return found.secret == client.secret
        return self.provider.accepts_secret(client.client_id, client.secret)

    def _update(self, change: Change, desired: DesiredClient) -> None:
        last = self.ledger.state.clients.get(change.address)
        owners = last.owners if last else None
        with self._unsent(change):
            fresh = self._fresh(change, desired)
            check_same(change, fresh)
            held = self._held_before(change, last, fresh)
            if change.step is SecretStep.CHOOSE:
                held, fresh = self._choose(change, fresh)
            elif change.step is SecretStep.TAKE and fresh.secret is not None:
                held = Held(self._seal(change, fresh.secret), SecretStatus.KNOWN, desired.secret_serial)
            elif change.step is SecretStep.DROP:
                held = Held(None, SecretStatus.NONE, desired.secret_serial)
            answer = fresh
            if change.writes_fields or change.step is SecretStep.CHOOSE:
                answer = self._put(change, fresh, desired.managed)
        if change.step is SecretStep.ROTATE:
            try:
                held = self._rotate(change, fresh)
            except ServerError as refusal:
                if not isinstance(refusal, UnknownOutcome):
                    self._store(desired, answer, held, desired.managed, owners)
                raise
        wrong = self._store(desired, answer, held, desired.managed, owners)
        if desired.managed_owners is not None:
            self._assign(change.client_id, desired.managed_owners, fresh.owners or ())
            self._store(desired, answer, held, desired.managed, desired.managed_owners)
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

    def _choose(self, change: Change, fresh: Registration) -> tuple[Held, Registration]:
        """Up to 1.13 a PUT sets the secret it carries: the one of the intent (rec: admin-auth-method-matrix)."""
        sealed, secret = self._chosen(change)
        return Held(sealed, SecretStatus.KNOWN, _desired(change).secret_serial), replace(fresh, secret=secret)

    def _chosen(self, change: Change) -> tuple[SealedSecret | None, Secret | None]:
        """The secret that the intent holds, sealed and in clear; None for a client that has none."""
        sealed = self.ledger.state.intents[change.address].secret
        return sealed, self.ledger.open(change.address, sealed) if sealed else None

    def _rotate(self, change: Change, fresh: Registration) -> Held:
        try:
            with self._intent_of(change):
                answer = self.provider.rotate(change.client_id)
        except UnknownOutcome:
            found = self.provider.get(change.client_id)
            if found is None or found.secret == fresh.secret:
                raise
            answer = found
        if answer.secret is None:
            raise UnknownOutcome(
                "the answer to a rotation has no secret", where=change.address, fix="run iac apply again"
            )
        return Held(self._seal(change, answer.secret), SecretStatus.KNOWN, _desired(change).secret_serial)

    def _put(self, change: Change, fresh: Registration, names: frozenset[str]) -> Registration:
        fields = _desired(change).fields
        try:
            return self.provider.update(fresh, fields, names)
        except UnknownOutcome:
            found = self.provider.get(fresh.client_id)
            if found is None or mismatches(fields, names, found, self.facts, self.defaults):
                raise
            if any(is_hidden(field.name, found, self.facts) for field in change.fields):
                raise
            return found

    def _assign(self, client_id: str, owners: Collection[str], before: Collection[str]) -> None:
        wanted = set(owners)
        add, remove = sorted(wanted - set(before)), sorted(set(before) - wanted)
        try:
            self.provider.assign_owners(client_id, add, remove)
        except UnknownOutcome:
            found = self.provider.get(client_id, with_owners=True)
            if found is None or set(found.owners or ()) != wanted:
                raise

    def _delete(self, change: Change) -> None:
        fresh = self.provider.get(change.client_id)
        client = self.ledger.state.clients[change.address]
        if fresh is not None:
            check_same(change, fresh)
            self._remove(change.client_id)
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

    def _remove(self, client_id: str) -> None:
        try:
            self.provider.delete(client_id)
        except UnknownOutcome:
            if self.provider.get(client_id) is not None:
                raise

    def _fresh(self, change: Change, desired: DesiredClient) -> Registration:
        fresh = self.provider.get(change.client_id, with_owners=desired.owners is not None)
        if fresh is None:
            raise StalePlan("the client was deleted since the plan", where=change.address, fix="run iac plan again")
        return fresh

    def _seal(self, change: Change, secret: Secret) -> SealedSecret:
        return self.ledger.seal_next(change.address, secret)

    def _store(
        self,
        desired: DesiredClient,
        answer: Registration,
        held: Held,
        names: frozenset[str],
        owners: tuple[str, ...] | None,
    ) -> list[str]:
        """Make the answer durable; names of the fields in which it is not what was sent."""
        wrong = mismatches(desired.fields, names, answer, self.facts, self.defaults)
        applied = dict(semantics.forced(desired.fields))
        for name in wrong:
            applied.pop(name, None)
            if name in answer.fields:
                applied[name] = answer.fields[name]
        client = ClientState(
            client_id=desired.client_id,
            provider=self.provider_name,
            applied=applied,
            declared=desired.declared,
            owners=owners,
            secret=held.secret,
            secret_status=held.status,
            secret_serial=held.serial,
            prevent_destroy=desired.lifecycle.prevent_destroy,
            applied_at=self.ledger.now(),
        )
        self.ledger.record(ClientWritten(desired.address, client))
        return wrong


def _desired(change: Change) -> DesiredClient:
    if change.desired is None:
        raise StalePlan("a change without a definition", where=change.address)
    return change.desired
