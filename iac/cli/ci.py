"""`iac ci`: the jobs of written pipelines, each one command, so that their files hold no program of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from msgspec import Struct
from msgspec.structs import replace

from iac.apply.run import apply_plan
from iac.cli.apply import command as apply_command
from iac.cli.approval import ApprovalTerms, carry_out, end
from iac.cli.context import CommandContext, plan_shown
from iac.cli.failure import known_error, lines_of, report
from iac.cli.options import Example, Group
from iac.cli.plan import read_one
from iac.cli.rotate import command as rotate_command
from iac.clock import SystemClock
from iac.core.plan.approval import DIGEST
from iac.core.plan.plan import Plan
from iac.ports.forge import ChangeRequest, ForgeApi
from iac.ports.path import PROJECT_FILE
from iac.ports.settings import Forge
from iac.views.drift import nightly_markdown, nightly_title
from iac.views.kind import PlanView, ViewSettings, render_plans
from iac.views.layout import TextLayout
from iac.views.words import counted
from iac.wiring import Access, open_session
from iac.workflow.drift import read_drift
from iac.workflow.pipelines.job import (
    JobReport,
    LabelledIssue,
    MovedOnError,
    RequestNote,
    ReviewedPlan,
    find_forge,
    laid_out,
    read_reports,
    reviewed_digest,
)
from iac.workflow.plan import check_guards, read_plan
from iac.workflow.rotate import prepare_grace_ends

_BUDGET = 60_000  # characters of a note: GitHub takes 65,536
_WAIT = 900  # seconds for the lock of another run
_ATTEMPTS = 3
_STALE, _PARTIAL, _UNREACHED = 4, 5, 6


@click.group("ci", cls=Group)
def command() -> None:
    """Run a job of a pipeline that `iac init --ci` wrote. Each job reads what it is for from its forge's variables.

    A job keeps iac-ci/report.json, and the page of each plan, in the folder that it was started in.
    """
    if not os.environ.get("IAC_AGE_IDENTITY"):  # GitHub gives a secret that is not there as an empty variable
        os.environ.pop("IAC_AGE_IDENTITY", None)


class _Job(Struct, frozen=True):
    """This job, its forge, and what it has found so far."""

    context: CommandContext
    forge: Forge
    api: ForgeApi
    report: JobReport

    def mark(self, name: str) -> str:
        """What names a note, an issue or an artifact of this environment."""
        return f"iac-{name}-{self.context.environment}" if self.context.environment else f"iac-{name}"

    def note(self, name: str, request: ChangeRequest, text: str) -> None:
        """Report on a request. The first line says which commit it is about, and which job has kept more."""
        mark = self.mark(name)
        body = f"<!-- {mark} {request.head} {self.api.job} -->\n{text}\nOf commit {request.head}.\n"
        self.report.notes.append(RequestNote(request.number, mark, body))

    def finish(self, files: dict[str, str] | None = None) -> None:
        """Keep the report, and write it at the forge where no other job does."""
        self.report.write(files or {})
        if self.forge.polls:
            self.report.post(self.api)


def _start(context: CommandContext) -> _Job:
    return _Job(context, *find_forge(os.environ, SystemClock()), JobReport([], [], []))


def _code_of(work: Callable[[], object], context: CommandContext) -> int:
    """The exit code of a part of a job, whose error is said here."""
    try:
        code = work()
    except click.ClickException:
        raise
    except Exception as error:
        return report(error, no_color=context.no_color)
    return code if isinstance(code, int) else 0


@command.command(
    "plan",
    short_help="Plan a request for a merge.",
    page="how-to/review-a-plan.md",
    examples=(Example("Plan the pull request of this job, or open merge requests", "iac ci plan"),),
    exits={3: "Apply would refuse the plan."},
)
@click.pass_obj
def plan(context: CommandContext) -> int:
    """Plan the result of a merge with the settings of the checkout, and note the plan on the request.

    On GitHub this is the pull request of the job. On GitLab these are all open merge requests whose last commit has no
    plan yet. Nothing of a request is run. A login that only reads is enough.
    """
    job = _start(context)
    pages: dict[str, str] = {}
    codes: list[int] = []
    for request in job.api.requests():
        noted = job.api.find_note(request.number, job.mark("plan")) if job.forge.polls else None
        if noted and noted.body.startswith(f"<!-- {job.mark('plan')} {request.head} "):
            continue
        try:
            codes.append(_plan_request(job, request, pages))
        except MovedOnError as error:
            codes.append(report(error, no_color=context.no_color))
    job.finish(pages)
    # Where one job is for many requests, each has its note, and the next run plans those that could not be planned.
    is_noted = job.forge.polls and any(code != _UNREACHED for code in codes)
    return 0 if is_noted else max(codes, default=0)


def _plan_request(job: _Job, request: ChangeRequest, pages: dict[str, str]) -> int:
    """Plan one request; the exit code. A server that does not answer is no answer to a request that is asked again."""
    text = ""
    try:
        with laid_out(job.context.root, request) as folder:
            inner = replace(job.context, directory=str(folder), base=job.context.root.absolute() / PROJECT_FILE)
            planned = read_one(inner)
            click.echo(plan_shown(inner, planned), nl=False)
            text = _shown(job, planned, PlanView.MARKDOWN)
            pages[f"{request.number}.html"] = _shown(job, planned, PlanView.HTML)
            check_guards(planned)
        job.report.plans.append(ReviewedPlan(request.number, request.head, planned.digest))
        code = 0
    except (click.ClickException, MovedOnError):
        raise
    except Exception as error:
        code = report(error, no_color=job.context.no_color)
        if code == _UNREACHED and job.forge.polls:
            return code
        said = lines_of(known_error(error), TextLayout(color=False, width=None))
        text = text or "### No plan\n\n" + "".join(f"    {line}\n" for line in said)[:_BUDGET]
    job.api.show(text)
    job.note("plan", request, text)
    return code


def _shown(job: _Job, planned: Plan, view: PlanView) -> str:
    return render_plans([planned], view, ViewSettings(job.context.place, _BUDGET))


@command.command(
    "apply",
    short_help="Apply the plan that was reviewed.",
    page="how-to/recover.md",
    examples=(
        Example("Apply what was reviewed before this commit was merged", "iac ci apply"),
        Example("Give a client a new secret, and end its tokens", "iac ci apply --rotate portal --revoke"),
    ),
    exits={
        0: "Applied, or no changes.",
        3: "A guard or policy refused the plan.",
        4: "The plan is not the one that was reviewed. It was noted on the request.",
        5: "Applied in part, in three attempts.",
    },
)
@click.option(
    "--digest", envvar="IAC_DIGEST", default="", metavar="DIGEST", help="Apply the plan of this digest. Or IAC_DIGEST."
)
@click.option(
    "--rotate",
    envvar="IAC_ROTATE",
    default="",
    metavar="ADDRESSES",
    help="Give these addresses new secrets instead. With spaces between them. Or IAC_ROTATE.",
)
@click.option(
    "--revoke", envvar="IAC_REVOKE", is_flag=True, help="End the tokens of rotated clients, too. Or IAC_REVOKE=true."
)
@click.option(
    "--only", envvar="IAC_ONLY", default="", metavar="ENV", help="Do nothing in other environments. Or IAC_ONLY."
)
@click.option(
    "--pause",
    envvar="IAC_CI_PAUSE",
    type=click.IntRange(0, 600),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="Wait before another attempt after exit 5; twice as long the second time. Or IAC_CI_PAUSE.",
)
@click.pass_context
def apply(ctx: click.Context, *, digest: str, rotate: str, revoke: bool, only: str, pause: int) -> int:
    """Apply exactly the plan that was reviewed before the commit of this job was merged, or nothing.

    A commit without a reviewed plan passes only if there are no changes. If the plan has changed, this job notes the
    new plan on the request. Exit 5 is followed by two more attempts with the same approval.
    """
    context: CommandContext = ctx.obj
    if only and only != context.environment:
        context.note(f"this run is for environment {only}")
        return 0
    if rotate:
        return _rotate(ctx, rotate, revoke=revoke, is_named=bool(only))
    if digest and not DIGEST.fullmatch(digest):
        raise click.UsageError("--digest takes the digest of a plan: sha256: and 64 hex digits")

    job = _start(context)
    request = None if digest else job.api.merged()
    expected = digest or reviewed_digest(job.api, request, job.mark("plan"))
    code = _apply(ctx, expected, pause)
    if code == _STALE:
        _code_of(lambda: _note_new_plan(job, request), context)
    return code


def _rotate(ctx: click.Context, addresses: str, *, revoke: bool, is_named: bool) -> int:
    if ctx.obj.environment and not is_named:
        raise click.UsageError("--rotate is for one environment: give --only ENV, or set IAC_ONLY")
    return int(
        ctx.invoke(
            rotate_command,
            addresses=tuple(addresses.split()),
            is_revoking=revoke,
            auto_approve=True,
            lock_timeout=_WAIT,
        )
    )


def _apply(ctx: click.Context, expected: str, pause: int) -> int:
    for attempt in range(1, _ATTEMPTS + 1):
        code = _code_of(lambda: ctx.invoke(apply_command, expected=(expected,), lock_timeout=_WAIT), ctx.obj)
        if code != _PARTIAL or attempt == _ATTEMPTS:
            break
        SystemClock().sleep(attempt * pause)
    return code


def _note_new_plan(job: _Job, request: ChangeRequest | None) -> None:
    """Show the plan of now to those who reviewed another one."""
    planned = read_one(job.context)
    click.echo(plan_shown(job.context, planned), nl=False)
    text = _shown(job, planned, PlanView.MARKDOWN)
    job.api.show(text)
    if request:
        head = "**Nothing was applied: this is not the plan that was reviewed.**"
        job.note("apply", request, f"{head}\nTo apply it, {job.forge.approval}.\n\n{text}")
    job.finish()


@command.command(
    "nightly",
    short_help="Look for drift, old secrets and ended grace times.",
    page="how-to/see-drift.md",
    examples=(Example("Look at what happened, and keep the issue", "iac ci nightly"),),
    exits={
        3: "A guard refused to delete clients whose grace time is over.",
        6: "The server cannot be read. The issue stays as it is.",
    },
)
@click.pass_obj
def nightly(context: CommandContext) -> int:
    """Keep one issue on what somebody changed on the server, on secrets that are due, and on replaced clients.

    The issue names secrets that are due for rotation, that expire soon, or that former recipients can decrypt. iac
    deletes a replaced client after its grace time, if its address has no other change and no guard refuses. iac closes
    the issue when there is nothing to report.
    """
    job = _start(context)
    with open_session(context, Access.READ) as session:
        drift = read_drift(session)
        planned = read_plan(session, session.options())
    outcome, code = _end_graces(context, planned.grace_ends)
    body = nightly_markdown(drift, planned, outcome, _BUDGET)
    job.api.show(body)
    job.report.issues.append(LabelledIssue(job.mark("drift"), nightly_title(drift, planned), body))
    job.finish()
    return code


def _end_graces(context: CommandContext, addresses: tuple[str, ...]) -> tuple[str, int]:
    """Delete predecessors whose grace time is over; what became of them, and the exit code."""
    if not addresses:
        return "", 0
    try:
        with open_session(context, Access.WRITE) as session, session.locked(_WAIT):
            locked = prepare_grace_ends(session, addresses)
            terms = ApprovalTerms("text", is_approved=True)
            done = carry_out(context, session, locked, terms, apply_plan)
        return "it was deleted", end(context, done, "text")
    except Exception as error:
        known = known_error(error)
        words = f"it was not deleted: {known.summary}" + (f": {known.why}" if known.why else "")
        return words, report(error, no_color=context.no_color)


@command.command(
    "report",
    short_help="Write notes and issues of other jobs at the forge.",
    page="how-to/pipeline-github.md",
    examples=(Example("Report what the jobs before have kept", "iac ci report"),),
)
@click.argument("folder", metavar="[FOLDER]", default="iac-ci")
@click.pass_obj
def report_all(context: CommandContext, *, folder: str) -> int:
    """Write what other jobs have kept in FOLDER, by default iac-ci: notes on requests, and issues.

    It needs no project and no login, only the token of the forge. Other jobs then need no right to write there.
    """
    job = _start(context)
    codes = [_code_of(partial(one.post, job.api), context) for one in read_reports(Path(folder))]
    context.note(f"reported what {counted(len(codes), 'job')} kept")
    return max(codes, default=0)
