"""`iac secret`, on every flavour: a known secret is proven, stored and rendered."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import click
import pytest

from iac.cli import context as command_context
from iac.sandbox.model import Client
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from tests.e2e.project import Project, Said

ADDRESS, CLIENT_ID, FILE = "team/portal", "team-portal", "clients.d/team/portal.yaml"
KNOWN = "known-to-its-service"
ONLY_NEWEST = pytest.mark.parametrize("flavour", ["1.14"])


@pytest.fixture
def adopted(project: Project) -> Project:
    """The client was made by hand and taken over."""
    store = project.sandbox.iam.world.store
    store.put(Client(key=store.new_key(), client_id=CLIENT_ID, client_name="By hand", client_secret=KNOWN))
    project.define(ADDRESS, **{**json.loads(project.read(FILE)), "adopt": True})
    assert project.apply().code == 0
    return project


def rendered(project: Project) -> str:
    (line,) = [line for line in project.read("out/portal.env").splitlines() if "SECRET" in line]
    return line.split("=", 1)[1].strip("'\"")


def held(project: Project) -> dict[str, object]:
    secret: dict[str, object] = project.iac("state", "show", ADDRESS, "--format", "json").json()["secret"]
    return secret


def set_secret(project: Project, monkeypatch: pytest.MonkeyPatch, given: str | bytes, *arguments: str) -> Said:
    data = given.encode() if isinstance(given, str) else given
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        said = project.iac("secret", "set", *(arguments or (ADDRESS,)))
    assert KNOWN not in said.out + said.err
    return said


def import_secrets(project: Project, text: str, *arguments: str) -> Said:
    project.write("secrets.env", text)
    said = project.iac("secret", "import", "secrets.env", *arguments)
    assert KNOWN not in said.out + said.err
    return said


def test_the_secret_of_an_adopted_client_is_stored_and_its_output_rendered(
    adopted: Project, monkeypatch: pytest.MonkeyPatch, flavour: str
) -> None:
    is_blocked = flavour == "1.14"
    assert held(adopted)["status"] == ("unknown" if is_blocked else "known")
    assert (adopted.root / "out/portal.env").exists() is not is_blocked
    said = set_secret(adopted, monkeypatch, f"{KNOWN}\n")
    assert said.code == 0, said.err
    assert f"{ADDRESS}: {'stored' if is_blocked else 'known already'}" in said.out
    assert (held(adopted)["status"], held(adopted)["version"]) == ("known", 1)
    assert adopted.apply().code == 0
    assert rendered(adopted) == KNOWN
    assert logs_in(adopted.sandbox.iam, CLIENT_ID, rendered(adopted))
    assert adopted.iac("plan", "--detailed-exitcode").code == 0
    assert adopted.iac("render", "--check").code == 0


def test_a_secret_that_the_server_refuses_is_not_stored(adopted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = adopted.read(".iac/state.json")
    said = set_secret(adopted, monkeypatch, "wrong-secret")
    assert (said.code, adopted.read(".iac/state.json")) == (1, before)
    assert f"{ADDRESS}: the server refuses it as the secret of {CLIENT_ID}" in said.err
    assert "wrong-secret" not in said.err


def test_a_secret_that_somebody_changed_by_hand_takes_the_place_of_the_old_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.apply().code == 0
    project.by_hand(CLIENT_ID, client_secret=KNOWN)
    assert f"{ADDRESS}: stored" in set_secret(project, monkeypatch, KNOWN).out
    assert held(project)["version"] == 2
    assert project.apply().code == 0
    assert rendered(project) == KNOWN
    assert project.iac("plan", "--detailed-exitcode").code == 0


def test_storing_needs_read_scope_and_no_key_of_the_state(adopted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
    assert set_secret(adopted, monkeypatch, KNOWN).code == 0


@ONLY_NEWEST
class TestSet:
    def test_at_a_terminal_it_is_asked_for(self, adopted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[object] = []

        def prompt(text: str, *, hide_input: bool, err: bool) -> str:
            asked.extend([text, hide_input, err])
            return KNOWN

        monkeypatch.setattr(command_context, "is_terminal", lambda _: True)
        monkeypatch.setattr(click, "prompt", prompt)
        assert adopted.iac("secret", "set", ADDRESS).code == 0
        assert asked == [f"secret of {ADDRESS}", True, True]
        assert held(adopted)["status"] == "known"

    def test_a_machine_can_read_what_was_stored(self, adopted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        said = set_secret(adopted, monkeypatch, KNOWN, ADDRESS, "--format", "json")
        assert said.json() == {"secrets": [{"address": ADDRESS, "new": True}], "findings": []}

    @pytest.mark.parametrize(
        "given", ["", "\n", f"{KNOWN} {KNOWN}", f"{KNOWN}\n{KNOWN}\n", b"\xff\xfe" + KNOWN.encode()]
    )
    def test_what_is_no_secret_is_refused(
        self, adopted: Project, monkeypatch: pytest.MonkeyPatch, given: str | bytes
    ) -> None:
        before = adopted.read(".iac/state.json")
        said = set_secret(adopted, monkeypatch, given)
        assert (said.code, adopted.read(".iac/state.json")) == (1, before)
        assert "fix:" in said.err

    def test_a_closed_stdin_is_told(self, adopted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", None)
            said = adopted.iac("secret", "set", ADDRESS)
        assert said.code == 1
        assert "stdin is closed" in said.err

    def test_an_address_that_is_not_in_state_is_refused(
        self, adopted: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said = set_secret(adopted, monkeypatch, KNOWN, "team/x")
        assert said.code == 1
        assert "team/x: not in state" in said.err

    def test_the_value_is_never_taken_from_the_command_line(self, adopted: Project) -> None:
        said = adopted.iac("secret", "set", ADDRESS, "value-on-the-line")
        assert said.code == 64
        assert "the secret on stdin" in said.err
        assert "value-on-the-line" not in said.err

    def test_a_client_without_a_secret_takes_none(self, adopted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        adopted.define("team/public", redirect_uris=["https://p.example.org/cb"], token_endpoint_auth_method="none")
        assert adopted.apply().code == 0
        said = set_secret(adopted, monkeypatch, KNOWN, "team/public")
        assert said.code == 1
        assert "uses no secret" in said.err

    def test_a_client_that_is_gone_is_told_as_gone(self, adopted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        store = adopted.sandbox.iam.world.store
        store.remove(adopted.registered(CLIENT_ID))
        said = set_secret(adopted, monkeypatch, KNOWN)
        assert said.code == 1
        assert "is not registered any more" in said.err

    def test_a_rotation_whose_answer_was_lost_is_settled(
        self, adopted: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from iac.sandbox.fault import Fault, FaultKind

        assert set_secret(adopted, monkeypatch, KNOWN).code == 0
        adopted.sandbox.faults.add(Fault(kind=FaultKind.CUT_BEFORE, method="POST", path="*/secret"))
        assert adopted.iac("rotate", "--auto-approve", ADDRESS).code == 5
        assert adopted.iac("plan", "--detailed-exitcode").code == 2
        assert set_secret(adopted, monkeypatch, KNOWN).code == 0
        assert (held(adopted)["status"], held(adopted)["version"]) == ("known", 1)
        assert adopted.apply().code == 0
        assert rendered(adopted) == KNOWN
        assert adopted.iac("plan", "--detailed-exitcode").code == 0


class TestImport:
    @pytest.mark.parametrize("text", [f"# known\n{ADDRESS}='{KNOWN}'\n", json.dumps({ADDRESS: KNOWN})])
    def test_a_file_of_secrets_is_stored(self, adopted: Project, text: str) -> None:
        said = import_secrets(adopted, text)
        assert said.code == 0, said.err
        assert "remove secrets.env" in said.err
        assert adopted.apply().code == 0
        assert rendered(adopted) == KNOWN

    @ONLY_NEWEST
    def test_one_that_is_refused_keeps_all_from_being_stored(self, adopted: Project) -> None:
        adopted.define("team/other", redirect_uris=["https://other.example.org/cb"])
        assert adopted.apply().code == 0
        before = adopted.read(".iac/state.json")
        said = import_secrets(adopted, f"{ADDRESS}={KNOWN}\nteam/other=wrong-secret\n")
        assert (said.code, adopted.read(".iac/state.json")) == (1, before)
        assert "team/other: the server refuses it" in said.err
        assert f"{ADDRESS}: the server" not in said.err
        assert "wrong-secret" not in said.err

    @ONLY_NEWEST
    def test_every_address_that_is_not_in_state_is_named(self, adopted: Project) -> None:
        said = import_secrets(adopted, f"{ADDRESS}={KNOWN}\nteam/x=1\nteam/y=2\n")
        assert said.code == 1
        assert "team/x: not in state" in said.err
        assert "team/y: not in state" in said.err

    @ONLY_NEWEST
    def test_mistakes_in_the_file_are_told_by_line(self, adopted: Project) -> None:
        said = import_secrets(adopted, f"{KNOWN}\n{ADDRESS}=\n")
        assert said.code == 1
        assert "line 1: not of the form ADDR=secret; line 2: the secret is empty" in said.err

    @ONLY_NEWEST
    def test_it_is_read_from_stdin_too(self, adopted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        data = f"{ADDRESS}={KNOWN}\n".encode()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
            said = adopted.iac("secret", "import", "-")
        assert said.code == 0
        assert "remove" not in said.err

    @ONLY_NEWEST
    def test_a_file_that_is_not_there_is_told(self, adopted: Project) -> None:
        said = adopted.iac("secret", "import", "nothing.env")
        assert said.code == 1
        assert "the file cannot be read: nothing.env" in said.err
