"""docs/reference/templates.md says what the code does; its examples are run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from iac.core.model import uses_secret
from iac.rendering.context import template_context
from iac.rendering.filters import FILTERS, UnsafeValue
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.services import template_files, values_schema
from tests.docs.transcript import read_page
from tests.every import every
from tests.rendering.given import FACTS, credentials, output

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/templates.md").read_text(encoding="utf-8")
HOW_TO = read_page("how-to/render-credentials.md")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each table row, heads left out."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line] for line in lines]


def code(cell: str) -> str:
    return cell.strip().removeprefix("`").removesuffix("`")


FILTER_ROWS = {code(row[0]): row[1:] for row in rows(section("Filters"))}


def test_every_filter_is_documented_in_order() -> None:
    assert sorted(FILTERS) == list(FILTER_ROWS)


@every("name", FILTERS)
def test_an_example_gives_what_the_page_says(name: str) -> None:
    _, value, gives, refuses = FILTER_ROWS[name]
    assert code(gives) == FILTERS[name](json.loads(code(value)))
    with pytest.raises(UnsafeValue):
        FILTERS[name](json.loads(code(refuses)))


def test_what_a_template_is_given_is_listed() -> None:
    context = template_context(output(), {"wlcg/app": credentials()}, FACTS)
    given = [code(row[0]) for row in rows(section("What a template is given"))]
    assert [*context, "name", "address", "issuer", "client_id", "client_secret", "private_key"] == given


def test_the_methods_without_a_secret_are_named() -> None:
    for method in re.findall(r"is `(\w+)` or `(\w+)` has none", PAGE)[0]:
        assert not uses_secret({"token_endpoint_auth_method": method})


def test_every_built_in_is_documented_with_its_values() -> None:
    tables = section("Built-in templates") + section("Templates of services")
    assert sorted(template_files()) == sorted(code(row[0]) for row in rows(tables))
    for name, template in load_templates(ROOT, template_files(), Renderer().references).items():
        text = re.sub(r"\{#.*?#\}", "", template.text, flags=re.DOTALL)
        assert set(re.findall(r"\bvalues\.(\w+)", text)) == set(values_schema(name)["properties"])


def test_the_how_to_shows_the_demo_project() -> None:
    """Its YAML is that of the definitions, its template lines stand in the templates."""
    project = yaml.safe_load((ROOT / "iac.yaml").read_text(encoding="utf-8"))
    definitions = [yaml.safe_load(path.read_text()) for path in (ROOT / "clients.d").rglob("*.yaml")]
    declared = [entry for each in [project, *definitions] for entry in each.get("outputs", [])]
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)]
    shown = [entry for block in blocks for entry in block["outputs"]]
    assert shown
    assert [] == [entry for entry in shown if entry not in declared]
    grafana = (ROOT / "templates/grafana/grafana.ini.j2").read_text(encoding="utf-8")
    lines = [line.strip() for line in HOW_TO.splitlines() if "| ini }}" in line]
    assert lines
    assert [] == [line for line in lines if line not in grafana]
