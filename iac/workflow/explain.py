"""What an id means: of policy, of a diagnostic, of a guard, of a rule of the server. The text comes with the package.

Rules of policy and of the server say it themselves; for all else the reference is the source, read from a copy in the
wheel: docs/reference/diagnostics.md and guards.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from iac.config.catalogue import ERRORS, WARNINGS
from iac.config.project import read_project
from iac.core.errors import InputError
from iac.core.explanation import Explanation, Kind
from iac.core.policy import RULES as POLICY
from iac.core.policy import ChangeRule, Rule
from iac.core.policy import level as policy_level
from iac.core.server import RULES as SERVER
from iac.core.text import nearest
from iac.files import resource

_SECTION = re.compile(r"^### (\S+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
_ROW = re.compile(r"^\| `([a-z-]+)` \| (.*?) \| (?:(.*?) \|)?$", re.MULTILINE)


def explain(name: str, root: Path) -> Explanation:
    """What an id means, and how serious it is in the project in a folder, if there is one.

    Raises:
        InputError: no such id.
    """
    known = explanations()
    if name not in known:
        raise InputError(
            "nothing has this id", where=name, fix=nearest(name, known) or "iac explain --list names all of them"
        )
    found = known[name]
    return replace(found, here=_severities(root).get(name, found.level)) if found.is_adjustable else found


def _severities(root: Path) -> Mapping[str, str]:
    project, _ = read_project(root)
    severities: Mapping[str, str] = project.document.value.get("policy", {}) if project else {}
    return severities


@cache
def explanations() -> Mapping[str, Explanation]:
    """All of them by id, sorted."""
    found = {rule.id: Explanation(rule.id, Kind.SERVER, rule.what, source=rule.source) for rule in SERVER.table}
    sections = _SECTION.findall(_page("diagnostics"))
    # What a server is known to do has its source in the server's table.
    found |= _guards() | {
        name: _of_section(name, text, found[name].source if name in found else "") for name, text in sections
    }
    found |= {rule.id: _of_policy(rule) for rule in POLICY.values()}
    return dict(sorted(found.items()))


def _of_policy(rule: Rule) -> Explanation:
    is_change = isinstance(rule, ChangeRule)
    return Explanation(
        rule.id,
        Kind.CHANGE if is_change else Kind.DEFINITION,
        rule.what,
        rule.why,
        rule.source,
        rule.fix,
        policy_level(rule.id, {}),
        before=rule.before if isinstance(rule, ChangeRule) else "",
        bad=rule.bad,
        good=rule.good,
    )


def _guards() -> dict[str, Explanation]:
    """The rows of the tables: of guards `id | refuses | way on`, of findings `id | says`."""
    refusing, _, saying = _page("guards").partition("\n## Findings")
    guards = {
        name: Explanation(name, Kind.GUARD, f"Refuses {what}.", fix=fix, level="error")
        for name, what, fix in _ROW.findall(refusing)
    }
    return guards | {
        name: Explanation(name, Kind.FINDING, f"{what}.", level="warning") for name, what, _ in _ROW.findall(saying)
    }


def _of_section(name: str, text: str, source: str) -> Explanation:
    example = _EXAMPLE.search(text)
    parts = {"Why": "", "Fix": "", "": ""}
    for paragraph in _EXAMPLE.sub("", text).split("\n\n"):
        label, colon, rest = paragraph.strip().partition(": ")
        key, value = (label, rest) if colon and label in parts else ("", paragraph.strip())
        parts[key] = f"{parts[key]} {' '.join(value.split())}".strip()
    kind = Kind.MISTAKE if name in ERRORS else Kind.WARNING if name in WARNINGS else Kind.FINDING
    seriousness = "error" if kind is Kind.MISTAKE else "warning"
    bad = example[1].strip() if example else ""
    return Explanation(name, kind, parts[""], parts["Why"], source, parts["Fix"], seriousness, bad=bad)


def _page(name: str) -> str:
    """A page of the reference: the packaged copy, in a checkout the page itself."""
    return resource(f"reference/{name}.md", f"docs/reference/{name}.md").read_text(encoding="utf-8")
