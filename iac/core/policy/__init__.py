"""What definitions and changes mean: one registry of rules, and the only place that knows their ids. Pure.

`check` finds, offline; `judge` lays the project's severities and the client's waivers over what was found; `review`
does both for a plan. docs/reference/policy.md has a section for each rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from iac.core.diagnostics import Diagnostic
from iac.core.policy import grant, redirect, scope, transition, upkeep
from iac.core.policy.rule import ChangeRule, DefinitionRule, Level, Rule, Subject, Terms

__all__ = [
    "CHANGE_RULES", "DEFINITION_RULES", "RULES", "ChangeRule", "DefinitionRule", "Level", "Rule", "Subject",
    "Terms", "check", "in_force", "level",
]  # fmt: skip

DEFINITION_RULES: tuple[DefinitionRule, ...] = (*grant.RULES, *redirect.RULES, *scope.RULES, *upkeep.RULES)
CHANGE_RULES: tuple[ChangeRule, ...] = transition.RULES
RULES: Mapping[str, Rule] = {rule.id: rule for rule in (*DEFINITION_RULES, *CHANGE_RULES)}
"""Every rule by its id."""


def level(rule: str, severities: Mapping[str, str]) -> Level:
    """How serious a rule's findings are in a project whose iac.yaml has these severities under `policy`."""
    return Level(severities[rule]) if rule in severities else RULES[rule].level


def in_force(severities: Mapping[str, str]) -> tuple[DefinitionRule, ...]:
    """The rules on definitions that are not off."""
    return tuple(rule for rule in DEFINITION_RULES if level(rule.id, severities) is not Level.OFF)


def check(
    subject: Subject, rules: Iterable[DefinitionRule], broken: Collection[str] = frozenset()
) -> list[tuple[DefinitionRule, Diagnostic]]:
    """What these rules find in a definition; those that read one of the `broken` fields are left out."""
    return [(rule, hit) for rule in rules if not broken or rule.reads.isdisjoint(broken) for hit in rule.check(subject)]
