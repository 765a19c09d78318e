"""JUnit XML, which the test reports of CI systems read: a change is a test case, and so is a diagnostic. Pure.

Elements and attributes are those of the xunit plugin's schema, which pytest's reports keep to as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from msgspec import Struct

from iac.core.errors import Diagnostic, Location, Severity
from iac.core.plan.plan import Plan
from iac.core.text import printable
from iac.views.words import Failures


class Case(Struct, frozen=True):
    """One test case: the file it belongs to, its name, and what was said about it. An error fails it.

    `skipped` says why nothing was tested; "" when something was.
    """

    file: str
    name: str
    diagnostics: tuple[Diagnostic, ...] = ()
    skipped: str = ""

    def of(self, severity: Severity) -> list[Diagnostic]:
        """What was said with one severity."""
        return [diagnostic for diagnostic in self.diagnostics if diagnostic.severity is severity]


def plan_junit(plans: Iterable[Plan], failed: Failures = ()) -> str:
    """A case for each change, for each guard, which fails, and for each finding of a plan as a whole."""
    suites = {f"iac plan {plan.environment}": _plan_cases(plan) for plan in plans}
    return junit_document({**suites, **failed_suites("iac plan", failed)})


def _plan_cases(plan: Plan) -> list[Case]:
    changes = (
        Case(_file(change.location), f"{change.action} {change.address}", change.findings) for change in plan.changes
    )
    return [*changes, *_cases((*plan.guards, *plan.findings))] or [Case("iac.yaml", "no changes")]


def failed_suites(command: str, failed: Failures) -> dict[str, list[Case]]:
    """A case that fails for each environment that gave no result, by the name of its suite."""
    return {f"{command} {name}": [Case("iac.yaml", name, (Diagnostic("error", why),))] for name, why in failed}


def diagnostics_junit(diagnostics: Iterable[Diagnostic]) -> str:
    """A case for each diagnostic; without any, one that passes."""
    return junit_document({"iac validate": _cases(diagnostics) or [Case("iac.yaml", "valid")]})


def _cases(diagnostics: Iterable[Diagnostic]) -> list[Case]:
    return [Case(_file(diagnostic.location), _name(diagnostic), (diagnostic,)) for diagnostic in diagnostics]


def _name(diagnostic: Diagnostic) -> str:
    """With its line and column: GitLab shows one of several cases that have the same name."""
    place = f"{diagnostic.location.line}:{diagnostic.location.column} " if diagnostic.location else ""
    return f"{place}{diagnostic.id}: {diagnostic.headline}"


def _file(location: Location | None) -> str:
    return location.file if location else "iac.yaml"


def junit_document(suites: Mapping[str, Sequence[Case]]) -> str:
    """Test suites with their cases, by name."""
    counts = _counts(", ".join(suites), [case for cases in suites.values() for case in cases])
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {counts}>"]
    for name, cases in suites.items():
        skipped = sum(bool(case.skipped) for case in cases)
        suite = f'{_counts(name, cases)} skipped="{skipped}"' if skipped else _counts(name, cases)
        lines.append(f"  <testsuite {suite}>")
        lines += [*(line for case in cases for line in _case(case)), "  </testsuite>"]
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _counts(name: str, cases: Sequence[Case]) -> str:
    failures = sum(bool(case.of(Severity.ERROR)) for case in cases)
    return f'name={_quoted(name)} tests="{len(cases)}" failures="{failures}" errors="0"'


def _case(case: Case) -> Iterator[str]:
    head = f"    <testcase classname={_quoted(case.file)} name={_quoted(case.name)}"
    if not case.diagnostics and not case.skipped:
        yield f"{head}/>"
        return
    yield f"{head}>"
    if case.skipped:
        yield f"      <skipped message={_quoted(case.skipped)}/>"
    for error in case.of(Severity.ERROR):
        kind = f"type={_quoted(error.id)} message={_quoted(error.headline)}"
        yield f"      <failure {kind}>{_text(error)}</failure>"
    if others := case.of(Severity.WARNING) + case.of(Severity.WAIVED):
        yield f"      <system-out>{_text(*others)}</system-out>"
    yield "    </testcase>"


def _quoted(text: str) -> str:
    return f'"{escape(printable(text))}"'


def _text(*diagnostics: Diagnostic) -> str:
    """The lines of diagnostics; no character in them but what XML 1.0 can hold."""
    return "\n".join(escape(printable(line)) for diagnostic in diagnostics for line in diagnostic.lines())
