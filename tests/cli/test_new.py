"""`iac new`: a definition for a known service, with its output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from iac.cli import run
from iac.services import services
from tests.config.given import PROJECT, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def iac(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    write(tmp_path, {"iac.yaml": PROJECT})

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(tmp_path), "new", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_it_says_what_it_wrote_and_how_to_go_on(iac: Call, tmp_path: Path) -> None:
    code, out, err = iac("portals/grafana", "--template", "grafana", "--set", "host=grafana.example.org")
    assert (0, "wrote clients.d/portals/grafana.yaml\n") == (code, out)
    assert err.splitlines() == [
        "iac apply will write out/portals/grafana/grafana.ini",
        "how Grafana reads it: https://github.com/indigo-iac/indigo-iac/tree/main/docs/how-to/services/grafana.md",
        "next: look at the definition, then run iac validate and iac plan",
    ]
    assert "https://grafana.example.org/login" in (tmp_path / "clients.d/portals/grafana.yaml").read_text()


def test_it_says_that_iac_yaml_was_changed(iac: Call) -> None:
    _, out, _ = iac("rucio", "--template", "rucio", "--set", "host=r.example.org", "--set", "idp=wlcg")
    assert "wrote clients.d/rucio-auth.yaml\nwrote clients.d/rucio-scim.yaml\nadded to outputs of iac.yaml\n" == out


def test_without_a_template_it_starts_any_service(iac: Call, tmp_path: Path) -> None:
    assert 0 == iac("team/job")[0]
    assert "template: dotenv\n    path: out/team/job/client.env\n" in (tmp_path / "clients.d/team/job.yaml").read_text()


def test_what_it_wrote_as_json(iac: Call) -> None:
    code, out, err = iac("esaco", "--template", "esaco", "--format", "json")
    assert (0, "") == (code, err)
    written = {"definitions": {"esaco": "clients.d/esaco.yaml"}, "outputs": ["out/esaco/application.yml"]}
    assert written == json.loads(out)


def test_on_a_terminal_it_asks_for_what_is_missing(iac: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def prompt(text: str, *, err: bool) -> str:
        asked.append(text)
        return "wlcg" if err else ""

    monkeypatch.setattr("iac.cli.new.is_terminal", lambda _: True)
    monkeypatch.setattr("click.prompt", prompt)
    assert 0 == iac("vault", "--template", "htvault-config", "--set", "host=v.example.org")[0]
    assert ["the issuer's name in the vault, such as wlcg"] == asked
    text = (tmp_path / "clients.d/vault.yaml").read_text()
    assert "https://v.example.org:8200/v1/auth/oidc-wlcg/oidc/callback" in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 64, "give an ADDR, or --list"),
        (("a", "--list"), 64, "give an ADDR, or --list"),
        (("a", "--template", "grafana", "--set", "host"), 64, "--set host: give NAME=VALUE, each NAME once"),
        (("a", "--template", "spring", "--set", "id=a", "--set", "id=b"), 64, "give NAME=VALUE, each NAME once"),
        (("a", "--template", "grafana"), 1, "fix: add --set host=VALUE"),
        (("a", "--template", "grafna"), 1, "fix: did you mean grafana?"),
        (("portal", "--template", "esaco"), 1, "there is a definition already: clients.d/portal.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(iac: Call, arguments: tuple[str, ...], code: int, says: str) -> None:
    ended, out, err = iac(*arguments)
    assert (code, "") == (ended, out)
    assert says in err


def test_without_a_project_it_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == run(["-C", str(tmp_path), "new", "a"])
    assert "iac init makes one" in capsys.readouterr().err


def test_the_list_names_every_service_with_its_templates(iac: Call) -> None:
    code, out, _ = iac("--list")
    assert 0 == code
    lines = out.splitlines()
    assert list(services()) == [line.partition(":")[0] for line in lines if not line.startswith(" ")]
    assert "grafana: Grafana, logins of users, generic OAuth" in lines
    assert any(line.split() == ["grafana-env", "grafana.env", "(dotenv),", "instead"] for line in lines)
    assert "  asks for host: Grafana's host, such as grafana.example.org" in lines


def test_the_list_as_json(iac: Call) -> None:
    listed: dict[str, Any] = {each["name"]: each for each in json.loads(iac("--list", "--format", "json")[1])}
    assert list(services()) == list(listed)
    assert ["auth", "scim"] == listed["rucio"]["clients"]
    (file,) = listed["rucio"]["files"]
    assert {
        "template": "rucio-idpsecrets",
        "format": "json",
        "file": "idpsecrets.json",
        "clients": ["auth", "scim"],
        "values": {"idp": "{idp}"},
        "usual": True,
    } == file
