"""A prepared situation for each flavour: 1.12 shows secrets, 1.14 shows each one once."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import start_sandbox
from tests.crash.home import FileHome, GitHome
from tests.crash.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def situation(flavour: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Situation]:
    with (
        start_sandbox(flavour) as sandbox,
        closing(Situation(tmp_path_factory.mktemp("crash"), sandbox, FileHome())) as prepared,
    ):
        yield prepared


@pytest.fixture(scope="module")
def shared(flavour: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Situation]:
    """The same with the state in a git repository elsewhere."""
    folder = tmp_path_factory.mktemp("crash")
    with (
        start_sandbox(flavour) as sandbox,
        closing(Situation(folder, sandbox, GitHome(folder))) as prepared,
    ):
        yield prepared
