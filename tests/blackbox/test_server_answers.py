"""Answers that make no sense: what a write may have done is found out, and what a read says is not believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.blackbox.bending import BENT, KEEPS_SECRET, every, once
from tests.blackbox.kit import bent, make_project, with_members
from tests.fakes.provider import logs_in
from tests.fakes.world import OWNERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iac.sandbox.message import Response
    from iac.sandbox.model import Client
    from iac.sandbox.server import Sandbox
    from tests.blackbox.kit import Project

CLIENTS = "/iam/api/clients"
APP = {"redirect_uris": ["https://app.example.org/cb"], "outputs": [{"template": "json", "path": "out/app.json"}]}


def registered(sandbox: Sandbox, client_id: str) -> Client:
    client = sandbox.iam.world.store.find(client_id)
    assert client is not None
    return client


def works(project: Project, sandbox: Sandbox) -> bool:
    """Whether the output's credentials log in."""
    found = json.loads(project.read("out/app.json"))
    return logs_in(sandbox.iam, found["client_id"], found["client_secret"])


def is_settled(project: Project) -> bool:
    plan = project.iac("plan", "--format", "json").json()
    return not (plan["changes"] or plan["guards"] or plan["pending"])


@pytest.mark.parametrize(
    ("flavour", "name"), [("1.12", "another kind"), ("1.14", "a path as its client"), ("1.14", "members twice")]
)
def test_a_create_whose_answer_makes_no_sense_is_looked_for_and_done(
    project: Project, sandbox: Sandbox, name: str
) -> None:
    project.define("app", **APP)
    with bent(sandbox, once("POST", CLIENTS, BENT[name])):
        ended = project.apply()
    assert 0 == ended.code, ended.text
    assert works(project, sandbox)
    assert ["app"] == [client["client_id"] for client in project.state()["clients"].values()]
    assert is_settled(project)


@pytest.mark.parametrize("flavour", ["1.12", "1.14"])
def test_a_create_that_cannot_be_read_back_is_finished_by_the_next_run(project: Project, sandbox: Sandbox) -> None:
    project.define("app", **APP)
    with bent(sandbox, every_of(CLIENTS, f"{CLIENTS}/app")):
        ended = project.apply()
    assert (5, True) == (ended.code, "app" in project.state()["intents"]), ended.text
    assert "client_name: expected a text, got a list with an object in it" in ended.text
    assert 0 == project.apply().code
    assert works(project, sandbox)
    assert is_settled(project)


def every_of(*paths: str) -> Any:
    """Bends each answer about one client, to whatever method, but no list."""

    def answer(request: Any, straight: Any) -> Response:
        response: Response = straight()
        is_one = request.path in paths and not (request.method == "GET" and request.path == CLIENTS)
        return BENT["another kind"](response) if is_one and response.status < 300 and response.body else response

    return answer


@pytest.mark.parametrize(
    ("flavour", "name"), [("1.14", "another kind"), ("1.14", "another client"), ("1.12", "a part")]
)
def test_a_new_secret_whose_answer_makes_no_sense_is_not_lost(project: Project, sandbox: Sandbox, name: str) -> None:
    project.define("app", **APP)
    assert 0 == project.apply().code
    before = registered(sandbox, "app").client_secret
    project.define("app", **APP, secret={"serial": 2})
    with bent(sandbox, once("POST", f"{CLIENTS}/app/secret", BENT[name])):
        ended = project.apply()
    assert before != registered(sandbox, "app").client_secret
    is_done = name in KEEPS_SECRET or sandbox.iam.flavour == "1.12"  # where a read shows it
    assert (0 if is_done else 5) == ended.code, ended.text
    assert is_done or not is_settled(project)
    assert 0 == project.apply().code
    assert works(project, sandbox)
    assert is_settled(project)


@pytest.mark.parametrize(("flavour", "name"), [("1.12", "another client"), ("1.14", "another kind")])
def test_an_update_whose_answer_makes_no_sense_is_read_back(project: Project, sandbox: Sandbox, name: str) -> None:
    project.define("app", **APP)
    assert 0 == project.apply().code
    project.define("app", **APP, contacts=["ops@example.org"], owners=[OWNERS[1]])
    with bent(sandbox, once("PUT", f"{CLIENTS}/app", BENT[name])):
        ended = project.apply()
    assert 0 == ended.code, ended.text
    assert is_settled(project)
    assert works(project, sandbox)
    assert "app" == project.state()["clients"]["app"]["client_id"]


