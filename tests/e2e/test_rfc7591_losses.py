"""What no run may lose at a server that masks secrets, replaces tokens with each read, or loses its answers."""

from __future__ import annotations

import base64
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from subprocess import DEVNULL, Popen
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

import pytest

from iac.cli import run
from tests.e2e.test_rfc7591 import Small
from tests.providers.stub import Say, start_stub
from tests.scenarios.place import ADDRESS
from tests.scenarios.table import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.providers.stub import Seen, Stub
    from tests.scenarios.place import Work

MASKS = ("********", "{bcrypt}$2a$10$abcdefghijklmnopqrstuv")


class Odd(Small):
    """The same with a token endpoint that knows its clients.

    Attributes:
        mask: what every answer but that of a registration shows for a secret; "" for the secret itself.
        renews: whether a read ends the token and brings another.
        lost: METHOD of requests whose answer is lost from here on.
        secrets: where a client has another secret than at first.
        kill_at_second_registration: a run that dies then.
    """

    kill_at_second_registration: Popen[bytes] | None = None

    def __init__(self) -> None:
        super().__init__()
        self.mask = ""
        self.renews = True
        self.lost: set[str] = set()
        self.secrets: dict[str, str] = {}

    def answer(self, seen: Seen) -> Say:
        if seen.method == "POST" and seen.path == "/reg" and self.clients and self.kill_at_second_registration:
            self.kill_at_second_registration.kill()
        if seen.path == "/token":
            return self._token(seen)
        if not self.renews and seen.method == "GET" and seen.path.startswith("/reg/"):
            client_id = seen.path.removeprefix("/reg/")
            token = self.tokens.get(client_id)
            said = super().answer(seen)
            if said.status == 200:
                self.tokens[client_id] = str(token)
                del said.body["registration_access_token"]
            return self._masked(seen, said)
        said = self._masked(seen, super().answer(seen))
        return Say(500, b"") if seen.method in self.lost and seen.path.startswith("/reg") else said

    def _masked(self, seen: Seen, said: Say) -> Say:
        if seen.method != "POST" and self.mask and isinstance(said.body, dict) and "client_secret" in said.body:
            said.body["client_secret"] = self.mask
        return said

    def _token(self, seen: Seen) -> Say:
        pair = base64.b64decode(seen.headers.get("authorization", "Basic Og==").partition(" ")[2]).decode()
        client_id, _, secret = (unquote_plus(part) for part in pair.partition(":"))
        assert parse_qs(seen.body.decode())
        if client_id in self.clients and self.logs_in(client_id, secret):
            return Say(400, {"error": "invalid_scope"})
        return Say(401, {"error": "invalid_client"})

    def logs_in(self, client_id: str, secret: str) -> bool:
        return bool(secret == self.secrets.get(client_id, self.clients[client_id]["client_secret"]))

    def _shown(self, client_id: str) -> dict[str, Any]:
        shown = super()._shown(client_id)
        return {**shown, "client_secret": self.secrets.get(client_id, shown.get("client_secret"))}


@contextmanager
def odd(folder: Path, **attributes: Any) -> Iterator[tuple[Work, Odd, Stub]]:
    place = Odd()
    with start_stub(place.answer) as stub:
        place.url = stub.url
        place.document = {"registration_endpoint": f"{stub.url}/reg"}
        for name, value in attributes.items():
            setattr(place, name, value)
        with working(place, folder) as work:
            yield work, place, stub


@pytest.mark.parametrize("mask", MASKS)
def test_a_masked_secret_takes_the_place_of_none(tmp_path: Path, mask: str) -> None:
    """Neither right after the create, nor in a plan, nor with an update."""
    with odd(tmp_path, mask=mask) as (work, _, _):
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


def test_a_secret_that_was_changed_by_hand_is_taken_over_where_it_is_shown(tmp_path: Path) -> None:
    with odd(tmp_path) as (work, place, _):
        work.define()
        assert 0 == work.apply()[0]
        place.secrets[work.held()["client_id"]] = "made-by-hand"
        assert ["rotated"] == [change["secret"] for change in work.plan()["changes"]]
        assert 0 == work.apply()[0]
        assert work.logs_in()
        assert work.is_settled()


def test_a_secret_that_was_changed_by_hand_behind_a_mask_is_not_lost_for_it(tmp_path: Path) -> None:
    """The token endpoint refuses both: nobody knows the secret, and what state holds stays."""
    with odd(tmp_path, mask=MASKS[0]) as (work, place, _):
        work.define()
        assert 0 == work.apply()[0]
        before = work.held()["secret"]
        place.secrets[work.held()["client_id"]] = "made-by-hand"
        assert [] == work.plan()["changes"]
        assert 0 == work.apply()[0]
        assert before == work.held()["secret"]


@pytest.mark.parametrize(("mask", "status"), [("", "known"), (MASKS[0], "unknown")], ids=["shown", "masked"])
def test_a_client_that_comes_in_by_its_token_has_a_secret_that_is_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: str, status: str
) -> None:
    with odd(tmp_path, mask=mask) as (work, place, _):
        place.clients["theirs"] = {"client_secret": "hush", "client_name": "Theirs"}
        place.tokens["theirs"] = "by-hand"
        work.define(client_id="theirs", adopt=True)
        work.feed(monkeypatch, "by-hand")
        code, _, err = work.iac("secret", "token", ADDRESS, "--uri", f"{place.url}/reg/theirs")
        assert 0 == code, err
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
    with odd(tmp_path) as (work, _, _):
        work.define()
        work.define("team/other")
        assert 0 == work.apply()[0]
        for _ in range(3):
            work.iac(*command)
        assert work.is_settled()


