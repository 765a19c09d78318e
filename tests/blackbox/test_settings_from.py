"""`--settings-from`: settings are compared by value, however long they are, and the base's are used."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from pyrage import x25519

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

CLIENT = {"redirect_uris": ["https://portal.example.org/cb"]}
BASE = "../base/iac.yaml"
KEYS = [str(x25519.Identity.generate().to_public()) for _ in range(3)]


def keep_as_base(project: Project) -> None:
    (project.root.parent / "base").mkdir(exist_ok=True)
    shutil.copy(project.root / "iac.yaml", project.root.parent / "base/iac.yaml")
    shutil.copytree(project.root / ".iac", project.root.parent / "base/.iac", dirs_exist_ok=True)


@pytest.fixture
def based(project: Project) -> Project:
    """A project whose iac.yaml names three recipients of the state and long values, and a copy of it as the base."""
    project.define("team/portal", **CLIENT)
    project.edit("iac.yaml", "recipients: [", f"recipients: [{KEYS[0]}, {KEYS[1]}, ")
    project.write(
        "iac.yaml",
        project.read("iac.yaml")
        + f"scopes: [{', '.join(f'scope-{number}' for number in range(30))}]\n"
        + f"sinks: {{vault: {{kind: age, recipients: [{KEYS[0]}, {KEYS[1]}]}}}}\n",
    )
    keep_as_base(project)
    return project


def test_the_same_settings_are_no_change(based: Project) -> None:
    assert "settings-changed" not in based.done("plan", "--settings-from", BASE).text


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (f"recipients: [{KEYS[0]}, {KEYS[1]}, ", f"recipients: [{KEYS[0]}, {KEYS[1]}, {KEYS[2]}, ", "state.encryption"),
        (f"[{KEYS[0]}, {KEYS[1]}]", f"[{KEYS[0]}, {KEYS[1]}, {KEYS[2]}]", "sinks.vault.recipients"),
        ("scope-29]", "scope-29, scope-evil]", "scopes"),
    ],
    ids=["state", "sink", "scopes"],
)
def test_what_is_added_at_the_end_of_a_long_value_is_a_change_that_is_shown(
    based: Project, old: str, new: str, key: str
) -> None:
    based.edit("iac.yaml", old, new)
    for command in (["plan"], ["validate"]):
        said = based.iac(*command, "--settings-from", BASE)
        lines = [line for line in said.text.splitlines() if "settings-changed" in line or f"{key}" in line]
        (line,) = [line for line in lines if f" {key}" in line]
        added = KEYS[2] if KEYS[2] in new else "scope-evil"
        assert added[:20] in line


@pytest.mark.parametrize(
    ("here", "there"), [("timeout: 30\n", ""), ("", "timeout: 30\n"), ("proxy: none\n", ""), ("limits: {}\n", "")]
)
def test_a_setting_that_is_only_on_one_side_is_a_change(based: Project, here: str, there: str) -> None:
    text = based.read("iac.yaml")
    based.write("iac.yaml", text + there)
    keep_as_base(based)
    based.write("iac.yaml", text + here)
    assert "settings-changed" in based.iac("validate", "--settings-from", BASE).text


def test_a_recipient_of_the_pull_request_gets_no_secret(based: Project) -> None:
    based.edit("iac.yaml", f"recipients: [{KEYS[0]}, {KEYS[1]}, ", f"recipients: [{KEYS[0]}, {KEYS[1]}, {KEYS[2]}, ")
    told = based.iac("plan", "--settings-from", BASE, "--format", "json").json()
    (change,) = told["changes"]
    assert KEYS[2] not in change["recipients"]["after"]
    assert {KEYS[0], KEYS[1]} < set(change["recipients"]["after"])
