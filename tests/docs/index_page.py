"""The list of all pages, docs/README.md, from the navigation of the site and the titles of the pages."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs/README.md"


def index_page() -> str:
    """The page as it has to be."""
    settings = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    parts = [f"## {head}\n\n{''.join(_lines(pages))}" for head, pages in _groups(settings["nav"])]
    return "# Documentation\n\n" + "\n".join(parts)


def _groups(navigation: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    yield from (group for entry in navigation if isinstance(entry, dict) for group in entry.items())


def _lines(pages: list[Any]) -> Iterator[str]:
    """A line for each page; of a group with a page of its own, that one."""
    for entry in pages:
        if isinstance(entry, str):
            yield f"- {_link(entry)}\n"
            continue
        for head, inside in entry.items():
            with_index = inside[0].endswith("README.md")
            yield f"- {_link(inside[0])}\n" if with_index else f"- {head}: {' · '.join(map(_link, inside))}\n"


def _link(page: str) -> str:
    title = (ROOT / "docs" / page).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"[{title}]({page})"
