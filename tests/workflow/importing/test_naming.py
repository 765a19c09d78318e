from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from iac.config.tree import DEFAULTS_FILE, is_address
from iac.workflow.importing.text import LONGEST, FreeNames, address_for, slug
from tests.every import every

UUID = "6f9b1e0a-0000-4000-8000-00000000000a"


@every(
    "client_id, name, expected",
    [
        ("grafana", "Grafana of IT", "grafana"),
        (UUID, "Grafana of IT", "grafana-of-it"),
        (UUID, "日本", UUID),
        ("../../etc/passwd", "x", "etc-passwd"),
        ("_defaults", "x", "defaults"),
        ("...", "日本", "client"),
        ("Rucio.Auth@CMS", "", "rucio-auth-cms"),
        ("x" * 500, "y", "x" * LONGEST),
    ],
)
def test_a_file_is_named_after_the_client(client_id: str, name: str, expected: str) -> None:
    assert expected == address_for(client_id, name, FreeNames(()))
    assert f"a/b/{expected}" == address_for(client_id, name, FreeNames(()), "a/b")


def test_a_name_that_is_taken_is_told_apart() -> None:
    free = FreeNames({"Grafana"})
    assert "grafana-the-name" == address_for("grafana", "The Name", free)
    assert "grafana-2" == address_for("grafana", "grafana", free)
    assert "grafana-2" == address_for("grafana", "grafana", free)
    free.take("grafana-2")
    assert "grafana-3" == address_for("grafana", "grafana", free)
    assert "web/grafana" == address_for("grafana", "grafana", free, "web")


def test_ids_are_told_apart_by_case_where_addresses_are_not() -> None:
    assert "Portal" in FreeNames(["portal"])
    assert "Portal" not in FreeNames(["portal"], fold=str)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=8))
def test_whatever_clients_are_called_each_gets_an_address_of_its_own(clients: list[tuple[str, str]]) -> None:
    free, addresses = FreeNames(()), []
    for client_id, name in clients:
        addresses.append(address_for(client_id, name, free))
        free.take(addresses[-1])
    assert len(clients) == len({address.casefold() for address in addresses})
    for address in addresses:
        assert is_address(address)
        assert PurePosixPath(f"{address}.yaml").name not in {DEFAULTS_FILE, ".yaml"}
        assert "/" not in address


@given(st.text())
def test_a_slug_of_a_slug_is_itself(text: str) -> None:
    assert slug(text) == slug(slug(text))
