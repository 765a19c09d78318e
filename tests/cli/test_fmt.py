"""`iac fmt` as it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.cli import run
from tests.config.given import CLIENT, write

if TYPE_CHECKING:
    from pathlib import Path

UNTIDY = "client_name: Name\nclient_id:   b\ngrant_types: []\n"


def call(root: Path, *arguments: str) -> int:
    return run(["-C", str(root), "fmt", *arguments])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(
        tmp_path, {"clients.d/a.yaml": CLIENT, "clients.d/x/b.yaml": UNTIDY, "clients.d/_defaults.yaml": "scope: []\n"}
    )
    assert 0 == call(tmp_path, "iac.yaml", "clients.d/a.yaml")
    return tmp_path


def test_files_are_written_in_canonical_form_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert 0 == call(root)
    said = capsys.readouterr()
    assert ("clients.d/x/b.yaml\n", "1 file written\n") == (said.out, said.err)
    head, *rest = (root / "clients.d/x/b.yaml").read_text().splitlines()
    assert head.startswith("# yaml-language-server: $schema=https://")
    assert ["client_id: b", "client_name: Name", "grant_types: []"] == rest
    assert 0 == call(root)
    assert "nothing to change\n" == capsys.readouterr().err


def test_check_names_the_files_and_writes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert 2 == call(root, "--check")
    said = capsys.readouterr()
    assert ("clients.d/x/b.yaml\n", "1 file would change\n") == (said.out, said.err)
    assert UNTIDY == (root / "clients.d/x/b.yaml").read_text()
    assert 0 == call(root, "--check", "clients.d/a.yaml")


@pytest.mark.parametrize("path", ["clients.d/x", "./clients.d/x/", "clients.d/x/b.yaml", "."])
def test_files_and_folders_can_be_chosen(path: str, root: Path) -> None:
    assert 0 == call(root, path)
    assert (root / "clients.d/x/b.yaml").read_text() != UNTIDY


def test_a_file_with_a_mistake_is_not_touched_and_the_others_are_written(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = "client_id: a\nclient_id: b\n"
    (root / "clients.d/broken.yaml").write_text(broken)
    assert 1 == call(root)
    assert broken == (root / "clients.d/broken.yaml").read_text()
    assert (root / "clients.d/x/b.yaml").read_text() != UNTIDY
    assert "clients.d/broken.yaml:2:1" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_said_and_an_empty_project_is_none_of_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "clients.d/loop.yaml").symlink_to("loop.yaml")
    assert 1 == call(root)
    assert "clients.d/loop.yaml:1:1: error: " in capsys.readouterr().err
    for file in (root / "clients.d").rglob("*.yaml"):
        file.unlink()
    assert 0 == call(root)


@pytest.mark.parametrize("arguments", [["nothing.yaml"], ["--chek"], ["templates"]])
def test_wrong_usage_ends_with_64(arguments: list[str], root: Path) -> None:
    assert 64 == call(root, *arguments)


def test_a_folder_without_a_project_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == call(tmp_path)
    assert "iac.yaml" in capsys.readouterr().err
