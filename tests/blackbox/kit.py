"""The parts of a black-box test: a command line, a project on disk, a server whose answers a test can change.

Commands run in the process of the tests, each with an environment, folder, stdin, stdout and stderr of its own: a
process for each would cost ten times the CPU. Those that need a process are forked from one that has imported iac.
`IAC_TEST_COMMAND` (a command and its arguments, as in a shell) runs the tests against another version of iac, in
processes.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import uuid
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyrage import x25519

from iac.cli import run
from tests.forking import Commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from iac.sandbox.message import Request, Response
    from iac.sandbox.server import Sandbox

OTHER = shlex.split(os.environ.get("IAC_TEST_COMMAND", ""))
COMMAND = OTHER or [sys.executable, "-m", "iac"]
SECONDS = 60
"""Longer than any command of these tests takes; one that hangs is ended and its test fails."""

INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def json(self) -> Any:
        return json.loads(self.out)


class Project:
    """A project on disk. `env` is the environment of its commands, beside what every process needs.

    `needs_process` is for commands that are killed, or whose end as a process matters.
    """

    def __init__(self, root: Path, env: Mapping[str, str], *, needs_process: bool = False) -> None:
        self.root = root
        self.env = dict(env)
        self.needs_process = needs_process

    def iac(self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str = "", cwd: str = ".") -> Ended:
        """Run one command to its end. A traceback, a fault in iac itself or a hang fails the test."""
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        environ = {**inherited, "HOME": str(self.root.parent), **self.env, **(env or {})}
        start = _run_as_process if OTHER else _run_forked if self.needs_process else _run_here
        ended = start(arguments, environ, stdin, self.root / cwd)
        assert "Traceback" not in ended.text
        assert "a fault in iac itself" not in ended.text
        return ended

    def done(self, *arguments: str, **options: Any) -> Ended:
        """Run one command that has to end with 0."""
        ended = self.iac(*arguments, **options)
        assert 0 == ended.code, ended.text
        return ended

    def apply(self, *arguments: str) -> Ended:
        return self.iac("apply", "--auto-approve", *arguments)

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def json_file(self, path: str) -> Any:
        return json.loads(self.read(path))

    def edit(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert old in text
        self.write(path, text.replace(old, new))

    def define(self, address: str, **values: Any) -> None:
        """A definition; JSON is YAML."""
        given = {"client_id": address.replace("/", "-"), "client_name": f"Client {address}", **values}
        self.write(f"clients.d/{address}.yaml", json.dumps(given, indent=1) + "\n")

    def state(self) -> Any:
        """The state document of the file backend."""
        return json.loads(self.read(".iac/state.json"))


def _run_as_process(arguments: Sequence[str], environ: Mapping[str, str], stdin: str, folder: Path) -> Ended:
    """In a process."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@cache
def _commands() -> Commands:
    scratch = Path(tempfile.mkdtemp())
    commands = Commands(os.environ, scratch)
    atexit.register(shutil.rmtree, scratch)
    atexit.register(commands.close)
    return commands


def _run_forked(arguments: Sequence[str], environ: Mapping[str, str], stdin: str, folder: Path) -> Ended:
    ended = _commands().run_in(environ, folder, *arguments, given=stdin)
    return Ended(ended.code, ended.out, ended.err)


def _run_here(arguments: Sequence[str], environ: Mapping[str, str], stdin: str, folder: Path) -> Ended:
    given, out, err = (io.TextIOWrapper(io.BytesIO(data), encoding="utf-8") for data in (stdin.encode(), b"", b""))
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        patch.setattr(tempfile, "tempdir", None)  # it remembers TMPDIR of the command before
        for name in os.environ.keys() - environ.keys():
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        for name, stream in (("stdin", given), ("stdout", out), ("stderr", err)):
            patch.setattr(sys, name, stream)
        code = run(arguments)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Ended(code, *texts)


IAC_YAML = """\
project: demo
issuer: {issuer}
provider: iam-admin
auth: {{method: client_credentials, client_id: {{env: IAC_CLIENT_ID}}, client_secret: {{env: IAC_CLIENT_SECRET}}}}
state:
  backend: file
  path: .iac/state.json
  encryption: {{recipients: [{recipient}], identity: {{env: IAC_AGE_IDENTITY}}}}
"""


def make_project(root: Path, sandbox: Sandbox, *, iac_yaml: str = IAC_YAML) -> Project:
    """A project whose state is made and that defines no client yet."""
    identity = x25519.Identity.generate()
    project = Project(
        root,
        {
            "IAC_CLIENT_ID": "admin-client-rw",
            "IAC_CLIENT_SECRET": "secret",
            "IAC_AGE_IDENTITY": str(identity),
        },
    )
    root.mkdir(parents=True)
    text = iac_yaml.format(issuer=sandbox.issuer, recipient=identity.to_public())
    # The lineage as `iac state init` would write it: its edit that keeps comments takes half of what a test costs.
    project.write("iac.yaml", text.replace("\nstate:\n", f"\nstate:\n  lineage: {uuid.uuid4()}\n", 1))
    project.done("state", "init")
    return project


@contextmanager
def bent(sandbox: Sandbox, bend: Callable[[Request, Callable[[], Response]], Response]) -> Iterator[None]:
    """Within the context every request is answered by `bend`."""
    straight = sandbox.server.answer

    def answer(request: Request) -> Response:
        return bend(request, lambda: straight(request))

    sandbox.server.answer = answer  # type: ignore[method-assign]
    try:
        yield
    finally:
        del sandbox.server.answer


def with_members(response: Response, **members: Any) -> Response:
    """The same answer with these members of its JSON object in the place of its own."""
    return replace(response, body=json.dumps({**json.loads(response.body), **members}).encode())


def by_hand(sandbox: Sandbox, client_id: str, **values: Any) -> None:
    """Somebody changes a client on the server, past iac."""
    store = sandbox.iam.world.store
    client = store.find(client_id)
    assert client is not None
    store.put(replace(client, **values))


def register_by_hand(sandbox: Sandbox, client_id: str, **values: Any) -> None:
    """Somebody registers a client on the server, past iac."""
    store = sandbox.iam.world.store
    template = store.find("admin-client-ro")
    assert template is not None
    given = {"client_name": f"Client {client_id}", "client_secret": "made-by-hand", "scope": ("openid",), **values}
    store.put(replace(template, key=store.new_key(), client_id=client_id, **given))
