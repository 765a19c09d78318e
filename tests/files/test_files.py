"""Files put in place, and what killed processes left."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iac import files
from iac.files import PrivateFolder

if TYPE_CHECKING:
    from pathlib import Path

LEFTOVER = ".0123456789abcdef.iac-tmp"


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "_swept", set())
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_has_its_content_and_mode(tmp_path: Path) -> None:
    files.create(tmp_path / "a", b"one", mode=0o640)
    assert (b"one", 0o640) == ((tmp_path / "a").read_bytes(), stat.S_IMODE((tmp_path / "a").stat().st_mode))
    assert ["a"] == names(tmp_path)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_new_file_is_put_over_nothing_not_even_a_link_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    files.create(tmp_path / "a", b"one")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("a", "link"):
        with pytest.raises(FileExistsError):
            files.create(tmp_path / name, b"two")
    assert b"one" == (tmp_path / "a").read_bytes()
    assert ["a", "link"] == names(tmp_path)


def test_another_error_of_a_link_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space left"):
        files.create(tmp_path / "a", b"one")
    assert [] == names(tmp_path)


def test_a_write_replaces_a_link_and_leaves_its_target(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"other")
    (tmp_path / "a").symlink_to("target")
    files.write(tmp_path / "a", b"one")
    assert (b"other", False) == ((tmp_path / "target").read_bytes(), (tmp_path / "a").is_symlink())


def test_a_leftover_goes_and_what_only_looks_like_one_stays(tmp_path: Path) -> None:
    others = [".short.iac-tmp", "0123456789abcdef.iac-tmp", ".0123456789abcdef.tmp"]
    for name in (LEFTOVER, ".b.env.0123456789abcdef.iac-tmp", *others):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".fedcba9876543210.iac-tmp").symlink_to(tmp_path / "a")
    files.write(tmp_path / "a", b"one")
    assert sorted([*others, ".fedcba9876543210.iac-tmp", "a"]) == names(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give a file away")
def test_a_leftover_of_another_user_stays(tmp_path: Path) -> None:
    (tmp_path / LEFTOVER).write_bytes(b"half")
    (tmp_path / "iac-run-git-0").mkdir()
    for path in tmp_path.iterdir():
        os.chown(path, 4242, 4242)
    files.write(tmp_path / "a", b"one")
    PrivateFolder("git").close()
    assert [LEFTOVER, "a", "iac-run-git-0"] == names(tmp_path)


def test_a_sweep_between_the_making_of_a_file_and_its_lock_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open
    swept: list[str] = []

    def opened(path: Path, flags: int, *mode: int) -> int:
        file = real(path, flags, *mode)
        if str(path).endswith(".iac-tmp") and not swept:
            swept.append(str(path))
            files.sweep(tmp_path)
        return file

    with monkeypatch.context() as patch:  # ended before pytest removes the folder
        patch.setattr(os, "open", opened)
        files.write(tmp_path / "a", b"one")
    assert (1, b"one", ["a"]) == (len(swept), (tmp_path / "a").read_bytes(), names(tmp_path))


def test_where_files_cannot_be_locked_they_are_written_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    (tmp_path / LEFTOVER).write_bytes(b"half")
    monkeypatch.setattr("fcntl.flock", refuse)
    files.write(tmp_path / "a", b"one")
    assert [LEFTOVER, "a"] == names(tmp_path)


LIVING = """
import sys, time
from iac.files import PrivateFolder
folder = PrivateFolder("git")
(folder.path / "file").write_bytes(b"x")
print(folder.path, flush=True)
time.sleep(60)
"""


def test_a_private_folder_lives_as_long_as_its_process(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", LIVING], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        theirs = owner.stdout.readline().strip().rpartition("/")[2]
        with PrivateFolder("init") as ours:
            assert 0o700 == stat.S_IMODE(ours.path.stat().st_mode)
            assert sorted([theirs, ours.path.name]) == names(tmp_path)
        owner.kill()
    with PrivateFolder("init") as ours:
        assert [ours.path.name] == names(tmp_path)
    assert [] == names(tmp_path)


def test_a_backup_is_a_copy_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    (tmp_path / "a").write_bytes(b"one")
    monkeypatch.setattr(os, "link", refuse)
    files.back_up(tmp_path / "a", tmp_path / "b")
    assert (b"one", ["a", "b"]) == ((tmp_path / "b").read_bytes(), names(tmp_path))
