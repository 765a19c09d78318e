"""Files as bytes: what is refused before YAML is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from iac.core.errors import Location
from iac.document import MAX_BYTES, parse_document, read_document
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path


@given(st.binary(max_size=300))
def test_any_bytes_give_a_document_or_a_diagnostic_and_never_an_error(content: bytes) -> None:
    document, diagnostics = parse_document(content, "a.yaml")
    assert document is not None or diagnostics
    assert all(line.isprintable() for each in diagnostics for line in each.lines())


@every(
    "content, rule, line, column",
    [
        (b"a: 1\nb: \xff\n", "not-utf8", 2, 4),
        (b"\xff\xfea\x00", "not-utf8", 1, 1),
        (b"a: 1\nb: x\xe2\x80\xaey\n", "hidden-character", 2, 5),
        (b"# x\xe2\x80\x8b\na: 1\n", "hidden-character", 1, 4),
        (b"a: \x00\n", "hidden-character", 1, 4),
        (b"a: \x1b[31m\n", "hidden-character", 1, 4),
        (b"a: x\rb: y\n", "hidden-character", 1, 5),
        (b"a: x\xc2\x85b: y\n", "hidden-character", 1, 5),
        (b"", "file-empty", 1, 1),
        (b"# nothing\n", "file-empty", 1, 1),
        (b"---\n", "file-empty", 1, 1),
        (b"x" * (MAX_BYTES + 1), "file-too-large", 1, 1),
    ],
)
def test_a_file_that_is_no_clean_text_is_refused_at_its_place(
    content: bytes, rule: str, line: int, column: int
) -> None:
    document, diagnostics = parse_document(content, "a.yaml")
    assert document is None
    assert (rule, Location("a.yaml", line, column)) == (diagnostics[0].id, diagnostics[0].location)


def test_a_mark_at_the_beginning_and_windows_line_ends_are_taken() -> None:
    document, diagnostics = parse_document(b"\xef\xbb\xbfa: 1\r\nb: |\r\n  x\r\n", "a.yaml")
    assert document is not None
    assert ({"a": 1, "b": "x\n"}, []) == (document.value, diagnostics)


def test_names_in_other_scripts_are_taken() -> None:
    document, diagnostics = parse_document("client_name: Übersicht, 概要, обзор\n".encode(), "a.yaml")
    assert document is not None
    assert ({"client_name": "Übersicht, 概要, обзор"}, []) == (document.value, diagnostics)


def test_a_place_that_is_not_there_is_that_of_the_closest_parent() -> None:
    document, _ = parse_document(b"a:\n  b: 1\n", "a.yaml")
    assert document is not None
    assert Location("a.yaml", 2, 6) == document.at("a", "b")
    assert Location("a.yaml", 2, 3) == document.at_key("a", "b")
    assert Location("a.yaml", 2, 3) == document.at("a", "nothing", 3)
    assert Location("a.yaml", 1, 1) == document.at("nothing")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for file in ("missing.yaml", "folder.yaml"):
        document, diagnostics = read_document(tmp_path, file)
        assert document is None
        assert ["file-unreadable"] == [each.id for each in diagnostics]


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\n")
    document, diagnostics = read_document(tmp_path, "a.yaml")
    assert document is not None
    assert ("a.yaml", {"a": 1}, []) == (document.file, document.value, diagnostics)
