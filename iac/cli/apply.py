"""`iac apply`: make the server hold what is defined, and render outputs."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from iac.cli import INTERRUPTED
from iac.cli.format import FORMAT, show_json, show_plan
from iac.cli.shell import is_terminal
from iac.core.errors import InputError, PartialApply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iac.apply.outcome import Report
    from iac.apply.run import Stop
    from iac.cli.shell import Shell
    from iac.workflow import Prepared, Session

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SAVE = "make one: iac plan --out FILE"


@click.command("apply")
@click.argument("plan_file", metavar="[PLAN]", required=False)
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--expect-plan", metavar="DIGEST", help="Stop (exit 4) unless the plan is the one with this digest.")
@click.option("--parallelism", type=click.IntRange(1, 64), default=None, help="Requests in flight.  [default: 8]")
@click.option("--target", "targets", metavar="ADDR", multiple=True, help="Apply this address only; repeatable.")
@click.option("--recreate", metavar="ADDR", multiple=True, help="Make a client anew that is gone from the server.")
@click.option(
    "--lock-timeout", metavar="SECONDS", type=click.IntRange(0, 86400), default=0, help="Wait so long for a held lock."
)
@FORMAT
@click.pass_obj
def command(shell: Shell, /, **given: Any) -> int:
    """Plan, ask, apply, render.

    With PLAN (from `iac plan --out`) or --expect-plan only the plan that was approved is applied, or the rest of it
    after a partial apply. Exit 0 done, 3 refused, 4 stale, 5 applied in part.
    """
    from iac.wiring import Access, open_session  # noqa: PLC0415  # brings in the adapters

    expected = _expected(shell, given["plan_file"], given["expect_plan"])
    with (
        open_session(shell, Access.WRITE, parallelism=given["parallelism"]) as session,
        session.backend.lock(session.holder(), timeout=given["lock_timeout"]),
    ):
        report = _apply(shell, session, given, expected)
    return _end(shell, report, given["view"])


def _expected(shell: Shell, plan_file: str | None, digest: str | None) -> str | None:
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise click.UsageError("--expect-plan takes the digest of a plan: sha256: and 64 hex digits")
    if plan_file is None:
        return digest
    saved = _digest_of(shell.path(plan_file))
    if digest is not None and digest != saved:
        raise click.UsageError(f"--expect-plan is not the digest of {plan_file}")
    return saved


def _digest_of(path: Path) -> str:
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "the saved plan cannot be read", where=str(path), why=str(error.strerror), fix=_SAVE
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError("the saved plan is damaged", where=str(path), fix=_SAVE) from error
    digest = saved.get("digest") if isinstance(saved, dict) else None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InputError("this is no saved plan", where=str(path), fix=_SAVE)
    return digest


def _apply(shell: Shell, session: Session, given: dict[str, Any], expected: str | None) -> Report | None:
    from iac.apply.run import Stop  # noqa: PLC0415
    from iac.workflow import apply_plan, check_expected, check_guards, prepare  # noqa: PLC0415

    prepared = prepare(session, session.options(given["targets"], given["recreate"]))
    if given["view"] == "text":
        show_plan(shell, prepared.plan, "text")
    if expected is not None:
        check_expected(prepared, expected)
    if prepared.plan.guards and given["view"] == "json":
        show_json(prepared.plan.to_dict())
    check_guards(prepared.plan)
    if not prepared.has_work:
        return None
    if expected is None and not given["auto_approve"]:
        _ask(prepared, given["view"])
    stop = Stop()
    with _interruptible(stop):
        return apply_plan(session, prepared, stop)


def _ask(prepared: Prepared, view: str) -> None:
    from iac.views.text import plan_text  # noqa: PLC0415

    if not is_terminal(sys.stdin):
        raise click.UsageError("not on a terminal: give --auto-approve, a saved PLAN or --expect-plan DIGEST")
    if view == "json":
        click.echo(plan_text(prepared.plan, color=False), nl=False, err=True)
    if prepared.plan.changes and not click.confirm("Apply this plan?", err=True):
        raise InputError("the plan was not approved, nothing was sent", fix="run iac apply again when it is as wanted")


@contextmanager
def _interruptible(stop: Stop) -> Iterator[None]:
    """The first SIGINT or SIGTERM lets writes in flight finish and sends nothing new."""

    def ask(*_: object) -> None:
        if not stop.is_interrupt:
            stop.is_interrupt = True
            stop.ask("interrupted")
            with suppress(OSError, AttributeError):  # not through the stream: the interrupted code may be writing to it
                os.write(sys.stderr.fileno(), b"interrupted: what is in flight is finished, nothing new is sent\n")

    before = {sign: signal.signal(sign, ask) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _end(shell: Shell, report: Report | None, view: str) -> int:
    from iac.views.text import report_text  # noqa: PLC0415

    if report is None:
        if view == "json":
            show_json({"format_version": "1.0", "complete": True, "done": [], "failed": [], "not_tried": []})
        return 0
    if view == "json":
        show_json(report.to_dict())
    else:
        click.echo(report_text(report, color=shell.wants_color()), nl=False, color=True)
    if report.is_interrupted:
        return INTERRUPTED
    if not report.is_complete:
        raise PartialApply("applied in part", fix="see above; running iac apply again plans exactly the rest")
    return 0
