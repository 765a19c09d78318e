"""What `make release-check` refuses; `make live-wheel` runs it whole."""

from __future__ import annotations

from datetime import date

import pytest

import iac
from tests.packaging.release import ROOT, NotReady, tag_is_free, version_with_notes

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("version", "changelog", "missing"),
    [
        ("0.2.0.dev1", "## 0.2.0.dev1 (2026-11-30)", "not MAJOR.MINOR.PATCH"),
        ("0.2.0", "# Changelog\n", "is missing. Name it `## 0.2.0 (2026-11-30)`"),
        ("0.2.0", "## Unreleased\n\n## 0.2.0 (2026-11-30)\n", "is Unreleased"),
        ("0.2.0", "## 0.1.0 (2026-11-01)\n", "is 0.1.0"),
        ("0.2.0", "## 0.2.0\n", "has no date up to today"),
        ("0.2.0", "## 0.2.0 (2026-12-01)\n", "has no date up to today"),
    ],
)
def test_a_version_without_its_number_or_date_is_not_released(version: str, changelog: str, missing: str) -> None:
    with pytest.raises(NotReady) as raised:
        version_with_notes(version, changelog, TODAY)
    assert missing in str(raised.value)


def test_a_dated_first_section_is_released() -> None:
    version_with_notes("0.2.0", "# Changelog\n\n## 0.2.0 (2026-11-30)\n\n## 0.1.0\n", TODAY)


def test_a_tag_of_another_commit_is_refused_and_its_own_is_not() -> None:
    tag_is_free("0.2.0", {"v0.1.0": "a" * 40, "v0.2.0": "b" * 40}, "b" * 40)
    with pytest.raises(NotReady, match=r"v0\.2\.0 exists, at aaaaaaaaaa"):
        tag_is_free("0.2.0", {"v0.2.0": "a" * 40}, "b" * 40)


def test_the_changelog_names_this_version() -> None:
    assert f"\n## {iac.__version__} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
