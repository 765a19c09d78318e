"""What no run may lose at a server that masks secrets, replaces tokens with each read, or loses its answers."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fcntl import LOCK_EX, flock
from subprocess import DEVNULL, Popen
from typing import TYPE_CHECKING

import pytest

from iac.cli import run
from iac.workflow import registrations
from tests.providers.stub import Say
from tests.scenarios.place import ADDRESS
from tests.scenarios.standin import EVERY, standing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.providers.stub import Seen
    from tests.scenarios.place import Work
    from tests.scenarios.standin import StandIn

MASKS = ("********", "{bcrypt}$2a$10$abcdefghijklmnopqrstuv")


NOT_THE_FIRST = EVERY
"""All answers but that of a registration."""


@pytest.mark.parametrize("mask", MASKS)
def test_a_masked_secret_takes_the_place_of_none(tmp_path: Path, mask: str) -> None:
    """Neither right after the create, nor in a plan, nor with an update."""
    with standing(tmp_path, mask=mask, masks=NOT_THE_FIRST, renews=EVERY) as (work, _):
        work.define()
        assert 0 == work.apply()[0]
        assert work.logs_in()
        assert work.is_settled()
        work.define(client_name="Another name")
        assert 0 == work.apply()[0]
        assert work.logs_in()
        assert work.is_settled()
        assert 0 == work.iac("drift")[0]
        assert 0 == work.iac("render", "--check")[0]


def _taken_in(work: Work, made: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that somebody registered, by its token."""
    work.define(client_id=made["client_id"], adopt=True)
    work.feed(monkeypatch, made["registration_access_token"])
    code, _, err = work.iac("secret", "token", ADDRESS, "--uri", made["registration_client_uri"])
    assert 0 == code, err


