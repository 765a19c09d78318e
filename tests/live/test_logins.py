"""People's logins for real: Debian's oidc-agent, and the device code flow of `iac` at a terminal; a user's yes by HTTP.

`iac` is a process of its own in all of them, the server is the sandbox.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import Sandbox, start_sandbox
from iac.sealing import new_identity
from tests.e2e.project import IAC_YAML, heed_ctrl_c
from tests.providers.people import CLIENT_ID, CLIENT_SECRET, add_client, code_in, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.live
AUTH = "auth: {method: client_credentials, client_id: {env: IAC_CLIENT_ID}, client_secret: {env: IAC_CLIENT_SECRET}}"
PATIENCE = 60.0


@dataclass
class Home:
    """A user's home with a project in it, and what processes of that user get."""

    root: Path
    sandbox: Sandbox
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env={**self.environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def iac(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """One run of `iac`, off a terminal."""
        done = self.run(sys.executable, "-m", "iac", "-C", str(self.root / "project"), *arguments, **more)
        assert "Traceback" not in done.stderr
        return done

    def log_in_by(self, auth: str) -> None:
        path = self.root / "project" / "iac.yaml"
        path.write_text(re.sub(r"(?m)^auth:.*$", lambda _: f"auth: {auth}", path.read_text()))

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.sandbox.log]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A project that is valid, its state made, nothing applied; a client for people at the server."""
    identity, recipient = new_identity()
    with start_sandbox("1.14") as sandbox:
        add_client(sandbox.iam)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": os.getcwd(),  # noqa: PTH109  # as it is, for a process
            "IAC_AGE_IDENTITY": identity.reveal(),
            "PEOPLE_SECRET": CLIENT_SECRET,
        }
        made = Home(tmp_path, sandbox, environ)
        project = tmp_path / "project"
        (project / "clients.d").mkdir(parents=True)
        (project / "iac.yaml").write_text(IAC_YAML.format(issuer=sandbox.issuer, recipient=recipient))
        definition = {
            "client_id": "portal",
            "client_name": "Portal",
            "redirect_uris": ["https://portal.example.org/cb"],
            "outputs": [{"template": "dotenv", "path": "out/portal.env"}],
        }
        (project / "clients.d" / "portal.yaml").write_text(json.dumps(definition))
        assert made.iac("state", "init").returncode == 0
        yield made


# --- oidc-agent


@contextmanager
def agent(home: Home) -> Iterator[None]:
    """A running oidc-agent of this user; ended by its process id."""
    started = home.run("oidc-agent", "--json", "--no-webserver", "--no-scheme", "-a", f"{home.root}/XXXXXX/agent")
    assert started.returncode == 0, started.stderr
    said = json.loads(started.stdout)
    home.environ["OIDC_SOCK"], pid = said["socket"], int(said["dpid"])
    try:
        yield
    finally:
        os.kill(pid, signal.SIGTERM)
        _gone(pid)


def _gone(pid: int) -> None:
    """Wait until a process that is no child of ours has ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":  # nobody may be there to ask how it ended
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} does not end")


