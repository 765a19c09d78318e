from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.core.errors import StateError
from iac.core.state.codec import dump
from iac.core.state.document import (
    Batch,
    TextOrigin,
    check_state,
    parse_journal,
    parse_state,
    render_batch,
    render_state,
    replay,
)
from iac.core.state.model import (
    Approval,
    ClientGone,
    ClientKey,
    ClientState,
    Event,
    Intent,
    OutputRecord,
    Predecessor,
    SealedSecret,
    State,
    Tombstone,
    fold,
)
from tests.backends.given import EMPTY, SEALED, client, events, holding, intended, states, written
from tests.every import every

HERE = TextOrigin("state.json", "the way out")
FULL = replace(
    holding("a"),
    outputs={"out/a.env": OutputRecord("sha256:1", ("wlcg/a",))},
    intents={"wlcg/b": intended("b").intent},
    tombstones=(
        Tombstone(
            "wlcg/c",
            replace(client("c"), owners=("uuid",), rat=SEALED, registration_uri="https://r"),
            "2026-11-23T12:00:00Z",
        ),
    ),
    approval=Approval("sha256:2", ("sha256:3",), "2026-11-23T12:00:00Z"),
    keys={"wlcg/a": (ClientKey("kid", "{}", SEALED),)},
)


def _as_json(value: object) -> dict[str, object]:
    members: dict[str, object] = json.loads(dump(value))
    return members


