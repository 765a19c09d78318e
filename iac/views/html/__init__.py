"""Pages to look at in a browser: one self-contained file each. Pure but for its own templates.

A page loads nothing: style and script stand in it, and its content security policy names their hashes, so no other
script or style runs, whatever a client is called. Every text goes through `printable` and Jinja2's escaping.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from iac.core.drift import Drift
from iac.core.inventory import COLUMNS, Inventory, InventoryRow, parse_moment
from iac.core.plan.change import Action, OutputAction, SecretChange
from iac.core.plan.plan import Plan
from iac.core.rotation import written
from iac.core.text import printable
from iac.views.words import (
    SOME_UNREAD,
    Failures,
    cell_text,
    counted,
    entry_shown,
    no_change,
    remarks,
    sealing,
    value_shown,
)

_VERBS = {**{str(action): f"to {action}" for action in Action}, "no_op": "unchanged", "unmanaged": "not managed here"}
_STALE = timedelta(days=90)
_AGES = (30, 90, 180, 365)
"""Days at which the chart of secrets begins another bar."""
_LEFT, _WIDTH, _BAR = 130, 400, 28
"""Where bars begin in the chart, how wide the longest is, and how far the next one is below."""
_WORDS = {
    "counted": counted,
    "entry_shown": entry_shown,
    "no_change": no_change,
    "remarks": remarks,
    "sealing": sealing,
    "some_unread": SOME_UNREAD,
    "value_shown": value_shown,
    "verbs": _VERBS,
}


def plan_page(plans: Sequence[Plan], failed: Failures = ()) -> str:
    """Plans of one or several environments: counts, refusals, and changes that unfold and can be filtered."""
    changes = [(plan.environment, change) for plan in plans for change in plan.changes]
    written_outputs = [output for _, change in changes for output in change.outputs]
    return _page(
        "plan.html",
        failed=failed,
        plans=plans,
        changes=changes,
        actions=sorted({change.action for _, change in changes}),
        ids=sorted({finding.id for _, change in changes for finding in change.findings}),
        environments=[plan.environment for plan in plans],
        secrets=Counter(change.secret_words for _, change in changes if change.secret is not SecretChange.NONE),
        readers=Counter(key for _, change in changes if change.recipients for key in change.recipients.after),
        outputs={o.id: o.action for o in written_outputs if o.action is not OutputAction.UNCHANGED},
    )


def drift_page(drifts: Sequence[Drift], failed: Failures = ()) -> str:
    """What drifted in one or several environments; each client unfolds to what was changed."""
    clients = [(drift.environment, client) for drift in drifts for client in drift.clients]
    return _page(
        "drift.html",
        failed=failed,
        drifts=drifts,
        clients=clients,
        ids=sorted({finding.id for _, client in clients for finding in client.findings}),
        environments=[drift.environment for drift in drifts],
    )


def inventory_page(
    inventories: Sequence[Inventory],
    columns: Sequence[str],
    now: datetime,
    failed: Failures = (),
    order: Callable[[Inventory], Iterable[InventoryRow]] = lambda inventory: inventory.rows,
) -> str:
    """The clients of one or several servers: a table that sorts and filters, secrets by age, and what ends when.

    Args:
        inventories: one per environment.
        columns: names of `iac.core.inventory.COLUMNS`; one that is empty for every client is not shown.
        now: the time that ages and ends are told against.
        failed: environments that gave no inventory.
        order: gives the rows of an inventory in the order of the table.
    """
    rows = [(inventory.environment, row) for inventory in inventories for row in order(inventory)]
    is_several = len(inventories) > 1
    clients = [row for _, row in rows]
    columns = [name for name in columns if any(COLUMNS[name](row) for row in clients)]
    scopes = sorted({scope for row in clients for scope in row.privileged})
    return _page(
        "inventory.html",
        failed=failed,
        inventories=inventories,
        now=written(now),
        counts=sum((Counter(inventory.counts) for inventory in inventories), Counter()),
        columns=[*(["environment"] if is_several else []), *columns],
        rows=[
            {
                "environment": environment,
                "client": row,
                "people": _people(row),
                "marks": list(_marks(row, now)),
                "cells": [*([environment] if is_several else []), *(cell_text(COLUMNS[name](row)) for name in columns)],
            }
            for environment, row in rows
        ],
        environments=[inventory.environment for inventory in inventories],
        standings=sorted({row.standing for row in clients}),
        people=sorted({person for row in clients for person in _people(row)}),
        scopes=sorted({scope for row in clients for scope in row.scopes}),
        ages=_ages(clients, now),
        holders={scope: [_name(row) for row in clients if scope in row.privileged] for scope in scopes},
        ends=sorted(_ends(clients), key=lambda end: (end["when"], end["name"])),
    )


def _people(row: InventoryRow) -> list[str]:
    return sorted({*row.contacts, *(row.owners or ())})


def _marks(row: InventoryRow, now: datetime) -> Iterator[str]:
    """What the ticks of the page filter by."""
    if row.privileged:
        yield "privileged"
    if COLUMNS["active"](row) == "no":
        yield "suspended"
    used = parse_moment(row.last_used or row.created or "")
    if used and used < now - _STALE:
        yield "stale"
    if row.expires or (row.rotate_due and row.rotate_due < written(now)):
        yield "due"


def _name(row: InventoryRow) -> str:
    return row.address or row.client_id


def _ends(rows: Sequence[InventoryRow]) -> Iterator[dict[str, str]]:
    for row in rows:
        if row.expires:
            yield {"when": row.expires, "name": _name(row), "what": "client or secret expires"}
        if row.rotate_due:
            yield {"when": row.rotate_due, "name": _name(row), "what": "secret is due (rotate_after)"}


_KINDS = {"kept": "within rotate_after", "due": "older than rotate_after", "free": "without rotate_after"}


def _ages(rows: Sequence[InventoryRow], now: datetime) -> list[dict[str, Any]]:
    """The chart of secrets by age; empty where no age is known."""
    secrets = [(since, row) for row in rows if (since := parse_moment(row.secret_since or ""))]
    counts = Counter((sum((now - since).days >= days for days in _AGES), _kind(row, now)) for since, row in secrets)
    longest = max((sum(counts[index, kind] for kind in _KINDS) for index in range(len(_AGES) + 1)), default=0)
    return [_age(index, counts, longest) for index in range(len(_AGES) + 1)] if secrets else []


def _kind(row: InventoryRow, now: datetime) -> str:
    if row.rotate_due is None:
        return "free"
    return "due" if row.rotate_due < written(now) else "kept"


def _age(index: int, counts: Counter[tuple[int, str]], longest: int) -> dict[str, Any]:
    """One row of the chart: secrets of one range of ages, a part of the bar for each kind."""
    edges = (0, *_AGES)
    x, bars = _LEFT, []
    for kind, told in _KINDS.items():
        if number := counts[index, kind]:
            width = max(1, number * _WIDTH // longest)
            bars.append({"kind": kind, "told": told, "number": number, "x": x, "width": width})
            x += width
    total, due = sum(counts[index, kind] for kind in _KINDS), counts[index, "due"]
    return {
        "label": f"{edges[index]} to {edges[index + 1]} days" if index < len(_AGES) else f"over {edges[index]} days",
        "total": total,
        "told": f"{total}, {due} due" if due else str(total),
        "y": index * _BAR + 5,
        "end": x,
        "bars": bars,
    }


def _page(name: str, **values: Any) -> str:
    environment, parts = _environment()
    return environment.get_template(name).render(
        policy=_policy(parts["page.css"], parts["page.js"]),
        style=Markup(parts["page.css"]),  # noqa: S704 - a file of this package
        script=Markup(parts["page.js"]),  # noqa: S704 - a file of this package
        **values,
    )


_PARTS = (".css", ".html", ".js")
"""How the parts of a page end; Python and editors put other files beside them."""


@cache
def _environment() -> tuple[Environment, dict[str, str]]:
    """Jinja2 with the templates of this package; whatever it is given is made inert, then escaped."""
    parts = {file.name: file.read_text("utf-8") for file in files(__name__).iterdir() if file.name.endswith(_PARTS)}
    environment = Environment(
        loader=DictLoader(parts), autoescape=True, undefined=StrictUndefined, finalize=_inert,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(_WORDS)
    environment.filters["names"] = _names
    return environment, parts


def _inert(value: Any) -> Any:
    return value if isinstance(value, Markup) else printable(str(value))


def _names(values: Iterable[object]) -> Markup:
    """Texts as JSON in an attribute, for the script to filter by."""
    return escape(json.dumps([printable(str(value)) for value in values]))


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """A source expression of a content security policy (CSP level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
