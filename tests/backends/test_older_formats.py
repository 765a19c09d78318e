"""Every state and journal that version 0.1 wrote is read, written back in today's format and read again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.core.errors import StateError
from iac.core.state.document import (
    TextOrigin,
    check_state,
    parse_journal,
    parse_state,
    render_batch,
    render_state,
    replay,
)
from iac.core.state.model import FORMAT_VERSION
from tests.every import every

if TYPE_CHECKING:
    from iac.core.state.model import State

FIXTURES = Path(__file__).parents[1] / "fixtures/fef7ea2"
KIND = b'"kind": "indigo-iac state"'
FILES = [file for file in FIXTURES.rglob("*") if file.is_file()]
DOCUMENTS = sorted(file for file in FILES if KIND in file.read_bytes()[:200])
JOURNALS = sorted(file for file in FILES if file.suffix == ".journal" and file.stat().st_size)
BUNDLES = sorted(FIXTURES.rglob("*.bundle"))


def _id(file: Path) -> str:
    return str(file.relative_to(FIXTURES))


def _written_back(text: str) -> State:
    assert "1.0" == json.loads(text)["format_version"]
    state = parse_state(text, TextOrigin("old"))
    check_state(state)
    new = render_state(state)
    assert FORMAT_VERSION == json.loads(new)["format_version"]
    assert state == parse_state(new, TextOrigin("new"))
    assert new == render_state(parse_state(new, TextOrigin("new")))
    return state


@every("file", DOCUMENTS, ids=_id)
def test_a_document_is_read_and_written_back(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    state = _written_back(text)
    old = json.loads(text)
    for name in ("clients", "outputs", "intents", "tombstones"):
        assert len(old[name]) == len(getattr(state, name))
    assert all(client.answer is None and not client.recipients for client in state.clients.values())


@every("file", JOURNALS, ids=_id)
def test_a_journal_is_read_beside_its_document_and_written_back(file: Path) -> None:
    journal = parse_journal(file.read_bytes(), TextOrigin(str(file)))
    assert journal.batches
    for batch in journal.batches:
        assert (batch,) == parse_journal(render_batch(batch), TextOrigin("new")).batches
    document = file.with_suffix("")
    if document.exists():
        state = _written_back(document.read_text(encoding="utf-8"))
        check_state(replay(replace(state, serial=0), journal, TextOrigin("old")))


@pytest.mark.parametrize("bundle", BUNDLES, ids=_id)
def test_every_version_in_a_branch_is_read_and_written_back(bundle: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "fetch", "-q", str(bundle), "refs/*:refs/*"], check=True)
    listed = subprocess.run([*git, "rev-list", "--all", "--objects"], check=True, capture_output=True, text=True)
    count = 0
    for line in listed.stdout.splitlines():
        name, _, path = line.partition(" ")
        if path.endswith(".json"):
            text = subprocess.run([*git, "cat-file", "blob", name], check=True, capture_output=True, text=True).stdout
            if KIND.decode() in text[:200]:
                _written_back(text)
                count += 1
    assert count


def test_there_are_fixtures_of_each_kind() -> None:
    assert (True, True, True) == (len(DOCUMENTS) > 20, len(JOURNALS) > 5, len(BUNDLES) > 1)


def test_a_newer_format_is_refused_in_documents_and_journals() -> None:
    text = render_state(parse_state(DOCUMENTS[0].read_text(encoding="utf-8"), TextOrigin("old")))
    with pytest.raises(StateError, match="another version of iac") as caught:
        parse_state(text.replace(f'"{FORMAT_VERSION}"', '"1.2"', 1), TextOrigin("new"))
    assert "its format is 1.2; this program reads 1.0 and 1.1" in caught.value.why


def test_a_document_of_1_0_holds_nothing_that_came_later() -> None:
    text = DOCUMENTS[0].read_text(encoding="utf-8").replace('"issuer"', '"served_issuer": "x",\n  "issuer"', 1)
    with pytest.raises(StateError, match="damaged") as caught:
        parse_state(text, TextOrigin("old"))
    assert "served_issuer: not a member of this version" in caught.value.why
