"""Every scenario at the stand-in, for each habit of servers with RFC 7591."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.scenarios.standin import SWITCHES, start_standin
from tests.scenarios.suite import ROWS, fields, items
from tests.scenarios.table import working

pytestmark = pytest.mark.usefixtures("one_renderer")

ONE, NONE = "an initial token for one client", "no RFC 7592"
WHOLE = {"plain", "it adds to lists", "it drops fields", "every answer brings a new token"}
"""Where fields are changed one by one, which takes most of the time."""


@pytest.mark.parametrize("name", [name for name in SWITCHES if name not in {ONE, NONE}])
def test_every_scenario_ends_well(name: str, tmp_path: Path) -> None:
    with start_standin(SWITCHES[name]) as place, working(place, tmp_path) as work:
        for row in ROWS.values():
            if name in WHOLE or row not in {fields, items}:
                assert row(work)


def test_the_second_client_of_a_token_for_one_is_refused_and_the_first_is_there() -> None:
    with start_standin(SWITCHES[ONE]) as place, TemporaryDirectory() as folder, working(place, Path(folder)) as work:
        work.define()
        assert work.refusal() == ""
        work.define("team/second")
        assert "used as often as it may be" in work.refusal()
        assert {work.held()["client_id"]} == place.ids()
        assert not work.plan()["pending"]
        work.drop("team/second")
        assert work.is_settled()


def test_without_rfc_7592_a_client_is_made_and_a_plan_says_that_it_reads_nothing() -> None:
    with start_standin(SWITCHES[NONE]) as place, TemporaryDirectory() as folder, working(place, Path(folder)) as work:
        work.define()
        assert work.refusal() == ""
        assert work.logs_in()
        plan = work.plan()
        assert ([], False) == (plan["changes"], plan["complete"])
        work.define(client_name="Another name")
        assert work.refusal() == "plan refuses it: create-only"
        assert json.loads(work.iac("verify", "--format", "json")[1])["ok"]
