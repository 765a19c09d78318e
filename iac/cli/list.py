"""`iac list`: every client of the server, beside what this project knows of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell
    from iac.core.inventory import Filter, Inventory

_USUAL = ("address", "client_id", "name", "state", "grants")
_DURATION = re.compile(r"[1-9][0-9]{0,4}[hdw]")


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from iac.core.rotation import seconds  # not needed by --help

        if not _DURATION.fullmatch(str(value)):
            self.fail(f"{value}: write hours, days or weeks, such as 12h, 90d or 4w", param, ctx)
        return timedelta(seconds=seconds(str(value)))


class _Columns(click.ParamType[tuple[str, ...]]):
    """Names of columns, separated by commas; `is_sort` takes one, with `-` in front for descending order."""

    name = "columns"

    def __init__(self, *, is_sort: bool) -> None:
        self.is_sort = is_sort

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        from iac.core.inventory import COLUMNS  # not needed by --help

        names = (str(value),) if self.is_sort else tuple(str(value).split(","))
        for name in names:
            if (name.removeprefix("-") if self.is_sort else name) not in COLUMNS:
                self.fail(f"{name}: there is no such column; there are {', '.join(COLUMNS)}", param, ctx)
        return names


@click.command("list")
@click.option("--managed", "standings", flag_value="managed", multiple=True, help="Clients in this project's state.")
@click.option("--unmanaged", "standings", flag_value="unmanaged", multiple=True, help="Clients in no state of it.")
@click.option("--stale", metavar="AGE", type=_Duration(), help="Not used for so long, such as 90d.")
@click.option("--expiring", metavar="AGE", type=_Duration(), help="Due for a new secret, or expiring, within so long.")
@click.option("--ownerless", "is_ownerless", is_flag=True, help="Clients without an owner; a request for each.")
@click.option("--scope", metavar="GLOB", default="", help="Clients with such a scope.")
@click.option(
    "--privileged", "is_privileged", is_flag=True, help="Clients with scopes that only an administrator gives."
)
@click.option("--match", metavar="GLOB", default="", help="Clients with such an address, client_id or name.")
@click.option(
    "--sort",
    metavar="COLUMN",
    type=_Columns(is_sort=True),
    default="client_id",
    show_default=True,
    help="Order; -COLUMN is the other way.",
)
@click.option("--columns", metavar="COLUMN,..", type=_Columns(is_sort=False), default=None, help="What to show.")
@click.option(
    "--format",
    "view",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="How to print.",
)
@click.pass_obj
def command(shell: Shell, /, **given: Any) -> int:
    """List every client of the server, beside what this project knows of it.

    Needs iam:admin.read only, and no key of the state. Options that filter are all to hold.
    """
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.inventory import read_inventory

    with open_session(shell, Access.READ) as session:
        found = read_inventory(session, _filter(given), with_owners=_needs_owners(given))
    columns = _columns(given, is_use_known=found.is_use_known)
    _show(shell, found, columns, given)
    for one in found.left_out:
        shell.note(printable(f"{one.client_id or '(no client_id)'} is left out: {one.misfit_words}"))
    if not found.is_use_known and "last_used" in columns:
        shell.note("this server says of no client when it was last used: an empty last_used does not mean unused")
    return 0


def _filter(given: dict[str, Any]) -> Filter:
    from iac.core.inventory import Filter, Standing  # not needed by --help

    return Filter(
        standings=frozenset(Standing(name) for name in given["standings"]),
        stale=given["stale"],
        expiring=given["expiring"],
        is_ownerless=given["is_ownerless"],
        scope=given["scope"],
        is_privileged=given["is_privileged"],
        match=given["match"],
    )


def _columns(given: dict[str, Any], *, is_use_known: bool) -> tuple[str, ...]:
    """What is asked for; else all for machines, and for people the usual ones with what the filters are about."""
    from iac.core.inventory import COLUMNS  # not needed by --help

    if given["columns"]:
        asked: tuple[str, ...] = given["columns"]
        return asked
    if given["view"] != "text":
        return tuple(COLUMNS)
    more = {
        "last_used": is_use_known,
        "rotate_due": given["expiring"],
        "expires": given["expiring"],
        "scopes": given["scope"],
        "privileged": given["is_privileged"],
        "contacts": given["is_ownerless"],
        given["sort"][0].removeprefix("-"): True,
    }
    return tuple(dict.fromkeys([*_USUAL, *(name for name, is_wanted in more.items() if is_wanted)]))


def _needs_owners(given: dict[str, Any]) -> bool:
    return "owners" in (given["columns"] or ()) or given["sort"][0].removeprefix("-") == "owners"


def _show(shell: Shell, found: Inventory, columns: tuple[str, ...], given: dict[str, Any]) -> None:
    from iac.cli.format import show_json
    from iac.views.inventory import inventory_csv, inventory_text, summary_line

    column = given["sort"][0]
    rows = found.sorted_by(column.removeprefix("-"), is_descending=column.startswith("-"))
    if given["view"] == "json":
        show_json(found.to_dict(columns, rows))
    elif given["view"] == "csv":
        click.echo(inventory_csv(columns, rows), nl=False)
        shell.note(summary_line(found, len(rows)))
    else:
        click.echo(inventory_text(found, columns, rows, width=shell.width()), nl=False)
