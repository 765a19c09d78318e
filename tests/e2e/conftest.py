"""A project of one's own and a server of one's own, for every test of the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import Sandbox, start_sandbox
from iac.sealing import new_identity
from tests.e2e.project import FLAVOURS, IAC_YAML, Project, with_lineage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.slow) if each != "1.14" else each for each in FLAVOURS])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox(flavour: str) -> Iterator[Sandbox]:
    with start_sandbox(flavour) as running:
        yield running


@pytest.fixture
def project(
    tmp_path: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A valid project with its state made and one client defined, nothing applied."""
    identity, recipient = new_identity()
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-rw")
    monkeypatch.setenv("IAC_CLIENT_SECRET", "secret")
    monkeypatch.setenv("IAC_AGE_IDENTITY", identity.reveal())
    monkeypatch.delenv("IAC_ISSUER", raising=False)
    made = Project(tmp_path / "project", sandbox, capsys)
    made.write("iac.yaml", with_lineage(IAC_YAML.format(issuer=sandbox.issuer, recipient=recipient)))
    made.define(
        "team/portal",
        redirect_uris=["https://portal.example.org/cb"],
        scope=["openid", "profile", "offline_access"],
        grant_types=["authorization_code", "refresh_token"],
        contacts=["ops@example.org"],
        outputs=[{"template": "dotenv", "path": "out/portal.env"}],
    )
    assert made.iac("state", "init").code == 0
    return made
