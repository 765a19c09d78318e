"""Another client in the place of one, by the real commands: by another client_id, or by a rotation that replaces."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from benchmarks.rotation import rotate_under_load
from iac.clock import SystemClock
from iac.sandbox.fault import Fault, FaultKind
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import Project

ADDRESS, CLIENT_ID, OUTPUT = "team/portal", "team-portal", "out/portal.env"
FILE = f"clients.d/{ADDRESS}.yaml"
NEXT = f"{CLIENT_ID}.r2"
ONLY_NEWEST = pytest.mark.parametrize("flavour", ["1.14"])


@pytest.fixture
def applied(project: Project) -> Project:
    assert project.apply().code == 0
    return project


@pytest.fixture
def staying(applied: Project) -> Project:
    """Its rotation puts another client in its place."""
    definition = json.loads(applied.read(FILE))
    applied.define(ADDRESS, **{**definition, "lifecycle": {"rotation": "replace", "grace": "2d"}})
    assert applied.iac("plan", "--detailed-exitcode").code == 0
    return applied


def rendered(project: Project) -> dict[str, str]:
    lines = project.read(OUTPUT).splitlines()
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def works(project: Project) -> bool:
    told = rendered(project)
    return logs_in(project.sandbox.iam, told["CLIENT_ID"], told["CLIENT_SECRET"])


def registered(project: Project) -> set[str]:
    return {
        client.client_id
        for client in project.sandbox.iam.world.store.clients()
        if client.client_id and client.client_id.startswith(CLIENT_ID)
    }


def writes(project: Project) -> list[str]:
    return [method for method, path, _ in project.sandbox.log if method in {"POST", "DELETE"} and "/clients" in path]


def later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + timedelta(days=days))


def test_another_client_id_is_a_replace_that_deletes_last(applied: Project) -> None:
    applied.edit(FILE, '"client_id": "team-portal"', '"client_id": "team-portal-new"')
    plan = applied.iac("plan", "--format", "json", "--out", "plan.json").json()
    (change,) = plan["changes"]
    assert ("replace", "created", 1) == (change["action"], change["secret"], plan["summary"]["replace"])
    (field,) = change["fields"]
    assert ("client_id", CLIENT_ID, f"{CLIENT_ID}-new") == (field["name"], field["before"], field["after"])
    assert [] == change["findings"]
    text = applied.iac("plan").out
    assert f"-/+ {ADDRESS}: replace {CLIENT_ID}-new" in text
    assert f"{CLIENT_ID} is deleted last" in text
    assert "1 client will be deleted" in applied.iac("plan", "--format", "markdown").out
    before = len(writes(applied))
    said = applied.apply("plan.json")
    assert said.code == 0, said.err
    assert ["POST", "DELETE"] == writes(applied)[before:]
    assert registered(applied) == {f"{CLIENT_ID}-new"}
    assert works(applied)
    assert applied.iac("plan", "--detailed-exitcode").code == 0
    assert applied.iac("render", "--check").code == 0


def test_a_deletion_that_fails_is_done_by_the_retry_of_the_approved_plan(applied: Project) -> None:
    applied.edit(FILE, '"client_id": "team-portal"', '"client_id": "team-portal-new"')
    digest = applied.iac("plan", "--format", "json").json()["digest"]
    applied.sandbox.faults.add(Fault(kind=FaultKind.STATUS, method="DELETE", path="*", status=403, body="json"))
    said = applied.iac("apply", "--expect-plan", digest)
    assert said.code == 5
    assert "replace failed" in said.out
    assert registered(applied) == {CLIENT_ID, f"{CLIENT_ID}-new"}
    assert f"predecessor {CLIENT_ID} is still registered" in applied.iac("state", "list").out
    assert applied.iac("apply", "--expect-plan", digest).code == 0
    assert registered(applied) == {f"{CLIENT_ID}-new"}


@ONLY_NEWEST
def test_an_output_that_cannot_be_written_keeps_the_old_client(applied: Project) -> None:
    applied.edit(FILE, '"client_id": "team-portal"', '"client_id": "team-portal-new"')
    out = applied.root / "out"
    before = applied.read(OUTPUT)
    out.rename(applied.root / "kept")
    out.write_text("in the way", encoding="utf-8")
    said = applied.apply()
    assert said.code == 1
    assert registered(applied) == {CLIENT_ID}
    out.unlink()
    (applied.root / "kept").rename(out)
    assert applied.read(OUTPUT) == before
    assert applied.apply().code == 0
    assert registered(applied) == {f"{CLIENT_ID}-new"}


@ONLY_NEWEST
def test_prevent_destroy_refuses_a_replace_and_names_the_way(applied: Project) -> None:
    definition = json.loads(applied.read(FILE))
    applied.define(ADDRESS, **{**definition, "lifecycle": {"prevent_destroy": True}})
    assert applied.apply().code == 0
    applied.define(ADDRESS, **{**definition, "client_id": "other", "lifecycle": {"prevent_destroy": True}})
    said = applied.iac("plan")
    assert said.code == 3
    assert "apply lifecycle: {prevent_destroy: false} with the old client_id first" in said.out


@ONLY_NEWEST
def test_more_replaces_than_may_be_deleted_are_refused(applied: Project) -> None:
    applied.write("iac.yaml", applied.read("iac.yaml") + "limits: {max_deletes: 0}\n")
    applied.edit(FILE, '"client_id": "team-portal"', '"client_id": "team-portal-new"')
    said = applied.apply()
    assert said.code == 3
    assert "max-deletes" in said.out


def test_a_rotation_that_replaces_goes_through_its_stages(staying: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    old = rendered(staying)
    said = staying.iac("rotate", ADDRESS, "--auto-approve")
    assert said.code == 0, said.err
    assert f"@ {ADDRESS}: rotate {NEXT}" in said.out
    assert f"{CLIENT_ID} stays for 2d from then on" in said.out
    assert "secret-will-change" not in said.out
    assert registered(staying) == {CLIENT_ID, NEXT}
    assert rendered(staying)["CLIENT_ID"] == NEXT
    assert works(staying)
    assert logs_in(staying.sandbox.iam, old["CLIENT_ID"], old["CLIENT_SECRET"])
    waiting = staying.iac("plan", "--detailed-exitcode")
    assert waiting.code == 0
    assert f"{CLIENT_ID}, the predecessor of {NEXT}, will be deleted by an apply after" in waiting.out
    (standing,) = staying.iac("plan", "--format", "json").json()["predecessors"]
    assert (ADDRESS, CLIENT_ID, NEXT, False) == tuple(
        standing[name] for name in ("address", "client_id", "successor", "due")
    )
    later(monkeypatch, 3)
    due = staying.iac("plan", "--detailed-exitcode")
    assert due.code == 2
    assert f"the grace time of {CLIENT_ID} is over" in due.out
    assert staying.apply().code == 0
    assert registered(staying) == {NEXT}
    assert works(staying)
    assert staying.iac("plan", "--detailed-exitcode").code == 0


@ONLY_NEWEST
def test_without_grace_the_old_client_goes_at_once(staying: Project) -> None:
    said = staying.iac("rotate", ADDRESS, "--no-grace", "--revoke", "--auto-approve")
    assert said.code == 0, said.out + said.err
    assert registered(staying) == {NEXT}
    assert "PATCH" not in [method for method, _, _ in staying.sandbox.log]


@ONLY_NEWEST
def test_tokens_of_the_old_client_are_revoked_where_it_stays(staying: Project) -> None:
    assert staying.iac("rotate", ADDRESS, "--revoke", "--auto-approve").code == 0
    patched = [path for method, path, _ in staying.sandbox.log if method == "PATCH"]
    assert all(f"/{CLIENT_ID}/" in path for path in patched)
    assert len(patched) == 2


@ONLY_NEWEST
class TestBesideARotation:
    @pytest.fixture
    def rotated(self, staying: Project) -> Project:
        assert staying.iac("rotate", ADDRESS, "--auto-approve").code == 0
        return staying

    def test_one_client_is_shown_with_its_predecessors(self, rotated: Project) -> None:
        for name in (ADDRESS, CLIENT_ID, NEXT):
            shown = rotated.iac("show", name)
            assert f"client_id {NEXT}" in shown.out
            assert f"predecessor {CLIENT_ID} is still registered, replaced " in shown.out
            assert [CLIENT_ID] == [
                old["client_id"] for old in rotated.iac("show", name, "--format", "json").json()["predecessors"]
            ]
        assert f"predecessor {CLIENT_ID} is still registered" in rotated.iac("state", "show", ADDRESS).out
        told = rotated.iac("state", "show", ADDRESS, "--format", "json").json()
        assert (2, [CLIENT_ID]) == (told["generation"], [old["client_id"] for old in told["predecessors"]])

    def test_the_inventory_says_of_the_old_client_whose_it_was(self, rotated: Project) -> None:
        listed = rotated.iac("list", "--format", "json").json()
        found = {each["client_id"]: (each["address"], each["state"]) for each in listed["clients"]}
        assert {NEXT: (ADDRESS, "managed"), CLIENT_ID: (ADDRESS, "replaced")} == {
            client_id: found[client_id] for client_id in (CLIENT_ID, NEXT)
        }
        assert (1, 1) == (listed["summary"]["managed"], listed["summary"]["replaced"])

    def test_what_takes_the_place_of_a_client_is_no_client_to_import(self, rotated: Project) -> None:
        said = rotated.iac("import", NEXT)
        assert 1 == said.code
        assert f"{NEXT}: its name is that of a successor of {ADDRESS}, which has rotation: replace" in said.err
        said = rotated.iac("import", "--match", "*", "--format", "json")
        assert 0 == said.code, said.err
        assert NEXT in {each["client_id"] for each in said.json()["skipped"]}

    def test_no_other_address_gets_the_old_client_which_would_be_deleted_under_it(self, rotated: Project) -> None:
        rotated.define("team/thief", client_id=CLIENT_ID, adopt=True, contacts=["ops@example.org"])
        rotated.edit(FILE, f'"client_id": "{CLIENT_ID}"', '"client_id": "team-other"')
        said = rotated.iac("apply", "--auto-approve")
        assert (3, 0) == (said.code, writes(rotated).count("DELETE"))
        assert f"client_id {CLIENT_ID} belongs to {ADDRESS}, as its client or as one that it has replaced" in said.err

    def test_drift_is_that_of_the_client_that_is_used(self, rotated: Project) -> None:
        rotated.by_hand(CLIENT_ID, client_name="Somebody")
        assert rotated.iac("drift").code == 0
        rotated.by_hand(NEXT, contacts=())
        assert [NEXT] == [each["client_id"] for each in rotated.iac("drift", "--format", "json").json()["clients"]]

    def test_a_secret_that_is_handed_in_is_that_of_the_client_that_is_used(
        self, rotated: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rotated.by_hand(NEXT, client_secret="known-to-somebody")
        rotated.write("secrets.env", f"{ADDRESS}=known-to-somebody\n")
        assert rotated.iac("secret", "import", "secrets.env").code == 0
        assert rotated.apply().code == 0
        assert rendered(rotated)["CLIENT_SECRET"] == "known-to-somebody"
        del monkeypatch

    def test_an_address_that_moves_takes_its_predecessors_along(
        self, rotated: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert rotated.iac("state", "mv", ADDRESS, "team/new").code == 0
        (rotated.root / FILE).rename(rotated.root / "clients.d/team/new.yaml")
        assert rotated.apply().code == 0
        assert works(rotated)
        later(monkeypatch, 3)
        assert rotated.apply().code == 0
        assert registered(rotated) == {NEXT}
        assert rotated.iac("state", "rekey").code == 0

    def test_an_address_that_is_forgotten_names_all_of_its_clients(self, rotated: Project) -> None:
        said = rotated.iac("state", "rm", ADDRESS, "--yes")
        assert f"client_id {NEXT} and {CLIENT_ID}" in said.out
        assert registered(rotated) == {CLIENT_ID, NEXT}

    def test_a_removed_client_comes_back_as_the_generation_that_it_was(self, rotated: Project) -> None:
        definition, secret = rotated.read(FILE), rotated.registered(NEXT).client_secret
        (rotated.root / FILE).unlink()
        rotated.define("team/other", grant_types=["client_credentials"])
        rotated.write("iac.yaml", rotated.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
        assert rotated.apply().code == 0
        assert registered(rotated) == set()
        rotated.edit("iac.yaml", f"removed: [{{address: {ADDRESS}, then: delete}}]\n", "")
        rotated.write(FILE, definition)
        said = rotated.iac("state", "restore", ADDRESS, "--auto-approve")
        assert said.code == 0, said.err
        assert registered(rotated) == {NEXT}
        assert rotated.registered(NEXT).client_secret == secret
        assert works(rotated)
        assert rotated.iac("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("flavour", ["1.12", "1.13", "1.14"])
def test_no_token_request_fails_while_another_client_takes_the_place(
    flavour: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service reads its file anew for each request; how many fail with plain rotation is printed to compare."""
    for name in ("IAC_CLIENT_ID", "IAC_CLIENT_SECRET"):
        monkeypatch.setenv(name, "")
    plain = rotate_under_load(flavour, tmp_path / "plain", rotations=3, replaces=False)
    replaced = rotate_under_load(flavour, tmp_path / "replaced", rotations=3, replaces=True)
    with capsys.disabled():
        sys.stderr.write(
            f"\n{flavour}: {len(plain.failed)} of {plain.answered} token requests failed with plain rotation,"
            f" {len(replaced.failed)} of {replaced.answered} with rotation: replace\n"
        )
    assert [] == replaced.failed
    assert 80 <= replaced.answered
