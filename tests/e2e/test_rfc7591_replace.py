"""Rotation without a call for it: another client in the place of one, with an id that the server chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenarios.place import ADDRESS
from tests.scenarios.standin import SWITCHES, start_standin
from tests.scenarios.table import working

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE = {"rotation": "replace", "grace": "0h"}
RENEWS = SWITCHES["every answer brings a new token"]


@pytest.mark.parametrize("switch", ["plain", "every answer brings a new token", "it adds to lists", "ids are numbers"])
def test_another_client_takes_the_place_of_one(tmp_path: Path, switch: str) -> None:
    with start_standin(SWITCHES[switch]) as place, working(place, tmp_path) as work:
        work.define(lifecycle=AT_ONCE, contacts=["ops@example.org"])
        assert 0 == work.apply()[0]
        before = work.rendered()
        code, out, err = work.iac("rotate", ADDRESS, "--auto-approve")
        assert 0 == code, out + err
        after = work.rendered()
        assert before["client_id"] != after["client_id"]
        assert work.logs_in()
        assert {after["client_id"]} == work.place.ids()
        assert work.is_settled()
        work.define(lifecycle=AT_ONCE, contacts=["ops@example.org"], secret={"serial": 2})
        code, out, err = work.apply()
        assert 0 == code, out + err
        assert after["client_id"] != work.rendered()["client_id"]
        assert work.logs_in()
        assert (3, 1) == (work.held()["generation"], len(work.place.ids()))
        assert work.is_settled()


def test_the_predecessor_stays_for_its_grace_and_its_token_is_kept(tmp_path: Path) -> None:
    with start_standin(RENEWS) as place, working(place, tmp_path) as work:
        work.define(lifecycle={"rotation": "replace", "grace": "1h"})
        assert 0 == work.apply()[0]
        before = work.rendered()
        assert 0 == work.iac("rotate", ADDRESS, "--auto-approve")[0]
        assert place.logs_in(before["client_id"], before["client_secret"])
        for _ in range(2):
            assert work.is_settled()
        code, out, err = work.iac("rotate", ADDRESS, "--auto-approve", "--no-grace")
        assert 0 == code, out + err
        assert work.logs_in()
        work.undefine()
        work.define("team/other")
        code, out, err = work.apply()
        assert 0 == code, out + err
        assert 1 == len(place.ids())


def test_a_successor_whose_answer_is_lost_is_said(tmp_path: Path) -> None:
    """The old client stays as it is: its services go on."""
    with start_standin() as place, working(place, tmp_path) as work:
        work.define(lifecycle=AT_ONCE)
        assert 0 == work.apply()[0]
        place.lose_next("POST")
        assert 5 == work.iac("rotate", ADDRESS, "--auto-approve")[0]
        assert work.logs_in()
        assert ["lost-create"] == work.guards()
        assert 0 == work.apply("--recreate", ADDRESS)[0]
        assert work.is_settled()
        assert work.logs_in()


def test_a_definition_that_names_the_id_is_refused(tmp_path: Path) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        work.define(lifecycle=AT_ONCE)
        assert 0 == work.apply()[0]
        work.define(lifecycle=AT_ONCE, client_id=work.held()["client_id"])
        assert work.is_settled()
        code, out, _ = work.iac("rotate", ADDRESS, "--auto-approve")
        assert (3, True) == (code, "remove client_id from the definition" in out)


def test_without_it_the_way_is_named(tmp_path: Path) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        work.define()
        assert 0 == work.apply()[0]
        code, out, err = work.iac("rotate", ADDRESS, "--auto-approve")
        assert (3, True) == (code, "lifecycle: {rotation: replace}" in out)
        assert "iam-admin" not in out + err


def test_a_server_without_rfc_7592_keeps_the_old_client(tmp_path: Path) -> None:
    with start_standin(SWITCHES["no RFC 7592"]) as place, working(place, tmp_path) as work:
        work.define(lifecycle=AT_ONCE)
        assert 0 == work.apply()[0]
        code, out, _ = work.iac("rotate", ADDRESS, "--auto-approve")
        assert (3, True) == (code, "create-only" in out)
        assert 1 == len(place.ids())
