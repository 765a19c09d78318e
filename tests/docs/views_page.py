"""The examples on the page of views: what its cases in tests/views expect."""

from __future__ import annotations

import re
from pathlib import Path

from tests.views.given import CASES

VIEWS = Path(__file__).parents[2] / "docs/reference/views.md"
EXAMPLES = (
    *(("page-plan", name) for name in ("expect.text", "expect.md", "expect.github", "expect.gitlab", "expect.junit")),
    ("page-diagnostics", "expect.gitlab"),
)
"""In the order of the page."""


def views_page() -> str:
    """The page as it has to be."""
    first, *parts = re.split(r"^(````\w+\n)", VIEWS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    examples = iter(EXAMPLES)
    for index in range(1, len(parts), 2):
        case, name = next(examples)
        text = (CASES / case / name).read_text(encoding="utf-8")
        parts[index] = text + parts[index][parts[index].index("````\n") :]
    return first + "".join(parts)
