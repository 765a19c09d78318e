from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.config.tree import DEFAULTS_FILE, is_address
from iac.workflow.importing.text import LONGEST, address_for, slug

UUID = "6f9b1e0a-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    ("client_id", "name", "expected"),
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
    assert expected == address_for(client_id, name, ())
    assert f"a/b/{expected}" == address_for(client_id, name, (), "a/b")


def test_a_name_that_is_taken_is_told_apart() -> None:
    taken = {"Grafana"}
    assert "grafana-the-name" == address_for("grafana", "The Name", taken)
    assert "grafana-2" == address_for("grafana", "grafana", taken)
    assert "grafana-3" == address_for("grafana", "grafana", {*taken, "grafana-2"})
    assert "web/grafana" == address_for("grafana", "grafana", taken, "web")


@given(st.lists(st.tuples(st.text(), st.text()), max_size=8))
def test_whatever_clients_are_called_each_gets_an_address_of_its_own(clients: list[tuple[str, str]]) -> None:
    taken: list[str] = []
    for client_id, name in clients:
        taken.append(address_for(client_id, name, taken))
    assert len(clients) == len({address.casefold() for address in taken})
    for address in taken:
        assert is_address(address)
        assert PurePosixPath(f"{address}.yaml").name not in {DEFAULTS_FILE, ".yaml"}
        assert "/" not in address


@given(st.text())
def test_a_slug_of_a_slug_is_itself(text: str) -> None:
    assert slug(text) == slug(slug(text))
