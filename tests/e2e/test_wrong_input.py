"""What people get wrong, and servers that are none: one clear message with a way on, the right exit code, no change."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from iac.sealing import new_identity
from tests.providers.stub import Say, Seen, start_stub

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.project import Project

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
FILE = f"clients.d/{ADDRESS}.yaml"
STATE = ".iac/state.json"
APPLY = ("apply", "--auto-approve")
EVIL = "\x1b[31mred\x1b]0;title\x07 \u202egnp.exe ::error::x\n| `@team` <b>"


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads that are tried again are so at once."""
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)


def _snapshot(project: Project) -> dict[str, Any]:
    """Every file of the project and every client of the server."""
    files: dict[str, Any] = {}
    for path in sorted(project.root.rglob("*")):
        if path.name.endswith(".lock"):
            continue
        if path.is_symlink():
            files[str(path)] = os.readlink(path)  # noqa: PTH115  # as it is written
        else:
            files[str(path)] = path.read_bytes() if path.is_file() else "no file"
    clients = {client.client_id: client for client in project.sandbox.iam.world.store.clients()}
    return {"files": files, "clients": clients}


def _refused(project: Project, code: int, *words: str, command: tuple[str, ...] = APPLY) -> str:
    """The command ends with this code, says all these words on stderr with a way on, and changes nothing."""
    before = _snapshot(project)
    said = project.iac(*command)
    assert code == said.code, said.out + said.err
    for word in words:
        assert word in said.err
    assert "fix: " in said.err
    assert "fault in iac" not in said.err
    assert before == _snapshot(project)
    return said.err


def _redefine(**changes: Any) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        project.define(ADDRESS, **{**json.loads(project.read(FILE)), **changes})

    return change


def _unlike(old: str, new: str, path: str = "iac.yaml") -> Callable[[Project], None]:
    return lambda project: project.edit(path, old, new)


def _replaced(path: str, make: Callable[[Any], object]) -> Callable[[Project], None]:
    """The file is gone and something else is in its place."""

    def change(project: Project) -> None:
        target = project.root / path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        make(target)

    return change


def _nothing(_: Any) -> None:
    """Leave the place empty."""