def test_a_mask_becomes_no_secret_where_the_token_endpoint_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows the secret of a client that came in; the answer to its update shows what a read shows."""
    with standing(tmp_path, mask=MASKS[0], masks=EVERY, tells_logins=False) as (work, place):
        _taken_in(work, place.register(), monkeypatch)
        assert 0 == work.apply()[0]
        assert "Client team/portal" == place.clients[work.held()["client_id"]]["client_name"]
        assert ("unknown", None) == (work.held()["secret_status"], work.held().get("secret"))
        assert work.is_settled()


def test_a_secret_that_an_update_makes_is_known_where_the_token_endpoint_tells_nothing(tmp_path: Path) -> None:
    with standing(tmp_path, mask=MASKS[0], tells_logins=False) as (work, _):
        work.define(token_endpoint_auth_method="none", outputs=[])
        assert 0 == work.apply()[0]
        work.define(token_endpoint_auth_method="client_secret_basic")
        assert 0 == work.apply()[0]
        assert work.logs_in()


def test_the_end_of_a_secret_goes_when_an_answer_shows_the_secret_without_one(tmp_path: Path) -> None:
    with standing(tmp_path, secret_seconds=20 * 86_400) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        for seconds, is_hidden, is_told in ((20 * 86_400, False, True), (None, True, True), (None, False, False)):
            place.switches = replace(place.switches, secret_seconds=seconds, hides_secret=is_hidden)
            assert is_told == ("secret-expires" in {found["id"] for found in work.plan()["findings"]})
        work.define(client_name="Another name")
        assert 0 == work.apply()[0]
        assert 0 == work.held()["answer"]["client_secret_expires_at"]


def test_a_secret_that_is_provided_in_the_place_of_another_has_not_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standing(tmp_path, secret_seconds=86_400, hides_secret=True) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        place.clients[work.held()["client_id"]]["client_secret"] = "made-by-hand"
        work.feed(monkeypatch, "made-by-hand")
        assert 0 == work.iac("secret", "set", ADDRESS)[0]
        assert 0 == work.held()["answer"]["client_secret_expires_at"]


def test_a_secret_that_was_changed_by_hand_is_taken_over_where_it_is_shown(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        place.clients[work.held()["client_id"]]["client_secret"] = "made-by-hand"
        assert ["rotated"] == [change["secret"] for change in work.plan()["changes"]]
        assert 0 == work.apply()[0]
        assert work.logs_in()
        assert work.is_settled()


def test_a_secret_that_was_changed_by_hand_behind_a_mask_is_not_lost_for_it(tmp_path: Path) -> None:
    """The token endpoint refuses both: nobody knows the secret, and what state holds stays."""
    with standing(tmp_path, mask=MASKS[0], renews=EVERY) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        before = work.held()["secret"]
        place.clients[work.held()["client_id"]]["client_secret"] = "made-by-hand"
        assert [] == work.plan()["changes"]
        assert 0 == work.apply()[0]
        assert before == work.held()["secret"]


@pytest.mark.parametrize(("mask", "status"), [("", "known"), (MASKS[0], "unknown")], ids=["shown", "masked"])
def test_a_client_that_comes_in_by_its_token_has_a_secret_that_is_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: str, status: str
) -> None:
    with standing(tmp_path, mask=mask, masks=NOT_THE_FIRST, renews=EVERY) as (work, place):
        _taken_in(work, place.register(client_name="Theirs"), monkeypatch)
        assert status == work.held()["secret_status"]
        assert 0 == work.apply()[0]
        assert status == work.held()["secret_status"]
        assert work.is_settled()


@pytest.mark.parametrize(
    "command",
    [("plan",), ("drift",), ("show", ADDRESS), ("apply", "--auto-approve"), ("rotate", ADDRESS, "--auto-approve")],
    ids=lambda command: command[0],
)
def test_no_command_throws_a_token_away_that_a_read_brings(tmp_path: Path, command: tuple[str, ...]) -> None:
    with standing(tmp_path, renews=EVERY) as (work, _):
        work.define()
        work.define("team/other")
        assert 0 == work.apply()[0]
        for _ in range(3):
            work.iac(*command)
        assert work.is_settled()


def test_a_secret_that_is_provided_throws_no_token_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with standing(tmp_path, renews=EVERY) as (work, _):
        work.define()
        assert 0 == work.apply()[0]
        for text, code in ((work.rendered()["client_secret"], 0), ("wrong", 1)):
            work.feed(monkeypatch, text)
            assert code == work.iac("secret", "set", ADDRESS)[0]
            assert work.is_settled()


@pytest.mark.parametrize(("command", "has_broken"), [("plan", False), ("drift", False), ("plan", True)])
def test_a_run_that_cannot_lock_the_state_reads_nothing_by_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, *, has_broken: bool
) -> None:
    """The read would end the token for all who can. One that cannot be opened says nothing of the others."""
    with standing(tmp_path, renews=EVERY) as (work, place):
        work.define()
        work.define("team/first")
        assert 0 == work.apply()[0]
        if has_broken:
            text = (work.root / ".iac/state.json").read_text(encoding="utf-8")
            work.write(".iac/state.json", text.replace(work.held("team/first")["rat"]["sealed"], "age:broken"))
        tokens, asked = dict(place.tokens), len(place.seen)
        with monkeypatch.context() as locked:
            locked.setattr("iac.backends.lock.locked", _refuse)
            code, out, err = work.iac(command, "--format", "json")
        assert 0 == code, err
        told = json.loads(out)
        assert told.get("complete", not told.get("unread")) is False
        assert tokens == place.tokens
        assert not [seen for seen in place.seen[asked:] if seen.path.startswith("/register")]
        assert work.is_settled() != has_broken


def _begun_to_renew(work: Work, place: StandIn) -> int:
    """Two clients at a server that gives new tokens from now on; the lock of their state, which is held."""
    work.define()
    work.define("team/other")
    assert 0 == work.apply()[0]
    assert work.is_settled()
    place.switches = replace(place.switches, renews=EVERY)
    lock = os.open(work.root / ".iac/state.json.lock", os.O_RDWR)
    flock(lock, LOCK_EX)
    return lock


def test_a_run_waits_for_the_lock_when_a_server_begins_to_replace_tokens(tmp_path: Path) -> None:
    with standing(tmp_path) as (work, place):
        with ThreadPoolExecutor(1) as pool:
            lock = _begun_to_renew(work, place)
            planning = pool.submit(work.plan)
            with pytest.raises(TimeoutError):
                planning.result(timeout=1)
            os.close(lock)
            assert [] == planning.result()["changes"]
        assert work.is_settled()


def test_a_token_that_cannot_be_stored_is_named_as_lost_and_each_run_waits_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standing(tmp_path) as (work, place):
        lock = _begun_to_renew(work, place)
        assert 3600 == registrations._PATIENCE
        monkeypatch.setattr(registrations, "_PATIENCE", 0.5)
        begun = time.monotonic()
        code, out, err = work.iac("plan")
        assert (6, True) == (code, time.monotonic() - begun < 5)
        os.close(lock)
        assert "a new registration access token is lost" in out + err
        assert "iac secret token ADDR" in out + err


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError("read-only file system")


def test_where_reads_bring_no_tokens_a_plan_needs_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with standing(tmp_path) as (work, _):
        work.define()
        assert 0 == work.apply()[0]
        assert work.held()["token_renewed"] is False
        monkeypatch.setattr("iac.backends.lock.locked", _refuse)
        assert work.is_settled()


def test_two_runs_at_once_lose_no_token(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, _):
        work.define()
        work.define("team/other")
        assert 0 == work.apply()[0]
        commands = [("plan",), ("drift",), ("plan",), ("show", ADDRESS)]
        with ThreadPoolExecutor(len(commands)) as pool:
            codes = list(pool.map(lambda command: run(["-C", str(work.root), *command]), commands))
        assert [0] * len(commands) == codes
        assert work.is_settled()


def test_a_token_is_durable_before_the_next_read(tmp_path: Path) -> None:
    """The run dies with the second read: the first one's new token is in the journal."""
    with standing(tmp_path, renews=EVERY) as (work, place):
        work.define()
        work.define("team/other")
        assert 0 == work.apply()[0]
        other = work.held("team/other")["client_id"]
        place.answers[f"GET /register/{other}"] = Say(500, b"")
        assert 6 == work.iac("plan")[0]
        place.answers.clear()
        assert work.is_settled()


