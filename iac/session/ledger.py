"""State while an apply is running: every event is durable before the next step, secrets are sealed on the way."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from iac.core.desired import OWNERS
from iac.core.errors import StateError
from iac.core.model import ALWAYS, NewToken, members
from iac.core.plan.identity import move, with_token
from iac.core.plan.plan import Plan
from iac.core.rotation import written
from iac.core.secret import Secret
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
    secrets_of,
    without_old_tombstones,
)
from iac.ports import Clock, Place, StateBackend, Vault
from iac.ports.progress import SILENT, Progress


class SecretKind(StrEnum):
    """The kinds of secrets of an address. The seal names the kind, so that none can replace another."""

    SECRET = "client_secret"  # noqa: S105  # the name of the field, not its value
    TOKEN = "registration_access_token"  # noqa: S105  # the same
    KEY = "private_key"


class RekeyCounts(Struct, frozen=True):
    """What was sealed again.

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
            definitions are at hand: then a secret that is sealed again keeps its recipients.
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
        self._known: dict[tuple[str, SecretKind], Secret] = {}
        self._lock = threading.Lock()
        self._tokens: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def now(self) -> str:
        """RFC 3339, UTC, seconds."""
        return written(self.clock.now())

    def seal(self, address: str, secret: Secret, kind: SecretKind = SecretKind.SECRET) -> SealedSecret:
        """Encrypt a secret for its address, as the version after the last one, and remember it in clear for this run.

        A registration access token is sealed to the recipients of the state alone: no service needs it.
        """
        salt, also = self.clock.token()[:16], () if kind is SecretKind.TOKEN else self._recipients_for(address)
        sealed = self._vault.seal(secret, self._place(address, kind), also)
        with self._lock:
            self._known[address, kind] = secret
        version, recipients = self._version(address, kind) + 1, self._vault.recipients
        return SealedSecret(sealed, salt, secret.fingerprint(salt), version, self.now(), also, recipients)

    def _version(self, address: str, kind: SecretKind) -> int:
        """The version of the newest one in state; 0 when there is none."""
        if kind is SecretKind.KEY:
            return len(self.state.keys.get(address, ()))
        client = self.state.clients.get(address)
        sealed = client and (client.rat if kind is SecretKind.TOKEN else client.secret)
        return sealed.version if sealed else 0

    def open(self, address: str, secret: SealedSecret, kind: SecretKind = SecretKind.SECRET) -> Secret:
        """The clear secret: what this run stored, else by the vault.

        Raises:
            StateError: there is no identity, or the wrong one.
        """
        known = self._known.get((address, kind))
        if known is not None and secret.holds(known):
            return known
        return self._vault.open(secret.sealed, self._place(address, kind))

    def keep_token(self, new: NewToken) -> None:
        """Make a registration access token durable that an answer has brought; the one in state is dead."""
        address = next(
            (name for name, stored in self.state.clients.items() if new.client_id in stored.client_ids), None
        )
        if address is None:
            return
        # A client and its predecessor are one entry of the state, and may be read at the same time.
        with self._tokens[address]:
            client, intent = self.state.clients[address], self.state.intents.get(address)
            # Storing a client ends its intent, and the write of that intent may be still to come: it is given again.
            written = with_token(client, new, self.seal(address, new.rat, SecretKind.TOKEN))
            self.record(ClientWritten(address, written), *([IntentGiven(intent)] if intent else []))

    def is_known(self, address: str) -> bool:
        """Whether this run holds the address's secret in clear."""
        return (address, SecretKind.SECRET) in self._known

    def record(self, *events: Event) -> None:
        """Make events durable; concurrent callers share the backend's group commit."""
        # The journal first: what this run believes to be stored is on disk, or the error stops the step that needs it.
        self._backend.record(events)
        self.note(*events)

    def note(self, *events: Event) -> None:
        """Fold events into the state of this run without a write; `save` makes them durable."""
        with self._lock:
            self.state = fold(self.state, *events)

    def intend(
        self,
        address: str,
        client_id: str,
        action: str,
        secret: SealedSecret | None = None,
        *,
        begun: bool | None = None,
    ) -> IntentGiven:
        """The event that says what is about to be sent."""
        return IntentGiven(Intent(address, client_id, action, self.state.run_id, self.now(), secret, begun))

    def begin_create(self, address: str) -> None:
        """Make durable that the request of a noted create begins now: from here on it may arrive."""
        intent = self.state.intents.get(address)
        if intent is not None and intent.begun is False:
            self.record(IntentGiven(replace(intent, begun=True)))

    def withdrawn(self, address: str) -> tuple[IntentDropped, ...]:
        """The event that says that what this run was about to send was not sent; none for the intent of another run."""
        intent = self.state.intents.get(address)
        return (IntentDropped(address),) if intent and intent.run_id == self.state.run_id else ()

    def begin(
        self, run_id: str, approval: Approval, moves: Collection[tuple[str, str]], settled: Collection[str]
    ) -> None:
        """Note what was approved, drop settled intents and old tombstones, carry out moves (secrets sealed again)."""
        self.move(moves)
        intents = {address: intent for address, intent in self.state.intents.items() if address not in settled}
        state = replace(self.state, run_id=run_id, approval=approval, intents=intents)
        self.state = without_old_tombstones(state, written(self.clock.now() - timedelta(days=TOMBSTONE_DAYS)))

    def move(self, moves: Collection[tuple[str, str]]) -> None:
        """Rename addresses. Secrets belong to an address, so those of a moved client are sealed again."""
        before, state = self.state.keys, move(self.state, moves)
        clients = {target: self._client(state.clients[target], source, target) for source, target in moves}
        intents = {to: self._intent(state.intents[to], source, to) for source, to in moves if to in state.intents}
        keys = {
            target: (*self._keys(before[source], source, target), *before.get(target, ()))
            for source, target in moves
            if source in before
        }
        self.state = replace(
            state,
            clients={**state.clients, **clients},
            intents={**state.intents, **intents},
            keys={**state.keys, **keys},
        )

    def rekey(self, progress: Progress = SILENT) -> RekeyCounts:
        """Seal every secret again, to the recipients of now.

        Raises:
            StateError: one of them cannot be opened, or a recipient is invalid.
        """
        state = self.state
        entries = progress.over(state.clients, "client", "sealed again")
        self.state = replace(
            state,
            clients={address: self._client(client, address, address) for address, client in entries},
            intents={address: self._intent(intent, address, address) for address, intent in state.intents.items()},
            tombstones=tuple(
                replace(one, client=self._client(one.client, one.address, one.address)) for one in state.tombstones
            ),
            keys={address: self._keys(keys, address, address) for address, keys in state.keys.items()},
        )
        before, after = secrets_of(state), secrets_of(self.state)
        also = {address: secret.recipients for address, secret in after if secret.recipients}
        were_clear, are_clear = (sum(secret.is_clear for _, secret in of) for of in (before, after))
        return RekeyCounts(len(after), were_clear, are_clear, also)

    def reseal(self, address: str, secret: SealedSecret) -> SealedSecret:
        """A client secret that stays, sealed to those who may open it now; raises as `open`."""
        clear = self.open(address, secret)
        with self._lock:
            self._known[address, SecretKind.SECRET] = clear
        return self._sealed_again(secret, address, address)

    def _client(self, client: ClientState, source: str, target: str) -> ClientState:
        """A client with its secrets and those of its predecessors sealed again, for the same address or another."""
        return replace(
            client,
            secret=client.secret and self._sealed_again(client.secret, source, target),
            rat=client.rat and self._sealed_again(client.rat, source, target, SecretKind.TOKEN),
            predecessors=tuple(
                replace(old, client=self._client(old.client, source, target)) for old in client.predecessors
            ),
        )

    def _intent(self, intent: Intent, source: str, target: str) -> Intent:
        return replace(intent, secret=intent.secret and self._sealed_again(intent.secret, source, target))

    def _keys(self, keys: Iterable[ClientKey], source: str, target: str) -> tuple[ClientKey, ...]:
        return tuple(
            replace(key, private=self._sealed_again(key.private, source, target, SecretKind.KEY)) for key in keys
        )

    def _sealed_again(
        self, secret: SealedSecret, source: str, target: str, kind: SecretKind = SecretKind.SECRET
    ) -> SealedSecret:
        """A secret sealed again, for another address or the same, to those who may open it now."""
        also = () if kind is SecretKind.TOKEN else self._recipients_for(target, secret.recipients)
        clear = self._vault.open(secret.sealed, self._place(source, kind))
        sealed = self._vault.seal(clear, self._place(target, kind), also)
        return replace(secret, sealed=sealed, recipients=also, state_recipients=self._vault.recipients)

    def _recipients_for(self, address: str, was: tuple[str, ...] = ()) -> tuple[str, ...]:
        return was if self._recipients is None else self._recipients.get(address, ())

    def release(self, plan: Plan) -> None:
        """Note which fields are no longer managed, and what definitions have taken over from the server.

        A change of the same client stores this by itself.
        """
        gone = {address: frozenset(names) for address, names in plan.released.items()}
        taken = {at: {field.name: field.after for field in fields} for at, fields in plan.taken_over.items()}
        written: list[Event] = []
        for address in (gone.keys() | taken.keys()) - {change.address for change in plan.changes}:
            client, values = self.state.clients[address], taken.get(address, {})
            owners = members(values.pop(OWNERS)) if OWNERS in values else client.owners
            declared = (client.declared - gone.get(address, frozenset())).union(values)
            applied = {
                name: value
                for name, value in {**client.applied, **values}.items()
                if value is not None and name in declared | ALWAYS  # what the server has made of those is remembered
            }
            written.append(ClientWritten(address, replace(client, declared=declared, applied=applied, owners=owners)))
        self.note(*written)

    def save(self) -> None:
        """Write the whole document; the journal is folded in."""
        # Under the lock: an event noted between the copy that is written and the one that is kept would be lost.
        with self._lock:
            self.state = self._backend.save(self.state)

    def check_recipients(self, addresses: Iterable[str]) -> None:
        """Prove that new secrets of these addresses can be sealed, before anything is sent.

        Raises:
            StateError: a recipient is invalid.
        """
        for also in {self._recipients_for(address) for address in addresses}:
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

    def _place(self, address: str, kind: SecretKind = SecretKind.SECRET) -> Place:
        return Place(self.state.lineage, self.state.environment, address, kind.value)