FILES: dict[str, tuple[Callable[[Project], None], tuple[str, ...]]] = {
    "no iac.yaml": (_replaced("iac.yaml", _nothing), ("there is no iac.yaml here or above", "iac init makes one")),
    "iac.yaml is a folder": (_replaced("iac.yaml", lambda path: path.mkdir()), ("iac.yaml:1:1", "this is not a file")),
    "iac.yaml is a FIFO": (_replaced("iac.yaml", os.mkfifo), ("iac.yaml:1:1", "this is not a file")),
    "iac.yaml is binary": (
        _replaced("iac.yaml", lambda path: path.write_bytes(b"\xff\xfe\x00")),
        ("iac.yaml:1:1", "not UTF-8"),
    ),
    "no clients.d": (_replaced("clients.d", _nothing), ("there is no folder clients.d", "create clients.d/NAME.yaml")),
    "an empty clients.d": (_replaced("clients.d", lambda path: path.mkdir()), ("clients.d has no definition",)),
    "clients.d is a file": (_replaced("clients.d", lambda path: path.touch()), ("there is no folder clients.d",)),
    "a dangling link": (
        _replaced("clients.d/x.yaml", lambda path: path.symlink_to("nowhere")),
        ("clients.d/x.yaml:1:1", "this is not a file"),
    ),
    "a link to itself": (
        _replaced("clients.d/x.yaml", lambda path: path.symlink_to("x.yaml")),
        ("clients.d/x.yaml:1:1", "Too many levels of symbolic links"),
    ),
    "a link out of the project": (
        _replaced("clients.d/x.yaml", lambda path: path.symlink_to("/etc/hosts")),
        ("clients.d/x.yaml:1:1", "out of the project"),
    ),
    "a FIFO": (_replaced("clients.d/x.yaml", os.mkfifo), ("clients.d/x.yaml:1:1", "this is not a file")),
    "a binary file": (
        _replaced("clients.d/x.yaml", lambda path: path.write_bytes(b"a: \x80")),
        ("clients.d/x.yaml:1:4", "not UTF-8"),
    ),
    "a huge file": (
        _replaced("clients.d/x.yaml", lambda path: path.write_text("a: b\n" * 100_000)),
        ("clients.d/x.yaml:1:1", "larger than 256 KiB"),
    ),
    "tabs": (
        _replaced("clients.d/x.yaml", lambda path: path.write_text("client_id:\n\t- x")),
        ("clients.d/x.yaml:2:1", "invalid YAML"),
    ),
    "two equal keys": (
        _unlike('"client_id"', '"client_id": "a",\n "client_id"', FILE),
        (f"{FILE}:3:2", "the key client_id is there twice"),
    ),
    "a key with a typo": (
        _unlike('"scope"', '"scopes"', FILE),
        ("unknown key scopes", "did you mean scope?"),
    ),
    "a value with a typo": (
        _redefine(grant_types=["authorisation_code"]),
        ("authorisation_code", "did you mean authorization_code?"),
    ),
    "tos_uri": (_redefine(tos_uri="https://x.example.org/"), ("IAM silently drops tos_uri",)),
    "an unknown template": (
        _redefine(outputs=[{"template": "dotnv", "path": "out/x"}]),
        ("there is no template dotnv", "did you mean dotenv?"),
    ),
    "an output outside": (
        _redefine(outputs=[{"template": "dotenv", "path": "../x"}]),
        ("not a path inside the project",),
    ),
    "an output over iac.yaml": (
        _redefine(outputs=[{"template": "dotenv", "path": "iac.yaml"}]),
        ("would be written over what iac, git or a forge reads",),
    ),
    "an output over the state": (
        _redefine(outputs=[{"template": "dotenv", "path": STATE}]),
        ("would be written over what iac, git or a forge reads",),
    ),
    "an output that is a link": (
        _replaced("out", lambda path: (path.mkdir(), (path / "portal.env").symlink_to("/etc/hosts"))),
        ("leads out of the project by a symbolic link",),
    ),
    "an output that a linked folder leads into git's own": (
        _replaced("out", lambda path: path.symlink_to(".git/hooks")),
        ("would be written over what iac, git or a forge reads (.git)",),
    ),
    "an output that a linked folder leads over definitions": (
        _replaced("out", lambda path: path.symlink_to("clients.d")),
        ("would be written over what iac, git or a forge reads (clients.d)",),
    ),
    "an issuer without TLS": (
        lambda project: project.edit("iac.yaml", project.sandbox.issuer, "http://iam.example.org/"),
        ("iac.yaml:2:9", "the issuer is not https"),
    ),
    "a provider with a typo": (
        _unlike("iam-admin", "iam-admn"),
        ("iac.yaml:3:11", "did you mean iam-admin?"),
    ),
    "two environments that share a state": (
        lambda project: project.write("iac.yaml", project.read("iac.yaml") + "environments: {dev: {}, prod: {}}\n"),
        ("environments dev and prod have the same state",),
    ),
}


@pytest.mark.parametrize("command", [("plan",), APPLY])
@pytest.mark.parametrize("name", FILES)
def test_wrong_files_are_told_with_their_place_before_anything_is_sent(
    project: Project, name: str, command: tuple[str, ...]
) -> None:
    change, words = FILES[name]
    change(project)
    _refused(project, 1, *words, command=command)
    # a plan logs in and lists while definitions are read; nothing else is asked, and nothing written
    asked = [entry for entry in project.sandbox.log if entry[0] != "GET" and entry[1] != "/token"]
    assert [] == (asked if command == ("plan",) else project.sandbox.log)


def test_every_mistake_is_told_at_once(project: Project) -> None:
    project.write("clients.d/a.yaml", "clint_id: a\nscopes: openid\n")
    project.write("clients.d/b.yaml", "client_id: [\n")
    said = _refused(project, 1, "clients.d/a.yaml:1:1", "clients.d/a.yaml:2:1", "clients.d/b.yaml:2:1")
    assert re.search(r"^\d+ mistakes in the configuration$", said, re.MULTILINE)


@pytest.mark.parametrize("command", ["plan", "apply", "render", "validate", "fmt", "whoami", "show x", "state list"])
def test_a_folder_without_a_project_is_exit_1_for_every_command(project: Project, command: str) -> None:
    (project.root / "iac.yaml").unlink()
    said = project.iac(*command.split())
    assert said.code == 1
    assert "iac init makes one" in said.out + said.err


# --- login and server


def _issuer(project: Project, issuer: str) -> None:
    """The project, and its state, are another issuer's."""
    for path in ("iac.yaml", STATE):
        project.edit(path, project.sandbox.issuer, issuer)


