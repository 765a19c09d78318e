"""`iac rotate`, on every flavour."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
import pytest

from iac.clock import SystemClock
from iac.sandbox.fault import Fault, FaultKind
from tests.fakes.provider import logs_in
from tests.terminal import pretend_terminal

if TYPE_CHECKING:
    from tests.e2e.project import Project, Said

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
ONLY_NEWEST = pytest.mark.parametrize("flavour", ["1.14"])


@pytest.fixture
def applied(project: Project) -> Project:
    assert project.apply().code == 0
    return project


def rotate(project: Project, *arguments: str) -> Said:
    return project.iac("rotate", "--auto-approve", *arguments)


def rendered(project: Project) -> str:
    (line,) = [line for line in project.read("out/portal.env").splitlines() if "SECRET" in line]
    return line.split("=", 1)[1].strip("'\"")


def patched(project: Project) -> list[tuple[str, int]]:
    return [(path.rpartition("/")[2], status) for method, path, status in project.sandbox.log if method == "PATCH"]


def test_a_new_secret_is_made_stored_and_rendered(applied: Project) -> None:
    old = applied.registered(CLIENT_ID).client_secret
    said = rotate(applied, ADDRESS)
    assert said.code == 0, said.err
    assert "a new secret was asked for" in said.out
    new = applied.registered(CLIENT_ID).client_secret
    assert new not in {None, old}
    assert new == rendered(applied)
    assert logs_in(applied.sandbox.iam, CLIENT_ID, rendered(applied))
    assert applied.iac("plan", "--detailed-exitcode").code == 0
    assert patched(applied) == []


def test_only_the_addresses_that_are_named_get_one(applied: Project) -> None:
    applied.define("team/other", redirect_uris=["https://other.example.org/cb"])
    assert applied.apply().code == 0
    other = applied.registered("team-other")
    assert rotate(applied, ADDRESS).code == 0
    assert applied.registered("team-other") == other
    assert rotate(applied, ADDRESS, "team/other").code == 0
    assert applied.registered("team-other").client_secret != other.client_secret


def test_what_else_is_to_change_of_the_client_changes_too(applied: Project) -> None:
    old = applied.registered(CLIENT_ID).client_secret
    applied.edit(f"clients.d/{ADDRESS}.yaml", "Client team/portal", "Client renamed")
    assert rotate(applied, ADDRESS).code == 0
    assert applied.registered(CLIENT_ID).client_name == "Client renamed"
    assert applied.registered(CLIENT_ID).client_secret == rendered(applied) != old
    assert applied.iac("plan", "--detailed-exitcode").code == 0


def test_a_secret_that_somebody_changed_by_hand_is_replaced(applied: Project) -> None:
    applied.by_hand(CLIENT_ID, client_secret="rotated-by-hand")
    assert rotate(applied, ADDRESS).code == 0
    assert applied.registered(CLIENT_ID).client_secret == rendered(applied) != "rotated-by-hand"


def test_tokens_are_revoked_where_the_server_can(applied: Project, flavour: str) -> None:
    said = rotate(applied, ADDRESS, "--revoke")
    assert applied.registered(CLIENT_ID).client_secret == rendered(applied)
    if flavour == "1.12":
        assert said.code == 5
        assert "tokens are not revoked" in said.out
        assert "IAM up to 1.12 has no call for it" in said.out
        assert "tokens of 1 client not revoked" in said.out
        assert "exactly the rest" not in said.out + said.err
    else:
        assert said.code == 0, said.err
        assert "its tokens are revoked" in said.out
        assert patched(applied) == [("revoke-refresh-tokens", 200), ("revoke-access-tokens", 200)]
    assert applied.iac("plan", "--detailed-exitcode").code == 0


def test_a_machine_can_read_how_it_ended(applied: Project, flavour: str) -> None:
    said = rotate(applied, ADDRESS, "--revoke", "--format", "json")
    (revocation,) = said.json()["revocations"]
    assert (ADDRESS, flavour != "1.12") == (revocation["address"], revocation["revoked"])
    assert bool(revocation["error"]) == (flavour == "1.12")
    assert said.json()["complete"] == (flavour != "1.12")
    assert [ADDRESS] == [done["address"] for done in said.json()["done"]]


@ONLY_NEWEST
class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            ([], 64, "ADDR"),
            ([ADDRESS, "--revok"], 64, "--revoke"),
            (["team/portl"], 1, "did you mean team/portal?"),
            (["team/new"], 1, "run iac apply: that makes its secret"),
            (["team/public"], 1, "this client has no secret to rotate"),
            ([ADDRESS, "team/public"], 1, "this client has no secret to rotate: team/public"),
        ],
    )
    def test_a_wrong_address_sends_nothing(self, applied: Project, arguments: list[str], code: int, says: str) -> None:
        applied.define("team/public", redirect_uris=["https://p.example.org/cb"], token_endpoint_auth_method="none")
        assert applied.apply().code == 0
        applied.define("team/new", redirect_uris=["https://new.example.org/cb"])
        before = applied.registered(CLIENT_ID)
        said = rotate(applied, *arguments)
        assert said.code == code
        assert says in said.err
        assert applied.registered(CLIENT_ID) == before

    def test_a_client_that_leaves_is_not_deleted_by_a_rotation(self, applied: Project) -> None:
        (applied.root / f"clients.d/{ADDRESS}.yaml").unlink()
        applied.define("team/other", redirect_uris=["https://other.example.org/cb"])
        applied.write("iac.yaml", applied.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
        before = applied.registered(CLIENT_ID)
        said = rotate(applied, ADDRESS)
        assert said.code == 1
        assert "no secret to rotate" in said.err
        assert applied.registered(CLIENT_ID) == before

    def test_a_guard_refuses_it_with_the_plan_shown(self, applied: Project) -> None:
        applied.write("iac.yaml", applied.read("iac.yaml") + "limits: {max_updates: 0}\n")
        said = rotate(applied, ADDRESS)
        assert said.code == 3
        assert "max-updates" in said.out
        assert rotate(applied, ADDRESS, "--format", "json").json()["guards"][0]["id"] == "max-updates"

    def test_off_a_terminal_it_wants_an_approval(self, applied: Project) -> None:
        before = applied.registered(CLIENT_ID)
        said = applied.iac("rotate", ADDRESS)
        assert said.code == 64
        assert "give --auto-approve\n" in said.err
        assert applied.registered(CLIENT_ID) == before

    @pytest.mark.parametrize("answer", [True, False])
    def test_at_a_terminal_it_asks(self, applied: Project, monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
        pretend_terminal(monkeypatch, lambda stream: stream is sys.stdin)
        monkeypatch.setattr(click, "confirm", lambda *_, **__: answer)
        before = applied.registered(CLIENT_ID)
        assert applied.iac("rotate", ADDRESS).code == (0 if answer else 1)
        assert (applied.registered(CLIENT_ID) == before) is not answer

    def test_a_running_apply_is_waited_for_or_named(self, applied: Project) -> None:
        from iac.cli.context import CommandContext
        from iac.wiring import open_state

        session = open_state(CommandContext(str(applied.root)))
        with session.backend.lock(session.holder(), timeout=0):
            said = rotate(applied, ADDRESS, "--lock-timeout", "0")
        assert said.code == 6
        assert session.run_id in said.err


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
def test_a_rotation_whose_answer_is_lost_is_finished_by_the_next_apply(applied: Project, kind: FaultKind) -> None:
    applied.sandbox.faults.add(Fault(kind=kind, method="POST", path="*/secret"))
    said = rotate(applied, ADDRESS)
    assert said.code in {0, 5}
    assert applied.apply().code == 0
    assert applied.registered(CLIENT_ID).client_secret == rendered(applied)
    assert logs_in(applied.sandbox.iam, CLIENT_ID, rendered(applied))
    assert applied.iac("plan", "--detailed-exitcode").code == 0


@ONLY_NEWEST
def test_tokens_of_a_client_whose_rotation_failed_are_left_alone(applied: Project) -> None:
    applied.sandbox.faults.add(Fault(kind=FaultKind.STATUS, method="POST", path="*/secret", status=400, body="json"))
    said = rotate(applied, ADDRESS, "--revoke")
    assert said.code == 5
    assert patched(applied) == []


def test_a_secret_of_its_age_is_proposed_and_rotated_by_a_run_that_is_asked_to(
    applied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied.edit(f"clients.d/{ADDRESS}.yaml", '"client_id"', '"lifecycle": {"rotate_after": "30d"},\n "client_id"')
    assert "rotation-due" not in applied.iac("plan").out
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + timedelta(days=31))
    proposed = applied.iac("plan", "--detailed-exitcode")
    assert proposed.code == 0
    assert "the secret is due for rotation since" in proposed.out
    old = rendered(applied)
    plan = applied.iac("plan", "--rotate-due", "--format", "json", "--out", "plan.json").json()
    finding = next(finding for finding in plan["changes"][0]["findings"] if finding["id"] == "secret-will-change")
    text = applied.read(f"clients.d/{ADDRESS}.yaml").splitlines()
    assert "rotate_after" in text[finding["location"]["line"] - 1]
    assert [("rotate", "rotated")] == [(change["action"], change["secret"]) for change in plan["changes"]]
    assert applied.iac("apply", "plan.json").code == 0
    assert rendered(applied) == old
    said = applied.iac("apply", "plan.json", "--rotate-due")
    assert said.code == 0, said.err
    assert "due since" in said.out
    assert rendered(applied) != old
    assert logs_in(applied.sandbox.iam, CLIENT_ID, rendered(applied))
    assert "rotation-due" not in applied.iac("plan", "--rotate-due").out
