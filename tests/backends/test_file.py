from __future__ import annotations

import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac import files
from iac.backends.file.document import FileBackend
from iac.core.errors import LockedError, StateError
from tests.backends.clock import StoppedClock
from tests.backends.contract import BackendContract, Site
from tests.backends.given import EMPTY, HOLDER, OWNER, holding, written

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.state.document import Owner


class FileSite(Site):
    def __init__(self, root: Path) -> None:
        self.path = root / ".iac" / "state.json"
        self.journal = root / ".iac" / "state.json.journal"
        self.rescue = root / "rescue"
        self.rescue.mkdir()

    def open(self, owner: Owner = OWNER) -> FileBackend:
        return FileBackend(self.path, owner, StoppedClock(), [self.rescue])

    def document(self) -> str:
        return self.path.read_text()

    def tamper(self, text: str) -> None:
        self.path.write_text(text)

    def wipe(self) -> None:
        self.path.unlink()


@pytest.fixture
def site(tmp_path: Path) -> FileSite:
    return FileSite(tmp_path)


class TestContract(BackendContract):
    """A state in a file keeps what every backend promises."""


def test_the_lock_of_a_run_that_is_alive_stays(site: FileSite) -> None:
    site.begun()
    with site.open().lock(HOLDER, timeout=0):
        with pytest.raises(LockedError, match="is alive") as caught:
            site.open().unlock(HOLDER.run_id)
        assert HOLDER == site.open().holder()
    assert HOLDER.who in caught.value.why
    assert caught.value.fix


def test_all_files_are_for_their_owner_alone(site: FileSite) -> None:
    backend = site.open()
    backend.create(EMPTY)
    backend.record([written("a")])
    backend.save(holding("a"))
    backend.record([written("b")])
    with backend.lock(HOLDER, timeout=0):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in site.path.parent.iterdir()}
    names = ["", ".backup", ".backup.journal", ".journal", ".lock"]
    assert {f"state.json{name}": 0o600 for name in names} == modes
    assert 0o700 == stat.S_IMODE(site.path.parent.stat().st_mode)


def test_what_a_killed_write_left_behind_goes_with_the_next_lock(site: FileSite) -> None:
    backend = site.begun()
    leftovers = [site.path.with_name(f".{number:016x}.iac-tmp") for number in range(2)]
    for leftover in leftovers:
        leftover.write_text("{")
    with backend.lock(HOLDER, timeout=0):
        assert [] == [leftover for leftover in leftovers if leftover.exists()]
    assert EMPTY == backend.load()


