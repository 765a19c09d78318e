from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from iac.core.desired import Lifecycle
from iac.core.inventory import (
    COLUMNS,
    ClientRecord,
    ClientStatus,
    Filter,
    Inventory,
    InventoryRow,
    gone_row,
    parse_moment,
    registered_row,
)
from iac.core.server import parse_answer
from iac.core.state.model import ClientState, SealedSecret, SecretStatus
from tests.core.build import desired
from tests.every import every

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CREATED = 1_764_000_000_000  # 2025-11-24T16:00:00Z
HELD = ClientState(
    "app",
    "iam-admin",
    {"client_name": "An app", "scope": ("openid",)},
    frozenset(),
    secret=SealedSecret("sealed", "salt", "0123abcd", 2, "2026-10-01T00:00:00+00:00"),
    secret_status=SecretStatus.KNOWN,
)


def row(known: ClientRecord = ClientRecord(), login: str = "", **answer: Any) -> InventoryRow:  # noqa: B008  # a frozen value
    given = {"client_id": "app", "client_name": "An app", "created_at": CREATED, "grant_types": ["client_credentials"]}
    return registered_row(parse_answer({**given, **answer}), known, login)


def test_a_row_has_what_the_server_says_and_what_the_project_knows() -> None:
    defined = desired("team/app", lifecycle=Lifecycle(rotate_after=60 * 86400))
    found = row(
        ClientRecord("team/app", HELD, defined, ("out/app.env",), ClientStatus.MANAGED),
        scope="storage.read:/ openid scim:read",
        last_used="2026-11-01",
        contacts=["ops@example.org"],
        token_endpoint_auth_method="client_secret_post",
    )

    assert {name: column(found) for name, column in COLUMNS.items()} == {
        "address": "team/app",
        "client_id": "app",
        "name": "An app",
        "state": "managed",
        "active": "yes",
        "method": "client_secret_post",
        "grants": ("client_credentials",),
        "scopes": ("openid", "scim:read", "storage.read:/"),
        "privileged": ("scim:read", "storage.read:/"),
        "contacts": ("ops@example.org",),
        "owners": None,
        "created": "2025-11-24T16:00:00Z",
        "last_used": "2026-11-01",
        "expires": None,
        "secret": "known",
        "secret_version": 2,
        "secret_since": "2026-10-01T00:00:00+00:00",
        "rotate_due": "2026-11-30T00:00:00Z",
        "outputs": ("out/app.env",),
    }


@every(
    "known, login, answer, standing",
    [
        (ClientRecord("team/app", HELD, standing=ClientStatus.MANAGED), "", {}, ClientStatus.MANAGED),
        (ClientRecord("team/app", HELD, standing=ClientStatus.REPLACED), "", {}, ClientStatus.REPLACED),
        (ClientRecord("team/app", standing=ClientStatus.INTERRUPTED), "", {}, ClientStatus.INTERRUPTED),
        (ClientRecord("team/app", standing=ClientStatus.INTERRUPTED), "app", {}, ClientStatus.PROTECTED),
        (ClientRecord(), "", {}, ClientStatus.UNMANAGED),
        (ClientRecord(), "app", {}, ClientStatus.PROTECTED),
        (ClientRecord(), "", {"client_name": "oidc-agent:me"}, ClientStatus.PROTECTED),
        (ClientRecord(), "", {"client_id": None}, ClientStatus.UNMANAGED),
    ],
)
def test_a_client_is_managed_protected_or_neither(
    known: ClientRecord, login: str, answer: dict[str, Any], standing: ClientStatus
) -> None:
    assert standing is row(known, login, **answer).standing


def test_what_is_in_state_and_not_on_the_server_is_gone() -> None:
    gone = gone_row(ClientRecord("team/app", HELD))
    assert gone is not None
    assert (ClientStatus.GONE, False, "An app") == (gone.standing, gone.is_active, gone.name)
    assert "" == COLUMNS["active"](gone), "it is not disabled either"
    assert gone_row(ClientRecord()) is None
    assert gone_row(ClientRecord("team/app", HELD, standing=ClientStatus.REPLACED)) is None


