"""Self service as its users meet it: closed doors, lost tokens, redeem, and the way on to the management API."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from iac.sandbox import access
from iac.sandbox.server import start_sandbox
from iac.sandbox.world import Registrants
from tests.fakes.provider import LOGIN
from tests.fakes.world import OWNERS
from tests.scenarios.place import ADDRESS
from tests.scenarios.sandbox import Management, Nobody, SandboxPlace, User, user_token
from tests.scenarios.table import working

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.scenarios.place import Work

    At = Callable[..., Work]

ANONYMOUS, AS_USER = Nobody.auth, User.auth


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[At]:
    """A project at a sandbox of its own."""
    with ExitStack() as stack:

        def open_it(kind: type[SandboxPlace], flavour: str = "1.14") -> Work:
            place = kind(stack.enter_context(start_sandbox(flavour)), flavour)
            work = stack.enter_context(working(place, tmp_path))
            monkeypatch.setenv("IAC_TOKEN", user_token(place.sandbox))
            monkeypatch.setenv("IAC_CLIENT_ID", LOGIN[0])
            monkeypatch.setenv("IAC_CLIENT_SECRET", LOGIN[1])
            return work

        yield open_it


def sandbox_of(work: Work) -> SandboxPlace:
    assert isinstance(work.place, SandboxPlace)
    return work.place


def change_project(work: Work, old: str, new: str) -> None:
    text = (work.root / "iac.yaml").read_text(encoding="utf-8")
    assert old in text
    work.write("iac.yaml", text.replace(old, new))


def let_in(work: Work, whom: Registrants) -> None:
    world = sandbox_of(work).sandbox.iam.world
    world.settings = replace(world.settings, registration=whom)


@pytest.mark.parametrize("flavour", ["1.12", "1.13", "1.14"])
@pytest.mark.parametrize("kind", [User, Nobody])
def test_a_client_goes_over_to_the_management_api_with_its_id_and_secret(
    at: At, kind: type[SandboxPlace], flavour: str
) -> None:
    work = at(kind, flavour)
    work.define()
    assert 0 == work.apply()[0]
    before, client_id = work.rendered(), work.held()["client_id"]
    change_project(
        work, f"provider: iam-self-service\nauth: {kind.auth}", f"provider: iam-admin\nauth: {Management.auth}"
    )
    assert "no-client-id" in work.iac("validate")[1] + work.iac("validate")[2]
    work.define(client_id=client_id)
    (change,) = work.plan()["changes"]
    assert ("adopt", "handed over from iam-self-service", "kept") == (
        change["action"], change["reason"], change["secret"],
    )  # fmt: skip
    code, _, err = work.apply()
    assert 0 == code, err
    assert before == work.rendered()
    assert work.logs_in()
    assert ("iam-admin", False) == (work.held()["provider"], "rat" in work.held())
    assert work.is_settled()


def test_a_user_redeems_what_nobody_owned(at: At) -> None:
    work = at(Nobody)
    work.define()
    assert 0 == work.apply()[0]
    code, _, err = work.iac("redeem", ADDRESS)
    assert (6, True) == (code, "only a user can take a client over" in err)
    before = work.rendered()
    change_project(work, ANONYMOUS, AS_USER)
    code, out, err = work.iac("redeem", ADDRESS, "--format", "json")
    assert (0, {"redeemed": [ADDRESS]}) == (code, json.loads(out)), err
    assert "rat" not in work.held()
    assert work.is_settled()
    assert before == work.rendered()
    assert "no registration access token to redeem" in work.iac("redeem", ADDRESS)[2]
    assert "this address is not in state" in work.iac("redeem", "team/other")[2]
    assert f"{ADDRESS}: yours" not in out


def test_a_new_token_is_handed_in_when_the_old_one_has_ended(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    work = at(Nobody)
    work.define()
    assert 0 == work.apply()[0]
    client_id = work.held()["client_id"]
    client = sandbox_of(work)._client(client_id)
    new = access.issue_rat(sandbox_of(work).sandbox.iam.world, client)
    assert ["deleted-on-server"] == work.guards()
    work.feed(monkeypatch, "wrong")
    assert "the server does not accept this token" in work.iac("secret", "token", ADDRESS)[2]
    work.feed(monkeypatch, new)
    code, out, err = work.iac("secret", "token", ADDRESS)
    assert (0, f"{ADDRESS}: stored, it reaches {client_id}\n") == (code, out), err
    assert work.is_settled()


@pytest.mark.parametrize("flavour", ["1.12", "1.14"])
def test_an_orphan_comes_in_by_a_token_that_an_administrator_made(
    at: At, flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = at(Nobody, flavour)
    work.define()
    before = work.place.ids()
    work.place.lose_next("POST")
    assert 5 == work.apply()[0]
    (orphan,) = work.place.ids() - before
    place = sandbox_of(work)
    token = access.issue_rat(place.sandbox.iam.world, place._client(orphan))
    work.feed(monkeypatch, token)
    assert "it is not known whose token this is" in work.iac("secret", "token", ADDRESS)[2]
    work.feed(monkeypatch, token)
    assert "this address is not in state" in work.iac("secret", "token", "team/other")[2]
    work.define(client_id=orphan)
    work.feed(monkeypatch, token)
    code, _, err = work.iac("secret", "token", ADDRESS)
    assert 0 == code, err
    assert 0 == work.apply()[0]
    assert ("known" if flavour == "1.12" else "unknown") == work.held()["secret_status"]
    assert work.is_settled()


def test_a_token_is_not_for_a_command_line_nor_for_the_management_api(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    work = at(Management)
    work.define()
    assert 64 == work.iac("secret", "token", ADDRESS, "a-token")[0]
    work.feed(monkeypatch, "a-token")
    assert "provider iam-admin needs no registration access tokens" in work.iac("secret", "token", ADDRESS)[2]


def test_a_door_that_is_closed_says_for_whom_it_opens(at: At) -> None:
    work = at(Nobody)
    work.define()
    let_in(work, Registrants.REGISTERED_USERS)
    code, out, err = work.apply()
    assert (5, True) == (code, "asks for the login of a user or an administrator" in out + err)
    assert [] == work.plan()["pending"]
    change_project(work, ANONYMOUS, AS_USER)
    let_in(work, Registrants.ADMINISTRATORS)
    code, out, err = work.apply()
    assert (5, True) == (code, "for administrators only" in out + err)
    let_in(work, Registrants.ANYONE)
    assert 0 == work.apply()[0]
    let_in(work, Registrants.ADMINISTRATORS)
    code, _, err = work.iac("plan")
    assert (6, True) == (code, "for administrators only" in err)


def test_a_suspended_client_is_said_to_be_one(at: At) -> None:
    work = at(User)
    work.define()
    assert 0 == work.apply()[0]
    place = sandbox_of(work)
    place.sandbox.iam.world.store.put(replace(place._client(work.held()["client_id"]), active=False))
    work.define(client_name="Another name")
    code, out, err = work.apply()
    assert (5, True) == (code, "the client is suspended" in out + err)


def test_a_clients_own_login_counts_as_nobodys(at: At) -> None:
    work = at(Nobody)
    change_project(work, ANONYMOUS, Management.auth)
    work.define()
    code, out, err = work.iac("validate")
    assert (0, True) == (code, "login-is-nobody" in out + err)
    assert 0 == work.apply()[0]
    assert "rat" in work.held()
    assert work.is_settled()


def test_an_apply_needs_the_key_that_a_plan_can_do_without(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    work = at(Nobody)
    work.define()
    assert 0 == work.apply()[0]
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    work.define(client_name="Another name")
    plan = work.plan()
    assert (False, ["update"]) == (plan["complete"], [change["action"] for change in plan["changes"]])
    code, _, err = work.apply()
    assert (1, True) == (code, "IAC_AGE_IDENTITY" in err)


def test_an_administrator_says_which_scopes_self_service_grants(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    work = at(User)
    monkeypatch.setenv("IAC_TOKEN", user_token(sandbox_of(work).sandbox, OWNERS[0]))
    work.define(scope=["openid", "storage.read:/"])
    assert "scope-not-granted" in "".join(work.iac("validate")[1:])
    text = (work.root / "iac.yaml").read_text(encoding="utf-8")
    work.write("iac.yaml", f"{text}grantable_scopes: ['storage.*']\n")
    assert 0 == work.iac("validate")[0]
    code, _, err = work.apply()
    assert 0 == code, err
    assert work.is_settled()
    work.define(scope=["openid", "storage.read:/"], contacts=["ops@example.org"])
    assert 0 == work.apply()[0]


def test_who_logs_in_is_told(at: At) -> None:
    work = at(Nobody)
    said = json.loads(work.iac("whoami", "--format", "json")[1])
    assert ("anonymous", None, "unknown") == (said["subject"], said["scopes"], said["flavour"])
    work.define()
    code, out, _ = work.iac("doctor")
    assert (0, True, False) == (code, "logged in as anonymous" in out, "behaves like" in out)


def test_no_token_is_in_anything_that_is_said_or_written(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registration access token is worth the client: it is in state, sealed, and nowhere else."""
    work = at(Nobody, "1.12")
    work.define()
    place = sandbox_of(work)
    said = ["".join(map(str, work.iac("-vv", "apply", "--auto-approve")))]
    tokens = [token for token, grant in place.sandbox.iam.world.store.tokens.items() if grant.is_rat]
    assert 1 == len(tokens)
    place.age_tokens(work.held()["client_id"])
    work.define(client_name="Another name")
    commands = [
        ("plan",), ("plan", "--format", "json"), ("drift",), ("show", ADDRESS), ("state", "show", ADDRESS),
        ("state", "pull"), ("apply", "--auto-approve"), ("rotate", ADDRESS, "--auto-approve"), ("render",), ("list",),
    ]  # fmt: skip
    said += ["".join(map(str, work.iac("-vv", *command))) for command in commands]
    place.end_tokens(work.held()["client_id"])
    said += ["".join(map(str, work.iac("-vv", *command))) for command in commands]
    tokens += [token for token, grant in place.sandbox.iam.world.store.tokens.items() if grant.is_rat]
    work.feed(monkeypatch, f"{tokens[0]}x")
    said.append("".join(map(str, work.iac("-vv", "secret", "token", ADDRESS))))
    files = [path.read_text(encoding="utf-8") for path in work.root.rglob("*") if path.is_file()]
    for token in tokens:
        assert not [text for text in (*said, *files) if token in text]
