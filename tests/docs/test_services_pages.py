"""The pages of services; `tests.docs.reference` writes what `iac new` writes and what is rendered then."""

from __future__ import annotations

import re
from pathlib import Path

from iac.services import services
from tests.docs.services_pages import command_of
from tests.every import every

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/how-to/services"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


@every("name", services())
def test_a_page_says_how_its_file_is_read_and_what_a_rotation_asks_for(name: str) -> None:
    text = page(name)
    assert f" --template {name}" in command_of(text)
    for section in ("How it is read", "After a rotation"):
        assert re.search(rf"^## {section}\n\n\S", text, re.MULTILINE)


def test_there_is_no_page_of_another_service() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {*services(), "README"}


def test_the_index_names_the_templates_that_loaders_read() -> None:
    """Each of them is named in tests/live/test_services.py by the file that it makes."""
    live = (ROOT / "tests/live/test_services.py").read_text(encoding="utf-8")
    table = INDEX.partition("## Tested with")[2]
    files = {each.template: each.file for service in services().values() for each in service.files}
    named = {name for name in re.findall(r"`([a-z0-9-]+)`", table) if name in files}
    assert len(named) == 17
    assert [] == [name for name in named if files[name] not in live]
