"""What the steps of pipelines need: git and bash."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import Sandbox, start_sandbox
from tests.workflow.pipelines.hub import READ, WRITE, Hub

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
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
    store = sandbox.iam.world.store
    for client_id, secret in (READ, WRITE):
        client = store.find(client_id)
        assert client
        store.put(replace(client, client_secret=secret))
    return Hub(tmp_path, sandbox)


def login(who: tuple[str, str]) -> dict[str, str]:
    return {"IAC_CLIENT_ID": who[0], "IAC_CLIENT_SECRET": who[1]}


READER, WRITER = login(READ), login(WRITE)


KEPT = re.compile(r"\d+\.html|report\.json|iac-(junit\.xml|code-quality\.json)")


def check_silence(hub: Hub, told: Iterable[str], tokens: Iterable[str]) -> None:
    """No secret is in a log, in a note, in an issue or in what a job keeps, and jobs keep nothing else."""
    kept = [path for path in (hub.folder / "artifacts").rglob("*") if path.is_file()]
    assert [] == [path.name for path in kept if not KEPT.fullmatch(path.name)]
    names = ("portal", "portal.r2", "portal-dev", "portal-test", "portal-prod")
    secrets = {hub.identity, READ[1], WRITE[1], "canary-signature", *tokens, *filter(None, map(hub.secret, names))}
    for text in [*hub.said, *told, *(path.read_text() for path in kept)]:
        for secret in secrets:
            assert secret not in text
