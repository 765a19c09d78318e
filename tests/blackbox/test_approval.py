"""An approval that state notes proves itself: what nobody reviewed is not applied."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from iac.sandbox.message import Response
from tests.blackbox.kit import bent

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request
    from iac.sandbox.server import Sandbox
    from tests.blackbox.kit import Project

CLIENT = {"redirect_uris": ["https://portal.example.org/cb"]}


def refuse(method: str, path: str = "") -> Callable[[Request, Callable[[], Response]], Response]:
    """A server that answers requests of a method with 500, where their path or body names something."""

    def bend(request: Request, answer: Callable[[], Response]) -> Response:
        is_meant = request.method == method and "/iam/api/clients" in request.path
        if is_meant and path in request.path + request.body.decode():
            return Response(403, {"Content-Type": "application/json"}, b'{"error": "not today"}')
        return answer()

    return bend


def write_state(project: Project, **members: Any) -> None:
    project.write(".iac/state.json", json.dumps({**project.state(), **members}))


def names(sandbox: Sandbox) -> set[str]:
    return {client.client_id or "" for client in sandbox.iam.world.store.clients()}


def plan(project: Project) -> Any:
    return project.iac("plan", "--format", "json").json()


def digest_over(project: Project, digests: list[str], version: str = "1.0") -> str:
    """The digest of a plan of these changes."""
    found = [version, plan(project)["issuer"], "default", sorted(digests)]
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def forged(project: Project) -> dict[str, Any]:
    """An approval in state that lists a change which nobody has reviewed; the project defines it."""
    project.define("team/first", **CLIENT)
    assert 0 == project.apply().code
    project.define("team/evil", **CLIENT, scope=["openid", "scim:write"])
    evil = plan(project)["changes"][0]["digest"]
    return {"digest": "sha256:" + "1" * 64, "changes": [evil], "at": "2026-11-30T10:00:00Z"}


def test_a_digest_that_was_written_into_state_approves_nothing(
    project: Project, sandbox: Sandbox, forged: dict[str, Any]
) -> None:
    write_state(project, approval=forged)
    said = project.iac("apply", "--expect-plan", forged["digest"])
    assert 4 == said.code
    assert "team/evil" in said.err
    assert "team-evil" not in names(sandbox)


def test_a_change_that_was_added_to_a_real_approval_is_not_approved(
    project: Project, sandbox: Sandbox, forged: dict[str, Any]
) -> None:
    real = project.state()["approval"]
    write_state(project, approval={**real, "changes": [*real["changes"], *forged["changes"]]})
    said = project.iac("apply", "--expect-plan", real["digest"])
    assert 4 == said.code
    assert "team-evil" not in names(sandbox)


def test_the_digest_of_a_plan_is_the_hash_of_those_of_its_changes(project: Project) -> None:
    """So anybody can check it with a few lines, and it does not depend on the version of the document."""
    project.define("team/one", **CLIENT)
    project.define("team/two", **CLIENT)
    told = plan(project)
    assert digest_over(project, [change["digest"] for change in told["changes"]]) == told["digest"]


def test_the_rest_of_an_approved_plan_is_applied(project: Project, sandbox: Sandbox) -> None:
    project.define("team/one", **CLIENT)
    project.define("team/two", **CLIENT)
    digest = plan(project)["digest"]
    with bent(sandbox, refuse("POST", "team-two")):
        assert 5 == project.iac("apply", "--expect-plan", digest).code
    assert "team-one" in names(sandbox)
    project.done("apply", "--expect-plan", digest)
    assert {"team-one", "team-two"} <= names(sandbox)


def test_a_change_that_came_in_between_is_no_rest(project: Project, sandbox: Sandbox) -> None:
    project.define("team/one", **CLIENT)
    project.define("team/two", **CLIENT)
    digest = plan(project)["digest"]
    with bent(sandbox, refuse("POST", "team-two")):
        assert 5 == project.iac("apply", "--expect-plan", digest).code
    project.define("team/three", **CLIENT)
    said = project.iac("apply", "--expect-plan", digest)
    assert 4 == said.code
    assert "team/three" in said.err
    assert not {"team-two", "team-three"} & names(sandbox)


def rotate_with_grace(project: Project) -> str:
    project.define("team/one", **CLIENT, lifecycle={"rotation": "replace", "grace": "0d"}, secret={"serial": 1})
    assert 0 == project.apply().code
    project.define("team/one", **CLIENT, lifecycle={"rotation": "replace", "grace": "0d"}, secret={"serial": 2})
    return "team-one"


def another_id(project: Project) -> str:
    project.define("team/one", **CLIENT)
    assert 0 == project.apply().code
    project.define("team/one", **CLIENT, client_id="team-new")
    return "team-one"


def another_id_that_is_registered(project: Project) -> str:
    project.define("team/one", **CLIENT)
    project.define("team/new", **CLIENT, client_name="Named by hand")
    assert 0 == project.apply().code
    (project.root / "clients.d/team/new.yaml").unlink()
    project.write("iac.yaml", project.read("iac.yaml") + "removed: [{address: team/new, then: forget}]\n")
    assert 0 == project.apply().code
    project.define("team/one", **CLIENT, client_id="team-new", adopt=True)
    return "team-one"


@pytest.mark.parametrize("begin", [rotate_with_grace, another_id, another_id_that_is_registered])
def test_what_a_succession_leaves_is_applied(
    project: Project, sandbox: Sandbox, begin: Callable[[Project], str]
) -> None:
    old = begin(project)
    digest = plan(project)["digest"]
    with bent(sandbox, refuse("DELETE", old)):
        assert 5 == project.iac("apply", "--expect-plan", digest).code
    assert old in names(sandbox)
    project.done("apply", "--expect-plan", digest)
    assert old not in names(sandbox)


def test_what_a_succession_leaves_is_not_applied_where_state_lists_it_alone(project: Project, sandbox: Sandbox) -> None:
    """The digest of the deletion is in the list, as version 0.1 wrote it, and nothing shows where it comes from."""
    old = another_id_that_is_registered(project)
    digest = plan(project)["digest"]
    with bent(sandbox, refuse("DELETE", old)):
        assert 5 == project.iac("apply", "--expect-plan", digest).code
    rest = plan(project)["changes"][0]["digest"]
    noted = {name: value for name, value in project.state()["approval"].items() if name != "seen"}
    write_state(project, approval={**noted, "changes": [rest]})
    assert 4 == project.iac("apply", "--expect-plan", digest).code
    assert old in names(sandbox)
