"""What only oidc-provider shows, beside the scenarios: tokens that every PUT replaces, and no management."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.oidc import FOLDER, start_oidc_provider
from tests.scenarios.table import working

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(FOLDER not in os.environ, reason=f"{FOLDER} names no folder with oidc-provider"),
]


def test_what_the_server_refuses_it_says_itself_and_nothing_is_left(tmp_path: Path) -> None:
    with start_oidc_provider() as place, working(place, tmp_path) as work:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"redirect_uris": ["http://[::bad"]}, "redirect"),
            ({"scope": ["openid", "made.up"]}, "the server refuses the value of a field"),
        ]
        for values, said in wrong:
            work.define(**values)
            code, out, err = work.apply()
            assert 0 != code
            assert said in out + err
        assert set() == place.ids()
        work.define()
        assert 0 == work.apply()[0]
        assert work.is_settled()


def test_without_an_initial_access_token_the_way_on_is_said(tmp_path: Path) -> None:
    with start_oidc_provider() as place, working(place, tmp_path) as work:
        work.define()
        text = (tmp_path / "iac.yaml").read_text(encoding="utf-8")
        work.write(
            "iac.yaml",
            text.replace("{method: initial_access_token, token: {env: IAC_INITIAL_ACCESS_TOKEN}}", "{method: none}"),
        )
        code, out, err = work.apply()
        assert code in {5, 6}
        assert "initial access token" in out + err
        assert [] == work.plan()["pending"]


def test_a_client_gets_a_secret_by_the_answer_that_gives_it_a_method_with_one(tmp_path: Path) -> None:
    with start_oidc_provider() as place, working(place, tmp_path) as work:
        robot: dict[str, Any] = {"grant_types": ["client_credentials"], "redirect_uris": [], "scope": None}
        work.define(**{**robot, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://a.example.org/k"})
        assert 0 == work.apply()[0]
        assert "none" == work.held()["secret_status"]
        work.define(**robot, token_endpoint_auth_method="client_secret_basic")
        code, _, err = work.apply()
        assert 0 == code, err
        assert work.logs_in()
        assert work.is_settled()


def test_a_server_that_reads_and_does_not_change_says_so_and_nothing_is_lost(tmp_path: Path) -> None:
    with start_oidc_provider(MANAGEMENT="off") as place, working(place, tmp_path) as work:
        work.define()
        assert 0 == work.apply()[0]
        assert work.logs_in()
        assert work.is_settled()
        work.define(client_name="Another name")
        code, out, err = work.apply()
        assert 5 == code
        assert "the server says 404" in out + err
        work.define()
        assert work.is_settled()


def test_a_client_that_is_there_comes_in_by_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_oidc_provider() as place, working(place, tmp_path) as work:
        made = place.register("By hand", scope="openid profile")
        work.define(client_id=made["client_id"], adopt=True)
        work.feed(monkeypatch, made["registration_access_token"])
        command = ("secret", "token", "team/portal", "--uri", made["registration_client_uri"], "--format", "json")
        code, out, err = work.iac(*command)
        assert (0, made["client_id"]) == (code, json.loads(out)["client_id"]), err
        assert ["client_name"] == [field["name"] for field in work.plan()["changes"][0]["fields"]]
        assert 0 == work.apply()[0]
        assert work.logs_in()
        assert work.is_settled()
