"""A project with every service of the catalogue, started by `iac new` and applied to a sandbox by one run."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from iac.cli import run
from iac.sandbox.server import Sandbox, start_sandbox
from iac.sealing import new_identity
from tests.e2e.project import IAC_YAML
from tests.services.parsing import parse_dotenv
from tests.services.started import answers, names

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

    def sourced(self, path: str) -> dict[str, str]:
        """What an environment file says."""
        return parse_dotenv(self.read(path))

    def secret(self, client_id: str) -> str | None:
        client = self.sandbox.iam.world.store.find(client_id)
        assert client is not None
        return client.client_secret


@contextlib.contextmanager
def everything_applied(root: Path) -> Iterator[Everything]:
    """Every service started by `iac new`, and all of them applied by one run."""
    identity, recipient = new_identity()
    with pytest.MonkeyPatch.context() as patch, start_sandbox("1.14") as sandbox:
        patch.setenv("IAC_CLIENT_ID", "admin-client-rw")
        patch.setenv("IAC_CLIENT_SECRET", "secret")
        patch.setenv("IAC_AGE_IDENTITY", identity.reveal())
        patch.delenv("IAC_ISSUER", raising=False)
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
