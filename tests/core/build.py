"""Small values for tests of the core: each builder names only what its test is about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from iac.core import server
from iac.core.desired import Desired, DesiredClient, Lifecycle, OutputSpec
from iac.core.errors import Location
from iac.core.model import FIELDS, Actual, Facts, Registration, in_order
from iac.core.plan.make import make_plan
from iac.core.plan.plan import PlanOptions
from iac.core.secret import Secret
from iac.core.server.effect import to_wire
from iac.core.state.model import ClientState, Intent, SealedSecret, SecretStatus, State
from iac.registry import capabilities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iac.core.model import Value
    from iac.core.plan.plan import Plan

OLD = Facts(shows_secrets=True, has_up_scoping=False)
NEW = Facts(shows_secrets=False, has_up_scoping=True)
ISSUER = "https://iam.example.org/"
NOW = "2026-11-23T10:00:00Z"
CANARY = "canary-4242-never-to-be-seen"
KEY = json.dumps({"keys": [{"crv": "P-256", "kid": "one", "kty": "EC", "x": "eA", "y": "eQ"}]}, separators=(",", ":"))

_ALWAYS = {name: field.undeclared for name, field in FIELDS.items() if field.always}


def desired(address: str = "team/app", **more: Any) -> DesiredClient:
    """A definition as configuration hands it over: unknown keywords are fields, None is a declared empty one.

    `client_id` is the address's last part; always-managed fields are filled in as their meaning says.
    """
    named: dict[str, Any] = {name: more.pop(name) for name in list(more) if name not in in_order(more)}
    filled = {**_ALWAYS, "redirect_uris": ("https://app.example.org/cb",), "client_name": "An app", **more}
    return DesiredClient(
        address=address,
        client_id=named.pop("client_id", address.rsplit("/", 1)[-1]),
        fields={name: value for name, value in filled.items() if value not in (None, ())},
        declared=frozenset(filled),
        location=named.pop("location", Location(f"clients.d/{address}.yaml")),
        **named,
    )


def ignoring(*names: str) -> Lifecycle:
    """A lifecycle that ignores changes of these fields."""
    return Lifecycle(ignore_changes=frozenset(names))


def answer(client: DesiredClient, facts: Facts = OLD, **more: Any) -> dict[str, Any]:
    """What a server answers for a client that is as wanted; keywords replace members, None takes them out."""
    members: dict[str, Any] = {
        "client_id": client.client_id,
        "scope": None,
        "created_at": 1795431635595,
        "active": True,
        "dynamically_registered": False,
        "reuse_refresh_token": False,
        "allow_introspection": True,
        "clear_access_tokens_on_refresh": False,
        "require_auth_time": False,
        "access_token_validity_seconds": 3600,
        "refresh_token_validity_seconds": 2592000,
        "id_token_validity_seconds": 600,
        "device_code_validity_seconds": 600,
    }
    if facts.has_up_scoping:
        members["up_scoping_enabled"] = True
    members |= {name: to_wire(name, value) for name, value in server.forced(client.fields).items()}
    members |= more
    absent = {name for name in more if more[name] is None}
    return {name: value for name, value in members.items() if name not in absent}


def registered(
    client: DesiredClient,
    *,
    facts: Facts = OLD,
    secret: str | None = None,
    owners: tuple[str, ...] | None = None,
    **more: Any,
) -> Registration:
    """The registration of a client that is as wanted but for the fields given; None takes a field out."""
    found = server.parse_answer(answer(client, facts, **more))
    return replace(found, secret=Secret(secret) if secret else None, owners=owners)


def sealed(secret: str = CANARY, *, version: int = 1, salt: str = "salt") -> SealedSecret:
    """A secret as state has it; the ciphertext of this test vault says nothing."""
    return SealedSecret("sealed", salt, Secret(secret).fingerprint(salt), version, NOW)


def applied(client: DesiredClient, **more: Any) -> ClientState:
    """What state holds after a client was applied."""
    held: dict[str, Any] = {
        "client_id": client.client_id,
        "provider": "iam-admin",
        "applied": server.forced(client.fields),
        "declared": client.declared,
        "owners": client.owners,
        "secret": sealed(),
        "secret_status": SecretStatus.KNOWN,
        "secret_serial": client.secret_serial,
        "prevent_destroy": client.lifecycle.prevent_destroy,
        "applied_at": NOW,
    }
    return ClientState(**{**held, **more})


def intent(client: DesiredClient, action: str = "create", secret: SealedSecret | None = None) -> Intent:
    """A write of an earlier run whose end is not known."""
    return Intent(client.address, client.client_id, action, "run-0", NOW, secret)


def state(clients: Mapping[str, ClientState] | None = None, **more: Any) -> State:
    """A state of this project."""
    return State("rucio", "default", ISSUER, "lineage-1", serial=1, clients=clients or {}, **more)


def project(*clients: DesiredClient, **more: Any) -> Desired:
    """A project of these definitions."""
    by_address = {client.address: client for client in sorted(clients, key=lambda client: client.address)}
    api = more.pop("api", capabilities("iam-admin"))
    return Desired("rucio", "default", ISSUER, api, by_address, **more)


def actual(*registrations: Registration, facts: Facts = OLD, others: int = 0) -> Actual:
    """What a read gave; `others` clients more are on the server."""
    found = {registration.client_id: registration for registration in registrations}
    return Actual(facts, found, len(found) + others)


def output(path: str = "out/app.env", clients: Iterable[str] = ("team/app",), **more: Any) -> OutputSpec:
    """An output of the built-in dotenv template."""
    return OutputSpec("dotenv", path, tuple(clients), Location("clients.d/team/app.yaml", 9), **more)


OPTIONS = PlanOptions(templates={"dotenv": "sha256:template"})


def plan(
    wanted: Desired, held: State | None = None, seen: Actual | None = None, options: PlanOptions = OPTIONS
) -> Plan:
    """A plan from these; nothing applied and nothing registered unless said."""
    return make_plan(wanted, held or state(), seen or actual(), options)


def fields(**more: Value) -> dict[str, Value]:
    """Fields, typed."""
    return dict(more)
