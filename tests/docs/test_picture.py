"""The picture of a plan in the README is what `iac plan` prints today."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.docs.picture import COLUMNS, PICTURE, draw, picture

SVG = "{http://www.w3.org/2000/svg}text"


def test_the_picture_is_what_the_program_makes() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "write the picture: make format"


def test_the_picture_shows_each_kind_of_line_and_nothing_of_this_machine() -> None:
    shown = [text.text or "" for text in ET.fromstring(PICTURE.read_text(encoding="utf-8")).iter(SVG)]
    for expected in ("(changed on the server)", "[redirect-uri-new-host]", "Plan: 1 to create, 2 to update"):
        assert any(expected in text for text in shown)
    assert not any("127.0.0.1" in text or "localhost" in text for text in shown)


def test_a_piece_stands_at_its_column_in_its_colour() -> None:
    root = ET.fromstring(draw("a  <b>\n  \x1b[32m+ c\x1b[0m d\n"))
    pieces = [(text.text, text.get("x"), text.get("fill")) for text in root.iter(SVG)]
    assert [
        ("a", "20.0", "#c9d1d9"),
        ("<b>", "45.2", "#c9d1d9"),
        ("+ c", "36.8", "#3fb950"),
        ("d", "70.4", "#c9d1d9"),
    ] == pieces
    assert float(root.get("width", "0")) > COLUMNS * 8
