"""What an id means: of policy, of a diagnostic, of a guard, of a rule of a server."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from iac.config.project import read_project
from iac.core.catalogue import CATALOGUE
from iac.core.errors import InputError
from iac.core.explanation import Explanation, IdKind
from iac.core.plan.guards import GUARDS
from iac.core.policy import RULES, ChangeRule, DefinitionRule, RegisteredRule, Rule
from iac.core.server import RULES as SERVER
from iac.core.text import nearest


def explain(name: str, root: Path) -> Explanation:
    """What an id means, and how serious it is in the project in a folder, if there is one.

    Raises:
        InputError: no such id.
    """
    known = explanations()
    if name not in known:
        raise InputError("unknown id", where=name, fix=nearest(name, known) or "iac explain --list names all of them")
    if not known[name].is_adjustable:
        return known[name]
    project, _ = read_project(root)
    severities: Mapping[str, str] = project.document.value.get("policy", {}) if project else {}
    return known[name]._replace(here=severities.get(name, known[name].level))


@cache
def explanations() -> Mapping[str, Explanation]:
    """All ids, sorted. Where an id has several meanings, that of configuration comes first, then that of a guard."""
    servers = {rule.id: Explanation(rule.id, IdKind.SERVER, rule.what, source=rule.source) for rule in SERVER.table}
    known = servers | {guard.id: guard for guard in GUARDS}
    for name, entry in CATALOGUE.items():
        known[name] = entry._replace(source=servers[name].source) if name in servers else entry
    known |= {rule.id: _of_policy(rule) for rule in RULES.values()}
    return dict(sorted(known.items()))


def _of_policy(rule: Rule) -> Explanation:
    kinds = {DefinitionRule: IdKind.DEFINITION, ChangeRule: IdKind.CHANGE, RegisteredRule: IdKind.REGISTERED}
    return Explanation(
        rule.id,
        kinds[type(rule)],
        rule.what,
        rule.why,
        rule.source,
        rule.fix,
        rule.level,
        before=rule.before if isinstance(rule, ChangeRule) else "",
        bad=rule.bad,
        good=rule.good,
    )
