"""One run registers the clients of all services and renders their files; a rotation changes those concerned alone."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from iac.backends.age import new_identity
from iac.cli import run
from iac.config.definitions import load_environment
from iac.config.project import load_project
from iac.sandbox.server import Sandbox, start_sandbox
from iac.services import services
from iac.starting import find_offer
from tests.e2e.project import IAC_YAML
from tests.services.parsing import leaves
from tests.services.started import answers, names
from tests.services.test_catalogue import WITHOUT, parsed_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Everything:
    """A project with every service, and its server."""

    root: Path
    sandbox: Sandbox

    def iac(self, *arguments: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = run(["-C", str(self.root), *arguments])
        assert (0, arguments) == (code, arguments), out.getvalue()
        return out.getvalue()

    def json(self, *arguments: str) -> Any:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert 0 == run(["-C", str(self.root), *arguments, "--format", "json"])
        return json.loads(out.getvalue())

    def files(self) -> dict[str, bytes]:
        found = [path for path in (self.root / "out").rglob("*") if path.is_file()]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in found}

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def secret(self, client_id: str) -> str | None:
        client = self.sandbox.iam.world.store.find(client_id)
        assert client is not None
        return client.client_secret


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    """Every service started by `iac new`, and all of them applied by one run."""
    identity, recipient = new_identity()
    with pytest.MonkeyPatch.context() as patch, start_sandbox("1.14") as sandbox:
        patch.setenv("IAC_CLIENT_ID", "admin-client-rw")
        patch.setenv("IAC_CLIENT_SECRET", "secret")
        patch.setenv("IAC_AGE_IDENTITY", identity.reveal())
        patch.delenv("IAC_ISSUER", raising=False)
        root = tmp_path_factory.mktemp("everything")
        (root / "iac.yaml").write_text(IAC_YAML.format(issuer=sandbox.issuer, recipient=recipient))
        made = Everything(root, sandbox)
        made.iac("state", "init")
        made.iac("fmt")
        for name in names():
            given = [f"--set={ask}={value}" for ask, value in answers(name).items()]
            made.iac("new", f"all/{name}", "--template", name, *given)
        made.iac("fmt", "--check")
        made.iac("validate")
        made.iac("apply", "--auto-approve")
        yield made


def test_all_is_registered_and_rendered_and_nothing_is_left_to_do(everything: Everything) -> None:
    plan = everything.json("plan")
    clients = sum(len(find_offer(name).roles) for name in names())
    assert ([], clients) == (plan["changes"], plan["summary"]["no_op"])
    everything.iac("render", "--check")
    expected = sum(len(service.files) for service in services().values())
    assert expected == len(everything.files())


def test_every_file_loads_in_its_format_and_holds_what_the_server_holds(everything: Everything) -> None:
    desired = load_environment(load_project(everything.root))[0]
    for spec in desired.outputs:
        found = set(leaves(parsed_text(spec.template, everything.read(spec.path), everything.sandbox.issuer)))
        for address in spec.clients:
            client = desired.clients[address]
            held = {"id": client.client_id, "secret": everything.secret(client.client_id)}
            printed = {value for name, value in held.items() if value and name not in WITHOUT.get(spec.template, ())}
            assert printed <= found, spec.path


@pytest.mark.parametrize(
    ("address", "changed"),
    [
        ("all/grafana", {"out/all/grafana/grafana.ini"}),
        ("all/htvault-config", {"out/all/htvault-config/80-secrets.yaml"}),
        ("all/rucio-scim", {"out/all/rucio/idpsecrets.json"}),
        ("all/paas-orchestrator-env-clues", {"out/all/paas-orchestrator-env/orchestrator.env"}),
        ("all/htcondor-credmon", {"out/all/htcondor-credmon/client_secret"}),
    ],
)
def test_a_rotation_changes_the_files_that_hold_the_secret_and_no_other(
    everything: Everything, address: str, changed: set[str]
) -> None:
    before = everything.files()
    everything.iac("rotate", "--auto-approve", address)
    after = everything.files()
    assert before.keys() == after.keys()
    assert changed == {path for path in before if before[path] != after[path]}
    (path,) = changed
    secret = everything.secret(address.replace("/", "-"))
    assert secret
    assert secret.encode() in after[path]
    everything.iac("render", "--check")
