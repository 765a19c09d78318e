"""What verification found, with texts that want to be something else."""

from __future__ import annotations

from iac.core.proof import ClientProof, Evidence, Grade, Proof
from iac.core.text import printable
from iac.views.proof import proof_junit, proof_text
from tests.every import every
from tests.views.hostile import TEXTS
from tests.views.test_machine import junit_schema

OK = Evidence("login", Grade.OK, why="taken")
CHECKS = (
    Evidence("output", Grade.OK, "out/a.env", "read as dotenv"),
    Evidence("login", Grade.FAILED, why="the server refuses it", fix="iac render"),
    Evidence("token-exchange", Grade.UNPROVEN),
    Evidence("jwks_uri", Grade.UNANSWERED, "https://keys.example.org/", "no answer"),
)


def proof(*clients: ClientProof) -> Proof:
    return Proof("demo", "prod", "https://iam.example.org/", clients)


def test_each_client_stands_with_its_checks_and_the_way_on() -> None:
    shown = proof_text(proof(ClientProof("team/a", "a", CHECKS), ClientProof("team/b", "b", (OK,))), color=False)
    assert shown == (
        "demo, environment prod, https://iam.example.org/\n\n"
        "  ! team/a: failed, client a\n"
        "      output               ok         out/a.env: read as dotenv\n"
        "      login                failed     the server refuses it\n"
        "        fix: iac render\n"
        "      token-exchange       not proven\n"
        "      jwks_uri             unanswered https://keys.example.org/: no answer\n\n"
        "  + team/b: ok, client b\n"
        "      login                ok         taken\n\n"
        "Verified: 1 ok, 1 failed.\n"
    )


def test_colours_are_of_clients_and_of_checks_that_are_not_ok() -> None:
    shown = proof_text(proof(ClientProof("team/a", "a", CHECKS)), color=True)
    assert ["\x1b[31m! team/a", "\x1b[31mlogin"] == [
        part for part in ("\x1b[31m! team/a", "\x1b[31mlogin") if part in shown
    ]
    assert "\x1b[31moutput" not in shown


def test_no_client_is_said() -> None:
    assert proof_text(proof(), color=False).endswith("Verified: no clients.\n")
    junit_schema().validate(proof_junit([proof()]))


@every("text", TEXTS)
def test_texts_of_others_are_inert(text: str) -> None:
    checks = tuple(Evidence(text, verdict, text, text, text) for verdict in Grade)
    hostile = proof(ClientProof(text, text, checks))
    shown = proof_text(hostile, color=False)
    assert all(line == printable(line) for line in shown.splitlines())
    assert len(shown.splitlines()) == 12
    junit_schema().validate(proof_junit([hostile]))


def test_in_junit_a_failure_has_its_fix_and_what_is_not_proven_is_skipped() -> None:
    shown = proof_junit([proof(ClientProof("team/a", "a", CHECKS))])
    assert 'tests="4" failures="2" errors="0" skipped="1"' in shown
    assert "fix: iac render" in shown
    assert '<skipped message="not proven"/>' in shown
