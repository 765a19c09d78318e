"""Every scenario at the sandbox: each flavour, by the management API, as a user, and as nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import start_sandbox
from tests.e2e.project import FLAVOURS
from tests.scenarios.sandbox import KINDS, SandboxPlace
from tests.scenarios.table import PAGE, load, measure, name_of, page

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_renderer")


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.lower())
def test_every_scenario_ends_as_the_table_says(kind: type[SandboxPlace], flavour: str, tmp_path: Path) -> None:
    with start_sandbox(flavour) as sandbox:
        place = kind(sandbox, flavour)
        assert load()[name_of(place)] == measure(place, tmp_path)


def test_the_page_shows_what_was_found() -> None:
    """After a wanted change: python -m tests.scenarios.rewrite."""
    assert page(load()) == PAGE.read_text(encoding="utf-8")
