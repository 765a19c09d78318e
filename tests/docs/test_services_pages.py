"""The pages of services show what `iac new` writes and what is rendered then, to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iac.services import services
from tests.docs.services_pages import shown

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/how-to/services"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^(?P<lead>[^\n]*)\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def command(text: str) -> str:
    (found,) = re.findall(r"^    (iac new .*)$", text, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("name", services())
def test_a_page_shows_what_is_written_and_rendered(name: str) -> None:
    text = page(name)
    started = command(text)
    assert f" --template {name}" in started
    blocks = {found["lead"]: found["text"] for found in _BLOCK.finditer(text)}
    expected = {
        "Added to `iac.yaml`:" if path == "iac.yaml" else f"`{path}`:": content
        for path, content in shown(started).items()
    }
    for each in services()[name].files:
        if not each.is_usual and name != "plain":
            instead = shown(started.replace(f"--template {name}", f"--template {each.template}"))
            (path,) = (path for path in instead if path.startswith("out/"))
            expected[f"With `--template {each.template}` instead, `{path}`:"] = instead[path]
    assert {lead: content.rstrip("\n") for lead, content in expected.items()} == {
        lead: content.rstrip("\n") for lead, content in blocks.items()
    }


@pytest.mark.parametrize("name", services())
def test_a_page_names_its_sources_and_the_way_on(name: str) -> None:
    text = page(name)
    service = services()[name]
    assert text.startswith(f"# {service.title}\n")
    assert list(service.sources) == re.findall(r"<(https://[^>]+)>", text.partition("\nSources: ")[2])
    for section in ("How it is read", "After a rotation"):
        assert re.search(rf"^## {section}\n\n\S", text, re.MULTILINE)


def test_the_index_has_every_service_and_no_other() -> None:
    rows = re.findall(r"^\| \[(.*?)\]\((.*?)\.md\) \| `(.*?)` \| (.*?) \|$", INDEX, re.MULTILINE)
    expected = [(each.title, each.name, each.name, each.about) for each in services().values()]
    assert expected == rows
    assert {path.stem for path in FOLDER.glob("*.md")} == {*services(), "README"}


def test_the_index_names_the_templates_that_loaders_read() -> None:
    """Each of them is named in tests/live/test_services.py by the file that it makes."""
    live = (ROOT / "tests/live/test_services.py").read_text(encoding="utf-8")
    table = INDEX.partition("## Which loaders")[2]
    files = {each.template: each.file for service in services().values() for each in service.files}
    named = {name for name in re.findall(r"`([a-z0-9-]+)`", table) if name in files}
    assert len(named) == 17
    assert [] == [name for name in named if files[name] not in live]
