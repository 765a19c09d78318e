"""`iac verify`, on every flavour: credentials are taken from the files alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from iac.core.errors import UnreachableError
from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.message import html_error
from iac.sandbox.server import start_sandbox
from tests.e2e.project import Project

if TYPE_CHECKING:
    from iac.sandbox.message import Request, Response

ADDRESS, CLIENT_ID, OUTPUT = "team/portal", "team-portal", "out/portal.env"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def applied(project: Project) -> Project:
    assert project.apply().code == 0
    return project


def found(project: Project, *addresses: str) -> dict[str, Any]:
    """The clients of a run, by address; exit code and JSON agree."""
    said = project.iac("verify", "--format", "json", *addresses)
    told = said.json()
    assert (said.code == 0) == told["ok"]
    return {client["address"]: client for client in told["clients"]}


def verdicts(client: dict[str, Any]) -> list[tuple[str, str]]:
    return [(check["name"], check["verdict"]) for check in client["checks"]]


RIGHT = [
    *[("output", "ok"), ("login", "ok"), ("authorization_code", "ok")],
    *[("refresh_token", "not_proven"), ("enabled", "not_proven")],
]


def test_what_was_rendered_works_and_needs_neither_a_login_nor_a_key(
    applied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IAC_CLIENT_ID", "IAC_CLIENT_SECRET", "IAC_AGE_IDENTITY"):
        monkeypatch.delenv(name)

    assert RIGHT == verdicts(found(applied)[ADDRESS])
    assert applied.iac("verify").out.endswith("Verified: 1 ok.\n")


def test_nothing_is_changed_on_the_server_or_here(applied: Project) -> None:
    def everything() -> tuple[object, object]:
        clients = [repr(client) for client in applied.sandbox.iam.world.store.clients()]
        files = {path: path.read_bytes() for path in applied.root.rglob("*") if path.is_file()}
        return clients, files

    before = everything()
    assert applied.iac("verify").code == 0
    assert before == everything()


def test_a_rotation_changes_exactly_the_files_concerned_and_is_green_again(applied: Project) -> None:
    applied.define(
        "team/other", grant_types=["client_credentials"], outputs=[{"template": "json", "path": "out/o.json"}]
    )
    assert applied.apply().code == 0
    before = {path: path.read_bytes() for path in (applied.root / "out").iterdir()}
    assert found(applied)["team/other"]["verdict"] == "ok"

    assert applied.iac("rotate", "--auto-approve", ADDRESS).code == 0

    changed = [path.name for path, content in before.items() if path.read_bytes() != content]
    assert ["portal.env"] == changed
    assert {"ok"} == {client["verdict"] for client in found(applied).values()}


def test_an_old_file_is_told_from_a_secret_that_was_changed_on_the_server(applied: Project) -> None:
    old = applied.read(OUTPUT)
    assert applied.iac("rotate", "--auto-approve", ADDRESS).code == 0
    new = applied.read(OUTPUT)

    applied.write(OUTPUT, old)
    stale = found(applied)[ADDRESS]
    applied.write(OUTPUT, new)
    applied.by_hand(CLIENT_ID, client_secret="changed-by-hand")
    foreign = found(applied)[ADDRESS]

    assert [("output", "not_proven"), ("login", "failed")] == verdicts(stale)[:2]
    assert "differs from the one in the state" in stale["checks"][0]["why"]
    assert f"iac render --target {ADDRESS}" == stale["checks"][1]["fix"]
    assert [("output", "ok"), ("login", "failed")] == verdicts(foreign)[:2]
    is_shown = applied.sandbox.iam.world.facts.secrets_shown
    assert ("iac apply" if is_shown else f"iac secret set {ADDRESS}") in foreign["checks"][1]["fix"]
    assert "iac rotate" not in foreign["checks"][1]["fix"]  # it would end the secret that works
    assert applied.iac("verify").code == 2


@pytest.mark.parametrize(
    ("content", "verdict", "why"),
    [
        (None, "failed", "the file is missing"),
        ("CLIENT_ID=team-portal\n", "failed", "it has no CLIENT_SECRET"),
        ("CLIENT_ID=another\nCLIENT_SECRET=x\n", "failed", "its client_id differs from the applied one"),
        ("no dotenv", "failed", "it has no CLIENT_ID"),
    ],
)
def test_a_file_that_is_not_as_rendered_is_told(applied: Project, content: str | None, verdict: str, why: str) -> None:
    if content is None:
        (applied.root / OUTPUT).unlink()
    else:
        applied.write(OUTPUT, content)

    check = found(applied)[ADDRESS]["checks"][0]

    assert (verdict, True) == (check["verdict"], why in check["why"])
    assert applied.iac("verify").code == 2


def test_a_file_that_may_not_be_read_is_not_proven(applied: Project) -> None:
    (applied.root / OUTPUT).unlink()
    (applied.root / OUTPUT).mkdir()
    check = found(applied)[ADDRESS]["checks"][0]
    assert ("not_proven", "there is a folder") == (check["verdict"], check["why"])


def test_a_redirect_uri_that_is_gone_from_the_server_fails(applied: Project) -> None:
    applied.by_hand(CLIENT_ID, redirect_uris=("https://elsewhere.example.org/",))
    assert ("authorization_code", "failed") in verdicts(found(applied)[ADDRESS])


def test_a_client_that_is_gone_fails(applied: Project) -> None:
    """Rec: disabled-client 59, 68: prompt=none is led to the login page for a client that is gone, and for no other."""
    store = applied.sandbox.iam.world.store
    store.remove(applied.registered(CLIENT_ID))
    assert [("login", "failed"), ("authorization_code", "failed")] == verdicts(found(applied)[ADDRESS])[1:]


def test_what_is_not_applied_yet_is_not_proven(project: Project) -> None:
    assert [("state", "not_proven")] == verdicts(found(project)[ADDRESS])
    assert project.iac("verify").code == 0


def test_a_client_without_an_output_is_said_to_have_none(project: Project) -> None:
    project.define(ADDRESS, grant_types=["client_credentials"])
    assert project.apply().code == 0
    check = found(project)[ADDRESS]["checks"][0]
    assert ("login", "not_proven", "no output contains its secret") == (check["name"], check["verdict"], check["why"])


BASIC = '{"basic": {{ (client.client_id ~ ":" ~ client.client_secret) | base64 | json }}}\n'


def test_a_file_that_cannot_be_read_back_is_compared_with_state_where_the_key_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("templates/basic.j2", BASIC)
    outputs = [{"template": "basic.j2", "path": "out/basic.json"}]
    project.define(ADDRESS, grant_types=["client_credentials"], scope=["fts"], outputs=outputs)
    assert project.apply().code == 0

    with_key = found(project)[ADDRESS]
    (project.root / "out/basic.json").write_text("{}")
    changed = found(project)[ADDRESS]
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project.root / "nowhere"))
    without = found(project)[ADDRESS]

    assert [("output", "ok"), ("login", "ok"), ("client_credentials", "ok")] == verdicts(with_key)
    assert "equal to a fresh rendering" in with_key["checks"][0]["why"]
    assert ("failed", "it is not as rendered") == (changed["checks"][0]["verdict"], changed["checks"][0]["why"])
    unproven = ("output", "login", "client_credentials")
    assert [(name, "not_proven") for name in unproven] == verdicts(without)


def test_an_outage_is_no_failure_and_no_success(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    applied.sandbox.faults.add(Fault(kind=FaultKind.STATUS, status=503, path="/token", times=99))
    said = applied.iac("verify")
    assert (6, True) == (said.code, "1 unanswered" in said.out)
    assert "did not answer everything" in said.err


def test_a_server_that_is_gone_is_exit_6_without_a_report(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    applied.edit("iac.yaml", applied.sandbox.issuer, "http://127.0.0.1:9/")
    applied.edit(".iac/state.json", applied.sandbox.issuer, "http://127.0.0.1:9/")
    said = applied.iac("verify")
    assert (6, "") == (said.code, said.out)


def test_an_address_that_is_none_is_told_before_anything_is_asked(applied: Project) -> None:
    before = len(applied.sandbox.log)
    said = applied.iac("verify", "team/portl")
    assert (1, True) == (said.code, "did you mean team/portal" in said.err)
    assert before == len(applied.sandbox.log)


def test_the_report_for_machines_is_junit(applied: Project) -> None:
    said = applied.iac("verify", "--format", "junit")
    xmlschema.XMLSchema(ROOT / "tests/fixtures/junit/junit-10.xsd").validate(said.out)
    names = [case.get("name") for case in ET.fromstring(said.out).iter("testcase")]
    assert names == [
        f"{ADDRESS} output {OUTPUT}",
        f"{ADDRESS} login",
        f"{ADDRESS} authorization_code https://portal.example.org/cb",
        f"{ADDRESS} refresh_token",
        f"{ADDRESS} enabled",
    ]


def test_every_service_of_the_demo_project_is_proven_and_so_after_a_rotation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run registers all clients and renders all outputs; verify proves them, and again when one is rotated."""
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-rw")
    monkeypatch.setenv("IAC_CLIENT_SECRET", "secret")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("IAC_AGE_IDENTITY", raising=False)
    with start_sandbox("1.14") as sandbox:
        project = Project(tmp_path / "demo", sandbox, capsys)
        for folder in ("clients.d", "templates"):
            shutil.copytree(ROOT / folder, project.root / folder)
        project.write("iac.yaml", (ROOT / "iac.yaml").read_text().replace("http://localhost:8080/", sandbox.issuer))
        assert project.iac("state", "init").code == 0
        assert project.apply().code == 0
        assert "Plan: no changes; 13 unchanged" in project.iac("plan").out
        clients = found(project)
        before = {path: path.read_bytes() for path in (project.root / "out").rglob("*") if path.is_file()}
        rotated = project.iac("rotate", "--auto-approve", "wlcg/rucio-auth", "--format", "json")
        changed = {path.relative_to(project.root).as_posix() for path in before if path.read_bytes() != before[path]}

        assert {"ok"} == {client["verdict"] for client in clients.values()}
        assert len(clients) == len(list((ROOT / "clients.d").rglob("*.yaml")))
        assert {output["path"] for output in rotated.json()["outputs"]} == changed != set()
        assert {"ok"} == {client["verdict"] for client in found(project).values()}