def test_many_records_share_few_writes(site: FileSite, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    append = files.append

    def counted(path: Path, data: bytes, offset: int) -> None:
        calls.append(offset)
        append(path, data, offset)

    monkeypatch.setattr(files, "append", counted)
    TestContract().test_what_32_threads_record_at_once_is_all_durable(site)
    assert 320 > 2 * len(calls)


class TestJournal:
    def test_a_torn_last_line_is_dropped_and_overwritten_by_the_next(self, site: FileSite) -> None:
        backend = site.begun()
        backend.record([written("a")])
        whole = site.journal.read_bytes()
        for length in (1, 20, len(whole) // 2, len(whole) - 1):
            site.journal.write_bytes(whole + whole[:length])
            heir = site.open()
            assert holding("a") == heir.load()
            heir.record([written("b")])
            assert holding("a", "b") == site.open().load()

    def test_zeros_where_a_lost_page_was_are_a_torn_last_line(self, site: FileSite) -> None:
        site.begun().record([written("a")])
        site.journal.write_bytes(site.journal.read_bytes() + b"\x00" * 4096)
        assert holding("a") == site.open().load()
        site.journal.write_bytes(site.journal.read_bytes()[:-4096] + b"\x00" * 80 + b"\n")
        assert holding("a") == site.open().load()

    def test_damage_before_the_last_line_is_an_error_with_a_way_on(self, site: FileSite) -> None:
        backend = site.begun()
        for name in ("a", "b", "c"):
            backend.record([written(name)])
        lines = site.journal.read_bytes().splitlines(keepends=True)
        lines[1] = lines[1].replace(b"iam-admin", b"iam-other")
        site.journal.write_bytes(b"".join(lines))
        with pytest.raises(StateError, match="journal is damaged") as caught:
            site.open().load()
        assert "line 2" in caught.value.why
        assert str(site.journal) in caught.value.fix

    def test_the_journal_of_an_older_document_is_ignored_and_begun_anew(self, site: FileSite) -> None:
        backend = site.begun()
        backend.record([written("a")])
        old = site.journal.read_bytes()
        backend.save(EMPTY)
        site.journal.write_bytes(old)
        heir = site.open()
        assert 0 == len(heir.load().clients)
        heir.record([written("b")])
        assert holding("b", serial=1) == site.open().load()
        assert b"wlcg/a" not in site.journal.read_bytes()

    def test_the_journal_of_another_lineage_is_refused(self, site: FileSite) -> None:
        site.begun().record([written("a")])
        site.edit(lineage="lineage-2")
        with pytest.raises(StateError, match="journal belongs to another state"):
            site.open(replace(OWNER, lineage="lineage-2")).load()

    def test_a_journal_without_its_document_keeps_a_new_state_from_being_made(self, site: FileSite) -> None:
        site.begun().record([written("a")])
        site.wipe()
        with pytest.raises(StateError, match="there is a state already"):
            site.open().create(EMPTY)


class TestBackup:
    def test_the_way_back_that_is_told_brings_everything_back(self, site: FileSite) -> None:
        backend = site.begun()
        backend.record([written("a")])
        backend.save(holding("a", "b"))
        site.tamper("{")
        with pytest.raises(StateError, match="damaged") as caught:
            site.open().load()
        _do_what_is_told(caught.value.fix, site)
        assert holding("a") == site.open().load()

    def test_the_way_back_leaves_a_journal_that_is_newer_than_the_backup(self, site: FileSite) -> None:
        backend = site.begun()
        backend.save(holding("a"))
        backend.record([written("b")])
        site.wipe()
        with pytest.raises(StateError, match="there is no state") as caught:
            site.open().load()
        _do_what_is_told(caught.value.fix.partition(";")[0], site)
        assert holding("b") == site.open().load()

    def test_the_backup_is_copied_where_there_are_no_hard_links(
        self, site: FileSite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        backend = site.begun()
        first = site.document()
        monkeypatch.setattr("os.link", _refuse)
        backend.save(holding("a"))
        assert first == site.path.with_name("state.json.backup").read_text()


class TestUnusable:
    def test_a_directory_in_the_place_of_the_state_is_unreadable(self, site: FileSite) -> None:
        site.path.mkdir(parents=True)
        with pytest.raises(StateError, match="cannot be read") as caught:
            site.open().load()
        assert caught.value.fix

    def test_a_state_that_is_no_text_is_damaged(self, site: FileSite) -> None:
        site.begun()
        site.path.write_bytes(b"\xff\xfe")
        with pytest.raises(StateError, match="damaged") as caught:
            site.open().load()
        assert "not UTF-8" == caught.value.why

    def test_a_place_where_nothing_can_be_made_is_told(self, site: FileSite) -> None:
        site.path.parent.write_text("a file")
        with pytest.raises(StateError, match="cannot be written") as caught:
            site.open().create(EMPTY)
        assert "state.path" in caught.value.fix

    def test_a_lock_without_a_state_says_that_there_is_none(self, site: FileSite) -> None:
        with pytest.raises(StateError, match="there is no state"), site.open().lock(HOLDER, timeout=0):
            pass

    def test_a_lock_that_cannot_be_made_is_told(self, site: FileSite) -> None:
        site.begun()
        site.path.with_name("state.json.lock").mkdir()
        with pytest.raises(StateError, match="cannot be locked") as caught, site.open().lock(HOLDER, timeout=0):
            pass
        assert caught.value.fix

    def test_a_link_in_the_place_of_the_journal_is_not_followed(self, site: FileSite, tmp_path: Path) -> None:
        backend = site.begun()
        victim = tmp_path / "victim"
        victim.write_text("")
        site.journal.symlink_to(victim)
        with pytest.raises(StateError):
            backend.record([written("a")])
        assert "" == victim.read_text()


def test_a_lock_is_waited_for(site: FileSite) -> None:
    site.begun()
    clock = StoppedClock()
    begun = clock.now()
    with (
        site.open().lock(HOLDER, timeout=0),
        pytest.raises(LockedError),
        FileBackend(site.path, OWNER, clock).lock(HOLDER, timeout=30),
    ):
        pass
    assert 30 == pytest.approx((clock.now() - begun).total_seconds(), abs=0.1)


@pytest.mark.parametrize("note", ["", "{", "[]", '{"run_id": "x"}'])
def test_a_lock_whose_note_cannot_be_read_is_still_a_lock(site: FileSite, note: str) -> None:
    site.begun()
    with site.open().lock(HOLDER, timeout=0):
        site.path.with_name("state.json.lock").write_text(note)
        holder = site.open().holder()
        assert "unknown" == getattr(holder, "run_id", None)
        with pytest.raises(LockedError, match="unknown"), site.open().lock(HOLDER, timeout=0):
            pass


class TestUnlock:
    def test_the_note_of_a_run_that_is_gone_is_cleared_once(self, site: FileSite) -> None:
        with site.begun().lock(HOLDER, timeout=0):
            pass
        assert HOLDER == site.open().unlock(HOLDER.run_id)
        with pytest.raises(StateError, match="does not hold the lock") as caught:
            site.open().unlock(HOLDER.run_id)
        assert "unknown" in caught.value.why

    def test_a_state_that_was_never_locked_has_no_lock_to_break(self, site: FileSite) -> None:
        site.begun()
        with pytest.raises(StateError, match="does not hold the lock") as caught:
            site.open().unlock("run-7")
        assert "no run has locked this state yet" == caught.value.why


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def _do_what_is_told(fix: str, site: FileSite) -> None:
    assert str(site.path) in fix
    subprocess.run(["sh", "-c", fix.partition(": ")[2]], check=True)
