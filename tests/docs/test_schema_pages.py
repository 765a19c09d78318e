"""The reference of definitions and of iac.yaml names every key of the schema; its table is written by `make format`."""

from __future__ import annotations

from pathlib import Path

import pytest

from iac.config.schema import load_schema
from tests.docs.schema_tables import PAGES, schema_table

REFERENCE = Path(__file__).parents[2] / "docs/reference"


@pytest.mark.parametrize("name", PAGES)
def test_a_table_has_every_key_of_its_schema_and_the_page_those_that_add(name: str) -> None:
    keys = set(load_schema(name)["properties"])
    adding = {key for key in keys if key.endswith("+")}
    page = (REFERENCE / f"{PAGES[name]}.md").read_text(encoding="utf-8")
    assert keys - adding <= {line.split("`")[1] for line in schema_table(name).splitlines()[2:]}
    assert [] == [key for key in adding if f"`{key}`" not in page]


def test_a_key_that_names_a_secret_is_one_row() -> None:
    table = schema_table("project")
    assert "| `auth.client_secret` | `{env: NAME}` or `{file: PATH}` |" in table
    assert "client_secret.env" not in table