class TestApplyVerify:
    """`iac apply --verify`: the clients that were applied, and no others."""

    def test_what_was_applied_is_proven(self, project: Project) -> None:
        project.define("team/old", grant_types=["client_credentials"])
        assert project.apply("--target", "team/old").code == 0

        said = project.apply("--verify", "--format", "json")

        told = said.json()
        assert (0, True) == (said.code, told["complete"])
        assert [ADDRESS] == [client["address"] for client in told["verification"]["clients"]]
        assert RIGHT == verdicts(told["verification"]["clients"][0])

    def test_a_failure_is_exit_5_and_nothing_is_undone(self, project: Project) -> None:
        honest = project.sandbox.server.answer

        def broken(request: Request) -> Response:
            return html_error(500) if request.path == "/authorize" else honest(request)

        project.sandbox.server.answer = broken  # type: ignore[method-assign]
        said = project.apply("--verify")

        assert (5, True) == (said.code, "applied, but the check of the credentials failed" in said.err)
        assert "Apply: 1 done." in said.out
        assert "authorization_code   failed" in said.out
        assert said.out.endswith("Verified: 1 failed.\n")
        assert (project.root / OUTPUT).exists()
        assert "no changes" in project.iac("plan").out

    def test_a_server_that_is_gone_by_then_is_told(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        def gone(*_: object) -> None:
            raise UnreachableError("the server cannot be reached")

        monkeypatch.setattr("iac.workflow.verify.prove", gone)
        said = project.apply("--verify")
        assert (5, True) == (said.code, "not verified: the server cannot be reached" in said.out)
        project.define("team/more", grant_types=["client_credentials"])
        told = project.apply("--verify", "--format", "json").json()
        assert (False, False) == (told["complete"], told["verification"]["ok"])

    def test_without_a_change_there_is_nothing_to_prove(self, applied: Project) -> None:
        said = applied.apply("--verify")
        assert (0, True) == (said.code, "none is verified" in said.err)

    def test_what_left_is_not_asked_about(self, applied: Project) -> None:
        (applied.root / f"clients.d/{ADDRESS}.yaml").unlink()
        applied.define("team/other", grant_types=["client_credentials"])
        applied.write("iac.yaml", applied.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
        told = applied.apply("--verify", "--format", "json").json()
        assert ["team/other"] == [client["address"] for client in told["verification"]["clients"]]
