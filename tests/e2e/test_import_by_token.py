"""`iac import CLIENT_ID --uri`: a client that only its registration access token reads comes in, in one step."""

from __future__ import annotations

import json
import os
from fcntl import LOCK_EX, flock
from typing import TYPE_CHECKING, Any

import click
import pytest

from iac.cli import context as command_context
from iac.config.edit import files as edit
from iac.core.errors import InputError
from iac.sandbox import access
from iac.sandbox.server import start_sandbox
from tests.every import every
from tests.providers.stub import Say
from tests.scenarios.sandbox import Management, Nobody
from tests.scenarios.standin import EVERY, SWITCHES, standing, start_standin
from tests.scenarios.table import working

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.scenarios.place import Work

STARS = "**********"
WRONG = 64


def _files(work: Work) -> list[str]:
    return sorted(str(path.relative_to(work.root)) for path in (work.root / "clients.d").rglob("*.yaml"))


def _state(work: Work) -> dict[str, Any]:
    """What state has of clients, journal included."""
    clients: dict[str, Any] = json.loads(work.iac("state", "pull")[1])["clients"]
    return clients


def _ready(work: Work) -> None:
    """A project with one client."""
    work.define()
    assert 0 == work.apply()[0]


@pytest.mark.slow
@every("name", sorted(name for name in SWITCHES if SWITCHES[name].has_management))
def test_a_plan_after_it_has_nothing_to_do_and_the_next_change_ends(name: str, tmp_path_factory: Any) -> None:
    with start_standin(SWITCHES[name]) as place, working(place, tmp_path_factory.mktemp("work")) as work:
        place.uses = None
        _ready(work)
        made = place.register(contacts=["ops@example.org"], ui_theme={"dark": [1, None]}, grant_types=["implicit"])
        client_id, before = str(made["client_id"]), dict(place.clients[str(made["client_id"])])
        code, _, err = work.take_in(made, "--to", "team")
        assert 0 == code, err
        assert work.is_settled(), work.plan()
        assert 0 == work.apply()[0]
        assert before == place.clients[client_id]
        assert 0 == work.iac("drift")[0]
        (file,) = set(_files(work)) - {"clients.d/team/portal.yaml"}
        text = (work.root / file).read_text(encoding="utf-8")
        work.write(file, text + "client_uri: https://portal.example.org/\n")
        assert "" == work.refusal()
        assert {**before, "client_uri": "https://portal.example.org/"} == place.clients[client_id]
        assert work.is_settled()


@every(
    "switches, status",
    [
        ({}, "known"),
        ({"mask": STARS}, "unknown"),
        ({"mask": STARS, "tells_logins": False}, "unknown"),
        ({"hides_secret": True}, "unknown"),
        ({"renews": EVERY, "secret_seconds": 86_400}, "known"),
    ],
)
def test_the_secret_is_known_where_the_server_shows_it(
    switches: Mapping[str, Any], status: str, tmp_path_factory: Any
) -> None:
    is_known = status == "known"
    with standing(tmp_path_factory.mktemp("work"), **switches) as (work, place):
        made = place.register(client_name="Wiki")
        code, out, err = work.take_in(made, "--format", "json")
        assert 0 == code, err
        (written,) = json.loads(out)["written"]
        assert status == _state(work)[written["address"]]["secret_status"]
        assert is_known != ("iac secret set ADDR" in err)
        text = (work.root / written["file"]).read_text(encoding="utf-8")
        work.write(written["file"], text + "outputs: [{template: json, path: out/wiki.json}]\n")
        if not is_known:
            assert 0 == work.iac("secret", "set", written["address"], given=made["client_secret"])[0] or (
                not place.switches.tells_logins
            )
        assert 0 == work.apply()[0]
        if place.switches.tells_logins:
            assert made["client_secret"] == json.loads((work.root / "out/wiki.json").read_text())["client_secret"]


def test_a_project_without_definitions_is_right(tmp_path: Path) -> None:
    with standing(tmp_path) as (work, place):
        code, out, err = work.take_in(place.register())
        assert (0, "clients.d/client-1.yaml: client_id client-1\n") == (code, out), err
        assert work.is_settled()


