"""A disk that takes no more: what was to be stored is in an emergency copy, and what is told brings it back."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.backends.age import ClearVault
from iac.core.errors import StateError
from iac.core.state.model import fold
from iac.session import StateSession
from iac.workflow.state import push
from tests.backends.clock import StoppedClock
from tests.backends.given import EMPTY, holding, intended, written
from tests.backends.test_file import FileSite

if TYPE_CHECKING:
    from iac.core.state.model import State

ROOT = Path(__file__).parents[2]


class FullDisk:
    """From `fill` on a write into the state's directory lands by half and then fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.is_full = False
        self._directory = directory
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        if self.is_full and Path(f"/proc/self/fd/{file}").readlink().parent == self._directory:
            self._write(file, bytes(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(file, data)


@pytest.fixture
def site(tmp_path: Path) -> FileSite:
    return FileSite(tmp_path)


@pytest.fixture
def full(site: FileSite, monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    return FullDisk(monkeypatch, site.path.parent)


def test_a_record_that_fails_is_in_a_copy_that_comes_back(site: FileSite, full: FullDisk) -> None:
    backend = site.begun()
    backend.record([written("a")])
    full.is_full = True
    with pytest.raises(StateError, match="cannot be written") as caught:
        backend.record([written("b")])
    assert "No space left" in caught.value.why
    assert holding("a") == site.open().load()
    full.is_full = False
    assert holding("a", "b") == _after_what_is_told(caught.value, site)


def test_every_later_record_joins_the_copy(site: FileSite, full: FullDisk) -> None:
    backend = site.begun()
    backend.record([written("a")])
    full.is_full = True
    with pytest.raises(StateError):
        backend.record([written("b")])
    full.is_full = False
    with pytest.raises(StateError, match="cannot be written") as caught:
        backend.record([written("c")])
    assert holding("a") == site.open().load()
    assert holding("a", "b", "c") == _after_what_is_told(caught.value, site)


def test_a_save_that_finds_room_again_takes_up_what_could_not_be_recorded(site: FileSite, full: FullDisk) -> None:
    backend = site.begun()
    full.is_full = True
    with pytest.raises(StateError):
        backend.record([written("b")])
    assert 1 == len(list(site.rescue.iterdir()))
    full.is_full = False
    assert holding("a", "b", serial=1) == backend.save(holding("a"))
    assert holding("a", "b", serial=1) == site.open().load()
    assert not list(site.rescue.iterdir())
    backend.record([written("c")])
    assert holding("a", "b", "c", serial=1) == site.open().load()


def test_a_save_that_fails_is_in_a_copy_that_comes_back(site: FileSite, full: FullDisk) -> None:
    backend = site.begun()
    backend.record([written("a")])
    full.is_full = True
    with pytest.raises(StateError):
        backend.record([written("b")])
    with pytest.raises(StateError, match="cannot be written") as caught:
        backend.save(fold(holding("a"), intended("c")))
    assert holding("a") == site.open().load()
    assert [] == list(site.path.parent.glob(".*"))
    full.is_full = False
    assert fold(holding("a", "b"), intended("c")) == _after_what_is_told(caught.value, site)


def test_a_first_state_that_fails_is_told(site: FileSite, full: FullDisk) -> None:
    full.is_full = True
    with pytest.raises(StateError, match="cannot be written") as caught:
        site.open().create(holding("a"))
    assert "No space left" in caught.value.why
    full.is_full = False
    site.open().create(holding("a"))


def test_where_no_copy_can_be_made_that_is_told(site: FileSite, full: FullDisk) -> None:
    backend = site.begun()
    shutil.rmtree(site.rescue)
    full.is_full = True
    with pytest.raises(StateError, match="cannot be written") as caught:
        backend.record([written("a")])
    assert f"tried {site.rescue}" in caught.value.why
    with pytest.raises(StateError, match="cannot be written") as caught:
        backend.save(holding("a"))
    assert f"tried {site.rescue}" in caught.value.why
    assert caught.value.fix


def test_copies_are_for_their_owner_alone_and_replace_links(site: FileSite, full: FullDisk, tmp_path: Path) -> None:
    backend = site.begun()
    victim = tmp_path / "victim"
    victim.write_text("")
    (site.rescue / "iac-state-emergency-run-0.json.journal").symlink_to(victim)
    full.is_full = True
    with pytest.raises(StateError):
        backend.record([written("a")])
    (copy,) = site.rescue.iterdir()
    assert not copy.is_symlink()
    assert 0o600 == copy.stat().st_mode & 0o777
    assert "" == victim.read_text()


class TestConflict:
    """Somebody broke the lock and wrote: what this run did goes into a copy, and theirs stays."""

    def test_a_record_is_kept_apart(self, site: FileSite) -> None:
        mine, theirs = site.begun(), site.open()
        theirs.load()
        theirs.save(holding("theirs"))
        with pytest.raises(StateError, match="changed by somebody else") as caught:
            mine.record([written("mine")])
        (copy,) = site.rescue.iterdir()
        assert str(copy) in caught.value.why
        assert b"wlcg/mine" in copy.read_bytes()
        assert "keep the copy" in caught.value.fix
        assert holding("theirs", serial=1) == site.open().load()
        assert holding("theirs", "mine") == _after_what_is_told(caught.value, site, "--force")

    def test_a_save_of_what_was_recorded_is_kept_apart(self, site: FileSite) -> None:
        mine, theirs = site.begun(), site.open()
        mine.record([written("mine")])
        theirs.load()
        theirs.save(holding("theirs"))
        with pytest.raises(StateError, match="changed by somebody else") as caught:
            mine.save(holding("mine"))
        (copy,) = site.rescue.iterdir()
        assert "wlcg/mine" in copy.read_text()
        assert holding("theirs", serial=1) == site.open().load()
        assert holding("mine") == _after_what_is_told(caught.value, site, "--force")

    def test_that_no_copy_can_be_made_is_told(self, site: FileSite) -> None:
        mine, theirs = site.begun(), site.open()
        theirs.load()
        theirs.save(holding("theirs"))
        shutil.rmtree(site.rescue)
        with pytest.raises(StateError, match="cannot be written") as caught:
            mine.record([written("mine")])
        assert "changed by somebody else" in caught.value.why

    def test_a_state_whose_directory_went_away_is_rescued(self, site: FileSite) -> None:
        backend = site.begun()
        backend.record([written("a")])
        shutil.rmtree(site.path.parent)
        with pytest.raises(StateError, match="cannot be written") as caught:
            backend.save(holding("a", "b"))
        assert holding("a", "b") == _after_what_is_told(caught.value, site)


FILL = '''
import os, sys
from pathlib import Path
from iac.backends.file.document import FileBackend
from iac.core.errors import StateError
from tests.backends.clock import StoppedClock
from tests.backends.given import EMPTY, OWNER, holding, written
mount, rescue = Path(sys.argv[1]), Path(sys.argv[2])
PROJECT = """
project: rucio
issuer: https://iam.example.org/
provider: iam-admin
auth: {method: token, token: {env: TOKEN}}
state: {path: state.json, lineage: lineage-1, encryption: none}
"""
(mount / "iac.yaml").write_text(PROJECT)
backend = FileBackend(mount / "state.json", OWNER, StoppedClock(), [rescue])
backend.create(EMPTY)
backend.load()
names = []
for number in range(10_000):
    names.append(f"client-{number}")
    try:
        backend.record([written(names[-1])])
    except StateError as error:
        told = f"{sys.executable} -m iac -C {mount} " + error.fix.partition(": iac ")[2]
        break
fresh = FileBackend(mount / "state.json", OWNER, StoppedClock(), [rescue]).load()
assert fresh == holding(*names[:-1]), "what was acknowledged is there"
assert os.system(told) != 0, "still no room"
(mount / "ballast").unlink()
assert os.system(told) == 0
fresh = FileBackend(mount / "state.json", OWNER, StoppedClock(), [rescue]).load()
assert fresh.clients == holding(*names).clients, "what was not is there too"
print("recovered", len(names))
'''


def test_a_real_full_disk_loses_nothing(tmp_path: Path) -> None:
    mount, rescue = tmp_path / "small", tmp_path / "rescue"
    mount.mkdir()
    rescue.mkdir()
    script = (
        f"mount -t tmpfs -o size=512k tmpfs {mount} && head -c 300000 /dev/zero >{mount}/ballast"
        f' && exec "$0" -c "$1" {mount} {rescue}'
    )
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("needs user namespaces to mount a small disk")
    command = ["unshare", "-rm", "sh", "-c", script, sys.executable, FILL]
    env = {**os.environ, "TMPDIR": str(rescue)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=env)
    assert 0 == done.returncode, done.stderr
    assert "recovered " in done.stdout


def _after_what_is_told(error: StateError, site: FileSite, *options: str) -> State:
    """Push the copy as the error says; the state then, as if it had never been written."""
    *_, command = re.findall(r"iac (state push .*?)(?: (?:adds|replaces) |$)", error.fix)
    _, _, *given, copy = shlex.split(command)
    assert [*options] == given
    session = StateSession(backend=site.open(), vault=ClearVault(), clock=StoppedClock())
    push(session, Path(copy).read_bytes(), copy, is_forced=bool(options))
    return replace(site.open().load(), serial=EMPTY.serial, run_id=EMPTY.run_id)
