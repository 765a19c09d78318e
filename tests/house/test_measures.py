"""The house becomes simpler and never less simple: a limit is what was reached, and a commit may only lower it.

The one exception is a new adapter or feature: its commit raises the limits by what it adds (how-to-add.md).

`python -m tests.house.measures` prints what is there now, and the names behind the counts. Sizes are in test_house.py.
"""

from __future__ import annotations

from tests.house import measures

LIMITS = {  # measure: (limit, goal)
    "modules": (277, 300),
    "statements outside the sandbox": (24_344, 19_525),
    "class names with two meanings": (0, 0),
    "types for a message": (1, 1),
    "exceptions from lint": (31, 40),
    "circles of imports": (0, 0),
    "modules with a gerund for a name": (0, 0),
}


def test_no_measure_is_above_its_limit() -> None:
    counts = measures.counts()
    assert {} == {name: count for name, count in counts.items() if count > LIMITS[name][0]}


def test_each_measure_has_a_limit() -> None:
    assert set(LIMITS) == set(measures.counts())


def test_what_is_counted_is_found() -> None:
    assert ["Diagnostic"] == measures.message_types()
    assert "iac.cli" in measures._modules()
    assert measures.statements() > 10_000
