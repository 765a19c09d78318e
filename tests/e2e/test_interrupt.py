"""Ctrl-C, SIGTERM and closed streams, with `iac` as a process of its own: it ends orderly, and the next run goes on."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pytest

from tests.e2e.gate import held, wait_until
from tests.e2e.project import heed_ctrl_c
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.project import Project

FILE = "clients.d/team/portal.yaml"
CREATE = ("POST", "/iam/api/clients")
SECONDS = 30


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _command(project: Project, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "iac", "-C", str(project.root), *arguments]


def _iac(
    project: Project, *arguments: str, stdin: int = subprocess.DEVNULL, stdout: int | IO[str] = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(project, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def _running(project: Project, *arguments: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        _command(project, *arguments),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509  # nothing but a system call
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _creates(project: Project) -> int:
    return sum((method, path) == CREATE for method, path, _ in project.sandbox.log)


def _define_six(project: Project) -> None:
    for number in range(6):
        project.define(
            f"six/c{number}",
            grant_types=["client_credentials"],
            outputs=[{"template": "json", "path": f"out/c{number}.json"}],
        )
    (project.root / FILE).unlink()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_an_apply_ends_it_orderly_and_the_next_run_does_the_rest(
    project: Project, sign: signal.Signals
) -> None:
    """failures.md 20: what is in flight is finished, nothing new is sent, exit 130."""
    _define_six(project)
    arguments = ("apply", "--auto-approve", "--parallelism", "2", "--format", "json")
    with held(project.sandbox, *CREATE) as gate, _running(project, *arguments) as process:
        gate.wait_for(2)
        process.send_signal(sign)
        process.send_signal(sign)
        assert process.stderr is not None
        said = process.stderr.readline()
        gate.open()
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert said == "interrupted: what is in flight is finished, nothing new is sent\n"
    report = json.loads(out)
    assert sorted(f"+ {made['address']} ({made['client_id']}): create done" for made in report["done"]) == sorted(
        line for line in err.splitlines() if line.startswith("+")
    )
    done, left = len(report["done"]), len(report["not_tried"])
    assert (True, False) == (report["interrupted"], report["complete"])
    assert (2, 4, 0) == (done, left, len(report["failed"]))
    assert _creates(project) == done
    plan = project.iac("plan", "--format", "json").json()
    assert [entry["address"] for entry in report["not_tried"]] == [change["address"] for change in plan["changes"]]
    assert project.apply().code == 0
    assert _creates(project) == 6
    for number in range(6):
        rendered = json.loads(project.read(f"out/c{number}.json"))
        assert logs_in(project.sandbox.iam, rendered["client_id"], rendered["client_secret"])
    assert project.iac("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [("plan",), ("apply", "--auto-approve"), ("whoami",)])
def test_a_signal_while_reading_ends_at_once_and_changes_nothing(
    project: Project, command: tuple[str, ...], sign: signal.Signals
) -> None:
    before = project.read(".iac/state.json")
    with held(project.sandbox, "POST", "/token") as gate, _running(project, *command) as process:
        gate.wait_for(1)
        process.send_signal(sign)
        out, err = process.communicate(timeout=SECONDS)
    assert (130, "", "interrupted") == (process.returncode, out, err.strip())
    assert before == project.read(".iac/state.json")
    assert project.apply().code == 0


def test_a_killed_apply_is_ended_by_the_next_run(project: Project) -> None:
    """failures.md 5: no second client, no lost secret."""
    _define_six(project)
    with held(project.sandbox, *CREATE, skip=2) as gate:
        with _running(project, "apply", "--auto-approve", "--parallelism", "2") as process:
            gate.wait_for(2)
            process.kill()
            process.communicate(timeout=SECONDS)
        gate.open()
        wait_until(lambda: _creates(project) == 4)
    plan = project.iac("plan")
    assert "interrupted six/c" in plan.out
    secrets = {c.client_id: c.client_secret for c in project.sandbox.iam.world.store.clients() if c.client_name}
    said = project.apply()
    assert (0, "") == (said.code, said.err)
    for number in range(6):
        rendered = json.loads(project.read(f"out/c{number}.json"))
        assert logs_in(project.sandbox.iam, rendered["client_id"], rendered["client_secret"])
        assert rendered["client_secret"] == secrets.get(rendered["client_id"], rendered["client_secret"])
    names = [client.client_name for client in project.sandbox.iam.world.store.clients()]
    assert [1] * 6 == [names.count(f"Client six/c{number}") for number in range(6)]


def test_the_lock_of_a_running_apply_is_named_and_planning_goes_on(project: Project) -> None:
    """failures.md 20: who holds it, and since when."""
    with held(project.sandbox, *CREATE) as gate, _running(project, "apply", "--auto-approve") as process:
        gate.wait_for(1)
        refused = project.apply()
        assert refused.code == 6
        assert f"pid {process.pid}" in refused.err
        assert "fix: wait for that run" in refused.err
        planned = project.iac("plan")
        assert planned.code == 0
        assert "has locked the state since" in planned.err
        assert "state unlock" not in planned.err  # it refuses while the run is alive, and needs no unlocking after that
        examined = project.iac("doctor").out
        assert "lock          held since" in examined
        assert "or end its process: then the lock is free" in examined
        assert "an interrupted run" not in examined
        threading.Timer(0.3, gate.open).start()
        waited = project.apply("--lock-timeout", str(SECONDS))
        process.communicate(timeout=SECONDS)
    assert (0, 0) == (process.returncode, waited.code)
    assert "no changes" in waited.out


def _at_the_prompt(project: Project, answer: bytes, *arguments: str) -> tuple[int, str, str]:
    """Run apply at a terminal, answer when it asks; SIGINT for an empty answer."""
    ours, theirs = pty.openpty()
    try:
        with _running(project, "apply", *arguments, stdin=theirs) as process:
            assert process.stderr is not None
            said = ""
            while not said.endswith("[y/N]: "):
                said += process.stderr.read(1)
            if answer:
                os.write(ours, answer)
            else:
                time.sleep(0.3)  # it has to wait for an answer by now
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=SECONDS)
        return process.returncode, out, said + err
    finally:
        os.close(ours)
        os.close(theirs)


def test_answering_n_sends_nothing(project: Project) -> None:
    before = project.read(".iac/state.json")
    code, out, err = _at_the_prompt(project, b"n\n")
    assert code == 1
    assert "1 to create" in out
    assert "Apply cancelled. Nothing was sent." in err
    assert (0, before) == (_creates(project), project.read(".iac/state.json"))


def test_answering_y_applies_and_the_plan_is_seen_before_even_when_the_report_is_json(project: Project) -> None:
    code, out, err = _at_the_prompt(project, b"y\n", "--format", "json")
    assert code == 0
    assert "1 to create" in err
    assert json.loads(out)["complete"] is True
    assert _creates(project) == 1


def test_ctrl_c_at_the_prompt_sends_nothing(project: Project) -> None:
    code, _, err = _at_the_prompt(project, b"")
    assert (130, 0) == (code, _creates(project))
    assert err.endswith("interrupted\n")


def test_off_a_terminal_nothing_is_asked_and_nothing_sent(project: Project) -> None:
    said = _iac(project, "apply")
    assert (64, 0) == (said.returncode, _creates(project))
    assert "give --auto-approve, a saved PLAN or --expect-plan DIGEST" in said.stderr


@pytest.mark.parametrize("command", [("plan",), ("plan", "--format", "json"), ("state", "list"), ("--help",)])
def test_a_reader_that_goes_away_is_no_fault(project: Project, command: tuple[str, ...]) -> None:
    """`iac plan | head`."""
    assert project.apply().code == 0
    read, write = os.pipe()
    os.close(read)
    try:
        said = _iac(project, *command, stdout=write)
    finally:
        os.close(write)
    assert (1, "") == (said.returncode, said.stderr)


def test_a_plan_that_nobody_can_read_is_not_applied(project: Project) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        said = _iac(project, "apply", "--auto-approve", stdout=write)
    finally:
        os.close(write)
    assert (1, 0) == (said.returncode, _creates(project))


def test_a_full_disk_behind_stdout_is_said(project: Project) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  # a device, not a file of ours
        said = _iac(project, "plan", stdout=full)
    assert said.returncode == 1
    assert "error: the operating system refuses\n  No space left on device" in said.stderr


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_no_fault(project: Project, stream: str) -> None:
    number = {"stdin": 0, "stdout": 1, "stderr": 2}[stream]
    script = f'exec {number}<&-; exec "$@"'  # fmt: skip
    command = ["sh", "-c", script, "sh", *_command(project, "apply", "--auto-approve")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (0, "") == (said.returncode, said.stderr)
    assert "no changes" in project.iac("plan").out


def test_with_stdin_closed_nothing_is_asked(project: Project) -> None:
    command = ["sh", "-c", 'exec 0<&-; exec "$@"', "sh", *_command(project, "apply")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert said.returncode == 64
    assert "not on a terminal" in said.stderr


LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("view", ["text", "json"])
def test_names_that_the_locale_cannot_write_are_escaped(project: Project, locale: str, view: str) -> None:
    project.define("team/rome", client_name="Ünïcödé 漢字", grant_types=["client_credentials"])
    said = subprocess.run(
        _command(project, "plan", "--format", view),
        env={**os.environ, **LOCALES[locale]},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert (0, b"") == (said.returncode, said.stderr)
    if view == "json":
        assert "Ünïcödé 漢字" in [change["client_name"] for change in json.loads(said.stdout)["changes"]]


@pytest.mark.parametrize(
    ("arguments", "environment", "is_colourful"),
    [((), {}, True), ((), {"NO_COLOR": "1"}, False), (("--no-color",), {}, False)],
)
def test_colour_is_for_terminals_that_want_it(
    project: Project, arguments: tuple[str, ...], environment: dict[str, str], *, is_colourful: bool
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "iac", "-C", str(project.root), *arguments, "plan"]
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    said = subprocess.run(command, env={**kept, **environment}, stdout=theirs, timeout=SECONDS, check=False)
    os.close(theirs)
    shown = os.read(ours, 1 << 16)
    os.close(ours)
    assert said.returncode == 0
    assert (b"\x1b[" in shown) is is_colourful
