"""`iac state restore`, on every flavour: a deleted client comes back with its id and its secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.model import Client
from iac.sealing import new_identity
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from tests.e2e.project import Project, Said

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
FILE = f"clients.d/{ADDRESS}.yaml"
REMOVED = f"removed: [{{address: {ADDRESS}, then: delete}}]\n"
OWNER = "5f9c1a2e-0000-4000-8000-000000000001"
ONLY_NEWEST = pytest.mark.parametrize("flavour", ["1.14"])


class Deleted:
    """A project whose one client was deleted: what the client was, and the files from before."""

    def __init__(self, project: Project) -> None:
        self.project = project
        values = json.loads(project.read(FILE))
        project.define(ADDRESS, **{**values, "owners": [OWNER], "lifecycle": {"prevent_destroy": False}})
        project.define("team/other", redirect_uris=["https://other.example.org/cb"])
        assert project.apply().code == 0
        self.was = project.registered(CLIENT_ID)
        self.rendered = project.read("out/portal.env")
        self.settings, self.definition = project.read("iac.yaml"), project.read(FILE)
        project.write("iac.yaml", self.settings + REMOVED)
        (project.root / FILE).unlink()
        said = project.apply()
        assert said.code == 0, said.err
        assert project.sandbox.iam.world.store.find(CLIENT_ID) is None

    def put_back(self) -> None:
        self.project.write("iac.yaml", self.settings)
        self.project.write(FILE, self.definition)

    def restore(self, *arguments: str) -> Said:
        return self.project.iac("state", "restore", ADDRESS, "--auto-approve", *arguments)

    def is_back(self) -> bool:
        now, was = self.project.registered(CLIENT_ID), self.was
        kept = ("client_secret", "client_name", "grant_types", "scope", "redirect_uris", "contacts")
        return all(getattr(now, name) == getattr(was, name) for name in kept)


@pytest.fixture
def deleted(project: Project) -> Deleted:
    return Deleted(project)


def test_a_client_comes_back_with_its_id_and_secret(deleted: Deleted) -> None:
    project = deleted.project
    assert f"iac state restore {ADDRESS}" in project.iac("state", "list").err
    said = deleted.restore()
    assert said.code == 0, said.err
    assert deleted.is_back()
    assert logs_in(project.sandbox.iam, CLIENT_ID, str(deleted.was.client_secret))
    assert f"now put its definition back, {FILE}" in said.err
    assert project.iac("state", "list", "--format", "json").json()["deleted"] == []
    deleted.put_back()
    assert project.apply().code == 0
    assert project.read("out/portal.env") == deleted.rendered
    assert project.registered(CLIENT_ID).client_secret == deleted.was.client_secret
    assert project.iac("plan", "--detailed-exitcode").code == 0
    shown = project.iac("state", "show", ADDRESS, "--format", "json").json()
    assert shown["secret"]["version"] == 1
    assert shown["owners"] == [OWNER]


def test_with_its_definition_back_the_next_plan_is_empty(deleted: Deleted) -> None:
    deleted.put_back()
    said = deleted.restore()
    assert said.code == 0, said.err
    assert deleted.is_back()
    assert "put its definition back" not in said.err
    assert deleted.project.read("out/portal.env") == deleted.rendered
    assert deleted.project.iac("plan", "--detailed-exitcode").code == 0


def test_a_taken_id_is_refused(deleted: Deleted) -> None:
    store = deleted.project.sandbox.iam.world.store
    store.put(Client(key=store.new_key(), client_id=CLIENT_ID, client_name="Theirs", client_secret="theirs-1234"))
    said = deleted.restore()
    assert said.code == 3
    assert f"client_id {CLIENT_ID} is registered already" in said.out
    assert deleted.project.registered(CLIENT_ID).client_secret == "theirs-1234"


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER, FaultKind.STATUS_AFTER])
def test_a_restore_whose_answer_is_lost_is_finished_by_another(deleted: Deleted, kind: FaultKind) -> None:
    deleted.project.sandbox.faults.add(Fault(kind=kind, method="POST", path="*/clients", status=500))
    assert deleted.restore().code in {0, 5}
    if deleted.project.iac("state", "show", ADDRESS).code != 0:
        said = deleted.restore()
        assert said.code == 0, said.err
    assert deleted.is_back()
    deleted.put_back()
    assert deleted.project.apply().code == 0
    assert deleted.project.iac("plan", "--detailed-exitcode").code == 0


def test_a_client_without_a_secret_comes_back_too(project: Project) -> None:
    values = json.loads(project.read(FILE))
    project.define(ADDRESS, **{**values, "token_endpoint_auth_method": "none"})
    deleted = Deleted(project)
    assert deleted.restore().code == 0
    assert project.registered(CLIENT_ID).client_secret is None
    deleted.put_back()
    assert project.apply().code == 0
    assert project.iac("plan", "--detailed-exitcode").code == 0


@ONLY_NEWEST
class TestRefused:
    def test_an_address_without_a_tombstone_is_told_with_those_that_have_one(self, deleted: Deleted) -> None:
        said = deleted.project.iac("state", "restore", "team/x", "--auto-approve")
        assert said.code == 1
        assert f"deleted clients in state: {ADDRESS}" in said.err

    def test_an_address_in_state_has_nothing_to_restore(self, deleted: Deleted) -> None:
        said = deleted.project.iac("state", "restore", "team/other", "--auto-approve")
        assert said.code == 1
        assert "this address is in state" in said.err

    def test_off_a_terminal_it_wants_an_approval(self, deleted: Deleted) -> None:
        said = deleted.project.iac("state", "restore", ADDRESS)
        assert said.code == 64
        assert "--auto-approve" in said.err
        assert deleted.project.sandbox.iam.world.store.find(CLIENT_ID) is None

    def test_without_the_identity_nothing_is_sent(self, deleted: Deleted, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IAC_AGE_IDENTITY", new_identity()[0].reveal())
        before = deleted.project.read(".iac/state.json")
        said = deleted.restore()
        assert (said.code, deleted.project.read(".iac/state.json")) == (1, before)
        assert "not one of the state's recipients" in said.err
        assert deleted.project.sandbox.iam.world.store.find(CLIENT_ID) is None

    def test_a_definition_with_another_id_is_refused(self, deleted: Deleted) -> None:
        deleted.put_back()
        deleted.project.edit(FILE, CLIENT_ID, "another-id")
        said = deleted.restore()
        assert said.code == 1
        assert f"had {CLIENT_ID}" in said.err

    def test_a_refused_create_leaves_the_tombstone(self, deleted: Deleted) -> None:
        deleted.project.sandbox.faults.add(Fault(kind=FaultKind.STATUS, method="POST", path="*/clients", status=400))
        assert deleted.restore().code == 5
        assert deleted.restore().code == 0
        assert deleted.is_back()

    def test_a_login_that_may_not_write_sends_nothing(self, deleted: Deleted, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
        assert deleted.restore().code == 6
        assert deleted.project.sandbox.iam.world.store.find(CLIENT_ID) is None


@ONLY_NEWEST
def test_a_secret_that_was_never_known_cannot_come_back(project: Project) -> None:
    store = project.sandbox.iam.world.store
    store.put(Client(key=store.new_key(), client_id=CLIENT_ID, client_name="By hand", client_secret="theirs-1234"))
    project.define(ADDRESS, **{**json.loads(project.read(FILE)), "adopt": True})
    assert project.apply().code == 0
    project.write("iac.yaml", project.read("iac.yaml") + REMOVED)
    (project.root / FILE).unlink()
    project.define("team/other", redirect_uris=["https://other.example.org/cb"])
    assert project.apply().code == 0
    said = project.iac("state", "restore", ADDRESS, "--auto-approve")
    assert said.code == 1
    assert "the secret of the deleted client is not known" in said.err
