"""Pages as a browser's parser reads them: texts that want to be something else are text, and nothing is loaded."""

from __future__ import annotations

import json
import py_compile
import re
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.core.drift import ClientDrift, Drift
from iac.core.inventory import COLUMNS, ClientStatus, Inventory, InventoryRow
from iac.core.text import printable
from iac.views import html
from iac.views.html import drift_page, inventory_page, plan_page
from tests.every import every
from tests.views.hostile import TEXTS, everywhere, many

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 30, tzinfo=UTC)
texts = st.one_of(st.sampled_from(TEXTS), st.text(min_size=1), st.text("'\"`<&> \n", min_size=1, max_size=20))


class Page(HTMLParser):
    """Elements with the names of their attributes, texts outside of style and script, and other markup."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.others: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        if self._inside not in {"style", "script"} and data.strip():
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.others.append(data)


def drifted(text: str) -> Drift:
    fields = everywhere(text).changes[0].fields
    findings = everywhere(text).findings
    location = everywhere(text).changes[0].location
    assert location
    client = ClientDrift(text, text, text, location, fields=fields, unread=(text,), findings=findings, disabled=True)
    return Drift(text, text, text, text, (client, replace(client, gone=True)), 3, (text,), (text,))


def row(text: str, **given: object) -> InventoryRow:
    # `x`: no scope that only administrators grant, of which the page has another table
    old = "2025-01-01T00:00:00Z"
    whole = InventoryRow(
        address=text, client_id=text, name=text, standing=ClientStatus.MANAGED, is_active=False, method=text,
        grants=(text,), scopes=(f"x{text}", "iam:admin.read"), contacts=(text,), created=old, last_used=old,
        expires=old, secret=text, secret_version=1, secret_since=old, rotate_due=old, outputs=(text,), owners=(text,),
    )  # fmt: skip
    return replace(whole, **given)


def inventory(*rows: InventoryRow) -> Inventory:
    return Inventory("prod", "https://iam.example.org/", rows, {ClientStatus.MANAGED: len(rows)}, is_use_known=True)


def of_clients(*rows: InventoryRow) -> str:
    return inventory_page([inventory(*rows)], tuple(COLUMNS), NOW)


PAGES: dict[str, Callable[[str], str]] = {
    "plan": lambda text: plan_page([everywhere(text)]),
    "drift": lambda text: drift_page([drifted(text)]),
    "list": lambda text: of_clients(row(text)),
}


@cache
def harmless(name: str) -> Page:
    return Page(PAGES[name]("x"))


@pytest.mark.slow
@given(texts)
@example("ssh-keys")
def test_no_text_of_others_becomes_markup(text: str) -> None:
    for name, page in PAGES.items():
        hostile = Page(page(text))
        assert harmless(name).elements == hostile.elements
        assert [] == hostile.others


@pytest.mark.slow
@every("text", TEXTS)
def test_every_text_is_shown_inert(text: str) -> None:
    for page in PAGES.values():
        assert any(printable(text).strip() in shown for shown in Page(page(text)).texts)


def test_a_page_loads_nothing_and_runs_its_own_script_alone() -> None:
    for page in PAGES.values():
        seen = Page(page("https://evil.example/"))
        names = {name for _, attributes in seen.elements for name in attributes}
        assert not {name for name in names if name.startswith("on")} | (names & {"src", "style", "action", "srcdoc"})
        assert ["data:,"] == seen.attributes["href"]
        policy = seen.attributes["content"][0]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy


@pytest.mark.slow
def test_a_plan_has_every_change_with_what_it_is_filtered_by() -> None:
    plan = many(500)
    seen = Page(plan_page([plan]))
    shown = [json.loads(text) for text in seen.attributes["data-action"]]
    assert [[str(change.action)] for change in plan.changes] == shown
    assert {'["odd"]'} == set(seen.attributes["data-findings"])


def test_a_page_of_several_environments_has_a_section_of_each_and_a_filter() -> None:
    first, second = many(3), replace(many(2), environment="other")
    text = plan_page([first, second])
    assert first.digest in text
    assert second.digest in text
    assert 5 == text.count("data-item data-")
    assert '<option value="other">' in text
    assert "Environment" not in plan_page([first])


def test_what_python_writes_beside_the_parts_of_a_page_is_no_part() -> None:
    py_compile.compile(html.__file__)
    html._environment.cache_clear()
    assert plan_page([many(1)])


def test_a_plan_without_changes_says_so() -> None:
    plan = replace(many(1), changes=(), guards=())
    assert "no changes" in plan_page([plan])


def test_what_is_due_suspended_stale_and_privileged_can_be_picked() -> None:
    fresh = row("b", is_active=True, last_used="2026-11-29", scopes=(), expires=None, rotate_due=None)
    gone = replace(fresh, standing=ClientStatus.GONE, is_active=False)  # nobody disabled it
    seen = Page(of_clients(row("a"), fresh, gone))
    assert ["privileged suspended stale due", "", ""] == seen.attributes["data-marks"]


def test_the_chart_counts_secrets_by_age_and_says_which_are_due() -> None:
    rows = [row("a"), row("b", rotate_due="2027-01-01T00:00:00Z"), row("c", rotate_due=None)]
    rows.append(row("d", secret_since="2026-11-20T00:00:00Z", rotate_due=None))
    text = of_clients(*rows)
    assert re.search(r"0 to 30 days: 1; .*over 365 days: 3; ", text)
    assert "3, 1 due" in text
    assert "Secrets by age" not in of_clients(row("e", secret_since=None))


def test_a_list_of_nothing_is_a_page() -> None:
    assert "<tbody>\n</tbody>" in of_clients()


def test_an_environment_that_is_down_is_named_on_the_page_of_the_others() -> None:
    failed = [("backup", "error: <no route>")]
    pages = [
        plan_page([many(1)], failed),
        drift_page([], failed),
        inventory_page([], tuple(COLUMNS), NOW, failed),
    ]
    for page in pages:
        assert "backup" in Page(page).texts
        assert ": error: <no route>" in Page(page).texts
