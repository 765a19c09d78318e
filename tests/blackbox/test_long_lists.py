"""Long lists are cut with a count, and one message for many clients is said once (issue 11, 19)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iac.sandbox.message import Request, Response
from tests.blackbox.kit import Project, bent

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.server import Sandbox

LINE = 5_000
"""Characters: no line of a message is longer."""


def longest(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


def test_many_unknown_keys_are_a_screen_and_json_has_them_all(project: Project) -> None:
    keys = {f"k{number}": 0 for number in range(2_000)}
    project.write(
        "clients.d/portal.yaml", json.dumps({"client_id": "portal", "client_name": "Portal", **keys}, indent=0)
    )
    project.define("other", redirect_uris=["https://other.example.org/"], contact="x")
    text = project.iac("validate")
    assert 1 == text.code
    assert len(text.out) < 20_000
    assert "clients.d/portal.yaml unknown-key (1,990)" in text.out
    assert "clients.d/other.yaml:7:2: error: unknown key contact" in text.out
    assert "--format json shows all" in text.out
    plan = project.iac("plan")
    assert 1 == plan.code
    assert len(plan.text) < 20_000
    found = project.iac("validate", "--format", "json").json()["diagnostics"]
    assert 2_000 <= len([each for each in found if each["file"] == "clients.d/portal.yaml"])


def test_one_mistake_in_many_files_is_said_once(project: Project) -> None:
    for number in range(40):
        project.define(f"client{number}", redirect_uris=["https://a.example.org/"], contact="x")
    out = project.iac("validate").out
    assert 1 == out.count("unknown key contact")
    assert "the same at 39 more places: " in out
    assert "and 29 more" in out


def test_errors_are_shown_before_warnings_when_not_all_fit(project: Project) -> None:
    for number in range(120):
        project.define(f"client{number}", redirect_uris=[f"https://h{number}.example.org/"], scope=[f"odd{number}"])
    project.define("zzz", redirect_uris=["https://a.example.org/"], contact="x")
    out = project.iac("validate").out
    assert "clients.d/zzz.yaml:7:2: error: unknown key contact" in out


def test_one_message_has_an_end_in_every_format(project: Project) -> None:
    project.write("clients.d/portal.yaml", json.dumps({"client_name": "Portal", "k" * 100_000: 1}))
    for view in ("text", "json", "github", "gitlab", "sarif", "junit"):
        assert longest(project.iac("validate", "--format", view).out) < 2 * LINE, view


def refusing(request: Request, straight: Callable[[], Response]) -> Response:
    if request.method == "POST" and request.path.endswith("/iam/api/clients"):
        return Response(400, {"Content-Type": "application/json"}, b'{"error": "registrations are closed"}')
    return straight()


def test_what_a_server_says_of_many_clients_is_said_once(project: Project, sandbox: Sandbox) -> None:
    for number in range(60):
        project.define(f"client{number}", redirect_uris=["https://a.example.org/"])
    with bent(sandbox, refusing):
        ended = project.apply()
    assert 5 == ended.code, ended.text
    assert 1 == ended.text.count("registrations are closed")
    assert "60 clients: " in ended.text
    assert longest(ended.text) < LINE


def test_many_refusals_are_cut_with_a_count(project: Project) -> None:
    for number in range(60):
        project.define(f"client{number}", redirect_uris=["https://a.example.org/"])
    project.done("apply", "--auto-approve")
    for number in range(60):
        (project.root / f"clients.d/client{number}.yaml").unlink()
    project.define("kept", redirect_uris=["https://a.example.org/"])
    removed = ", ".join(f"{{address: client{number}, then: delete}}" for number in range(60))
    project.edit("iac.yaml", "project: demo", f"project: demo\nremoved: [{removed}]")
    ended = project.apply()
    assert 3 == ended.code, ended.text
    assert "and 50 more" in ended.out
    assert longest(ended.text) < LINE


def test_an_import_of_many_clients_names_a_few(project: Project) -> None:
    registrations = [
        {"client_id": f"c{number}", "client_name": f"Client {number}", "grant_types": ["password"], "scope": "openid"}
        for number in range(300)
    ]
    project.write("export.json", json.dumps(registrations))
    ended = project.iac("import", "--from", "export.json", "--match", "*")
    assert longest(ended.err) < 1_000, ended.err
    assert len(ended.err.splitlines()) < 60
    assert "and 290 more" in ended.err


def test_many_like_changes_are_one_block_with_all_names(project: Project) -> None:
    for number in range(40):
        project.define(f"client{number}", redirect_uris=["https://a.example.org/"])
    project.define("zzz", redirect_uris=["https://a.example.org/"])
    made = project.iac("plan").out
    assert "+ 41 clients: create" in made
    project.done("apply", "--auto-approve")
    for number in range(40):
        project.define(f"client{number}", client_name=f"Renamed {number}", redirect_uris=["https://a.example.org/"])
    project.define("zzz", redirect_uris=["https://b.example.org/"])
    text = project.iac("plan").out
    assert 1 == text.count("~ 40 clients: update")
    assert all(f"client{number}" in text for number in range(40))
    assert "client_name has other values for each; for client0:" in text
    assert "Client client0 -> Renamed 0" in text
    assert "Renamed 7" not in text
    assert "~ zzz: update" in text
    assert len(text.splitlines()) < 30
    full = project.iac("plan", "-v").out
    assert "Renamed 7" in full
    assert 40 == full.count("client_name   ")
    assert 41 == len(project.iac("plan", "--format", "json").json()["changes"])
