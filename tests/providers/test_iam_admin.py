from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import CredentialsError, IacError, InputError, ServerError, UnknownOutcome, UnreachableError
from iac.core.model import Facts, NewClient
from iac.core.secret import Secret
from iac.providers.logins import READ_SCOPES
from iac.providers.logins.client_credentials import ClientCredentials
from iac.providers.logins.endpoint import SharedSecret
from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.server import Sandbox, start_sandbox
from tests.providers.seeds import many_clients, names
from tests.providers.stub import Say, Seen, start_stub

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.iam import Iam
    from iac.sandbox.message import Request, Response
    from tests.providers.conftest import OpenAdmin

TEST_USER = "5f9c1a2e-0000-4000-8000-000000000002"
ADMIN_USER = "5f9c1a2e-0000-4000-8000-000000000001"
SECRET = Secret("s" * 43)
FIELDS: dict[str, Any] = {
    "client_name": "made here",
    "grant_types": ("client_credentials",),
    "scope": ("openid", "profile"),
    "token_endpoint_auth_method": "client_secret_basic",
}
READ_LOGIN = ClientCredentials(SharedSecret("admin-client-ro", Secret("secret")), READ_SCOPES)


def reads(box: Sandbox) -> list[str]:
    return [path for method, path, _ in box.log if method == "GET" and path.startswith("/iam/")]


def writes(box: Sandbox) -> list[str]:
    return [f"{method} {path}" for method, path, _ in box.log if method != "GET" and path.startswith("/iam/")]


def test_nothing_is_sent_before_the_first_call(open_admin: OpenAdmin, new_box: Sandbox) -> None:
    open_admin(new_box.issuer)

    assert new_box.log == []


def test_reading_gives_those_that_exist_their_fields_and_the_count_of_all(open_admin: OpenAdmin, box: Sandbox) -> None:
    actual = open_admin(box.issuer, READ_LOGIN).read(["grafana", "nobody"])

    assert actual.registrations.keys() == {"grafana"}
    assert actual.registrations["grafana"].fields["scope"] == ("email", "openid", "profile")
    assert actual.registrations["grafana"].owners is None
    assert box.iam.world.store.count() == actual.total


def test_the_flavour_is_told_by_what_is_answered(open_admin: OpenAdmin, box: Sandbox) -> None:
    is_new = box.iam.flavour == "1.14"
    actual = open_admin(box.issuer, READ_LOGIN).read(["grafana"])

    assert Facts(shows_secrets=not is_new, has_up_scoping=is_new) == actual.facts
    assert (None if is_new else Secret("made-by-hand-1")) == actual.registrations["grafana"].secret


def test_a_server_without_clients_says_nothing_of_itself(open_admin: OpenAdmin) -> None:
    with start_stub(empty_iam) as stub:
        actual = open_admin(stub.url).read(["a"])

    assert (Facts(shows_secrets=False, has_up_scoping=False), {}, 0) == (
        actual.facts,
        actual.registrations,
        actual.total,
    )


def empty_iam(seen: Seen) -> Say:
    base = f"http://{seen.headers['host']}"
    if seen.path.startswith("/iam/api/clients?"):
        return Say(200, {"totalResults": 0, "itemsPerPage": 0, "startIndex": 1, "Resources": []})
    if seen.path.startswith("/iam/api/clients"):
        return Say(404, {"error": "Client not found"})
    return Say(200, {"issuer": base, "token_endpoint": f"{base}/token", "access_token": "opaque"})


def test_up_to_ten_clients_are_read_one_by_one(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(30)) as box:
        actual = open_admin(box.issuer).read(names(10))

        assert actual.registrations.keys() == set(names(10))
        assert sorted(reads(box)) == sorted(
            ["/iam/api/clients?count=1&startIndex=1", *(f"/iam/api/clients/{name}" for name in names(10))]
        )


def test_more_than_ten_clients_of_few_are_read_as_a_list(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(250)) as box:
        total = box.iam.world.store.count()
        actual = open_admin(box.issuer).read(names(250))

        assert actual.registrations.keys() == set(names(250))
        assert sorted(reads(box)) == sorted(
            [
                "/iam/api/clients?count=1&startIndex=1",
                "/iam/api/clients?count=100&startIndex=1",
                "/iam/api/clients?count=100&startIndex=101",
                f"/iam/api/clients?count={total - 200}&startIndex=201",
            ]
        )


def test_a_few_clients_of_very_many_are_read_one_by_one(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(1200)) as box:
        actual = open_admin(box.issuer).read(names(12))

        assert actual.registrations.keys() == set(names(12))
        assert len(reads(box)) == 13


