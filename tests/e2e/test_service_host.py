"""A service's host: its identity opens its own client's secret and no other."""

from __future__ import annotations

import json
import os
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from iac.cli import failure
from iac.sealing import new_identity
from tests.e2e.test_canary import forms

if TYPE_CHECKING:
    from tests.e2e.project import Project, Said

PORTAL, OTHER = "team/portal", "team/other"
BOTH = "outputs: [{template: json, path: out/both.json, clients: {portal: team/portal, other: team/other}}]\n"


class Host:
    """A project with two clients; the identity at hand opens the portal's secret alone."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.owner = os.environ["IAC_AGE_IDENTITY"]
        identity, self.recipient = new_identity()
        self.identity = identity.reveal()
        self._monkeypatch = monkeypatch
        self.name(self.recipient)
        project.define(
            OTHER, grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": "out/other.env"}]
        )
        assert project.apply().code == 0
        self.rendered = project.read("out/portal.env")
        self.secrets = {name: str(project.registered(f"team-{name}").client_secret) for name in ("portal", "other")}
        self.arrive()

    def name(self, *recipients: str) -> None:
        """Whom the portal's definition lets in."""
        values = json.loads(self.project.read(f"clients.d/{PORTAL}.yaml"))
        self.project.define(PORTAL, **{**values, "recipients": recipients})

    def arrive(self) -> None:
        """As on the host: nothing is rendered yet, no login, an identity of its own."""
        notes = (self.project.root / ".iac").glob("*.outputs")  # of the machine that applied
        for file in (*(self.project.root / "out").iterdir(), *notes):
            file.unlink()
        for variable in ("IAC_CLIENT_ID", "IAC_CLIENT_SECRET"):
            self._monkeypatch.delenv(variable, raising=False)
        self._monkeypatch.setenv("IAC_AGE_IDENTITY", self.identity)

    def leave(self) -> None:
        """As on the machine of those who own the state."""
        self._monkeypatch.setenv("IAC_AGE_IDENTITY", self.owner)
        self._monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-rw")
        self._monkeypatch.setenv("IAC_CLIENT_SECRET", "secret")

    def files(self) -> set[str]:
        return {file.name for file in (self.project.root / "out").iterdir()}


@pytest.fixture
def flavour() -> str:
    return "1.14"


@pytest.fixture
def host(project: Project, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(project, monkeypatch)


def test_it_renders_its_own_client_without_login_and_server(host: Host) -> None:
    asked = len(host.project.sandbox.server.log)
    said = host.project.iac("render", "--target", PORTAL)
    assert (0, "written    out/portal.env\n", "") == (said.code, said.out, said.err)
    assert host.rendered == host.project.read("out/portal.env")
    assert {"portal.env"} == host.files()
    assert 0 == host.project.iac("render", "--check", "--target", PORTAL).code
    assert asked == len(host.project.sandbox.server.log)


def test_a_file_of_state_that_it_may_only_read_is_enough(host: Host) -> None:
    folder = host.project.root / ".iac"
    # The note of what this machine has written is the machine's own, and no part of the state.
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".outputs"}
    assert 0 == host.project.iac("render", "--target", PORTAL).code
    assert before == {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".outputs"}


def test_without_a_target_the_closed_clients_are_named_with_the_target_that_would_do(host: Host) -> None:
    said = host.project.iac("render")
    assert 1 == said.code
    assert [
        "failed     out/other.env: the age identity does not open this secret: team/other",
        "written    out/portal.env",
    ] == sorted(said.out.splitlines())
    assert "error: some outputs could not be rendered: team/other\n" in said.err
    assert "fix: iac render --target team/portal renders what it opens" in said.err
    assert {"portal.env"} == host.files()


def test_a_target_that_stays_closed_says_so(host: Host) -> None:
    said = host.project.iac("render", "--target", OTHER)
    assert 1 == said.code
    assert "some outputs could not be rendered: team/other" in said.err
    assert "name the clients that it opens by --target" in said.err
    assert "iac state rekey" in said.err
    assert set() == host.files()


def test_an_output_of_two_clients_needs_both(host: Host) -> None:
    host.project.write("iac.yaml", host.project.read("iac.yaml") + BOTH)
    said = host.project.iac("render", "--target", PORTAL, "--format", "json")
    assert 1 == said.code
    outputs = {each["path"]: each for each in said.json()["outputs"]}
    assert ("written", []) == (outputs["out/portal.env"]["status"], outputs["out/portal.env"]["closed"])
    assert ("failed", [OTHER]) == (outputs["out/both.json"]["status"], outputs["out/both.json"]["closed"])
    assert "some outputs could not be rendered: team/other" in said.err
    assert {"portal.env"} == host.files()


