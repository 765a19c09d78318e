"""`iac render`: outputs from state alone; no IAM is needed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from iac.cli.format import FORMAT, show_json
from iac.core.errors import RenderError, UnsafePlan
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.shell import Shell


@click.command("render")
@click.option("--check", is_flag=True, help="Write nothing; exit 2 when an output on disk is not as rendered.")
@click.option("--target", "targets", metavar="ADDR", multiple=True, help="Outputs of this address only; repeatable.")
@FORMAT
@click.pass_obj
def command(shell: Shell, *, check: bool, targets: tuple[str, ...], view: str) -> int:
    """Write outputs from state: needs the key of the state, no login. A host can render its own client."""
    from iac.wiring import open_local  # noqa: PLC0415  # brings in the adapters
    from iac.workflow import render_outputs  # noqa: PLC0415

    session = open_local(shell)
    results = render_outputs(session, session.options(targets).targets, check=check)
    if view == "json":
        show_json({"outputs": [asdict(result) for result in results]})
    else:
        for result in results:
            why = f": {result.why}" if result.why else ""
            for line in f"{result.status:<10} {result.path}{why}".splitlines():
                click.echo(printable(line))
    for result in results:
        if result.warning:
            shell.note(f"warning: {printable(result.warning)}")
    if any(result.status == "failed" for result in results):
        raise RenderError("some outputs could not be rendered", fix="see above; the others are as they should be")
    if any(result.status == "refused" for result in results):
        raise UnsafePlan("some outputs were refused", fix="see above; the others are as they should be")
    return 2 if check and any(result.status in {"missing", "differs"} for result in results) else 0
