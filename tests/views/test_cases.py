"""One folder a case in cases/: what is given, and one file for each view of it.

After a wanted change: `python -m tests.views.rewrite`, then read the diff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.every import every
from tests.views.given import CASES, views_of

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = sorted(CASES.iterdir())


@every("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_view_of_a_case_is_as_it_is_expected(folder: Path) -> None:
    shown = dict(views_of(folder))
    expected = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("expect.*")}
    for name in sorted({*shown, *expected}):
        assert expected.get(name) == shown.get(name), f"{folder.name}/{name}"