@pytest.mark.slow
def test_creates_that_were_never_sent_are_plain_creates_after_a_crash(tmp_path: Path) -> None:
    """kill -9 with the second request on its way: the first client is in state, and one alone may be lost."""
    with standing(tmp_path, renews=EVERY) as (work, place):
        for number in range(5):
            work.define(f"team/app{number}")
        command = [sys.executable, "-m", "iac", "-C", str(work.root), "apply", "--auto-approve", "--parallelism", "1"]
        with Popen(command, stdout=DEVNULL, stderr=DEVNULL) as apply:
            place.watch = lambda seen: apply.kill() if _is_registration(seen) and place.clients else None
        plan = work.plan()
        assert [["team/app1"]] == [guard["addresses"] for guard in plan["guards"]]
        assert "lost-create" == plan["guards"][0]["id"]
        creates = [change["address"] for change in plan["changes"] if change["action"] == "create"]
        assert [f"team/app{number}" for number in range(1, 5)] == creates
        assert 3 == work.apply()[0]
        assert 0 == work.apply("--recreate", "team/app1")[0]
        assert work.is_settled()
        assert all(work.logs_in(f"team/app{number}") for number in range(5))
        assert 6 == sum(map(_is_registration, place.seen))


def _is_registration(seen: Seen) -> bool:
    return (seen.method, seen.path) == ("POST", "/register")


@pytest.mark.slow
def test_an_intent_that_is_not_begun_and_has_no_definition_any_more_is_nothing(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        for number in range(3):
            work.define(f"team/app{number}")
        command = [sys.executable, "-m", "iac", "-C", str(work.root), "apply", "--auto-approve", "--parallelism", "1"]
        with Popen(command, stdout=DEVNULL, stderr=DEVNULL) as apply:
            place.watch = lambda seen: apply.kill() if _is_registration(seen) and place.clients else None
        (work.root / "clients.d/team/app2.yaml").unlink()
        assert [["team/app1"]] == [guard["addresses"] for guard in work.plan()["guards"]]


def test_an_update_whose_answer_is_lost_with_the_new_token_is_named_as_that(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        place.lose_next("PUT")
        work.define(client_name="Another name")
        assert 5 == work.apply()[0]
        (guard,) = work.plan()["guards"]
        assert ("lost-update", True) == (guard["id"], work.held()["client_id"] in guard["message"])
        assert 3 == work.apply()[0]
        assert 1 == len(place.clients)


def test_a_dead_token_is_no_deleted_client(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        client_id = work.held()["client_id"]
        place.end_tokens(client_id)
        plan = work.plan()
        assert (["token-refused"], False) == ([guard["id"] for guard in plan["guards"]], plan["complete"])
        assert "deleted on the server" not in json.dumps(plan)
        assert "could not be read" in work.iac("drift")[1]
        work.define("team/other")
        work.undefine()
        assert ["token-refused"] == work.guards()


def test_a_client_whose_token_and_secret_are_refused_is_gone(tmp_path: Path) -> None:
    """RFC 7592 section 2.1: the answer for a client that is gone is 401 too."""
    with standing(tmp_path, renews=EVERY) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        place.remove(work.held()["client_id"])
        assert ["deleted-on-server"] == work.guards()
        assert 0 == work.apply("--recreate", ADDRESS)[0]
        assert work.logs_in()