class TestDocument:
    @pytest.mark.slow
    @given(states)
    def test_every_state_comes_back_as_it_was(self, state: State) -> None:
        assert state == parse_state(render_state(state), HERE)

    @pytest.mark.slow
    @given(states)
    def test_the_text_does_not_depend_on_the_order_of_making(self, state: State) -> None:
        turned = replace(
            state,
            clients=dict(reversed(list(state.clients.items()))),
            outputs=dict(reversed(list(state.outputs.items()))),
            intents=dict(reversed(list(state.intents.items()))),
        )
        assert render_state(state) == render_state(turned)

    @pytest.mark.slow
    @given(states, states)
    def test_what_is_proven_is_proven_for_each_later_state_that_has_it(self, state: State, other: State) -> None:
        """What was read once is not read again, so a text that was read must be one that can be read again."""
        read = parse_state(render_state(state), HERE)
        later = replace(other, clients={**other.clients, **read.clients}, keys={**other.keys, **read.keys})
        check_state(later, read)
        assert later == parse_state(render_state(later), HERE)

    def test_what_is_proven_is_not_read_again(self) -> None:
        wrong: Any = 1.5
        bad = replace(FULL, clients={"wlcg/a": replace(client("a"), applied={"client_name": wrong})})
        check_state(replace(bad, serial=2), bad)
        with pytest.raises(StateError, match="cannot hold a value"):
            check_state(bad, FULL)

    def test_one_client_is_one_line(self) -> None:
        before = render_state(holding("a", "b", "c")).splitlines()
        after = render_state(holding("a", "c")).splitlines()
        assert ["wlcg/b"] == [line.split('"')[1] for line in before if line not in after]

    def test_the_header_comes_first(self) -> None:
        names = list(json.loads(render_state(FULL)))
        assert [
            "kind",
            "format_version",
            "project",
            "environment",
            "issuer",
            "served_issuer",
            "lineage",
            "serial",
            "run_id",
        ] == names[:9]

    def test_the_text_is_ascii_whatever_the_names_are(self) -> None:
        assert render_state(replace(EMPTY, project="\u202ep\ud800\x1b")).isascii()

    @every(
        "kind, written_members",
        [
            (
                ClientState,
                _as_json(
                    replace(
                        client("a"),
                        owners=(),
                        rat=SEALED,
                        registration_uri="https://iam.example.org/r/a",
                        adopted_at="2026-11-23T12:00:00Z",
                        generation=2,
                        answer={"client_uri": None},
                        token_renewed=True,
                        additions={"scope": ("wlcg",)},
                        predecessors=(Predecessor(client("old"), 60, "2026-11-23T12:00:00Z"),),
                    )
                ),
            ),
            (SealedSecret, _as_json(replace(SEALED, recipients=("age1x",), state_recipients=("age1y",)))),
            (Intent, _as_json(replace(intended("a").intent, begun=True))),
            (Tombstone, _as_json(FULL.tombstones[0])),
            (OutputRecord, _as_json(replace(FULL.outputs["out/a.env"], read="sha256:a"))),
            (Approval, _as_json(Approval("", (), "", {"a": "{}"}))),
            (State, {k: v for k, v in json.loads(render_state(FULL)).items() if k not in {"kind", "format_version"}}),
        ],
    )
    def test_every_attribute_is_written(self, kind: Any, written_members: dict[str, object]) -> None:
        assert set(kind.__struct_fields__) == set(written_members)

    @given(st.data())
    def test_a_member_of_a_wrong_type_is_damage_that_names_its_place(self, data: st.DataObject) -> None:
        document = json.loads(render_state(FULL))
        owner, name = data.draw(st.sampled_from(list(_members(document))))
        owner[name] = data.draw(
            st.sampled_from([None, 1.5, [[]], {"scope": [1.5]}, -1]).filter(lambda v: v != owner[name])
        )
        with pytest.raises(StateError, match="damaged") as caught:
            parse_state(json.dumps(document), HERE)
        assert "state.json" == caught.value.where
        assert "the way out" == caught.value.fix
        assert str(name) in caught.value.why or "list of strings" in caught.value.why

    @given(st.data())
    def test_a_member_that_this_version_does_not_know_is_damage(self, data: st.DataObject) -> None:
        document = json.loads(render_state(FULL))
        data.draw(st.sampled_from([one for one in _objects(document) if "client_name" not in one]))["colour"] = "red"
        with pytest.raises(StateError, match="damaged"):
            parse_state(json.dumps(document), HERE)

    @every(
        "text, why",
        [
            ('{"kind": "a", "kind": "a"}', "a member twice"),
            ("[" * 100_000, "nested too deep"),
            ('{"kind": NaN}', "NaN is not a JSON number"),
            ('{"kind": "a"\n "b"}', "line 2 column 2"),
            ('{"kind": "terraform"}', "not a state of iac"),
            ('{"kind": "indigo-iac state", "format_version": "one"}', "not a version"),
            ("3", "not an object"),
        ],
    )
    def test_damage_is_said_by_its_kind(self, text: str, why: str) -> None:
        with pytest.raises(StateError, match="damaged") as caught:
            parse_state(text, HERE)
        assert why in caught.value.why

    @given(st.text() | st.from_regex(r'\{("[a-z]+": ("x"|1|\[\]|\{\}|null), ){0,4}"kind": "indigo-iac state"\}'))
    def test_no_text_ends_in_another_error(self, text: str) -> None:
        with pytest.raises(StateError):
            parse_state(text, HERE)

    def test_a_field_whose_value_no_field_can_have_is_damage(self) -> None:
        with pytest.raises(StateError, match="damaged") as caught:
            parse_state(render_state(FULL).replace('"reuse_refresh_token":true', '"reuse_refresh_token":1.5'), HERE)
        assert "reuse_refresh_token: not a field's value" in caught.value.why

    def test_an_unknown_status_is_damage(self) -> None:
        with pytest.raises(StateError, match="damaged") as caught:
            parse_state(render_state(FULL).replace('"secret_status":"known"', '"secret_status":"seen"'), HERE)
        assert "secret_status" in caught.value.why

    def test_a_damaged_value_is_never_quoted(self) -> None:
        with pytest.raises(StateError) as caught:
            parse_state(render_state(FULL).replace('"sealed":"age:', '"sealed":1.5,"x":"CANARY'), HERE)
        assert "CANARY" not in "".join(caught.value.lines())


