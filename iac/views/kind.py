"""The views there are, by name. Pure; they are imported when one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from iac.core.errors import Diagnostic
from iac.core.explanation import Explanation
from iac.core.plan.plan import Plan

BUDGET = 65_000
"""Characters of markdown, unless asked otherwise: GitHub refuses a comment with more than 65,536."""
SMALLEST_BUDGET = 4_000
"""What the head of a plan fits into, with room for some names."""


class PlanView(StrEnum):
    """How a plan can be shown: for people, then for machines."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"
    JUNIT = "junit"
    HTML = "html"


class DiagnosticsView(StrEnum):
    """How diagnostics can be told to machines."""

    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"
    JUNIT = "junit"


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """What views need to know beside what they show.

    Attributes:
        directory: the project's, as seen from the repository's root.
        budget: most characters of markdown.
        explain: gives what is known of ids; asked by SARIF only.
    """

    directory: str = "."
    budget: int = BUDGET
    explain: Callable[[], Mapping[str, Explanation]] = dict


def render_plan(plan: Plan, view: PlanView, setting: ViewSettings) -> str:
    """A plan in one view, without colour and in lines as long as they are."""
    from iac.views import gitlab, junit, markdown, text, words  # not needed by --help

    match view:
        case PlanView.TEXT:
            shown = text.plan_text(plan, color=False)
        case PlanView.MARKDOWN:
            shown = markdown.plan_markdown(plan, setting.budget)
        case PlanView.JSON:
            shown = words.json_text(plan.to_dict())
        case PlanView.GITLAB:
            shown = words.json_text(gitlab.plan_counts(plan))
        case PlanView.JUNIT:
            shown = junit.plan_junit(plan)
        case PlanView.HTML:
            from iac.views import html  # brings in Jinja2

            shown = html.plan_page([plan])
        case PlanView.GITHUB | PlanView.SARIF:
            shown = render_diagnostics(plan.diagnostics, DiagnosticsView(view), setting, job=f"plan/{plan.environment}")
        case _:
            assert_never(view)
    return shown


def render_diagnostics(
    diagnostics: Sequence[Diagnostic], view: DiagnosticsView, setting: ViewSettings, *, job: str = "validate"
) -> str:
    """Diagnostics in one view, in this order; `job` is what found them, for SARIF."""
    from iac.views import github, gitlab, junit, sarif, words  # not needed by --help

    match view:
        case DiagnosticsView.GITHUB:
            shown = github.workflow_commands(diagnostics, setting.directory)
        case DiagnosticsView.GITLAB:
            shown = words.json_text(gitlab.code_quality(diagnostics, setting.directory))
        case DiagnosticsView.SARIF:
            shown = words.json_text(sarif.sarif_log(diagnostics, setting.directory, setting.explain(), job=job))
        case DiagnosticsView.JUNIT:
            shown = junit.diagnostics_junit(diagnostics)
        case _:
            assert_never(view)
    return shown