@pytest.mark.parametrize(("name", "is_done"), [("a page", False), ("another client", True)])
def test_a_deletion_is_believed_when_the_client_is_gone(
    project: Project, sandbox: Sandbox, name: str, *, is_done: bool
) -> None:
    project.define("app", **APP)
    project.define("other", redirect_uris=["https://other.example.org/cb"])
    assert 0 == project.apply().code
    kept = registered(sandbox, "app")
    (project.root / "clients.d/app.yaml").unlink()
    project.write("iac.yaml", project.read("iac.yaml") + "removed: [{address: app, then: delete}]\n")

    def bend(response: Response) -> Response:
        if not is_done:
            sandbox.iam.world.store.put(kept)
        return BENT[name](response)

    with bent(sandbox, once("DELETE", f"{CLIENTS}/app", bend)):
        ended = project.apply()
    assert (0 if is_done else 5) == ended.code, ended.text
    assert is_done is ("app" not in project.state()["clients"])
    assert 0 == project.apply().code
    assert sandbox.iam.world.store.find("app") is None
    assert is_settled(project)


@pytest.mark.parametrize("name", ["a page"])
def test_an_owner_is_one_when_a_read_says_so(project: Project, sandbox: Sandbox, name: str) -> None:
    project.define("app", **APP, owners=[OWNERS[1]])
    with bent(sandbox, once("POST", f"/owners/{OWNERS[1]}", BENT[name])):
        ended = project.apply()
    assert 0 == ended.code, ended.text
    assert is_settled(project)


@pytest.mark.parametrize("other", ["../../x", "two\nlines ::error::"])
def test_a_read_that_is_answered_about_another_client_is_an_error_that_names_both(
    project: Project, sandbox: Sandbox, other: str
) -> None:
    project.define("app", **APP)
    assert 0 == project.apply().code
    with bent(sandbox, every("GET", f"{CLIENTS}/app", lambda response: with_members(response, client_id=other))):
        for command in (("plan",), ("apply", "--auto-approve"), ("show", "app")):
            ended = project.iac(*command)
            assert 6 == ended.code, ended.text
            assert "asked about app, answered about" in ended.text
            assert "\n::error" not in ended.text
            assert other.partition("\n")[0] in ended.text


WRONG = {"client_name": ["a list"], "active": "perhaps", "scope": {}, "access_token_validity_seconds": "3600"}


@pytest.fixture
def two(project: Project, sandbox: Sandbox) -> Iterator[Project]:
    """A project with two clients, of which the server says of one what makes no sense."""
    project.define("app", **APP)
    project.define("other", redirect_uris=["https://other.example.org/cb"])
    assert 0 == project.apply().code

    def answer(request: Any, straight: Any) -> Response:
        response: Response = straight()
        if request.path == f"{CLIENTS}/app" and response.status == 200:
            return with_members(response, **WRONG)
        if request.path == CLIENTS and request.method == "GET":
            page = json.loads(response.body)
            entries = [{**one, **WRONG} if one["client_id"] == "app" else one for one in page["Resources"]]
            return with_members(response, Resources=entries)
        return response

    with bent(sandbox, answer):
        yield project


PROBLEMS = (
    "client_name: expected a text, got a list",
    "active: expected true or false, got a text",
    "scope: expected a list of texts, got an object",
    "access_token_validity_seconds: expected a whole number, got a text",
)


def test_a_plan_names_the_client_that_makes_no_sense_and_tells_the_rest(two: Project) -> None:
    two.define("other", redirect_uris=["https://other.example.org/new"])
    plan = two.done("plan", "--format", "json").json()
    assert ["other"] == [change["address"] for change in plan["changes"]]
    assert ([], False) == (plan["guards"], plan["complete"])
    (message,) = [finding["why"] for finding in plan["findings"] if finding["id"] == "not-understood"]
    assert all(problem in message for problem in PROBLEMS)
    ended = two.apply()
    assert 0 == ended.code, ended.text
    assert "client_name: expected a text" in ended.text


def test_a_client_that_makes_no_sense_is_not_changed(two: Project) -> None:
    two.define("app", **APP, contacts=["ops@example.org"])
    two.define("other", redirect_uris=["https://other.example.org/new"])
    plan = two.iac("plan", "--format", "json").json()
    assert ["client-not-understood"] == [guard["id"] for guard in plan["guards"]]
    assert {"app", "other"} == {change["address"] for change in plan["changes"]}
    assert 3 == two.apply().code
    assert 0 == two.apply("--target", "other").code


