"""`iac plan`: what apply would do. Nothing is written and no lock is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iac.cli.format import FORMAT, json_text, show_plan
from iac.core.errors import InputError, RenderError

if TYPE_CHECKING:
    from pathlib import Path

    from iac.cli.shell import Shell
    from iac.core.plan import Plan


@click.command("plan")
@click.option("--out", metavar="FILE", help="Save the plan, for `iac apply FILE`.")
@click.option("--target", "targets", metavar="ADDR", multiple=True, help="Look at this address only; repeatable.")
@click.option("--recreate", metavar="ADDR", multiple=True, help="Make a client anew that is gone from the server.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@FORMAT
@click.pass_obj
def command(  # noqa: PLR0913  # one parameter an option
    shell: Shell,
    *,
    out: str | None,
    targets: tuple[str, ...],
    recreate: tuple[str, ...],
    detailed_exitcode: bool,
    view: str,
) -> int:
    """Show what apply would do: changes, refusals, findings.

    Reading needs iam:admin.read only, and no key of the state. Exit 0, or 2 with --detailed-exitcode when there are
    changes, or 3 when apply would refuse it.
    """
    from iac.wiring import Access, open_session  # noqa: PLC0415  # brings in the adapters
    from iac.workflow import check_guards, read_plan  # noqa: PLC0415

    with open_session(shell, Access.READ) as session:
        plan = read_plan(session, session.options(targets, recreate))
        holder = session.backend.holder()
    if holder is not None:
        shell.note(f"an apply is running since {holder.since}: {holder.who}")
    show_plan(shell, plan, view)
    if out is not None:
        _save(shell.path(out), plan)
        shell.note(f"saved {out}: apply it with `iac apply {out}`")
    check_guards(plan)
    return 2 if detailed_exitcode and not plan.is_empty else 0


def _save(path: Path, plan: Plan) -> None:
    from iac.sinks.file import FileSink  # noqa: PLC0415

    if not path.parent.is_dir():
        raise _unsaved(path, "there is no such folder")
    try:
        FileSink(path.parent).write(path.name, json_text(plan.to_dict()).encode(), mode=0o644)
    except RenderError as error:
        raise _unsaved(path, error.why) from error


def _unsaved(path: Path, why: str) -> InputError:
    return InputError("the plan cannot be saved", where=str(path), why=why, fix="name another file: --out FILE")
