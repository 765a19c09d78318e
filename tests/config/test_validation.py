"""Templates are checked with the project that uses them, offline."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iac.workflow.validate import validate
from tests.config.given import CLIENT, PROJECT, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_renderer")

DEFINITION = "clients.d/portal.yaml"


def used(*names: str) -> str:
    """A definition with an output by each of these templates."""
    outputs = "".join(f"  - {{template: {name}, path: out/{number}}}\n" for number, name in enumerate(names))
    return f"{CLIENT}outputs:\n{outputs}"


def said(root: Path, *paths: str) -> list[str]:
    return [f"{each.location}: {each.summary}" for each in validate(root, paths).diagnostics]


WRONG = {
    "{% if %}": "templates/a.j2:1:1: Expected an expression, got 'end of statement block'",
    "\n\n{{ x": "templates/a.j2:3:1: ",
    "\n{{ client.client_id | jsn }}": "templates/a.j2:2:1: there is no filter `jsn`; did you mean `json`?",
    "{{ 1 is odds }}": "templates/a.j2:1:1: there is no test `odds`; did you mean `odd`?",
    "{% block a %}{% endblock %}\n{% block a %}{% endblock %}": "templates/a.j2:2:1: block 'a' defined twice",
    "{% include 'b.j2' %}": "templates/a.j2:1:1: no such template: templates/b.j2",
    "{% include x %}": "templates/a.j2:1:1: the template cannot be rendered",
    "{{ " + "(" * 5000 + " }}": "templates/a.j2:1:1: the template cannot be rendered",
    " " * 300_000: "templates/a.j2:1:1: the template is too large",
    "\ud800": "templates/a.j2:1:1: the template is not text",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_template_that_cannot_be_used_is_told_with_its_place_and_a_way_on(tmp_path: Path, text: str) -> None:
    write(tmp_path, {DEFINITION: used("a.j2"), "templates/a.j2": text})
    (found,) = validate(tmp_path).diagnostics
    assert "bad-template" == found.id
    assert f"{found.location}: {found.summary}".startswith(WRONG[text])
    assert found.why or found.fix
    assert all(line.isprintable() for line in found.lines())


def test_a_template_that_is_right_is_no_mistake(tmp_path: Path) -> None:
    write(tmp_path, {DEFINITION: used("a.j2"), "templates/a.j2": "{{ client.client_secret | json }}\n"})
    assert validate(tmp_path).is_valid


def test_every_template_is_looked_at_and_each_mistake_is_said_once(tmp_path: Path) -> None:
    texts = {"a.j2": "{% include 'c.j2' %}", "b.j2": "{% include 'c.j2' %}", "c.j2": "{{", "d/e.j2": "{% endif %}"}
    write(tmp_path, {DEFINITION: used("a.j2", "b.j2", "d/e.j2"), **{f"templates/{n}": t for n, t in texts.items()}})
    assert ["templates/c.j2:1:1", "templates/d/e.j2:1:1"] == [line.rpartition(": ")[0] for line in said(tmp_path)]


def test_a_template_that_no_output_uses_is_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, {"templates/a.j2": "{{"})
    assert [] == said(tmp_path)


def test_a_template_of_one_environment_alone_is_looked_at(tmp_path: Path) -> None:
    environments = "environments: {dev: {}, prod: {outputs+: [{template: a.j2, path: o, clients: [portal]}]}}\n"
    write(tmp_path, {"iac.yaml": PROJECT + environments, "templates/a.j2": "{{"})
    assert ["templates/a.j2:1:1"] == [line.rpartition(": ")[0] for line in said(tmp_path)]
    assert validate(tmp_path, environment="dev").is_valid


def test_it_is_said_beside_mistakes_of_definitions(tmp_path: Path) -> None:
    write(tmp_path, {DEFINITION: used("a.j2") + "contact: []\n", "templates/a.j2": "{{"})
    assert [DEFINITION, "templates/a.j2"] == [line.partition(":")[0] for line in said(tmp_path)]


@pytest.mark.slow
def test_a_report_that_is_limited_to_paths_has_it_when_they_hold_it(tmp_path: Path) -> None:
    write(tmp_path, {DEFINITION: used("a/b.j2"), "templates/a/b.j2": "{{"})
    assert [0, 1, 1] == [len(said(tmp_path, path)) for path in ("clients.d", "templates", "templates/a/b.j2")]


@pytest.mark.slow
@pytest.mark.parametrize(("template", "needed"), [("dotenv", ["jinja2"]), ("a.j2", [])])
def test_no_library_is_imported_that_validation_does_not_need(tmp_path: Path, template: str, needed: list[str]) -> None:
    # A template of the project is compiled and rendered by the worker, a process of its own.
    write(tmp_path, {DEFINITION: used(template), "templates/a.j2": "{{ client.client_id }}\n"})
    code = (
        "import sys; from iac.cli import run; run(['-C', sys.argv[1], '-q', 'validate']);"
        "print(sorted({'jsonschema', 'ruamel', 'httpx', 'jinja2', 'pyrage', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert str(needed) == done.stdout.splitlines()[-1]