def test_a_client_that_makes_no_sense_is_not_deleted_and_can_be_forgotten(two: Project) -> None:
    (two.root / "clients.d/app.yaml").unlink()
    without = two.read("iac.yaml")
    two.write("iac.yaml", without + "removed: [{address: app, then: delete}]\n")
    assert 3 == two.apply().code
    two.write("iac.yaml", without + "removed: [{address: app, then: forget}]\n")
    assert 0 == two.apply().code


def test_a_list_goes_on_with_the_others_and_says_what_it_leaves_out(two: Project) -> None:
    ended = two.done("list", "--format", "json")
    found = ended.json()
    ids = [client["client_id"] for client in found["clients"]]
    assert ("app" in ids, "other" in ids, ["app"]) == (False, True, [one["client_id"] for one in found["left_out"]])
    assert all(problem in found["left_out"][0]["problem"] for problem in PROBLEMS)
    assert f"app is left out: {PROBLEMS[0]}" in ended.err
    assert 0 == found["summary"]["gone"]
    assert "app is left out" in two.done("list", "--managed").err


def test_an_import_goes_on_with_the_others_and_says_what_it_leaves_out(two: Project, tmp_path: Path) -> None:
    shown = make_other(two, tmp_path)
    ended = shown.done("import", "--match", "id=other", "--match", "id=app")
    assert ("client_id other" in ended.out, "app is not imported: it is not understood: client_name" in ended.err) == (
        True,
        True,
    ), ended.text
    ended = shown.iac("import", "app")
    assert (1, True) == (ended.code, "it is not understood: client_name: expected a text, got a list" in ended.text)


OWNERLESS = ("list", "--ownerless", "--format", "json")


@pytest.mark.parametrize("command", [OWNERLESS, ("list", "--columns", "client_id,owners", "--format", "json")])
def test_a_list_goes_on_when_the_owners_of_one_client_make_no_sense(
    project: Project, sandbox: Sandbox, command: tuple[str, ...]
) -> None:
    project.define("app", **APP)
    project.define("other", redirect_uris=["https://other.example.org/cb"])
    assert 0 == project.apply().code

    def bend(response: Response) -> Response:
        return with_members(response, totalResults=1, Resources=[{"id": ["no text"]}])

    with bent(sandbox, every("GET", f"{CLIENTS}/app/owners", bend)):
        ended = project.done(*command)
    found = ended.json()
    ids = [client["client_id"] for client in found["clients"]]
    assert ("app" in ids, "other" in ids, ["app"]) == (False, True, [one["client_id"] for one in found["left_out"]])
    assert "app is left out: owners: expected" in ended.err


def make_other(project: Project, folder: Path) -> Project:
    """Another project at the same server that defines nothing."""
    other = type(project)(folder / "other", project.env)
    other.root.mkdir()
    other.write("iac.yaml", project.read("iac.yaml"))
    return other


def test_a_drift_and_a_view_name_the_client_that_makes_no_sense(two: Project) -> None:
    ended = two.done("drift", "--format", "json")
    assert ["app"] == ended.json()["unread"]
    assert f"app (app) is not understood: {PROBLEMS[0]}" in ended.err
    ended = two.iac("show", "app")
    assert (6, True) == (ended.code, all(problem in ended.text for problem in PROBLEMS))


SELF_SERVICE = """\
project: open
issuer: {issuer}
provider: iam-self-service
auth: {{method: none}}
state: {{encryption: {{recipients: [{recipient}], identity: {{env: IAC_AGE_IDENTITY}}}}}}
"""
REGISTRATIONS = "/iam/api/client-registration"
OPEN = {"client_name": "An app", "scope": ["openid"], **APP}


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox) -> Project:
    """A project of nobody, at whose server every client has an id and a token of the server's choice."""
    return make_project(tmp_path / "open", sandbox, iac_yaml=SELF_SERVICE)


@pytest.mark.parametrize(
    # IAM's own server refuses a slash, a semicolon, a percent sign and a segment of dots in a path;
    # providers/test_answer.py has those.
    ("chosen", "segment"),
    [("ü b?c#d", "%C3%BC%20b%3Fc%23d"), ('a"{b}+', "a%22%7Bb%7D%2B"), ("..rec", "..rec")],
)
def test_an_id_that_the_server_chose_is_one_segment_of_a_path(
    place: Project, sandbox: Sandbox, chosen: str, segment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(sandbox.iam.world.chance), "new_client_id", lambda _: chosen)
    place.write("clients.d/app.yaml", json.dumps(OPEN))
    assert 0 == place.apply().code
    place.write("clients.d/app.yaml", json.dumps({**OPEN, "contacts": ["ops@example.org"]}))
    assert 0 == place.apply().code
    assert chosen == place.state()["clients"]["app"]["client_id"]
    assert is_settled(place)
    paths = {path for method, path, _ in sandbox.log if method in {"GET", "PUT"} and path.startswith(REGISTRATIONS)}
    assert {f"{REGISTRATIONS}/{segment}"} == paths


