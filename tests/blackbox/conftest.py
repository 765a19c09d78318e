"""A server and a project for each black-box test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import Sandbox, start_sandbox
from tests.blackbox.kit import Project, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def flavour() -> str:
    """The flavour of the server; a test names another one by `@pytest.mark.parametrize("flavour", [...])`."""
    return "1.14"


@pytest.fixture
def sandbox(flavour: str) -> Iterator[Sandbox]:
    with start_sandbox(flavour) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, sandbox: Sandbox) -> Project:
    """A project whose state is made and that defines no client yet."""
    return make_project(tmp_path / "project", sandbox)