@pytest.mark.parametrize(
    ("answer", "expires"),
    [
        ({"client_secret_expires_at": 0}, None),
        ({"client_secret_expires_at": True}, None),
        ({"client_secret_expires_at": 10**18}, None),
        ({"client_secret_expires_at": 1_800_000_000}, "2027-01-15T08:00:00Z"),
        ({"expiration": "2030-01-01T00:00:00.000+00:00"}, "2030-01-01T00:00:00.000+00:00"),
    ],
)
def test_an_end_is_the_secrets_or_the_registrations(answer: dict[str, Any], expires: str | None) -> None:
    assert expires == row(**answer).expires


def test_times_are_read_with_or_without_a_zone_and_nothing_else_is_one() -> None:
    assert datetime(2026, 11, 1, tzinfo=UTC) == parse_moment("2026-11-01")
    assert datetime(2030, 1, 1, tzinfo=UTC) == parse_moment("2030-01-01T00:00:00.000+00:00")
    assert parse_moment("soon") is None


def wants(found: InventoryRow, **given: Any) -> bool:
    return Filter(**given).wants(found, NOW)


def test_stale_is_what_was_not_used_for_so_long_or_never_and_is_older() -> None:
    age = timedelta(days=90)
    assert wants(row(last_used="2026-08-01"), stale=age)
    assert not wants(row(last_used="2026-11-01"), stale=age)
    assert wants(row(), stale=age)
    assert not wants(row(created_at=int(NOW.timestamp()) * 1000), stale=age)
    assert not wants(row(created_at=None), stale=age)


def test_expiring_is_what_is_due_or_ends_within_so_long_or_already() -> None:
    due = replace(row(), rotate_due="2026-11-30T00:00:00Z")
    assert wants(due, expiring=timedelta(days=7))
    assert not wants(due, expiring=timedelta(days=3))
    assert wants(replace(row(), rotate_due="2026-01-01T00:00:00Z"), expiring=timedelta(days=3))
    assert wants(replace(row(), expires="2026-11-27T00:00:00Z"), expiring=timedelta(days=3))
    assert not wants(row(), expiring=timedelta(days=3))


def test_the_other_filters_look_at_names_scopes_and_standing() -> None:
    found = row(ClientRecord("team/app", HELD, standing=ClientStatus.MANAGED), scope="scim:read openid")
    assert wants(found, standings=frozenset({ClientStatus.MANAGED}), match="team/*", scope="scim:*", is_privileged=True)
    assert not wants(found, standings=frozenset({ClientStatus.UNMANAGED}))
    assert wants(found, match="An a*")
    assert wants(found, match="app")
    assert not wants(found, match="other*")
    assert not wants(found, scope="storage.*")
    assert not wants(row(scope="openid"), is_privileged=True)


def test_rows_are_sorted_by_a_column_and_what_is_not_known_comes_last() -> None:
    rows = tuple(
        replace(row(), client_id=name, secret_version=version)
        for name, version in (("a", None), ("c", 10), ("b", 2), ("d", 2))
    )
    inventory = Inventory("default", "https://iam.example.org/", rows, {ClientStatus.MANAGED: 4}, is_use_known=False)

    def order(column: str, *, is_descending: bool = False) -> str:
        return "".join(one.client_id for one in inventory.sorted_by(column, is_descending=is_descending))

    assert "bdca" == order("secret_version")
    assert "cbda" == order("secret_version", is_descending=True)
    assert "dcba" == order("client_id", is_descending=True)
    assert "abcd" == order("scopes")
    assert "abcd" == order("grants")


def test_the_json_form_counts_all_and_shows_what_is_asked_for() -> None:
    inventory = Inventory("default", "https://iam.example.org/", (row(),), {ClientStatus.MANAGED: 2}, is_use_known=True)

    told = inventory.to_dict(("client_id", "grants", "owners"), list(inventory.rows))

    assert {"managed": 2, "replaced": 0, "interrupted create": 0, "unmanaged": 0, "protected": 0, "gone": 0} == told[
        "summary"
    ]
    assert [{"client_id": "app", "grants": ["client_credentials"], "owners": None}] == told["clients"]
