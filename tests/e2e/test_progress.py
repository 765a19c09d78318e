"""How far a run is, as its log and its terminal say it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iac.cli.context import CommandContext
from iac.sandbox.fault import Fault, FaultKind
from iac.wiring import open_state
from tests.e2e.gate import held, wait_until
from tests.e2e.test_interrupt import CREATE, _define_six, _running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import Project

APPLY = ("apply", "--auto-approve", "--parallelism", "1")


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_a_log_that_tells_how_far_it_was(project: Project, tmp_path: Path) -> None:
    _define_six(project)
    log = tmp_path / "log"
    project.sandbox.faults.add(
        Fault(kind=FaultKind.DELAY, method="POST", path="/iam/api/clients", seconds=0.3, times=9)
    )
    with log.open("w") as file:
        command = [sys.executable, "-m", "iac", "-C", str(project.root), *APPLY]
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: log.read_text().count("create done") >= 2)
        finally:
            process.kill()
            process.wait()
    done = [line for line in log.read_text().splitlines() if line.endswith("create done")]
    assert ["+ six/c0 (six-c0): create done", "+ six/c1 (six-c1): create done"] == done[:2]
    assert "Apply:" not in log.read_text()


@pytest.mark.slow
def test_a_terminal_has_one_live_line_and_keeps_no_trace_of_it(project: Project) -> None:
    _define_six(project)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "iac", "-C", str(project.root), *APPLY]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=env) as process:
        out, _ = process.communicate(timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert 6 == out.decode().count("create done")
    assert "5 of 6 clients done, 1 in flight" in shown
    assert "6 outputs delivered" in shown
    last = shown.replace("\r\n", "\n").rpartition("\n")[2] or shown
    assert "\x1b[K" in last
    assert max(len(part) for part in shown.split("\r\x1b[K")) < 120


def test_who_holds_the_lock_is_said_before_it_is_waited_for(project: Project) -> None:
    session = open_state(CommandContext(str(project.root)))
    with session.backend.lock(session.holder(), timeout=0):
        ended = project.iac("apply", "--auto-approve", "--lock-timeout", "1")
    assert ended.code == 6
    assert f"waiting up to 1 s for the lock: run {session.run_id} of " in ended.err
    assert "waiting" not in project.iac("apply", "--auto-approve", "--lock-timeout", "1").err


def test_a_server_that_asks_for_patience_is_named(project: Project) -> None:
    project.sandbox.faults.add(
        Fault(kind=FaultKind.STATUS, method="GET", path="/iam/api/clients*", status=503, times=1)
    )
    assert "answers 503: asked again in" in project.apply().err


def test_json_stays_one_document_and_lines_go_to_stderr(project: Project) -> None:
    ended = project.apply("--format", "json")
    assert 1 == len(ended.json()["done"])
    assert "+ team/portal (team-portal): create done\n  out/portal.env: written\n" == ended.err
    verified = project.iac("verify", "--format", "json")
    assert verified.json()["clients"]
    assert verified.err.startswith("  + team/portal: ")
    rendered = project.iac("render", "--format", "json")
    assert 1 == len(rendered.json()["outputs"])
    assert "unchanged  out/portal.env" in rendered.err
    assert "" == project.iac("-q", "render", "--format", "json").err


@pytest.mark.slow
def test_a_signal_finds_the_lines_of_what_was_done(project: Project) -> None:
    _define_six(project)
    with held(project.sandbox, *CREATE) as gate, _running(project, *APPLY) as process:
        gate.wait_for(1)
        process.terminate()
        gate.open()
        out, err = process.communicate(timeout=60)
    assert "+ six/c0 (six-c0): create done" in out
    assert "nothing new is sent" in err
