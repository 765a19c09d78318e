"""Every service of the catalogue can be started, and what is started is valid and canonical."""

from __future__ import annotations

from datetime import date
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from iac.config.definitions import validate_project
from iac.config.edit.format import format_text
from iac.config.edit.project import with_output
from iac.core.errors import InputError, InvalidInput, Severity
from iac.document import parse_document
from iac.services import services, template_files, template_format
from iac.workflow.new import ServiceStart, WrittenService, add_service, check_answers, find_offer
from tests.config.given import PROJECT, write
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 11, 26)
NAMES = sorted({*services(), *template_files()})


def answers_of(name: str) -> dict[str, str]:
    return {ask: "app.example.org" if ask == "host" else "wlcg" for ask in find_offer(name).service.asks}


def begun(root: Path, name: str, address: str = "team/app", **answers: str) -> WrittenService:
    return add_service(root, ServiceStart(find_offer(name), address, answers_of(name) | answers, TODAY))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path, {"iac.yaml": PROJECT})


@pytest.mark.slow
@every("name", NAMES)
def test_what_is_started_is_valid_and_canonical(tmp_path: Path, name: str) -> None:
    root = write(tmp_path, {"iac.yaml": PROJECT})
    started = begun(root, name)
    validation = validate_project(root, today=TODAY)
    assert [] == [each for each in validation.diagnostics if each.severity is not Severity.WAIVED]
    assert (True, len(started.definitions) + 1) == (validation.is_valid, validation.definitions)
    for file in started.definitions.values():
        text = (root / file).read_text()
        document, _ = parse_document(text.encode(), file)
        assert document is not None
        assert text == format_text(document, text, "client", "")
        assert "@@" not in text


@pytest.mark.parametrize(
    ("provider", "is_named"), [("iam-admin", True), ("iam-self-service", False), ("rfc7591", False)]
)
def test_a_definition_has_a_client_id_where_the_server_does_not_choose_it(
    tmp_path: Path,
    provider: str,
    is_named: bool,  # noqa: FBT001  # the expectation
) -> None:
    root = write(tmp_path, {"iac.yaml": PROJECT.replace("provider: iam-admin", f"provider: {provider}")})
    file = begun(root, "grafana").definitions["team/app"]
    assert is_named is ("\nclient_id: team-app\n" in (root / file).read_text())
    assert provider in (root / "iac.yaml").read_text()


def test_a_service_with_several_clients_gets_a_definition_for_each_and_an_output_in_iac_yaml(root: Path) -> None:
    assert begun(root, "rucio") == WrittenService(
        {"team/app-auth": "clients.d/team/app-auth.yaml", "team/app-scim": "clients.d/team/app-scim.yaml"},
        ("out/team/app/idpsecrets.json",),
        is_shared=True,
    )
    assert (root / "iac.yaml").read_text() == PROJECT + (
        "outputs:\n  - template: rucio-idpsecrets\n    path: out/team/app/idpsecrets.json\n    clients:\n"
        "      auth: team/app-auth\n      scim: team/app-scim\n    values:\n      idp: wlcg\n"
    )


def test_a_second_one_goes_behind_the_first(root: Path) -> None:
    begun(root, "rucio", "one")
    begun(root, "paas-orchestrator", "two")
    text = (root / "iac.yaml").read_text()
    assert text.index("out/one/idpsecrets.json") < text.index("out/two/application.yml")
    assert validate_project(root, today=TODAY).is_valid


def test_line_ends_of_iac_yaml_stay(root: Path) -> None:
    (root / "iac.yaml").write_bytes(PROJECT.replace("\n", "\r\n").encode())
    begun(root, "rucio")
    content = (root / "iac.yaml").read_bytes()
    assert b"  - template: rucio-idpsecrets\r\n" in content
    assert content.count(b"\n") == content.count(b"\r\n")


def test_one_template_of_a_service_is_that_file_alone(root: Path) -> None:
    assert ("out/team/app/grafana.env",) == begun(root, "grafana-env").outputs
    assert ("out/vault/80-secrets.yaml",) == begun(root, "htvault-secrets", "vault").outputs


def test_a_short_address_gets_a_name_that_the_server_takes(root: Path) -> None:
    begun(root, "grafana", "g")
    assert "client_name: Grafana g\n" in (root / "clients.d/g.yaml").read_text()


def test_a_waiver_ends_a_year_later(root: Path) -> None:
    begun(root, "rucio")
    assert "until: 2027-11-26\n" in (root / "clients.d/team/app-scim.yaml").read_text()


def refused(root: Path, name: str, address: str = "team/app", **answers: str) -> InputError:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    folders = {path for path in root.rglob("*") if path.is_dir()}
    with pytest.raises(InputError) as caught:
        begun(root, name, address, **answers)
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert folders == {path for path in root.rglob("*") if path.is_dir()}
    return caught.value


@pytest.mark.parametrize("address", ["", "a//b", "../a", "a b", "/a"])
def test_what_is_no_address_is_refused(root: Path, address: str) -> None:
    assert "invalid address" == refused(root, "grafana", address).summary


