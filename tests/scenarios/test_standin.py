"""The stand-in does what its switches say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.every import every
from tests.scenarios.standin import OAUTH, OPENID, SWITCHES, start_standin
from tests.scenarios.table import working

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _call(method: str, url: str, body: Any = None, token: str = "") -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data, {"Authorization": f"Bearer {token}"}, method=method), timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())


@every("name", SWITCHES)
def test_a_server_registers_a_client(name: str) -> None:
    with start_standin(SWITCHES[name]) as server:
        made = server.register()
        assert {str(made["client_id"])} == server.ids()
        assert ("registration_access_token" in made) == server.has_token


def test_a_read_masks_the_secret_and_a_write_shows_it() -> None:
    with start_standin(SWITCHES["a read shows stars for the secret"]) as server:
        made = server.register()
        uri, token = made["registration_client_uri"], made["registration_access_token"]
        assert "**********" == _call("GET", uri, token=token)[1]["client_secret"]
        assert server.logs_in(made["client_id"], made["client_secret"])


def test_a_read_that_brings_a_new_token_ends_the_old_one() -> None:
    with start_standin(SWITCHES["every answer brings a new token"]) as server:
        made = server.register()
        uri, token = made["registration_client_uri"], made["registration_access_token"]
        new = _call("GET", uri, token=token)[1]["registration_access_token"]
        assert token != new
        assert 401 == _call("GET", uri, token=token)[0]
        assert 200 == _call("GET", uri, token=new)[0]


def test_a_put_is_a_full_replace_and_what_only_the_server_makes_is_refused() -> None:
    with start_standin() as server:
        made = server.register(contacts=["ops@example.org"])
        uri, token = made["registration_client_uri"], made["registration_access_token"]
        assert 400 == _call("PUT", uri, made, token)[0]
        kept = {"client_id": made["client_id"], "redirect_uris": made["redirect_uris"]}
        status, answer = _call("PUT", uri, kept, token)
        assert (200, made["client_secret"]) == (status, answer["client_secret"])
        assert "contacts" not in answer


def test_an_initial_token_is_used_up() -> None:
    with start_standin(SWITCHES["an initial token for one client"]) as server:
        server.register()
        body = {"redirect_uris": ["https://portal.example.org/cb"]}
        token = server.environ()["IAC_INITIAL_ACCESS_TOKEN"]
        assert 401 == _call("POST", f"{server.url}/register", body, token)[0]


def test_a_document_may_lack_the_registration_endpoint() -> None:
    with start_standin(SWITCHES["two discovery documents"]) as server:
        assert "registration_endpoint" not in _call("GET", server.url + OPENID)[1]
        assert "registration_endpoint" in _call("GET", server.url + OAUTH)[1]


def test_the_plain_one_does_for_a_project(tmp_path: Path) -> None:
    with start_standin() as server, working(server, tmp_path) as work:
        work.define()
        assert 0 == work.apply()[0]
        assert work.is_settled()
        assert work.logs_in()
        server.change(work.held()["client_id"], "By hand")
        assert ["client_name"] == [field["name"] for field in work.plan()["changes"][0]["fields"]]


def test_plan_and_doctor_say_that_no_document_names_the_registration_endpoint(tmp_path: Path) -> None:
    with (
        start_standin(SWITCHES["no document names the registration endpoint"]) as server,
        working(server, tmp_path) as work,
    ):
        work.define()
        assert 0 == work.iac("plan")[0]
        assert "where clients are registered" in work.iac("doctor")[1]
        text = (tmp_path / "iac.yaml").read_text(encoding="utf-8")
        work.write("iac.yaml", "".join(line for line in text.splitlines(keepends=True) if "registration_" not in line))
        for command in ("plan", "doctor"):
            code, out, err = work.iac(command)
            assert 6 == code
            assert "registration_endpoint: URL" in out + err


def test_an_import_of_a_client_that_only_its_token_reads_says_so_and_not_that_there_is_none(tmp_path: Path) -> None:
    with start_standin() as server, working(server, tmp_path) as work:
        made = server.register()
        code, _, err = work.iac("import", made["client_id"])
        assert 1 == code
        assert "iac import CLIENT_ID --uri" in err
        assert "iac list" not in err
        assert "no such client" not in err


def test_a_client_that_comes_in_by_its_token_keeps_what_its_definition_does_not_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_standin() as server, working(server, tmp_path) as work:
        made = server.register(scope="openid profile")
        work.define(client_id=made["client_id"], adopt=True)
        work.feed(monkeypatch, made["registration_access_token"])
        assert 0 == work.iac("secret", "token", "team/portal", "--uri", made["registration_client_uri"])[0]
        assert ["client_name"] == [field["name"] for field in work.plan()["changes"][0]["fields"]]
        assert 0 == work.apply()[0]
        assert ["authorization_code"] == server.clients[made["client_id"]]["grant_types"]
        assert work.is_settled()
