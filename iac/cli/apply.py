"""`iac apply`: make the server hold what is defined, and render outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iac.cli.approval import (
    ACCEPT_OLDER,
    AUTO_APPROVE,
    LOCK_TIMEOUT,
    RECREATE,
    ROTATE_DUE,
    ApprovalTerms,
    carry_out,
    end,
)
from iac.cli.context import CommandContext
from iac.cli.format import FORMAT
from iac.cli.help import Example, Subcommand
from iac.cli.options import complete_addresses
from iac.core.errors import IacError, InputError
from iac.core.plan.approval import DIGEST, SavedPlan, parse_saved
from iac.core.state.codec import MalformedValue
from iac.files import read

if TYPE_CHECKING:
    from iac.apply.outcome import Report

_SAVE = "save a plan: iac plan --out FILE"


@click.command(
    "apply",
    cls=Subcommand,
    page="explanation/life-of-a-change.md",
    examples=(
        Example("Review the plan, answer yes, and test the new credentials", "iac apply --verify"),
        Example("Apply exactly a plan that was reviewed", "iac plan --out plan.json\niac apply plan.json"),
    ),
    exits={
        0: "Applied, or no changes.",
        3: "A guard or policy refused the plan.",
        4: "The plan is not the one that was approved.",
        5: "Applied in part; or --verify did not prove that credentials work.",
        130: "Interrupted. Run it again: it plans the rest.",
    },
)
@click.argument("plan_file", metavar="[PLAN]", required=False)
@AUTO_APPROVE
@click.option(
    "--target",
    "targets",
    metavar="ADDR",
    multiple=True,
    shell_complete=complete_addresses,
    help="Apply only this address; repeatable.",
)
@click.option("--verify", is_flag=True, help="Afterwards, prove that the rendered credentials work.")
@ROTATE_DUE
@RECREATE
@click.option("--expect-plan", metavar="DIGEST", help="Stop unless the plan has this digest, or is the rest of it.")
@click.option(
    "--parallelism",
    metavar="N",
    type=click.IntRange(1, 64),
    help="Requests in flight, 1 to 64. Default: `parallelism` of iac.yaml, or 8.",
)
@LOCK_TIMEOUT
@ACCEPT_OLDER
@FORMAT
@click.pass_obj
def command(
    context: CommandContext,
    *,
    plan_file: str | None,
    auto_approve: bool,
    expect_plan: str | None,
    parallelism: int | None,
    targets: tuple[str, ...],
    recreate: tuple[str, ...],
    rotate_due: bool,
    verify: bool,
    accept_older_state: bool,
    lock_timeout: int,
    view: str,
) -> int:
    """Plan, show the plan, ask, apply it, and render outputs.

    With PLAN, a file of `iac plan --out`, or with --expect-plan iac applies exactly the plan that was approved, or the
    rest of it after exit 5. Off a terminal, one of PLAN, --expect-plan or --auto-approve is required.
    """
    from iac.apply.run import apply_plan
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.plan import prepare

    saved = _saved(context, plan_file, expect_plan)
    expected = saved.digest if saved else expect_plan
    terms = ApprovalTerms(
        view,
        is_approved=auto_approve,
        expected=expected,
        saved=saved,
        ways="--auto-approve, a saved PLAN or --expect-plan DIGEST",
    )
    with (
        open_session(context, Access.WRITE, parallelism=parallelism) as session,
        session.backend.lock(session.holder(), timeout=lock_timeout),
    ):
        options = replace(session.options(targets, recreate), rotate_due=rotate_due)
        locked = prepare(replace(session, accepts_older_state=accept_older_state), options)
        report = carry_out(context, session, locked, terms, apply_plan)
    # The lock is free by now: a proof writes nothing, and may take its time.
    if verify:
        report = _proven(context, report)
    code = end(context, report, view)
    if report.outputs and not verify:
        context.advise("next: run iac verify. It proves that the rendered credentials work")
    return code


def _proven(context: CommandContext, report: Report) -> Report:
    """The report with whether the credentials of the clients that are now as wanted work; nothing is undone."""
    from iac.workflow.verify import prove  # only where it is asked for

    if report.is_interrupted or not report.applied():
        context.note("no client was applied, so none is verified: iac verify looks at all of them")
        return report
    try:
        return replace(report, proof=prove(context, report.applied()))
    except IacError as error:
        return replace(report, unproven=error)


def _saved(context: CommandContext, plan_file: str | None, digest: str | None) -> SavedPlan | None:
    if digest is not None and not DIGEST.fullmatch(digest):
        raise click.UsageError("--expect-plan takes the digest of a plan: sha256: and 64 hex digits")
    if plan_file is None:
        return None
    saved = _read(context.path(plan_file))
    if digest not in {None, saved.digest}:
        raise click.UsageError(f"--expect-plan is not the digest of {plan_file}")
    return saved


def _read(path: Path) -> SavedPlan:
    try:
        return parse_saved(read(path).decode())
    except OSError as error:
        raise InputError(
            "the saved plan cannot be read", where=str(path), why=str(error.strerror), fix=_SAVE
        ) from error
    except (MalformedValue, UnicodeDecodeError) as error:
        why = (
            f"{error}: it was cut or edited, or is not a plan"
            if isinstance(error, MalformedValue)
            else "it is not UTF-8"
        )
        raise InputError("the saved plan is damaged", where=str(path), why=why, fix=_SAVE) from None
