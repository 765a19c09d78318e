"""What the steps of pipelines need: git and bash."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import Sandbox, start_sandbox
from tests.workflow.pipelines.hub import READ, WRITE, Hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOLS = ("git", "bash")
needs_tools = pytest.mark.skipif(
    "IAC_TEST_PIPELINES" not in os.environ and not all(map(shutil.which, TOOLS)),
    reason="steps of pipelines need git and bash, and one of them is not here",
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox("1.14") as running:
        yield running


@pytest.fixture
def hub(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("IAC_ISSUER", raising=False)
    return Hub(tmp_path, sandbox)


def login(who: tuple[str, str]) -> dict[str, str]:
    return {"IAC_CLIENT_ID": who[0], "IAC_CLIENT_SECRET": who[1]}


READER, WRITER = login(READ), login(WRITE)
