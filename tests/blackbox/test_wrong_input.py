"""Values of a wrong kind: each has its place, none hides another, and none is a fault in iac itself (issue 11, 15)."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.blackbox.kit import IAC_YAML, Project
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

UUID = "80e5fb8d-b7c8-451a-89ba-346ae278a66f"
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
RIGHT: dict[str, Any] = {
    "client_id": "portal",
    "client_name": "Portal",
    "redirect_uris": ["https://portal.example.org/cb"],
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that no server is needed for, whose other definition has a mistake of its own."""
    made = Project(tmp_path / "project", {})
    made.write("iac.yaml", IAC_YAML.format(issuer="https://iam.example.org/", recipient=RECIPIENT))
    made.define("other", redirect_uris=["https://other.example.org/"], contact="x")
    return made


def told(project: Project) -> list[str]:
    """`FILE:LINE: ID` of everything that validate says."""
    ended = project.iac("validate", "--format", "json")
    assert 1 == ended.code, ended.text
    return [f"{each['file']}:{each['line']}: {each['id']}" for each in ended.json()["diagnostics"]]


OTHER = "clients.d/other.yaml:7: unknown-key"


@every(
    "key, value",
    product(
        ["owners", "owners+", "recipients", "redirect_uris", "scope", "outputs", "waive"],
        [5, {"a": "b"}, "text", [5], [[]]],
    ),
)
def test_a_list_that_is_none_has_its_place_and_hides_no_other_mistake(project: Project, key: str, value: Any) -> None:
    if (key, value) == ("scope", "text"):
        return
    project.write("clients.d/portal.yaml", json.dumps({"contact": "x", **RIGHT, key: value}, indent=1))
    found = told(project)
    line = (5 if key == "redirect_uris" else 8) + isinstance(value, list)
    assert [OTHER, "clients.d/portal.yaml:2: unknown-key"] == found[:2]
    assert [each for each in found if each.startswith(f"clients.d/portal.yaml:{line}: ")]


@pytest.mark.parametrize("wrong", [5, "text", [[]], {"a": 5}], ids=str)
def test_wrong_kinds_are_told_in_environments_and_defaults_too(project: Project, wrong: Any) -> None:
    project.edit("iac.yaml", "project: demo\n", "project: demo\nenvironments: {prod: {}}\n")
    project.write("clients.d/_defaults.yaml", json.dumps({"owners": wrong}, indent=1))
    project.write("clients.d/portal.yaml", json.dumps({**RIGHT, "environments": {"prod": {"owners": wrong}}}, indent=1))
    found = told(project)
    assert OTHER in found
    assert [each for each in found if each.startswith("clients.d/_defaults.yaml:2: ") or "_defaults.yaml:3: " in each]
    assert [each for each in found if each.startswith(("clients.d/portal.yaml:9: ", "clients.d/portal.yaml:10: "))]


BROKEN_LINES = [
    ("client_id", "portal\n", "bad-format"),
    ("contacts", ["ops@example.org\n"], "bad-format"),
    ("owners", [f"{UUID}\n"], "bad-format"),
    ("scope", ["openid\n"], "bad-format"),
    ("scope", "openid\n", "bad-format"),
    ("lifecycle", {"rotate_after": "10d\n"}, "bad-format"),
    ("lifecycle", {"rotation": "replace", "grace": "7d\n"}, "bad-format"),
    ("outputs", [{"template": "json", "path": "out/a\nb.json"}], "bad-format"),
    ("outputs", [{"template": "json", "path": "out/a.json", "mode": "0600\n"}], "bad-format"),
    ("outputs", [{"template": "json\n", "path": "out/a.json"}], "bad-format"),
    ("recipients", ["ssh-ed25519 AAAA\n"], "bad-format"),
    ("redirect_uris", ["https://portal.example.org/cb\n"], "bad-format"),
]


