"""`iac list`, on every flavour."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import InputError
from iac.ports import Provider
from iac.sandbox.fault import Fault, FaultKind

if TYPE_CHECKING:
    from tests.e2e.project import Project

ADDRESS, CLIENT_ID = "team/portal", "team-portal"


@pytest.fixture
def applied(project: Project) -> Project:
    assert project.apply().code == 0
    return project


def listed(project: Project, *arguments: str) -> dict[str, dict[str, Any]]:
    said = project.iac("list", "--format", "json", *arguments)
    assert said.code == 0, said.err
    return {client["client_id"]: client for client in json.loads(said.out)["clients"]}


def test_every_client_of_the_server_is_there_beside_what_the_project_knows(applied: Project) -> None:
    found = listed(applied)
    assert {client.client_id for client in applied.sandbox.iam.world.store.clients()} == set(found)
    mine, login, other = found[CLIENT_ID], found["admin-client-rw"], found["grafana"]
    assert (ADDRESS, "managed", "known", ["out/portal.env"]) == tuple(
        mine[name] for name in ("address", "state", "secret", "outputs")
    )
    assert ("protected", "unmanaged") == (login["state"], other["state"])
    assert ["iam:admin.read", "iam:admin.write"] == login["privileged"]


def test_one_list_is_read_and_no_key_is_needed(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    before = len(applied.sandbox.log)
    assert applied.iac("list").code == 0
    paths = [path.partition("?")[0] for _, path, _ in applied.sandbox.log[before:]]
    assert ["/.well-known/openid-configuration", "/token", "/iam/api/clients", "/iam/api/clients"] == paths


def test_owners_are_read_where_they_are_asked_for_and_only_of_what_is_left(applied: Project) -> None:
    assert "owners" in listed(applied)["grafana"]
    assert listed(applied)["grafana"]["owners"] is None
    before = len(applied.sandbox.log)
    found = listed(applied, "--match", "gra*", "--columns", "client_id,owners")
    assert 1 == sum("/owners" in path for _, path, _ in applied.sandbox.log[before:])
    assert {"grafana": {"client_id": "grafana", "owners": ["5f9c1a2e-0000-4000-8000-000000000002"]}} == found
    ownerless = listed(applied, "--ownerless")
    assert "grafana" not in ownerless
    assert CLIENT_ID in ownerless


def test_owners_that_cannot_be_read_are_an_outage(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    applied.sandbox.faults.add(Fault(kind=FaultKind.STATUS, status=500, path="*/owners", times=999))
    assert applied.iac("list", "--ownerless").code == 6


def test_filters_hold_together(applied: Project) -> None:
    assert {CLIENT_ID} == set(listed(applied, "--managed"))
    assert {CLIENT_ID} == set(listed(applied, "--managed", "--unmanaged", "--scope", "offline*", "--match", "*portal*"))
    privileged = listed(applied, "--unmanaged", "--privileged")
    assert {"admin-client-ro", "password-grant", "transfer-robot"} == set(privileged)
    assert all(client["privileged"] for client in privileged.values())


def test_stale_clients_are_told_where_the_server_tracks_use_and_else_it_is_said(applied: Project) -> None:
    said = applied.iac("list", "--stale", "90d")
    assert (1, "") == (said.code, said.out)
    assert "does not say when clients were last used" in said.err
    assert "does not mean unused" in applied.iac("list", "--columns", "client_id,last_used").err
    applied.by_hand("grafana", last_used="1994-03-21")
    found = listed(applied, "--stale", "90d")
    assert {"grafana"} == set(found)
    assert applied.iac("list").err == ""


def test_what_is_due_is_told_from_the_definition_and_the_age_of_the_secret(applied: Project) -> None:
    applied.edit(f"clients.d/{ADDRESS}.yaml", '"outputs"', '"lifecycle": {"rotate_after": "10d"}, "outputs"')
    assert {CLIENT_ID} == set(listed(applied, "--expiring", "2w"))
    assert {} == listed(applied, "--expiring", "9d")
    assert "rotate_due" in applied.iac("list", "--expiring", "2w").out


def test_a_client_that_is_gone_from_the_server_is_said_to_be(applied: Project) -> None:
    applied.sandbox.iam.world.store.remove(applied.registered(CLIENT_ID))
    assert "gone" == listed(applied, "--columns", "client_id,state")[CLIENT_ID]["state"]
    assert {} == listed(applied, "--managed")


def test_a_client_without_an_id_is_listed(applied: Project) -> None:
    applied.sandbox.iam.world.store.put(replace(applied.registered("grafana"), client_id=None))
    assert {"Grafana"} == {client["name"] for client in listed(applied).values() if not client["client_id"]}


def test_rows_come_in_the_order_and_form_that_is_asked_for(applied: Project) -> None:
    said = applied.iac("list", "--format", "csv", "--sort=-client_id", "--columns", "client_id,state")
    rows = list(csv.reader(io.StringIO(said.out)))
    ids = [row[0] for row in rows[1:]]
    assert (["client_id", "state"], sorted(ids, reverse=True)) == (rows[0], ids)
    assert "clients;" in said.err
    text = applied.iac("list", "--privileged", "--sort", "created").out
    assert {"created", "privileged"} <= set(text.splitlines()[0].split())


@pytest.mark.parametrize(
    "arguments",
    [["--stale", "90"], ["--expiring", "1y"], ["--columns", "colour"], ["--sort", "colour"], ["--format", "xml"]],
)
def test_a_wrong_word_is_wrong_usage(applied: Project, arguments: list[str]) -> None:
    before = len(applied.sandbox.log)
    assert applied.iac("list", *arguments).code == 64
    assert before == len(applied.sandbox.log)


def test_a_provider_that_shows_nobody_all_clients_says_so() -> None:
    class Small(Provider):
        """A provider of an API without a list."""

    Small.__abstractmethods__ = frozenset()
    small = Small()  # type: ignore[abstract]
    with pytest.raises(InputError, match="does not list all clients"):
        small.list_clients(str)
    with pytest.raises(InputError, match="does not show owners"):
        small.owners_of(["a"])


def test_a_new_project_shows_which_clients_it_could_take_over(project: Project) -> None:
    (project.root / "clients.d/team/portal.yaml").unlink()
    assert "unmanaged" == listed(project)["grafana"]["state"]
    assert project.iac("show", "grafana").code == 0
    assert "clients.d has no definition" in project.iac("plan").err
