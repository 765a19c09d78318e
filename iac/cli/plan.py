"""`iac plan`: what apply would do. Nothing is written but files that are asked for, and no lock is taken."""

from __future__ import annotations

from collections.abc import Sequence

import click
from msgspec import Struct
from msgspec.structs import replace

from iac.cli.approval import RECREATE, ROTATE_DUE
from iac.cli.context import CommandContext, check_place, known_ids, note_run, plan_shown, write_whole
from iac.cli.environments import Section, failures, results, run_each, show_sections
from iac.cli.options import SETTINGS_FROM, Example, Subcommand, complete_addresses, format_option
from iac.core.plan.plan import Plan
from iac.core.text import listed, nearest, printable
from iac.views.kind import BUDGET, SMALLEST_BUDGET, PlanView, ViewSettings, render_plans

_NAMES = ", ".join(PlanView)
_NAMING = frozenset({PlanView.JUNIT, PlanView.HTML})
"""Views that name environments without a plan."""
_OUT = "--out FILE"


class ReportFile(Struct, frozen=True):
    """One view of the plan and where it goes; the name `-` is stdout."""

    view: PlanView
    name: str

    @property
    def is_stdout(self) -> bool:
        """Whether it is printed."""
        return self.name == "-"


class _ReportType(click.ParamType[ReportFile]):
    name = "report"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> ReportFile:
        view, _, file = value.partition("=")
        if view not in set(PlanView) or not file:
            hint = nearest(view, PlanView) if file else ""
            self.fail(f"{value}: write FORMAT=FILE, FORMAT being one of {_NAMES}{hint and f'; {hint}'}", param, ctx)
        report = ReportFile(PlanView(view), file)
        if report.is_stdout and report.view is not PlanView.GITHUB:
            self.fail(f"{value}: only github goes to stdout beside the plan; for others name a file", param, ctx)
        return report


REPORT = click.option(
    "--report",
    "reports",
    metavar="FORMAT=FILE",
    type=_ReportType(),
    multiple=True,
    help=f"Write the plan to FILE, too; repeatable. FORMAT is {_NAMES}.",
)


@click.command(
    "plan",
    cls=Subcommand,
    page="how-to/review-a-plan.md",
    examples=(
        Example("Save a plan, then apply exactly that plan", "iac plan --out plan.json\niac apply plan.json"),
        Example("Plan all environments, side by side", "iac plan --all-envs"),
        Example("Write a report for a pull request", "iac plan --report markdown=plan.md"),
    ),
    exits={
        0: "Done. Without --detailed-exitcode, also if there are changes.",
        2: "With --detailed-exitcode: there are changes.",
        3: "Apply would refuse this plan.",
    },
)
@click.option("--out", metavar="FILE", help="Save the plan for `iac apply FILE`.")
@click.option(
    "--target",
    "targets",
    metavar="ADDR",
    multiple=True,
    shell_complete=complete_addresses,
    help="Plan only this address; repeatable.",
)
@ROTATE_DUE
@RECREATE
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there are changes.")
@SETTINGS_FROM
@REPORT
@click.option(
    "--budget",
    metavar="CHARACTERS",
    type=click.IntRange(min=SMALLEST_BUDGET),
    default=BUDGET,
    show_default=True,
    help=f"Maximum length of markdown, at least {SMALLEST_BUDGET}.",
)
@format_option("text", "markdown", "json")
@click.pass_obj
def command(
    context: CommandContext,
    *,
    out: str | None,
    targets: tuple[str, ...],
    recreate: tuple[str, ...],
    rotate_due: bool,
    detailed_exitcode: bool,
    view: str,
    base: str | None,
    reports: tuple[ReportFile, ...],
    budget: int,
) -> int:
    """Show what apply would do: changes, refusals and findings.

    Plan writes only the files that you ask for. It needs the scope iam:admin.read. It needs no age identity, and
    takes no lock.
    """
    # Before the server is asked: a file that cannot be written costs no minutes of reading.
    files = _files(context, reports, out, view)
    sections = run_each(
        context.with_base(base).with_progress(),
        lambda one: read_one(one, targets, recreate, rotate_due=rotate_due),
        lambda plan: 3 if plan.refusals else 2 if detailed_exitcode and not plan.is_empty else 0,
    )
    setting = ViewSettings(context.place, budget, context.is_many, known_ids)
    code = _show(context, sections, view, setting)
    _write(context, sections, files, setting)
    if not context.is_many:
        from iac.workflow.plan import check_guards  # brings in the adapters

        # Last, so that the files of a refused plan are there for its reviewers.
        check_guards(results(sections)[0])
    return code


def read_one(
    context: CommandContext, targets: tuple[str, ...] = (), recreate: tuple[str, ...] = (), *, rotate_due: bool = False
) -> Plan:
    """The plan of one environment."""
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.plan import read_plan

    with open_session(context, Access.READ, reads_ahead=not targets) as session:
        plan = read_plan(session, replace(session.options(targets, recreate), rotate_due=rotate_due))
        note_run(context, session.backend)
    return plan


def _show(context: CommandContext, sections: Sequence[Section[Plan]], view: str, setting: ViewSettings) -> int:
    """Print the plans; each of several with its digest."""
    share = replace(setting, budget=max(SMALLEST_BUDGET, setting.budget // len(sections)))

    def text(one: CommandContext, plan: Plan) -> str:
        if view == "markdown":
            return render_plans([plan], PlanView.MARKDOWN, share)
        return plan_shown(one, plan) + (f"Digest: {plan.digest}\n" if context.is_many else "")

    return show_sections(context, sections, view, value=Plan.to_dict, text=text)


def _write(
    context: CommandContext,
    sections: Sequence[Section[Plan]],
    files: Sequence[tuple[ReportFile, str]],
    setting: ViewSettings,
) -> None:
    """Write the files that are asked for, each with the plans of all environments."""
    failed = failures(sections)
    missing = listed(name for name, _ in failed)
    for file, option in files:
        if missing and file.view is PlanView.JSON:
            context.say(printable(f"{file.name} is not written: there is no plan of {missing}"))
            continue
        if missing and file.view not in _NAMING:
            context.say(printable(f"{file.name} has no plan of {missing}"))
        shown = render_plans(results(sections), file.view, setting, failed)
        if file.is_stdout:
            click.echo(shown, nl=False)
        else:
            write_whole(context, file.name, shown, option)
        if option == _OUT:
            is_refused = any(plan.refusals for plan in results(sections))
            way = "apply would refuse it" if is_refused else f"apply it with `iac apply {file.name}`"
            context.note(f"saved {file.name}: {way}")


def _files(
    context: CommandContext, reports: Sequence[ReportFile], out: str | None, view: str
) -> Sequence[tuple[ReportFile, str]]:
    """What is to be written beside stdout, and the option that says so.

    Raises:
        InputError: a file cannot be written.
        click.UsageError: two of them are the same, or stdout has no place for another view.
    """
    files = [(report, f"--report {report.view}=FILE") for report in reports]
    if out is not None:
        files.append((ReportFile(PlanView.JSON, out), _OUT))
    if view == "json" and any(file.is_stdout for file, _ in files):
        raise click.UsageError("--format json is all that stdout carries: give --report github=FILE a file")
    if len({context.path(file.name) for file, _ in files}) < len(files):
        raise click.UsageError("two views cannot go to the same file")
    for file, option in files:
        if not file.is_stdout:
            check_place(context, file.name, option)
    return files
