"""The scenarios: each does something to one client and says, in the words of the table, what this server made of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tests.scenarios.place import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scenarios.place import Work

    Scenario = Callable[[Work], str]

REFUSED = 3
PARTLY = 5
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
FIELDS: dict[str, Any] = {
    "client_name": "Another name",
    "client_description": "What it is for",
    "client_uri": "https://portal.example.org/",
    "policy_uri": "https://portal.example.org/policy",
    "tos_uri": "https://portal.example.org/terms",
    "contacts": ["ops@example.org", "others@example.org"],
    "redirect_uris": ["https://portal.example.org/cb", "https://portal.example.org/other"],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": ["openid", "profile", "email"],
    "token_endpoint_auth_method": "client_secret_post",
    "code_challenge_method": "S256",
    "jwk": {"keys": [KEY]},
    "require_auth_time": True,
    "default_max_age": 3600,
    "access_token_validity_seconds": 1200,
}
"""A value other than the first for each field of a definition that stands for its kind."""


def create(work: Work) -> str:
    """Who chooses id and secret."""
    work.define()
    work.define("team/kept")
    code, _, err = work.apply()
    assert code == 0, err
    assert work.logs_in()
    assert work.held()["client_id"] in work.place.ids()
    assert work.place.has_token == ("rat" in work.held())
    return "id and secret chosen by iac" if work.place.can_choose_id else "id and secret chosen by the server"


def plan_is_empty(work: Work) -> str:
    """Nothing is planned after a create."""
    assert work.is_settled()
    return "yes"


def fields(work: Work) -> str:
    """Which fields the server keeps when a client is changed."""
    without = []
    secret = work.rendered()["client_secret"]
    for name, value in FIELDS.items():
        work.define(**{"jwk": None, name: value})
        if work.iac("validate")[0] != 0 or not _is_kept(work, name):
            without.append(name)
    work.define(jwk=None)
    assert work.apply()[0] == 0
    work.define()
    assert work.apply()[0] == 0
    assert work.is_settled()
    assert secret == work.rendered()["client_secret"]
    return f"all but {', '.join(without)}" if without else "all"


def _is_kept(work: Work, name: str) -> bool:
    code, out, err = work.apply()
    if code == 0:
        assert work.is_settled(), name
        return True
    assert code == PARTLY, out + err
    assert name in out + err
    return False


def drift(work: Work) -> str:
    """A change by somebody else is seen, and taken back."""
    client_id = work.held()["client_id"]
    work.place.change(client_id, "By hand")
    code, out, _ = work.iac("drift", "--format", "json")
    assert (2, ["client_name"]) == (code, [field["name"] for field in json.loads(out)["clients"][0]["fields"]])
    change = work.plan()["changes"][0]
    assert ("update", "server") == (change["action"], change["fields"][0]["cause"])
    assert work.apply()[0] == 0
    assert work.is_settled()
    return "seen, and taken back"


def read_without_key(work: Work) -> str:
    """Whether a plan needs the key of the state."""
    identity = os.environ.pop("IAC_AGE_IDENTITY")
    is_complete = work.plan()["complete"]
    os.environ["IAC_AGE_IDENTITY"] = identity
    assert is_complete != work.place.has_token
    return "no" if is_complete else "yes, else it compares with what was last applied"


def rotate(work: Work) -> str:
    """A new secret."""
    before = work.rendered()["client_secret"]
    code, out, err = work.iac("rotate", ADDRESS, "--auto-approve")
    if code == REFUSED:
        assert "no-rotation" in out
        assert work.logs_in()
        return "refused: there is no call for it"
    assert code == 0, err
    assert before != work.rendered()["client_secret"]
    assert work.logs_in()
    assert work.is_settled()
    return "yes"


def token_of_age(work: Work) -> str:
    """A registration access token that a PUT replaces."""
    if not work.place.has_token:
        return "has none"
    before, client_id = work.held()["rat"]["fingerprint"], work.held()["client_id"]
    assert work.place.age_tokens(client_id)
    work.define(client_name="After its time")
    code, _, err = work.apply()
    assert code == 0, err
    assert before != work.held()["rat"]["fingerprint"]
    assert work.is_settled()
    return "kept at once"


def token_ended(work: Work) -> str:
    """A registration access token that is one no longer."""
    if not work.place.has_token:
        return "has none"
    work.place.end_tokens(work.held()["client_id"])
    assert ["deleted-on-server"] == work.guards()
    before = work.place.ids()
    assert REFUSED == work.apply()[0]
    assert before == work.place.ids()
    return "said, nothing is done without --recreate"


def recreate(work: Work) -> str:
    """A client that is gone is made anew when that is asked for."""
    before = work.held()["client_id"]
    if not work.place.has_token:
        work.place.remove(before)
    assert REFUSED == work.apply()[0]
    code, _, err = work.apply("--recreate", ADDRESS)
    assert code == 0, err
    assert work.logs_in()
    assert work.is_settled()
    return "the same id, a new secret" if before == work.held()["client_id"] else "another id, a new secret"


def delete(work: Work) -> str:
    """A client that leaves."""
    client_id = work.held()["client_id"]
    work.undefine()
    code, _, err = work.apply()
    assert code == 0, err
    assert client_id not in work.place.ids()
    assert work.is_settled()
    return "yes"


def lost_answer(work: Work) -> str:
    """The answer to a registration is lost."""
    before = work.place.ids()
    work.define("team/lost")
    work.place.lose_next_registration()
    code, out, err = work.apply()
    if code == 0:
        assert work.logs_in("team/lost")
        return "found again at once"
    assert PARTLY == code, err
    assert "--recreate" in out + err
    orphans = work.place.ids() - before
    assert 1 == len(orphans)
    assert REFUSED == work.apply()[0]
    assert orphans == work.place.ids() - before
    return _found(work, orphans.pop())


def _found(work: Work, orphan: str) -> str:
    guard = next(guard for guard in work.plan()["guards"] if guard["id"] == "lost-create")
    if orphan not in guard["why"]:
        code, _, err = work.apply("--recreate", "team/lost")
        assert code == 0, err
        assert work.logs_in("team/lost")
        return "said; nobody can be asked for its id"
    work.define("team/lost", client_id=orphan, adopt=True)
    code, _, err = work.apply()
    assert code == 0, err
    assert orphan == work.held("team/lost")["client_id"]
    is_known = work.held("team/lost")["secret_status"] == "known"
    assert work.is_settled()
    return "said, with the id to adopt" + ("" if is_known else "; its secret is lost")


ROWS: dict[str, Scenario] = {
    "create": create,
    "plan again: no changes": plan_is_empty,
    "fields that are kept": fields,
    "drift": drift,
    "a plan needs the key of the state": read_without_key,
    "rotation": rotate,
    "token that a PUT replaces": token_of_age,
    "token that has ended": token_ended,
    "gone from the server, `--recreate`": recreate,
    "delete": delete,
    "answer to a registration lost": lost_answer,
}
"""In this order on one client; the names are those of the table's rows."""