@pytest.mark.parametrize("address", ["team/app", "team/App"])
def test_a_definition_that_is_there_is_not_overwritten(root: Path, address: str) -> None:
    write(root, {"clients.d/team/app.yml": "client_id: app\nclient_name: mine\n"})
    error = refused(root, "grafana", address)
    assert ("there is a definition already", "clients.d/team/app.yml") == (error.summary, error.where)


def test_a_mistake_that_the_project_would_have_takes_everything_back(root: Path) -> None:
    write(root, {"clients.d/one.yaml": "client_id: team-app-auth\nclient_name: mine\nredirect_uris: [https://a.org]\n"})
    error = refused(root, "rucio")
    assert "the project would have a mistake" == error.summary
    assert "team-app-auth" in error.why


def test_a_mistake_that_was_there_before_does_not_hinder(root: Path) -> None:
    write(root, {"clients.d/one.yaml": "client_id: one\nclient_name: x\n"})
    begun(root, "grafana")


def test_a_mistake_in_iac_yaml_is_told_first(root: Path) -> None:
    write(root, {"iac.yaml": "project: [\n"})
    with pytest.raises(InvalidInput):
        begun(root, "grafana")


def test_a_file_in_the_place_of_a_folder_is_told(root: Path) -> None:
    (root / "clients.d/team").write_text("")
    assert "the file cannot be written" == refused(root, "grafana").summary


def test_nothing_is_written_behind_a_symbolic_link(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / "clients.d/team").symlink_to(elsewhere)
    assert "symbolic link" in refused(root, "grafana").why
    assert [] == list(elsewhere.iterdir())


def test_a_folder_that_cannot_be_made_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(root), "mkdir", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    error = refused(root, "grafana")
    assert ("the folder cannot be made", "Permission denied") == (error.summary, error.why)


@pytest.mark.parametrize(
    ("answers", "summary", "fix"),
    [
        ({}, "grafana needs to know more", "add --set host=VALUE"),
        ({"hots": "x"}, "grafana does not ask for this", "did you mean host?"),
        ({"host": "https://x.org"}, "this is not Grafana's host, such as grafana.example.org", ""),
        ({"host": "x.org/path"}, "this is not Grafana's host, such as grafana.example.org", ""),
        ({"host": ""}, "this is not Grafana's host, such as grafana.example.org", ""),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused(answers: dict[str, str], summary: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        check_answers(find_offer("grafana"), answers)
    assert (summary, fix) == (caught.value.summary, caught.value.fix)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        check_answers(find_offer("htvault-config"), {})
    assert "add --set host=VALUE --set name=VALUE" == caught.value.fix
    assert "host is the vault's host, such as htvault.example.org; name is the issuer's name" in caught.value.why


def test_a_service_that_asks_for_nothing_says_so() -> None:
    with pytest.raises(InputError) as caught:
        check_answers(find_offer("esaco"), {"host": "x.org"})
    assert "it asks for nothing" == caught.value.fix


@pytest.mark.parametrize(
    ("name", "fix"),
    [("grafna", "did you mean grafana?"), ("zzz", "iac new --list names the services and their templates")],
)
def test_an_unknown_service_is_refused(name: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        find_offer(name)
    assert fix == caught.value.fix


ENTRY = {"template": "json", "path": "out/x.json", "clients": ["a", "b"]}
HEAD = "project: p\nissuer: https://iam.example.org/\n"
BLOCK = """\
  - template: json
    path: out/x.json
    clients:
      - a
      - b
"""
FLOW = '{"template": "json", "path": "out/x.json", "clients": ["a", "b"]}'


@every(
    "before, after",
    [
        (HEAD, HEAD + "outputs:\n" + BLOCK),
        (HEAD + "removed: []\n", HEAD + "outputs:\n" + BLOCK + "removed: []\n"),
        (
            HEAD + "outputs:\n  # one\n  - template: yaml\n    path: y\n# at the end\nremoved: []\n",
            HEAD + "outputs:\n  # one\n  - template: yaml\n    path: y\n" + BLOCK + "# at the end\nremoved: []\n",
        ),
        (HEAD + "outputs: []\n", HEAD + f"outputs: [{FLOW}]\n"),
        (
            HEAD + "outputs: [{template: yaml, path: y}] # all",
            HEAD + f"outputs: [{{template: yaml, path: y}}, {FLOW}] # all",
        ),
        (
            "issuer: x\nproject: p\noutputs:\n- {template: yaml, path: y}",
            "issuer: x\nproject: p\noutputs:\n- {template: yaml, path: y}\n" + dedent(BLOCK),
        ),
    ],
)
def test_an_output_goes_into_iac_yaml_and_all_else_stays(before: str, after: str) -> None:
    assert after == with_output(before, ENTRY)


@pytest.mark.parametrize("text", ["{project: p}", HEAD + "outputs: null\n", HEAD + "outputs: {}\n"])
def test_an_output_whose_place_is_not_clear_is_for_the_user_to_write(text: str) -> None:
    with pytest.raises(InputError) as caught:
        with_output(text, ENTRY)
    assert '{"template": "json", "path": "out/x.json", "clients": ["a", "b"]}' in caught.value.fix


def test_every_template_has_a_format() -> None:
    assert all(template_format(name) for name in template_files())
