"""`iac doctor`: each thing that can be wrong is said with its way on, and none hides another."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iac.clock import SystemClock
from iac.sandbox.fault import Fault, FaultKind
from iac.sealing import new_identity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import Project, Said


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def checks(said: Said) -> dict[str, dict[str, str]]:
    return {each["id"]: each for each in said.json()["checks"]}


def look(project: Project, code: int = 0) -> dict[str, dict[str, str]]:
    said = project.iac("doctor", "--format", "json")
    assert code == said.code, said.out
    return checks(said)


def test_a_project_in_order_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAC_ISSUER", project.sandbox.issuer)
    found = look(project)
    assert {"versions", "project", "pipelines", "pinned", "files", "outputs", "login-client", "encryption", "identity",
            "state", "lock", "server", "login", "scopes", "flavour", "exposure", "clock",
            "rendered", "clients"} == set(found)  # fmt: skip
    assert {"pipelines"} == {name for name, each in found.items() if each["verdict"] != "ok"}
    said = project.iac("doctor")
    assert "ok       server        " in said.out
    assert "19 checks: 18 ok, 1 unknown" in said.out.splitlines()[-1]


@pytest.mark.parametrize("flavour", ["1.12"], indirect=True)
def test_a_server_that_shows_secrets_is_told_with_what_that_means_for_plans(project: Project) -> None:
    exposure = look(project)["exposure"]
    assert "warning" == exposure["verdict"]
    assert "each job that plans" in exposure["says"]


def test_a_login_that_only_reads_is_right_for_plans(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project.root / "none"))
    found = look(project)
    assert ("ok", "may read: right for plan, drift and secret; apply needs iam:admin.write") == (
        found["scopes"]["verdict"],
        found["scopes"]["says"],
    )
    assert "unknown" == found["identity"]["verdict"]


@pytest.mark.parametrize(
    ("scope", "verdict", "words"),
    [
        (("openid",), "error", "may not read clients; its scopes: openid"),
        (("iam:admin.read", "scim:read"), "warning", "more than iac needs: scim:read"),
    ],
)
def test_a_login_with_other_scopes_than_it_needs_is_told(
    project: Project, scope: tuple[str, ...], verdict: str, words: str
) -> None:
    project.by_hand("admin-client-rw", scope=scope)
    found = look(project, 6 if verdict == "error" else 0)
    assert verdict == found["scopes"]["verdict"]
    assert words in found["scopes"]["says"]


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "no server": ({"kind": FaultKind.REFUSE, "times": 99}, "server", "gave no answer"),
    "a refused login": (
        {"kind": FaultKind.STATUS, "path": "/token", "status": 401, "times": 99},
        "server",
        "refuses the login",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_offline_is_looked_at_though_the_server_is_not_there(
    project: Project, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    fault, name, words = BROKEN[case]
    project.sandbox.faults.add(Fault(**fault))
    found = look(project, 6)
    assert "error" == found[name]["verdict"]
    assert words in found[name]["says"]
    assert {"ok"} == {found[each]["verdict"] for each in ("project", "state", "encryption", "identity", "files")}


def test_another_issuer_than_the_pinned_one_is_an_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "warning" == look(project)["pinned"]["verdict"]
    monkeypatch.setenv("IAC_ISSUER", "https://other.example.org/")
    found = look(project, 6)
    assert "error" == found["server"]["verdict"]
    assert "https://other.example.org/" in found["server"]["says"]


def test_files_that_others_can_read_and_outputs_that_git_takes_up_are_told(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o644)
    project.edit("iac.yaml", "{env: IAC_CLIENT_SECRET}", f"{{file: {secret}}}")
    key = tmp_path / "config/iac/identities/demo.txt"
    key.parent.mkdir(parents=True)
    key.write_text("")
    key.chmod(0o640)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    subprocess.run(["git", "init", "--quiet", project.root], check=True)
    said = project.iac("doctor").out
    assert f"{secret}, which auth.client_secret names, can be read by others" in said
    assert f"fix: chmod 600 {key}" in said
    assert "warning  outputs       out/portal.env lies in a git work tree and is not ignored" in said
    project.write("out/portal.env", "x")
    subprocess.run(["git", "-C", project.root, "add", "out/portal.env"], check=True)
    assert "error" == look(project, 1)["outputs"]["verdict"]


def test_the_tool_s_own_login_client_among_the_definitions_is_an_error(project: Project) -> None:
    project.define("own", client_id="admin-client-rw", grant_types=["client_credentials"])
    found = look(project, 1)
    assert "own defines admin-client-rw" in found["login-client"]["says"]


def test_a_state_that_is_not_there_is_an_error_and_its_lock_is_told(project: Project) -> None:
    (project.root / ".iac/state.json").rename(project.root / "elsewhere")
    assert "there is no state" in look(project, 1)["state"]["says"]


@pytest.mark.parametrize(
    ("expires", "words", "fix"),
    [
        ("2026-01-01T00:00:00Z", "and over since 2026", "be sure that this run is gone"),
        ("2999-01-01T00:00:00Z", "until 2999", "wait for it"),
    ],
)
def test_a_lock_that_outlives_its_run_is_told_with_who_holds_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, expires: str, words: str, fix: str
) -> None:
    from iac.ports import Holder

    holder = Holder("run-1", "ada@elsewhere 4711", "2026-01-01T00:00:00Z", expires)
    monkeypatch.setattr("iac.backends.file.document.FileBackend._holder", lambda _: holder)
    monkeypatch.setattr("iac.backends.file.document.FileBackend.ends_with_process", False)
    lock = look(project)["lock"]
    assert "warning" == lock["verdict"]
    assert "ada@elsewhere 4711" in lock["says"]
    assert words in lock["says"]
    assert lock["fix"].startswith(fix)
    assert "iac state unlock run-1" in lock["fix"]


def test_an_interrupted_run_is_told(project: Project) -> None:
    project.sandbox.faults.add(Fault(kind=FaultKind.CUT_AFTER, method="POST", path="/iam/api/clients", times=1))
    project.sandbox.faults.add(
        Fault(kind=FaultKind.STATUS, method="GET", path="/iam/api/clients/*", status=403, skip=1, times=9)
    )
    assert project.apply().code == 5
    project.sandbox.faults.clear()
    assert "team/portal" in look(project)["interrupted"]["says"]


def test_an_identity_that_opens_nothing_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAC_AGE_IDENTITY", new_identity()[0].reveal())
    assert "warning" == look(project)["identity"]["verdict"]
    monkeypatch.setenv("IAC_AGE_IDENTITY", "AGE-SECRET-KEY-1CANARY")
    found = look(project, 1)["identity"]
    assert "error" == found["verdict"]
    assert "CANARY" not in str(found)


def test_secrets_in_clear_and_a_state_without_recipients_are_told(project: Project) -> None:
    text = project.read("iac.yaml")
    (line,) = [line for line in text.splitlines(keepends=True) if "  encryption:" in line]
    project.write("iac.yaml", text.replace(line, "  encryption: none\n"))
    assert "warning" == look(project)["encryption"]["verdict"]
    project.write("iac.yaml", text.replace(line, ""))
    assert "error" == look(project, 1)["encryption"]["verdict"]


def test_a_clock_that_is_off_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    now = SystemClock.now
    monkeypatch.setattr("iac.clock.SystemClock.now", lambda self: now(self) - timedelta(seconds=90))
    found = look(project)["clock"]
    assert "warning" == found["verdict"]
    assert "clock is 1 min behind the server's" in found["says"]


def test_pipelines_of_another_version_are_told(project: Project) -> None:
    subprocess.run(["git", "init", "--quiet", project.root], check=True)
    head = "# Written by iac {}: iac init --ci github. See docs.\nname: x\n"
    project.write(".gitignore", "/out/\n")
    project.write(".github/workflows/iac-other.yml", "name: not ours\n")
    project.write(".github/workflows/iac-plan.yml", head.format("0.0.1"))
    assert ".github/workflows/iac-plan.yml (0.0.1)" in look(project)["pipelines"]["says"]
    from iac import __version__

    project.write(".github/workflows/iac-plan.yml", head.format(__version__))
    assert "1 file, written by this version" == look(project)["pipelines"]["says"]


def test_mistakes_in_definitions_are_said_once_and_the_server_is_asked_all_the_same(project: Project) -> None:
    project.define("wrong", colour="blue")
    found = look(project, 1)
    assert ["project"] == [name for name, each in found.items() if each["verdict"] == "error"]
    assert {"outputs", "login-client"}.isdisjoint(found)
    assert "ok" == found["server"]["verdict"]


def test_without_a_project_and_with_one_that_has_warnings_there_is_an_answer(project: Project) -> None:
    project.define("wild", redirect_uris=["http://portal.example.org/cb"])
    assert "warning" == look(project)["project"]["verdict"]
    (project.root / "iac.yaml").unlink()
    found = look(project, 1)
    assert {"error"} == {found[name]["verdict"] for name in ("project", "settings")}


def test_several_environments_need_a_name(project: Project) -> None:
    text = re.sub(r"\n +lineage: .*", "", project.read("iac.yaml").replace("  path: .iac/state.json\n", ""))
    project.write("iac.yaml", text + "environments: {a: , b: }\n")
    assert "choose one: --env NAME" in look(project, 1)["settings"]["fix"]


def test_scopes_and_what_reading_shows_are_the_management_api_s(project: Project) -> None:
    project.edit("iac.yaml", "provider: iam-admin", "provider: iam-self-service")
    said = project.iac("doctor", "--format", "json")
    found = checks(said)
    assert "ok" == found["server"]["verdict"], said.out
    assert {"scopes", "flavour", "exposure"}.isdisjoint(found)
