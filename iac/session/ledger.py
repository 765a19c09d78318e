"""State while an apply is running: every event is durable before the next step, secrets are sealed on the way."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from iac.core.errors import StateError
from iac.core.plan.identity import move
from iac.core.plan.plan import Plan
from iac.core.rotation import written
from iac.core.secret import Secret
from iac.core.state.keys import bury, secrets_of
from iac.core.state.model import (
    TOMBSTONE_DAYS,
    Approval,
    ClientKey,
    ClientState,
    ClientWritten,
    Event,
    Intent,
    IntentDropped,
    IntentGiven,
    SealedSecret,
    State,
    fold,
)
from iac.ports import Clock, Place, StateBackend, Vault

H = TypeVar("H", ClientState, Intent)

_SECRET = "client_secret"  # noqa: S105  # the name of the field, not its value
_RAT = "registration_access_token"
_KEY = "private_key"


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What was sealed anew.

    Attributes:
        secrets: how many.
        were_clear: how many of them were not encrypted before.
        are_clear: how many are not now.
        recipients: by address, public keys beside those of the state.
    """

    secrets: int
    were_clear: int
    are_clear: int
    recipients: Mapping[str, tuple[str, ...]]


class Ledger:
    """One run's view of state. Thread-safe.

    Args:
        recipients: by address, whom definitions let open secrets beside the recipients of the state; None where no
            definitions are at hand: then a secret that is sealed anew stays with those whom it was sealed to.
    """

    def __init__(
        self,
        backend: StateBackend,
        vault: Vault,
        clock: Clock,
        state: State,
        recipients: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.state = state
        self.clock = clock
        self._backend = backend
        self._vault = vault
        self._recipients = recipients
        self._known: dict[tuple[str, str], Secret] = {}
        self._lock = threading.Lock()

    def now(self) -> str:
        """RFC 3339, UTC, seconds."""
        return written(self.clock.now())

    def seal(self, address: str, secret: Secret, version: int) -> SealedSecret:
        """Encrypt a client secret for its address and remember it in clear for this run's rendering."""
        return self._sealed(self._place(address), secret, version, self._also(address))

    def seal_next(self, address: str, secret: Secret) -> SealedSecret:
        """`seal` with the version after the one that state holds; 1 for the first."""
        last = self.state.clients.get(address)
        return self.seal(address, secret, last.secret.version + 1 if last and last.secret else 1)

    def seal_rat(self, address: str, rat: Secret) -> SealedSecret:
        """Encrypt a registration access token, to the recipients of the state alone: no service needs it."""
        last = self.state.clients.get(address)
        return self._sealed(self._place(address, _RAT), rat, last.rat.version + 1 if last and last.rat else 1, ())

    def keep_rat(self, address: str, rat: Secret) -> None:
        """Make a registration access token durable that a read has brought; what state holds already is not written."""
        client, intent = self.state.clients.get(address), self.state.intents.get(address)
        if client is None or (client.rat is not None and client.rat.holds(rat)):
            return
        # Storing a client ends its intent, and the write of that intent is still to come: the intent is given again.
        written = ClientWritten(address, replace(client, rat=self.seal_rat(address, rat)))
        self.record(written, *([IntentGiven(intent)] if intent else []))

    def _sealed(self, place: Place, secret: Secret, version: int, also: tuple[str, ...]) -> SealedSecret:
        salt = self.clock.token()[:16]
        sealed = self._vault.seal(secret, place, also)
        with self._lock:
            self._known[place.address, place.name] = secret
        return SealedSecret(sealed, salt, secret.fingerprint(salt), version, self.now(), also, self._vault.recipients)

    def seal_key(self, address: str, private: Secret, version: int) -> SealedSecret:
        """Encrypt a private key, to those who may open the client's secret."""
        return self._sealed(self._place(address, _KEY), private, version, self._also(address))

    def open_key(self, address: str, key: SealedSecret) -> Secret:
        """The clear private key; raises as `open`."""
        return self._vault.open(key.sealed, self._place(address, _KEY))

    def open(self, address: str, secret: SealedSecret) -> Secret:
        """The clear secret: what this run stored, else by the vault.

        Raises:
            StateError: there is no identity, or the wrong one.
        """
        return self._opened(self._place(address), secret)

    def open_rat(self, address: str, rat: SealedSecret) -> Secret:
        """The clear registration access token; raises as `open`."""
        return self._opened(self._place(address, _RAT), rat)

    def _opened(self, place: Place, secret: SealedSecret) -> Secret:
        known = self._known.get((place.address, place.name))
        if known is not None and secret.holds(known):
            return known
        return self._vault.open(secret.sealed, place)

    def is_known(self, address: str) -> bool:
        """Whether this run holds the address's secret in clear."""
        return (address, _SECRET) in self._known

    def record(self, *events: Event) -> None:
        """Make events durable; concurrent callers share the backend's group commit."""
        # The journal first: what this run believes to be stored is on disk, or the error stops the step that needs it.
        self._backend.record(events)
        self.note(*events)

    def note(self, *events: Event) -> None:
        """Fold events into the state of this run without a write; `save` makes them durable."""
        with self._lock:
            for event in events:
                self.state = fold(self.state, event)

    def intend(self, address: str, client_id: str, action: str, secret: SealedSecret | None = None) -> IntentGiven:
        """The event that says what is about to be sent."""
        return IntentGiven(Intent(address, client_id, action, self.state.run_id, self.now(), secret))

    def withdrawn(self, address: str) -> tuple[IntentDropped, ...]:
        """The event that says that what this run was about to send was not sent; none for the intent of another run."""
        intent = self.state.intents.get(address)
        return (IntentDropped(address),) if intent and intent.run_id == self.state.run_id else ()

    def begin(
        self, run_id: str, approval: Approval, moves: Collection[tuple[str, str]], settled: Collection[str]
    ) -> None:
        """Note what was approved, drop settled intents and old tombstones, carry out moves (secrets sealed anew)."""
        self.move(moves)
        intents = {address: intent for address, intent in self.state.intents.items() if address not in settled}
        state = replace(self.state, run_id=run_id, approval=approval, intents=intents)
        self.state = bury(state, written(self.clock.now() - timedelta(days=TOMBSTONE_DAYS)))

    def move(self, moves: Collection[tuple[str, str]]) -> None:
        """Rename addresses. Secrets belong to an address: those of a moved client are sealed for the new one."""
        before, state = self.state.keys, move(self.state, moves)
        clients, intents = dict(state.clients), dict(state.intents)
        for source, target in moves:
            clients[target] = self._resealed_client(clients[target], source, target)
            if target in intents:
                intents[target] = self._resealed(intents[target], source, target)
        keys = {
            target: (*self._resealed_keys(before[source], source, target), *before.get(target, ()))
            for source, target in moves
            if source in before
        }
        self.state = replace(state, clients=clients, intents=intents, keys={**state.keys, **keys})

    def rekey(self) -> Rekeyed:
        """Seal every secret anew, to the recipients of now.

        Raises:
            StateError: one of them cannot be opened, or a recipient is none.
        """
        state = self.state
        clients = {
            address: self._resealed_client(client, address, address) for address, client in state.clients.items()
        }
        intents = {address: self._resealed(intent, address, address) for address, intent in state.intents.items()}
        graves = tuple(
            replace(grave, client=self._resealed_client(grave.client, grave.address, grave.address))
            for grave in state.tombstones
        )
        keys = {address: self._resealed_keys(held, address, address) for address, held in state.keys.items()}
        self.state = replace(state, clients=clients, intents=intents, tombstones=graves, keys=keys)
        before, after = secrets_of(state), secrets_of(self.state)
        also = {address: secret.recipients for address, secret in after if secret.recipients}
        return Rekeyed(len(after), _clear(before), _clear(after), also)

    def reseal(self, address: str, secret: SealedSecret) -> SealedSecret:
        """A client secret that stays, sealed to those who may open it now; raises as `open`."""
        place, also = self._place(address), self._also(address, secret.recipients)
        clear = self.open(address, secret)
        with self._lock:
            self._known[address, _SECRET] = clear
        return self._anew(secret, place, place, also)

    def _resealed_client(self, client: ClientState, source: str, target: str) -> ClientState:
        """A client with all its secrets sealed anew, and those of its predecessors."""
        predecessors = tuple(
            replace(old, client=self._resealed_client(old.client, source, target)) for old in client.predecessors
        )
        client = replace(self._resealed(client, source, target), predecessors=predecessors)
        if client.rat is None:
            return client
        return replace(client, rat=self._anew(client.rat, self._place(source, _RAT), self._place(target, _RAT), ()))

    def _resealed(self, holder: H, source: str, target: str) -> H:
        """A client or an intent with its client secret sealed anew, for another address or the same."""
        if holder.secret is None:
            return holder
        also = self._also(target, holder.secret.recipients)
        return replace(holder, secret=self._anew(holder.secret, self._place(source), self._place(target), also))

    def _resealed_keys(self, keys: Iterable[ClientKey], source: str, target: str) -> tuple[ClientKey, ...]:
        """The keys of an address sealed anew, for another address or the same."""
        places = self._place(source, _KEY), self._place(target, _KEY)
        return tuple(
            replace(key, private=self._anew(key.private, *places, self._also(target, key.private.recipients)))
            for key in keys
        )

    def _anew(self, secret: SealedSecret, source: Place, target: Place, also: tuple[str, ...]) -> SealedSecret:
        sealed = self._vault.seal(self._vault.open(secret.sealed, source), target, also)
        return replace(secret, sealed=sealed, recipients=also, state_recipients=self._vault.recipients)

    def _also(self, address: str, was: tuple[str, ...] = ()) -> tuple[str, ...]:
        return was if self._recipients is None else self._recipients.get(address, ())

    def release(self, plan: Plan) -> None:
        """Stop managing the fields that are no longer declared; a change of the same client stores this by itself."""
        planned = {change.address for change in plan.changes}
        for released in plan.released:
            client = self.state.clients[released.address]
            if released.address not in planned:
                applied = {name: value for name, value in client.applied.items() if name not in released.fields}
                left = client.declared - frozenset(released.fields)
                self.note(ClientWritten(released.address, replace(client, declared=left, applied=applied)))

    def save(self) -> None:
        """Write the whole document; the journal is folded in."""
        with self._lock:
            self.state = self._backend.save(self.state)

    def check_recipients(self, addresses: Iterable[str]) -> None:
        """Prove that new secrets of these addresses can be sealed, before anything is sent.

        Raises:
            StateError: a recipient is none.
        """
        for also in {self._also(address) for address in addresses}:
            self._vault.seal(Secret("probe"), self._place("probe"), also)

    def check_identity(self) -> None:
        """Prove that secrets can be opened, before anything is sent."""
        try:
            self._vault.check()
        except StateError as error:
            raise StateError(
                "outputs cannot be rendered without the key of the state",
                where=error.where,
                why=error.why,
                fix=error.fix,
            ) from error

    def _place(self, address: str, name: str = _SECRET) -> Place:
        return Place(self.state.lineage, self.state.environment, address, name)


def _clear(secrets: Iterable[tuple[str, SealedSecret]]) -> int:
    return sum(secret.is_clear for _, secret in secrets)
