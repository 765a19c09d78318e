"""`make demo` is short and fast, shows no secret, and leaves what it did not make."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.terminal import on_terminal
from tests.docs.transcript import ROOT

MOST_LINES = 80 - 3
"""The set-up of `make demo` says three lines."""
SECONDS = 30
COMMAND = ["/bin/sh", str(ROOT / "examples/demo.sh")]


def _environ(folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder.parent), "DEMO_DIR": str(folder)}


def _demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        COMMAND,
        env=_environ(folder),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where the demo was, and what it said."""
    folder = tmp_path_factory.mktemp("home") / "demo"
    done = _demo(folder)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "" == re.sub(r"^(made|wrote|next:) .*\n", "", done.stderr, flags=re.MULTILINE)
    return folder, done.stdout + done.stderr


def test_the_demo_is_one_screen_after_the_other_of_plain_text(demo: tuple[Path, str]) -> None:
    said = demo[1]
    assert len(said.splitlines()) <= MOST_LINES
    assert "\x1b" not in said


def test_on_a_terminal_the_demo_is_as_short_and_has_bold_titles(tmp_path: Path) -> None:
    said = on_terminal(COMMAND, tmp_path, _environ(tmp_path / "demo") | {"COLUMNS": "80"})
    assert said.count("\n") <= MOST_LINES  # progress is one line, written again and again
    assert ["1", "2", "3", "4", "5"] == re.findall(r"^\x1b\[1m(\d)\. .*\x1b\[0m$", said, re.MULTILINE)


def test_the_demo_plans_applies_and_plans_nothing_more(demo: tuple[Path, str]) -> None:
    ends = re.findall(r"^(?:Plan|Apply): .*", demo[1], re.MULTILINE)
    assert ["Plan: 1 to create; 0 unchanged, 6 not managed here.", "Apply: 1 done."] == ends[:2]
    assert ["Plan: no changes; 1 unchanged, 6 not managed here."] == ends[2:]


def test_the_demo_shows_a_file_and_masks_its_secret(demo: tuple[Path, str]) -> None:
    folder, said = demo
    lines = (folder / "project/out/portals/grafana/grafana.ini").read_text(encoding="utf-8").splitlines()
    (secret,) = (line.partition(" = ")[2] for line in lines if line.startswith("client_secret = "))
    assert secret not in said
    assert "client_secret = ********" in said
    assert [] == [line for line in lines if not line.startswith("client_secret") and line not in said]


def test_the_demo_says_where_to_go_on(demo: tuple[Path, str]) -> None:
    rest = demo[1].partition("What next?\n")[2]
    pages = re.findall(r"docs/\S+\.md|README\.md", rest)
    assert len(set(pages)) > 2
    assert [] == [page for page in pages if not (ROOT / page).is_file()]
    headings = re.findall(r'README\.md, "([^"]+)"', rest)
    assert set(headings) <= set(re.findall(r"^## (.*)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("precious", encoding="utf-8")
    done = _demo(tmp_path)
    assert (1, f"DEMO_DIR is not empty: {tmp_path}\n") == (done.returncode, done.stderr)
    assert ["theirs"] == [path.name for path in tmp_path.iterdir()]
