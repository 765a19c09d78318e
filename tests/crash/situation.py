"""A project and its server just before a run that does a bit of everything."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from iac.sealing import new_identity
from tests.crash.home import discard
from tests.fakes.provider import LOGIN
from tests.fakes.world import OWNERS
from tests.forking import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from iac.sandbox.model import Client
    from iac.sandbox.server import Sandbox
    from iac.sandbox.store import Store
    from tests.crash.home import Home
    from tests.forking import Ended

ONE_BY_ONE = ("apply", "--auto-approve", "--parallelism", "1")

UNREACHABLE = 6

MADE_UP = re.compile(rb"(?=[\w+/=-]*[A-Z0-9])[\w+/=-]{16,}|\b[0-9a-f]{7,}\b|[0-9]+")
"""What is otherwise in each run: ids, secrets, what is sealed, times, names of temporary files."""

Definitions = dict[str, dict[str, Any]]

CODE = {"grant_types": ["authorization_code"], "redirect_uris": ["https://app.example.org/cb"]}
ROBOT = {"grant_types": ["client_credentials"]}


def _output(path: str, template: str = "dotenv") -> list[dict[str, str]]:
    return [{"template": template, "path": path}]


BEFORE: Definitions = {
    "team/updated": {**CODE, "owners": [OWNERS[0]], "outputs": _output("out/updated.env")},
    "team/rotated": {**ROBOT, "outputs": _output("out/rotated.json", "json")},
    "team/both": {**ROBOT, "outputs": _output("out/both.env")},
    "team/opened": {**CODE, "token_endpoint_auth_method": "none", "outputs": _output("out/opened.env")},
    "team/closed": {**CODE, "outputs": _output("out/closed.env")},
    "team/moved": {**ROBOT, "outputs": _output("out/moved.env")},
    "team/renamed": {**ROBOT, "outputs": _output("out/renamed.env")},
    "team/staying": {
        **ROBOT,
        "lifecycle": {"rotation": "replace", "grace": "1d"},
        "outputs": _output("out/staying.env"),
    },
    "team/gone": {**ROBOT, "outputs": _output("out/gone.env")},
    "team/let-go": {**ROBOT},
}
AFTER: Definitions = {
    "team/updated": {**BEFORE["team/updated"], "contacts": ["ops@example.org"], "owners": [OWNERS[1]]},
    "team/rotated": {**BEFORE["team/rotated"], "secret": {"serial": 2}},
    "team/both": {**BEFORE["team/both"], "client_name": "Another name", "secret": {"serial": 2}},
    "team/opened": {**BEFORE["team/opened"], "token_endpoint_auth_method": "client_secret_basic"},
    "team/closed": {**BEFORE["team/closed"], "token_endpoint_auth_method": "none"},
    "team/renamed": {**BEFORE["team/renamed"], "client_id": "renamed"},
    "team/staying": {**BEFORE["team/staying"], "secret": {"serial": 2}},
    "new/moved": {**BEFORE["team/moved"], "client_id": "team-moved", "client_name": "Client team/moved"},
    "new/plain": {**ROBOT, "outputs": _output("out/plain.env")},
    "new/forced": {**CODE, "allow_introspection": False, "owners": [OWNERS[1]]},
    "hand/grafana": {
        "client_id": "grafana",
        "client_name": "Grafana",
        "adopt": True,
        "grant_types": ["authorization_code"],
        "redirect_uris": ["https://grafana.example.org/login/generic_oauth"],
        "scope": ["openid", "profile", "email"],
        "contacts": ["others@example.org"],
        "outputs": _output("out/grafana.env"),
    },
}
IAC_YAML = """\
project: demo
issuer: {issuer}
provider: iam-admin
auth: {{method: client_credentials, client_id: {{env: IAC_CLIENT_ID}}, client_secret: {{env: IAC_CLIENT_SECRET}}}}
state:
  {home}
  encryption: {{recipients: [{recipient}], identity: {{env: IAC_AGE_IDENTITY}}}}
