"""`iac apply`: make the server hold what is defined, and render outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from iac.apply.outcome import Report
from iac.cli.approval import (
    ACCEPT_OLDER,
    AUTO_APPROVE,
    LOCK_TIMEOUT,
    RECREATE,
    ROTATE_DUE,
    ApprovalTerms,
    carry_out,
    end,
    with_ended,
)
from iac.cli.context import CommandContext
from iac.cli.environments import names_of, run_in_order
from iac.cli.options import FORMAT, Example, Subcommand, complete_addresses
from iac.core.errors import IacError, InputError
from iac.core.plan.approval import DIGEST, SavedPlan, parse_saved_plans
from iac.core.state.codec import MalformedValue
from iac.core.text import listed
from iac.files import read

T = TypeVar("T")
_SAVE = "save a plan: iac plan --out FILE"


@click.command(
    "apply",
    cls=Subcommand,
    page="how-to/recover.md",
    examples=(
        Example("Review the plan, answer yes, and test the new credentials", "iac apply --verify"),
        Example("Apply exactly a plan that was reviewed", "iac plan --out plan.json\niac apply plan.json"),
        Example("Apply all environments, one after the other", "iac apply --all-envs"),
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
@click.option(
    "--expect-plan",
    "expected",
    metavar="[ENV=]DIGEST",
    multiple=True,
    help="Stop unless the plan has this digest, or is the rest of it. ENV=DIGEST for several environments; repeatable.",
)
@click.option("--keep-going", is_flag=True, help="Continue with the next environment after one that fails.")
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
    expected: tuple[str, ...],
    keep_going: bool,
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

    With PLAN (a file of `iac plan --out`) or --expect-plan, iac applies exactly the plan that was approved. After exit
    5 it applies the rest of that plan. Without a terminal, PLAN, --expect-plan or --auto-approve is required.

    With --all-envs, or --env for each, iac goes through the environments in order, and stops at the first that fails.
    """
    approvals = _approvals(context, plan_file, expected)
    is_many = context.is_many or (len(approvals.plans) > 1 and not context.environments)
    if keep_going and not is_many:
        raise click.UsageError("--keep-going is for several environments: --all-envs, or --env for each")

    def apply(one: CommandContext) -> int:
        return _apply_one(
            one,
            approvals.terms(one.environment, view, is_approved=auto_approve),
            targets=targets,
            recreate=recreate,
            rotate_due=rotate_due,
            verify=verify,
            accept_older_state=accept_older_state,
            parallelism=parallelism,
            lock_timeout=lock_timeout,
        )

    if not is_many:
        return apply(context)
    names = names_of(context) or tuple(approvals.plans)
    approvals.check(names)
    return run_in_order(context, names, apply, view, keep_going=keep_going)


class _Approvals(Struct, frozen=True):
    """What was approved, by the name of the environment; "" is the only one."""

    digests: Mapping[str, str]
    plans: Mapping[str, SavedPlan]

    def terms(self, environment: str | None, view: str, *, is_approved: bool) -> ApprovalTerms:
        """How the plan of an environment is approved."""
        saved = _of(self.plans, environment)
        return ApprovalTerms(
            view,
            is_approved=is_approved,
            expected=saved.digest if saved else _of(self.digests, environment),
            saved=saved,
            ways="--auto-approve, a saved PLAN or --expect-plan DIGEST",
        )

    def check(self, names: Sequence[str]) -> None:
        """See that each of several environments has an approval of its own, if there is any.

        Raises:
            click.UsageError: one has none.
        """
        known = self.digests.keys() | self.plans.keys()
        if known and (missing := [name for name in names if name not in known]):
            raise click.UsageError(f"nothing is approved for {listed(missing)}: give --expect-plan ENV=DIGEST for each")


def _of(approved: Mapping[str, T], environment: str | None) -> T | None:
    """The approval of an environment; the only one there is counts for whatever is applied, and is held against it.

    Raises:
        click.UsageError: others are approved, and not this one.
    """
    if len(approved) == 1:
        return next(iter(approved.values()))
    if approved and environment not in approved:
        raise click.UsageError(f"nothing is approved for {environment}, but for {listed(approved)}")
    return approved.get(environment or "")


def _apply_one(
    context: CommandContext,
    terms: ApprovalTerms,
    *,
    targets: tuple[str, ...],
    recreate: tuple[str, ...],
    rotate_due: bool,
    verify: bool,
    accept_older_state: bool,
    parallelism: int | None,
    lock_timeout: int,
) -> int:
    """Apply one environment; the exit code."""
    from iac.apply.run import apply_plan
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.plan import prepare

    context = with_ended(context, terms.view)
    with open_session(context, Access.WRITE, parallelism=parallelism) as session, session.locked(lock_timeout):
        options = replace(session.options(targets, recreate), rotate_due=rotate_due)
        locked = prepare(replace(session, accepts_older_state=accept_older_state), options)
        report = carry_out(context, session, locked, terms, apply_plan)
    # The lock is free by now: a proof writes nothing, and may take its time.
    if verify:
        report = _proven(context, report)
    code = end(context, report, terms.view)
    if report.outputs and not verify:
        context.advise("next: run iac verify. It proves that the rendered credentials work")
    return code


def _proven(context: CommandContext, report: Report) -> Report:
    """The report with whether the credentials of the clients that are now as wanted work; nothing is undone."""
    from iac.workflow.verify import prove  # only where it is asked for

    if report.is_interrupted or not report.applied():
        context.note("no client was applied, so none is verified; iac verify tests all of them")
        return report
    try:
        return replace(report, proof=prove(context, report.applied()))
    except IacError as error:
        return replace(report, unproven=error)


def _approvals(context: CommandContext, plan_file: str | None, expected: Sequence[str]) -> _Approvals:
    digests: dict[str, str] = {}
    for text in expected:
        name, _, digest = text.rpartition("=")
        if not DIGEST.fullmatch(digest):
            raise click.UsageError("--expect-plan takes the digest of a plan: sha256: and 64 hex digits")
        if name in digests or (digests and "" in {name, *digests}):
            raise click.UsageError("--expect-plan: give ENV=DIGEST once for each environment")
        digests[name] = digest
    plans = {} if plan_file is None else _read(context.path(plan_file))
    for name, digest in digests.items() if plans else ():
        saved = _of(plans, name or None)
        if saved is None or saved.digest != digest:
            raise click.UsageError(f"--expect-plan is not the digest of {plan_file}")
    return _Approvals(digests, plans)


def _read(path: Path) -> dict[str, SavedPlan]:
    """The plans of a file by their environments: one, or those of several."""
    try:
        return parse_saved_plans(read(path).decode())
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
