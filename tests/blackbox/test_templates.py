"""Templates come with pull requests: whatever one takes, the command ends, says which it is, and goes on."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import COMMAND, INHERITED

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

LONG = "it takes too long: a template has 3 seconds"
MUCH = "it needs too much memory: a template has 512 MiB"
LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
GOOD = "id = {{ client.client_id }}\n"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of time for each template, where the command runs in this process."""
    monkeypatch.setattr("iac.rendering.renderer.Renderer.__init__.__defaults__", ("tests.blackbox.hurried:answer",))


def add(project: Project, name: str, text: str) -> None:
    """A client with an output of a template of its own."""
    project.write(f"templates/{name}.j2", text)
    outputs = [{"template": f"{name}.j2", "path": f"out/{name}", "values": {"ten": 10, "many": 100_000_000}}]
    project.define(f"team/{name}", grant_types=["client_credentials"], outputs=outputs)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ 10 ** 100000000 }}", LONG),
        ("{% if false %}{{ [3, 10 ** 100000000] | json }}{% endif %}", LONG),
        ("{{ 'a' * 2000000000 }}", MUCH),
        ("{% set x = {'a': ['b' * 2000000000]} %}", MUCH),
        ("{{ '%2000000000d' % 1 }}", MUCH),
        ("{{ 7 | round(-100000000) }}", LONG),
    ],
    ids=["power", "nested power", "repetition", "nested repetition", "width", "filter"],
)
def test_a_constant_that_takes_too_much_is_a_mistake_at_its_line_beside_all_others(
    project: Project, text: str, why: str
) -> None:
    add(project, "bad", f"a\n{text}\n")
    add(project, "wrong", "{{ client.client_id | jsn }}")
    add(project, "good", GOOD)
    told = project.iac("validate")
    assert 1 == told.code
    assert f"templates/bad.j2:2:1: error: {why} [bad-template]\n  fix: simplify" in told.text
    assert "templates/wrong.j2:1:1: error: there is no filter `jsn`" in told.text
    assert "2 mistakes" in told.text


def test_a_template_that_is_included_is_held_to_the_same(project: Project) -> None:
    project.write("templates/part.j2", "\n\n{{ 10 ** 100000000 }}")
    add(project, "whole", "{% include 'part.j2' %}")
    assert f"templates/part.j2:3:1: error: {LONG}" in project.iac("validate").text


def test_many_bad_templates_take_no_longer_than_a_few(project: Project) -> None:
    for number in range(40):
        add(project, f"bad{number:02}", "{{ 'a' * 2000000000 }}")
    told = project.iac("validate", "--format", "json").json()
    whys = [each["summary"] for each in told["diagnostics"] if each["id"] == "bad-template"]
    assert 40 == len(whys)
    assert 3 == len([why for why in whys if MUCH in why])


def test_a_plan_ends_with_the_line(project: Project) -> None:
    add(project, "bad", "a\n{{ 10 ** 100000000 }}\n")
    told = project.iac("plan")
    assert 1 == told.code
    assert f"templates/bad.j2:2:1: error: {LONG} [bad-template]\n  fix: " in told.err


@pytest.mark.parametrize(
    ("text", "why"),
    [(LOOPS, LONG), ("{{ values.ten ** values.many }}", LONG), ("{{ client.client_id * 2000000000 }}", MUCH)],
    ids=["loops", "power", "repetition"],
)
def test_what_only_rendering_shows_is_found_before_anything_is_sent(project: Project, text: str, why: str) -> None:
    add(project, "bad", f"a\n{text}\n")
    for command in (("validate",), ("plan",), ("apply", "--auto-approve")):
        told = project.iac(*command)
        assert 1 == told.code
        assert re.search(rf"team/bad\.yaml:8:\d: error: templates/bad\.j2:2: {why} \[bad-output\]\n", told.text)
        assert f"  the line is: {text}\n  fix: simplify the expression" in told.text
    assert {} == project.state()["clients"]


@pytest.fixture
def applied(project: Project) -> Project:
    for name in ("a-bad", "b-good"):
        add(project, name, GOOD)
    assert 0 == project.apply().code
    return project


@pytest.mark.parametrize("arguments", [("render",), ("render", "--check")], ids=["render", "check"])
def test_one_bad_template_keeps_no_other_output_from_being_rendered(
    applied: Project, arguments: tuple[str, ...]
) -> None:
    applied.write("templates/a-bad.j2", f"\n{LOOPS}\n")
    applied.write("templates/b-good.j2", "another {{ client.client_id }}\n")
    told = applied.iac(*arguments)
    assert 1 == told.code
    assert f"templates/a-bad.j2:2 (for out/a-bad)\n{LONG}" in told.out
    is_check = "--check" in arguments
    assert f"{'differs' if is_check else 'written':<10} out/b-good" in told.out
    assert (
        GOOD.replace("{{ client.client_id }}", "team-b-good") if is_check else "another team-b-good\n"
    ) == applied.read("out/b-good")


def test_a_file_is_read_back_in_time_however_its_template_runs_values_together(project: Project) -> None:
    names = [f"team/c{number}" for number in range(12)]
    for name in names:
        project.define(name, grant_types=["client_credentials"])
    project.write("templates/one.j2", "".join(f"{{{{ clients['{name}'].client_id }}}}" for name in names) + " end\n")
    with (project.root / "iac.yaml").open("a") as file:
        file.write(f"outputs: [{{template: one.j2, path: out/one, clients: [{', '.join(names)}]}}]\n")
    assert 0 == project.apply().code
    project.write("out/one", "x" * 2000 + " END\n")
    told = project.iac("verify", "--format", "json").json()
    assert {LONG} == {
        check["why"] for client in told["clients"] for check in client["checks"] if check["name"] == "output"
    }


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked at by /proc")
def test_the_process_for_templates_gets_secrets_by_its_pipe_alone(applied: Project) -> None:
    applied.write("templates/a-bad.j2", LOOPS)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    rendering = subprocess.Popen(
        [*COMMAND, "render"], cwd=applied.root, env={**inherited, **applied.env}, stdout=subprocess.PIPE, text=True
    )
    seen = b""
    while rendering.poll() is None and not seen:
        children = Path(f"/proc/{rendering.pid}/task/{rendering.pid}/children").read_text().split()
        parts = [Path(f"/proc/{child}/{part}") for child in children for part in ("cmdline", "environ")]
        try:
            texts = b"".join(part.read_bytes() for part in parts)
        except OSError:
            continue
        seen = texts if b"iac.process" in texts else b""
        time.sleep(0.01)
    rendering.communicate()
    assert seen
    assert applied.env["IAC_AGE_IDENTITY"].encode() not in seen
    assert b"IAC_" not in seen
