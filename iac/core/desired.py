"""What the user wants: the project after merging, as values. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from iac.core.capabilities import Capabilities
from iac.core.errors import Diagnostic, Location
from iac.core.model import Fields

DEFAULT = "default"
"""Name of the one environment of a project that declares none."""

OWNERS = "owners"
"""The name of the owners in `lifecycle.ignore_changes` and in a plan; the server has calls of their own for them."""


class Rotation(StrEnum):
    """What a rotation makes: another secret of the same client, or another client in its place."""

    SECRET = "secret"  # noqa: S105  # what is rotated, not its value
    REPLACE = "replace"


class Lifecycle(Struct, frozen=True):
    """How a client may change.

    Attributes:
        rotate_after: the age, in seconds, at which a secret is due for rotation; None for never.
        grace: for how many seconds a client stays registered when a rotation has put another in its place;
            0 unless `rotation` is REPLACE.
    """

    prevent_destroy: bool = False
    ignore_changes: frozenset[str] = frozenset()
    rotate_after: int | None = None
    rotation: Rotation = Rotation.SECRET
    grace: int = 0


class Waiver(Struct, frozen=True):
    """An entry of `waive`: findings of one rule that refuse nothing, up to and with a day."""

    rule: str
    reason: str
    until: date
    location: Location


class DesiredClient(Struct, frozen=True):
    """One definition, merged and canonical.

    Attributes:
        fields: declared fields and the always-managed ones that are not empty; grants by their wire names.
        declared: names of all managed fields: declared ones, even when empty (`[]`, null), and the always-managed.
        implied: always-managed fields that the definition does not name, where the server's defaults are not known.
            What they mean is in `fields` and not sent, until state remembers what the server has made of them: from
            then on that is in `fields`, and they are in `declared` too.
        owners: account UUIDs, None when not declared.
        secret_serial: `secret.serial`; a higher number than the one applied asks for a new secret.
        recipients: public keys, sorted, that can open the client's secret beside those of the state.
        location: where the definition begins.
        generation: which client of the address is meant (`iac.core.plan.identity`); definitions mean the first.
        remarks: what the rules of policy found in it, before severities and waivers.
        places: where its values stand: `scope` for a field, `scope openid` for an item of one; see `at`.
    """

    address: str
    client_id: str
    fields: Fields
    declared: frozenset[str]
    location: Location
    implied: frozenset[str] = frozenset()
    owners: tuple[str, ...] | None = None
    secret_serial: int = 1
    recipients: tuple[str, ...] = ()
    adopt: bool = False
    lifecycle: Lifecycle = Lifecycle()
    generation: int = 1
    remarks: tuple[Diagnostic, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    places: Mapping[str, Location] = field(default_factory=dict)

    def at(self, name: str, value: str = "") -> Location:
        """Where an item of a field stands, else the field, else where the definition begins."""
        place = self.places.get(f"{name} {value}") if value else None
        return place or self.places.get(name, self.location)

    @property
    def open(self) -> frozenset[str]:
        """Names of the fields that are the server's to choose."""
        return self.implied - self.declared

    @property
    def managed(self) -> frozenset[str]:
        """Names of the fields that an update sets."""
        return self.declared - self.lifecycle.ignore_changes

    @property
    def managed_owners(self) -> tuple[str, ...] | None:
        """Owners that an update sets; None when it leaves them alone."""
        return None if OWNERS in self.lifecycle.ignore_changes else self.owners


FILE = "file"
"""The sink that needs no setting."""


def output_id(sink: str, path: str) -> str:
    """What names an output in state: its path, with the sink in front unless that is `file`.

    Unambiguous, because the path of a file is normalised and so has no `//` in it.
    """
    return path if sink == FILE else f"{sink}://{path}"


def output_path(sink: str, name: str) -> str:
    """The path in an output's id."""
    return name.removeprefix(output_id(sink, "")) if sink != FILE else name


class OutputSpec(Struct, frozen=True):
    """One output to render.

    Attributes:
        template: name of a built-in (`dotenv`) or path below `templates/` (`rucio/idpsecrets.json.j2`).
        path: where its sink puts it: of a file, relative to the project, normalised, inside it.
        clients: addresses whose credentials it may read, in the order declared.
        names: the name by which the template reaches each of them (an output of one client: `client`).
        values: free values for the template (`values:` of the output).
        sink: name of the sink it goes to.
        recipients: public keys, sorted, that a sink which encrypts seals it to.
        form: hash over the settings of the sink that decide what is written; "" for a clear file.
    """

    template: str
    path: str
    clients: tuple[str, ...]
    location: Location
    names: tuple[str, ...] = ()
    sink: str = FILE
    mode: int = 0o600
    values: Mapping[str, Any] = field(default_factory=dict)
    recipients: tuple[str, ...] = ()
    form: str = ""

    @property
    def id(self) -> str:
        """What names it in state."""
        return output_id(self.sink, self.path)


