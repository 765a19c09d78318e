"""Pages in a real browser: they load nothing, no text of others runs, they sort and filter, axe finds nothing serious.

Debian's Chromium by playwright; `IAC_TEST_AXE` names axe-core's axe.min.js (`make live-pages` installs the three).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.core.inventory import COLUMNS
from iac.views.html import drift_page, inventory_page, plan_page
from tests.views.given import CASES, plan_of
from tests.views.hostile import TEXTS, everywhere, many
from tests.views.test_html import NOW, drifted, inventory, row

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.live, pytest.mark.slow]
PHONE: Any = {"width": 390, "height": 844}
DESK: Any = {"width": 1280, "height": 900}
SCHEMES: Any = ("light", "dark")
SHOTS = os.environ.get("IAC_TEST_SCREENSHOTS")


def hostile_pages() -> dict[str, str]:
    rows = [row(f"{number} {text}") for number, text in enumerate(TEXTS)]
    return {
        "plan": plan_page([many(40), replace(everywhere("`<b>x</b>`"), environment="other")]),
        "drift": drift_page([drifted("".join(TEXTS[7:9]))]),
        "list": inventory_page([inventory(*rows)], tuple(COLUMNS), NOW),
    }


def usual_pages() -> dict[str, str]:
    """The pages that docs show: a few clients with ordinary names."""
    people, used = ("ops@example.org", "rucio@example.org", "dirac@example.org"), ("2026-11-28", "2026-03-02")
    rows = [
        row(
            f"wlcg/{name}", client_id=name, name=f"{name.title()} service", is_active=number != 4,
            method="client_secret_basic",
            grants=("client_credentials",),
            scopes=("openid", "scim:read" if number % 3 == 1 else "storage.read:/"),
            contacts=(people[number % 3],), owners=(), created="2025-09-10T12:00:00Z", last_used=used[number == 3],
            expires=None, secret="stored", secret_since=f"2026-{number + 2:02}-01T00:00:00Z",
            outputs=(f"out/{name}.env",),
            rotate_due=f"2026-{number + 8:02}-01T00:00:00Z" if number < 5 else None,
        )
        for number, name in enumerate(("rucio", "fts", "dirac", "monitoring", "old-portal", "panda", "crab", "pilot"))
    ]  # fmt: skip
    case = json.loads((CASES / "page-plan" / "given.json").read_text(encoding="utf-8"))
    return {
        "usual-plan": plan_page([plan_of(case)]),
        "usual-list": inventory_page([inventory(*rows)], tuple(COLUMNS), NOW),
    }


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # installed by `make live-pages`

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=which("chromium"),
            args=["--no-sandbox", "--disable-gpu"],
            env={**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))},
        )
        yield found
        found.close()


@pytest.fixture
def requests() -> list[str]:
    return []


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, requests: list[str], complaints: list[str]) -> Iterator[Page]:
    opened = browser.new_page(viewport=DESK)
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield opened
    opened.close()


def load(page: Page, folder: Path, text: str) -> Page:
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("name", ["plan", "drift", "list"])
def test_hostile_names_are_inert_and_nothing_is_loaded(
    name: str, page: Page, requests: list[str], complaints: list[str], tmp_path: Path
) -> None:
    load(page, tmp_path, hostile_pages()[name])
    page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true })")
    assert [(tmp_path / "page.html").as_uri()] == [url for url in requests if not url.startswith("data:")]
    assert [] == complaints


@pytest.mark.parametrize("name", ["plan", "drift", "list"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(name: str, scheme: Any, browser: Browser, tmp_path: Path) -> None:
    # axe is no part of the page, so its policy is set aside here.
    context = browser.new_context(bypass_csp=True, color_scheme=scheme, viewport=DESK)
    page = load(context.new_page(), tmp_path, hostile_pages()[name])
    page.add_script_tag(path=os.environ["IAC_TEST_AXE"])
    found = page.evaluate("axe.run().then((result) => result.violations)")
    serious = [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in {"serious", "critical"}]
    context.close()
    assert [] == serious


def test_a_plan_filters_and_unfolds(page: Page, tmp_path: Path) -> None:
    load(page, tmp_path, hostile_pages()["plan"])
    items = page.locator("[data-item]:visible")
    assert 47 == items.count()
    page.get_by_label("Action").select_option("delete")
    assert {"delete"} == {items.nth(index).locator(".badge").first.text_content() for index in range(items.count())}
    page.get_by_label("Action").select_option("")
    page.get_by_label("Environment").select_option("other")
    assert 7 == items.count()
    page.get_by_label("Environment").select_option("")
    page.get_by_label("Search").fill("TEAM/APP-39")
    assert 1 == items.count()
    page.get_by_role("button", name="Unfold all").click()
    assert items.first.locator("table").is_visible()
    assert "1 of 47" in page.locator("[data-count]").inner_text()


def test_a_list_sorts_by_keyboard_and_filters(page: Page, tmp_path: Path) -> None:
    rows = [row(f"client-{number}") for number in (10, 9, 2)] + [row("quiet", is_active=True, scopes=(), contacts=())]
    load(page, tmp_path, inventory_page([inventory(*rows)], tuple(COLUMNS), NOW))
    first = page.locator("[data-item] td:first-child")
    head = page.get_by_role("button", name="address", exact=True)
    head.press("Enter")
    assert ["client-2", "client-9", "client-10", "quiet"] == first.all_inner_texts()
    head.press("Enter")
    assert ["quiet", "client-10", "client-9", "client-2"] == first.all_inner_texts()
    page.get_by_label("suspended").check()
    assert 3 == page.locator("[data-item]:visible").count()
    page.get_by_label("Owner or contact").select_option("client-9")
    assert 1 == page.locator("[data-item]:visible").count()


def test_a_phone_scrolls_no_page_sideways(browser: Browser, tmp_path: Path) -> None:
    for name, text in hostile_pages().items():
        page = load(browser.new_page(viewport=PHONE), tmp_path, text)
        page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        page.close()


def test_2000_clients_are_shown(page: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(f"team/client-{number}") for number in range(2000)]
    texts = {"plan": plan_page([many(2000, "x")]), "list": inventory_page([inventory(*rows)], tuple(COLUMNS), NOW)}
    for name, text in texts.items():
        load(page, tmp_path, text)
        assert 2000 == page.locator("[data-item]").count()
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        with capsys.disabled():
            sys.stdout.write(f"{name} of 2,000 clients: {len(text) // 1024:,} KB, first sight after {painted:.0f} ms\n")


@pytest.mark.skipif(not SHOTS, reason="asked for by IAC_TEST_SCREENSHOTS=FOLDER")
def test_screenshots(browser: Browser, tmp_path: Path) -> None:
    for name, text in {**hostile_pages(), **usual_pages()}.items():
        for size, viewport in (("desk", DESK), ("phone", PHONE)):
            for scheme in SCHEMES:
                context = browser.new_context(viewport=viewport, color_scheme=scheme)
                page = load(context.new_page(), tmp_path, text)
                page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true })")
                page.screenshot(path=f"{SHOTS}/{name}-{size}-{scheme}.png", full_page=False)
                context.close()
