"""What the tool remembers between runs: one document per environment. Pure.

Form on disk: docs/reference/state.md. Secrets are sealed (encrypted value by value) before they get here; nothing
in this module can open them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from iac.core.model import Fields
from iac.core.secret import Secret
from iac.core.server.effect import canonical_jwks, parse_jwks

FORMAT_VERSION = "1.1"

CLEAR = "clear:"
"""What a secret that is not encrypted begins with."""


class SecretStatus(StrEnum):
    """What the tool knows of a client's secret.

    A secret in state beside UNKNOWN may be dead: a rotation or a new auth method has replaced it, or was about to.
    """

    KNOWN = "known"
    UNKNOWN = "unknown"
    NONE = "none"


class SealedSecret(Struct, frozen=True):
    """An encrypted secret and what is known of it without a key.

    Attributes:
        sealed: the secret, [encrypted](#a-sealed-secret), or behind `clear:`
        salt, fingerprint: random text, and 32 bits of a salted SHA-256, to notice a change
        version: 1, plus one for each new secret of the address
        since: when the secret was made, RFC 3339 UTC
        recipients: public keys of the definition
        state_recipients: public keys of the state; empty if not encrypted or unknown
    """

    sealed: str
    salt: str
    fingerprint: str
    version: int
    since: str
    recipients: tuple[str, ...] = ()
    state_recipients: tuple[str, ...] = ()

    @property
    def is_clear(self) -> bool:
        """Whether it was stored under `encryption: none`."""
        return self.sealed.startswith(CLEAR)

    def holds(self, secret: Secret | None) -> bool:
        """Whether this is that secret, as far as the fingerprint tells without a key."""
        return secret is not None and secret.fingerprint(self.salt) == self.fingerprint

    def is_same(self, other: SealedSecret) -> bool:
        """Whether both are the same secret, whoever each is sealed to."""
        return (self.version, self.salt, self.fingerprint) == (other.version, other.salt, other.fingerprint)


def recipients_of(secrets: Iterable[SealedSecret]) -> tuple[str, ...]:
    """Public keys that open at least one of these secrets, sorted; () where this is not known of all of them."""
    groups_of_keys = [(secret.state_recipients, secret.recipients) for secret in secrets]
    if not all(of_state for of_state, _ in groups_of_keys):
        return ()
    return tuple(sorted({key for keys in groups_of_keys for group in keys for key in group}))


class ClientKey(Struct, frozen=True):
    """One key pair of an address.

    Attributes:
        kid, public: its id, and its public JWK as canonical JSON text
        private: JSON with `jwk` and `pem` (PKCS #8), a sealed secret
    """

    kid: str
    public: str
    private: SealedSecret


class Predecessor(Struct, frozen=True):
    """A client that another one has taken the place of, and that is still registered.

    Attributes:
        client: as it last was; it has no predecessors of its own
        grace: seconds that it stays after the outputs of its successor were written
        since: when they were written; empty before
    """

    client: ClientState
    grace: int = 0
    since: str = ""


class ClientState(Struct, frozen=True):
    """What was last applied to one address.

    Attributes:
        client_id, provider: id on the server, and API
        applied, declared: fields as last applied, and names of those that were managed
        owners: account UUIDs; absent if not declared
        secret: a sealed secret; absent if the client has none or it was never seen
        secret_status: `known`; `unknown` (never seen, or perhaps replaced on the server); `none` (the client has none)
        secret_serial: `secret.serial` as last applied
        prevent_destroy: protects the client after its definition is gone
        applied_at, adopted_at: times; the second only for an adopted client
        rat, registration_uri: registration access token, sealed to the state's recipients only, and its URI
        generation: 1, plus one for each successor by rotation
        predecessors: replaced clients that are still registered, oldest first
        answer: the server's last answer without secrets and tokens, for `iac state restore`
        token_renewed: whether reads of the client bring new registration access tokens; absent if unknown
        additions: by field, what the server added to the items of the definition
    """

    client_id: str
    provider: str
    applied: Fields
    declared: frozenset[str]
    owners: tuple[str, ...] | None = None
    secret: SealedSecret | None = None
    secret_status: SecretStatus = SecretStatus.NONE
    secret_serial: int = 1
    prevent_destroy: bool = False
    applied_at: str = ""
    rat: SealedSecret | None = None
    registration_uri: str = ""
    adopted_at: str = ""
    generation: int = 1
    predecessors: tuple[Predecessor, ...] = ()
    answer: Mapping[str, Any] | None = None
    token_renewed: bool | None = None
    additions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Public keys that open at least one of its secrets, sorted; () where this is not known of all of them."""
        return recipients_of(self.sealed)

    @property
    def sealed(self) -> tuple[SealedSecret, ...]:
        """All that is encrypted."""
        return tuple(secret for secret in (self.secret, self.rat) if secret is not None)

    @property
    def client_ids(self) -> tuple[str, ...]:
        """The ids of the client and of its predecessors that are still registered."""
        return (self.client_id, *(old.client.client_id for old in self.predecessors))


class Intent(Struct, frozen=True):
    """A write that is about to be sent: durable before the request is (contract 5.5).

    Attributes:
        address, client_id, run_id, at: of which client, of which run, and when
        action: create, update, rotate or delete
        secret: for a create, the chosen secret, sealed
        begun: whether the request was begun; absent if unknown
    """

    address: str
    client_id: str
    action: str
    run_id: str
    at: str
    secret: SealedSecret | None = None
    begun: bool | None = None

    @property
    def may_be_lost(self) -> bool:
        """Whether it is of a create that may have been sent, and whose answer alone has the id."""
        return self.action == "create" and not self.client_id and self.begun is not False

    @property
    def sealed(self) -> tuple[SealedSecret, ...]:
        """All that is encrypted."""
        return (self.secret,) if self.secret else ()


class Tombstone(Struct, frozen=True):
    """A deleted client, kept 30 days.

    Attributes:
        address, client, deleted_at: where it was, as it last was, and when
    """

    address: str
    client: ClientState
    deleted_at: str


class OutputRecord(Struct, frozen=True):
    """An output as it was last written.

    Attributes:
        digest: over template, fields and secret versions
        clients, sink: addresses, and where it was written
        serial: serial of the state that wrote it; 0 if unknown
        read: like `digest`, but only over the values that the template reads; empty if it reads all, or unknown
    """

    digest: str
    clients: tuple[str, ...]
    sink: str = "file"
    serial: int = 0
    read: str = ""


class Approval(Struct, frozen=True):
    """The approved plan. A retry may apply the rest of it.

    Attributes:
        digest, changes: digests of the plan and of its changes
        at: when it was approved
        seen: by address, what the plan saw on the server for a change with predecessors, as JSON
    """

    digest: str
    changes: tuple[str, ...]
    at: str
    seen: Mapping[str, str] = field(default_factory=dict)


class State(Struct, frozen=True):
    """The whole document.

    Attributes:
        project, environment, issuer, lineage: whose state it is, as in `iac.yaml`
        serial: a number that each save raises
        run_id: the run that wrote it
        clients: by address, what was last applied
        outputs: by path or `SINK://PATH`, what was last written
        intents: by address, writes whose answer is not stored
        tombstones: deleted clients, for 30 days or until `iac state restore`
        approval: the last applied plan
        keys: by address, keys of `iac keygen`, oldest first
        served_issuer: the issuer in the server's discovery document; empty before the first apply
    """

    project: str
    environment: str
    issuer: str
    lineage: str
    serial: int = 0
    run_id: str = ""
    clients: Mapping[str, ClientState] = field(default_factory=dict)
    outputs: Mapping[str, OutputRecord] = field(default_factory=dict)
    intents: Mapping[str, Intent] = field(default_factory=dict)
    tombstones: tuple[Tombstone, ...] = ()
    approval: Approval | None = None
    keys: Mapping[str, tuple[ClientKey, ...]] = field(default_factory=dict)
    served_issuer: str = ""

    @property
    def token_renewed(self) -> bool | None:
        """Whether reads at this server bring new registration access tokens; None where no client tells."""
        answers = [client.token_renewed for client in self.clients.values() if client.token_renewed is not None]
        return any(answers) if answers else None


class ClientWritten(Struct, frozen=True):
    """Journal event: the server answered: the client is now so."""

    address: str
    client: ClientState


class ClientGone(Struct, frozen=True):
    """Journal event: the address left state; with a tombstone if deleted."""

    address: str
    tombstone: Tombstone | None = None


class PredecessorGone(Struct, frozen=True):
    """Journal event: a predecessor is no longer registered, with its tombstone."""

    tombstone: Tombstone


class IntentGiven(Struct, frozen=True):
    """Journal event: a write is about to be sent."""

    intent: Intent


class IntentDropped(Struct, frozen=True):
    """Journal event: the write had no effect."""

    address: str


class OutputWritten(Struct, frozen=True):
    """Journal event: an output was written, or removed if there is no record."""

    path: str
    record: OutputRecord | None = None


TOMBSTONE_DAYS = 30
"""How long a deleted client stays in state."""

Event = ClientWritten | ClientGone | PredecessorGone | IntentGiven | IntentDropped | OutputWritten
"""What the journal records; `fold` applies one to a state."""


def fold(state: State, *events: Event) -> State:
    """The state after these events, in order. Idempotent: folding them twice gives what folding them once gave.

    Many events are given at once: what the state holds is copied for each call, not for each event.
    """
    clients, outputs, intents = dict(state.clients), dict(state.outputs), dict(state.intents)
    keys, graves = dict(state.keys), list(state.tombstones)
    for event in events:
        match event:
            case ClientWritten(address, client):
                clients[address] = client
                intents.pop(address, None)
                graves = [grave for grave in graves if not _is_restored(grave, address, client)]
            case ClientGone(address, tombstone):
                clients.pop(address, None)
                intents.pop(address, None)
                graves = [*(grave for grave in graves if grave != tombstone), *([tombstone] if tombstone else [])]
                if tombstone is None:
                    keys.pop(address, None)
            case PredecessorGone(grave):
                graves = [*(other for other in graves if other != grave), grave]
                if (holder := clients.get(grave.address)) is not None:
                    clients[grave.address] = _without_predecessor(holder, grave)
            case IntentGiven(intent):
                intents[intent.address] = intent
            case IntentDropped(address):
                intents.pop(address, None)
            case OutputWritten(name, record):
                outputs.pop(name, None)
                outputs |= {name: record} if record else {}
            case _:
                assert_never(event)
    return replace(state, clients=clients, outputs=outputs, intents=intents, keys=keys, tombstones=tuple(graves))


def _without_predecessor(client: ClientState, grave: Tombstone) -> ClientState:
    """The client without the predecessor that is in the tombstone."""
    left = tuple(
        predecessor for predecessor in client.predecessors if predecessor.client.client_id != grave.client.client_id
    )
    return replace(client, predecessors=left)


def _is_restored(grave: Tombstone, address: str, client: ClientState) -> bool:
    """Whether the deleted client is there again, with the very secret that it had."""
    was = grave.client
    if (grave.address, was.client_id) != (address, client.client_id):
        return False
    return was.secret == client.secret or bool(was.secret and client.secret and was.secret.is_same(client.secret))


def key_set(keys: Sequence[ClientKey]) -> str:
    """The JWK set of their public halves, canonical JSON text (RFC 7517 section 5)."""
    return canonical_jwks(json.dumps({"keys": [json.loads(key.public) for key in keys]}))


def key_in_use(keys: Sequence[ClientKey], fields: Fields) -> ClientKey | None:
    """The newest key that the server knows: of those in its registered jwk, or of all where it fetches a jwks_uri."""
    jwk = str(fields.get("jwk", ""))
    known = {str(key.get("kid")) for key in parse_jwks(jwk)} if jwk else set()
    usable = [key for key in keys if "jwks_uri" in fields or key.kid in known]
    return usable[-1] if usable and fields.get("token_endpoint_auth_method") == "private_key_jwt" else None


def kid_in_use(keys: Mapping[str, Sequence[ClientKey]], address: str, fields: Fields) -> str:
    """The id of the key in use of an address; "" for none."""
    key = key_in_use(keys.get(address, ()), fields)
    return key.kid if key else ""


def with_keys(state: State, address: str, keys: tuple[ClientKey, ...]) -> State:
    """The state in which an address has these keys."""
    others = {name: pairs for name, pairs in state.keys.items() if name != address}
    return replace(state, keys={**others, address: keys} if keys else others)


def is_needed(state: State, events: Sequence[Event]) -> bool:
    """Whether the next run must find one of these events wherever it is made, and the state does not say it yet.

    It says that a request begins which nobody can ask about afterwards; or it holds a secret, which lost with it may be
    lost for good.
    """
    intents = [event.intent for event in events if isinstance(event, IntentGiven)]
    if any(intent.begun and state.intents.get(intent.address) != intent for intent in intents):
        return True
    holders: list[ClientState | Intent] = [intent for intent in intents if not intent.begun]
    holders += [event.client for event in events if isinstance(event, ClientWritten)]
    sealed = {secret.sealed for holder in holders for secret in holder.sealed}
    return bool(sealed) and not sealed <= {secret.sealed for _, secret in secrets_of(state)}


def secrets_of(state: State) -> list[tuple[str, SealedSecret]]:
    """Every secret of a state with its address: of clients, predecessors, writes about to be sent, deleted clients."""
    holders: list[tuple[str, ClientState | Intent]] = [*state.clients.items(), *state.intents.items()]
    holders += [(address, old.client) for address, client in state.clients.items() for old in client.predecessors]
    holders += [(grave.address, grave.client) for grave in state.tombstones]
    private = [(address, key.private) for address, keys in state.keys.items() for key in keys]
    return [*((address, secret) for address, holder in holders for secret in holder.sealed), *private]


def without_old_tombstones(state: State, horizon: str) -> State:
    """The state without the tombstones from before `horizon` (RFC 3339 UTC, as `deleted_at`), and without their keys.

    A key that is younger than the tombstone is that of a client still to come.
    """
    kept = tuple(grave for grave in state.tombstones if grave.deleted_at >= horizon)
    staying = {grave.address for grave in kept} | state.clients.keys()
    gone = {grave.address: grave.deleted_at for grave in state.tombstones if grave.address not in staying}
    keys = {
        address: tuple(key for key in pairs if address not in gone or key.private.since > gone[address])
        for address, pairs in state.keys.items()
    }
    return replace(state, tombstones=kept, keys={address: pairs for address, pairs in keys.items() if pairs})
