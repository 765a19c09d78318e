"""The pages of docs/ are found by a reader, and ordered."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.docs.site import navigation_problems

ROOT = Path(__file__).parents[2]
KINDS = {"tutorial", "how-to", "reference", "explanation", "adr"}


def _linked(page: Path) -> set[Path]:
    links = re.findall(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return {(page.parent / link).resolve() for link in links if "://" not in link}


def test_each_page_is_reached_from_the_readme() -> None:
    reached, rest = set(), {ROOT / "README.md"}
    while rest:
        page = rest.pop()
        reached.add(page)
        rest |= _linked(page) - reached
    assert set() == set((ROOT / "docs").rglob("*.md")) - reached


def test_the_index_names_each_page_but_those_that_have_an_index_of_their_own() -> None:
    pages = {page for page in (ROOT / "docs").rglob("*.md") if page.parent.name not in {"adr", "services", "docs"}}
    assert set() == pages - _linked(ROOT / "docs/README.md")


def test_each_page_is_in_the_navigation_of_the_site_and_no_other() -> None:
    settings = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    assert [] == list(navigation_problems(settings["nav"], ROOT / "docs"))


def test_pages_are_of_the_four_kinds_or_decisions() -> None:
    assert KINDS == {page.name for page in (ROOT / "docs").iterdir() if page.is_dir()}


def test_each_path_of_the_code_that_a_page_names_is_there() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "tests/README.md"]
    named = {
        path for page in pages for path in re.findall(r"`((?:iac|tests|schemas)/[\w./-]+)`", page.read_text("utf-8"))
    }
    assert [] == sorted(path for path in named if "NAME" not in path and not (ROOT / path).exists())


def test_the_glossary_is_in_order_and_says_each_word_once() -> None:
    page = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    words = [word.casefold() for word in re.findall(r"^- \*\*(.*?)\*\*: ", page, re.MULTILINE)]
    assert len(words) > 30
    assert sorted(set(words)) == words


def test_the_readme_names_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [] == [extra for extra in extras if f"`{extra}`" not in readme]
