"""Every client of a server as a row: what it may do, whose it is, and how old it is. Pure.

What a row says of use and age is the server's word: a `last_used` that is not there does not mean unused where the
server keeps none (trap: last_used is off by default).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from iac.core.desired import DesiredClient
from iac.core.model import AUTH_METHODS, Fields, Registration, as_json, members, short_grant
from iac.core.rotation import written
from iac.core.server import protected
from iac.core.state.model import ClientState
from iac.core.vocabulary import is_restricted

Cell = str | int | tuple[str, ...] | None
"""One value of a row; None for what is not known or not there."""


class ClientStatus(StrEnum):
    """To this project: in state, a predecessor there, of an interrupted create, in no state, foreign, or gone."""

    MANAGED = "managed"
    REPLACED = "replaced"
    INTERRUPTED = "interrupted create"
    UNMANAGED = "unmanaged"
    PROTECTED = "protected"
    GONE = "gone"


class ClientRecord(Struct, frozen=True):
    """What this project knows of a client: its address, state and definition, and its outputs as messages name them.

    Attributes:
        standing: what it is, unless the server holds a client of others.
    """

    address: str = ""
    held: ClientState | None = None
    defined: DesiredClient | None = None
    outputs: tuple[str, ...] = ()
    standing: ClientStatus = ClientStatus.UNMANAGED


class InventoryRow(Struct, frozen=True):
    """One client. Times are RFC 3339 in UTC, `last_used` is a date; "" and () where there is nothing.

    Attributes:
        created, expires, last_used: None where the server does not say.
        owners: None where they were not read.
        rotate_due: when `lifecycle.rotate_after` asks for a new secret.
    """

    address: str
    client_id: str
    name: str
    standing: ClientStatus
    is_active: bool
    method: str
    grants: tuple[str, ...]
    scopes: tuple[str, ...]
    contacts: tuple[str, ...]
    created: str | None
    last_used: str | None
    expires: str | None
    secret: str
    secret_version: int | None
    secret_since: str | None
    rotate_due: str | None
    outputs: tuple[str, ...]
    owners: tuple[str, ...] | None = None

    @property
    def privileged(self) -> tuple[str, ...]:
        """Scopes that only an administrator of the IAM can give."""
        return tuple(scope for scope in self.scopes if is_restricted(scope))


def registered_row(registration: Registration, known: ClientRecord, login_client_id: str) -> InventoryRow:
    """A client that the server holds."""
    answer = registration.answer
    is_foreign = bool(protected(answer)) or (bool(login_client_id) and registration.client_id == login_client_id)
    standing = ClientStatus.PROTECTED if is_foreign and known.held is None else known.standing
    return _row(
        registration.client_id,
        registration.fields,
        known,
        standing,
        is_active=answer.get("active") is not False,
        created=_moment(answer.get("created_at"), per_second=1000),
        last_used=_text(answer.get("last_used")),
        expires=_text(answer.get("expiration")) or _moment(answer.get("client_secret_expires_at"), per_second=1),
    )


def gone_row(known: ClientRecord) -> InventoryRow | None:
    """A client of state that the server does not hold; None when state does not hold it, or has replaced it."""
    stored = known.held
    if stored is None or known.standing is ClientStatus.REPLACED:
        return None
    nothing = {"created": None, "last_used": None, "expires": None}
    return _row(stored.client_id, stored.applied, known, ClientStatus.GONE, is_active=False, **nothing)


def _row(client_id: str, fields: Fields, known: ClientRecord, standing: ClientStatus, **answered: Any) -> InventoryRow:
    stored = known.held
    secret = stored.secret if stored else None
    return InventoryRow(
        address=known.address,
        client_id=client_id,
        name=str(fields.get("client_name", "")),
        standing=standing,
        method=str(fields.get("token_endpoint_auth_method", AUTH_METHODS[0])),
        grants=tuple(short_grant(grant) for grant in members(fields.get("grant_types"))),
        scopes=members(fields.get("scope")),
        contacts=members(fields.get("contacts")),
        secret=str(stored.secret_status) if stored else "",
        secret_version=secret.version if secret else None,
        secret_since=secret.since if secret else None,
        rotate_due=_due(secret.since if secret else "", known.defined),
        outputs=known.outputs,
        **answered,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: object, *, per_second: int) -> str | None:
    """A number of seconds or milliseconds since 1970; 0 is never (RFC 7591 section 3.2.1)."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return None
    try:
        return written(datetime.fromtimestamp(value / per_second, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def parse_moment(text: str) -> datetime | None:
    """A time of a row as a time with a zone, a date as its first second; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _due(since: str, defined: DesiredClient | None) -> str | None:
    after = defined.lifecycle.rotate_after if defined else None
    start = parse_moment(since)
    return None if after is None or start is None else written(start + timedelta(seconds=after))


COLUMNS: Mapping[str, Callable[[InventoryRow], Cell]] = {
    "address": lambda row: row.address,
    "client_id": lambda row: row.client_id,
    "name": lambda row: row.name,
    "state": lambda row: str(row.standing),
    "active": lambda row: "" if row.standing is ClientStatus.GONE else "yes" if row.is_active else "no",
    "method": lambda row: row.method,
    "grants": lambda row: row.grants,
    "scopes": lambda row: row.scopes,
    "privileged": lambda row: row.privileged,
    "contacts": lambda row: row.contacts,
    "owners": lambda row: row.owners,
    "created": lambda row: row.created,
    "last_used": lambda row: row.last_used,
    "expires": lambda row: row.expires,
    "secret": lambda row: row.secret,
    "secret_version": lambda row: row.secret_version,
    "secret_since": lambda row: row.secret_since,
    "rotate_due": lambda row: row.rotate_due,
    "outputs": lambda row: row.outputs,
}
"""What can be shown of a row and sorted by, by name."""


class Filter(Struct, frozen=True):
    """Which rows are wanted; each that is given has to hold.

    Attributes:
        stale: not used for so long, or never and older than that.
        expiring: due or expiring within so long, or already.
        scope, match: patterns as of a shell; `match` looks at address, client_id and name.
    """

    standings: frozenset[ClientStatus] = frozenset()
    stale: timedelta | None = None
    expiring: timedelta | None = None
    is_ownerless: bool = False
    scope: str = ""
    is_privileged: bool = False
    match: str = ""

    def wants(self, row: InventoryRow, now: datetime) -> bool:
        """Whether a row is wanted, by all but its owners."""
        return (
            (not self.standings or row.standing in self.standings)
            and (
                not self.match or any(fnmatchcase(text, self.match) for text in (row.address, row.client_id, row.name))
            )
            and (not self.scope or any(fnmatchcase(scope, self.scope) for scope in row.scopes))
            and (not self.is_privileged or bool(row.privileged))
            and (self.stale is None or _is_before(row.last_used or row.created, now - self.stale))
            and (
                self.expiring is None
                or any(_is_before(end, now + self.expiring) for end in (row.rotate_due, row.expires))
            )
        )


def _is_before(text: str | None, end: datetime) -> bool:
    moment = parse_moment(text) if text else None
    return moment is not None and moment < end


def ends_by(row: InventoryRow, end: datetime) -> bool:
    """Whether the server's word is that the client, or its secret, ends before this time, or has ended."""
    return _is_before(row.expires, end)


class Inventory(Struct, frozen=True):
    """The rows that are wanted of all that there are.

    Attributes:
        counts: of all clients, by standing.
        is_use_known: whether the server says of any client when it was last used.
        troubled: names of the columns that show what somebody should know: a client is disabled, or ends soon.
        left_out: clients that could not be understood, which are in no row and no count.
    """

    environment: str
    issuer: str
    rows: tuple[InventoryRow, ...]
    counts: Mapping[ClientStatus, int]
    is_use_known: bool
    left_out: tuple[Registration, ...] = ()
    troubled: tuple[str, ...] = ()

    def sorted_by(self, column: str, *, is_descending: bool) -> list[InventoryRow]:
        """The rows by a column, what is not known last, equal ones by client_id."""
        value = COLUMNS[column]
        known = [row for row in self.rows if value(row) not in {None, "", ()}]
        known.sort(key=lambda row: row.client_id)
        known.sort(key=lambda row: _sortable(value(row)), reverse=is_descending)
        unknown = sorted((row for row in self.rows if value(row) in {None, "", ()}), key=lambda row: row.client_id)
        return [*known, *unknown]

    def to_dict(self, columns: tuple[str, ...], rows: list[InventoryRow]) -> dict[str, Any]:
        """JSON form: counts of all clients, then the rows with these columns."""
        return {
            "format_version": "1.0",
            "environment": self.environment,
            "issuer": self.issuer,
            "summary": {str(standing): self.counts.get(standing, 0) for standing in ClientStatus},
            "last_used_known": self.is_use_known,
            "left_out": [{"client_id": one.client_id, "problem": one.invalid_words} for one in self.left_out],
            "clients": [{name: as_json(COLUMNS[name](row)) for name in columns} for row in rows],
        }


def _sortable(value: Cell) -> tuple[int, tuple[str, ...]]:
    if isinstance(value, int):
        return value, ()
    return 0, value if isinstance(value, tuple) else (str(value),)
