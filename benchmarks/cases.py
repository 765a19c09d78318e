"""What is measured, against which floor, and what the ratio (or the memory) should be at most."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.bench import CREATING, READING, Bench, WrongResultError
from benchmarks.floors.bare import open_client
from benchmarks.floors.change_clients import change
from benchmarks.floors.create_clients import create
from benchmarks.floors.list_clients import read_all
from benchmarks.measure import Pair, timed
from benchmarks.process import IAC, PYTHON, cpu_seconds, peak_mb, seconds
from benchmarks.project import Project, answers, bodies, redescribed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from iac.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the table.

    Attributes:
        what: the work, {n} standing for the number of clients.
        target: the ratio at most, or MB at most; None for a row that is only told.
        unit: s or MB.
        factor: how many clients for one of --size.
        needs_server: it talks to an IAM.
    """

    name: str
    what: str
    open: Callable[[Bench], AbstractContextManager[Pair]]
    target: float | None = None
    unit: str = "s"
    factor: int = 1
    needs_server: bool = True


@contextmanager
def _plan(bench: Bench) -> Iterator[Pair]:
    from iac.core.plan.make import make_plan
    from iac.workflow.registrations import RegistrationReader

    project = bench.estate()
    with project.open(READING) as session, open_client(bench.issuer, READING, project.environ) as client:
        options, state = session.options(), session.backend.load()

        def plan() -> None:
            made = make_plan(
                session.desired, state, RegistrationReader(session, session.ledger(state)).actual(options), options
            )
            _expect(bench.size, made.no_op)

        yield Pair(lambda: timed(plan), lambda: timed(lambda: read_all(client, READING)))


@contextmanager
def _plan_process(bench: Bench) -> Iterator[Pair]:
    project = bench.estate()
    command = project.command("plan", "--detailed-exitcode")
    floor = _floor("list_clients", bench.issuer, str(READING))
    yield Pair(lambda: seconds(command, project.environ), lambda: seconds(floor, project.environ))


@contextmanager
def _plan_memory(bench: Bench) -> Iterator[Pair]:
    project = bench.estate()
    command = project.command("plan", "--detailed-exitcode")
    floor = _floor("list_clients", bench.issuer, str(READING))
    yield Pair(lambda: peak_mb(command, project.environ), lambda: peak_mb(floor, project.environ))


@contextmanager
def _change(bench: Bench) -> Iterator[Pair]:
    project, some = bench.estate(), _part(bench)
    changed = project.client_ids[:some]
    with project.open(READING) as session, open_client(bench.issuer, READING, project.environ) as client:

        def ours() -> float:
            text = bench.new_text()
            project.describe(range(some), text)
            return _apply(redescribed(session, some, text), some)

        yield Pair(ours, lambda: timed(lambda: change(client, changed, _policy(bench), READING)))


@contextmanager
def _change_process(bench: Bench) -> Iterator[Pair]:
    project, some = bench.estate(), _part(bench)
    ids = bench.root / "changed"
    ids.write_text("\n".join(project.client_ids[:some]), encoding="utf-8")

    def ours() -> float:
        project.describe(range(some), bench.new_text())
        return seconds(project.command("apply", "--auto-approve"), project.environ)

    def floor() -> float:
        command = _floor("change_clients", bench.issuer, str(READING), str(ids), _policy(bench))
        return seconds(command, project.environ)

    yield Pair(ours, floor)


@contextmanager
def _create(bench: Bench) -> Iterator[Pair]:
    project = bench.project("new", bench.size)

    def ours() -> float:
        project.forget()
        with project.open(CREATING) as session:
            spent = _apply(session, bench.size)
        bench.remove(project)
        return spent

    with project.open(CREATING) as session:
        sent = bodies(session)
    with open_client(bench.issuer, CREATING, project.environ) as client:

        def floor() -> float:
            spent = timed(lambda: create(client, sent, CREATING))
            bench.remove(project)
            return spent

        yield Pair(ours, floor)


@contextmanager
def _create_process(bench: Bench) -> Iterator[Pair]:
    project = bench.project("new", bench.size)
    file = bench.root / "bodies.json"
    with project.open(CREATING) as session:
        file.write_text(json.dumps(bodies(session)), encoding="utf-8")
    floor = _floor("create_clients", bench.issuer, str(CREATING), str(file))
    command = project.command("apply", "--auto-approve", "--parallelism", str(CREATING))

    def once(process: list[str]) -> float:
        project.forget()
        spent = seconds(process, project.environ)
        bench.remove(project)
        return spent

    yield Pair(lambda: once(command), lambda: once(floor))


@contextmanager
def _git(bench: Bench) -> Iterator[Pair]:
    """One change in each, so that what differs is where the state is."""
    in_git, in_file = bench.estate("git"), bench.estate()

    def apply(project: Project) -> float:
        project.describe(range(1), bench.new_text())
        return seconds(project.command("apply", "--auto-approve"), project.environ)

    yield Pair(lambda: apply(in_git), lambda: apply(in_file))
    bench.remove(in_git)


@contextmanager
def _validate(bench: Bench) -> Iterator[Pair]:
    project = bench.project("offline", bench.size)
    floor = _floor("parse_files", str(project.root / "clients.d"))
    command = project.command("validate")
    yield Pair(lambda: seconds(command, project.environ), lambda: seconds(floor, project.environ))


