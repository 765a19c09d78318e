"""A project on disk with commands to run in it, and its server."""

from __future__ import annotations

import json
import re
import signal
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iac.cli import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from iac.sandbox.model import Client
    from iac.sandbox.server import Sandbox

FLAVOURS = ("1.12", "1.13", "1.14")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def with_lineage(iac_yaml: str) -> str:
    """A lineage as `iac state init` would write it: its edit that keeps comments takes half of what a test costs."""
    return iac_yaml.replace("\nstate:\n", f"\nstate:\n  lineage: {uuid.uuid4()}\n", 1)


def heed_ctrl_c() -> None:
    """A suite that runs in the background hands down an ignored SIGINT; a command at a terminal does not get that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Project:
    """A project on disk, with commands to run in it."""

    def __init__(self, root: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.sandbox = sandbox
        self._capsys = capsys

    def iac(self, *arguments: str) -> Said:
        """Run one command in this process."""
        self._capsys.readouterr()
        code = run(["-C", str(self.root), *arguments])
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        return Said(code, said.out, said.err)

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def define(self, address: str, **values: Any) -> None:
        """A definition; JSON is YAML."""
        given = {"client_id": address.replace("/", "-"), "client_name": f"Client {address}", **values}
        self.write(f"clients.d/{address}.yaml", json.dumps(given, indent=1))

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def registered(self, client_id: str) -> Client:
        """A client as the server holds it, secret and all."""
        client = self.sandbox.iam.world.store.find(client_id)
        assert client is not None
        return client

    def by_hand(self, client_id: str, **values: Any) -> None:
        """Somebody changes a client on the server, past the tool."""
        self.sandbox.iam.world.store.put(replace(self.registered(client_id), **values))

    def apply(self, *arguments: str) -> Said:
        return self.iac("apply", "--auto-approve", *arguments)

    def keep_state_in(self, place: str) -> None:
        """A new state elsewhere: `place` are keys of `state` in iac.yaml."""
        self.edit("iac.yaml", "backend: file\n  path: .iac/state.json", place)
        self.write("iac.yaml", with_lineage(re.sub(r"\n +lineage: .*", "", self.read("iac.yaml"))))
        made = self.iac("state", "init")
        assert made.code == 0, made.err

    def edit(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert old in text
        self.write(path, text.replace(old, new))


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
