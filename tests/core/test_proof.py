from __future__ import annotations

import pytest
from msgspec.structs import replace

from iac.core.proof import ClientProof, Evidence, Grade, Proof, scope_differences

OK = Evidence("login", Grade.OK)
FAILED = Evidence("login", Grade.FAILED)
UNPROVEN = Evidence("token-exchange", Grade.UNPROVEN)
UNANSWERED = Evidence("jwks_uri", Grade.UNANSWERED)
UNREAD = Evidence("output", Grade.UNPROVEN)


def of(*checks: Evidence) -> ClientProof:
    return ClientProof("team/app", "app", checks)


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ((), Grade.UNPROVEN),
        ((UNPROVEN,), Grade.UNPROVEN),
        ((UNPROVEN, OK), Grade.OK),
        ((OK, UNANSWERED), Grade.UNANSWERED),
        ((OK, UNANSWERED, FAILED, UNPROVEN), Grade.FAILED),
        ((UNREAD, replace(OK, verdict=Grade.UNPROVEN), replace(OK, name="authorization_code")), Grade.UNPROVEN),
        ((UNREAD, OK), Grade.OK),
    ],
)
def test_a_client_is_as_bad_as_its_worst_check_and_what_nobody_could_tell_is_not_bad(
    checks: tuple[Evidence, ...], verdict: Grade
) -> None:
    assert of(*checks).verdict is verdict


def test_a_run_is_green_when_nothing_failed_and_everything_was_answered() -> None:
    def green(*clients: ClientProof) -> tuple[bool, bool]:
        proof = Proof("demo", "default", "https://iam.example.org/", clients)
        return proof.is_green, proof.has_failed

    assert green() == (True, False)
    assert green(of(OK), of(UNPROVEN)) == (True, False)
    assert green(of(OK), of(UNANSWERED)) == (False, False)
    assert green(of(OK), of(FAILED)) == (False, True)


def test_the_json_form_counts_clients_and_tells_each_check() -> None:
    told = Proof("demo", "default", "https://iam.example.org/", (of(OK, UNPROVEN), of(FAILED))).to_dict()

    assert told["ok"] is False
    assert told["summary"] == {"ok": 1, "failed": 1, "not_proven": 0, "unanswered": 0}
    assert told["clients"][0]["checks"] == [
        {"name": "login", "verdict": "ok", "subject": "", "why": "", "fix": ""},
        {"name": "token-exchange", "verdict": "not_proven", "subject": "", "why": "", "fix": ""},
    ]


def test_scopes_about_users_may_be_left_out_of_a_clients_own_token() -> None:
    declared = ["openid", "wlcg.groups:/cms", "eduperson_entitlement", "scim:read", "storage.read:/"]

    assert scope_differences(declared, ["scim:read", "storage.read:/"]) == ([], [])
    assert scope_differences(declared, ["openid", "storage.read:/"]) == (["scim:read"], [])
    assert scope_differences(["fts"], ["fts", "openid", "iam:admin.read"]) == ([], ["iam:admin.read", "openid"])
