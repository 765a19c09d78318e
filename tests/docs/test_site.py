"""The site of docs/ has what the forge shows, loads nothing from elsewhere, and is not built with a mistake."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import cmarkgfm
import pytest

from tests.docs.site import FORGE, SiteError, build
from tests.every import every

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page.relative_to(DOCS) for page in DOCS.rglob("*.md"))
SETTINGS = (
    '[project]\nsite_name = "iac"\ndocs_dir = ".site/docs"\nsite_dir = ".site/html"\nnav = ["README.md", "a.md"]\n'
)
SMALL = {"README.md": "# Start\n\n[a](a.md#part), [install](../SETUP.md#install)\n", "a.md": "# A\n\n## Part\n"}
BLOCKS = ("li", "table", "tr", "pre", "h1", "h2", "h3", "blockquote")


def project(folder: Path, **changes: str | None) -> Path:
    """A folder with a small docs/; a page of None is not there."""
    (folder / "docs").mkdir()
    (folder / "zensical.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "SETUP.md").write_text("# Install\n", encoding="utf-8")
    for name, text in {**SMALL, **{f"{name}.md": text for name, text in changes.items()}}.items():
        if text is not None:
            (folder / "docs" / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this project, built in a copy."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, root / "docs")
    for name in ("zensical.toml", "README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, root)
    return build(root)


def shown(site: Path, page: Path) -> str:
    """What the site shows of a page, without its frame."""
    folder = page.parent if page.name == "README.md" else page.with_suffix("")
    whole = (site / folder / "index.html").read_text(encoding="utf-8")
    return whole.partition("<article")[2].partition("</article>")[0]


def counted(html: str) -> Counter[str]:
    """The blocks of a page; lines of code are not looked into."""
    outside = re.sub(r"<pre[\s>].*?</pre>", "<pre>", html, flags=re.DOTALL)
    return Counter(re.findall(rf"<({'|'.join(BLOCKS)})[\s>]", outside))


@pytest.mark.slow
def test_a_page_has_the_lists_tables_and_code_that_the_forge_shows(site: Path) -> None:
    forge = {
        page: cmarkgfm.github_flavored_markdown_to_html((DOCS / page).read_text(encoding="utf-8")) for page in PAGES
    }
    differ = {str(page): (counted(forge[page]), counted(shown(site, page))) for page in PAGES}
    assert {} == {page: counts for page, counts in differ.items() if counts[0] != counts[1]}, "indent lists by four"


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in PAGES:
        folder = page.parent if page.name == "README.md" else page.with_suffix("")
        whole = (site / folder / "index.html").read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*\bsrc="([^"]*)"', whole)
        loaded += re.findall(r'<link[^>]*rel="(?:stylesheet|preconnect|preload|icon)"[^>]*href="([^"]*)"', whole)
        assert [] == [address for address in loaded if "//" in address]


@pytest.mark.slow
def test_links_to_files_outside_of_docs_lead_to_the_forge(tmp_path: Path) -> None:
    assert f'href="{FORGE}/SETUP.md#install"' in shown(build(project(tmp_path)), Path("README.md"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"a": "# A\n\n## Part\n\n[x](nowhere.md)\n"}, "page does not exist"),
        ({"a": "# A\n\n## Part\n\n[x](README.md#nowhere)\n"}, "anchor does not exist"),
    ],
    ids=["a page", "a heading"],
)
def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, changes: dict[str, str | None], said: str) -> None:
    with pytest.raises(SiteError, match=said):
        build(project(tmp_path, **changes))


def test_an_orphan_and_a_missing_page_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SiteError) as refused:
        build(project(tmp_path, orphan="# Nobody leads here\n", a=None))
    expected = [
        "docs/orphan.md is not in nav of zensical.toml",
        "nav of zensical.toml names a page that is not there: a.md",
    ]
    assert expected == str(refused.value).splitlines()


def slugs(page: Path) -> set[str]:
    """The anchors that the forge gives to the headings of a page."""
    html = cmarkgfm.github_flavored_markdown_to_html(page.read_text(encoding="utf-8"))
    heads = (re.sub(r"<[^>]+>", "", head) for head in re.findall(r"<h\d>(.*?)</h\d>", html, re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


ANCHORS = [
    (page, path, anchor)
    for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    for path, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
]


@every("page, path, anchor", ANCHORS)
def test_each_anchor_is_a_heading(page: Path, path: str, anchor: str) -> None:
    assert anchor in slugs((page.parent / path).resolve() if path else page)
