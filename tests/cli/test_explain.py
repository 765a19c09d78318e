"""`iac explain`: what an id means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iac.cli import run
from iac.core.catalogue import CATALOGUE
from iac.core.explanation import IdKind
from iac.core.plan.guards import GUARDS
from iac.core.policy import RULES
from iac.core.server import RULES as SERVER
from iac.views.explanation import explanation_text
from iac.workflow.explain import explanations
from tests.config.given import PROJECT, write
from tests.every import every

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def iac(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(tmp_path), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_every_id_there_is_is_explained_and_no_other() -> None:
    guards = {guard.id for guard in GUARDS}
    assert CATALOGUE.keys() | guards | RULES.keys() | SERVER.by_id.keys() == set(explanations())


@every("name", sorted(explanations()))
def test_an_explanation_says_what_and_whence_or_how_to_go_on(name: str) -> None:
    known = explanations()[name]
    assert known.what
    assert known.fix or known.source or known.kind is IdKind.FINDING
    assert all(len(line) <= 130 for line in explanation_text(known).splitlines())


def test_a_rule_of_policy_is_told_with_all_that_it_has(iac: Call) -> None:
    expected = """\
client-becomes-public: policy on changes, warning

A change sets `token_endpoint_auth_method: none`.

Why: The change removes the secret. Whoever knows the client's id, which is public, can use the
client.

Source: RFC 6749 section 2.1; rec: admin-auth-method-matrix

Fix: keep a secret method, or private_key_jwt; if it is an app for users, code_challenge_method:
S256

Registered:
    token_endpoint_auth_method: client_secret_basic

Found:
    token_endpoint_auth_method: none
    code_challenge_method: S256

Not found:
    token_endpoint_auth_method: client_secret_post

For the project, in iac.yaml:
    policy: {client-becomes-public: off}   # or warning, error

For one client, in its definition:
    waive: [{id: client-becomes-public, reason: why it is meant, until: YYYY-MM-DD}]
"""
    assert (0, expected, "") == iac("explain", "client-becomes-public")


def test_a_mistake_is_told_as_the_reference_tells_it(iac: Call) -> None:
    expected = """\
tos-uri-is-dropped: a mistake

A definition has `tos_uri`.

Why: Every version of IAM drops it silently (rec: admin-create-full).

Source: rec: admin-create-full

Fix: Remove it. IAM keeps `policy_uri`.

Found:
    # clients.d/portal.yaml
    tos_uri: https://portal.example.org/terms
"""
    assert (0, expected, "") == iac("explain", "tos-uri-is-dropped")


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        (
            "max-deletes",
            "max-deletes: a guard\n\nRefuses more deletions than `limits.max_deletes` (3); clients",
        ),
        ("output-not-ignored", "output-not-ignored: a finding of a plan\n\nAn output with a secret is in a git"),
        ("secrets-in-clear", "secrets-in-clear: a warning, warning\n\n"),
        ("put-is-a-full-replace", "put-is-a-full-replace: what a server does\n\nfields that a PUT omits become empty"),
    ],
)
def test_every_kind_is_told(name: str, begins: str, iac: Call) -> None:
    code, out, _ = iac("explain", name)
    assert 0 == code
    assert out.startswith(begins)


def test_the_severity_is_that_of_the_project_at_hand(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"iac.yaml": PROJECT + "policy: {no-owner: error, secrets-in-clear: off}\n"})
    heads = [iac("explain", name)[1].splitlines()[0] for name in ("no-owner", "no-contact", "secrets-in-clear")]
    assert [
        "no-owner: policy on definitions, error here (off unless iac.yaml says otherwise)",
        "no-contact: policy on definitions, off",
        "secrets-in-clear: a warning, off here (warning unless iac.yaml says otherwise)",
    ] == heads


def test_a_project_that_cannot_be_read_does_not_matter(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"iac.yaml": "policy: {no-owner: error\n"})
    assert iac("explain", "no-owner")[1].startswith("no-owner: policy on definitions, off\n")


def test_an_unknown_id_is_an_error_with_what_was_probably_meant(iac: Call) -> None:
    code, out, err = iac("explain", "priviliged-scope")
    assert (1, "") == (code, out)
    assert "fix: did you mean privileged-scope?" in err
    assert "iac explain --list" in iac("explain", "zzz")[2]


def test_all_ids_can_be_listed(iac: Call) -> None:
    code, out, _ = iac("explain", "--list")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (0, list(explanations())) == (code, list(lines))
    assert "policy on definitions, error" == lines["password-grant"]
    assert "a guard" == lines["max-deletes"]
    listed = json.loads(iac("explain", "--list", "--format", "json")[1])
    assert {"id": "password-grant", "kind": "policy on definitions", "level": "error"} in listed
    assert len(listed) == len(lines)


def test_json_has_every_part(iac: Call) -> None:
    found = json.loads(iac("explain", "no-contact", "--format", "json")[1])
    rule = RULES["no-contact"]
    assert {
        "id": "no-contact", "kind": "policy on definitions", "what": rule.what, "why": rule.why,
        "source": rule.source, "fix": rule.fix, "level": "off", "here": "off", "before": "", "bad": rule.bad,
        "good": rule.good,
    } == found  # fmt: skip


@pytest.mark.parametrize("arguments", [[], ["no-owner", "--list"]])
def test_one_id_or_the_list_is_asked_for(arguments: list[str], iac: Call) -> None:
    assert 64 == iac("explain", *arguments)[0]


def test_what_a_server_is_the_cause_of_has_its_source() -> None:
    assert "rec: admin-lifetimes" == explanations()["zero-lifetime-is-the-default"].source
