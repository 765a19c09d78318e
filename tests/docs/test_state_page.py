"""docs/reference/state.md says what the code does."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import pytest

from iac.core.state.codec import EVENTS
from iac.core.state.document import TextOrigin, parse_journal, parse_state
from iac.core.state.model import ClientState, SecretStatus, State

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/state.md").read_text(encoding="utf-8")
DOCUMENT, JOURNAL = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_document_that_is_shown_is_one() -> None:
    state = parse_state(DOCUMENT, TextOrigin("docs/reference/state.md"))
    assert "cms-rucio-auth" == state.clients["wlcg/rucio-auth"].client_id


def test_the_journal_that_is_shown_is_one_but_for_its_checksum() -> None:
    body = JOURNAL.strip().partition(",")[2].encode()
    journal = parse_journal(b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body), TextOrigin("docs/reference/state.md"))
    assert 12 == journal.batches[0].serial


@pytest.mark.parametrize("kind", [State, ClientState], ids=["state", "client"])
def test_every_member_is_in_a_table(kind: type[State | ClientState]) -> None:
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert [] == [name for name in kind.__struct_fields__ if f"`{name}`" not in rows]


def test_every_status_and_event_is_named() -> None:
    assert 6 == len(EVENTS)
    assert [] == [name for name in [*EVENTS, *SecretStatus] if f"`{name}`" not in PAGE]


def test_a_json_example_is_json() -> None:
    assert all(json.loads(text) for text in (DOCUMENT, JOURNAL))