def test_pages_are_read_several_at_a_time_and_give_the_same(open_admin: OpenAdmin) -> None:
    with start_sandbox("1.12", seed=many_clients(730)) as box:
        alone = open_admin(box.issuer, parallelism=1).read(names(730), names(30))
        together = open_admin(box.issuer, parallelism=8).read(names(730), names(30))

    assert alone == together
    assert len(together.registrations) == 730


def test_owners_are_read_for_those_who_declare_them(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(4)) as box:
        actual = open_admin(box.issuer, READ_LOGIN).read(names(4), ["c-00000", "c-00001", "nobody"])

        assert [(), (TEST_USER,), None, None] == [actual.registrations[name].owners for name in names(4)]
        assert sorted(path.partition("?")[0] for path in reads(box) if "/owners" in path) == [
            "/iam/api/clients/c-00000/owners",
            "/iam/api/clients/c-00001/owners",
        ]


def test_more_owners_than_a_page_holds_are_all_read(open_admin: OpenAdmin) -> None:
    uuids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(130)]

    def answer(seen: Seen) -> Say:
        if "/owners?" not in seen.path:
            return empty_iam(seen)
        query = dict(part.split("=") for part in seen.path.partition("?")[2].split("&"))
        first = int(query["startIndex"]) - 1
        part = uuids[first : first + min(int(query["count"]), 100)]
        return Say(200, {"totalResults": len(uuids), "Resources": [{"id": uuid} for uuid in part]})

    with start_stub(answer) as stub:
        assert tuple(uuids) == open_admin(stub.url)._owners("a")


def test_one_client_is_read_afresh_with_its_owners_when_asked(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer, READ_LOGIN)
    plain, owned = admin.get("grafana"), admin.get("grafana", with_owners=True)

    assert plain is not None
    assert owned is not None
    assert (None, (TEST_USER,)) == (plain.owners, owned.owners)
    assert admin.get("nobody", with_owners=True) is None


def after_page(iam: Iam, page: str, change: Callable[[], object]) -> None:
    """Change the server right after it has answered the list request that contains `page`."""
    real = iam.handle

    def handle(request: Request) -> Response:
        response = real(request)
        if request.query.get("startIndex") == page and request.query.get("count") != "1":
            iam.handle = real  # type: ignore[method-assign]
            change()
        return response

    iam.handle = handle  # type: ignore[method-assign]


def test_a_client_that_slips_to_an_earlier_page_while_the_list_is_read_is_found(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(250)) as box:
        store = box.iam.world.store
        first = store.find("c-00000")
        assert first is not None
        after_page(box.iam, "1", lambda: store.remove(first))

        actual = open_admin(box.issuer, parallelism=1).read(names(250))

    assert actual.registrations.keys() >= set(names(250)) - {"c-00000"}


def test_clients_made_while_the_list_is_read_hide_none(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(250)) as box:
        admin = open_admin(box.issuer, parallelism=1)

        def add() -> None:
            store = box.iam.world.store
            old = store.find("c-00000")
            assert old is not None
            for number in range(150):
                store.put(replace(old, key=store.new_key(), client_id=f"b-{number:03d}"))

        after_page(box.iam, "101", add)
        actual = admin.read(names(250))

    assert actual.registrations.keys() == set(names(250))


def test_ids_that_the_list_does_not_show_are_asked_for_before_they_are_gone(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(50)) as box:
        actual = open_admin(box.issuer).read([*names(50), "gone-1", "gone-2"])

        assert actual.registrations.keys() == set(names(50))
        assert {"/iam/api/clients/gone-1", "/iam/api/clients/gone-2"} <= set(reads(box))


def test_many_new_clients_are_not_asked_for_one_by_one(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(50)) as box:
        actual = open_admin(box.issuer).read([f"new-{number}" for number in range(500)])

        assert actual.registrations == {}
        assert len(reads(box)) == 3


@pytest.mark.parametrize("client_id", ["", ".", "..", "a/b", "a\\b", "a;b", "a%2fb", "a\nb", "a\x00b"])
def test_an_id_that_would_be_another_path_is_refused(open_admin: OpenAdmin, new_box: Sandbox, client_id: str) -> None:
    admin = open_admin(new_box.issuer)
    calls: list[Callable[[], object]] = [
        lambda: admin.read([client_id]),
        lambda: admin.get(client_id),
        lambda: admin.delete(client_id),
        lambda: admin.rotate(client_id),
    ]
    for call in calls:
        with pytest.raises(InputError, match="part of an address"):
            call()
    assert new_box.log == []