def test_a_stranger_hears_all_clients_that_stay_closed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.project.write("iac.yaml", host.project.read("iac.yaml") + BOTH)
    monkeypatch.setenv("IAC_AGE_IDENTITY", new_identity()[0].reveal())
    said = host.project.iac("render")
    assert 1 == said.code
    assert "error: some outputs could not be rendered: team/other, team/portal\n" in said.err
    assert "name the clients that it opens by --target" in said.err
    assert "out/both.json: the age identity does not open this secret: team/portal, team/other" in said.out
    assert set() == host.files()


def test_a_host_that_was_added_later_waits_for_rekey(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    identity, recipient = new_identity()
    host.leave()
    host.name(host.recipient, recipient)
    plan = host.project.iac("plan", "--detailed-exitcode", "--format", "json")
    assert (0, ["sealed-to-others", "recipient-added"]) == (
        plan.code,
        [finding["id"] for finding in plan.json()["findings"]],
    )
    monkeypatch.setenv("IAC_AGE_IDENTITY", identity.reveal())
    assert 1 == host.project.iac("render", "--target", PORTAL).code
    host.leave()
    assert 0 == host.project.iac("state", "rekey").code
    assert [] == host.project.iac("plan", "--format", "json").json()["findings"]
    for key in (identity.reveal(), host.identity):
        monkeypatch.setenv("IAC_AGE_IDENTITY", key)
        assert 0 == host.project.iac("render", "--target", PORTAL).code


def test_a_host_that_was_taken_out_does_not_open_the_next_secret(host: Host) -> None:
    host.leave()
    host.name()
    assert 0 == host.project.iac("rotate", PORTAL, "--auto-approve").code
    host.arrive()
    assert 1 == host.project.iac("render", "--target", PORTAL).code


def test_a_recipient_that_is_none_stops_before_anything_is_sent(host: Host) -> None:
    host.leave()
    host.name("ssh-ed25519 AAAA")
    values = json.loads(host.project.read(f"clients.d/{PORTAL}.yaml"))
    host.project.define(PORTAL, **{**values, "secret": {"serial": 2}})
    said = host.project.apply()
    assert 1 == said.code
    assert "a recipient is not an age or ssh public key: ssh-ed25519 AAAA" in said.err
    assert host.secrets["portal"] == host.project.registered("team-portal").client_secret


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_each_environment_has_hosts_of_its_own(project: Project, environment: str) -> None:
    (_, usual), (_, prod) = new_identity(), new_identity()
    project.write(
        "iac.yaml",
        project.read("iac.yaml").partition("  path:")[0].rpartition("state:")[0]
        + "environments: {dev: {}, prod: {}}\n",
    )
    values = json.loads(project.read(f"clients.d/{PORTAL}.yaml"))
    project.define(PORTAL, **{**values, "recipients": [usual], "environments": {"prod": {"recipients": [prod]}}})
    assert 0 == project.iac("--env", environment, "state", "init").code
    assert 0 == project.iac("--env", environment, "apply", "--auto-approve").code
    shown = project.iac("--env", environment, "state", "show", PORTAL, "--format", "json").json()
    assert [{"dev": usual, "prod": prod}[environment]] == shown["secret"]["recipients"]


def test_no_secret_of_another_client_is_anywhere_on_the_host(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """stdout, stderr, -vv, all files of the project, and errors with the locals of all their frames."""
    host.project.write("iac.yaml", host.project.read("iac.yaml") + BOTH)
    errors: list[str] = []
    report = failure.report

    def kept(error: Exception, **how: Any) -> int:
        errors.append("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
        return report(error, **how)

    monkeypatch.setattr(failure, "report", kept)
    commands: list[list[str]] = [
        ["render"], ["render", "--target", PORTAL], ["render", "--target", OTHER], ["render", "--check"],
        ["render", "--format", "json"], ["state", "rekey"], ["state", "mv", OTHER, "team/mine"], ["state", "pull"],
        ["state", "show", OTHER], ["state", "show", OTHER, "--format", "json"], ["state", "list", "--format", "json"],
        ["validate"],
    ]  # fmt: skip
    told = [_told(host.project.iac("-vv", *command)) for command in commands]
    files = {
        path.name: path.read_bytes().decode("utf-8", "replace")
        for path in host.project.root.rglob("*")
        if path.is_file()
    }
    assert {"portal.env"} == host.files()
    assert host.secrets["portal"] in files["portal.env"]
    assert 7 == len(errors)
    for form in forms(host.secrets["other"]):
        assert [] == [where for where, text in files.items() if form in text]
        assert [] == [text for text in [*told, *errors] if form in text]
    for form in forms(host.identity):
        assert [] == [text for text in [*told, *files.values(), *errors] if form in text]


def _told(said: Said) -> Any:
    return said.out + said.err
