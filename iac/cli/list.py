"""`iac list`: every client of the server, beside what this project knows of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click
from msgspec import Struct

from iac.cli.context import CommandContext
from iac.cli.environments import Section, run_each, show_page, show_sections, worst
from iac.cli.failure import error_lines
from iac.cli.options import Example, Subcommand, format_option
from iac.core.inventory import COLUMNS, ClientStatus, Filter, Inventory, InventoryRow
from iac.core.rotation import seconds
from iac.core.text import nearest
from iac.views.inventory import inventory_csv, inventory_text, summary_line
from iac.views.words import Failures

_USUAL = ("address", "client_id", "name", "state", "grants")
_DURATION = re.compile(r"[1-9][0-9]{0,4}[hdw]")


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if not _DURATION.fullmatch(str(value)):
            self.fail(f"{value}: write hours, days or weeks, such as 12h, 90d or 4w", param, ctx)
        return timedelta(seconds=seconds(str(value)))


class _Columns(click.ParamType[tuple[str, ...]]):
    """Names of columns, separated by commas; `is_sort` takes one, with `-` in front for descending order."""

    name = "columns"

    def __init__(self, *, is_sort: bool) -> None:
        self.is_sort = is_sort

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = (str(value),) if self.is_sort else tuple(str(value).split(","))
        for name in names:
            if (name.removeprefix("-") if self.is_sort else name) not in COLUMNS:
                hint = nearest(name, COLUMNS) or f"there are {', '.join(COLUMNS)}"
                self.fail(f"{name}: there is no such column; {hint}", param, ctx)
        return names


@click.command(
    "list",
    cls=Subcommand,
    page="how-to/inventory.md",
    examples=(
        Example("List clients that this project does not manage", "iac list --unmanaged"),
        Example("Find clients that nobody has used for 90 days", "iac list --stale 90d --sort last_used"),
        Example("Make a page that sorts and filters", "iac list --format html > clients.html"),
    ),
)
@click.option("--managed", "standings", flag_value="managed", multiple=True, help="Clients in this project's state.")
@click.option(
    "--unmanaged",
    "standings",
    flag_value="unmanaged",
    multiple=True,
    help="Clients that are not in this project's state.",
)
@click.option("--match", metavar="GLOB", default="", help="Clients whose address, client_id or name matches.")
@click.option("--scope", metavar="GLOB", default="", help="Clients with a scope that matches.")
@click.option(
    "--privileged", "is_privileged", is_flag=True, help="Clients with scopes that only an administrator can grant."
)
@click.option(
    "--ownerless", "is_ownerless", is_flag=True, help="Clients without an owner. Sends one request per client."
)
@click.option("--stale", metavar="AGE", type=_Duration(), help="Clients not used for this long: 12h, 90d, 4w.")
@click.option(
    "--expiring", metavar="AGE", type=_Duration(), help="Clients that expire, or need a new secret, within this time."
)
@click.option(
    "--sort",
    metavar="COLUMN",
    type=_Columns(is_sort=True),
    default="client_id",
    show_default=True,
    help="Sort by this column. --sort=-COLUMN sorts in descending order.",
)
@click.option(
    "--columns",
    metavar="COLUMN,..",
    type=_Columns(is_sort=False),
    default=None,
    help=f"Columns to show, of {', '.join(COLUMNS)}.",
)
@format_option("text", "json", "csv", "html")
@click.pass_obj
def command(
    context: CommandContext,
    *,
    standings: tuple[str, ...],
    stale: timedelta | None,
    expiring: timedelta | None,
    is_ownerless: bool,
    scope: str,
    is_privileged: bool,
    match: str,
    sort: tuple[str],
    columns: tuple[str, ...] | None,
    view: str,
) -> int:
    """List every client of the server, with what this project knows of it.

    A client must match all filters; --managed and --unmanaged together match either. Needs the scope iam:admin.read,
    and no age identity.
    """
    order = sort[0]
    wanted = Filter(
        standings=frozenset(ClientStatus(name) for name in standings),
        stale=stale,
        expiring=expiring,
        is_ownerless=is_ownerless,
        scope=scope,
        is_privileged=is_privileged,
        match=match,
    )
    needs_owners = "owners" in {*(columns or ()), order.removeprefix("-")}
    table = _Table(wanted, columns, order, view)
    sections = run_each(context.with_progress(), lambda one: _read(one, table, needs_owners=needs_owners), lambda _: 0)
    if view == "html":
        return show_page(sections, table.page)
    if view == "csv":
        return _show_csv(context, sections, table)
    return show_sections(context, sections, view, value=table.value, text=table.text)


def _read(context: CommandContext, table: _Table, *, needs_owners: bool) -> Inventory:
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.inventory import read_inventory

    with open_session(context, Access.READ, may_be_empty=True) as session:
        inventory = read_inventory(session, table.wanted, with_owners=needs_owners)
    left_out = inventory.left_out
    context.note(*(f"{one.client_id or '(no client_id)'} is left out: {one.invalid_words}" for one in left_out))
    if not inventory.is_use_known and "last_used" in table.columns(inventory):
        context.note("this server does not say when clients were last used: an empty last_used does not mean unused")
    return inventory


class _Table(Struct, frozen=True):
    """How an inventory is shown; `named` are the columns that somebody named."""

    wanted: Filter
    named: tuple[str, ...] | None
    order: str
    view: str

    def columns(self, inventory: Inventory) -> tuple[str, ...]:
        """The columns to show."""
        usual = _usual(self.wanted, self.order, inventory) if self.view == "text" else tuple(COLUMNS)
        return self.named or usual

    def rows(self, inventory: Inventory) -> list[InventoryRow]:
        """The rows in their order."""
        return inventory.sorted_by(self.order.removeprefix("-"), is_descending=self.order.startswith("-"))

    def value(self, inventory: Inventory) -> dict[str, Any]:
        """As JSON."""
        return inventory.to_dict(self.columns(inventory), self.rows(inventory))

    def page(self, inventories: Sequence[Inventory], failed: Failures = ()) -> str:
        """As a page for a browser."""
        from iac.clock import SystemClock
        from iac.views.html import inventory_page  # brings in Jinja2

        return inventory_page(inventories, self.named or tuple(COLUMNS), SystemClock().now(), failed, self.rows)

    def text(self, context: CommandContext, inventory: Inventory) -> str:
        """For people."""
        return inventory_text(inventory, self.columns(inventory), self.rows(inventory), width=context.width())


def _show_csv(context: CommandContext, sections: Sequence[Section[Inventory]], table: _Table) -> int:
    """One table, in which the environment is the first column where there are several."""
    shown, counts = "", []
    for section in sections:
        context.note(*(f"{section.name}: {line}" for line in error_lines(section.error)))
        if section.result is not None:
            found = section.result
            first, *lines = inventory_csv(table.columns(found), table.rows(found)).splitlines()
            start = f"{section.name}," if section.name else ""
            shown = shown or f"{start and 'environment,'}{first}\n"
            shown += "".join(f"{start}{line}\n" for line in lines)
            counts.append((section.context, summary_line(section.result, len(lines))))
    click.echo(shown, nl=False)
    for one, line in counts:
        one.note(line)
    return worst(section.code for section in sections)


def _usual(wanted: Filter, order: str, inventory: Inventory) -> tuple[str, ...]:
    """What people see where they name no columns: the usual ones, what the filters are about, and what is wrong."""
    more = {
        **dict.fromkeys(inventory.troubled, True),
        "last_used": inventory.is_use_known,
        "rotate_due": wanted.expiring,
        "expires": wanted.expiring or "expires" in inventory.troubled,
        "scopes": wanted.scope,
        "privileged": wanted.is_privileged,
        "contacts": wanted.is_ownerless,
        order.removeprefix("-"): True,
    }
    return tuple(dict.fromkeys([*_USUAL, *(name for name, is_wanted in more.items() if is_wanted)]))