@pytest.mark.parametrize("client_id", ["a b", "a?b=c", "a#b", "ä", "a+b&c", "a:b@c"])
def test_an_id_of_other_signs_reaches_its_client(open_admin: OpenAdmin, box: Sandbox, client_id: str) -> None:
    admin = open_admin(box.issuer)
    admin.create(NewClient(client_id, FIELDS, SECRET))

    found = admin.get(client_id)
    admin.delete(client_id)

    assert found is not None
    assert (client_id, None) == (found.client_id, admin.get(client_id))


def test_a_created_client_has_the_chosen_id_and_secret(open_admin: OpenAdmin, box: Sandbox) -> None:
    answered = open_admin(box.issuer).create(NewClient("mine", FIELDS, SECRET))

    assert ("mine", SECRET) == (answered.client_id, answered.secret)
    assert {**answered.fields, **FIELDS} == answered.fields


def test_a_taken_id_is_the_server_s_no_and_has_no_effect(open_admin: OpenAdmin, box: Sandbox) -> None:
    with pytest.raises(ServerError) as caught:
        open_admin(box.issuer).create(NewClient("grafana", FIELDS, SECRET))

    assert (ServerError, 400) == (type(caught.value), caught.value.status)


def test_an_update_keeps_what_is_not_declared_and_the_secret(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer)
    fresh = admin.get("grafana")
    assert fresh is not None

    answered = admin.update(fresh, {"client_name": "Renamed"}, ["client_name"])

    assert {**fresh.fields, "client_name": "Renamed"} == answered.fields
    assert admin.accepts_secret("grafana", Secret("made-by-hand-1"))


def test_an_update_by_a_provider_that_has_read_no_list_finds_out_about_the_server(
    open_admin: OpenAdmin, box: Sandbox
) -> None:
    fresh = open_admin(box.issuer).get("grafana")
    assert fresh is not None

    open_admin(box.issuer).update(fresh, {"client_name": "Renamed"}, ["client_name"])

    assert reads(box)[-1] == "/iam/api/clients?count=1&startIndex=1"


def test_a_rotation_answers_a_new_secret_and_ends_the_old_one(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer)

    answered = admin.rotate("grafana")

    assert answered.secret is not None
    assert admin.accepts_secret("grafana", answered.secret)
    assert not admin.accepts_secret("grafana", Secret("made-by-hand-1"))


def test_a_rotation_of_nobody_is_a_no(open_admin: OpenAdmin, box: Sandbox) -> None:
    with pytest.raises(ServerError) as caught:
        open_admin(box.issuer).rotate("nobody")

    assert caught.value.status == 404


def test_deleting_what_is_gone_already_is_no_error(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer)
    admin.delete("grafana")
    admin.delete("grafana")

    assert admin.get("grafana") is None


def test_a_404_of_some_web_server_is_not_taken_for_a_deleted_client(open_admin: OpenAdmin, new_box: Sandbox) -> None:
    admin = open_admin(new_box.issuer)
    path = "/iam/api/clients/grafana"
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=404, body="html", path=path, times=2))

    with pytest.raises(UnreachableError):
        admin.get("grafana")
    with pytest.raises(ServerError):
        admin.delete("grafana")


def test_owners_are_added_before_others_are_removed(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer)

    admin.assign_owners("grafana", [ADMIN_USER], [TEST_USER])

    found = admin.get("grafana", with_owners=True)
    assert found is not None
    assert found.owners == (ADMIN_USER,)
    assert writes(box) == [
        f"POST /iam/api/clients/grafana/owners/{ADMIN_USER}",
        f"DELETE /iam/api/clients/grafana/owners/{TEST_USER}",
    ]


def test_an_account_that_is_none_is_named(open_admin: OpenAdmin, box: Sandbox) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(ServerError, match=unknown) as caught:
        open_admin(box.issuer).assign_owners("grafana", [unknown], [])

    assert caught.value.status == 400
    assert unknown in caught.value.fix


def test_a_server_fault_at_an_owner_is_an_unknown_outcome(open_admin: OpenAdmin, new_box: Sandbox) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS_AFTER, status=500, path="*/owners/*"))

    with pytest.raises(UnknownOutcome):
        open_admin(new_box.issuer).assign_owners("grafana", [ADMIN_USER], [])


def test_a_token_without_the_scope_is_told_which_one(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer, READ_LOGIN)
    calls: list[Callable[[], object]] = [
        lambda: admin.create(NewClient("mine", FIELDS, SECRET)),
        lambda: admin.rotate("grafana"),
        lambda: admin.delete("grafana"),
        lambda: admin.assign_owners("grafana", [ADMIN_USER], []),
    ]
    for call in calls:
        with pytest.raises(CredentialsError) as caught:
            call()
        assert "iam:admin.write" in caught.value.fix