def test_a_secret_that_is_provided_throws_no_token_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with odd(tmp_path) as (work, _, _):
        work.define()
        assert 0 == work.apply()[0]
        for text, code in (("secret-of-client-1", 0), ("wrong", 1)):
            work.feed(monkeypatch, text)
            assert code == work.iac("secret", "set", ADDRESS)[0]
            assert work.is_settled()


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_run_that_cannot_lock_the_state_reads_nothing_by_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The read would end the token for all who can."""
    with odd(tmp_path) as (work, place, stub):
        work.define()
        assert 0 == work.apply()[0]
        tokens, asked = dict(place.tokens), len(stub.seen)
        with monkeypatch.context() as locked:
            locked.setattr("iac.backends.lock.locked", _refuse)
            code, out, err = work.iac(command, "--format", "json")
        assert 0 == code, err
        told = json.loads(out)
        assert told.get("complete", not told.get("unread")) is False
        assert tokens == place.tokens
        assert not [seen for seen in stub.seen[asked:] if seen.path.startswith("/reg")]
        assert work.is_settled()


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError("read-only file system")


def test_where_reads_bring_no_tokens_a_plan_needs_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with odd(tmp_path, renews=False) as (work, _, _):
        work.define()
        assert 0 == work.apply()[0]
        assert work.held()["token_renewed"] is False
        monkeypatch.setattr("iac.backends.lock.locked", _refuse)
        assert work.is_settled()


def test_two_runs_at_once_lose_no_token(tmp_path: Path) -> None:
    with odd(tmp_path) as (work, _, _):
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
    with odd(tmp_path) as (work, place, _):
        work.define()
        work.define("team/other")
        assert 0 == work.apply()[0]
        other = work.held("team/other")["client_id"]
        place.answers[f"GET /reg/{other}"] = Say(500, b"")
        assert 6 == work.iac("plan")[0]
        place.answers.clear()
        assert work.is_settled()


def test_creates_that_were_never_sent_are_plain_creates_after_a_crash(tmp_path: Path) -> None:
    """kill -9 with the second request on its way: the first client is in state, and one alone may be lost."""
    with odd(tmp_path) as (work, place, stub):
        for number in range(5):
            work.define(f"team/app{number}")
        command = [sys.executable, "-m", "iac", "-C", str(work.root), "apply", "--auto-approve", "--parallelism", "1"]
        with Popen(command, stdout=DEVNULL, stderr=DEVNULL) as apply:
            place.kill_at_second_registration = apply
        plan = work.plan()
        assert [["team/app1"]] == [guard["addresses"] for guard in plan["guards"]]
        assert "lost-create" == plan["guards"][0]["id"]
        creates = [change["address"] for change in plan["changes"] if change["action"] == "create"]
        assert [f"team/app{number}" for number in range(1, 5)] == creates
        assert 3 == work.apply()[0]
        assert 0 == work.apply("--recreate", "team/app1")[0]
        assert work.is_settled()
        assert all(work.logs_in(f"team/app{number}") for number in range(5))
        assert 6 == sum(seen.method == "POST" and seen.path == "/reg" for seen in stub.seen)


def test_an_intent_that_is_not_begun_and_has_no_definition_any_more_is_nothing(tmp_path: Path) -> None:
    with odd(tmp_path) as (work, place, _):
        for number in range(3):
            work.define(f"team/app{number}")
        command = [sys.executable, "-m", "iac", "-C", str(work.root), "apply", "--auto-approve", "--parallelism", "1"]
        with Popen(command, stdout=DEVNULL, stderr=DEVNULL) as apply:
            place.kill_at_second_registration = apply
        (work.root / "clients.d/team/app2.yaml").unlink()
        assert [["team/app1"]] == [guard["addresses"] for guard in work.plan()["guards"]]


def test_an_update_whose_answer_is_lost_with_the_new_token_is_named_as_that(tmp_path: Path) -> None:
    with odd(tmp_path) as (work, place, _):
        work.define()
        assert 0 == work.apply()[0]
        place.lost.add("PUT")
        work.define(client_name="Another name")
        assert 5 == work.apply()[0]
        place.lost.clear()
        (guard,) = work.plan()["guards"]
        assert ("lost-update", True) == (guard["id"], work.held()["client_id"] in guard["message"])
        assert 3 == work.apply()[0]
        assert 1 == len(place.clients)


def test_a_dead_token_is_no_deleted_client(tmp_path: Path) -> None:
    with odd(tmp_path) as (work, place, _):
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
    with odd(tmp_path) as (work, place, _):
        work.define()
        assert 0 == work.apply()[0]
        place.remove(work.held()["client_id"])
        place.tokens.clear()
        assert ["deleted-on-server"] == work.guards()
        assert 0 == work.apply("--recreate", ADDRESS)[0]
        assert work.logs_in()
