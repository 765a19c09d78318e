"""Servers with RFC 7591 that oidc-provider is none of: no RFC 7592, other discovery, another token with every read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.providers.stub import Say
from tests.scenarios.place import ADDRESS
from tests.scenarios.standin import EVERY, INITIAL, OPENID, Discovery, standing

if TYPE_CHECKING:
    from pathlib import Path


def test_a_token_that_a_read_brings_is_kept_by_a_plan_too(tmp_path: Path) -> None:
    """RFC 7592 section 3: any answer may bring one, and the old one may be dead then."""
    with standing(tmp_path, renews=EVERY) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        for _ in range(2):
            assert work.is_settled()
        work.define(client_name="Another name")
        assert 0 == work.apply()[0]
        assert work.is_settled()
        place.change(work.held()["client_id"], "By hand")
        assert 2 == work.iac("drift")[0]
        assert work.logs_in()


def test_a_server_without_rfc_7592_creates_and_says_that_this_is_all(tmp_path: Path) -> None:
    with standing(tmp_path, has_management=False) as (work, place):
        work.define()
        work.define("team/other")
        assert 0 == work.apply()[0]
        assert work.logs_in()
        asked = len(place.seen)
        plan = work.plan()
        assert (False, [], {"create-only"}) == (plan["complete"], plan["changes"], {f["id"] for f in plan["findings"]})
        assert not [seen for seen in place.seen[asked:] if seen.path.startswith("/register")]
        work.define(client_name="Another name")
        assert ["create-only"] == work.guards()
        assert 3 == work.apply()[0]
        work.define(lifecycle={"prevent_destroy": True})
        assert 0 == work.apply()[0]
        assert "3 as applied" not in work.iac("drift")[1]
        assert "2 that could not be read" in work.iac("drift")[1]
        work.undefine(then="forget")
        assert 0 == work.apply()[0]
        assert 2 == len(place.clients)


@pytest.mark.parametrize(
    ("say", "words", "pending"),
    [
        (Say(400, {"error": "invalid_redirect_uri"}), "the server says 400: invalid_redirect_uri", 0),
        (Say(400, {"error": "invalid_client_metadata"}), "the server says 400: invalid_client_metadata", 0),
        (Say(400, {"error": "unapproved_software_statement"}), "asks for a software statement", 0),
        (Say(401, {"error": "invalid_token"}), "the token of auth has ended, was used up", 0),
        (Say(403, {}), "a policy of the server refuses", 0),
        (Say(429, {}), "the server refuses it", 0),
        (Say(500, b"oops"), "the only client_id", 1),
        (Say(201, {"client_name": "x"}), "the only client_id", 1),
        (Say(201, {"client_id": "x", "contacts": [{}]}), "the server did not keep the values that iac sent", 0),
    ],
)
def test_a_registration_that_fails_says_why_and_whether_it_may_be_there(
    tmp_path: Path, say: Say, words: str, pending: int
) -> None:
    with standing(tmp_path, asks_for_token=True) as (work, place):
        place.answers["POST /register"] = say
        work.define()
        code, out, err = work.apply()
        assert (5, True) == (code, words in out + err)
        assert pending == len(work.plan()["pending"])
        posted = next(seen for seen in place.seen if seen.method == "POST")
        assert f"Bearer {INITIAL}" == posted.headers["authorization"]


def test_where_clients_are_registered_is_found_by_rfc_8414_too(tmp_path: Path) -> None:
    with standing(tmp_path, discovery=Discovery.OAUTH) as (work, _):
        work.define()
        assert 0 == work.apply()[0]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "this server registers no clients"),
        ({"registration_endpoint": "https://elsewhere.example.org/reg"}, "another origin"),
    ],
)
def test_where_no_clients_are_registered_nothing_is_sent(tmp_path: Path, document: dict[str, str], words: str) -> None:
    with standing(tmp_path) as (work, place):
        place.answers[f"GET {OPENID}"] = Say(
            body={"issuer": place.url, "token_endpoint": f"{place.url}/token", **document}
        )
        work.define()
        code, out, err = work.apply()
        assert (6, True) == (code, words in out + err)
        assert not [seen for seen in place.seen if seen.method == "POST"]
        assert 6 == work.iac("plan")[0]


def test_an_address_elsewhere_is_none(tmp_path: Path) -> None:
    """No token is sent to another origin, and the other clients are planned as ever."""
    with standing(tmp_path) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        made = place.register(client_name="Client team/other", scope="openid profile")
        elsewhere = "https://elsewhere.example.org/register/other"
        place.answers["POST /register"] = Say(201, {**made, "registration_client_uri": elsewhere})
        work.define("team/other")
        assert 0 == work.apply()[0]
        plan = work.plan()
        assert (False, ["create-only"]) == (plan["complete"], [found["id"] for found in plan["findings"]])
        assert work.logs_in("team/other")


def test_a_field_that_the_server_narrows_is_an_error_that_names_it_and_nothing_is_lost(tmp_path: Path) -> None:
    with standing(tmp_path, drops=frozenset({"contacts"})) as (work, place):
        work.define(contacts=["ops@example.org"])
        code, out, err = work.apply()
        assert (5, True) == (code, "contacts" in out + err)
        assert work.held()["client_id"] in place.ids()
        work.define()
        assert 0 == work.apply()[0]
        assert work.logs_in()


@pytest.mark.parametrize(
    ("wrong", "summary"),
    [
        ({"client_id": ""}, "the answer to a registration is lost"),
        ({"client_id": "a\nCLIENT_ID=b"}, "the answer to a registration is lost"),
        # With the id the client is in state, and what could be read of the answer beside it.
        ({"client_secret": "hush\nPATH=/tmp"}, "the server did not keep the values that iac sent"),
        ({"registration_access_token": "half \ud800"}, "the server did not keep the values that iac sent"),
    ],
)
def test_what_is_no_line_of_text_is_no_id_and_no_credential(
    tmp_path: Path, wrong: dict[str, str], summary: str
) -> None:
    with standing(tmp_path) as (work, place):
        work.define()
        place.answers["POST /register"] = Say(201, {"client_id": "client-1", "client_name": "An app", **wrong})
        code, out, err = work.apply()
        assert (5, True) == (code, summary in out + err)
        assert "hush" not in out + err
        assert "PATH" not in (work.root / ".iac/state.json").read_text()


def test_a_read_that_answers_another_client_is_none(tmp_path: Path) -> None:
    with standing(tmp_path) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        place.answers["GET /register/client-1"] = Say(200, {"client_id": "client-2", "client_name": "Another app"})
        code, out, err = work.iac("plan")
        assert (6, True) == (code, "answer is invalid" in out + err)


def test_a_token_that_is_refused_when_it_is_used_is_said(tmp_path: Path) -> None:
    with standing(tmp_path) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        place.answers["PUT /register/client-1"] = Say(403, {"error": "insufficient_scope"})
        work.define(client_name="Another name")
        code, out, err = work.apply()
        assert (5, True) == (code, "the token may not do this" in out + err)
        place.answers = {"GET /register/client-1": Say(500, b"")}
        assert 6 == work.iac("plan")[0]


@pytest.mark.parametrize(
    ("say", "code", "words"),
    [
        (Say(400, {"error": "invalid_scope"}), 0, "known already"),
        (Say(401, {"error": "invalid_client"}), 1, "the server refuses it as the secret"),
        (Say(400, {"error": "unsupported_grant_type"}), 6, "is invalid"),
    ],
)
def test_a_secret_is_proven_by_what_rfc_6749_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say, code: int, words: str
) -> None:
    with standing(tmp_path) as (work, place):
        work.define()
        assert 0 == work.apply()[0]
        place.answers["POST /token"] = say
        work.feed(monkeypatch, work.rendered()["client_secret"])
        found, out, err = work.iac("secret", "set", ADDRESS)
        assert (code, True) == (found, words in out + err)


def test_what_the_api_has_no_call_for_is_said(tmp_path: Path) -> None:
    with standing(tmp_path) as (work, _):
        work.define()
        assert 0 == work.apply()[0]
        assert "no-rotation" in work.iac("rotate", ADDRESS, "--auto-approve")[1]
        assert "this API has no owners to be" in work.iac("redeem", ADDRESS)[2]
        work.define(owners=["5f9c1a2e-0000-4000-8000-000000000001"])
        assert "owners is a field of IAM alone" in "".join(work.iac("validate")[1:])
        work.define("team/kept")
        work.undefine()
        assert 0 == work.apply()[0]
        restored = work.iac("state", "restore", ADDRESS, "--auto-approve")
        assert (1, True) == (restored[0], "through the management API only" in restored[2])