@contextmanager
def _formatted(bench: Bench) -> Iterator[Pair]:
    """Canonical files: what there is to do is to see that nothing is."""
    project = bench.project("offline", bench.size)
    project.iac("fmt")
    floor = _floor("parse_files", str(project.root / "clients.d"))
    command = project.command("fmt", "--check")
    yield Pair(lambda: seconds(command, project.environ), lambda: seconds(floor, project.environ))


@contextmanager
def _import(bench: Bench) -> Iterator[Pair]:
    """CPU time, for each file that is written waits for the disk. The floor parses the same definitions once."""
    project = bench.project("import", 0)
    source, folder = bench.root / "answers.json", project.root / "clients.d"
    source.write_text(json.dumps(answers(bench.size)), encoding="utf-8")
    command = project.command("import", "--from", str(source))

    def ours() -> float:
        shutil.rmtree(folder, ignore_errors=True)
        return cpu_seconds(command, project.environ)

    yield Pair(ours, lambda: cpu_seconds(_floor("parse_files", str(folder)), project.environ))


@contextmanager
def _environments(bench: Bench) -> Iterator[Pair]:
    """Six environments of the same definitions, against one of them."""
    one, six = bench.project("offline", bench.size), bench.project("six", bench.size)
    settings = six.root / "iac.yaml"
    states = (f"e{n}: {{state: {{path: .iac/e{n}.json}}}}" for n in range(6))
    settings.write_text(
        f"{settings.read_text(encoding='utf-8')}environments: {{{', '.join(states)}}}\n", encoding="utf-8"
    )
    commands = [project.command("validate") for project in (six, one)]
    yield Pair(lambda: seconds(commands[0], six.environ), lambda: seconds(commands[1], one.environ))


@contextmanager
def _scope(bench: Bench) -> Iterator[Pair]:
    """One text of many words, all unknown, which no client can have: the mistake is said, and in time."""
    project, small = bench.project("scope", 1), bench.project("small", _SMALL)
    (file,) = (project.root / "clients.d").rglob("*.yaml")
    words = " ".join(f"word{n:05}" for n in range(bench.size * 25))
    file.write_text(f"client_id: one\nclient_name: One\nscope: {words}\n", encoding="utf-8")
    floor = _floor("parse_files", str(small.root / "clients.d"))
    # It exits with 1, for there are too many words.
    command = [*PYTHON, "-c", f"import sys; from iac.cli import run; run({project.command('validate')[1:]!r})"]
    yield Pair(lambda: seconds(command, project.environ), lambda: seconds(floor, small.environ))


@contextmanager
def _version(bench: Bench) -> Iterator[Pair]:  # noqa: ARG001  # says its version to anybody
    yield Pair(lambda: seconds([*IAC, "--version"], os.environ), lambda: seconds([*PYTHON, "-c", "pass"], os.environ))


_SMALL = 400
"""Files of the floor of `scope`."""

_IMPORT = "iac import --from of {n} clients, CPU"
_MEMORY = "iac plan, {n} clients and definitions"

CASES = (
    Case(name="version", what="iac --version", open=_version, target=5, needs_server=False),
    Case(name="validate", what="iac validate, {n} files", open=_validate, target=4, factor=2, needs_server=False),
    Case(name="fmt", what="iac fmt --check, {n} canonical files", open=_formatted, target=4, needs_server=False),
    Case(
        name="environments",
        what="iac validate, {n} files, 6 environments",
        open=_environments,
        target=2,
        needs_server=False,
    ),
    Case(name="scope", what="iac validate, a scope of 25 x {n} words", open=_scope, target=12, needs_server=False),
    Case(name="import", what=_IMPORT, open=_import, target=8, needs_server=False),
    Case(name="import-3", what=_IMPORT, open=_import, target=8, factor=3, needs_server=False),
    Case(name="plan", what="plan of {n} clients, none changed", open=_plan, target=1.3),
    Case(name="plan-process", what="iac plan of {n} clients", open=_plan_process, target=2.5),
    Case(name="change", what="change of a tenth of {n} clients", open=_change, target=1.3),
    Case(name="change-process", what="iac apply of the same change", open=_change_process),
    Case(name="create", what="apply of {n} creates", open=_create, target=1.5),
    Case(name="create-process", what="iac apply of {n} creates", open=_create_process),
    Case(name="git", what="iac apply of one change of {n} clients, state in git", open=_git),
    Case(name="memory", what=_MEMORY, open=_plan_memory, target=90, unit="MB"),
    Case(name="memory-10", what=_MEMORY, open=_plan_memory, target=250, unit="MB", factor=10),
)


def _part(bench: Bench) -> int:
    return max(1, bench.size // 10)


def _policy(bench: Bench) -> str:
    return f"https://policy.example.org/{bench.new_text().replace(' ', '-')}"


def _floor(name: str, *arguments: str) -> list[str]:
    return [*PYTHON, "-m", f"benchmarks.floors.{name}", *arguments]


def _apply(session: Session, expected: int) -> float:
    """Seconds from loading the state to the last write; what `iac apply` does after it has logged in."""
    from iac.apply.outcome import StopRequest
    from iac.apply.run import apply_plan
    from iac.workflow.plan import prepare

    done = 0

    def work() -> None:
        nonlocal done
        with session.backend.lock(session.holder(), timeout=0):
            report = apply_plan(session, prepare(session, session.options()), StopRequest())
        done = len(report.outcomes) if report.is_complete else -1

    spent = timed(work)
    _expect(expected, done)
    return spent


def _expect(expected: int, actual: int) -> None:
    if expected != actual:
        raise WrongResultError(f"expected {expected} clients, got {actual}")
