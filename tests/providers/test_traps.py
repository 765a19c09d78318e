"""The rules of the table of server behaviour that the transport keeps: each fails when its rule is taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import ServerError, UnknownOutcome, UnreachableError
from iac.core.model import NewClient
from iac.core.secret import Secret
from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.server import Sandbox, start_sandbox
from iac.transport.message import Call
from tests.providers.seeds import many_clients, names

if TYPE_CHECKING:
    from tests.providers.conftest import OpenAdmin, OpenHttp

FIELDS: dict[str, Any] = {"client_name": "a name", "grant_types": ("client_credentials",), "scope": ("openid",)}


def test_trap_5_entries_without_id_in_the_list_are_passed_over(
    open_admin: OpenAdmin, open_http: OpenHttp, box: Sandbox
) -> None:
    """Made as in rec: self-service-put-without-client-id."""
    http = open_http(box.url)
    register = {"client_name": "lost", "redirect_uris": ["https://a.example.org/cb"]}
    made = http.send(Call.write("POST", "/iam/api/client-registration", register)).json()
    path = f"/iam/api/client-registration/{made['client_id']}"
    put = Call.write("PUT", path, register).with_authorization(f"Bearer {made['registration_access_token']}")
    assert http.send(put).status == 200
    wanted = ["grafana", *(f"nobody-{number}" for number in range(20))]

    actual = open_admin(box.issuer).read(wanted)

    assert actual.registrations.keys() == {"grafana"}


def test_trap_6_an_empty_405_is_a_fault_of_the_server_with_an_unknown_outcome(
    open_admin: OpenAdmin, new_box: Sandbox
) -> None:
    """A crash of a PUT surfaces so (rec: admin-scope-null); the effect has to be read back."""
    new_box.faults.add(Fault(kind=FaultKind.STATUS_AFTER, status=405, method="POST", path="/iam/*"))

    with pytest.raises(UnknownOutcome) as caught:
        open_admin(new_box.issuer).create(NewClient("mine", FIELDS, Secret("s" * 43)))

    assert caught.value.status == 405
    assert open_admin(new_box.issuer).get("mine") is not None


def test_trap_15_page_size_no_more_than_100_are_asked_for_and_pages_advance_by_what_came(
    open_admin: OpenAdmin,
) -> None:
    """A count over 100 is cut to 100 without a word (rec: admin-list-paging)."""
    with start_sandbox(seed=many_clients(320)) as box:
        actual = open_admin(box.issuer).read(names(320))
        counts = [int(path.split("count=")[1].split("&")[0]) for _, path, _ in box.log if "count=" in path]

    assert actual.registrations.keys() == set(names(320))
    assert max(counts) == 100


def test_trap_15_first_index_is_1_for_0_is_an_error_page(open_admin: OpenAdmin, box: Sandbox) -> None:
    """rec: admin-list-paging."""
    assert box.iam.world.store.count() == open_admin(box.issuer).read(["grafana"]).total


@pytest.mark.parametrize(("body", "status"), [("json", 400), ("empty", 400), ("empty", 415), ("html", 400)], ids=str)
def test_trap_19_every_shape_of_error_is_the_server_s_no(
    open_admin: OpenAdmin, new_box: Sandbox, body: str, status: int
) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=status, body=body, method="POST", path="/iam/*"))

    with pytest.raises(ServerError) as caught:
        open_admin(new_box.issuer).create(NewClient("mine", FIELDS, Secret("s" * 43)))

    assert (ServerError, status) == (type(caught.value), caught.value.status)
    assert "<" not in str(caught.value)


def test_trap_19_an_html_error_page_is_not_shown(open_admin: OpenAdmin, new_box: Sandbox) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=500, body="html", path="/iam/*"))

    with pytest.raises(UnreachableError) as caught:
        open_admin(new_box.issuer).read(["grafana"])

    assert caught.value.why == "the server says 500, with an answer that is not JSON"


def test_trap_22_no_cookies_are_kept_so_nobody_is_served_as_an_earlier_user(open_http: OpenHttp, box: Sandbox) -> None:
    """A cookie set by a 401 makes a call without a token an earlier one's (rec: self-service-session-cookie)."""
    http = open_http(box.url, parallelism=1)
    listing = Call.read("/iam/api/clients?count=1")
    form = {
        "grant_type": "client_credentials",
        "client_id": "admin-client-ro",
        "client_secret": "secret",
        "scope": "iam:admin.read",
    }
    token = http.send(Call.form("/token", form)).json()["access_token"]

    first = http.send(listing)
    assert "set-cookie" in first.headers
    authorized = http.send(listing.with_authorization(f"Bearer {token}"))
    last = http.send(listing)

    assert [401, 200, 401] == [first.status, authorized.status, last.status]
