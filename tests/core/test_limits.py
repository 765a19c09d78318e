"""Long lists and texts in messages: the first items, then how many more there are."""

from __future__ import annotations

from iac.core.errors import Diagnostic, InputError, InvalidInput, Location, Severity, message_lines
from iac.core.text import ALIKE, MESSAGES, NAMES, TEXT, bounded, grouped, listed, once_per_message


def mistake(file: str, summary: str, *, name: str = "a-mistake", severity: Severity = Severity.ERROR) -> Diagnostic:
    return Diagnostic(name, summary, Location(file, 3, 5), severity=severity)


def test_a_short_list_is_whole_and_a_long_one_says_how_much_is_missing() -> None:
    assert "" == listed([])
    assert "1; 2" == listed([1, 2], "; ")
    assert ", ".join(map(str, range(NAMES))) == listed(range(NAMES))
    assert f"{', '.join(map(str, range(NAMES)))}, and 2,563 more" == listed(range(NAMES + 2_563))


def test_a_text_has_an_end() -> None:
    assert "a" * TEXT == bounded("a" * TEXT)
    assert f"{'a' * TEXT}... (1,000 more characters)" == bounded("a" * (TEXT + 1_000))


def test_an_error_is_bounded_in_every_part() -> None:
    long = "a" * 100_000
    assert max(map(len, InputError(long, where=long, why=long, fix=long).lines())) < 3 * TEXT


def test_items_of_one_key_come_together_where_the_first_was() -> None:
    assert [["b", "bb"], ["a", "aa"]] == grouped(["b", "a", "bb", "aa"], lambda text: text[0])


def test_what_is_said_of_many_is_said_once() -> None:
    few = [("a", "it is new"), ("b", "it is old"), ("c", "it is new")]
    assert ["a: it is new", "c: it is new", "b: it is old"] == list(once_per_message(few, "clients"))
    many = [(f"c{number}", "it is new") for number in range(400)]
    (line,) = once_per_message(many, "clients")
    assert line.startswith("it is new (400 clients: c0, c1, ")
    assert line.endswith(", and 390 more)")


def test_few_mistakes_are_told_one_by_one() -> None:
    found = [mistake("a.yaml", "it is wrong"), mistake("b.yaml", "it is wrong")]
    assert [line for each in found for line in each.lines()] == message_lines(found)


def test_one_mistake_at_many_places_is_told_once() -> None:
    found = [mistake(f"{number}.yaml", "it is wrong") for number in range(ALIKE + 1)]
    head, places = message_lines(found)
    assert "0.yaml:3:5: error: it is wrong [a-mistake]" == head
    assert places.startswith("  the same at 10 more places: 1.yaml:3:5, 2.yaml:3:5, ")


def test_many_mistakes_of_one_kind_in_a_file_do_not_hide_those_of_another() -> None:
    found = [mistake("a.yaml", f"it is wrong {number}") for number in range(18_000)]
    lines = message_lines([*found, mistake("b.yaml", "so is this")])
    assert ALIKE + 2 == len(lines)
    assert "b.yaml:3:5: error: so is this [a-mistake]" == lines[-2]
    assert "and 17,990 more: a.yaml a-mistake (17,990); iac validate --format json shows all" == lines[-1]


def test_errors_are_told_before_warnings_when_not_all_fit() -> None:
    warnings = [mistake(f"{n}.yaml", f"odd {n}", severity=Severity.WARNING) for n in range(MESSAGES + 20)]
    lines = message_lines([*warnings, mistake("z.yaml", "it is wrong"), Diagnostic("none", "no place")])
    assert "z.yaml:3:5: error: it is wrong [a-mistake]" in lines
    assert "error: no place [none]" in lines
    assert lines[-1].startswith("and 22 more: ")


def test_a_mistake_without_a_place_is_told_once_too() -> None:
    assert ["error: no place [none]", "  the same at 19 more places"] == [
        line.rstrip(": ") for line in message_lines([Diagnostic("none", "no place")] * 20)
    ]


def test_an_error_with_mistakes_counts_all_of_them() -> None:
    lines = InvalidInput([mistake("a.yaml", f"it is wrong {number}") for number in range(50)]).lines()
    assert "50 mistakes in the configuration" == lines[-1]
    assert ALIKE + 2 == len(lines)