class TestJournal:
    @pytest.mark.slow
    @given(st.lists(events, max_size=4), st.lists(events, max_size=4))
    def test_every_batch_comes_back_as_it_was(self, first: list[Event], second: list[Event]) -> None:
        batches = tuple(Batch("lineage", "run", 3, tuple(each)) for each in (first, second))
        data = b"".join(render_batch(batch) for batch in batches)
        journal = parse_journal(data, HERE)
        assert batches == journal.batches
        assert len(data) == journal.length

    @given(st.lists(events, min_size=1, max_size=3), st.data())
    def test_a_torn_batch_is_dropped_wherever_it_ends(self, each: list[Event], data: st.DataObject) -> None:
        whole = render_batch(Batch("lineage", "run", 3, tuple(each)))
        torn = whole[: data.draw(st.integers(0, len(whole) - 1))]
        journal = parse_journal(whole + torn, HERE)
        assert 1 == len(journal.batches)
        assert len(whole) == journal.length

    @given(st.data())
    def test_one_changed_byte_before_the_last_line_is_found(self, data: st.DataObject) -> None:
        whole = render_batch(Batch("lineage", "run", 3, (written("a"),)))
        at = data.draw(st.integers(0, len(whole) - 2))
        byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
        changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
        with pytest.raises(StateError, match="journal is damaged") as caught:
            parse_journal(changed + whole + whole, HERE)
        assert "line 1" in caught.value.why

    def test_an_event_of_another_version_is_refused(self) -> None:
        events_text = render_batch(Batch("lineage", "run", 3, (written("a"),))).replace(
            b"client_written", b"client_tested"
        )
        body = events_text[len('{"crc":"00000000",') : -1]
        line = b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body)
        with pytest.raises(StateError, match="journal is damaged") as caught:
            parse_journal(line + line, HERE)
        assert "not an event of this version" in caught.value.why

    @pytest.mark.slow
    @given(states, st.lists(events, max_size=6))
    def test_folding_twice_gives_what_folding_once_gives(self, state: State, each: list[Event]) -> None:
        for event in each:
            once = fold(state, event)
            assert once == fold(once, event)
        assert fold(state, *each) == fold(fold(state, *each), *each[-1:])

    def test_only_batches_of_this_document_and_newer_ones_are_folded(self) -> None:
        batches = [Batch(EMPTY.lineage, "run", serial, (written(f"of-{serial}"),)) for serial in (3, 4, 5)]
        journal = parse_journal(b"".join(map(render_batch, batches)), HERE)
        assert holding("of-4", "of-5", serial=4) == replay(replace(EMPTY, serial=4), journal, HERE)

    def test_a_batch_that_is_no_text_is_damage_though_its_checksum_fits(self) -> None:
        body = b'"lineage":"\xff"}'
        with pytest.raises(StateError) as caught:
            parse_journal(b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body), HERE)
        assert "not UTF-8" in caught.value.why

    def test_a_forgotten_client_leaves_no_tombstone_and_a_deleted_one_does(self) -> None:
        buried = Tombstone("wlcg/a", client("a"), "2026-11-23T12:00:00Z")
        assert EMPTY == fold(holding("a"), ClientGone("wlcg/a", None))
        assert replace(EMPTY, tombstones=(buried,)) == fold(holding("a"), ClientGone("wlcg/a", buried))


def _objects(value: object) -> list[dict[str, object]]:
    if isinstance(value, dict):
        inner = [one for each in value.values() for one in _objects(each)]
        is_record = "wlcg/a" not in value and "wlcg/b" not in value and "out/a.env" not in value
        return [value, *inner] if is_record else inner
    return [one for each in value for one in _objects(each)] if isinstance(value, list) else []


def _members(document: dict[str, object]) -> list[tuple[dict[str, object], str]]:
    """Every member that has to be there, with the object it is in."""
    optional = {"secret", "owners", "approval", "keys"}
    records = [one for one in _objects(document) if "client_name" not in one]
    return [(one, name) for one in records for name in one if name not in optional]