@pytest.mark.parametrize(("flavour", "method"), [("1.12", "PUT"), ("1.14", "POST")])
def test_what_can_be_read_of_an_answer_with_the_only_id_secret_and_token_is_kept(
    place: Project, sandbox: Sandbox, method: str
) -> None:
    place.write("clients.d/app.yaml", json.dumps(OPEN))
    if method == "PUT":
        assert 0 == place.apply().code
        place.write("clients.d/app.yaml", json.dumps({**OPEN, "contacts": ["ops@example.org"]}))
    with bent(sandbox, once(method, "", BENT["another kind"])):
        ended = place.apply()
    assert 0 == ended.code, ended.text
    assert works(place, sandbox)
    assert is_settled(place)


RFC7591 = SELF_SERVICE.replace("iam-self-service", "rfc7591")
UNREADABLE = ["another client", "a path as its client", "no client", "a page", "nothing", "a list", "a part"]


@pytest.fixture
def registrar(tmp_path: Path, sandbox: Sandbox) -> Project:
    """A project of a server with dynamic client registration."""
    return make_project(tmp_path / "rfc", sandbox, iac_yaml=RFC7591)


@pytest.mark.parametrize("name", UNREADABLE)
def test_rfc7591_an_update_whose_answer_makes_no_sense_is_read_back(
    registrar: Project, sandbox: Sandbox, name: str
) -> None:
    registrar.write("clients.d/app.yaml", json.dumps(OPEN))
    assert 0 == registrar.apply().code
    client_id = registrar.state()["clients"]["app"]["client_id"]
    registrar.write("clients.d/app.yaml", json.dumps({**OPEN, "contacts": ["ops@example.org"]}))
    with bent(sandbox, once("PUT", client_id, BENT[name])):
        ended = registrar.apply()
    assert "another-client" not in json.dumps(registrar.state())
    assert client_id == registrar.state()["clients"]["app"]["client_id"]
    assert ended.code in {0, 5}, ended.text
    assert 0 == registrar.apply().code
    assert is_settled(registrar)
    assert works(registrar, sandbox)


@pytest.mark.parametrize("name", [name for name in UNREADABLE if "client" not in name or name == "no client"])
def test_rfc7591_a_registration_whose_answer_is_lost_is_not_done_twice(
    registrar: Project, sandbox: Sandbox, name: str
) -> None:
    registrar.write("clients.d/app.yaml", json.dumps(OPEN))
    with bent(sandbox, every("POST", "/client-registration", BENT[name])):
        ended = registrar.apply()
    assert (5, True) == (ended.code, "with it the only client_id" in ended.text), ended.text
    again = registrar.apply()
    assert 3 == again.code, again.text
    assert "An app" in again.text


def test_rfc7591_what_can_be_read_of_an_answer_is_kept(registrar: Project, sandbox: Sandbox) -> None:
    registrar.write("clients.d/app.yaml", json.dumps(OPEN))
    with bent(sandbox, every("POST", "/client-registration", BENT["another kind"])):
        assert 0 == registrar.apply().code
    assert is_settled(registrar)
    assert works(registrar, sandbox)


def test_rfc7591_a_read_about_another_client_is_an_error_that_names_both(registrar: Project, sandbox: Sandbox) -> None:
    registrar.write("clients.d/app.yaml", json.dumps(OPEN))
    assert 0 == registrar.apply().code
    client_id = registrar.state()["clients"]["app"]["client_id"]
    with bent(sandbox, every("GET", client_id, BENT["another client"])):
        ended = registrar.iac("plan")
    assert 6 == ended.code, ended.text
    assert f"asked about {client_id}, answered about another-client" in ended.text


def test_render_says_that_a_secret_may_be_dead_when_the_end_of_a_rotation_is_not_known(
    project: Project, sandbox: Sandbox
) -> None:
    project.define("app", **APP)
    assert 0 == project.apply().code
    assert "out/app.json" not in project.done("render").err
    with bent(sandbox, every("POST", "/app/secret", BENT["nothing"])):
        assert 5 == project.iac("rotate", "app", "--auto-approve").code
    for command in (("render",), ("render", "--check")):
        ended = project.done(*command)
        assert "out/app.json has the secret of app, which may be dead" in ended.err
    assert 0 == project.apply().code
    assert "may be dead" not in project.done("render").err
    assert works(project, sandbox)
