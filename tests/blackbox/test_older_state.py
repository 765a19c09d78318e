"""An older state that was put back is noticed before it writes anything (issue 11 number 5)."""

from __future__ import annotations

import json
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.blackbox.kit import Project

ADDRESS, OUTPUT = "team/app", "out/app.env"
ACCEPT = "--accept-older-state"


def _state(project: Project) -> Path:
    return project.root / ".iac/state.json"


def _note(project: Project) -> Path:
    (note,) = (project.root / ".iac").glob("*.outputs")
    return note


def _rotated(project: Project) -> str:
    """A project whose secret was rotated, and whose state from before was put back; the output as it was written."""
    project.define(ADDRESS, grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": OUTPUT}])
    project.done("apply", "--auto-approve")
    older = _state(project).read_bytes()
    before = project.read(OUTPUT)
    project.done("rotate", ADDRESS, "--auto-approve")
    written = project.read(OUTPUT)
    assert before != written
    for file in (project.root / ".iac").glob("state.json*"):
        file.unlink()
    _state(project).write_bytes(older)
    return written


@pytest.mark.parametrize("command", [("render",), ("apply", "--auto-approve"), ("rotate", ADDRESS, "--auto-approve")])
def test_an_older_state_writes_nothing_and_both_serials_are_named(project: Project, command: tuple[str, ...]) -> None:
    written = _rotated(project)
    before = _state(project).read_bytes()
    ended = project.iac(*command)
    serial = project.state()["serial"]
    assert 1 == ended.code
    assert (written, before) == (project.read(OUTPUT), _state(project).read_bytes())
    assert f"serial {serial}" in ended.err
    assert f"{OUTPUT} was written from serial {serial + 1}" in ended.err
    assert ACCEPT in ended.err


def test_what_writes_nothing_says_it_too(project: Project) -> None:
    _rotated(project)
    serial = project.state()["serial"]
    said = f"{OUTPUT} was written from serial {serial + 1}"
    ended = project.iac("render", "--check")
    assert (1, True) == (ended.code, said in ended.err), ended.text
    (finding,) = project.done("plan", "--format", "json").json()["findings"]
    assert ("older-state", "warning", True) == (finding["id"], finding["severity"], said in json.dumps(finding))
    checks = {check["id"]: check for check in project.iac("doctor", "--format", "json").json()["checks"]}
    assert ("error", True) == (checks["older-state"]["verdict"], said in checks["older-state"]["says"])
    assert 2 == project.iac("render", "--check", ACCEPT).code
    assert 1 == project.iac("render").code


def test_a_run_that_is_killed_between_two_outputs_leaves_a_note(project: Project) -> None:
    _rotated(project)
    note = project.json_file(".iac/" + _note(project).name)
    serial = project.state()["serial"]
    _note(project).write_text(json.dumps({**note, "outputs": {}, "begun": serial + 1}), encoding="utf-8")
    ended = project.iac("render")
    assert (1, True) == (ended.code, f"serial {serial + 1}" in ended.err), ended.text
    project.done("render", ACCEPT)
    assert "begun" not in project.json_file(".iac/" + _note(project).name)


def test_a_flag_goes_on_from_it_and_is_needed_once(project: Project) -> None:
    _rotated(project)
    project.done("render", ACCEPT)
    project.done("render")
    project.done("apply", "--auto-approve")


def test_apply_takes_the_flag_too(project: Project) -> None:
    _rotated(project)
    project.done("apply", "--auto-approve", ACCEPT)
    project.done("render")


def test_where_nothing_is_known_nothing_is_said(project: Project) -> None:
    _rotated(project)
    _note(project).unlink()
    project.done("render")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"outputs": 5}', "\udcff", '{"outputs": {"a": {"serial": "x"}}}'])
def test_a_note_that_is_damaged_is_as_if_there_were_none(project: Project, text: str) -> None:
    _rotated(project)
    _note(project).write_bytes(text.encode(errors="surrogateescape"))
    project.done("render")
    assert json.loads(_note(project).read_text(encoding="utf-8"))["outputs"]


def test_the_note_holds_no_secret_and_nobody_else_reads_it(project: Project) -> None:
    written = _rotated(project)
    text = _note(project).read_text(encoding="utf-8")
    assert 0o600 == stat.S_IMODE(_note(project).stat().st_mode)
    values = [line.partition("=")[2].strip("'\"") for line in written.splitlines() if "SECRET" in line]
    assert values
    assert [] == [value for value in values if value in text]


def test_a_run_after_another_is_never_refused(project: Project) -> None:
    project.define(ADDRESS, grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": OUTPUT}])
    for command in (("apply",), ("rotate", ADDRESS), ("apply",)):
        project.done(*command, "--auto-approve")
        project.done("render")
    project.define(ADDRESS, grant_types=["client_credentials"])
    project.done("apply", "--auto-approve")
    project.done("apply", "--auto-approve")


def _journal(project: Project, serial: int) -> bytes:
    import zlib

    state = project.state()
    body = json.dumps({"events": [], "lineage": state["lineage"], "run_id": "r", "serial": serial})[1:].encode()
    return b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body)


def _beside(project: Project, home: Path) -> str:
    del home
    file = project.root / ".iac/state.json.journal"
    file.write_bytes(_journal(project, project.state()["serial"] + 5))
    return ".iac/state.json.journal"


def _rescued(project: Project, home: Path) -> str:
    file = home / "iac-state-emergency-r.json.journal"
    file.write_bytes(_journal(project, project.state()["serial"] + 5))
    return str(file)


@pytest.mark.parametrize("put", [_beside, _rescued])
def test_a_journal_of_this_machine_that_names_a_newer_state_is_named(
    project: Project, tmp_path: Path, put: Callable[[Project, Path], str]
) -> None:
    project.define(ADDRESS, grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": OUTPUT}])
    project.done("apply", "--auto-approve")
    env: dict[str, Any] = {"TMPDIR": str(tmp_path)}
    file = put(project, tmp_path)
    ended = project.iac("render", env=env)
    assert 1 == ended.code
    assert f"{file} names serial {project.state()['serial'] + 5}" in ended.err


def test_a_copy_of_another_state_says_nothing(project: Project, tmp_path: Path) -> None:
    project.define(ADDRESS, grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": OUTPUT}])
    project.done("apply", "--auto-approve")
    other = {**project.state(), "lineage": "another", "serial": 99}
    (tmp_path / "iac-state-emergency-x.json").write_text(json.dumps(other), encoding="utf-8")
    (tmp_path / "iac-state-emergency-y.json").write_text("{", encoding="utf-8")
    shutil.copy(tmp_path / "iac-state-emergency-x.json", tmp_path / "iac-state-emergency-z.json.journal")
    project.done("render", env={"TMPDIR": str(tmp_path)})
