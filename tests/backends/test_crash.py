"""A process that dies at any call of the system leaves the old state or the new one, and the next one goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iac import files
from tests.backends.given import HOLDER, holding, written
from tests.backends.test_file import FileSite

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW, BOTH, NEWER = ["wlcg/old"], ["wlcg/new"], ["wlcg/new", "wlcg/old"], ["wlcg/new", "wlcg/newer", "wlcg/old"]
EXPECTED: dict[str, list[Any]] = {
    "create": ["there is no state", NEW],
    "save": [OLD, NEW],
    "save with a journal": [OLD, NEW],
    "save with a torn journal": [OLD, NEW],
    "save after a crash": [OLD, NEW],
    "first record": [OLD, BOTH],
    "record": [OLD, BOTH],
    "record after a torn one": [OLD, BOTH],
    "save and record": [OLD, BOTH, NEWER],
}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    script = [sys.executable, "-m", "tests.backends.crashing", str(tmp_path_factory.mktemp("crash"))]
    done = subprocess.run(script, check=True, capture_output=True, text=True, cwd=ROOT)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("operation", EXPECTED)
def test_a_death_leaves_the_old_or_the_new_and_never_neither(operation: str, deaths: list[dict[str, Any]]) -> None:
    found = [death.get("error") or death["clients"] for death in deaths if death["operation"] == operation]
    assert EXPECTED[operation] == [each for number, each in enumerate(found) if each not in found[:number]]


def test_the_next_process_goes_on_after_every_death(deaths: list[dict[str, Any]]) -> None:
    survived = [death for death in deaths if "error" not in death]
    assert [["wlcg/next"]] * len(survived) == [death["next"] for death in survived]
    assert not [death for death in survived if death["litter"]]


def test_the_deaths_are_many_and_each_operation_also_comes_to_its_end(deaths: list[dict[str, Any]]) -> None:
    counts = Counter(death["operation"] for death in deaths)
    assert set(EXPECTED) == set(counts)
    assert 120 <= len(deaths)
    assert len(EXPECTED) == sum(not death["died"] for death in deaths)


class TestOrder:
    """What a power cut may do is decided by the order of calls: content first, then the name, then the directory."""

    def test_a_document_is_synced_before_it_is_named_and_its_directory_after(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = _spy(monkeypatch)
        files.write(tmp_path / "state.json", b"content")
        assert ["write", "fsync file", "replace", "fsync directory"] == calls

    def test_a_new_journal_is_synced_with_its_directory_and_later_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = _spy(monkeypatch)
        files.append(tmp_path / "journal", b"one", 0)
        assert ["write", "fsync file", "fsync directory"] == calls
        calls.clear()
        files.append(tmp_path / "journal", b"two", 3)
        assert ["write", "fsync file"] == calls
        assert b"onetwo" == (tmp_path / "journal").read_bytes()

    def test_a_write_that_comes_in_pieces_is_written_whole(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:3])))
        files.write(tmp_path / "state.json", b"a longer content")
        assert b"a longer content" == (tmp_path / "state.json").read_bytes()


HOLD = """
import sys, time
from pathlib import Path
from iac.backends.file.document import FileBackend
from tests.backends.clock import StoppedClock
from tests.backends.given import HOLDER, OWNER
with FileBackend(Path(sys.argv[1]), OWNER, StoppedClock(), []).lock(HOLDER, timeout=0):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_another_process_holds_and_is_freed_by_its_death(tmp_path: Path) -> None:
    site = FileSite(tmp_path)
    site.begun()
    script = [sys.executable, "-c", HOLD, str(site.path)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout
        assert "held\n" == holder.stdout.readline()
        assert HOLDER == site.open().holder()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert site.open().holder() is None
    with site.open().lock(HOLDER, timeout=0):
        assert HOLDER == site.open().holder()


def _spy(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    def spied(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            kind = ""
            if name == "fsync":
                kind = " directory" if os.fstat(args[0]).st_mode & 0o040000 else " file"
            calls.append(name + kind)
            return call(*args)

        return wrapped

    for name in ("write", "fsync", "replace"):
        monkeypatch.setattr(os, name, spied(name, getattr(os, name)))
    return calls


def test_an_event_is_durable_when_record_returns(tmp_path: Path) -> None:
    site = FileSite(tmp_path)
    site.begun().record([written("a")])
    assert holding("a") == site.open().load()
