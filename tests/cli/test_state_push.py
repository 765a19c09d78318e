"""push: documents and emergency copies come back, foreign and older ones do not."""

from __future__ import annotations

import io
import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.core.state.document import Batch, TextOrigin, parse_state, render_batch
from iac.core.state.model import ClientGone, IntentDropped, OutputWritten
from tests.backends.given import client, intended, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iac.core.state.model import Event
    from tests.cli.conftest import Mended


def pulled(mended: Mended, **members: object) -> str:
    """A copy of the state, with other members."""
    data = json.loads(mended.iac("state", "pull").out)
    (mended.root / "copy.json").write_text(json.dumps({**data, **members}))
    return "copy.json"


def journal(mended: Mended, events: Sequence[Event], *, serial: int = 0, lineage: str = "") -> str:
    """The journal of an emergency copy that goes on from so many saves ago."""
    state = mended.state()
    batch = Batch(lineage or state.lineage, "run-1", state.serial - serial, tuple(events))
    (mended.root / "copy.journal").write_bytes(render_batch(batch))
    return "copy.journal"


class TestDocument:
    def test_what_was_pulled_can_be_pushed(self, mended: Mended) -> None:
        before = mended.state()
        copy = pulled(mended)
        said = mended.iac("state", "push", copy)
        assert 0 == said.code, said.err
        assert "the state holds what copy.json holds" in said.out
        assert "run iac plan" in said.err
        after = mended.state()
        assert replace(before, serial=after.serial, run_id=after.run_id) == after
        assert before.serial + 1 == after.serial
        assert before.run_id != after.run_id

    def test_it_is_read_from_stdin_too(self, mended: Mended, monkeypatch: pytest.MonkeyPatch) -> None:
        data = (mended.root / pulled(mended, outputs={})).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert 0 == mended.iac("state", "push", "-").code
        assert {} == mended.state().outputs

    def test_a_newer_copy_is_taken_and_serials_go_on_from_the_state(self, mended: Mended) -> None:
        serial = mended.state().serial
        assert 0 == mended.iac("state", "push", pulled(mended, serial=serial + 9, run_id="other", clients={})).code
        assert (serial + 1, {}) == (mended.state().serial, mended.state().clients)

    @pytest.mark.parametrize("age", [0, 1])
    def test_an_older_copy_or_one_of_another_run_needs_force(self, mended: Mended, age: int) -> None:
        copy = pulled(mended, serial=mended.state().serial - age, run_id="other", clients={})
        before = mended.document()
        said = mended.iac("state", "push", copy)
        assert (1, before) == (said.code, mended.document())
        assert "the copy is older than the state" in said.err
        assert "iac state push --force copy.json" in said.err
        assert 0 == mended.iac("state", "push", "--force", copy).code
        assert {} == mended.state().clients

    @pytest.mark.parametrize("name", ["project", "environment", "issuer", "lineage"])
    def test_a_foreign_copy_is_refused_even_by_force(self, mended: Mended, name: str) -> None:
        before = mended.document()
        said = mended.iac("state", "push", "--force", pulled(mended, **{name: "other"}))
        assert (1, before) == (said.code, mended.document())
        assert f"the state belongs to another {name}: copy.json" in said.err
        assert (name == "issuer") == ("if the server has moved, see https://" in said.err)

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"A=B\n", b'{"crc":', b'{"crc":"x"}\n'])
    def test_what_is_no_state_is_refused(self, mended: Mended, data: bytes) -> None:
        (mended.root / "copy.json").write_bytes(data)
        before = mended.document()
        said = mended.iac("state", "push", "--force", "copy.json")
        assert (1, before) == (said.code, mended.document())
        assert "copy.json" in said.err
        assert "fix: it cannot be pushed: take another copy" in said.err

    def test_a_file_that_is_not_there_is_told(self, mended: Mended) -> None:
        said = mended.iac("state", "push", "nothing.json")
        assert 1 == said.code
        assert "the file cannot be read: nothing.json" in said.err

    @pytest.mark.parametrize("is_whole_folder", [True, False])
    def test_a_state_that_is_gone_comes_back(self, mended: Mended, *, is_whole_folder: bool) -> None:
        before = mended.state()
        copy = pulled(mended)
        if is_whole_folder:
            shutil.rmtree(mended.root / ".iac")
        else:
            (mended.root / ".iac/state.json").unlink()
        assert 0 == mended.iac("state", "push", copy).code
        assert replace(before, run_id=mended.state().run_id) == mended.state()

    def test_a_foreign_copy_does_not_take_the_place_of_a_state_that_is_gone(self, mended: Mended) -> None:
        copy = pulled(mended, lineage="other")
        shutil.rmtree(mended.root / ".iac")
        assert 1 == mended.iac("state", "push", copy).code
        assert not (mended.root / ".iac").exists()

    def test_while_an_apply_runs_it_is_refused(self, mended: Mended) -> None:
        copy = pulled(mended)
        session = mended.session()
        with session.backend.lock(session.holder(), timeout=0):
            said = mended.iac("state", "push", copy)
        assert 6 == said.code
        assert session.run_id in said.err


