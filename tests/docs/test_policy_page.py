"""docs/reference/policy.md is what the rules say of themselves. Write its sections anew by running this module:

python -m tests.docs.test_policy_page
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import pytest

from iac.core.policy import CHANGE_RULES, DEFINITION_RULES, RULES, ChangeRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.policy import Rule

PAGE = Path(__file__).parents[2] / "docs/reference/policy.md"
HEADS = {"## On definitions": DEFINITION_RULES, "## On changes": CHANGE_RULES}


def paragraphs(rule: Rule) -> Iterator[str]:
    """A section in parts."""
    yield f"### {rule.id}"
    yield wrapped(rule.what)
    yield wrapped(f"Why: {rule.why}")
    yield wrapped(f"Source: {rule.source}.")
    yield wrapped(f"Fix: {rule.fix}.")
    yield f"Severity: {rule.level}."
    if isinstance(rule, ChangeRule):
        yield f"Registered:\n\n```yaml\n{rule.before}\n```"
    yield f"Found:\n\n```yaml\n{rule.bad}\n```"
    yield f"Not found:\n\n```yaml\n{rule.good}\n```"


def wrapped(text: str) -> str:
    return fill(text, 120, break_long_words=False, break_on_hyphens=False)


def section(rule: Rule) -> str:
    """The section of a rule, as it stands on the page."""
    return "\n\n".join(paragraphs(rule)) + "\n"


def sections() -> dict[str, str]:
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^(### (\S+)\n.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return {name: body.rstrip() + "\n" for body, name in found}


def test_the_page_has_a_section_for_each_rule_and_for_nothing_else() -> None:
    assert list(RULES) == list(sections())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_section_says_what_the_rule_says(rule: Rule) -> None:
    assert section(rule) == sections()[rule.id]


def test_rules_on_definitions_and_on_changes_stand_apart() -> None:
    text = PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^(## On .*)$", text, flags=re.MULTILINE)
    for head, rules in HEADS.items():
        body = parts[parts.index(head) + 1]
        assert [rule.id for rule in rules] == re.findall(r"^### (\S+)$", body, re.MULTILINE)


if __name__ == "__main__":
    intro = PAGE.read_text(encoding="utf-8").partition("\n## On definitions\n")[0]
    body = "\n".join(f"{head}\n\n" + "\n".join(section(rule) for rule in rules) for head, rules in HEADS.items())
    PAGE.write_text(f"{intro}\n{body}", encoding="utf-8")