def test_at_a_terminal_the_token_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    with standing(tmp_path) as (work, place):
        made = place.register()

        def prompt(text: str, *, hide_input: bool, err: bool) -> str:
            asked.extend([text, hide_input, err])
            return str(made["registration_access_token"])

        monkeypatch.setattr(command_context, "is_terminal", lambda _: True)
        monkeypatch.setattr(click, "prompt", prompt)
        assert 0 == work.iac("import", "client-1", "--uri", made["registration_client_uri"])[0]
        assert ["token of client-1", True, True] == asked


@pytest.mark.parametrize("flavour", ["1.12", "1.14"])
def test_self_service_of_an_iam(flavour: str, tmp_path: Path) -> None:
    with start_sandbox(flavour) as sandbox, working(Nobody(sandbox, flavour), tmp_path) as work:
        _ready(work)
        client = sandbox.iam.world.store.find("grafana")
        assert client is not None
        uri = f"{sandbox.url}/iam/api/client-registration/grafana"
        given = access.issue_rat(sandbox.iam.world, client)
        assert 1 == work.iac("import", "grafana", "--uri", uri, given=f"{given}x")[0]
        assert 1 == work.iac("import", "jupyterhub", "--uri", uri, given=given)[0]
        code, _, err = work.iac("import", "grafana", "--uri", uri, given=given)
        assert 0 == code, err
        assert work.is_settled()


def test_the_management_api_has_no_use_for_tokens(tmp_path: Path) -> None:
    with start_sandbox("1.14") as sandbox, working(Management(sandbox, "1.14"), tmp_path) as work:
        _ready(work)
        code, _, err = work.iac("import", "grafana", "--uri", f"{sandbox.url}/x", given="t")
        assert (1, True) == (code, "provider iam-admin needs no registration access tokens" in err)


# wrong input


@every(
    "arguments",
    [
        ("--match", "x"),
        ("--from", "x.json"),
        ("--secrets-to", "x.env"),
        ("registration-token-of-somebody",),
    ],
)
def test_what_does_not_go_with_the_option_is_refused_and_not_repeated(
    arguments: tuple[str, ...], tmp_path_factory: Any
) -> None:
    with standing(tmp_path_factory.mktemp("work")) as (work, place):
        made = place.register()
        place.stub.seen.clear()  # type: ignore[union-attr]
        code, out, err = work.take_in(made, *arguments)
        assert (WRONG, []) == (code, place.seen)
        assert "registration-token" not in out + err
        assert WRONG == work.iac("import", "--uri", made["registration_client_uri"], given="x")[0]


@every(
    "uri",
    [
        "https://elsewhere.example.org/register/client-1",
        "registration-token-2",
        "",
        "http://user:pass@127.0.0.1:1/x",
        "http://[::bad",
        "ftp://127.0.0.1/x",
    ],
)
def test_the_token_goes_to_no_other_server(uri: str, tmp_path_factory: Any) -> None:
    with standing(tmp_path_factory.mktemp("work")) as (work, place):
        made = place.register()
        before = len(place.seen)
        code, out, err = work.iac("import", "client-1", "--uri", uri, given=made["registration_access_token"])
        assert (1, before) == (code, len(place.seen)), err
        assert not uri or uri not in out + err
        assert "--uri" in err
        assert ([], {}) == (_files(work), _state(work))


@pytest.mark.parametrize("renews", [frozenset(), EVERY])
def test_what_the_server_refuses_changes_nothing(tmp_path: Path, renews: frozenset[str]) -> None:
    with standing(tmp_path, renews=renews) as (work, place):
        made = place.register()
        wrong: list[tuple[dict[str, Any], str, int]] = [
            ({"registration_access_token": "made-up"}, "does not accept this token", 1),
            ({"registration_access_token": ""}, "the token is empty", 1),
            ({"registration_access_token": "a b"}, "space", 1),
            ({"registration_client_uri": f"{place.url}/register/nobody"}, "does not accept this token", 1),
            ({"registration_client_uri": f"{place.url}/other"}, "does not accept this token", 1),
        ]
        for values, words, code in wrong:
            said = work.take_in({**made, **values})
            assert (code, True) == (said[0], words in said[2]), said
        for status in (500, 503):
            place.answers = {"GET /register/client-1": Say(status, b"<html>")}
            assert 6 == work.take_in(made)[0]
        assert ([], {}) == (_files(work), _state(work))
        place.answers = {}
        assert 0 == work.take_in(made)[0]


