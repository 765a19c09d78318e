"""`iac show ADDR --provenance`: for each value the file and line that says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from iac.cli import run
from tests.config.given import PROJECT, write

if TYPE_CHECKING:
    from pathlib import Path

PORTAL = """\
client_id: portal
client_name: Portal
redirect_uris:
  - https://portal.example.org/cb
scope: openid profile
lifecycle: {prevent_destroy: true}
outputs: [{template: dotenv, path: out/a.env}]
environments:
  dev:
    client_id: portal-dev
    redirect_uris+: [https://dev.example.org/cb]
    contacts: []
    lifecycle: {rotate_after: 180d}
"""
FILES = {
    "iac.yaml": f"""\
{PROJECT}\
server_defaults: {{access_token_validity_seconds: 3600}}
defaults: {{contacts: [ops@example.org], lifecycle: {{prevent_destroy: false}}}}
environments:
  dev: {{defaults: {{reuse_refresh_token: true}}}}
  prod: {{}}
  other: {{clients: [else/*]}}
""",
    "clients.d/_defaults.yaml": "contacts+: [all@example.org]\n",
    "clients.d/web/_defaults.yaml": "contacts+: [web@example.org]\n",
    "clients.d/else/_defaults.yaml": "scopes: a mistake that is not asked about\n",
    "clients.d/else/one.yaml": "client_id: one\nclient_name: Name one\nredirect_uris: [https://a.example.org/]\n",
    "clients.d/web/portal.yaml": PORTAL,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path, FILES)


def told(root: Path, capsys: pytest.CaptureFixture[str], environment: str, name: str = "web/portal") -> dict[str, Any]:
    assert run(["-C", str(root), "--env", environment, "show", name, "--provenance", "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def lines(found: dict[str, Any], name: str) -> list[tuple[Any, str, str]]:
    return [
        (each["value"], each["layer"], f"{each['file']}:{each['line']}:{each['column']}")
        for each in found["values"]
        if each["name"] == name
    ]


def test_each_value_has_the_file_and_line_of_the_layer_that_says_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(root, capsys, "dev")
    assert ("web/portal", "portal-dev", "dev") == (found["address"], found["client_id"], found["environment"])
    file = "clients.d/web/portal.yaml"
    assert [("portal-dev", "environment dev", f"{file}:10:16")] == lines(found, "client_id")
    assert [("Portal", "definition", f"{file}:2:14")] == lines(found, "client_name")
    assert [
        ("https://portal.example.org/cb", "definition", f"{file}:4:5"),
        ("https://dev.example.org/cb", "environment dev", f"{file}:11:22"),
    ] == lines(found, "redirect_uris")
    assert [([], "environment dev", f"{file}:12:15")] == lines(found, "contacts")
    assert [("openid profile", "definition", f"{file}:5:8")] == lines(found, "scope")
    assert [(True, "defaults of environment dev", "iac.yaml:8:41")] == lines(found, "reuse_refresh_token")
    assert [(True, "definition", f"{file}:6:30")] == lines(found, "lifecycle.prevent_destroy")
    assert [("180d", "environment dev", f"{file}:13:31")] == lines(found, "lifecycle.rotate_after")
    assert [({"template": "dotenv", "path": "out/a.env"}, "definition", f"{file}:7:11")] == lines(found, "outputs")


def test_items_that_are_added_have_places_of_their_own(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [
        ("ops@example.org", "defaults of the project", "iac.yaml:6:23"),
        ("all@example.org", "defaults of the folder", "clients.d/_defaults.yaml:1:13"),
        ("web@example.org", "defaults of the folder", "clients.d/web/_defaults.yaml:1:13"),
    ] == lines(told(root, capsys, "prod"), "contacts")


def test_what_nobody_has_written_has_its_meaning(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(root, capsys, "prod")
    nowhere = "None:None:None"
    assert [("authorization_code", "not declared", nowhere)] == lines(found, "grant_types")
    assert [("client_secret_basic", "not declared", nowhere)] == lines(found, "token_endpoint_auth_method")
    assert [([], "not declared", nowhere)] == lines(found, "response_types")
    assert [(None, "not declared", nowhere)] == lines(found, "jwks_uri")
    assert [(3600, "server_defaults", "iac.yaml:5:50")] == lines(found, "access_token_validity_seconds")
    assert [] == lines(found, "id_token_validity_seconds")


def test_it_reads_as_a_table_in_the_order_of_a_definition(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(root), "--env", "dev", "show", "web/portal", "--provenance"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == "web/portal  client_id portal-dev, environment dev"
    names = [row.split()[0] for row in rows if not row.startswith("   ")]
    assert ["client_id", "client_name", "contacts", "redirect_uris", "grant_types"] == names[:5]
    assert rows[2].endswith("  (none)")
    assert rows[4].split() == ["clients.d/web/portal.yaml:11:22", "environment", "dev", "https://dev.example.org/cb"]
    assert any(row.split() == ["grant_types", "-", "not", "declared", "authorization_code"] for row in rows)


def test_a_client_id_is_looked_up_when_the_project_is_right(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "clients.d/else/_defaults.yaml").unlink()
    assert told(root, capsys, "dev", "portal-dev")["address"] == "web/portal"
    assert run(["-C", str(root), "--env", "dev", "show", "web/portl", "--provenance"]) == 1
    assert "fix: did you mean web/portal?" in capsys.readouterr().err


def test_a_definition_that_the_environment_does_not_select_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(root), "--env", "other", "show", "web/portal", "--provenance"]) == 1
    assert "see environments.other.clients in iac.yaml" in capsys.readouterr().err


def test_a_definition_with_mistakes_is_told_with_all_of_them(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(root), "--env", "dev", "show", "else/one", "--provenance"]) == 1
    assert "clients.d/else/_defaults.yaml:1:1: error: unknown key scopes" in capsys.readouterr().err