@pytest.mark.parametrize(("key", "value", "expected"), BROKEN_LINES)
def test_a_line_break_at_the_end_of_a_value_is_refused(project: Project, key: str, value: Any, expected: str) -> None:
    project.write("clients.d/portal.yaml", json.dumps({**RIGHT, key: value}))
    found = told(project)
    assert f"clients.d/portal.yaml:1: {expected}" in found
    assert OTHER in found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("project: demo", 'project: "demo\\n"'),
        ("{env: IAC_CLIENT_ID}", '{env: "IAC_CLIENT_ID\\n"}'),
        ("{env: IAC_CLIENT_ID}", '{file: "id\\n"}'),
        ("path: .iac/state.json", 'path: ".iac/state.json\\n"'),
        ("provider: iam-admin", 'provider: iam-admin\nproxy: "http://proxy.example.org\\n"'),
        ("provider: iam-admin", 'provider: iam-admin\nsinks: {"sealed\\n": {kind: age}}'),
        ("provider: iam-admin", 'provider: iam-admin\nremoved: [{address: "gone\\n", then: forget}]'),
        ("provider: iam-admin", 'provider: iam-admin\nenvironments: {"prod\\n": {}}'),
        ("method: client_credentials", "method: client_credential"),
    ],
)
def test_iac_yaml_is_as_strict(project: Project, before: str, after: str) -> None:
    project.edit("iac.yaml", before, after)
    found = told(project)
    assert [each for each in found if each.startswith("iac.yaml:") and each.endswith(("bad-format", "not-one-of"))]
    assert OTHER in found


def test_a_value_that_is_no_yaml_is_told_once(project: Project) -> None:
    project.write("clients.d/portal.yaml", "client_id: *id\nclient_name: Portal\nredirect_uris: *uris\n")
    found = [each for each in told(project) if each.startswith("clients.d/portal.yaml:")]
    assert ["clients.d/portal.yaml:1: yaml-alias", "clients.d/portal.yaml:3: yaml-alias"] == found


def test_a_home_that_is_not_there_is_no_fault(project: Project) -> None:
    project.edit("iac.yaml", "{env: IAC_CLIENT_SECRET}", "{file: ~nobody-of-this-name/secret}")
    project.edit("iac.yaml", "provider: iam-admin", "provider: iam-admin\ntls: {ca: ~nobody-of-this-name/ca.pem}")
    assert OTHER in told(project)


@pytest.mark.parametrize("text", ["{{" * 30_000, "{{ " * 20_000])
def test_a_text_of_braces_does_not_hang(project: Project, text: str) -> None:
    project.write("clients.d/portal.yaml", json.dumps({**RIGHT, "jwk": text, "scope": text}))
    assert "clients.d/portal.yaml:1: bad-jwk" in told(project)


def test_every_key_that_is_missing_is_told(project: Project) -> None:
    project.edit("iac.yaml", "client_id: {env: IAC_CLIENT_ID}, client_secret: {env: IAC_CLIENT_SECRET}", "key_id: a")
    ended = project.iac("validate")
    assert "the key client_id is missing in auth" in ended.out
    assert "the key client_secret is missing in auth" in ended.out


@pytest.mark.slow
def test_long_lists_of_names_that_nothing_has_are_told_in_time(project: Project) -> None:
    """Each mistake is held against a few known names, not against all."""
    for number in range(600):
        project.define(f"team/service-{number:05}", grant_types=["client_credentials"])
        project.write(f"templates/team/service-{number:05}.j2", "")
    entries = [
        f"  - {{template: team/servica-{number:05}.j2, path: out/{number}, clients: [team/servica-{number:05}]}}\n"
        for number in range(1500)
    ]
    with (project.root / "iac.yaml").open("a") as file:
        file.write("outputs:\n" + "".join(entries))
    told = project.iac("validate", "--format", "json").json()
    fixes = {each["fix"] for each in told["diagnostics"]}
    assert {"did you mean team/service-00007?", "did you mean team/service-00007.j2?"} <= fixes