def _token(**claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.c2ln"


def _use_token(project: Project, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    project.write(
        "iac.yaml", re.sub("auth: .*", "auth: {method: token, token: {env: TOKEN}}", project.read("iac.yaml"))
    )
    monkeypatch.setenv("TOKEN", token)


@pytest.mark.parametrize("command", [("plan",), APPLY, ("whoami",), ("show", ADDRESS)])
def test_a_wrong_secret_is_exit_6(project: Project, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setenv("IAC_CLIENT_SECRET", "quite-wrong")
    said = _refused(project, 6, "the server refuses the login", "invalid_client", command=command)
    assert "quite-wrong" not in said


@pytest.mark.parametrize(
    ("name", "value"), [("IAC_CLIENT_ID", None), ("IAC_CLIENT_SECRET", None), ("IAC_CLIENT_ID", "")]
)
def test_a_login_that_is_not_there_is_exit_1(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    _refused(project, 1, f"environment variable {name}", f"fix: export {name}=")
    assert [] == project.sandbox.log


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": 1}, "the token has expired"),
        ({"iss": "https://other.example.org/"}, "the token is another issuer's"),
        ({}, "the server does not accept the token"),
        ({"iss": None}, "the token is another issuer's"),
    ],
)
def test_a_token_that_will_not_do_is_exit_6(
    project: Project, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], words: str
) -> None:
    token = _token(**{"iss": project.sandbox.issuer, "exp": int(time.time()) + 600, **claims})
    _use_token(project, monkeypatch, token)
    assert token not in _refused(project, 6, words)


def test_a_token_without_the_scope_is_exit_6_and_says_which(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
    _refused(project, 6, "iam:admin.write")


@pytest.mark.parametrize("command", [("plan",), APPLY, ("whoami",)])
def test_a_server_that_is_down_is_exit_6(project: Project, command: tuple[str, ...]) -> None:
    _issuer(project, "http://127.0.0.1:1/")
    _refused(project, 6, "the server cannot be reached: http://127.0.0.1:1", "Connection refused", command=command)


NO_IAM = {
    "HTML everywhere": Say(200, b"<html>log in</html>"),
    "404": Say(404, b"not found"),
    "a redirect to another host": Say(302, b"", {"Location": "https://evil.example.org/"}),
    "broken JSON": Say(200, b'{"issuer": '),
    "another JSON": Say(200, [1]),
    "an error with hostile words": Say(400, {"error": EVIL, "error_description": EVIL}),
    "a body without end": Say(200, b" " * (33 * 2**20)),
}


@pytest.mark.parametrize("name", NO_IAM)
def test_a_server_that_is_no_iam_is_exit_6(project: Project, name: str) -> None:
    with start_stub(lambda _: NO_IAM[name]) as stub:
        _issuer(project, f"{stub.url}/")
        said = _refused(project, 6, "fix: check that")
        assert {"/.well-known/openid-configuration"} == {seen.path for seen in stub.seen}
    assert said.replace("\n", "").isprintable()


def test_credentials_do_not_follow_an_endpoint_on_another_origin(project: Project) -> None:
    def discovery(_: Seen) -> Say:
        return Say(200, {"issuer": f"{stub.url}/", "token_endpoint": f"{project.sandbox.url}/token"})

    with start_stub(discovery) as stub:
        _issuer(project, f"{stub.url}/")
        _refused(project, 6, "the server declares an endpoint on another origin; nothing is sent there")
    assert [] == project.sandbox.log


def test_an_issuer_in_another_spelling_is_exit_6_with_both(project: Project) -> None:
    other = project.sandbox.issuer.replace("127.0.0.1", "localhost")
    _issuer(project, other)
    _refused(project, 6, "the server says that it is another issuer", other, project.sandbox.issuer)


def test_one_trailing_slash_makes_no_difference(project: Project) -> None:
    project.edit("iac.yaml", project.sandbox.issuer, project.sandbox.url)
    assert project.apply().code == 0


def test_another_pinned_issuer_is_exit_6_and_nothing_is_sent(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAC_ISSUER", "https://iam.example.org/")
    _refused(project, 6, "IAC_ISSUER is https://iam.example.org/")
    assert [] == project.sandbox.log


def test_a_pin_that_is_set_to_nothing_is_exit_1_and_nothing_is_sent(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline's variable that is not there: a guard that was asked for and cannot work is an error."""
    monkeypatch.setenv("IAC_ISSUER", "")
    _refused(project, 1, "IAC_ISSUER is set, but empty", "unset it")
    assert [] == project.sandbox.log


# --- addresses, environments, clients of others


def test_a_mistyped_address_of_show_is_told_the_nearest_one(project: Project) -> None:
    _refused(project, 1, "team/portl", f"did you mean {ADDRESS}?", command=("show", "team/portl"))


@pytest.mark.parametrize("command", [("plan",), APPLY, ("render",)])
def test_a_mistyped_target_is_told_the_nearest_address(project: Project, command: tuple[str, ...]) -> None:
    _refused(project, 1, "team/portl", f"did you mean {ADDRESS}?", command=(*command, "--target", "team/portl"))


@pytest.mark.parametrize("command", [("show", "nope"), ("show", "no/such"), ("state", "show", "team/portl")])
def test_looking_at_what_is_not_there_is_exit_1(project: Project, command: tuple[str, ...]) -> None:
    _refused(project, 1, command[-1], command=command)


def _two_environments(project: Project) -> None:
    text = re.sub(r"  lineage: .*\n", "", project.read("iac.yaml"))
    environments = "".join(f"  {name}: {{state: {{path: .iac/{name}.json}}}}\n" for name in ("dev", "prod"))
    project.write("iac.yaml", f"{text}environments:\n{environments}")


@pytest.mark.parametrize("command", [("plan",), APPLY, ("render",), ("state", "list"), ("whoami",)])
def test_with_several_environments_one_must_be_named(project: Project, command: tuple[str, ...]) -> None:
    _two_environments(project)
    _refused(project, 1, "several environments", "dev, prod", "--env NAME", command=command)
    said = project.iac("--env", "prd", *command)
    assert said.code == 1
    assert "did you mean prod?" in said.err


def test_each_environment_has_its_own_state(project: Project) -> None:
    _two_environments(project)
    assert project.iac("--env", "dev", "state", "init").code == 0
    assert project.iac("--env", "dev", *APPLY).code == 0
    _refused(project, 1, "there is no state", command=("--env", "prod", *APPLY))
    assert project.iac("--env", "prod", "state", "init").code == 0
    _refused(project, 3, "is registered already", command=("--env", "prod", *APPLY))


@pytest.mark.parametrize("command", [("plan",), APPLY])
def test_a_client_id_of_somebody_else_is_exit_3(project: Project, command: tuple[str, ...]) -> None:
    _redefine(client_id="grafana")(project)
    _refused(project, 3, "client_id grafana is registered already and in no state", command=command)
    plan = project.iac("plan", "--format", "json", "--out", str(project.root / "plan.json"))
    assert (3, ["client-id-taken"]) == (plan.code, [guard["id"] for guard in plan.json()["guards"]])
    assert "plan.json: apply would refuse it" in plan.err


@pytest.mark.parametrize("command", [("plan",), APPLY])
def test_a_definition_that_vanished_is_no_consent_to_delete(project: Project, command: tuple[str, ...]) -> None:
    """failures.md 7."""
    assert project.apply().code == 0
    project.define("team/other", grant_types=["client_credentials"])
    (project.root / FILE).unlink()
    _refused(project, 3, command=command)


# --- state and its key


def _foreign(project: Project) -> None:
    project.write(STATE, re.sub('"lineage": "[^"]+"', '"lineage": "somebody-elses"', project.read(STATE)))


STATES: dict[str, tuple[Callable[[Project], None], tuple[str, ...]]] = {
    "missing": (_replaced(STATE, _nothing), ("there is no state", "iac state init")),
    "without its folder": (_replaced(".iac", _nothing), ("there is no state", "iac state init")),
    "a folder": (_replaced(STATE, lambda path: path.mkdir()), ("the state cannot be read",)),
    "empty": (_replaced(STATE, lambda path: path.touch()), ("the state is damaged",)),
    "torn": (_replaced(STATE, lambda path: path.write_text('{"kind": ')), ("the state is damaged",)),
    "binary": (_replaced(STATE, lambda path: path.write_bytes(b"\xff")), ("the state is damaged",)),
    "foreign": (_foreign, ("the state belongs to another lineage", "somebody-elses")),
    "newer": (_unlike('"format_version": "1.1"', '"format_version": "2.0"', STATE), ("another version of iac", "2.0")),
    "another project's": (_unlike("project: demo", "project: other"), ("another project", "'demo'", "'other'")),
    "with a damaged journal": (
        lambda project: project.write(f"{STATE}.journal", "nonsense\nmore\n"),
        ("the state's journal is damaged",),
    ),
}


@pytest.mark.parametrize("command", [("plan",), APPLY, ("render",), ("state", "list")])
@pytest.mark.parametrize("name", STATES)
def test_a_state_that_will_not_do_is_exit_1_and_never_taken_for_empty(
    project: Project, name: str, command: tuple[str, ...]
) -> None:
    change, words = STATES[name]
    change(project)
    _refused(project, 1, *words, command=command)


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        (None, "no age identity is configured"),
        ("hunter2", "neither a key nor the path of a readable key file"),
        ("/", "neither a key nor the path of a readable key file"),
        ("another", "not one of the state's recipients"),
    ],
)
def test_without_the_key_of_the_state_nothing_is_rendered_and_nothing_said_of_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, identity: str | None, words: str
) -> None:
    assert project.apply().code == 0
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "empty"))
    if identity is None:
        monkeypatch.delenv("IAC_AGE_IDENTITY")
    else:
        monkeypatch.setenv("IAC_AGE_IDENTITY", new_identity()[0].reveal() if identity == "another" else identity)
    before = _snapshot(project)
    said = project.iac("render")
    assert said.code == 1
    assert words in said.out + said.err
    assert "IAC_AGE_IDENTITY" in said.out + said.err
    assert "hunter2" not in said.out + said.err
    assert before == _snapshot(project)


