"""Clients as a table and as CSV, with texts that want to be something else."""

from __future__ import annotations

import csv
import io

import pytest
from msgspec.structs import replace

from iac.core.inventory import ClientStatus, Inventory, InventoryRow
from iac.core.text import printable
from iac.views.inventory import inventory_csv, inventory_text
from tests.core.test_inventory import row
from tests.every import every
from tests.views.hostile import TEXTS

COLUMNS = ("client_id", "name", "scopes", "secret_version")


def table(*rows: InventoryRow, width: int | None = None, columns: tuple[str, ...] = COLUMNS) -> list[str]:
    inventory = Inventory("prod", "https://iam.example.org/", rows, {ClientStatus.UNMANAGED: 1200}, is_use_known=False)
    return inventory_text(inventory, columns, rows, width=width).splitlines()


def test_each_client_has_a_line_and_all_are_counted() -> None:
    wide = replace(row(scope="openid profile"), client_id="rucio", secret_version=3)
    assert table(row(), wide) == [
        "client_id  name    scopes          secret_version",
        "app        An app",
        "rucio      An app  openid profile  3",
        "",
        "2 of 1,200 clients; 1,200 unmanaged.",
    ]
    assert table() == ["0 of 1,200 clients; 1,200 unmanaged."]


def test_a_line_fits_the_terminal_but_for_what_one_looks_further_by() -> None:
    found = replace(row(scope="openid profile offline_access"), client_id="a-client-with-a-long-id", name="n" * 40)
    assert all(len(line) <= 70 for line in table(found, width=70))
    narrow = table(found, width=20)
    assert "a-client-with-a-long-id  nnnnnnn…  offline…" == narrow[1]
    assert ["a-client-with-a-long-id"] == table(found, width=5, columns=("client_id",))[1:2]


@every("text", TEXTS)
def test_texts_of_others_are_inert(text: str) -> None:
    hostile = replace(row(), client_id=text, name=text, scopes=(text, text))
    lines = table(hostile)
    assert all(line == printable(line) for line in lines)
    assert 4 == len(lines)
    cells = list(csv.reader(io.StringIO(inventory_csv(COLUMNS, [hostile]))))
    assert 2 == len(cells)
    assert all(cell == printable(cell) for line in cells for cell in line)


@every("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("https://evil.example")', "\t=1", "\r=1"])
def test_a_cell_is_no_formula(text: str) -> None:
    shown = list(csv.reader(io.StringIO(inventory_csv(("client_id", "name"), [replace(row(), name=text)]))))
    assert shown[0] == ["client_id", "name"]
    assert shown[1][1].startswith("'")
    assert inventory_csv(("name",), [row()]) == "name\nAn app\n"


@pytest.mark.parametrize("text", ["An app;=1+1", 'An app";=HYPERLINK("https://evil.example")', ";;@SUM(A1)"])
def test_a_cell_is_no_formula_where_semicolons_part_cells(text: str) -> None:
    cells = inventory_csv(("client_id", "name"), [replace(row(), name=text)]).replace('"', "").split(";")
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