"""
LEAVING = """\
removed: [{address: team/gone, then: delete}, {address: team/let-go, then: forget}]
moved: [{from: team/moved, to: new/moved}]
outputs: [{template: json, path: out/pair.json, clients: {old: team/rotated, new: new/plain}}]
"""


class Situation:
    """The prepared project and server, and a project to try on; `again` puts both back.

    Attributes:
        calls: what a run that nothing interrupts does, one request at a time; the same each time but for made-up names.
        store: the server's memory just before the run.
    """

    def __init__(self, folder: Path, sandbox: Sandbox, home: Home) -> None:
        self.sandbox = sandbox
        self.home = home
        self.root, self._prepared, self._elsewhere = folder / "project", folder / "prepared", folder / "elsewhere"
        self._elsewhere.mkdir()
        self.identity, recipient = new_identity()
        self._commands = Commands(self._environ(), folder)
        self._write("iac.yaml", IAC_YAML.format(issuer=sandbox.issuer, recipient=recipient, home=home.settings))
        self._define(BEFORE)
        for command in (("state", "init"), ("apply", "--auto-approve")):
            assert self.iac(*command).code == 0
        shutil.rmtree(self.root / "clients.d")
        self._define(AFTER)
        self._write("iac.yaml", (self.root / "iac.yaml").read_text(encoding="utf-8") + LEAVING)
        self.root.rename(self._prepared)
        home.keep()
        self.store: Store = copy.deepcopy(sandbox.iam.world.store)
        self.again()
        self.calls = self.iac(*ONE_BY_ONE).calls

    def close(self) -> None:
        """End the process that commands are forked from."""
        self._commands.close()

    def _environ(self) -> Mapping[str, str]:
        elsewhere = str(self._elsewhere)
        return {
            "IAC_CLIENT_ID": LOGIN[0],
            "IAC_CLIENT_SECRET": LOGIN[1],
            "IAC_AGE_IDENTITY": self.identity.reveal(),
            "HOME": elsewhere,
            "TMPDIR": elsewhere,
            "PATH": os.environ["PATH"],
        }

    def _define(self, definitions: Definitions) -> None:
        for address, values in definitions.items():
            given = {"client_id": address.replace("/", "-"), "client_name": f"Client {address}", **values}
            self._write(f"clients.d/{address}.yaml", json.dumps(given, indent=1))

    def _write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def iac(self, *arguments: str, **last: Any) -> Ended:
        """One command in the project, in a process of its own; the server is at rest when this returns."""
        return self._commands.run_to_rest(self.sandbox, self.root, *arguments, **last)

    def again(self) -> None:
        """The project and the server as they were just before the run."""
        discard(self.root)
        shutil.copytree(self._prepared, self.root)
        self._empty_elsewhere()
        self.home.again()
        self.sandbox.reset()
        self.sandbox.iam.world.store = copy.deepcopy(self.store)

    def end(self) -> Ended:
        """The plain run after an interruption.

        Where state is elsewhere it is on a new machine: the disk of the last one is gone, its lock is broken by name.
        """
        plain = ("apply", "--auto-approve")
        if not self.home.is_shared:
            return self.iac(*plain)
        discard(self.root)
        shutil.copytree(self._prepared, self.root, ignore=shutil.ignore_patterns(".iac", "out"))
        self._empty_elsewhere()
        ended = self.iac(*plain)
        if ended.code == UNREACHABLE:
            run_id = ended.err.split("iac state unlock ")[1].split()[0]
            assert self.iac("state", "unlock", run_id).code == 0
            ended = self.iac(*plain)
        return ended if ended.code else self.iac("render")

    def _empty_elsewhere(self) -> None:
        discard(self._elsewhere)
        self._elsewhere.mkdir()

    def before(self, client_id: str) -> Client:
        """A client as it was registered before the run."""
        client = self.store.find(client_id)
        assert client is not None
        return client

    def remains(self) -> tuple[object, ...]:
        """What the next run finds, but for made-up values: files, state elsewhere, what the server was asked."""
        disk = () if self.home.is_shared else (self.root, self._elsewhere)
        clients = [client.client_id for client in self.sandbox.iam.world.store.clients()]
        return (left_in(*disk), MADE_UP.sub(b"", self.home.text().encode()), clients, list(self.sandbox.log))

    def litter(self) -> Iterator[str]:
        """Temporary files and emergency copies, wherever a run may put them."""
        for folder in (self.root, self._elsewhere):
            for pattern in (".*.iac-tmp", "iac-run-*", "iac-state-emergency-*"):
                yield from (path.name for path in folder.rglob(pattern))


def left_in(*folders: Path) -> list[tuple[bytes, bytes]]:
    """Names and content of the files of folders, but for made-up values."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sorted((MADE_UP.sub(b"", os.fsencode(path)), MADE_UP.sub(b"", path.read_bytes())) for path in files)