def test_a_client_that_is_managed_is_not_read(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        made = place.register()
        assert 0 == work.take_in(made)[0]
        _ready(work)
        token = place.tokens["client-1"]
        for again in (made, {**made, "registration_access_token": token}):
            code, _, err = work.take_in(again, "--to", "other")
            assert (1, True) == (code, "it is defined already, as client-1" in err)
        assert token == place.tokens["client-1"]
        work.write(
            "clients.d/mine.yaml", json.dumps({"client_id": "client-9", "client_name": "Mine", "grant_types": []})
        )
        assert "it is defined already, as mine" in work.take_in({**made, "client_id": "client-9"})[2]
        assert token == place.tokens["client-1"]


@pytest.mark.parametrize("renews", [frozenset(), EVERY])
def test_the_token_of_another_client_is_not_lost(tmp_path: Path, renews: frozenset[str]) -> None:
    """Where the read has replaced it, the new one is in state, and the right id goes on from there."""
    with standing(tmp_path, renews=renews) as (work, place):
        made = place.register()
        code, _, err = work.take_in({**made, "client_id": "client-9"})
        assert (1, True) == (code, "it reads client-1" in err)
        assert [] == _files(work)
        assert (["client-1"] if renews else []) == list(_state(work))
        assert ("state has the new one, as client-1" if renews else "nothing was stored") in err
        code, _, err = work.take_in(made)
        assert 0 == code, err
        assert work.is_settled()


def test_the_token_of_another_client_that_is_managed_is_not_lost(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        _ready(work)
        client_id = work.held()["client_id"]
        said = {
            "client_id": "client-9",
            "registration_access_token": place.tokens[client_id],
            "registration_client_uri": f"{place.url}/register/{client_id}",
        }
        assert 1 == work.take_in(said)[0]
        assert work.is_settled()


def test_secret_token_loses_no_token_of_another_client_either(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        _ready(work)
        made = place.register(client_name="Wiki")
        command = ("secret", "token", "team/portal", "--uri", made["registration_client_uri"])
        code, _, err = work.iac(*command, given=made["registration_access_token"])
        assert (1, True) == (code, f"it reads {made['client_id']}" in err)
        assert 0 == work.take_in(made)[0]
        assert work.is_settled()


@pytest.mark.parametrize("command", ["import", "secret token"])
def test_an_answer_that_makes_no_sense_loses_no_token(tmp_path: Path, command: str) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        made = place.register()
        place.clients["client-1"]["redirect_uris"] = {"not": "a list"}
        if command == "import":
            code, _, err = work.take_in(made)
        else:
            work.define("portal", client_id="client-1", adopt=True)
            said = ("secret", "token", "portal", "--uri", made["registration_client_uri"])
            code, _, err = work.iac(*said, given=made["registration_access_token"])
            work.drop("portal")
        assert (6, True) == (code, "redirect_uris: expected" in err), err
        assert "state has the new one" in err
        place.clients["client-1"]["redirect_uris"] = ["https://portal.example.org/cb"]
        assert 0 == work.take_in(made)[0]
        assert work.is_settled()


def test_a_state_that_cannot_take_the_token_is_found_before_the_server_is_asked(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        made = place.register()
        asked = len(place.seen)
        journal = work.root / ".iac/state.json.journal"
        journal.mkdir()
        assert 1 == work.take_in(made)[0]
        journal.rmdir()
        lock = os.open(work.root / ".iac/state.json.lock", os.O_RDWR)
        flock(lock, LOCK_EX)
        assert 6 == work.take_in(made)[0]
        os.close(lock)
        state = work.root / ".iac/state.json"
        state.rename(state.with_suffix(".away"))
        code, _, err = work.take_in(made)
        assert (1, True) == (code, "there is no state" in err), err
        state.with_suffix(".away").rename(state)
        text = (work.root / "iac.yaml").read_text(encoding="utf-8")
        work.write("iac.yaml", text.replace("recipients: [age1", "recipients: [age2"))
        assert 1 == work.take_in(made)[0]
        work.write("iac.yaml", text)
        assert asked == len(place.seen)
        assert 0 == work.take_in(made)[0]


@pytest.mark.parametrize("renews", [frozenset(), EVERY])
def test_where_the_definition_cannot_be_written_the_same_import_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renews: frozenset[str]
) -> None:
    with standing(tmp_path, renews=renews) as (work, place):
        _ready(work)
        made = place.register(client_name="Wiki")
        address = str(made["client_id"])

        def full(*_: object, **__: object) -> None:
            raise InputError("the file cannot be written", why="No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(edit, "create_text", full)
            code, _, err = work.take_in(made)
        assert (1, True) == (code, "state has the client and its token" in err), err
        assert f"iac state rm {address}" in err
        assert "No space left" in err
        assert (["clients.d/team/portal.yaml"], True) == (_files(work), address in _state(work))
        assert ["missing-definition"] == work.guards()
        with monkeypatch.context() as keyless:
            keyless.delenv("IAC_AGE_IDENTITY")
            assert "IAC_AGE_IDENTITY" in work.take_in(made)[2]
        code, _, err = work.take_in(made)
        assert 0 == code, err
        assert work.is_settled()
        assert 0 == work.apply()[0]


def test_a_file_in_the_way_is_named_and_nothing_is_stored(tmp_path: Path) -> None:
    with standing(tmp_path) as (work, place):
        _ready(work)
        made = place.register()
        (work.root / f"clients.d/{made['client_id']}.yaml").symlink_to("/nowhere")
        code, _, err = work.take_in(made)
        assert 1 == code
        assert str(made["client_id"]) not in _state(work)
        assert "client" in err


def test_a_definition_that_is_gone_comes_back_with_all_that_state_knows(tmp_path: Path) -> None:
    with standing(tmp_path, mask=STARS) as (work, place):
        _ready(work)
        held, secret = work.held(), work.rendered()["client_secret"]
        work.drop("team/portal")
        work.define("other")
        made = {"client_id": held["client_id"], "registration_access_token": "forgotten"}
        code, out, err = work.take_in({**made, "registration_client_uri": f"{place.url}/register/{held['client_id']}"})
        assert (0, True) == (code, "clients.d/team/portal.yaml" in out), err
        assert place.logs_in(held["client_id"], secret)
        assert held["secret"] == work.held()["secret"]


def test_an_address_that_state_has_for_another_client_is_not_taken(tmp_path: Path) -> None:
    with standing(tmp_path) as (work, place):
        _ready(work)
        assert 0 == work.iac("keygen", "client-3")[0] or True
        state = _state(work)
        made = place.register()
        work.define(str(made["client_id"]))
        assert 0 == work.apply()[0]
        work.drop(str(made["client_id"]))
        code, out, err = work.take_in(made)
        assert 0 == code, err
        assert f"clients.d/{made['client_id']}.yaml" not in out
        assert set(state) < set(_state(work))


def test_no_token_is_in_anything_that_is_said_or_written(tmp_path: Path) -> None:
    with standing(tmp_path, renews=EVERY) as (work, place):
        _ready(work)
        made, other = place.register(client_name="Wiki"), place.register(client_name="Other")
        clients = (
            {**made, "client_id": "client-9"},
            {**made, "registration_access_token": "registration-token-1x"},
            {**other, "registration_client_uri": "https://elsewhere.example.org/x"},
            made,
            made,
        )
        said = [work.take_in(client, "-vv", *view) for client in clients for view in ((), ("--format", "json"))]
        said.append(work.iac("-vv", "state", "pull"))
        texts = [text for _, *texts in said for text in texts]
        texts += [path.read_text(encoding="utf-8") for path in work.root.rglob("*") if path.is_file()]
        assert not [text for text in texts if "registration-token-" in text]
