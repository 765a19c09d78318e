"""A server with RFC 7591 is held to what a definition declares, and its own choices are remembered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from iac.apply.delete import Deletion
from tests.scenarios.place import ADDRESS
from tests.scenarios.standin import EVERY, SWITCHES, Discovery, Switches, start_standin
from tests.scenarios.table import working

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.plan.change import Change
    from tests.scenarios.place import Work

WHOLE = [
    name
    for name, switches in SWITCHES.items()
    if switches.has_management
    and switches.discovery in {Discovery.OPENID, Discovery.OAUTH}
    and not switches.secret_seconds
]
ADDS = SWITCHES["it adds to lists"]


def bare(work: Work, **values: Any) -> None:
    """A definition of these keys alone."""
    work.write(f"clients.d/{ADDRESS}.yaml", json.dumps({"client_name": "An app", **values}))


def registration(place: Any) -> dict[str, Any]:
    """The body of the first registration."""
    return dict(
        next(json.loads(seen.body) for seen in place.stub.seen if seen.method == "POST" and seen.path == "/register")
    )


def test_what_the_server_adds_to_a_list_is_its_own_and_said_once(tmp_path: Path) -> None:
    with start_standin(ADDS) as place, working(place, tmp_path) as work:
        work.define(grant_types=["authorization_code"], response_types=["code"])
        code, out, err = work.apply()
        assert 0 == code, out + err
        assert "the server has added to grant_types: refresh_token" in out
        assert "the server has added to response_types: none" in out
        assert {"grant_types": ["refresh_token"], "response_types": ["none"]} == work.held()["additions"]
        assert work.is_settled()
        assert 0 == work.iac("drift")[0]
        assert work.logs_in()
        work.define(grant_types=["authorization_code"], response_types=["code"], client_name="Another name")
        code, out, err = work.apply()
        assert (0, False) == (code, "has added" in out), err
        assert work.is_settled()


@pytest.mark.parametrize("renews", [frozenset(), EVERY])
def test_what_the_server_has_added_keeps_no_client_from_leaving(tmp_path: Path, renews: frozenset[str]) -> None:
    """Neither when its address is removed, nor when a rotation puts another client in its place."""
    with start_standin(replace(ADDS, renews=renews)) as place, working(place, tmp_path) as work:
        declared: dict[str, Any] = {
            "grant_types": ["authorization_code"],
            "lifecycle": {"rotation": "replace", "grace": "0h"},
        }
        work.define("team/kept")
        work.define(**declared)
        assert 0 == work.apply()[0]
        before = place.ids()
        work.define(**declared, secret={"serial": 2})
        assert "" == work.refusal()
        assert (2, 1) == (len(place.ids()), len(place.ids() - before))
        assert work.is_settled()
        work.undefine()
        assert "" == work.refusal()
        assert 1 == len(place.ids())
        assert work.is_settled()


def test_a_client_that_somebody_changes_before_it_leaves_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_standin(ADDS) as place, working(place, tmp_path) as work:
        work.define("team/kept")
        work.define(grant_types=["authorization_code"])
        assert 0 == work.apply()[0]
        client_id = work.held()["client_id"]
        work.undefine()
        delete = Deletion.delete

        def late(deletion: Deletion, change: Change) -> None:
            place.clients[client_id]["grant_types"].append("client_credentials")
            delete(deletion, change)

        monkeypatch.setattr(Deletion, "delete", late)
        assert "somebody changed the client" in work.refusal()
        assert client_id in place.ids()


def test_what_the_server_adds_can_be_declared(tmp_path: Path) -> None:
    with start_standin(ADDS) as place, working(place, tmp_path) as work:
        work.define(grant_types=["authorization_code"])
        assert 0 == work.apply()[0]
        work.define(grant_types=["authorization_code", "refresh_token"])
        assert 0 == work.apply()[0]
        assert work.is_settled()


def test_what_somebody_adds_by_hand_is_none_of_the_servers(tmp_path: Path) -> None:
    with start_standin(ADDS) as place, working(place, tmp_path) as work:
        work.define(grant_types=["authorization_code"])
        assert 0 == work.apply()[0]
        client = place.clients[work.held()["client_id"]]
        client["grant_types"] = [*client["grant_types"], "password"]
        (change,) = work.plan()["changes"]
        assert [("grant_types", ["password"], "server")] == [
            (field["name"], field["removed"], field["cause"]) for field in change["fields"]
        ]
        assert 2 == work.iac("drift")[0]
        assert 0 == work.apply()[0]
        assert "password" not in place.clients[work.held()["client_id"]]["grant_types"]
        assert work.is_settled()


def test_an_item_that_the_server_does_not_let_go_is_an_error(tmp_path: Path) -> None:
    """It was asked for once and is not wanted now: that it stays is never quiet."""
    switches = Switches(adds={"redirect_uris": ("https://old.example.org/cb",)})
    with start_standin(switches) as place, working(place, tmp_path) as work:
        both = ["https://portal.example.org/cb", "https://old.example.org/cb"]
        work.define(redirect_uris=both)
        assert 0 == work.apply()[0]
        work.define(redirect_uris=both[:1])
        code, out, err = work.apply()
        assert (5, True) == (code, "redirect_uris (still there: https://old.example.org/cb)" in out + err)
        assert ["redirect_uris"] == [field["name"] for field in work.plan()["changes"][0]["fields"]]


@pytest.mark.parametrize(
    ("switch", "values", "words"),
    [
        ("it narrows scopes", {"scope": ["openid", "storage.read:/"]}, "scope (dropped: storage.read:/)"),
        ("it drops fields", {"policy_uri": "https://a.example.org/p"}, "policy_uri (dropped: https://a.example.org/p)"),
    ],
)
def test_what_the_server_narrows_or_drops_is_named_with_its_value(
    tmp_path: Path, switch: str, values: dict[str, Any], words: str
) -> None:
    with start_standin(SWITCHES[switch]) as place, working(place, tmp_path) as work:
        work.define(**values)
        code, out, err = work.apply()
        assert (5, True) == (code, words in out + err), out + err
        assert work.held()["secret_status"] == "known"


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({"redirect_uris": ["https://portal.example.org/cb"]}, {}),
        (
            {"grant_types": ["implicit"], "redirect_uris": ["https://portal.example.org/cb"]},
            {"grant_types": ["implicit"]},
        ),
        ({"grant_types": ["client_credentials"]}, {"grant_types": ["client_credentials"], "response_types": []}),
    ],
    ids=["nothing", "implicit", "client_credentials"],
)
def test_no_default_of_ours_is_sent(tmp_path: Path, values: dict[str, Any], sent: dict[str, Any]) -> None:
    with start_standin(ADDS) as place, working(place, tmp_path) as work:
        bare(work, **values)
        code, out, err = work.apply()
        assert 0 == code, out + err
        given = {"client_name": "An app", **values}
        assert {**given, **sent} == registration(place)
        assert work.is_settled()
        bare(work, **values, contacts=["ops@example.org"])
        assert 0 == work.apply()[0]
        assert work.is_settled()


def test_what_the_server_makes_of_a_field_that_nobody_declares_is_held_from_then_on(tmp_path: Path) -> None:
    with start_standin(ADDS) as place, working(place, tmp_path) as work:
        bare(work, redirect_uris=["https://portal.example.org/cb"])
        assert 0 == work.apply()[0]
        client = place.clients[work.held()["client_id"]]
        before = list(client["grant_types"])
        client["grant_types"] = [*before, "password"]
        assert [("grant_types", "server")] == [
            (field["name"], field["cause"]) for field in work.plan()["changes"][0]["fields"]
        ]
        assert 0 == work.apply()[0]
        assert sorted(before) == sorted(place.clients[work.held()["client_id"]]["grant_types"])
        assert work.is_settled()


def test_other_grants_bring_other_response_types(tmp_path: Path) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        bare(work, redirect_uris=["https://portal.example.org/cb"])
        assert 0 == work.apply()[0]
        bare(work, grant_types=["client_credentials"])
        assert 0 == work.apply()[0]
        assert [] == place.clients[work.held()["client_id"]]["response_types"]
        assert work.is_settled()
        bare(work, grant_types=["authorization_code"], redirect_uris=["https://portal.example.org/cb"])
        assert 0 == work.apply()[0]
        assert ["code"] == place.clients[work.held()["client_id"]]["response_types"]
        assert work.is_settled()


@pytest.mark.parametrize("switch", WHOLE)
def test_a_client_is_made_changed_and_settled_at_every_server(tmp_path: Path, switch: str) -> None:
    with start_standin(SWITCHES[switch]) as place, working(place, tmp_path) as work:
        work.define()
        code, out, err = work.apply()
        assert 0 == code, out + err
        assert work.is_settled()
        work.define(client_name="Another name", redirect_uris=["https://b.example.org/cb"])
        code, out, err = work.apply()
        assert 0 == code, out + err
        assert work.is_settled()
        assert work.logs_in()


def test_a_key_that_is_no_longer_declared_is_released(tmp_path: Path) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        bare(work, grant_types=["authorization_code"], redirect_uris=["https://portal.example.org/cb"])
        assert 0 == work.apply()[0]
        bare(work, redirect_uris=["https://portal.example.org/cb"])
        plan = work.plan()
        assert ([], [["grant_types"]]) == (plan["changes"], [one["fields"] for one in plan["released"]])
        assert 0 == work.apply()[0]
        assert [] == work.plan()["released"]
        assert work.is_settled()
        client = place.clients[work.held()["client_id"]]
        client["grant_types"] = ["authorization_code", "password"]
        assert ["grant_types"] == [field["name"] for field in work.plan()["changes"][0]["fields"]]


def test_a_changed_member_of_extra_is_accepted_into_the_definition(tmp_path: Path) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        work.define(extra={"ui_theme": "dark", "other": 1})
        assert 0 == work.apply()[0]
        place.clients[work.held()["client_id"]]["ui_theme"] = {"by": ["hand"]}
        assert 2 == work.iac("drift")[0]
        code, out, err = work.iac("drift", "--accept", ADDRESS)
        assert 0 == code, err
        assert "extra.ui_theme" in out
        definition = json.loads((work.root / f"clients.d/{ADDRESS}.yaml").read_text(encoding="utf-8"))
        assert {"ui_theme": {"by": ["hand"]}, "other": 1} == definition["extra"]
        assert 0 == work.iac("drift")[0]
        assert [] == work.plan()["changes"]


def test_a_name_in_another_language_has_its_place_in_extra(tmp_path: Path) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        work.define(**{"client_name#de": "Ein Dienst"})
        code, out, err = work.iac("validate")
        assert (1, True) == (code, "extra: {client_name#de: ...}" in out + err), out + err
        work.define(extra={"client_name#de": "Ein Dienst"})
        assert 0 == work.apply()[0]
        assert "Ein Dienst" == place.clients[work.held()["client_id"]]["client_name#de"]
        assert work.is_settled()
