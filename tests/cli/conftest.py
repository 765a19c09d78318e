"""A project whose state holds sealed secrets, and commands on it; no server is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.cli import run
from iac.cli.context import CommandContext
from iac.core.secret import Secret
from iac.core.state.model import IntentGiven, OutputRecord, SealedSecret, Tombstone, fold
from iac.ports import Place
from iac.sealing import new_identity
from iac.wiring import open_state
from tests.backends.given import client, intended

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.state.model import ClientState, State
    from iac.session import StateSession

IAC_YAML = """\
project: rucio
issuer: https://iam.example.org/
provider: iam-admin
auth: {{method: token, token: {{env: TOKEN}}}}
state: {{path: .iac/state.json, encryption: {{recipients: [{recipient}]}}}}
"""


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


class Mended:
    """Its state holds wlcg/a and b, an interrupted create of wlcg/c, a tombstone of old, and outputs."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys

    def iac(self, *arguments: str) -> Said:
        self._capsys.readouterr()
        code = run(["-C", str(self.root), *arguments])
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        assert "canary" not in said.err + said.out
        return Said(code, said.out, said.err)

    def session(self) -> StateSession:
        return open_state(CommandContext(str(self.root)))

    def state(self) -> State:
        return self.session().backend.load()

    def change(self, **members: object) -> State:
        backend = self.session().backend
        return backend.save(replace(backend.load(), **members))

    def document(self) -> str:
        return (self.root / ".iac/state.json").read_text()

    def secret(self, address: str, sealed: SealedSecret | None) -> str:
        assert sealed is not None
        session = self.session()
        place = Place(session.backend.load().lineage, "default", address, "client_secret")
        return session.vault.open(sealed.sealed, place).reveal()

    def held(self, address: str, name: str, lineage: str) -> ClientState:
        place = Place(lineage, "default", address, "client_secret")
        secret = Secret(f"canary-{name}")
        sealed = SealedSecret(
            self.session().vault.seal(secret, place), "salt", secret.fingerprint("salt"), 1, "2026-11-23T12:00:00Z"
        )
        return replace(client(name), secret=sealed)

    def fill(self) -> None:
        lineage = self.state().lineage
        chosen = replace(intended("c").intent, secret=self.held("wlcg/c", "c", lineage).secret)
        grave = Tombstone("old", self.held("old", "old", lineage), "2026-11-23T12:00:00Z")
        outputs = {
            "out/a.env": OutputRecord("sha256:a", ("wlcg/a",)),
            "out/ab.env": OutputRecord("sha256:ab", ("wlcg/a", "b")),
        }
        clients = {"wlcg/a": self.held("wlcg/a", "id-a", lineage), "b": replace(client("b"), secret=None)}
        filled = replace(self.state(), clients=clients, outputs=outputs, tombstones=(grave,))
        self.change(
            clients=clients, outputs=outputs, tombstones=(grave,), intents=fold(filled, IntentGiven(chosen)).intents
        )


@pytest.fixture
def mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mended:
    identity, recipient = new_identity()
    monkeypatch.setenv("IAC_AGE_IDENTITY", identity.reveal())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    root = tmp_path / "rucio"
    root.mkdir()
    (root / "iac.yaml").write_text(IAC_YAML.format(recipient=recipient))
    for address, name in (("wlcg/a", "id-a"), ("b", "b"), ("wlcg/c", "c")):
        project_file = root / f"clients.d/{address}.yaml"
        project_file.parent.mkdir(parents=True, exist_ok=True)
        project_file.write_text(f"client_id: {name}\nclient_name: Client {name}\ngrant_types: [client_credentials]\n")
    project = Mended(root, capsys)
    assert project.iac("state", "init").code == 0
    project.fill()
    return project