class TestJournal:
    def test_what_it_recorded_is_added(self, mended: Mended) -> None:
        before = mended.state()
        said = mended.iac("state", "push", journal(mended, [written("new"), OutputWritten("out/a.env", None)]))
        assert 0 == said.code, said.err
        after = mended.state()
        assert {**before.clients, "wlcg/new": client("new")} == after.clients
        assert {"out/ab.env"} == set(after.outputs)
        assert before.serial + 1 == after.serial

    def test_twice_is_once(self, mended: Mended) -> None:
        copy = journal(mended, [written("new"), ClientGone("b", mended.state().tombstones[0]), intended("c")])
        assert 0 == mended.iac("state", "push", copy).code
        once = mended.state()
        assert 0 == mended.iac("state", "push", "--force", copy).code
        assert replace(once, serial=once.serial + 1, run_id=mended.state().run_id) == mended.state()

    def test_one_of_an_older_state_needs_force_and_says_what_it_is_about(self, mended: Mended) -> None:
        gone, dropped, removed = ClientGone("b", None), IntentDropped("d"), OutputWritten("o", None)
        events: list[Event] = [written("new"), gone, intended("c"), dropped, removed]
        copy = journal(mended, events, serial=1)
        before = mended.document()
        said = mended.iac("state", "push", copy)
        assert (1, before) == (said.code, mended.document())
        assert "it is about b, d, o, wlcg/c, wlcg/new" in said.err
        assert 0 == mended.iac("state", "push", "--force", copy).code
        assert {"wlcg/a", "wlcg/new"} == set(mended.state().clients)

    def test_one_of_another_lineage_is_refused(self, mended: Mended) -> None:
        before = mended.document()
        said = mended.iac("state", "push", "--force", journal(mended, [written("new")], lineage="other"))
        assert (1, before) == (said.code, mended.document())
        assert "the journal belongs to another state: copy.journal" in said.err

    def test_a_torn_one_is_refused(self, mended: Mended) -> None:
        copy = mended.root / journal(mended, [written("new")])
        copy.write_bytes(copy.read_bytes() * 2)
        copy.write_bytes(copy.read_bytes()[:-9])
        before = mended.document()
        said = mended.iac("state", "push", "copy.journal")
        assert (1, before) == (said.code, mended.document())
        assert "incomplete" in said.err

    def test_without_a_state_to_add_to_it_is_refused(self, mended: Mended) -> None:
        copy = journal(mended, [written("new")])
        shutil.rmtree(mended.root / ".iac")
        said = mended.iac("state", "push", copy)
        assert 1 == said.code
        assert "there is no state" in said.err


def test_secrets_of_a_pushed_copy_open(mended: Mended) -> None:
    assert 0 == mended.iac("state", "push", pulled(mended)).code
    state = mended.state()
    assert "canary-id-a" == mended.secret("wlcg/a", state.clients["wlcg/a"].secret)
    assert state == parse_state(mended.iac("state", "pull").out, TextOrigin("stdout"))
