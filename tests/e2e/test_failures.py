"""What went wrong with tools of this kind, tried on the commands (docs/explanation/failures.md numbers them)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.model import Client
    from tests.e2e.project import Project

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
FILE = f"clients.d/{ADDRESS}.yaml"
OUTPUT = "out/portal.env"


@pytest.fixture(params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def redefine(project: Project, **changes: Any) -> None:
    project.define(ADDRESS, **{**json.loads(project.read(FILE)), **changes})


def everything(project: Project) -> dict[int, Client]:
    """All clients of the server, as they are."""
    return {client.key: client for client in project.sandbox.iam.world.store.clients()}


def rendered(project: Project) -> str:
    lines = dict(line.split("=", 1) for line in project.read(OUTPUT).splitlines() if "=" in line)
    return lines["CLIENT_SECRET"].strip("'\"")


def writes(project: Project) -> list[str]:
    return [path for method, path, _ in project.sandbox.log if method != "GET" and path != "/token"]


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_4_a_secret_that_the_server_makes_for_another_method_ends_in_state_and_outputs(
    project: Project, method: str
) -> None:
    redefine(project, token_endpoint_auth_method="none")
    assert project.apply().code == 0
    redefine(project, token_endpoint_auth_method=method)
    said = project.apply()
    assert (0, "") == (said.code, said.err)
    assert logs_in(project.sandbox.iam, CLIENT_ID, rendered(project))
    assert project.iac("render", "--check").code == 0
    assert project.iac("plan", "--detailed-exitcode").code == 0


def emptied(project: Project) -> None:
    (project.root / FILE).unlink()


def renamed(project: Project) -> None:
    (project.root / "clients.d").rename(project.root / "client.d")


def not_text(project: Project) -> None:
    (project.root / FILE).write_bytes(b"\xff\xfe")


def cut(project: Project) -> None:
    text = project.read(FILE)
    project.write(FILE, text[: len(text) // 2])


@pytest.mark.parametrize("mishap", [emptied, renamed, not_text, cut])
def test_7_definitions_that_are_gone_or_cannot_be_read_delete_nothing(
    project: Project, mishap: Callable[[Project], None]
) -> None:
    assert project.apply().code == 0
    before, files = everything(project), project.read(OUTPUT)
    mishap(project)
    for command in (["plan"], ["apply", "--auto-approve"], ["apply", "--auto-approve", "--format", "json"]):
        said = project.iac(*command)
        assert said.code == 1
        assert "clients.d" in said.err
    assert (before, files) == (everything(project), project.read(OUTPUT))


def test_7_a_part_of_the_definitions_that_is_gone_deletes_nothing(project: Project) -> None:
    project.define("team/other", grant_types=["client_credentials"])
    assert project.apply().code == 0
    before = everything(project)
    (project.root / FILE).unlink()
    said = project.apply()
    assert said.code == 3
    assert f"error: {ADDRESS}: the address is in state and has no definition [missing-definition]" in said.out
    assert before == everything(project)


def test_8_protection_outlives_the_definition_that_set_it_and_the_plan_is_shown(project: Project) -> None:
    project.define("team/other", grant_types=["client_credentials"])
    redefine(project, lifecycle={"prevent_destroy": True})
    assert project.apply().code == 0
    (project.root / FILE).unlink()
    project.write("iac.yaml", project.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
    project.define("team/other", grant_types=["client_credentials"], client_name="Another name")
    said = project.apply()
    assert said.code == 3
    for part in (f"{ADDRESS}: delete", "team/other: update", "[prevent-destroy]", "prevent_destroy: false"):
        assert part in said.out
    assert f"Client {ADDRESS}" == project.registered(CLIENT_ID).client_name
    assert "Client team/other" == project.registered("team-other").client_name


def test_9_a_server_that_was_edited_after_the_review_stops_the_apply_with_the_values(project: Project) -> None:
    assert project.apply().code == 0
    redefine(project, client_name="Reviewed name")
    assert project.iac("plan", "--out", "plan.json").code == 0
    digest = json.loads(project.read("plan.json"))["digest"]
    project.by_hand(CLIENT_ID, contacts=("somebody@example.org",))
    before = everything(project)
    for command in (["apply", "plan.json"], ["apply", "--auto-approve", "--expect-plan", digest]):
        said = project.iac(*command)
        assert said.code == 4
        assert ADDRESS in said.err
        assert "somebody@example.org" in said.out
    assert before == everything(project)


def test_12_clients_that_are_not_ours_are_the_same_after_everything_that_a_run_can_do(project: Project) -> None:
    ours = {"team-portal", "team-other"}
    others = {key: each for key, each in everything(project).items() if each.client_id not in ours}
    assert len(others) > 3
    project.define("team/other", grant_types=["client_credentials"])
    assert project.apply().code == 0
    redefine(project, client_name="Renamed", secret={"serial": 2})
    (project.root / "clients.d/team/other.yaml").unlink()
    project.write("iac.yaml", project.read("iac.yaml") + "removed: [{address: team/other, then: delete}]\n")
    assert project.apply().code == 0
    assert project.iac("rotate", ADDRESS, "--auto-approve").code == 0
    assert others == {key: each for key, each in everything(project).items() if each.client_id not in ours}


UNKNOWN = {
    "a flag": (lambda _: None, ["apply", "--auto-approve", "--frobnicate"], 64),
    "a command": (lambda _: None, ["deploy"], 64),
    "a key of a definition": (lambda p: redefine(p, redirect_uri="https://x"), ["apply", "--auto-approve"], 1),
    "a key of iac.yaml": (
        lambda p: p.write("iac.yaml", p.read("iac.yaml") + "limit: {}\n"),
        ["apply", "--auto-approve"],
        1,
    ),
    "a variable that is not set": (
        lambda p: p.edit("iac.yaml", "{env: IAC_CLIENT_SECRET}", "{env: NOT_SET_ANYWHERE}"),
        ["apply", "--auto-approve"],
        1,
    ),
    "a placeholder for a secret": (
        lambda p: p.edit("iac.yaml", "{env: IAC_CLIENT_SECRET}", '"##CLIENT_SECRET##"'),
        ["apply", "--auto-approve"],
        1,
    ),
    "a placeholder in an id": (lambda p: redefine(p, client_id="{{ client_id }}"), ["apply", "--auto-approve"], 1),
    "a placeholder in a URI": (
        lambda p: redefine(p, redirect_uris=["https://${HOST}/cb"]),
        ["apply", "--auto-approve"],
        1,
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_14_what_is_not_known_or_not_filled_in_sends_nothing(project: Project, what: str) -> None:
    change, command, code = UNKNOWN[what]
    change(project)  # type: ignore[no-untyped-call]
    said = project.iac(*command)
    assert code == said.code, said.out + said.err
    assert "error: " in said.err
    assert [] == writes(project)


POWERLESS = {
    "an expected plan that is no digest": (["apply", "--auto-approve", "--expect-plan", "sha256:abc"], 64),
    "an expected plan that is empty": (["apply", "--auto-approve", "--expect-plan", ""], 64),
    "a saved plan that is empty": (["apply", "plan.json"], 1),
    "a saved plan that is not there": (["apply", "none.json"], 1),
    "a target that no definition has": (["apply", "--auto-approve", "--target", "team/prtal"], 1),
}


@pytest.mark.parametrize("what", POWERLESS)
def test_16_a_guard_that_is_asked_for_and_cannot_work_is_an_error(project: Project, what: str) -> None:
    project.write("plan.json", "")
    command, code = POWERLESS[what]
    assert code == project.iac(*command).code
    assert [] == writes(project)


def test_16_a_limit_that_is_no_number_is_an_error(project: Project) -> None:
    project.write("iac.yaml", project.read("iac.yaml") + "limits: {max_deletes: few}\n")
    assert project.apply().code == 1
    assert [] == writes(project)


def test_18_a_plan_shows_what_changes_and_no_other_field(project: Project) -> None:
    uris = [f"https://portal.example.org/{number}" for number in range(300)]
    redefine(project, redirect_uris=uris)
    assert project.apply().code == 0
    redefine(project, redirect_uris=[*uris[1:], "https://portal.example.org/new"])
    said = project.iac("plan")
    assert (1, 1) == (said.out.count("+ https://"), said.out.count("- https://"))
    for field in ("scope", "grant_types", "contacts", "client_name", "token_endpoint_auth_method"):
        assert f"      {field}" not in said.out


def test_19_a_refusal_names_limit_value_key_and_flag(project: Project) -> None:
    for number in range(4):
        project.define(f"many/c{number}", grant_types=["client_credentials"])
    assert project.apply().code == 0
    entries = ", ".join(f"{{address: many/c{number}, then: delete}}" for number in range(4))
    for number in range(4):
        (project.root / f"clients.d/many/c{number}.yaml").unlink()
    project.write("iac.yaml", project.read("iac.yaml") + f"removed: [{entries}]\n")
    said = project.apply()
    assert said.code == 3
    for part in (
        "[max-deletes]",
        "4 clients are more than limits.max_deletes allows (3)",
        "many/c3: delete",
        "fix: limits.max_deletes: 4 in iac.yaml",
    ):
        assert part in said.out
    assert "see the plan above" in said.err
