"""Each example of `--help` is run as it stands, on a project with applied clients and a sandbox of its own."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from iac.backends.lock import render_note
from iac.cli import run
from iac.ports import Holder
from iac.sandbox.access import issue_rat
from iac.sandbox.server import Sandbox, start_sandbox
from iac.sealing import new_identity
from tests.docs.commands_page import commands
from tests.e2e.project import IAC_YAML, Project, with_lineage
from tests.scenarios.sandbox import user_token
from tests.terminal import pretend_terminal
from tests.workflow.pipelines.site import Site, serve
from tests.workflow.pipelines.test_job import variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iac.cli.options import Example

EXAMPLES = [(name, example) for name, command in commands().items() for example in command.examples]
ENVIRONMENTS = "environments: {dev: {state: {path: .iac/dev.json}}, prod: {state: {path: .iac/prod.json}}}\n"
SELF_SERVICE = """\
client_name: Data portal
redirect_uris: [https://portal.example.org/cb]
scope: [openid]
"""
CODES = {"iac drift": 2}
"""What ends with another exit code than 0."""


def _gone(project: Project) -> None:
    project.edit("iac.yaml", "project: demo\n", "project: demo\nremoved: [{address: wiki, then: delete}]\n")
    (project.root / "clients.d/wiki.yaml").unlink()
    assert project.apply("--target", "wiki").code == 0


def _robots(project: Project) -> None:
    robot = {"grant_types": ["client_credentials"], "scope": ["openid"], "outputs": []}
    project.define("robot", **robot)
    project.define("hosted", **robot, jwks_uri="https://hosted.example.org/jwks.json")
    assert project.apply().code == 0


def _pushable(project: Project) -> None:
    project.write("state-copy.json", project.read(".iac/state.json"))
    assert project.iac("rotate", "portal", "--auto-approve").code == 0


def _locked(project: Project) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    note = render_note(Holder("3f9c2a7be1d04c58", "operator@host", now, now))
    project.write(".iac/state.json.lock", note.decode())


def _exported(project: Project) -> None:
    client = {"client_id": "exported", "client_name": "Exported", "client_secret": "known", "redirect_uris": []}
    project.write("export.json", json.dumps([{**client, "grant_types": ["client_credentials"], "scope": "openid"}]))


def _known(project: Project) -> None:
    secret = project.registered("portal").client_secret
    project.write("portal.secret", f"{secret}\n")
    project.write("secrets.env", f"portal={secret}\n")


def _nothing(project: Project) -> None:
    """A repository with a remote, and no project in it."""
    for path in project.root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    hub = project.root.with_name("hub.git")
    for words in (["init", "--bare", str(hub)], ["init"], ["remote", "add", "origin", str(hub)]):
        subprocess.run(["git", *words], cwd=project.root, check=True, capture_output=True, timeout=30)


def _environments(project: Project) -> None:
    project.edit("iac.yaml", "project: demo\n", f"project: demo\n{ENVIRONMENTS}")
    project.write("iac.yaml", re.sub(r"\n +lineage: .*", "", project.read("iac.yaml")))


def _registered_for_nobody(project: Project, *, has_new_token: bool) -> None:
    """A client of self service; a user who logs in, or a new registration access token in a file."""
    for path in ("clients.d/wiki.yaml", "clients.d/portal.yaml", ".iac/state.json"):
        (project.root / path).unlink()
    project.write("clients.d/portal.yaml", SELF_SERVICE)
    text = re.sub(r"\n(auth|provider| +lineage): .*", "", project.read("iac.yaml"))
    project.write("iac.yaml", with_lineage(f"{text}provider: iam-self-service\nauth: {{method: none}}\n"))
    assert project.iac("state", "init").code == 0
    assert project.apply().code == 0
    client_id = project.iac("state", "show", "portal", "--format", "json").json()["client_id"]
    if has_new_token:
        project.write("portal.token", issue_rat(project.sandbox.iam.world, project.registered(client_id)))
    else:
        project.edit("iac.yaml", "{method: none}", "{method: token, token: {env: IAC_TOKEN}}")


def _reached_by_token(project: Project) -> None:
    """A client of the server whose registration access token is in a file."""
    _registered_for_nobody(project, has_new_token=True)
    project.write("grafana.token", issue_rat(project.sandbox.iam.world, project.registered("grafana")))


def _request(project: Project) -> None:
    """A pull request, in a repository with a remote that has it."""
    hub = project.root.with_name("hub.git")
    named = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    copy = project.root.with_name("copy.json")
    copy.write_text(project.iac("state", "pull").out, encoding="utf-8")
    project.edit("iac.yaml", "  backend: file\n  path: .iac/state.json\n", "  backend: git\n")
    project.write(".gitignore", "/.iac/\n/out/\n")
    for words in (["init", "--bare", str(hub)], ["init"], ["remote", "add", "origin", str(hub)]):
        subprocess.run(["git", *words], cwd=project.root, check=True, capture_output=True, timeout=30)
    assert project.iac("state", "push", str(copy)).code == 0
    for words in (
        ["add", "."],
        [*named, "commit", "--message", "all"],
        ["push", "origin", "HEAD:refs/pull/1/head"],
    ):
        subprocess.run(["git", *words], cwd=project.root, check=True, capture_output=True, timeout=30)
    sha = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project.root, text=True, timeout=30).strip()
    event = project.root.with_name("event.json")
    event.write_text(json.dumps({"pull_request": {"number": 1, "head": {"sha": sha}}}), encoding="utf-8")


GIVEN: dict[str, Callable[[Project], object]] = {
    "ci plan": _request,
    "drift": lambda project: project.by_hand("portal", client_name="Changed by hand"),
    "fmt": lambda project: project.iac("fmt"),
    "import": _exported,
    "import by token": _reached_by_token,
    "init": _nothing,
    "keygen": _robots,
    "list": lambda project: project.by_hand("wiki", last_used="2026-01-31"),
    "redeem": partial(_registered_for_nobody, has_new_token=False),
    "secret import": _known,
    "secret set": _known,
    "secret token": partial(_registered_for_nobody, has_new_token=True),
    "state init": _environments,
    "state push": _pushable,
    "state restore": _gone,
    "state unlock": _locked,
}
"""What else is given for a command."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox("1.14") as running:
        yield running


@pytest.fixture
def forge() -> Iterator[Site]:
    with serve(lambda _: []) as site:
        yield site


@pytest.fixture
def project(
    tmp_path: Path,
    sandbox: Sandbox,
    forge: Site,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    """Two applied clients, in the folder where commands are run; somebody sits there and says yes.

    For `iac ci` it is a job of GitHub, whose commit came by no pull request.
    """
    identity, recipient = new_identity()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-rw")
    monkeypatch.setenv("IAC_CLIENT_SECRET", "secret")
    monkeypatch.setenv("IAC_AGE_IDENTITY", identity.reveal())
    monkeypatch.setenv("IAC_TOKEN", user_token(sandbox))
    monkeypatch.setenv("REGISTRATION_CLIENT_URI", f"{sandbox.issuer}iam/api/client-registration/grafana")
    monkeypatch.delenv("IAC_ISSUER", raising=False)
    made = Project(tmp_path / "project", sandbox, capsys)
    made.write("iac.yaml", with_lineage(IAC_YAML.format(issuer=sandbox.issuer, recipient=recipient)))
    for name in ("portal", "wiki"):
        made.define(
            name,
            redirect_uris=[f"https://{name}.example.org/cb"],
            scope=["openid"],
            outputs=[{"template": "dotenv", "path": f"out/{name}.env"}],
        )
    monkeypatch.chdir(made.root)
    for name, value in variables("github", forge.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    assert made.iac("state", "init").code == 0
    assert made.apply().code == 0
    pretend_terminal(monkeypatch, lambda stream: stream is not None and stream.readable())
    monkeypatch.setattr(click, "confirm", lambda *_, **__: True)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: sys.stdin.read())
    monkeypatch.setattr("iac.cli.sandbox.run", lambda *_: None)  # it runs until Ctrl-C; tests/sandbox starts it
    return made


def _run(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line of an example as a shell would run it; `iac` in this process."""
    words = list(map(os.path.expandvars, shlex.split(line)))
    if words[0] != "iac":
        subprocess.run(["bash", "-c", line], check=True, timeout=30)
        return
    given = Path("portal.secret").read_text(encoding="utf-8") if line == "iac secret set portal" else ""
    target = None
    if "<" in words:
        given = Path(words.pop()).read_text(encoding="utf-8")
        words.remove("<")
    if ">" in words:
        target = Path(words.pop()).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        words.remove(">")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    capsys.readouterr()
    code = run(words[1:])
    said = capsys.readouterr()
    assert (CODES.get(line, 0), line) == (code, line), said.out + said.err
    if target is not None:
        target.write_text(said.out, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "example"),
    [pytest.param(name, example, id=f"{name}: {example.purpose}") for name, example in EXAMPLES],
)
def test_an_example_does_what_it_says(
    name: str,
    example: Example,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = f"{name} by token" if " --uri " in example.lines else name
    if name in GIVEN:
        GIVEN[name](project)
    for line in example.lines.splitlines():
        _run(line, monkeypatch, capsys)
