"""Every guard and every finding of a plan is in the reference, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/guards.md").read_text(encoding="utf-8")
REFUSED, _, SAID = PAGE.partition("\n## Findings")
SOURCES = [*(ROOT / "iac/core/plan").rglob("*.py"), ROOT / "iac/git.py", ROOT / "iac/workflow/plan.py"]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)


def _rows(part: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z-]+)` \|", part, re.MULTILINE))


def test_each_guard_has_a_row() -> None:
    named = set(re.findall(r'(?:guard|_count)\(\s*"([a-z-]+)"', TEXT)) | set(re.findall(r'"(output-tracked)"', TEXT))
    assert named == _rows(REFUSED)


def test_each_finding_has_a_row() -> None:
    named = set(re.findall(r'(?:Diagnostic|_unread)\(\s*(?:draft, address, )?"([a-z-]+)"', TEXT))
    named |= set(re.findall(r'"(output-not-[a-z]+)"', TEXT))
    assert named == _rows(SAID)
