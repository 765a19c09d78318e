"""What somebody changed on the server since the last apply. Pure.

It is the plan's three-way comparison (`iac.core.plan.diff`), told from the other side: before is what was last applied,
after is what the server holds. What the definition alone changed is not drift, nor is what it has taken over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from iac.core import server
from iac.core.desired import OWNERS, Desired, DesiredClient
from iac.core.errors import Diagnostic, Location
from iac.core.model import Actual, Facts, Registration, Value, uses_secret
from iac.core.plan.change import Action, Cause, FieldChange, place
from iac.core.plan.diff import compare, is_hidden
from iac.core.plan.identity import find_moves, move, with_chosen_ids, with_remembered, without_additions
from iac.core.state.model import ClientState, SecretStatus, State

FORMAT_VERSION = "1.0"


class SecretDrift(StrEnum):
    """What became of a secret on the server; a server that hides secrets (1.14) leaves it unknown."""

    SAME = "same"
    CHANGED = "changed"
    REMOVED = "removed"
    UNKNOWN = "unknown"


class ClientDrift(Struct, frozen=True):
    """One client that is not as it was last applied.

    Attributes:
        gone: whether it is not registered any more, or cannot be reached.
        may_be_there: whether the server does not tell a client that is gone from one that this login cannot reach.
        fields: what was changed; before is last applied, after is the server's.
        location: where the definition begins.
        unread: managed fields that the server does not show, so that it is not known whether they were changed.
        disabled: whether somebody disabled it on the server. Apply does not enable it.
        findings: what policy says of the server's values (`iac.core.policy.review_drift`).
    """

    address: str
    client_id: str
    client_name: str
    location: Location
    gone: bool = False
    may_be_there: bool = False
    fields: tuple[FieldChange, ...] = ()
    secret: SecretDrift = SecretDrift.SAME
    unread: tuple[str, ...] = ()
    disabled: bool = False
    findings: tuple[Diagnostic, ...] = ()

    @property
    def words(self) -> str:
        """What became of it."""
        gone = "gone from the server, or out of reach" if self.may_be_there else "gone from the server"
        return gone if self.gone else "changed on the server"

    @property
    def is_found(self) -> bool:
        """Whether anything of it drifted."""
        return self.gone or self.disabled or bool(self.fields) or self.has_other_secret

    @property
    def not_compared(self) -> tuple[str, ...]:
        """What the server does not show, or iac does not know, so that nobody can tell whether it was changed."""
        return (*(["secret"] if self.secret is SecretDrift.UNKNOWN else []), *self.unread)

    @property
    def has_other_secret(self) -> bool:
        """Whether the server is known to hold another secret, or none."""
        return self.secret in {SecretDrift.CHANGED, SecretDrift.REMOVED}

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "address": self.address,
            "client_id": self.client_id,
            "client_name": self.client_name,
            "location": place(self.location),
            "gone": self.gone,
            "may_be_there": self.may_be_there,
            "fields": [field.to_dict() for field in self.fields],
            "secret": str(self.secret),
            "unread": list(self.unread),
            "disabled": self.disabled,
            "findings": _as_dicts(self.findings),
        }


class Drift(Struct, frozen=True):
    """What drifted of one environment; `unchanged` counts the clients that did not, `unread` could not be read.

    `not_understood` says of each of `unread` of which the server says what makes no sense, and what that is.
    `not_compared` has the fields of clients that were read and could not be compared, by address; the secret is one.
    `findings` are what policy says of the registrations of clients that did not drift, such as a secret that ends.
    """

    project: str
    environment: str
    issuer: str
    provider: str
    clients: tuple[ClientDrift, ...] = ()
    unchanged: int = 0
    unread: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    not_compared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    findings: tuple[Diagnostic, ...] = ()

    @property
    def gone(self) -> int:
        """How many clients are not registered any more."""
        return sum(client.gone for client in self.clients)

    @property
    def disabled(self) -> int:
        """How many clients are disabled there."""
        return sum(client.disabled for client in self.clients)

    @property
    def changed(self) -> int:
        """How many clients are there and not as applied."""
        return len(self.clients) - self.gone

    def to_dict(self) -> dict[str, Any]:
        """JSON form (docs/reference/commands.md)."""
        return {
            "format_version": FORMAT_VERSION,
            "project": self.project,
            "environment": self.environment,
            "issuer": self.issuer,
            "provider": self.provider,
            "summary": {
                "changed": self.changed,
                "gone": self.gone,
                "disabled": self.disabled,
                "unchanged": self.unchanged,
            },
            "unread": list(self.unread),
            "not_understood": list(self.not_understood),
            "not_compared": {address: list(names) for address, names in self.not_compared.items()},
            "clients": [client.to_dict() for client in self.clients],
            "findings": _as_dicts(self.findings),
        }


def _as_dicts(findings: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    return [{"message": finding.summary, **finding.to_dict()} for finding in findings]


def find_drift(desired: Desired, state: State, actual: Actual, targets: Collection[str] = ()) -> Drift:
    """What was changed of the clients that are defined and in state.

    Args:
        desired: the definitions.
        state: what was last applied.
        actual: the server; it holds every client of the two that exists, owners of those that declare them.
        targets: addresses to look at; empty for all.
    """
    state = move(state, find_moves(desired, state))
    desired, clients_of_state = with_remembered(with_chosen_ids(desired, state), state), state.clients
    actual = without_additions(actual, desired, state)
    wanted = [
        address for address in desired.clients if address in clients_of_state and (not targets or address in targets)
    ]
    known = [address for address in wanted if clients_of_state[address].client_id not in actual.unread]
    drifts = [_find_one(desired, state, actual, (address, clients_of_state[address])) for address in known]
    clients = tuple(client for client in drifts if client.is_found)
    return Drift(
        desired.project,
        desired.environment,
        desired.issuer,
        desired.api.provider,
        clients,
        len(known) - len(clients),
        tuple(address for address in wanted if address not in known),
        tuple(
            f"{address} ({clients_of_state[address].client_id}) is not understood: {partial.invalid_words}"
            for address in wanted
            if (partial := actual.partial.get(clients_of_state[address].client_id)) is not None
        ),
        {client.address: client.not_compared for client in drifts if client.not_compared},
    )


def _find_one(desired: Desired, state: State, actual: Actual, entry: tuple[str, ClientState]) -> ClientDrift:
    address, stored = entry
    client, registration = desired.clients[address], actual.registrations.get(stored.client_id)
    name = str(stored.applied.get("client_name", ""))
    if registration is None:
        return ClientDrift(
            address, stored.client_id, name, client.location, gone=True, may_be_there=not desired.api.reads_all
        )
    intent = state.intents.get(address)
    is_rotating = intent is not None and intent.action == Action.ROTATE
    secret = SecretDrift.UNKNOWN if is_rotating else _secret(stored, registration, actual.facts)
    return ClientDrift(
        address,
        stored.client_id,
        name,
        client.location,
        fields=tuple(_fields(client, registration, stored, desired, actual.facts)),
        secret=secret,
        unread=tuple(sorted(field for field in client.managed if is_hidden(field, registration, actual.facts))),
        disabled=registration.is_disabled,
    )


def _fields(
    client: DesiredClient, registration: Registration, stored: ClientState, desired: Desired, facts: Facts
) -> Iterator[FieldChange]:
    for change in compare(client, registration, stored, facts, desired.server_defaults):
        if change.cause is Cause.DEFINITION or (change.name == OWNERS and registration.owners is None):
            continue
        applied: Value | None = stored.owners if change.name == OWNERS else stored.applied.get(change.name)
        # what a plan has as before is what is there now
        yield FieldChange.of(change.name, None if applied == () else applied, change.before, change.cause)


def _secret(stored: ClientState, registration: Registration, facts: Facts) -> SecretDrift:
    """State keeps a fingerprint of the secret, so no key is needed."""
    if stored.secret is None or stored.secret_status is not SecretStatus.KNOWN:
        return SecretDrift.SAME if stored.secret_status is SecretStatus.NONE else SecretDrift.UNKNOWN
    if registration.secret is not None:
        return SecretDrift.SAME if stored.secret.holds(registration.secret) else SecretDrift.CHANGED
    if server.hides_secrets(facts):
        return SecretDrift.UNKNOWN
    return SecretDrift.REMOVED if uses_secret(registration.fields) else SecretDrift.SAME
