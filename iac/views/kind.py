"""The views there are, by name. Pure; they are imported when one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import assert_never

from msgspec import Struct

from iac.core.errors import Diagnostic
from iac.core.explanation import Explanation
from iac.core.plan.plan import Plan
from iac.views.words import Failures

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


class ViewSettings(Struct, frozen=True):
    """What views need to know beside what they show.

    Attributes:
        directory: the project's, as seen from the repository's root.
        budget: most characters of markdown.
        is_many: whether several environments are asked for: then JSON has a list of plans.
        explain: gives what is known of ids; asked by SARIF only.
    """

    directory: str = "."
    budget: int = BUDGET
    is_many: bool = False
    explain: Callable[[], Mapping[str, Explanation]] = dict


def render_plans(plans: Sequence[Plan], view: PlanView, setting: ViewSettings, failed: Failures = ()) -> str:
    """The plans of one or several environments in one view, without colour and in lines as long as they are.

    Args:
        plans: in their order.
        view: the one asked for.
        setting: what views need to know.
        failed: environments that gave no plan, for views that can name them.
    """
    from iac.views import forge, junit, markdown, sarif, text, words  # not needed by --help

    match view:
        case PlanView.TEXT:
            shown = "\n".join(text.plan_text(plan, color=False) for plan in plans)
        case PlanView.MARKDOWN:
            share = max(SMALLEST_BUDGET, setting.budget // max(1, len(plans)))
            shown = "\n".join(markdown.plan_markdown(plan, share) for plan in plans)
        case PlanView.JSON:
            values = [plan.to_dict() for plan in plans]
            shown = words.json_text({"environments": values} if setting.is_many else values[0])
        case PlanView.GITLAB:
            shown = words.json_text(forge.plan_counts(plans))
        case PlanView.JUNIT:
            shown = junit.plan_junit(plans, failed)
        case PlanView.HTML:
            from iac.views import html  # brings in Jinja2

            shown = html.plan_page(plans, failed)
        case PlanView.GITHUB:
            found = [diagnostic for plan in plans for diagnostic in plan.diagnostics]
            shown = render_diagnostics(found, DiagnosticsView.GITHUB, setting)
        case PlanView.SARIF:
            jobs = {f"plan/{plan.environment}": plan.diagnostics for plan in plans}
            shown = words.json_text(sarif.sarif_log(jobs, setting.directory, setting.explain()))
        case _:
            assert_never(view)
    return shown


def render_diagnostics(diagnostics: Sequence[Diagnostic], view: DiagnosticsView, setting: ViewSettings) -> str:
    """Diagnostics in one view, in this order."""
    from iac.views import forge, junit, sarif, words  # not needed by --help

    match view:
        case DiagnosticsView.GITHUB:
            shown = forge.workflow_commands(diagnostics, setting.directory)
        case DiagnosticsView.GITLAB:
            shown = words.json_text(forge.code_quality(diagnostics, setting.directory))
        case DiagnosticsView.SARIF:
            shown = words.json_text(sarif.sarif_log({"validate": diagnostics}, setting.directory, setting.explain()))
        case DiagnosticsView.JUNIT:
            shown = junit.diagnostics_junit(diagnostics)
        case _:
            assert_never(view)
    return shown
