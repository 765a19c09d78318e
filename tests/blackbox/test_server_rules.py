"""Redirect URIs and ids are judged by what the server of the project does with them (recordings "-odd")."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import Ended, Project, bent, register_by_hand, with_members

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request, Response
    from iac.sandbox.server import Sandbox

TAKEN_BY_1_12 = ["http://localhost:*/cb", "http://localhost:99999/cb", "https://a.example.org:99999/cb"]
TAKEN_BY_1_14 = ["http://localhost:99999/cb", "https://a.example.org:99999/cb"]
REFUSED_BY_ALL = [
    "https://{tenant}.example.org/cb",
    "https://a.example.org/{tenant}/cb",
    "https://a.example.org/cb|x",
    "https://a.example.org/cb?a=|b",
    "https://a.example.org/c\tb",
]
WITH_BLANKS = ["https://a.example.org/c b", " https://a.example.org/cb", "https://a.example.org/cb "]
REACHED = [
    "rec odd",
    "rec-ödd",
    'rec"odd',
    "rec{odd}",
    "rec'odd",
    "rec+odd",
    "rec?odd",
    "rec#odd",
    "rec<odd>",
    "rec\todd",
]
NOT_REACHED = ["rec%odd", "rec/odd", "rec;odd"]


def define_each(project: Project, uris: list[str]) -> None:
    """A client for each redirect URI."""
    for number, uri in enumerate(uris):
        project.define(f"team/c{number}", redirect_uris=[uri], scope=["openid"])


def refused(ended: Ended, uris: list[str]) -> list[str]:
    """The URIs whose definition has an error."""
    errors = [line for line in ended.text.splitlines() if " error: " in line]
    return [uri for number, uri in enumerate(uris) if any(f"team/c{number}.yaml" in line for line in errors)]


def test_validate_refuses_no_uri_that_some_version_takes(project: Project) -> None:
    define_each(project, TAKEN_BY_1_12)
    assert [] == refused(project.iac("validate"), TAKEN_BY_1_12)


@pytest.mark.parametrize(("flavour", "uris"), [("1.12", TAKEN_BY_1_12), ("1.14", TAKEN_BY_1_14)])
def test_a_plan_takes_what_its_server_takes(project: Project, uris: list[str]) -> None:
    define_each(project, uris)
    project.done("plan")


def test_a_plan_for_1_14_refuses_a_port_of_any_number(project: Project) -> None:
    define_each(project, ["http://localhost:*/cb"])
    assert project.iac("plan").code in {1, 3}


def test_validate_refuses_uris_that_all_versions_refuse(project: Project) -> None:
    define_each(project, REFUSED_BY_ALL)
    assert REFUSED_BY_ALL == refused(project.iac("validate"), REFUSED_BY_ALL)


def test_validate_refuses_uris_with_blanks(project: Project) -> None:
    define_each(project, WITH_BLANKS)
    assert WITH_BLANKS == refused(project.iac("validate"), WITH_BLANKS)


@pytest.mark.parametrize("flavour", ["1.12"])
def test_clients_that_are_there_can_be_imported_and_adopted(project: Project, sandbox: Sandbox) -> None:
    for client_id in REACHED:
        register_by_hand(sandbox, client_id, client_name="An odd one", token_endpoint_auth_method="client_secret_post")
    project.done("import", "--match", "rec*")
    assert len(REACHED) == len(list(project.root.glob("clients.d/**/*.yaml")))
    project.done("apply", "--auto-approve")
    project.done("plan", "--detailed-exitcode")
    for client_id in REACHED:
        project.done("show", client_id)


def test_clients_of_such_ids_can_be_made(project: Project, sandbox: Sandbox) -> None:
    for number, client_id in enumerate(REACHED):
        project.define(f"team/c{number}", client_id=client_id, grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    assert all(sandbox.iam.world.store.find(client_id) for client_id in REACHED)
    project.done("plan", "--detailed-exitcode")
    leaving = [{"address": f"team/c{number}", "then": "delete"} for number in range(len(REACHED))]
    for entry in leaving:
        (project.root / f"clients.d/{entry['address']}.yaml").unlink()
    project.define("team/stays", grant_types=["client_credentials"], scope=["openid"])
    project.write(
        "iac.yaml", f"{project.read('iac.yaml')}removed: {json.dumps(leaving)}\nlimits: {{max_deletes: 99}}\n"
    )
    project.done("apply", "--auto-approve")
    assert not any(sandbox.iam.world.store.find(client_id) for client_id in REACHED)


@pytest.mark.parametrize("client_id", NOT_REACHED)
def test_an_id_that_cannot_be_asked_for_again_is_not_made(project: Project, sandbox: Sandbox, client_id: str) -> None:
    project.define("team/odd", client_id=client_id, grant_types=["client_credentials"], scope=["openid"])
    applied = project.apply()
    assert applied.code in {1, 3}, applied.text
    assert sandbox.iam.world.store.find(client_id) is None


def test_plan_says_that_an_adopted_client_has_no_redirect_uri(project: Project, sandbox: Sandbox) -> None:
    register_by_hand(sandbox, "team-old", grant_types=("authorization_code",), redirect_uris=())
    project.define("team/old", adopt=True, client_name="A new name", scope=["openid"])
    plan = project.iac("plan")
    assert 0 != plan.code, plan.text
    assert "redirect_uris" in plan.text


@pytest.mark.parametrize("flavour", ["1.12"])
def test_plan_says_that_four_keys_are_too_many_for_1_12(project: Project) -> None:
    project.define("team/robot", grant_types=["client_credentials"], scope=["openid"])
    for _ in range(4):
        project.done("keygen", "--type", "RS256", "team/robot")
    plan = project.iac("plan")
    assert 0 != plan.code, plan.out[-500:]
    assert "jwk" in plan.text


def test_an_unknown_owner_is_told_apart_from_the_client(project: Project, sandbox: Sandbox) -> None:
    unknown = "5f9c1a2e-0000-4000-8000-00000000dead"
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"], owners=[unknown])
    applied = project.apply()
    assert 5 == applied.code
    assert sandbox.iam.world.store.find("team-job") is not None
    _, _, report = applied.text.partition("Plan:")
    assert unknown in report
    assert "created" in report
    assert "create failed" not in report


def test_an_id_that_another_server_chose_is_taken_as_it_is(project: Project, sandbox: Sandbox) -> None:
    """CILogon's ids have slashes; its clients are reached by the URI that it says."""
    client_id = "cilogon:/client_id/1"

    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        response = straight()
        if request.path.startswith("/iam/api/client-registration") and response.status in {200, 201}:
            return with_members(response, client_id=client_id)
        return response

    credentials = project.read("iac.yaml").split("auth: ")[1].splitlines()[0]
    project.edit("iac.yaml", credentials, "{method: none}")
    project.edit("iac.yaml", "provider: iam-admin", "provider: rfc7591")
    project.define(
        "team/portal", redirect_uris=["https://portal.example.org/cb"], outputs=[{"template": "json", "path": "out/p"}]
    )
    definition = project.json_file("clients.d/team/portal.yaml")
    del definition["client_id"]
    project.write("clients.d/team/portal.yaml", json.dumps(definition))
    with bent(sandbox, answer):
        project.done("apply", "--auto-approve")
        project.done("plan", "--detailed-exitcode")
        project.done("show", client_id)
    assert client_id == project.json_file("out/p")["client_id"]


def test_an_id_that_another_server_chose_can_be_named(project: Project) -> None:
    credentials = project.read("iac.yaml").split("auth: ")[1].splitlines()[0]
    project.edit("iac.yaml", credentials, "{method: none}")
    project.edit("iac.yaml", "provider: iam-admin", "provider: rfc7591")
    project.define(
        "team/portal", client_id="cilogon:/client_id/1", adopt=True, redirect_uris=["https://portal.example.org/cb"]
    )
    project.done("validate")


def test_a_client_that_cannot_be_asked_for_does_not_keep_the_others_from_being_imported(
    project: Project, sandbox: Sandbox
) -> None:
    for client_id in (*NOT_REACHED, "rec odd"):
        register_by_hand(sandbox, client_id, client_name="An odd one")
    imported = project.iac("import", "--match", "rec*")
    assert ["rec-odd.yaml"] == [path.name for path in project.root.glob("clients.d/**/*.yaml")], imported.text
    assert all(client_id in imported.text for client_id in NOT_REACHED)
    assert "rec%odd" in project.done("list").text
    project.done("list", "--ownerless")