def generate(home: Home, account: str, scope: str) -> None:
    """`oidc-gen` with the device code flow; the user approves on the server's pages."""
    command = [
        *("oidc-gen", "--manual", "--prompt=none", "--confirm-default", "--pw-env=OIDC_ENCRYPTION_PW", "--flow=device"),
        *(f"--iss={home.sandbox.issuer}", f"--client-id={CLIENT_ID}", f"--client-secret={CLIENT_SECRET}"),
        *(f"--scope={scope}", "--redirect-uri=http://localhost:4242", account),
    ]
    running = subprocess.Popen(
        command,
        env={**home.environ, "OIDC_ENCRYPTION_PW": "hush"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with _ended(running):
        assert running.stdout is not None
        said = ""
        for line in running.stdout:
            said += line
            if found := re.search(r"enter the code: ([\w-]+)", line):
                decide(home.sandbox.url, found[1])
        assert running.wait(PATIENCE) == 0, said


@contextmanager
def _ended(running: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever happens, the process ends within a minute and with the test."""
    timer = threading.Timer(PATIENCE, running.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        running.kill()
        running.communicate()


@pytest.fixture
def accounts(home: Home) -> Iterator[Home]:
    """An agent with an account that may write, and one that may not."""
    if shutil.which("oidc-agent") is None:
        pytest.fail("oidc-agent is not installed; tests/live/run.sh installs it")
    with agent(home):
        generate(home, "prod", "openid offline_access iam:admin.read iam:admin.write")
        generate(home, "reader", "openid offline_access iam:admin.read")
        yield home


def test_iac_plans_and_applies_by_debian_s_oidc_agent(accounts: Home) -> None:
    accounts.log_in_by("{method: oidc-agent, account: prod}")

    who = accounts.iac("whoami", "--format", "json")
    assert who.returncode == 0, who.stderr
    said = json.loads(who.stdout)
    assert "oidc-agent, account prod" == said["login"]
    assert accounts.sandbox.iam.world.store.accounts[said["subject"]].username == "admin"
    assert {"iam:admin.read", "iam:admin.write"} <= set(said["scopes"])

    assert accounts.iac("plan", "--detailed-exitcode").returncode == 2
    applied = accounts.iac("apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr
    assert accounts.iac("plan", "--detailed-exitcode").returncode == 0
    assert accounts.sandbox.iam.world.store.find("portal")


def test_an_agent_s_account_that_may_only_read_plans_and_does_not_apply(accounts: Home) -> None:
    accounts.log_in_by("{method: oidc-agent, account: reader}")
    assert accounts.iac("plan").returncode == 0

    refused = accounts.iac("apply", "--auto-approve")
    assert refused.returncode == 6
    assert "oidc-agent gives no token: oidc-token reader" in refused.stderr
    assert "invalid_scope" in refused.stderr
    assert accounts.sandbox.iam.world.store.find("portal") is None


def test_a_token_that_the_server_ended_is_got_anew_from_the_agent(accounts: Home) -> None:
    accounts.log_in_by("{method: oidc-agent, account: prod}")
    assert accounts.iac("plan").returncode == 0
    accounts.sandbox.iam.world.store.tokens.clear()

    assert accounts.iac("plan").returncode == 0


def test_an_account_that_is_not_there_and_an_agent_that_is_not_there(accounts: Home) -> None:
    accounts.log_in_by("{method: oidc-agent, account: nobody}")
    refused = accounts.iac("plan")
    assert (6, True) == (refused.returncode, "No account configured with that short name" in refused.stderr)

    del accounts.environ["OIDC_SOCK"]
    refused = accounts.iac("plan")
    assert (6, True) == (refused.returncode, "eval $(oidc-agent-service use)" in refused.stderr)


# --- device code, at a terminal


def at_a_terminal(home: Home, *arguments: str, gives_up: bool = False) -> tuple[int, str, str]:
    """`iac` with a terminal as stdin and stderr: exit code, what stdout and the terminal got.

    Somebody approves what is shown, or presses Ctrl-C then.
    """
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "iac", "-C", str(home.root / "project"), *arguments],
        env=home.environ,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509  # it only sets a signal
    )
    os.close(theirs)

    def act(words: str) -> None:
        if gives_up:
            running.send_signal(signal.SIGINT)
        else:
            assert decide(home.sandbox.url, code_in(words)) == "The device was approved"

    with _ended(running):
        shown = _watch(ours, act)
        assert running.stdout is not None
        out = running.stdout.read()
        return running.wait(PATIENCE), out, shown


def _watch(terminal: int, act: Callable[[str], None]) -> str:
    """Read the terminal to its end; when a login is asked for on it, somebody acts once."""
    shown, is_done = "", False
    with open(terminal, "rb", buffering=0) as stream, suppress(OSError):  # a terminal that nobody has open is an error
        while data := stream.read(4096):
            shown += data.decode().replace("\r\n", "\n")
            if not is_done and "gives up." in shown:
                is_done = True
                act(shown)
    return shown


@pytest.fixture
def people(home: Home) -> Home:
    home.log_in_by("{method: device, client_id: people, client_secret: {env: PEOPLE_SECRET}}")
    return home


def test_a_person_at_a_terminal_plans_and_applies_by_device_code(people: Home) -> None:
    code, out, shown = at_a_terminal(people, "plan")
    assert (0, True) == (code, "create" in out), shown
    assert f"{people.sandbox.url}/device" in shown

    kept = sorted((people.root / ".cache" / "iac" / "tokens").glob("*.json"))
    assert [0o600] == [path.stat().st_mode & 0o777 for path in kept]
    assert people.iac("plan").returncode == 0, "the kept login serves off a terminal"

    code, _, shown = at_a_terminal(people, "apply", "--auto-approve")
    assert code == 0, shown
    assert people.iac("plan", "--detailed-exitcode").returncode == 0
    assert people.sandbox.iam.world.store.find("portal")
    assert people.paths().count("/devicecode") == 2


def test_a_kept_login_is_renewed_when_its_token_has_ended(people: Home) -> None:
    assert at_a_terminal(people, "whoami")[0] == 0
    people.sandbox.iam.world.store.tokens.clear()

    assert people.iac("plan").returncode == 0
    assert people.paths().count("/devicecode") == 1


def test_ctrl_c_ends_the_wait(people: Home) -> None:
    code, _, shown = at_a_terminal(people, "plan", gives_up=True)

    assert 130 == code, shown
    assert not list((people.root / ".cache").rglob("*.json"))


def test_off_a_terminal_nobody_is_waited_for(people: Home) -> None:
    refused = people.iac("plan")

    assert (6, True) == (refused.returncode, "there is no terminal" in refused.stderr)
    assert "/devicecode" not in people.paths()
