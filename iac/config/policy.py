"""Policy where configuration is read: what its rules find, at which line, and what definitions waive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from iac.config.merge import Merged
from iac.core.desired import Waiver
from iac.core.diagnostics import Diagnostic, Location
from iac.core.model import GRANT_TYPES
from iac.core.policy import RULES, DefinitionRule, Subject, Terms, check, in_force, judge, unused

if TYPE_CHECKING:
    from iac.config.definition import Definition, Judged
    from iac.config.settings import Settings

NOTHING: Judged = ((), ())


class Judge:
    """The rules in force in one environment, at work on its definitions."""

    def __init__(self, settings: Settings) -> None:
        self._rules = in_force(settings.policy)
        self._terms = Terms(settings.scopes, settings.lifetime_bounds)

    def find(self, definition: Definition, mistakes: Iterable[Diagnostic]) -> Judged:
        """What is to be said of a definition. An item with a mistake is not judged too."""
        merged = definition.merged
        subject = Subject(definition.fields, self._terms, has_owners=bool(merged.values("owners")))
        hits = check(subject, self._rules, merged.broken)
        waivers = tuple(_waivers(merged)) if "waive" in merged.parts else ()
        if not hits:
            return (), waivers
        wrong = {mistake.location for mistake in mistakes}
        found = (rule.diagnostic(hit, _place(definition, hit)) for rule, hit in hits)
        return tuple(each for each in found if not each.details["value"] or each.location not in wrong), waivers


def _place(definition: Definition, hit: Diagnostic) -> Location:
    """Where the item stands, else its field, else where the definition begins."""
    merged, name, value = definition.merged, hit.details["field"], hit.details["value"]
    for item in merged.items(name) if value else ():
        if value in {item.value, GRANT_TYPES.get(item.value)}:
            return item.at()
    return merged.at(name) or definition.document.at()


def _waivers(merged: Merged) -> Iterator[Waiver]:
    if "waive" in merged.broken:
        return
    for item in merged.items("waive"):
        entry = item.value
        yield Waiver(entry["id"], entry["reason"], date.fromisoformat(entry["until"]), item.at())


def judged(
    found: Iterable[Judged], severities: Mapping[str, str], today: date, *, is_whole: bool
) -> Iterator[Diagnostic]:
    """What is said of all definitions of some environments.

    Args:
        found: by definition and environment.
        severities: of the project.
        today: the day by which waivers end.
        is_whole: whether these are all environments, so that a waiver that waives nothing is useless.
    """
    waivers: dict[Waiver, bool] = {}
    for findings, waiving in found:
        verdict = judge(findings, waiving, severities, today)
        yield from verdict.diagnostics
        for waiver in waiving:
            waivers[waiver] = waivers.get(waiver, False) or waiver in verdict.used or waiver.until < today
    for waiver, is_used in waivers.items():
        is_ours = isinstance(RULES[waiver.rule], DefinitionRule)
        if is_whole and is_ours and not is_used and (said := unused(waiver, severities)):
            yield said
