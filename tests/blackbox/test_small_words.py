"""Small things that mislead."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request, Response
    from iac.sandbox.server import Sandbox
    from tests.blackbox.kit import Project
from iac.sandbox import access
from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.message import html_error
from tests.blackbox.kit import bent, by_hand
from tests.blackbox.terminal import answered


def test_a_finding_of_many_clients_is_said_with_their_addresses(project: Project) -> None:
    project.write("iac.yaml", project.read("iac.yaml") + "policy: {password-grant: error}\n")
    for number in range(5):
        project.define(f"team/c{number}", grant_types=["password"], scope=["openid"])
    plan = project.iac("plan")
    assert 3 == plan.code
    sentences = [sentence for sentence in re.split(r"[;\n]", plan.err) if "password" in sentence]
    assert len(sentences) == len(set(sentences))
    assert "team/c0" in plan.err


def test_what_a_finding_refuses_in_many_clients_is_one_sentence(project: Project) -> None:
    project.write("iac.yaml", project.read("iac.yaml") + "policy: {password-grant: error}\n")
    for number in range(5):
        project.define(f"team/c{number}", grant_types=["password"], scope=["openid"])
    said = project.iac("plan").err
    assert 1 == said.count("[password-grant]")
    assert "team/c0, team/c1, team/c2, team/c3, team/c4: " in said


@pytest.fixture
def alone(project: Project) -> Project:
    """A project of self service, with one client that was deleted."""
    project.edit("iac.yaml", "provider: iam-admin", "provider: iam-self-service")
    credentials = project.read("iac.yaml").split("auth: ")[1].splitlines()[0]
    project.edit("iac.yaml", credentials, "{method: none}")
    for name in ("job", "other"):
        project.define(f"team/{name}", redirect_uris=["https://portal.example.org/cb"], scope=["openid"])
        definition = project.json_file(f"clients.d/team/{name}.yaml")
        del definition["client_id"]
        project.write(f"clients.d/team/{name}.yaml", json.dumps(definition))
    return project


def test_state_list_offers_no_restore_where_none_is_possible(alone: Project) -> None:
    alone.done("apply", "--auto-approve")
    (alone.root / "clients.d/team/job.yaml").unlink()
    alone.write("iac.yaml", alone.read("iac.yaml") + "removed: [{address: team/job, then: delete}]\n")
    alone.done("apply", "--auto-approve")
    assert "iac state restore" not in alone.done("state", "list").text


def test_a_lost_create_is_not_called_somebody_elses(alone: Project, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.CUT_AFTER, method="POST", path="/iam/api/client-registration", times=9))
    alone.apply("--parallelism", "1")
    sandbox.faults.clear()
    plan = alone.iac("plan")
    assert 3 == plan.code
    assert "lost-create" in plan.out
    assert "not yours" not in plan.out
    assert 2 == plan.out.count("an interrupted run may have registered it")
    assert "client \n" not in alone.iac("verify").out
    assert all("iac plan" in check["fix"] for check in doctor(alone) if check["id"] == "interrupted")


def test_new_does_not_speak_of_any_service(project: Project) -> None:
    assert "Any service" not in project.done("new", "zz").text


def test_fmt_orders_a_file_with_marks_of_a_document(project: Project) -> None:
    text = "client_name: Client job\ngrant_types: [client_credentials]\nclient_id: team-job\n"
    project.write("clients.d/team/job.yaml", f"---\n{text}...\n")
    project.done("fmt")
    lines = project.read("clients.d/team/job.yaml").splitlines()
    assert "---" in lines
    assert lines.index("client_id: team-job") < lines.index("client_name: Client job")


def test_state_init_keeps_the_line_ends_of_iac_yaml(project: Project) -> None:
    text = re.sub(r"\n *lineage: .*", "", project.read("iac.yaml"))
    (project.root / "iac.yaml").write_bytes(text.replace("\n", "\r\n").encode())
    (project.root / ".iac/state.json").unlink()
    project.done("state", "init")
    raw = (project.root / "iac.yaml").read_bytes()
    assert b"lineage" in raw
    assert raw.count(b"\n") == raw.count(b"\r\n")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_of_the_document_stay_where_iac_yaml_is_changed(project: Project, end: str) -> None:
    text = re.sub(r"\n *lineage: .*", "", project.read("iac.yaml"))
    text = f"# ours\n---\n{text}... # the end\n".replace("\n", end)
    (project.root / "iac.yaml").write_bytes(text.encode())
    (project.root / ".iac/state.json").unlink()
    project.done("state", "init")
    project.done("new", "rucio", "--template", "rucio", "--set", "host=a.example.org", "--set", "idp=wlcg")
    raw = (project.root / "iac.yaml").read_bytes().decode()
    assert raw.startswith(f"# ours{end}---{end}")
    assert raw.endswith(f"... # the end{end}")
    assert raw.count("\n") == raw.count(end)
    project.done("validate")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_drift_is_accepted_into_a_file_with_marks(project: Project, sandbox: Sandbox, end: str) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    text = "---\nclient_id: team-job\nclient_name: Client team/job\nscope: [openid]\n"
    text += "grant_types: [client_credentials]\n...\n"
    (project.root / "clients.d/team/job.yaml").write_bytes(text.replace("\n", end).encode())
    by_hand(sandbox, "team-job", jwks_uri="https://job.example.org/jwks")
    project.done("drift", "--accept", "team/job")
    raw = (project.root / "clients.d/team/job.yaml").read_bytes().decode()
    assert f"{end}jwks_uri: https://job.example.org/jwks{end}...{end}" in raw
    assert raw.startswith(f"---{end}")


def test_fmt_changes_a_file_with_marks_once(project: Project) -> None:
    project.write(
        "clients.d/team/job.yaml", "# ours\n---  # here\nscope: [ openid ]\nclient_id: team-job\n...\n# more\n"
    )
    project.done("fmt")
    lines = project.read("clients.d/team/job.yaml").splitlines()
    assert ["# ours", "---  # here", "client_id: team-job", "scope: [openid]", "...", "# more"] == lines[1:]
    project.done("fmt", "--check")


def test_new_keeps_the_line_ends_of_iac_yaml(project: Project) -> None:
    text = project.read("iac.yaml").replace("\n", "\r\n")
    (project.root / "iac.yaml").write_bytes(text.encode())
    project.done("new", "rucio", "--template", "rucio", "--set", "host=a.example.org", "--set", "idp=wlcg")
    raw = (project.root / "iac.yaml").read_bytes()
    assert b"rucio-idpsecrets" in raw
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_import_refuses_json_with_a_key_twice(project: Project) -> None:
    project.write(
        "clients.json", '[{"client_id": "team-a", "client_id": "team-b", "client_name": "Client a", "scope": "openid"}]'
    )
    assert 1 == project.iac("import", "--from", "clients.json").code


def test_import_says_that_a_client_of_keycloak_is_none(project: Project) -> None:
    keycloak = {
        "clientId": "portal",
        "name": "Portal",
        "redirectUris": ["https://portal.example.org/*"],
        "publicClient": False,
        "standardFlowEnabled": True,
        "client_id": "portal",
    }
    project.write("keycloak.json", json.dumps([keycloak]))
    said = project.iac("import", "--from", "keycloak.json")
    assert 1 == said.code
    assert "redirectUris" in said.text


@pytest.mark.parametrize(
    "client",
    [
        {"clientId": "portal", "publicClient": True},
        {"client_id": "portal", "name": "Portal", "callbacks": ["https://a"]},
    ],
    ids=["Keycloak", "Auth0"],
)
def test_import_names_the_server_whose_form_it_does_not_read(project: Project, client: dict[str, object]) -> None:
    project.write("clients.json", json.dumps({"clients": [client]}))
    said = project.iac("import", "--from", "clients.json")
    assert 1 == said.code
    assert "is a client of " in said.err
    assert not list((project.root / "clients.d").rglob("*.yaml"))


@pytest.mark.slow
def test_declining_is_no_error(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    ended = answered(project, "n\n", "apply")
    assert 1 == ended.code
    assert "Apply cancelled. Nothing was sent." in ended.text
    assert "error:" not in ended.text


def doctor(project: Project) -> list[dict[str, str]]:
    """What doctor is not content with."""
    checks = project.iac("doctor", "--format", "json").json()["checks"]
    return [check for check in checks if check["verdict"] in {"warning", "error"} and check["id"] != "pinned"]


def test_doctor_names_clients_that_are_gone(project: Project, sandbox: Sandbox) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    store = sandbox.iam.world.store
    client = store.find("team-job")
    assert client is not None
    store.remove(client)
    assert [("clients", "not found on the server: team/job")] == [(one["id"], one["says"]) for one in doctor(project)]


def test_a_client_that_is_out_of_reach_is_not_called_gone(alone: Project, sandbox: Sandbox) -> None:
    """A user's or anybody's API refuses a deleted client and one whose token has changed alike."""
    alone.done("apply", "--auto-approve")
    store = sandbox.iam.world.store
    client = store.find(alone.state()["clients"]["team/job"]["client_id"])
    assert client is not None
    access.issue_rat(sandbox.iam.world, client)
    drifts = [alone.iac("drift", "--format", view).out for view in ("text", "markdown", "html")]
    assert all("gone from the server, or out of reach" in said for said in drifts)
    fixes = [drifts[0], drifts[1], alone.done("show", "team/job").out]
    assert all("registration access token or owner has changed" in said for said in fixes)
    assert all("iac secret token" in said.partition("--recreate")[0] for said in fixes)
    assert alone.iac("drift", "--format", "json").json()["clients"][0]["may_be_there"]
    assert "not found on the server, or out of reach: team/job" in [one["says"] for one in doctor(alone)]
    accepted = alone.iac("drift", "--accept", "team/job")
    assert (1, True) == (accepted.code, "iac secret token" in accepted.err.partition("--recreate")[0])
    assert "or out of reach" in alone.iac("secret", "set", "team/job", stdin="wrong").err


def test_a_client_that_was_not_read_is_not_called_gone(alone: Project) -> None:
    alone.done("apply", "--auto-approve")
    del alone.env["IAC_AGE_IDENTITY"]
    assert "server: (not read: iac plan says why)" in alone.done("show", "team/job").out
    assert "Not read: team/job, team/other." in alone.done("drift").out
    assert "not read: team/job, team/other" in [one["says"] for one in doctor(alone)]
    assert "team/job: not read" in alone.done("drift", "--accept", "team/job").err


@pytest.mark.parametrize("flavour", ["1.12"])
def test_accept_calls_the_server_as_applied_only_where_it_is(project: Project, sandbox: Sandbox) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    assert "nothing to accept: no field differs" in project.done("drift", "--accept", "team/job").err
    for values in ({"client_secret": "changed-by-hand-0123456789"}, {"active": False}):
        by_hand(sandbox, "team-job", **values)
        accepted = project.iac("drift", "--accept", "team/job")
        assert (2, False) == (accepted.code, "applied values" in accepted.text)


def test_list_and_show_know_the_client_of_a_create_that_was_interrupted(project: Project, sandbox: Sandbox) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    created: list[Response] = []

    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        """The server is down as soon as it has registered the client."""
        if request.method == "POST" and request.path == "/iam/api/clients":
            created.append(straight())
        return html_error(500) if created else straight()

    with bent(sandbox, answer):
        project.apply()
    assert "registered by an interrupted run" in project.done("plan").out
    (row,) = project.done("list", "--match", "team-job", "--format", "json").json()["clients"]
    assert ("team/job", "interrupted create") == (row["address"], row["state"])
    assert "team-job" not in project.done("list", "--unmanaged").out
    assert "was interrupted; iac plan says how it goes on" in project.done("show", "team/job").out
    (project.root / "clients.d/team/job.yaml").unlink()
    assert "was interrupted; iac plan says how it goes on" in project.done("show", "team/job").out


def test_doctor_says_the_same_error_of_the_server_once(project: Project, sandbox: Sandbox) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    with bent(sandbox, lambda request, straight: html_error(500) if "/iam/api" in request.path else straight()):
        assert ["server"] == [check["id"] for check in doctor(project)]


def test_a_secret_that_is_known_already_has_no_output_wait_for_it(project: Project) -> None:
    output = {"template": "json", "path": "out/job.json"}
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"], outputs=[output])
    project.done("apply", "--auto-approve")
    secret = project.json_file("out/job.json")["client_secret"]
    assert "iac apply" not in project.done("secret", "set", "team/job", stdin=secret).text


def test_a_check_that_could_not_render_one_output_praises_no_other(project: Project) -> None:
    for name in ("bad", "missing"):
        output = {"template": f"{name}.j2", "path": f"out/{name}"}
        project.write(f"templates/{name}.j2", "{{ client.client_id | verbatim }}\n")
        project.define(f"team/{name}", grant_types=["client_credentials"], outputs=[output])
    project.done("apply", "--auto-approve")
    project.write("templates/bad.j2", "{{ client.nothing }}\n")
    (project.root / "out/missing").unlink()
    checked = project.iac("render", "--check")
    assert 1 == checked.code
    assert "missing    out/missing" in checked.text
    assert "up to date" not in checked.text


def test_a_check_of_one_file_does_not_call_the_others_valid(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"])
    project.write("clients.d/team/wrong.yaml", "client_id: wrong\n")
    assert "valid in clients.d/team/job.yaml" in project.done("validate", "clients.d/team/job.yaml").out
