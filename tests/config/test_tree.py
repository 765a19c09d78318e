"""Which files are definitions, and what in the folders is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from iac.config import tree as tree_module
from iac.config.definitions import validate_project
from iac.config.tree import read_tree
from tests.config.given import CLIENT, PROJECT, client, write

if TYPE_CHECKING:
    import pytest


def found(root: Path) -> list[tuple[str, str]]:
    return [(each.id, each.location.file if each.location else "") for each in validate_project(root).diagnostics]


def test_an_address_is_the_path_without_its_ending(tmp_path: Path) -> None:
    files = ["a.yaml", "b.yml", "wlcg/rucio-auth.yaml", "wlcg/x/y.1@z+_.yaml", "wlcg/_defaults.yaml", "_defaults.yaml"]
    ignored = ["README.md", ".hidden.yaml", ".git/a.yaml", "a.yaml.bak", "b.json"]
    texts = {f"clients.d/{file}": CLIENT for file in [*files, *ignored]}
    tree = read_tree(write(tmp_path, {**texts, "clients.d/b.json": '{"keys": []}'}))
    assert {
        "a": "clients.d/a.yaml",
        "b": "clients.d/b.yml",
        "wlcg/rucio-auth": "clients.d/wlcg/rucio-auth.yaml",
        "wlcg/x/y.1@z+_": "clients.d/wlcg/x/y.1@z+_.yaml",
    } == tree.definitions
    assert {"": "clients.d/_defaults.yaml", "wlcg": "clients.d/wlcg/_defaults.yaml"} == tree.defaults
    assert [] == tree.diagnostics


def test_what_looks_like_a_definition_and_is_not_read_is_said(tmp_path: Path) -> None:
    unread = {
        "clients.d/a/b.YAML": CLIENT,
        "clients.d/a/c.Yml": "",
        "clients.d/d.json": '{\n  "client_id": "d"}',
        "clients.d/e.JSON": '{"client_id": "e"}',
        "f.yaml": CLIENT,
        "g.YML": "# portal\nredirect_uris: []",
    }
    others = {"docker-compose.yaml": "services: {x: {client_id: y}}\n", "h.json": CLIENT, ".i.yaml": CLIENT}
    write(tmp_path, {**unread, **others, "clients.d/x.yaml": client("x", "grant_types: []")})
    assert [("definition-not-read", file) for file in sorted(unread)] == sorted(found(tmp_path))
    (tmp_path / "clients.d/x.yaml").unlink()
    assert ("no-definitions", "clients.d") in found(tmp_path)


def test_a_folder_that_cannot_be_listed_has_nothing_beside_iac_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"clients.d/x.yaml": client("x", "grant_types: []"), "f.yaml": CLIENT})

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert [] == read_tree(tmp_path).diagnostics


def test_a_file_that_cannot_be_read_is_no_definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"clients.d/x.yaml": client("x", "grant_types: []"), "f.yaml": CLIENT})

    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tree_module, "read", refuse)
    assert [] == read_tree(tmp_path).diagnostics


def test_a_missing_folder_is_never_taken_for_an_empty_project(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "clients.d/portal.yaml").unlink()
    assert [("no-definitions", "clients.d")] == found(tmp_path)
    (tmp_path / "clients.d").rmdir()
    assert [("no-definitions", "clients.d")] == found(tmp_path)
    (tmp_path / "clients.d").write_text("")
    assert [("no-definitions", "clients.d")] == found(tmp_path)


def test_what_is_no_readable_file_is_said(tmp_path: Path) -> None:
    write(tmp_path, {})
    os.mkfifo(tmp_path / "clients.d/pipe.yaml")
    (tmp_path / "clients.d/broken.yaml").symlink_to("nowhere.yaml")
    assert [
        ("file-unreadable", "clients.d/broken.yaml"), ("file-unreadable", "clients.d/pipe.yaml"),
    ] == found(tmp_path)  # fmt: skip


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"clients.d/a/b.yaml": CLIENT, "clients.d/c.yaml": client("c", "grant_types: []")})
    scan = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    with monkeypatch.context() as patch:  # ended before pytest removes the folder
        patch.setattr(os, "scandir", refuse)
        assert [("file-unreadable", "clients.d/a")] == found(tmp_path)


def test_a_definition_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    write(tmp_path, {})
    outside = tmp_path / "loop.yaml"
    outside.symlink_to("loop.yaml")
    (tmp_path / "clients.d/loop.yaml").symlink_to("../loop.yaml")
    assert [("file-unreadable", "clients.d/loop.yaml")] == found(tmp_path)


def test_links_are_followed_to_files_of_the_project_only(tmp_path: Path) -> None:
    root = write(tmp_path / "project", {"elsewhere/x.yaml": client("x", "grant_types: []")})
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    (root / "clients.d/x.yaml").symlink_to("../elsewhere/x.yaml")
    (root / "clients.d/out.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "clients.d/folder").symlink_to("../elsewhere")
    assert [("linked-folder", "clients.d/folder"), ("outside-project", "clients.d/out.yaml")] == found(root)


def test_an_output_must_not_leave_the_project_by_a_link(tmp_path: Path) -> None:
    text = client("a", "grant_types: []", "outputs: [{template: json, path: out/a}, {template: json, path: b}]")
    root = write(tmp_path / "project", {"clients.d/a.yaml": text})
    (root / "out").symlink_to(tmp_path)
    (root / "b").symlink_to("elsewhere")
    assert [("outside-project", "clients.d/a.yaml")] * 2 == found(root)


def test_a_template_must_not_lie_outside_by_a_link(tmp_path: Path) -> None:
    text = client("a", "grant_types: []", "outputs: [{template: a.j2, path: out/a}]")
    root = write(tmp_path / "project", {"clients.d/a.yaml": text})
    (tmp_path / "a.j2").write_text("x")
    (root / "templates").mkdir()
    (root / "templates/a.j2").symlink_to(tmp_path / "a.j2")
    assert [("unknown-template", "clients.d/a.yaml")] == found(root)


def test_an_iac_yaml_that_is_no_file_is_said(tmp_path: Path) -> None:
    (write(tmp_path, {"iac.yaml": ""}) / "iac.yaml").mkdir()
    assert [("file-unreadable", "iac.yaml")] == found(tmp_path)


def test_the_folder_of_all_definitions_is_no_link(tmp_path: Path) -> None:
    root = write(tmp_path / "project", {"iac.yaml": PROJECT})
    (root / "clients.d").rename(tmp_path / "elsewhere")
    (root / "clients.d").symlink_to(tmp_path / "elsewhere")
    assert [("linked-folder", "clients.d")] == found(root)


def test_the_defaults_of_a_folder_are_one_file_with_either_ending(tmp_path: Path) -> None:
    files = {"clients.d/web/_defaults.yml": "scope: [openid]\n", "clients.d/web/portal.yaml": CLIENT}
    tree = read_tree(write(tmp_path, files))
    assert ({"web": "clients.d/web/_defaults.yml"}, {"web/portal"}) == (tree.defaults, set(tree.definitions))
    assert validate_project(tmp_path).is_valid
    tree = read_tree(write(tmp_path, {**files, "clients.d/web/_defaults.yaml": "scope: [email]\n"}))
    assert ["the folder web has two files of defaults"] == [each.summary for each in tree.diagnostics]
