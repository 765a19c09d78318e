"""State in a branch of a git repository, over a path and over ssh."""

from __future__ import annotations

import gc
import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac import git as gitcommand
from iac.backends.cell import NotStored, settle
from iac.backends.git import GitPlace
from iac.backends.git import branch as git_module
from iac.backends.git.branch import open_git
from iac.backends.lock import UNKNOWN, parse_note
from iac.core.errors import InputError, StateError, UnreachableError
from tests.backends.clock import StoppedClock
from tests.backends.contract import LATER, RemoteContract, RemoteSite
from tests.backends.gitremote import BRANCH, PATH, GitSite, Server, git
from tests.backends.given import EMPTY, HOLDER, holding, intended, written

if TYPE_CHECKING:
    from pathlib import Path

    from iac.backends.cell import Cell, Stored

HEAD = f"refs/heads/{BRANCH}"
LOCK = f"refs/iac/lock/{BRANCH}/rucio/default%2Ejson"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server.make(tmp_path / "server")


@pytest.fixture
def machines(tmp_path: Path) -> Path:
    path = tmp_path / "machines"
    path.mkdir()
    return path


@pytest.fixture
def by_path(machines: Path, server: Server) -> GitSite:
    return GitSite(machines, server, str(server.repository))


@pytest.fixture
def by_ssh(machines: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> GitSite:
    monkeypatch.setenv("GIT_SSH_COMMAND", str(server.ssh))
    return GitSite(machines, server, server.url)


class OverGit(RemoteContract):
    """The contract, with fewer turns where each is many processes."""

    cut_every = 370
    writes = 8


class TestContractOverAPath(OverGit):
    """A state in a repository on a disk that is shared."""

    @pytest.fixture
    def remote(self, by_path: GitSite) -> RemoteSite:
        return by_path

    @pytest.fixture
    def site(self, by_path: GitSite) -> RemoteSite:
        return by_path


class TestContractOverSsh(OverGit):
    """A state in a repository of a server that is reached by ssh."""

    @pytest.fixture
    def remote(self, by_ssh: GitSite) -> RemoteSite:
        return by_ssh

    @pytest.fixture
    def site(self, by_ssh: GitSite) -> RemoteSite:
        return by_ssh


class TestRaces:
    """Twelve writers: git's own compare and swap, not a lock, decides."""

    def test_of_twelve_that_write_one_file_exactly_one_wins_each_round(self, by_path: GitSite) -> None:
        cells = [by_path.cell() for _ in range(12)]
        gate = threading.Barrier(12)
        stored = cells[0].swap(b"0", None)

        def write(number: int, round_: int, old: Stored) -> Stored | None:
            gate.wait()
            try:
                return cells[number].swap(f"{round_} {number}".encode(), old)
            except NotStored:
                return None

        with ThreadPoolExecutor(12) as pool:
            for round_ in range(5):
                won = [found for found in pool.map(write, range(12), [round_] * 12, [stored] * 12) if found]
                assert 1 == len(won)
                stored = won[0]
        assert stored == by_path.cell().read()
        assert 6 == int(by_path.server.git("rev-list", "--count", HEAD))

    @pytest.mark.parametrize("over", ["by_path", "by_ssh"])
    def test_twelve_that_write_files_of_their_own_all_land(self, over: str, request: pytest.FixtureRequest) -> None:
        site: GitSite = request.getfixturevalue(over)
        gate = threading.Barrier(12)

        def write(number: int) -> None:
            cell = open_git(site.machines, replace(site.place, path=f"rucio/{number}.json"))[0]
            seen = cell.read()
            gate.wait()
            cell.swap(f"first of {number}".encode(), seen)

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(write, range(12)))
        assert [f"first of {number}" for number in range(12)] == [
            site.server.read(f"rucio/{number}.json") for number in range(12)
        ]
        assert 12 == int(site.server.git("rev-list", "--count", HEAD))

    def test_of_twelve_that_lock_exactly_one_holds(self, by_path: GitSite) -> None:
        def lock(number: int) -> bool:
            try:
                open_git(by_path.machines, by_path.place)[1].swap(f"{number}".encode(), None)
            except NotStored:
                return False
            return True

        with ThreadPoolExecutor(12) as pool:
            assert 1 == list(pool.map(lock, range(12))).count(True)

    def test_a_branch_that_others_move_each_time_is_given_up(
        self, by_path: GitSite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(git_module, "PUSHES", 2)
        cell = by_path.cell()
        cell.swap(b"one", None)
        stored = cell.read()
        by_path.server.hook(_mover(by_path.server))
        with pytest.raises(NotStored, match="moved by others each of 2 times") as caught:
            cell.swap(b"two", stored)
        assert not caught.value.is_refusal


def _mover(server: Server) -> str:
    """A hook that declines, having committed something else to the branch."""
    return (
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        f"cd {server.repository}\n"
        f"tree=$(git rev-parse {HEAD}^{{tree}})\n"
        f"new=$(echo moved | git -c user.name=a -c user.email=b commit-tree $tree -p {HEAD})\n"
        f"git update-ref {HEAD} $new\nexit 1"
    )


class TestDocument:
    """A file in a branch."""

    def test_the_first_one_makes_the_branch_and_nothing_else(self, by_ssh: GitSite) -> None:
        by_ssh.cell().swap(b"one", None)
        assert [HEAD] == list(by_ssh.server.refs())
        assert PATH == by_ssh.server.git("ls-tree", "-r", "--name-only", HEAD).strip()

    def test_each_write_is_a_commit_on_the_last_one_and_other_files_stay(self, by_ssh: GitSite) -> None:
        by_ssh.server.write("hello", "README.md")
        cell = by_ssh.cell()
        cell.swap(b"two", cell.swap(b"one", cell.read()))
        assert "hello" == by_ssh.server.read("README.md")
        assert "two" == by_ssh.server.read()
        assert "one" == by_ssh.server.git("cat-file", "blob", f"{HEAD}~1:{PATH}")
        assert "by us" == by_ssh.server.git("log", "-1", "--format=%s", f"{HEAD}~2").strip()

    def test_a_change_of_another_file_is_no_conflict(self, by_ssh: GitSite) -> None:
        cell = by_ssh.cell()
        stored = cell.swap(b"one", None)
        by_ssh.server.write("other", "rucio/other.json")
        cell.swap(b"two", stored)
        assert ("two", "other") == (by_ssh.server.read(), by_ssh.server.read("rucio/other.json"))

    def test_a_change_of_the_file_is_one(self, by_ssh: GitSite) -> None:
        cell = by_ssh.cell()
        stored = cell.swap(b"one", None)
        by_ssh.server.write("theirs")
        with pytest.raises(NotStored, match="something else is there"):
            cell.swap(b"two", stored)
        assert "theirs" == by_ssh.server.read()

    def test_a_version_that_was_never_seen_here_is_looked_for(self, by_path: GitSite) -> None:
        stored = by_path.cell().swap(b"one", None)
        assert b"two" == by_path.cell().swap(b"two", stored).data
        with pytest.raises(NotStored, match="something else is there"):
            by_path.cell().swap(b"three", stored)

    def test_it_is_taken_away_by_a_commit(self, by_path: GitSite) -> None:
        by_path.server.write("hello", "README.md")
        cell = by_path.cell()
        cell.clear(cell.swap(b"one", None))
        assert cell.read() is None
        assert "README.md" == by_path.server.git("ls-tree", "-r", "--name-only", HEAD).strip()
        assert f"iac: {PATH} removed" == by_path.server.git("log", "-1", "--format=%s", HEAD).strip()

    def test_a_branch_that_was_deleted_holds_no_state(self, by_path: GitSite) -> None:
        cell, lock = open_git(by_path.machines, by_path.place)
        cell.swap(b"one", None)
        lock.swap(b"note", None)
        by_path.server.git("update-ref", "-d", HEAD)
        assert cell.read() is None
        assert b"one again" == cell.swap(b"one again", None).data

    def test_branches_whose_names_begin_alike_are_kept_apart(self, by_path: GitSite) -> None:
        by_path.server.write("other", branch=f"{BRANCH}-old")
        assert by_path.cell().read() is None
        by_path.cell().swap(b"one", None)
        assert ("one", "other") == (by_path.server.read(), by_path.server.read(branch=f"{BRANCH}-old"))

    def test_a_folder_is_no_document(self, by_path: GitSite) -> None:
        by_path.server.write("below", f"{PATH}/below")
        with pytest.raises(StateError, match="is not a file") as caught:
            by_path.cell().read()
        assert PATH in caught.value.where
        assert "state.path" in caught.value.fix

    def test_a_file_of_others_is_not_replaced_by_a_folder(self, by_path: GitSite) -> None:
        by_path.server.write("theirs", "rucio")
        with pytest.raises(NotStored, match="rucio is a file in branch") as caught:
            by_path.cell().swap(b"one", None)
        assert caught.value.is_refusal
        assert "theirs" == by_path.server.read("rucio")

    def test_any_byte_and_any_usual_name_comes_back(self, by_path: GitSite) -> None:
        place = GitPlace(str(by_path.server.repository), "team/état", ".iac/a b/ü'$(x)~.json")
        data = bytes(range(256)) * 300
        open_git(by_path.machines, place)[0].swap(data, None)
        lock = open_git(by_path.machines, place)[1]
        stored = lock.swap(b"note", None)
        assert data == getattr(open_git(by_path.machines, place)[0].read(), "data", None)
        assert stored == lock.read()

    def test_the_commit_says_environment_serial_and_run(self, by_path: GitSite) -> None:
        backend = by_path.begun()
        backend.save(holding("a"))
        assert "iac: default serial 1, run run-0" == by_path.server.git("log", "-1", "--format=%s", HEAD).strip()

    def test_a_subject_is_one_line_whatever_the_document_says(self, by_path: GitSite) -> None:
        document = {"environment": "a\nb", "serial": 1, "run_id": "c\x1b[1m"}
        by_path.cell().swap(json.dumps(document).encode(), None)
        assert r"iac: a\u000ab serial 1, run c\u001b[1m" == by_path.server.git("log", "-1", "--format=%s", HEAD).strip()


class TestNote:
    """The lock: a ref beside the branches."""

    def test_it_is_no_branch(self, by_ssh: GitSite) -> None:
        by_ssh.begun()
        with by_ssh.on("one").lock(HOLDER, timeout=0):
            assert [HEAD, LOCK] == list(by_ssh.server.refs())
            assert HOLDER == parse_note(by_ssh.server.git("cat-file", "blob", f"{LOCK}:note").encode())
        assert [HEAD] == list(by_ssh.server.refs())

    def test_states_of_one_branch_have_locks_of_their_own(self, by_path: GitSite) -> None:
        by_path.begun()
        other = GitSite(by_path.machines, by_path.server, by_path.place.remote)
        other.place = replace(by_path.place, path="rucio/prod.json")
        other.begun()
        with by_path.on("one").lock(HOLDER, timeout=0), other.on("two").lock(LATER, timeout=0):
            assert (HOLDER, LATER) == (by_path.on("three").holder(), other.on("three").holder())

    def test_the_same_note_is_another_version_each_time(self, by_path: GitSite) -> None:
        lock = open_git(by_path.machines, by_path.place)[1]
        first = lock.swap(b"note", None)
        lock.clear(first)
        second = lock.swap(b"note", None)
        assert first.version != second.version
        with pytest.raises(NotStored):
            lock.clear(first)
        assert second == lock.read()

    def test_a_server_that_denies_rewound_and_deleted_branches_takes_renewals(self, by_path: GitSite) -> None:
        by_path.server.git("config", "receive.denyNonFastForwards", "true")
        by_path.server.git("config", "receive.denyDeletes", "true")
        lock = open_git(by_path.machines, by_path.place)[1]
        lock.clear(lock.swap(b"renewed", lock.swap(b"note", None)))
        assert lock.read() is None

    def test_whose_note_was_cleared_by_somebody_else_has_nothing_to_clear(self, by_path: GitSite) -> None:
        lock = open_git(by_path.machines, by_path.place)[1]
        stored = lock.swap(b"note", None)
        by_path.server.git("update-ref", "-d", LOCK)
        lock.clear(stored)
        assert lock.read() is None

    def test_a_ref_without_a_note_is_held_by_somebody_unknown(self, by_path: GitSite) -> None:
        by_path.server.write("x", "x", branch="x")
        by_path.server.git("update-ref", LOCK, "refs/heads/x")
        assert UNKNOWN == by_path.on("one").holder()


class TestTrouble:
    """What a server, or the way to it, can do to a push."""

    @pytest.mark.parametrize("which", [0, 1])
    def test_a_push_whose_answer_is_lost_is_found_out(self, by_ssh: GitSite, which: int) -> None:
        cell = open_git(by_ssh.machines, by_ssh.place)[which]
        by_ssh.server.trouble("lost")
        stored = cell.swap(b"one", None)
        assert stored == cell.read()
        by_ssh.server.trouble("lost")
        assert cell.swap(b"two", stored) == cell.read()

    def test_a_clear_whose_answer_is_lost_is_found_out(self, by_ssh: GitSite) -> None:
        lock = open_git(by_ssh.machines, by_ssh.place)[1]
        stored = lock.swap(b"note", None)
        by_ssh.server.trouble("lost")
        lock.clear(stored)
        assert [] == list(by_ssh.server.refs())

    def test_a_push_that_never_arrived_may_be_tried_again(self, by_ssh: GitSite) -> None:
        cell = by_ssh.cell()
        by_ssh.server.trouble("cut")
        with pytest.raises(NotStored, match="Connection reset by peer") as caught:
            cell.swap(b"one", None)
        assert not caught.value.is_refusal
        by_ssh.server.trouble("cut")
        assert b"one" == settle(cell, b"one", None, StoppedClock()).data

    @pytest.mark.parametrize("which", [0, 1])
    def test_a_hook_that_declines_is_a_refusal_in_its_own_words(self, by_ssh: GitSite, which: int) -> None:
        cell = open_git(by_ssh.machines, by_ssh.place)[which]
        stored = cell.swap(b"one", None)
        by_ssh.server.hook("echo not on fridays >&2; exit 1")
        with pytest.raises(NotStored, match=r"remote: not on fridays.*pre-receive hook declined") as caught:
            cell.swap(b"two", stored)
        assert caught.value.is_refusal
        assert stored == cell.read()

    def test_a_server_that_declines_at_first_is_asked_again(self, by_ssh: GitSite) -> None:
        """As while the ref is locked by another push."""
        cell = by_ssh.cell()
        marker = by_ssh.server.folder / "declined"
        by_ssh.server.hook(f"test -e {marker} && exit 0; touch {marker}; exit 1")
        assert b"one" == cell.swap(b"one", None).data

    def test_who_may_only_read_is_told_in_the_words_of_the_server(self, by_ssh: GitSite) -> None:
        backend = by_ssh.begun()
        state = backend.load()
        by_ssh.server.trouble("denied")
        with pytest.raises(UnreachableError, match="cannot be written") as caught:
            backend.save(state)
        assert "you may not write to this repository" in caught.value.why
        assert EMPTY == by_ssh.open().load()

    def test_a_server_that_is_down_is_unreachable_in_the_words_of_ssh(self, by_ssh: GitSite) -> None:
        by_ssh.begun()
        by_ssh.server.trouble("down")
        cell = by_ssh.cell()
        with pytest.raises(UnreachableError, match="cannot be read") as caught:
            cell.read()
        assert "Connection refused" in caught.value.why
        assert "git ls-remote ssh://git.example.org/" in caught.value.fix
        by_ssh.server.mend()
        assert cell.read() is not None

    def test_a_server_that_hangs_ends_in_an_error(self, by_ssh: GitSite, monkeypatch: pytest.MonkeyPatch) -> None:
        cell = by_ssh.cell()
        stored = cell.swap(b"one", None)
        monkeypatch.setattr(gitcommand, "SECONDS", 0.3)
        by_ssh.server.trouble("hang")
        with pytest.raises(UnreachableError, match="cannot be read") as caught:
            cell.read()
        assert "git fetch gave no answer within 0.3 seconds" == caught.value.why
        with pytest.raises(NotStored, match=r"git push gave no answer within 0\.3 seconds"):
            cell.swap(b"two", stored)

    def test_no_repository_there_is_unreachable(self, machines: Path, tmp_path: Path) -> None:
        cell = open_git(machines, GitPlace(str(tmp_path / "none.git"), BRANCH, PATH))[0]
        with pytest.raises(UnreachableError, match="cannot be read") as caught:
            cell.read()
        assert "does not appear to be a git repository" in caught.value.why

    def test_credentials_of_a_url_are_in_no_message(self, machines: Path) -> None:
        cell, lock = open_git(machines, GitPlace("https://ada:s3cr%40t@127.0.0.1:9/x.git", BRANCH, PATH))
        with pytest.raises(UnreachableError) as caught:
            cell.read()
        with pytest.raises(NotStored) as refused:
            lock.swap(b"note", None)
        texts = (cell.where, lock.where, str(caught.value), refused.value.reason)
        assert all("127.0.0.1" in text for text in texts)
        assert not any("s3cr" in text or "ada" in text for text in texts)


class TestCost:
    """Round trips to the server."""

    def test_a_run_makes_a_fetch_and_a_push_for_each_write(self, by_ssh: GitSite) -> None:
        by_ssh.begun()
        by_ssh.server.calls()
        backend = by_ssh.on("two")
        with backend.lock(HOLDER, timeout=0):
            state = backend.save(backend.load())
            backend.record([intended("a")])
            backend.record([written("a")])
            backend.save(holding("a", serial=state.serial))
        lock, load, first, answer, end, unlock = by_ssh.server.calls()
        assert "upload-pack" == load
        assert {"receive-pack"} == {lock, first, answer, end, unlock}

    def test_a_look_at_the_state_brings_word_of_its_lock(self, by_ssh: GitSite) -> None:
        by_ssh.begun()
        cell, lock = open_git(by_ssh.machines, by_ssh.place)
        with by_ssh.on("one").lock(HOLDER, timeout=0):
            by_ssh.server.calls()
            cell.read()
            note = lock.read()
            assert ["upload-pack"] == by_ssh.server.calls()
            assert note
            assert HOLDER == parse_note(note.data)
        assert lock.read() is None

    def test_what_was_seen_before_a_push_is_no_word_of_the_lock(self, by_path: GitSite) -> None:
        cell, lock = open_git(by_path.machines, by_path.place)
        assert cell.read() is None
        assert lock.swap(b"note", None) == lock.read()

    def test_nothing_is_run_before_it_is_needed(self, machines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        assert all(open_git(machines, GitPlace("origin", BRANCH, PATH)))


class TestPrivateRepository:
    """Where the work is done."""

    def test_it_is_for_nobody_else_and_goes_with_its_cells(
        self, by_path: GitSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
        (tmp_path / "temp").mkdir()
        cells: tuple[Cell, ...] = open_git(by_path.machines, by_path.place)
        assert [] == list((tmp_path / "temp").iterdir())
        cells[0].swap(b"one", None)
        cells[1].swap(b"note", None)
        (folder,) = (tmp_path / "temp").iterdir()
        assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
        del cells
        gc.collect()
        assert [] == list((tmp_path / "temp").iterdir())

    def test_the_repository_that_the_project_lies_in_is_not_touched(self, server: Server, machines: Path) -> None:
        git(machines, "init", "--quiet", ".")
        git(machines, "remote", "add", "origin", str(server.repository))
        before = _files(machines)
        site = GitSite(machines, server, "origin")
        site.begun().save(EMPTY)
        with site.on("one").lock(HOLDER, timeout=0):
            pass
        assert before == _files(machines)

    def test_one_that_cannot_be_made_is_told(
        self, by_path: GitSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
        with pytest.raises(UnreachableError, match="cannot be made") as caught:
            by_path.cell().read()
        assert "No such file or directory" == caught.value.why
        assert "TMPDIR" in caught.value.fix


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    paths = (path for path in (folder / ".git").rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


@pytest.mark.parametrize(
    ("branch", "path"),
    [
        ("", PATH), ("a..b", PATH), ("-a", PATH), ("a/", PATH), ("a.lock", PATH), ("a b", PATH), ("a*", PATH),
        ("a:b", PATH), ("@", PATH), ("a@{1}", PATH), (".a", PATH), ("a/.b", PATH), ("a.", PATH), ("a\nb", PATH),
        (BRANCH, ""), (BRANCH, "/etc/x"), (BRANCH, "a/../b"), (BRANCH, "./a"), (BRANCH, "a//b"), (BRANCH, "a\nb"),
        (BRANCH, ".git/config"), (BRANCH, "a/.GIT/x"), (BRANCH, 'a"b'), (BRANCH, "a/"),
    ],
)  # fmt: skip
def test_what_can_be_no_branch_or_file_is_refused_before_anything_is_run(
    branch: str, path: str, machines: Path
) -> None:
    with pytest.raises(InputError, match="cannot be a name") as caught:
        open_git(machines, GitPlace("origin", branch, path))
    assert "state." in caught.value.where
    assert caught.value.fix