def test_an_output_of_two_clients_needs_the_key_before_anything_is_sent(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The secret of the client that is applied already has to be opened for the file of both."""
    assert project.apply().code == 0
    project.define("team/other", grant_types=["client_credentials"])
    project.write("templates/two.j2", "{{ clients.a.client_id | json }}{{ clients.b.client_secret | json }}")
    outputs = "outputs: [{template: two.j2, path: out/two, clients: {a: team/other, b: team/portal}}]\n"
    project.write("iac.yaml", project.read("iac.yaml") + outputs)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    _refused(project, 1, "without the key of the state")


# --- saved plans


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "the saved plan cannot be read"),
        ("", "the saved plan is damaged"),
        ("[" * 100_000, "the saved plan is damaged"),
        ("\udcff", "the saved plan is damaged"),
        ("[]", "the saved plan is damaged"),
        ('{"digest": "sha256:0"}', "the saved plan is damaged"),
    ],
)
def test_a_plan_file_that_is_none_is_exit_1(project: Project, content: str | None, words: str) -> None:
    if content is not None:
        (project.root / "plan.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    _refused(project, 1, words, "plan.json", "iac plan --out FILE", command=("apply", "plan.json"))


def test_a_folder_is_no_plan_file(project: Project) -> None:
    _refused(project, 1, "the saved plan cannot be read", command=("apply", "clients.d"))


def test_a_stale_plan_is_exit_4_and_names_what_differs(project: Project) -> None:
    assert project.iac("plan", "--out", "plan.json").code == 0
    _redefine(client_name="Another name")(project)
    _refused(project, 4, ADDRESS, command=("apply", "plan.json"))
    _refused(project, 4, ADDRESS, command=("apply", "--expect-plan", f"sha256:{'0' * 64}"))


@pytest.mark.parametrize("path", ["missing/plan.json", "clients.d", "iac.yaml/plan.json"])
def test_a_plan_that_cannot_be_saved_is_exit_1(project: Project, path: str) -> None:
    _refused(project, 1, "the file cannot be written", path, "--out FILE", command=("plan", "--out", path))


def test_a_plan_is_not_saved_through_a_link(project: Project) -> None:
    (project.root / "plan.json").symlink_to("iac.yaml")
    _refused(project, 1, "there is a symbolic link", command=("plan", "--out", "plan.json"))


# --- templates and outputs


def _template(text: str | bytes) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        _redefine(outputs=[{"template": "x.j2", "path": "out/x"}])(project)
        project.write("templates/x.j2", "")
        content = text if isinstance(text, bytes) else text.encode()
        (project.root / "templates/x.j2").write_bytes(content)

    return change


RENDERING: dict[str, tuple[Callable[[Project], None], tuple[str, ...]]] = {
    "broken syntax": (_template("{% if %}"), ("templates/x.j2:1", "Expected an expression")),
    "an unknown name": (_template("a\n{{ clint.client_id }}"), ("templates/x.j2:2", "nothing is called `clint`")),
    "an unknown member": (_template("{{ client.sekret }}"), ("templates/x.j2:1", "sekret")),
    "an attack": (_template("{{ client.__class__ }}"), ("templates/x.j2:1",)),
    "a division by zero": (_template("{{ 1 / 0 }}"), ("templates/x.j2:1",)),
    "no text": (_template(b"\xff"), ("templates/x.j2", "not UTF-8")),
    "a folder in the way": (
        _replaced("out", lambda path: (path / "portal.env").mkdir(parents=True)),
        ("out/portal.env", "there is a folder"),
    ),
    "a file where a folder should be": (_replaced("out", lambda path: path.touch()), ("out/portal.env",)),
    "a link inside the project": (
        _replaced("out", lambda path: (path.mkdir(), (path / "portal.env").symlink_to("../iac.yaml"))),
        ("out/portal.env", "symbolic link"),
    ),
}


@pytest.mark.parametrize("name", RENDERING)
def test_what_cannot_be_rendered_or_written_stops_before_anything_is_sent(project: Project, name: str) -> None:
    change, words = RENDERING[name]
    change(project)
    _refused(project, 1, *words)


def test_one_output_that_fails_keeps_no_other_from_being_rendered(project: Project) -> None:
    outputs = [{"template": "dotenv", "path": f"out/{name}.env"} for name in ("a", "b", "c")]
    _redefine(outputs=outputs)(project)
    assert project.apply().code == 0
    shutil.rmtree(project.root / "out")
    (project.root / "out/b.env").mkdir(parents=True)
    said = project.iac("render")
    assert said.code == 1
    assert "some outputs could not be rendered" in said.err
    assert ["a.env", "b.env", "c.env"] == sorted(path.name for path in (project.root / "out").iterdir())
    said = project.iac("render", "--format", "json")
    assert ["unchanged", "failed", "unchanged"] == [output["status"] for output in said.json()["outputs"]]
    assert said.code == 1


# --- flavours and hostile text


@pytest.mark.parametrize("flavour", ["1.12", "1.13"])
def test_up_scoping_is_refused_where_the_server_would_drop_it(project: Project, flavour: str) -> None:
    _redefine(up_scoping_enabled=True)(project)
    assert "up_scoping_enabled" in project.iac("plan").out
    _refused(project, 3, "up_scoping_enabled", flavour[:3])


def test_hostile_text_of_users_and_servers_is_inert_in_what_is_shown(project: Project) -> None:
    """failures.md 13."""
    assert project.apply().code == 0
    project.by_hand(CLIENT_ID, contacts=(EVIL, "ops@example.org"), scope=("openid", "\u202e\x9b31m"))
    for command in (
        ("plan",),
        ("show", ADDRESS),
        ("plan", "--format", "json"),
        ("show", CLIENT_ID, "--format", "json"),
    ):
        said = project.iac(*command)
        assert said.code == 0, said.err
        assert said.out.replace("\n", "").isprintable()
        assert "\n| `@team`" not in said.out
    said = project.apply()
    assert said.code == 0
    assert said.out.replace("\n", "").isprintable()


def test_a_hostile_name_in_a_definition_is_a_mistake_or_inert(project: Project) -> None:
    _redefine(client_name="pipes | `ticks` <b> @team ::error:: \u00e9")(project)
    said = project.apply()
    assert said.code == 0
    assert said.out.replace("\n", "").isprintable()
    _redefine(client_name="bidi \u202e name")(project)
    said = project.iac("plan")
    assert said.code == 1
    assert "\u202e" not in said.out + said.err


@pytest.mark.parametrize("name", ["IAC_CLIENT_ID", "IAC_CLIENT_SECRET", "IAC_ISSUER"])
def test_hostile_text_in_the_environment_is_inert(project: Project, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, EVIL.replace("\n", ""))
    assert _refused(project, 6).replace("\n", "").isprintable()


def test_a_server_that_forgot_everything_is_no_reason_to_register_anew(project: Project) -> None:
    assert project.apply().code == 0
    project.sandbox.reset()
    _refused(project, 3, f"{ADDRESS}: {CLIENT_ID} was deleted on the server")
    assert f"--recreate {ADDRESS}" in project.apply().out
