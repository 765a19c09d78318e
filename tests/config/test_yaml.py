"""YAML as it is read: the core schema of YAML 1.2, and what is refused. Both event streams are held to it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from iac.document import MAX_DEPTH, MAX_MISTAKES, MAX_NODES, ParsedText, parse_yaml
from tests.config.places import all_places
from tests.every import every

Read = Callable[[str], ParsedText]


@pytest.fixture(params=[yaml.CSafeLoader, yaml.SafeLoader], ids=["libyaml", "pure"])
def read(request: pytest.FixtureRequest) -> Read:
    return lambda text: parse_yaml(text, request.param)


def rules(parsed: ParsedText) -> list[tuple[str, int, int]]:
    return [(said.id, said.location.line, said.location.column) for said in parsed.mistakes if said.location]


@every(
    "text, expected",
    [
        ("NO", "NO"), ("no", "no"), ("on", "on"), ("yes", "yes"), ("y", "y"),
        ("2026-11-23", "2026-11-23"), ("12:30:45", "12:30:45"), ("1_000", "1_000"), ("<<", "<<"), ("=", "="),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRue", "tRue"),
        ("~", None), ("null", None), ("Null", None), ("nUll", "nUll"),
        ("0", 0), ("-12", -12), ("+12", 12), ("0777", 777), ("0o17", 15), ("0x1F", 31), ("0b1", "0b1"),
        ("1.10", 1.1), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("-x", "-x"), (".", "."), ("+", "+"),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"), ('"true"', "true"), ("'null'", "null"), ('""', ""), ("''", ""),
    ],
)  # fmt: skip
def test_plain_words_are_read_by_the_core_schema_of_1_2(read: Read, text: str, expected: Any) -> None:
    parsed = read(f"key: {text}\n")
    assert (expected, type(expected), []) == (parsed.value["key"], type(parsed.value["key"]), parsed.mistakes)


def test_an_empty_value_is_null_and_an_empty_text_holds_nothing(read: Read) -> None:
    assert {"key": None} == read("key:\n").value
    assert read("").value is None
    assert read("# only this\n").value is None


def test_every_key_and_value_has_its_place(read: Read) -> None:
    parsed = read("a:\n  b: [x,\n    {c: d}]\n")
    assert {
        (): (1, 1, 1, 1),
        ("a",): (1, 1, 2, 3),
        ("a", "b"): (2, 3, 2, 6),
        ("a", "b", 0): (2, 7, 2, 7),
        ("a", "b", 1): (3, 5, 3, 5),
        ("a", "b", 1, "c"): (3, 6, 3, 9),
    } == dict(all_places(parsed.place))


def test_of_two_equal_keys_the_first_is_kept_and_the_second_is_said(read: Read) -> None:
    parsed = read("a: 1\nb: {c: 2}\na: {d: 3, d: 4}\n")
    assert {"a": 1, "b": {"c": 2}} == parsed.value
    assert [("yaml-duplicate-key", 3, 1), ("yaml-duplicate-key", 3, 11)] == rules(parsed)
    assert "line 1" in parsed.mistakes[0].why
    assert ("a", "d") not in dict(all_places(parsed.place))


@every(
    "text, expected",
    [
        ("a: &x 1\n", ("yaml-anchor", 1, 4)),
        ("a: 1\nb: *x\n", ("yaml-alias", 2, 4)),
        ("a: !!str 1\n", ("yaml-tag", 1, 4)),
        ("a: !secret x\n", ("yaml-tag", 1, 4)),
        ("a: !!map {}\n", ("yaml-tag", 1, 4)),
        ("a: ! x\n", ("yaml-tag", 1, 4)),
        ("1: a\n", ("yaml-key", 1, 1)),
        ("true: a\n", ("yaml-key", 1, 1)),
        ("~: a\n", ("yaml-key", 1, 1)),
        ("? [a, b]\n: c\n", ("yaml-key", 1, 3)),
        ("? &x a\n: c\n", ("yaml-key", 1, 3)),
        ("a: 1\n---\nb: 2\n", ("yaml-documents", 2, 1)),
        ("%YAML 1.1\n---\na: 1\n", ("yaml-directive", 1, 1)),
        ("%TAG ! tag:x,2026:\n---\na: 1\n", ("yaml-directive", 1, 1)),
        (f"a: {'9' * 19}\n", ("yaml-number", 1, 4)),
        (f"a: 0.{'9' * 40}\n", ("yaml-number", 1, 4)),
        ("a: .inf\n", ("yaml-number", 1, 4)),
        ("a: -.INF\n", ("yaml-number", 1, 4)),
        ("a: .nan\n", ("yaml-number", 1, 4)),
        ("a: 1e999\n", ("yaml-number", 1, 4)),
        ('a: "x\\u202ey"\n', ("hidden-character", 1, 4)),
        ('a: "x\\0y"\n', ("hidden-character", 1, 4)),
        ('a: "x\\u200by"\n', ("hidden-character", 1, 4)),
    ],
)  # fmt: skip
def test_what_could_be_misread_is_refused_at_its_place(read: Read, text: str, expected: tuple[str, int, int]) -> None:
    parsed = read(text)
    assert expected == rules(parsed)[0]


def test_an_alias_is_refused_before_anything_is_expanded(read: Read) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    parsed = read(bomb)
    assert {"yaml-anchor", "yaml-alias"} == {said.id for said in parsed.mistakes}


@every("text", ["a: [", "a: b: c", "\ta: 1", "a: 'x", "- a\nb: c", "a: @x", "{a: 1", 'a: "\\q"'])
def test_what_is_no_yaml_is_one_fault_with_a_place(read: Read, text: str) -> None:
    parsed = read(text)
    assert not parsed.is_whole
    assert ["yaml-syntax"] == [said.id for said in parsed.mistakes]
    assert parsed.mistakes[0].location
    assert parsed.mistakes[0].why


def test_faults_before_a_break_in_the_syntax_are_said_too(read: Read) -> None:
    assert ["yaml-anchor", "yaml-syntax"] == [rule for rule, _, _ in rules(read("a: &x 1\nb: [\n"))]


@every("text", ["[" * 100_000, "a: " + "[" * 500, "- " * 2_000, "{a: " * 500, "? " * 500])
def test_deep_nesting_ends_early(read: Read, text: str) -> None:
    parsed = read(text)
    assert not parsed.is_whole
    assert parsed.mistakes[-1].id in {"yaml-too-deep", "yaml-syntax"}


def test_the_deepest_nesting_that_is_allowed_is_read(read: Read) -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).is_whole
    assert not read("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).is_whole


def test_too_many_values_end_early() -> None:
    parsed = parse_yaml("[" + "a," * (MAX_NODES + 1) + "]")
    assert ["yaml-too-large"] == [said.id for said in parsed.mistakes]
    assert not parsed.is_whole


def test_no_more_faults_are_collected_than_somebody_would_read() -> None:
    parsed = parse_yaml("".join(f"k{number}: &a 1\n" for number in range(MAX_MISTAKES + 50)))
    assert MAX_MISTAKES == len(parsed.mistakes)


@pytest.mark.parametrize("text", ['a: "\\ud800"', 'a: "\\U00110000"', 'a: "\\UFFFFFFFF"'])
def test_escapes_that_are_no_character_are_refused_by_both_streams(read: Read, text: str) -> None:
    assert read(text).mistakes


@given(st.text())
def test_any_text_gives_a_value_or_a_fault_and_never_an_error(text: str) -> None:
    """A text that Python can hold but UTF-8 cannot is not what files are made of."""
    readable = text.encode("utf-8", "ignore").decode()
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        parsed = parse_yaml(readable, loader)
        assert parsed.is_whole or parsed.mistakes


words = st.text("ab:- #[]{},'\"&*!|>%@`\n\t0159.eExo~_+", max_size=40)


@given(words)
def test_what_both_streams_read_they_read_alike(text: str) -> None:
    one, other = parse_yaml(text, yaml.CSafeLoader), parse_yaml(text, yaml.SafeLoader)
    if one.is_whole and other.is_whole and not one.mistakes and not other.mistakes:
        assert one.value == other.value
        assert one.value is None or list(all_places(one.place)) == list(all_places(other.place))


def test_without_the_c_extension_the_pure_stream_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    spec = importlib.util.find_spec("iac.document")
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert yaml.SafeLoader is fresh._Loader
