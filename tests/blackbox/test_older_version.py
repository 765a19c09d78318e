"""What version 0.1 (commit fef7ea2) left behind is read, finished and applied."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.blackbox.older import FOLDER, Situation, situation
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSIONS = ("1.12", "1.14")
BEGUN = (*(f"killed-{version}" for version in VERSIONS), "git", "http", "s3")
BY_SELF_SERVICE = (*(f"self-service-{version}" for version in VERSIONS), "self-service-user-1.14", "rfc7591")


@pytest.fixture
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Situation]:
    with situation(request.param, tmp_path) as it:
        yield it


def in_situations(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("older", names, indirect=True)


def of_versions(kind: str) -> pytest.MarkDecorator:
    return in_situations(*(f"{kind}-{version}" for version in VERSIONS))


def key_paths(value: Any, at: str = "") -> set[str]:
    """The keys of a document, each with the way to it; addresses, fields and values are left out."""
    if isinstance(value, list):
        return set().union(*(key_paths(item, f"{at}[]") for item in value))
    if isinstance(value, dict):
        return {at + "." + key for key in value}.union(*(key_paths(item, f"{at}.{key}") for key, item in value.items()))
    return set()


def logs_in_from(it: Situation, path: str) -> bool:
    credentials = json.loads(it.project.read(path))
    return logs_in(it.sandbox.iam, credentials["client_id"], credentials["client_secret"])


@of_versions("settled")
def test_a_settled_state_is_read_and_nothing_is_to_do(older: Situation) -> None:
    plan = older.project.done("plan", "--detailed-exitcode", "--format", "json").json()
    assert ([], []) == (plan["changes"], plan["guards"])
    assert older.view("plan.json")["predecessors"] == plan["predecessors"]
    stored = older.project.done("state", "list", "--format", "json").json()
    assert set(older.view("state-list.json")) <= set(stored)
    for address in ("team/portal", "team/robot", "team/rotating", "team/known"):
        older.project.done("state", "show", address)


@of_versions("settled")
def test_its_outputs_are_rendered_to_the_byte(older: Situation) -> None:
    older.project.done("render", "--check")
    names = sorted(path.name for path in (older.folder / "project" / "out").iterdir())
    for name in names:
        (older.project.root / "out" / name).unlink()
    older.project.done("render")
    for name in names:
        assert older.old(f"out/{name}") == older.project.read(f"out/{name}")
    older.project.done("verify")


@in_situations("settled-1.14")
@pytest.mark.parametrize(
    ("view", "command"),
    [
        ("list.json", ("list",)),
        ("drift.json", ("drift",)),
        ("show.json", ("show", "team/portal")),
        ("state-list.json", ("state", "list")),
    ],
)
def test_documents_keep_their_keys(older: Situation, view: str, command: tuple[str, ...]) -> None:
    said = older.project.done(*command, "--format", "json").json()
    assert set() == key_paths(older.view(view)) - key_paths(said)


@of_versions("settled")
def test_a_deleted_client_comes_back_from_its_tombstone(older: Situation) -> None:
    older.project.edit("iac.yaml", "removed:\n  - {address: team/leaving, then: delete}\n", "")
    definition = {"client_id": "team-leaving", "client_name": "Client team/leaving", "contacts": ["ops@example.org"]}
    older.project.define("team/leaving", **definition, grant_types=["client_credentials"], scope=["openid"])
    older.project.done("state", "restore", "team/leaving", "--auto-approve")
    assert older.sandbox.iam.world.store.find("team-leaving") is not None


@of_versions("settled")
def test_a_new_rotation_and_a_second_key_go_on_from_there(older: Situation) -> None:
    older.project.done("rotate", "team/worker", "team/rotating", "--auto-approve")
    assert logs_in_from(older, "out/worker.json")
    assert logs_in_from(older, "out/rotating.json")
    older.project.done("keygen", "team/robot")
    older.settles()


def outcome_of_the_kill(it: Situation) -> list[int]:
    """How many clients of each name there are, whose creates were answered, done without an answer, and not done."""
    names = [client.client_name for client in it.sandbox.iam.world.store.clients()]
    return [names.count(f"Client kill/{name}") for name in ("answered", "done", "lost")]


@in_situations(*BEGUN)
def test_a_killed_apply_is_finished(older: Situation) -> None:
    """No second client, and every secret works."""
    older.free()
    older.settles()
    assert [1, 1, 1] == outcome_of_the_kill(older)
    for name in ("answered", "done", "lost", "portal"):
        assert logs_in_from(older, f"out/{name}.json")


@in_situations(*BY_SELF_SERVICE)
def test_where_nobody_can_find_a_lost_client_the_killed_apply_is_finished_by_who_says_so(older: Situation) -> None:
    refused = older.project.iac("apply", "--auto-approve")
    assert 3 == refused.code
    assert [1, 1, 0] == outcome_of_the_kill(older)
    older.settles("--recreate", "kill/done", "--recreate", "kill/lost")
    assert [1, 2, 1] == outcome_of_the_kill(older)
    for name in ("answered", "done", "lost", "portal"):
        assert logs_in_from(older, f"out/{name}.json")


@in_situations("git", "http", "s3")
def test_a_killed_run_still_holds_its_lock(older: Situation) -> None:
    """The lock is read: by its run it is broken, and only by that."""
    refused = older.project.iac("state", "unlock", "another-run")
    assert 0 != refused.code
    assert "another-run" in refused.text


@of_versions("killed-rotation")
def test_a_killed_rotation_is_finished(older: Situation) -> None:
    older.settles()
    for name in ("portal", "rotating"):
        assert logs_in_from(older, f"out/{name}.json")


@in_situations("git-declined")
def test_an_emergency_copy_is_brought_back(older: Situation) -> None:
    older.project.done("state", "push", str(older.folder / older.about["emergency"]))
    older.settles()
    assert logs_in_from(older, "out/portal.json")


@of_versions("saved-plan")
def test_a_saved_plan_is_applied_where_nothing_changed(older: Situation) -> None:
    older.project.done("apply", "plan.json")
    older.settles()
    for name in ("new", "worker", "rotating"):
        assert logs_in_from(older, f"out/{name}.json")
    assert older.sandbox.iam.world.store.find("team-phone") is None


@of_versions("saved-plan")
def test_an_approved_digest_is_that_of_the_plan(older: Situation) -> None:
    plan = older.project.done("plan", "--format", "json").json()
    old = older.view("plan.json")
    assert set() == key_paths(old) - key_paths(plan)
    shown = [[(change["address"], change["action"]) for change in document["changes"]] for document in (old, plan)]
    assert shown[0] == shown[1]
    older.project.done("apply", "--expect-plan", older.about["digest"])


@of_versions("saved-plan")
def test_a_saved_plan_is_stale_where_something_changed(older: Situation) -> None:
    older.project.edit("clients.d/team/new.yaml", '"openid"', '"profile"')
    stale = older.project.iac("apply", "plan.json")
    assert 4 == stale.code, stale.text
    assert older.sandbox.iam.world.store.find("team-new") is None


@of_versions("partial")
def test_the_rest_of_an_approved_plan_is_applied(older: Situation) -> None:
    assert older.sandbox.iam.world.store.find("team-new") is None
    report = older.project.done("apply", "--expect-plan", older.about["digest"], "--format", "json").json()
    assert set() == key_paths(older.view("report-first.json")) - key_paths(report)
    assert logs_in_from(older, "out/new.json")
    older.settles()


@of_versions("partial")
def test_the_rest_of_an_approved_plan_is_applied_from_its_file(older: Situation) -> None:
    older.project.done("apply", "plan.json")
    assert logs_in_from(older, "out/new.json")


@in_situations("environments")
def test_each_environment_has_its_state(older: Situation) -> None:
    for name in older.about["environments"]:
        older.project.done("--env", name, "plan", "--detailed-exitcode")
        older.project.done("--env", name, "render", "--check")
        assert logs_in_from(older, f"out/{name}.json")


CALL = re.compile(r"""^[^#\n]*\biac -C (?:"[^"]*"|\S+)(?: \$\{[^}]*\})? ([a-z]+)([^\n;&|]*)""", re.MULTILINE)
PIPELINES = sorted(path for path in (FOLDER / "pipelines" / "project").rglob("*.yml") if path.is_file())


@in_situations("pipelines")
def test_the_commands_of_written_pipelines_are_there(older: Situation) -> None:
    commands: dict[str, set[str]] = {}
    for path in PIPELINES:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for command, rest in CALL.findall(text):
            commands.setdefault(command, set()).update(re.findall(r" (--[a-z-]+)", rest))
    assert {"validate", "plan", "apply"} <= set(commands)
    for command, options in commands.items():
        page = older.project.done(command, "--help").out
        assert set() == {option for option in options if option not in page}
