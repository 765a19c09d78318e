from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import strategies as st

from iac.core.errors import RenderError
from iac.sinks.file.sink import FileSink
from tests.sinks.contract import PATH, SinkContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS = ("open", "fsync", "replace", "mkdir", "write", "close")
OLD, NEW = b"old content", b"new content, longer than the old"


@pytest.fixture
def sink(tmp_path: Path) -> FileSink:
    return FileSink(tmp_path)


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


class TestFileSink(SinkContract):
    """The contract, by files."""

    examples: ClassVar[st.SearchStrategy[bytes]] = st.binary(max_size=2000)


def refusal(sink: FileSink, path: str = PATH) -> RenderError:
    with pytest.raises(RenderError) as caught:
        sink.write(path, NEW, mode=0o600)
    with pytest.raises(RenderError) as checked:
        sink.check(path, NEW)
    assert caught.value.lines() == checked.value.lines()
    assert path == caught.value.where
    return caught.value


@pytest.mark.usefixtures("loose_umask")
def test_files_and_folders_are_private_under_any_umask(sink: FileSink, tmp_path: Path) -> None:
    sink.write("out/a/b.env", NEW, mode=0o600)
    assert [0o700, 0o700, 0o600] == [mode(tmp_path / path) for path in ("out", "out/a", "out/a/b.env")]


