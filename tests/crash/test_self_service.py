"""kill -9 anywhere in a run by self service, where the server chooses the only id: no second client without a word.

Nobody logs in, so each client has a token that must not be lost, and a PUT brings another. The run creates, changes and
deletes. In `make test` the deaths are a spread; every one in `make live`.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from iac.sandbox.server import start_sandbox
from iac.sealing import new_identity
from tests.crash.calls import points_of
from tests.crash.situation import ONE_BY_ONE
from tests.fakes.provider import logs_in
from tests.forking import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from iac.sandbox.server import Sandbox
    from iac.sandbox.store import Store
    from tests.crash.calls import Point
    from tests.forking import Ended

REFUSED = 3
IAC_YAML = """\
project: open
issuer: {issuer}
provider: {provider}
auth: {{method: none}}
state: {{encryption: {{recipients: [{recipient}], identity: {{env: IAC_AGE_IDENTITY}}}}}}
"""


class Open:
    """A project at an open server, just before a run; `again` puts both back."""

    def __init__(self, folder: Path, sandbox: Sandbox, provider: str = "iam-self-service") -> None:
        self.sandbox = sandbox
        self.root, self._prepared = folder / "project", folder / "prepared"
        identity, recipient = new_identity()
        environ = {"IAC_AGE_IDENTITY": identity.reveal(), "HOME": str(folder), "PATH": os.environ["PATH"]}
        self._commands = Commands(environ, folder)
        world = sandbox.iam.world
        world.settings = replace(world.settings, rat_validity_seconds=0)
        self._write("iac.yaml", IAC_YAML.format(issuer=sandbox.issuer, recipient=recipient, provider=provider))
        self.define("changed")
        self.define("gone")
        for command in (("state", "init"), ("apply", "--auto-approve")):
            assert self.iac(*command).code == 0
        self.define("changed", contacts=["ops@example.org"])
        self.define("new")
        (self.root / "clients.d/gone.yaml").unlink()
        text = (self.root / "iac.yaml").read_text(encoding="utf-8")
        self._write("iac.yaml", text + "removed: [{address: gone, then: delete}]\n")
        self.root.rename(self._prepared)
        self._store: Store = copy.deepcopy(sandbox.iam.world.store)
        self._settings = sandbox.iam.world.settings
        self.again()
        self.calls = self.iac(*ONE_BY_ONE).calls

    def close(self) -> None:
        self._commands.close()

    def define(self, address: str, **values: Any) -> None:
        given = {
            "client_name": f"Client {address}",
            "redirect_uris": ["https://app.example.org/cb"],
            "scope": ["openid"],
            "outputs": [{"template": "json", "path": f"out/{address}.json"}],
        }
        self._write(f"clients.d/{address}.yaml", json.dumps({**given, **values}))

    def _write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def iac(self, *arguments: str, last: Point | None = None) -> Ended:
        return self._commands.run_to_rest(self.sandbox, self.root, *arguments, last=last)

    def again(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._prepared, self.root)
        self.sandbox.reset()
        self.sandbox.iam.world.store = copy.deepcopy(self._store)
        self.sandbox.iam.world.settings = self._settings

    def named(self, address: str) -> list[str]:
        """Ids of the clients of that name."""
        clients = self.sandbox.iam.world.store.clients()
        return [client.client_id or "" for client in clients if client.client_name == f"Client {address}"]

    def judge(self) -> Iterator[str]:
        """What is not right when the next run is a plain one, and what was refused is consented to."""
        ended = self.iac("apply", "--auto-approve")
        consents = []
        for guard in self._guards():
            address = guard["addresses"][0]
            if guard["id"] == "lost-create":
                if len(self.named(address)) > 1:
                    yield f"a second {address} without a word"
            elif guard["id"] not in {"deleted-on-server", "lost-update", "token-refused"}:
                yield f"refused: {guard}"
            consents += ["--recreate", address]
        if (ended.code == REFUSED) != bool(consents):
            yield f"the run after it ends with {ended.code}: {ended.out}{ended.err}"
        if consents and (ended := self.iac("apply", "--auto-approve", *consents)).code:
            yield f"what was asked for ends with {ended.code}: {ended.out}{ended.err}"
        yield from self._settled(len(consents) // 2)

    def _guards(self) -> list[dict[str, Any]]:
        plan: dict[str, Any] = json.loads(self.iac("plan", "--format", "json").out)
        return list(plan["guards"])

    def _settled(self, consented: int) -> Iterator[str]:
        plan = json.loads(self.iac("plan", "--format", "json").out)
        if plan["changes"] or plan["guards"] or plan["pending"] or not plan["complete"]:
            yield f"still planned: {plan['changes']} {plan['guards']} {plan['pending']}"
        for address in ("changed", "new"):
            found = json.loads((self.root / f"out/{address}.json").read_text(encoding="utf-8"))
            if not logs_in(self.sandbox.iam, found["client_id"], found["client_secret"]):
                yield f"{address}: what was rendered does not log in"
        clients = [name for address in ("changed", "new", "gone") for name in self.named(address)]
        if not 2 <= len(clients) <= 2 + consented:
            yield f"clients: {clients} after {consented} consents"


@pytest.fixture(scope="module", params=["1.12", "1.14"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with (
        start_sandbox(request.param) as sandbox,
        closing(Open(tmp_path_factory.mktemp("open"), sandbox)) as prepared,
    ):
        yield prepared


def _kill(place: Open, points: Sequence[Point]) -> list[str]:
    failures: list[str] = []
    for point in points:
        place.again()
        assert place.iac(*ONE_BY_ONE, last=point).code == -signal.SIGKILL
        where = f"killed {point.moment} call {point.number}, {place.calls[point.number]}"
        failures += [f"{where}: {wrong}" for wrong in place.judge()]
    return failures


def test_a_run_that_is_killed_leaves_no_second_client_without_a_word(place: Open) -> None:
    points = points_of(place.calls)
    count = 12
    assert [] == _kill(place, [points[number * len(points) // count] for number in range(count)])


@pytest.mark.live
@pytest.mark.timeout(3600)
def test_every_death_leaves_no_second_client_without_a_word(place: Open) -> None:
    points = points_of(place.calls)
    assert 150 <= len(points)
    assert [] == _kill(place, points)
