"""A plan carried out: shown, guarded, approved, applied, and how it ended. For all commands that change the server."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from iac.apply.outcome import Failed, NotDelivered, Report, StopRequest
from iac.cli import INTERRUPTED
from iac.cli.context import CommandContext, approve, check_terminal, is_terminal, plan_shown, show_json
from iac.cli.options import complete_addresses
from iac.core.errors import PartialApply
from iac.core.plan.approval import SavedPlan
from iac.core.text import printable
from iac.views.text import ended_text, plan_text, report_text

if TYPE_CHECKING:
    from iac.apply.run import LockedPlan
    from iac.session import Session

_INTERRUPTED = b"interrupted: what is in flight is finished, nothing new is sent\n"

AUTO_APPROVE = click.option("--auto-approve", is_flag=True, help="Do not ask. Without a terminal iac cannot ask.")
ROTATE_DUE = click.option(
    "--rotate-due", is_flag=True, help="Rotate secrets that have reached the age of lifecycle.rotate_after."
)
RECREATE = click.option(
    "--recreate",
    metavar="ADDR",
    multiple=True,
    shell_complete=complete_addresses,
    help="Create this client again, with a new secret, if it is gone from the server; repeatable.",
)
ACCEPT_OLDER = click.option(
    "--accept-older-state", is_flag=True, help="Continue although this machine has seen a newer state."
)
LOCK_TIMEOUT = click.option(
    "--lock-timeout",
    metavar="SECONDS",
    type=click.IntRange(0, 86400),
    default=0,
    show_default=True,
    help="Wait this long if another run holds the lock.",
)


class ApprovalTerms(Struct, frozen=True):
    """How a plan is shown and what approves it: a flag, the digest that it is expected to have, else somebody.

    Attributes:
        saved: the plan whose file was given, for its text.
        ways: what can approve it where nobody is there to ask, for the message.
    """

    view: str
    is_approved: bool
    expected: str | None = None
    saved: SavedPlan | None = None
    ways: str = "--auto-approve"


def with_ended(context: CommandContext, view: str) -> CommandContext:
    """The same, where each client and output is printed when it has ended."""
    page = context.layout()
    return context.with_progress(
        view, lambda result: (ended_text(result, page), isinstance(result, Failed | NotDelivered))
    )


def carry_out(
    context: CommandContext,
    session: Session,
    locked: LockedPlan,
    terms: ApprovalTerms,
    do: Callable[[Session, LockedPlan, StopRequest], Report],
) -> Report:
    """Show the plan, hold it against guards and expectation, ask, and do it; nothing where there is nothing to do.

    Raises:
        UnsafePlan: a guard refuses it.
        StalePlan: it is not the expected one.
        DeclinedError: it was not approved.
    """
    from iac.workflow.plan import check_expected, check_guards, check_saved  # not needed by --help

    # The plan is shown before anything can refuse it: a person sees what was refused.
    if terms.view == "text":
        click.echo(plan_shown(context, locked.plan), nl=False, color=True)
    if terms.expected is not None:
        check_expected(locked.plan, locked.state.approval, terms.expected)
    if terms.saved is not None:
        check_saved(locked.plan, terms.saved)
    if locked.plan.refusals and terms.view == "json":
        show_json(locked.plan.to_dict())
    check_guards(locked.plan, ", nothing was sent")
    if not locked.has_work:
        return Report(locked.plan.digest, (), findings=locked.plan.findings)
    if terms.expected is None and not terms.is_approved:
        _ask(locked, terms)
    stop = StopRequest()
    with _interruptible(stop):
        try:
            return do(session, locked, stop)
        finally:
            session.progress.end()


def _ask(locked: LockedPlan, terms: ApprovalTerms) -> None:
    check_terminal(terms.ways)
    if terms.view == "json":
        click.echo(plan_text(locked.plan, color=False), nl=False, err=True)
    if locked.plan.changes:
        command = click.get_current_context().info_name or "iac"
        approve("Apply this plan?", f"{command.capitalize()} cancelled. Nothing was sent.")


@contextmanager
def _interruptible(stop: StopRequest) -> Iterator[None]:
    """The first SIGINT or SIGTERM lets writes in flight finish and sends nothing new."""

    def ask(*_: object) -> None:
        if not stop.is_interrupt:
            stop.is_interrupt = True
            stop.ask("interrupted")
            with suppress(OSError, AttributeError):  # not through the stream: the interrupted code may be writing to it
                erase = b"\r\x1b[K" if is_terminal(sys.stderr) else b""  # the live line
                os.write(sys.stderr.fileno(), erase + _INTERRUPTED)

    before = {sign: signal.signal(sign, ask) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def end(context: CommandContext, report: Report, view: str) -> int:
    """Show the report; the exit code.

    Raises:
        PartialApply: not everything was done.
    """
    if view == "json":
        show_json(report.to_dict())
    elif not report.is_idle:
        click.echo(report_text(report, color=context.layout().color), nl=False, color=True)
        _show_proof(context, report)
    if report.is_interrupted:
        return INTERRUPTED
    if not report.is_complete:
        raise _unfinished(report)
    return 0


def _show_proof(context: CommandContext, report: Report) -> None:
    from iac.views.proof import proof_text

    if report.proof is not None:
        text = proof_text(report.proof, color=context.layout().color, width=context.width())
        click.echo(f"\n{text}", nl=False, color=True)
    for line in report.unproven.lines() if report.unproven else ():
        click.echo(printable(f"not verified: {line}"))


def _unfinished(report: Report) -> PartialApply:
    if not report.is_proven and replace(report, proof=None, unproven=None).is_complete:
        return PartialApply(
            "applied, but the check of the credentials failed",
            fix="fix what is shown above, then run iac verify; the changes stay",
        )
    rest = "" if report.is_applied else "; running iac apply plans exactly the rest"
    return PartialApply("applied in part", fix=f"see above{rest}")
