"""What a server with RFC 7591 refuses is said in its words; a secret that ends, or is not made, is said before."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.providers.stub import Say
from tests.scenarios.place import ADDRESS
from tests.scenarios.standin import SWITCHES, Switches, start_standin
from tests.scenarios.table import working

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = ("iam-admin", "iam:admin", "iac redeem", "administrator of the IAM", "grantable_scopes")
"""Advice that nobody can follow where the server is no IAM."""


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (Say(400, {"error": "invalid_redirect_uri", "error_description": "not on our list"}), "not on our list"),
        (Say(400, {"error": "invalid_client_metadata", "error_description": "no such scope"}), "no such scope"),
        (
            Say(403, {"error": "invalid_request", "error_description": "Policy 'Trusted Hosts' rejected"}),
            "Trusted Hosts",
        ),
        (Say(401, {"error": "invalid_token", "error_description": "used up"}), "used up"),
        (Say(409, {"error": "conflict", "error_description": "one of that name"}), "one of that name"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_refusal_begins_with_the_words_of_the_server(tmp_path: Path, say: Say, words: str, method: str) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        work.define()
        path = "/register"
        if method == "PUT":
            assert 0 == work.apply()[0]
            path = f"/register/{work.held()['client_id']}"
            work.define(client_name="Another name")
        place.answers[f"{method} {path}"] = say
        code, out, err = work.apply("--format", "json")
        (failed,) = json.loads(out)["failed"]
        summary = failed["problem"]["summary"] if say.status != 409 else " ".join(failed["error"])
        assert (5, True) == (code, words in summary), failed
        assert not [name for name in ELSEWHERE if name in out + err]
        if say.status == 403:
            assert "policy of the server" in failed["problem"]["why"]
            assert "expired" not in out + err
        assert [] == work.plan()["pending"]


def test_an_address_where_nobody_registers_clients_names_its_setting(tmp_path: Path) -> None:
    switches = SWITCHES["no document names the registration endpoint"]
    with start_standin(switches) as place, working(place, tmp_path) as work:
        text = (tmp_path / "iac.yaml").read_text(encoding="utf-8")
        work.write("iac.yaml", text.replace("/register\n", "/registration\n"))
        work.define()
        code, out, err = work.apply()
        assert (5, True) == (code, "registration_endpoint in iac.yaml" in out + err), out + err


def test_one_client_that_is_refused_stops_no_other(tmp_path: Path) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        for name in ("a", "b"):
            work.define(f"team/{name}")
        assert 0 == work.apply()[0]
        client_id = work.held("team/a")["client_id"]
        place.answers[f"PUT /register/{client_id}"] = Say(401, {"error": "invalid_token"})
        for name in ("a", "b"):
            work.define(f"team/{name}", client_name=f"New {name}")
        code, out, _ = work.apply("--parallelism", "1", "--format", "json")
        told = json.loads(out)
        assert (5, ["team/b"], []) == (code, [one["address"] for one in told["done"]], told["not_tried"])


def test_a_server_that_makes_no_secret_for_a_new_method_is_never_quiet(tmp_path: Path) -> None:
    with start_standin(SWITCHES["a changed method makes no secret"]) as place, working(place, tmp_path) as work:
        work.define(token_endpoint_auth_method="none", outputs=[])
        assert 0 == work.apply()[0]
        work.define(token_endpoint_auth_method="client_secret_basic", outputs=[])
        assert ["secret-not-made"] == [finding["id"] for finding in work.plan()["findings"]]
        code, out, err = work.apply()
        assert (5, True) == (code, "the server made no secret" in out + err)
        plan = work.plan()
        assert ([], ["secret-unknown"]) == (plan["changes"], [finding["id"] for finding in plan["findings"]])


def test_a_server_that_makes_one_is_believed(tmp_path: Path) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        work.define(token_endpoint_auth_method="none", outputs=[])
        assert 0 == work.apply()[0]
        work.define(token_endpoint_auth_method="client_secret_basic")
        assert 0 == work.apply()[0]
        assert work.logs_in()
        assert work.is_settled()


def ending(work: Any, **lifecycle: Any) -> None:
    work.define(lifecycle={"rotation": "replace", "grace": "0h", **lifecycle})


def test_a_secret_that_ends_is_shown_and_due_before(tmp_path: Path) -> None:
    with start_standin(Switches(secret_seconds=5 * 86_400)) as place, working(place, tmp_path) as work:
        ending(work)
        assert 0 == work.apply()[0]
        end = datetime.fromtimestamp(work.held()["answer"]["client_secret_expires_at"], UTC)
        assert timedelta(days=4) < end - datetime.now(UTC) < timedelta(days=6)
        assert "secret-expires" in {finding["id"] for finding in work.plan()["findings"]}
        shown = json.loads(work.iac("show", ADDRESS, "--format", "json")[1])
        assert f"{end:%Y-%m-%dT%H:%M}" == shown["secret"]["ends"][:16]
        assert f"ends at {end:%Y-%m-%d}" in work.iac("show", ADDRESS)[1]
        listed = json.loads(work.iac("state", "list", "--format", "json")[1])
        assert f"{end:%Y-%m-%dT%H:%M:%SZ}" == listed["clients"][0]["secret"]["ends"]
        assert "expires on" in work.iac("doctor")[1]
        assert [] == work.plan()["changes"]


def test_a_secret_whose_time_has_come_is_rotated(tmp_path: Path) -> None:
    with start_standin(Switches(secret_seconds=5 * 86_400)) as place, working(place, tmp_path) as work:
        ending(work)
        assert 0 == work.apply()[0]
        before = work.held()["client_id"]
        place.switches = replace(place.switches, secret_seconds=-5)
        assert "rotation-due" in {finding["id"] for finding in work.plan()["findings"]}
        code, out, err = work.apply("--rotate-due")
        assert 0 == code, out + err
        assert before != work.held()["client_id"]
        place.switches = replace(place.switches, secret_seconds=5 * 86_400)
        assert "rotation-due" not in {finding["id"] for finding in work.plan()["findings"]}


@pytest.mark.parametrize("command", [("rotate", ADDRESS, "--auto-approve", "--revoke"), ("list",), ("redeem", ADDRESS)])
def test_no_advice_that_cannot_be_followed(tmp_path: Path, command: tuple[str, ...]) -> None:
    with start_standin() as place, working(place, tmp_path) as work:
        ending(work, grace="1h")
        assert 0 == work.apply()[0]
        _, out, err = work.iac(*command)
        assert not [name for name in ELSEWHERE if name in out + err], out + err