def test_a_mode_is_exact_under_a_tight_umask(sink: FileSink, tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        sink.write("b.env", NEW, mode=0o640)
    finally:
        os.umask(before)
    assert 0o640 == mode(tmp_path / "b.env")


def test_a_folder_that_exists_keeps_its_mode(sink: FileSink, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(0o755)
    sink.write("out/b.env", NEW, mode=0o600)
    assert 0o755 == mode(tmp_path / "out")


def test_a_wrong_mode_is_corrected_though_the_content_is_right(sink: FileSink, tmp_path: Path) -> None:
    sink.write("b.env", NEW, mode=0o600)
    (tmp_path / "b.env").chmod(0o644)
    assert sink.write("b.env", NEW, mode=0o600)
    assert 0o600 == mode(tmp_path / "b.env")


def test_an_unchanged_file_is_not_touched(sink: FileSink, tmp_path: Path) -> None:
    sink.write("b.env", NEW, mode=0o600)
    before = (tmp_path / "b.env").stat()
    assert not sink.write("b.env", NEW, mode=0o600)
    after = (tmp_path / "b.env").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_write_and_a_check_leave_no_other_file(sink: FileSink, tmp_path: Path) -> None:
    sink.check("out/deep/b.env", NEW)
    assert [] == files(tmp_path)
    assert not (tmp_path / "out").exists()
    sink.write("out/deep/b.env", NEW, mode=0o600)
    assert ["out/deep/b.env"] == files(tmp_path)


@pytest.mark.parametrize("target", ["outside.env", "inside.env", "nowhere.env"])
def test_a_symbolic_link_is_not_written_through(tmp_path: Path, target: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside.env").write_bytes(OLD)
    (root / "inside.env").write_bytes(OLD)
    (root / "link.env").symlink_to(tmp_path / target if target == "outside.env" else root / target)
    sink = FileSink(root)
    assert "there is a symbolic link" == refusal(sink, "link.env").why
    for attempt in (sink.read, sink.remove):
        with pytest.raises(RenderError):
            attempt("link.env")
    assert (OLD, OLD) == ((tmp_path / "outside.env").read_bytes(), (root / "inside.env").read_bytes())
    assert (root / "link.env").is_symlink()


def test_a_linked_folder_may_stay_inside_but_not_lead_out(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "real").mkdir(parents=True)
    (root / "inside").symlink_to("real")
    (root / "outside").symlink_to(tmp_path)
    (root / "round").symlink_to("round")
    sink = FileSink(root)
    sink.write("inside/b.env", NEW, mode=0o600)
    assert NEW == (root / "real" / "b.env").read_bytes()
    assert "leads out of the project" in refusal(sink, "outside/b.env").why
    assert "Too many levels of symbolic links" == refusal(sink, "round/b.env").why


@pytest.mark.parametrize("path", [".git/config", "out/pre-push", ".GIT/hooks/pre-push", "vendor/.git/config"])
def test_nothing_is_written_where_git_keeps_its_own(tmp_path: Path, path: str) -> None:
    for folder in (".git/hooks", ".GIT/hooks", "vendor/.git"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "out").symlink_to(".git/hooks")
    sink = FileSink(tmp_path)
    assert "git or a forge may run a file there" in refusal(sink, path).why
    with pytest.raises(RenderError, match="outside the project"):
        sink.write(path, NEW, mode=0o700)
    assert [] == [each for each in tmp_path.rglob("*") if each.is_file()]


def test_the_project_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    FileSink(tmp_path / "link").write("b.env", NEW, mode=0o600)
    assert NEW == (tmp_path / "real" / "b.env").read_bytes()


def test_only_a_regular_file_is_replaced(sink: FileSink, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert "there is a folder" == refusal(sink, "folder").why
    assert "there is not a regular file" == refusal(sink, "pipe").why


def test_a_file_in_the_way_of_a_folder_is_told(sink: FileSink, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(OLD)
    assert "Not a directory" == refusal(sink).why
    assert OLD == (tmp_path / "out").read_bytes()


def dying(call: str, after: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let the `after`-th use of an operation fail, once it is done when `error` says so; count the uses."""
    real = getattr(os, call)
    uses = 0

    def operation(*args: Any, **options: Any) -> Any:
        nonlocal uses
        uses += 1
        if uses == after:
            raise error
        return real(*args, **options)

    monkeypatch.setattr(os, call, operation)
    return lambda: uses


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("before", [OLD, None])
def test_a_failure_at_any_operation_leaves_the_old_content_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, before: bytes | None
) -> None:
    """Every use of every operation fails once: with an error of the disk, and with what no handler sees (a kill)."""
    failures = 0
    for after in range(1, 12):
        for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):
            root = tmp_path / f"{call}-{after}-{type(error).__name__}"
            root.mkdir()
            if before is not None:
                FileSink(root).write(PATH, before, mode=0o600)
            with monkeypatch.context() as patch:
                count = dying(call, after, error, patch)
                try:
                    FileSink(root).write(PATH, NEW, mode=0o600)
                except (RenderError, KeyboardInterrupt):
                    failures += 1
                used = count()
            assert FileSink(root).read(PATH) in {before, NEW}
            assert files(root) in ([PATH], [])
            FileSink(root).write(PATH, NEW, mode=0o600)
            assert ([PATH], NEW) == (files(root), FileSink(root).read(PATH))
        if used < after:
            break
    assert failures or (call, before) == ("mkdir", OLD)


KILLED = """
import os, signal, sys
from pathlib import Path
from iac.sinks.file.sink import FileSink
os.fsync = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
FileSink(Path(sys.argv[1])).write("b.env", b"half", mode=0o600)
"""


def test_what_a_killed_write_leaves_goes_with_the_next(
    sink: FileSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.write("b.env", OLD, mode=0o600)
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False, cwd=Path.cwd())
    assert -signal.SIGKILL == killed.returncode
    leftover = [name for name in files(tmp_path) if name != "b.env"]
    assert 1 == len(leftover)
    assert 0o600 == mode(tmp_path / leftover[0])
    assert OLD == (tmp_path / "b.env").read_bytes()
    monkeypatch.setattr("iac.files._swept", set())  # as the next process begins
    FileSink(tmp_path).write("other.env", NEW, mode=0o600)
    assert ["b.env", "other.env"] == files(tmp_path)


def test_the_temporary_file_of_a_living_writer_stays(
    sink: FileSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    real = os.fsync

    def meanwhile(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        monkeypatch.setattr("iac.files._swept", set())  # as another process has it
        FileSink(tmp_path).write("other.env", NEW, mode=0o600)
        seen.append(files(tmp_path))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", meanwhile)
    sink.write("b.env", NEW, mode=0o600)
    assert (2, "other.env") == (len(seen[0]), seen[0][-1])
    assert ["b.env", "other.env"] == files(tmp_path)


def test_a_file_that_only_looks_like_ours_stays(sink: FileSink, tmp_path: Path) -> None:
    (tmp_path / ".b.env.short.iac-tmp").write_bytes(OLD)
    (tmp_path / "b.env.iac-tmp").write_bytes(OLD)
    sink.write("b.env", NEW, mode=0o600)
    assert 3 == len(files(tmp_path))


def test_a_full_disk_leaves_the_old_file_and_nothing_else(sink: FileSink, tmp_path: Path) -> None:
    sink.write("b.env", OLD, mode=0o600)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(RenderError) as caught:
            sink.write("b.env", b"x" * 10_000, mode=0o600)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert ("File too large", "make room or permissions, then run: iac render") == (
        caught.value.why,
        caught.value.fix,
    )
    assert (["b.env"], OLD) == (files(tmp_path), (tmp_path / "b.env").read_bytes())


def test_readers_see_the_old_file_until_it_is_the_new(sink: FileSink, tmp_path: Path) -> None:
    sink.write("b.env", OLD, mode=0o600)
    with (tmp_path / "b.env").open("rb") as reader:
        sink.write("b.env", NEW, mode=0o600)
        assert (OLD, NEW) == (reader.read(), (tmp_path / "b.env").read_bytes())


def test_a_read_only_folder_is_told_before_and_at_the_write(sink: FileSink, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(RenderError) as checked:
        sink.check("b.env", NEW)
    with pytest.raises(RenderError) as written:
        sink.write("b.env", NEW, mode=0o600)
    assert ("Permission denied", "Permission denied") == (checked.value.why, written.value.why)
