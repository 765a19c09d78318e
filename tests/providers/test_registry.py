"""The list of providers: what names one, and what asks for its name."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from iac.core.capabilities import Table
from iac.core.server.table import TABLE
from iac.registry import PROVIDERS

ROOT = Path(__file__).parents[2]


def test_the_schema_names_the_providers_of_the_list() -> None:
    schema = json.loads((ROOT / "schemas/project.schema.json").read_text(encoding="utf-8"))
    assert list(PROVIDERS) == schema["properties"]["provider"]["enum"]


@pytest.mark.slow
def test_a_provider_is_named_in_its_own_folder_alone() -> None:
    # What asks for the name of a provider has to be found again for each new one; a capability is asked for instead.
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "iac").rglob("*.py")
        if not path.is_relative_to(ROOT / "iac/sandbox")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in PROVIDERS
    ]
    own = {f"iac/providers/{name.replace('-', '_')}/__init__.py" for name in PROVIDERS}
    assert own == {where.partition(":")[0] for where in named}


def test_every_part_of_the_table_has_rows_and_a_provider() -> None:
    assert set(Table) == {rule.table for rule in TABLE}
    assert set(Table) == set().union(*(settings.api.tables for settings in PROVIDERS.values()))