WRITES: dict[str, Callable[[Any], object]] = {
    "create": lambda admin: admin.create(NewClient("mine", FIELDS, SECRET)),
    "update": lambda admin: admin.update(admin.get("grafana"), {"client_name": "Renamed"}, ["client_name"]),
    "rotate": lambda admin: admin.rotate("grafana"),
    "delete": lambda admin: admin.delete("grafana"),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.CUT_BEFORE),
        Fault(kind=FaultKind.CUT_AFTER),
        Fault(kind=FaultKind.REFUSE),
        Fault(kind=FaultKind.STATUS_AFTER, status=500, body="html"),
        Fault(kind=FaultKind.STATUS, status=503, retry_after=1),
        Fault(kind=FaultKind.STATUS_AFTER, status=200, body="html"),
        Fault(kind=FaultKind.STATUS_AFTER, status=200, body="empty"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.body}",
)
def test_a_write_without_a_usable_answer_is_sent_once_and_its_outcome_is_unknown(
    open_admin: OpenAdmin, new_box: Sandbox, name: str, fault: Fault
) -> None:
    admin = open_admin(new_box.issuer)
    admin.read(["grafana"])
    method = {"create": "POST", "update": "PUT", "rotate": "POST", "delete": "DELETE"}[name]
    new_box.faults.add(replace(fault, method=method, path="/iam/*"))
    if (name, fault.status, fault.body) == ("delete", 200, "empty"):
        WRITES[name](admin)
        return

    with pytest.raises(UnknownOutcome) as caught:
        WRITES[name](admin)

    assert len(writes(new_box)) == 1
    assert caught.value.fix


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_is_one_too_many_is_refused_without_effect(
    open_admin: OpenAdmin, new_box: Sandbox, name: str
) -> None:
    admin = open_admin(new_box.issuer)
    admin.read(["grafana"])
    for method in ("POST", "PUT", "DELETE"):
        new_box.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after=9, method=method, path="/iam/*"))

    with pytest.raises(ServerError) as caught:
        WRITES[name](admin)

    assert type(caught.value) is ServerError
    assert len(writes(new_box)) == 1


def test_reading_survives_a_server_that_stumbles(open_admin: OpenAdmin) -> None:
    with start_sandbox(seed=many_clients(250)) as box:
        box.faults.add(Fault(kind=FaultKind.CUT_BEFORE, path="/iam/*", times=2, skip=1))
        box.faults.add(Fault(kind=FaultKind.STATUS, status=503, retry_after=1, path="/iam/*"))
        actual = open_admin(box.issuer).read(names(250))

    assert len(actual.registrations) == 250


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.STATUS, status=500, body="html", path="/iam/*", times=99),
        Fault(kind=FaultKind.STATUS, status=404, body="html", path="/iam/*", times=99),
        Fault(kind=FaultKind.STATUS, status=200, body="html", path="/iam/*", times=99),
        Fault(kind=FaultKind.STATUS, status=200, body="json", path="/iam/*", times=99),
        Fault(kind=FaultKind.CUT_BEFORE, path="/iam/*", times=99),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.body}",
)
def test_a_server_that_gives_no_sense_cannot_be_read(open_admin: OpenAdmin, new_box: Sandbox, fault: Fault) -> None:
    new_box.faults.add(fault)
    admin = open_admin(new_box.issuer)
    calls: list[Callable[[], object]] = [
        lambda: admin.read(["grafana"]),
        lambda: admin.get("grafana"),
        lambda: admin.get("grafana", with_owners=True),
    ]
    for call in calls:
        with pytest.raises(UnreachableError) as caught:
            call()
        assert caught.value.fix


def test_no_message_has_a_secret_or_a_token(open_admin: OpenAdmin, box: Sandbox) -> None:
    """1.12 repeats a bad token in its answer (rec: admin-authorization)."""
    admin = open_admin(box.issuer)
    token = admin._session._current().value.reveal()
    box.iam.world.store.tokens.clear()
    fresh = open_admin(box.issuer)
    messages: list[str] = []
    for provider, fields in ((admin, FIELDS), (fresh, {**FIELDS, "client_name": "x"})):
        with pytest.raises(IacError) as caught:
            provider.create(NewClient("mine", fields, SECRET))
        messages.append(f"{caught.value} {caught.value!r}")

    assert ["does not accept the token" in messages[0], "refuses" in messages[1]] == [True, True]
    assert not [message for message in messages if token in message or SECRET.reveal() in message]


def test_a_provider_is_closed_at_the_end_of_its_block(open_admin: OpenAdmin, new_box: Sandbox) -> None:
    with closing(open_admin(new_box.issuer)) as admin:
        admin.identify()

    with pytest.raises(UnreachableError):
        admin.get("grafana")
