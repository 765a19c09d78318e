"""Whole numbers in another notation: one value everywhere, never a state that cannot be read (issue 11 number 1)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.blackbox.kit import bent, with_members

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request, Response
    from iac.sandbox.server import Sandbox
    from tests.blackbox.kit import Project

ADDRESS = "team/app"
LINE = "\n"
FILE = f"clients.d/{ADDRESS}.yaml"
LIFETIME = "refresh_token_validity_seconds"


def _define(project: Project, lifetime: str, *, address: str = ADDRESS, more: str = "") -> None:
    name = address.replace("/", "-")
    project.write(
        f"clients.d/{address}.yaml",
        f"client_id: {name}\nclient_name: {name}\ngrant_types: [client_credentials]\n{LIFETIME}: {lifetime}\n{more}",
    )


def _stored(project: Project) -> Any:
    return project.state()["clients"][ADDRESS]["applied"].get(LIFETIME)


@pytest.mark.parametrize(
    ("written", "whole"),
    [("2.592e+06", 2592000), ("3600.0", 3600), ("36E2", 3600), ("+3.6e3", 3600), ("-0.0", 0), ("0.0", 0)],
)
def test_a_whole_number_in_any_notation_is_that_number(project: Project, written: str, whole: int) -> None:
    _define(project, written)
    assert 0 == project.apply().code
    assert (whole, int) == (_stored(project), type(_stored(project)))
    assert 0 == project.iac("plan", "--detailed-exitcode").code
    _define(project, str(whole))
    assert 0 == project.iac("plan", "--detailed-exitcode").code


@pytest.mark.parametrize("written", ["3600.5", "1e-3", "1e400", ".nan", "-.inf", "1e300", "9007199254740993.0"])
def test_any_other_number_is_an_error_with_its_place(project: Project, written: str) -> None:
    _define(project, written)
    ended = project.iac("validate")
    assert 1 == ended.code
    assert f"{FILE}:4:33" in ended.text
    assert 1 == project.apply().code
    assert {} == project.state()["clients"]


def test_a_number_of_ten_thousand_digits_is_an_error_with_its_place(project: Project) -> None:
    _define(project, "1" * 10_000)
    ended = project.iac("validate")
    assert (1, True) == (ended.code, f"{FILE}:4:33" in ended.text)


def test_bounds_of_policy_see_the_number(project: Project) -> None:
    project.write("iac.yaml", project.read("iac.yaml") + f"lifetime_bounds: {{{LIFETIME}: {{min: 1.0, max: 1E3}}}}\n")
    _define(project, "2.592e+06")
    ended = project.done("validate")
    assert "lifetime-out-of-bounds" in ended.text
    _define(project, "2592000")
    assert ended.text == project.done("validate").text


def test_settings_take_them_too(project: Project) -> None:
    settings = project.read("iac.yaml")
    project.write("iac.yaml", settings + "parallelism: 2.0\nlimits: {max_deletes: 0.0, max_updates: 1e1}\n")
    _define(project, "3600", more="secret: {serial: 1.0}\n")
    assert 0 == project.apply().code
    assert (1, int) == (serial := project.state()["clients"][ADDRESS]["secret_serial"], type(serial))
    project.write("iac.yaml", settings + "parallelism: 2.5\n")
    ended = project.iac("validate")
    assert (1, True) == (ended.code, f"iac.yaml:{settings.count(LINE) + 1}:14" in ended.text)


def test_values_for_templates_stay_as_written(project: Project) -> None:
    project.write("templates/t.j2", "{{ values.a | json }} {{ values.b }}\n")
    _define(project, "3600", more="outputs: [{template: t.j2, path: out/t, values: {a: 3600.0, b: 12}}]\n")
    assert 0 == project.apply().code
    assert "3600.0 12\n" == project.read("out/t")


def test_a_state_that_an_older_version_damaged_so_is_read_again(project: Project) -> None:
    _define(project, "3600")
    project.done("apply", "--auto-approve")
    text = project.read(".iac/state.json")
    old = json.loads(text)
    old["format_version"] = "1.0"
    old.pop("served_issuer", None)
    for client in old["clients"].values():
        client["applied"][LIFETIME] = 3600.0
        client.pop("answer", None)
        (client["secret"] or {}).pop("state_recipients", None)
    project.write(".iac/state.json", json.dumps(old))
    assert 0 == project.iac("plan", "--detailed-exitcode").code


def _answering(**members: Any) -> Callable[[Request, Callable[[], Response]], Response]:
    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        response = straight()
        is_client = request.path.startswith("/iam/api/clients/") and response.status == 200
        return with_members(response, **members) if is_client and b'"client_id"' in response.body else response

    return answer


@pytest.mark.parametrize("flavour", ["1.12", "1.14"])
def test_a_server_that_answers_so_makes_no_difference(project: Project, sandbox: Sandbox) -> None:
    _define(project, "3600")
    project.done("apply", "--auto-approve")
    with bent(sandbox, _answering(**{LIFETIME: 3600.0})):
        assert 0 == project.iac("plan", "--detailed-exitcode").code
        _define(project, "3600", more="client_description: changed\n")
        assert 0 == project.apply().code
    assert (3600, int) == (_stored(project), type(_stored(project)))
    assert 0 == project.iac("plan", "--detailed-exitcode").code


def test_what_the_server_answers_so_is_accepted_and_imported_as_the_number(project: Project, sandbox: Sandbox) -> None:
    _define(project, "3600")
    project.done("apply", "--auto-approve")
    with bent(sandbox, _answering(**{LIFETIME: 7200.0})):
        project.done("drift", "--accept", ADDRESS)
        assert f"{LIFETIME}: 7200\n" in project.read(FILE)


@pytest.mark.parametrize("number", ["1e400", "NaN", "Infinity", "1" * 5000])
@pytest.mark.parametrize("member", [LIFETIME, "made_up"])
def test_a_number_that_nothing_can_hold_never_gets_into_state(
    project: Project, sandbox: Sandbox, number: str, member: str
) -> None:
    _define(project, "3600")

    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        response = straight()
        if request.method != "POST" or not request.path.endswith("/clients"):
            return response
        marked = with_members(response, **{member: "HERE"})
        return replace(marked, body=marked.body.replace(b'"HERE"', number.encode()))

    with bent(sandbox, answer):
        project.apply()
    assert 0 == project.iac("state", "list").code
    assert 0 == project.apply().code
    assert 0 == project.iac("plan", "--detailed-exitcode").code