class Disposition(StrEnum):
    """What becomes of a registration whose address leaves the project."""

    DELETE = "delete"
    FORGET = "forget"


class RemovedEntry(Struct, frozen=True):
    """An entry of `removed:`."""

    address: str
    then: Disposition
    location: Location


class MovedEntry(Struct, frozen=True):
    """An entry of `moved:`."""

    source: str
    target: str
    location: Location


Bound = tuple[int | None, int | None]
"""Least and most seconds of a lifetime; None for no bound."""

Bounds = Mapping[str, Bound]
"""Name of a lifetime -> its bounds."""

WLCG_BOUNDS: Bounds = {
    "access_token_validity_seconds": (300, 21_600),
    "id_token_validity_seconds": (300, 21_600),
    "refresh_token_validity_seconds": (86_400, 2_592_000),
}
"""WLCG Common JWT Profiles, guidance on token lifetimes: 5 minutes to 6 hours, refresh tokens 1 to 30 days."""


class PolicyTerms(Struct, frozen=True):
    """What the project says that rules need: scopes of its server (patterns), bounds of lifetimes."""

    scopes: Collection[str] = ()
    bounds: Bounds = field(default_factory=lambda: WLCG_BOUNDS)


class ChangeLimits(Struct, frozen=True):
    """Guards on size: how many clients one apply may delete or update; None means no limit."""

    max_deletes: int | None = 3
    max_updates: int | None = None


class Desired(Struct, frozen=True):
    """One environment of the project: everything that planning needs from the user's side.

    Attributes:
        environment: its name, "default" when the project declares none.
        api: what the server's API can do.
        login_client_id: the tool's own login client, which is never touched; "" when unknown.
        clients: by address, sorted.
        policy: id of a rule -> off, warning or error, where iac.yaml says so.
        grantable: patterns of scopes that self service grants to this login.
        recipients: public keys, sorted, that can open every secret of the state; empty where it is not encrypted, None
            where nobody is named.
        terms: what rules of policy need to know of the project.
        places: where settings stand in iac.yaml; see `at`.
    """

    project: str
    environment: str
    issuer: str
    api: Capabilities
    clients: Mapping[str, DesiredClient]
    outputs: tuple[OutputSpec, ...] = ()
    removed: tuple[RemovedEntry, ...] = ()
    moved: tuple[MovedEntry, ...] = ()
    limits: ChangeLimits = ChangeLimits()
    login_client_id: str = ""
    server_defaults: Fields = field(default_factory=dict)
    policy: Mapping[str, str] = field(default_factory=dict)
    grantable: tuple[str, ...] = ()
    recipients: tuple[str, ...] | None = None
    terms: PolicyTerms = field(default_factory=PolicyTerms)
    places: Mapping[str, Location] = field(default_factory=dict)

    def at(self, name: str) -> Location:
        """Where a setting stands in iac.yaml; its first line for one that is not there."""
        return self.places.get(name, Location("iac.yaml"))


class ValueOrigin(Struct, frozen=True):
    """One value, or one item of a list, and what says it.

    Attributes:
        name: of the field; `lifecycle.prevent_destroy` for what is merged by key.
        value: as it is written; None and [] for empty.
        layer: `definition`, `environment NAME`, `defaults of ...`, `not declared`, `server_defaults`.
        location: None for what nobody has written.
    """

    name: str
    value: Any
    layer: str
    location: Location | None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        place = self.location
        return {
            "name": self.name,
            "value": self.value,
            "layer": self.layer,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
        }


class Provenance(Struct, frozen=True):
    """One client in one environment, value by value, in the order of a definition."""

    address: str
    client_id: str
    environment: str
    origins: Sequence[ValueOrigin]

    def to_dict(self) -> dict[str, Any]:
        """JSON form (docs/reference/commands.md)."""
        return {
            "address": self.address,
            "client_id": self.client_id,
            "environment": self.environment,
            "values": [origin.to_dict() for origin in self.origins],
        }
