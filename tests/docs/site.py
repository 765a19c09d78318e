"""The site of docs/: `python -m tests.docs.site`, which `make docs` runs, builds it below .site/ or says what is wrong.

zensical builds a copy of the pages and refuses links that lead nowhere. Here each page, and no other, has to be in the
navigation.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FORGE = "https://github.com/indigo-iac/indigo-iac/blob/main"
MOST_SECONDS = 120
_LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")


class SiteError(Exception):
    """The site is not built; the text says why."""


def build(root: Path) -> Path:
    """Build the site of a folder with docs/ and zensical.toml.

    Returns:
        The folder of the site.

    Raises:
        SiteError: A link leads nowhere, or a page is not in the navigation, is missing or stands there twice.
    """
    settings = tomllib.loads((root / "zensical.toml").read_text(encoding="utf-8"))["project"]
    if problems := list(navigation_problems(settings["nav"], root / "docs")):
        raise SiteError("\n".join(problems))
    shutil.rmtree(root / ".site", ignore_errors=True)
    shutil.copytree(root / "docs", root / settings["docs_dir"])
    for page in (root / "docs").rglob("*.md"):
        copy = root / settings["docs_dir"] / page.relative_to(root / "docs")
        copy.write_text(_copied(page, root), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    if ran.returncode:
        said = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout + ran.stderr)
        raise SiteError(said.partition("Traceback ")[0].strip())
    return root / str(settings["site_dir"])


def navigation_problems(navigation: list[Any], docs: Path) -> Iterator[str]:
    """What differs between the navigation and the pages."""
    named = list(_pages(navigation))
    there = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    yield from (f"docs/{page} is not in nav of zensical.toml" for page in sorted(there - set(named)))
    yield from (f"nav of zensical.toml names a page that is not there: {page}" for page in named if page not in there)
    yield from (f"nav of zensical.toml names {page} twice" for page in sorted(set(named)) if named.count(page) > 1)


def _pages(navigation: list[Any]) -> Iterator[str]:
    for part in navigation:
        if isinstance(part, str):
            yield part
        else:
            for inside in part.values():
                yield from _pages([inside] if isinstance(inside, str) else inside)


def _copied(page: Path, root: Path) -> str:
    """A page as zensical needs it: addresses of the forge, numbered entries apart and indented by four."""

    def led(found: re.Match[str]) -> str:
        target = (page.parent / found[2]).resolve()
        if target.is_relative_to(root / "docs") or not target.exists():
            return found[0]
        return f"{found[1]}{FORGE}/{target.relative_to(root).as_posix()}{found[3]}"

    lines: list[str] = []
    is_code = is_entry = False
    for line in page.read_text(encoding="utf-8").splitlines():
        is_code ^= line.startswith("```")
        if line and not line.startswith(" "):
            is_entry = re.match(r"\d+\. ", line) is not None
            lines += [""] if is_entry and lines and lines[-1].startswith(" ") else []
        text = line if is_code else _LINK.sub(led, line)
        lines.append(f" {text}" if is_entry and line.startswith("   ") else text)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        print(f"The site is in {build(ROOT)}: open index.html, or run python -m http.server there for the search.")  # noqa: T201
    except SiteError as error:
        sys.exit(f"The site is not built:\n{error}")
