"""The scenarios: each does something to one client and says, in the words of the table, what this server made of it."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from tests.providers.stub import Say, start_stub
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

_PAGE = "https://portal.example.org/page"
OF_OTHERS: dict[str, Any] = {
    "logo_uri": "https://portal.example.org/logo.png",
    "post_logout_redirect_uris": [_PAGE],
    "backchannel_logout_uri": _PAGE,
    "id_token_signed_response_alg": "ES256",
    "default_acr_values": ["strong"],
    "dpop_bound_access_tokens": True,
    "response_types": ["code", "none"],
    "extra": {"ui_theme": "dark"},
}
"""The same of fields that an IAM does not have."""

_LABELLED = {**KEY, "kid": "portal", "use": "sig", "alg": "ES256"}
KINDS: dict[str, dict[str, Any]] = {
    "public with PKCE": {"token_endpoint_auth_method": "none"},
    "robot (client_credentials)": {"grant_types": ["client_credentials"], "redirect_uris": []},
    "private_key_jwt by jwks_uri": {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": f"{_PAGE}/keys"},
    "private_key_jwt by value": {"token_endpoint_auth_method": "private_key_jwt", "jwk": {"keys": [_LABELLED]}},
}
LISTS: dict[str, Any] = {
    "redirect_uris": ["https://portal.example.org/cb", "https://portal.example.org/other"],
    "contacts": ["ops@example.org", "others@example.org"],
    "grant_types": ["authorization_code", "refresh_token"],
    "post_logout_redirect_uris": [_PAGE, f"{_PAGE}/other"],
}
"""Two items each, the second of which is taken out."""


def create(work: Work) -> str:
    """Who chooses id and secret."""
    work.define()
    work.define("team/kept")
    assert work.refusal() == ""
    assert work.logs_in()
    assert work.held()["client_id"] in work.place.ids()
    assert work.place.has_token == ("rat" in work.held())
    return "id and secret chosen by iac" if work.place.can_choose_id else "id and secret chosen by the server"


def plan_is_empty(work: Work) -> str:
    """Nothing is planned after a create."""
    assert work.is_settled()
    return "yes"


def fields(work: Work) -> str:
    """Which fields the server keeps when a client is changed, and why not."""
    without: dict[str, list[str]] = {}
    secret = work.rendered().get("client_secret")
    wanted = FIELDS if work.place.is_iam else {**FIELDS, **OF_OTHERS}
    for name, value in wanted.items():
        work.define(**{name: value})
        if why := _why_not_kept(work, name):
            without.setdefault(why, []).append(name)
        elif name in OF_OTHERS or name == "jwk":
            empty: Any = dict.fromkeys(value) if name == "extra" else None  # it would stay, undeclared
            work.define(**{name: empty})
            if work.refusal():
                without.setdefault("the server keeps them when they are emptied, and apply says so", []).append(name)
    work.define()
    assert work.refusal() == ""
    assert work.is_settled()
    assert secret == work.rendered().get("client_secret")
    return told(without)


def _why_not_kept(work: Work, name: str) -> str:
    if mistake := work.mistake():
        return mistake.replace(name, "it")
    words = work.refusal()
    if not words:
        assert work.is_settled(), name
    elif "did not keep" in words:
        return "the server drops or changes them, and apply says so"
    return re.sub(rf"\b{name}\b", "it", words)


def told(without: dict[str, list[str]]) -> str:
    """All, or what not and why."""
    reasons = (f"{', '.join(f'`{name}`' for name in names)} ({why})" for why, names in without.items())
    return f"all but {'; '.join(reasons)}" if without else "all"


def kinds(work: Work) -> str:
    """Which kinds of clients there can be."""
    without: dict[str, list[str]] = {}
    for name, values in KINDS.items():
        address = f"kinds/{name.partition(' ')[0]}-{len(name)}"
        pkce = {"code_challenge_method": "S256"} if work.place.is_iam and "PKCE" in name else {}
        before = work.place.ids()
        work.define(address, outputs=[], **values, **pkce)
        why = work.mistake() or work.refusal()
        if why:
            without.setdefault(why, []).append(name)
            assert before == work.place.ids()
            work.drop(address)
        else:
            assert work.is_settled(), name
    return told(without)


def items(work: Work) -> str:
    """An item that is taken out of a list is gone from the server."""
    without: dict[str, list[str]] = {}
    for name, value in LISTS.items():
        if name in OF_OTHERS and work.place.is_iam:
            continue
        work.define(**{name: value})
        if why := _why_not_kept(work, name):
            without.setdefault(why, []).append(name)
        else:
            work.define(**{name: value[:1]})
            words = work.refusal()
            assert name in words or work.is_settled(), (name, words)
            if words:
                without.setdefault("the server keeps the item, and apply says so", []).append(name)
    work.define()
    assert work.refusal() == ""
    return told(without)


def others_survive(work: Work) -> str:
    """What no definition has stays as somebody set it."""
    client_id = work.held()["client_id"]
    work.place.mark(client_id)
    work.define(client_name="Name after the mark")
    words = work.refusal()
    assert work.place.is_marked(client_id), words
    assert work.is_settled()
    return "kept"


def verify(work: Work) -> str:
    """What can be proven of the credentials."""
    code, out, err = work.iac("verify", ADDRESS, "--format", "json")
    checks = json.loads(out)["clients"][0]["checks"]
    assert code == 0, out + err
    proven = dict.fromkeys(check["name"] for check in checks if check["verdict"] == "ok")
    return ", ".join(name for name in proven if name != "output")


def key_login(work: Work) -> str:
    """A client that logs in by its private key. The server has the public half by value, or reads it at jwks_uri."""
    work.write("templates/key.json.j2", "{{ client.private_key.jwk | verbatim }}\n")
    said: dict[str, list[str]] = {}
    with start_stub(lambda _: Say(body=(work.root / "jwks.json").read_bytes())) as service:
        for name, uri in {"jwk": "", "jwks_uri": f"{service.url}/keys"}.items():
            said.setdefault(_login_by_key(work, f"keys/{name}", uri), []).append(f"`{name}`")
    return "; ".join(f"{' and '.join(names)}: {why}" for why, names in said.items())


def _login_by_key(work: Work, address: str, uri: str) -> str:
    values = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri} if uri else {}
    work.define(address, **values, outputs=[{"template": "key.json.j2", "path": f"out/{address}.json"}])
    code, _, err = work.iac("keygen", address, *(["--jwks", str(work.root / "jwks.json")] if uri else []))
    assert code == 0, err
    before = work.place.ids()
    if why := work.mistake() or work.refusal():
        assert before == work.place.ids()
        work.drop(address)
        return why
    _, out, _ = work.iac("verify", address, "--format", "json")
    (login,) = [check for check in json.loads(out)["clients"][0]["checks"] if check["name"] == "login"]
    work.undefine(address)
    assert work.refusal() == ""
    return "proven" if login["verdict"] == "ok" else f"{login['verdict']}: {login['why']}"


def own_login(work: Work) -> str:
    """`iac` itself logs in by a key: as a client that it has registered itself, and that may register others."""
    scopes = {} if work.place.login_scopes is None else {"scope": list(work.place.login_scopes)}
    output = {"template": "key.json.j2", "path": "out/login.json"}
    robot = {"grant_types": ["client_credentials"], "redirect_uris": [], "outputs": [output], **scopes}
    work.define("team/login", **robot)
    assert work.iac("keygen", "team/login")[0] == 0
    if why := work.mistake() or work.refusal():
        work.drop("team/login")
        return f"no such client: {why}"
    client_id, key = work.held("team/login")["client_id"], {"file": str(work.root / "out/login.json")}
    right = work.place.let_register(client_id)
    auth = {"method": "private_key_jwt", "client_id": client_id, "private_key": key, **scopes}
    by_key = work.beside("by-key", json.dumps(auth))
    code, _, err = by_key.iac("whoami")
    assert code == 0, err
    by_key.define("team/by-key")
    if not (words := by_key.refusal()):
        assert by_key.logs_in("team/by-key")
        assert by_key.is_settled()
    work.undefine("team/login")
    assert work.refusal() == ""
    return f"accepted; registers no client: {words}" if words else f"accepted{right}; registers clients"


def bad_initial(work: Work) -> str:
    """An initial access token that does not do is said, and nothing is registered."""
    tokens = work.place.bad_initial()
    if not tokens:
        return "none is asked for"
    said: dict[str, list[str]] = {}
    for kind, token in tokens.items():
        before = work.place.ids()
        work.define("team/refused")
        kept = os.environ["IAC_INITIAL_ACCESS_TOKEN"]
        os.environ["IAC_INITIAL_ACCESS_TOKEN"] = token
        said.setdefault(work.refusal(), []).append(kind)
        os.environ["IAC_INITIAL_ACCESS_TOKEN"] = kept
        assert before == work.place.ids()
        assert not work.plan()["pending"]
        work.drop("team/refused")
    assert "" not in said, said
    return "; ".join(f"{' or '.join(kinds)}: {words}" for words, kinds in said.items())


def policies(work: Work) -> str:
    """What a policy refuses is said in the server's words."""
    said = []
    for values in work.place.policies().values():
        before = work.place.ids()
        work.define("team/refused", **values)
        words = work.refusal()
        assert words
        said.append(words)
        assert before == work.place.ids()
        work.drop("team/refused")
    return "; ".join(said) or "has none that the scenarios meet"


def take_in(work: Work) -> str:
    """A client that somebody registered comes in, and leaves again."""
    made = work.place.register_by_hand()
    code, out, err = work.take_in(made, "--format", "json")
    assert code == 0, err
    (written,) = json.loads(out)["written"]
    address = written["address"]
    if work.place.has_token:
        assert work.is_settled()
    else:
        assert [("adopt", [])] == [(change["action"], change["fields"]) for change in work.plan()["changes"]]
        assert work.apply()[0] == 0
        assert work.is_settled()
    file = work.root / written["file"]
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r"(?m)^client_name: .*$", "client_name: Taken in", text), encoding="utf-8")
    assert work.refusal() == ""
    assert work.is_settled()
    work.undefine(address)
    assert work.refusal() == ""
    assert str(made["client_id"]) not in work.place.ids()
    return "by its token, in one step" if work.place.has_token else "as `adopt`, without field changes"


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
    if not work.place.age_tokens(client_id):
        return "a PUT leaves it as it is"
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
    guards, before = work.guards(), work.place.ids()
    assert (guards == ["deleted-on-server"]) == work.place.is_iam, guards
    assert REFUSED == work.apply()[0]
    assert before == work.place.ids()
    return f"said (`{guards[0]}`), nothing is done without --recreate"


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


def lost_update(work: Work) -> str:
    """The answer to an update is lost."""
    work.define(client_name="After a lost answer")
    work.place.lose_next("PUT")
    before = work.place.ids()
    code, out, err = work.apply()
    if code == 0:
        assert work.is_settled()
        return "found done at once"
    assert PARTLY == code, err
    assert before == work.place.ids()
    guards = work.guards()
    if not guards:
        assert work.apply()[0] == 0, out + err
        assert work.is_settled()
        return "said; the next apply ends it"
    assert ["lost-update"] == guards
    assert REFUSED == work.apply()[0]
    assert work.apply("--recreate", ADDRESS)[0] == 0
    assert work.logs_in()
    assert work.is_settled()
    return "said (`lost-update`): the new token is lost with it; a token of the operator, or `--recreate`"


def lost_delete(work: Work) -> str:
    """The answer to a delete is lost."""
    work.define("team/leaving")
    assert work.refusal() == ""
    client_id = work.held("team/leaving")["client_id"]
    work.undefine("team/leaving")
    work.place.lose_next("DELETE")
    code, _, err = work.apply()
    assert client_id not in work.place.ids()
    if code == 0:
        assert work.is_settled()
        return "found gone at once"
    assert PARTLY == code, err
    guards = work.guards()
    code, _, err = work.apply()
    assert (REFUSED if guards else 0) == code, err
    if guards:
        return f"said (`{guards[0]}`)"
    assert work.is_settled()
    return "said; the next apply finds it gone"


def lost_answer(work: Work) -> str:
    """The answer to a registration is lost."""
    before = work.place.ids()
    work.define("team/lost")
    work.place.lose_next("POST")
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
        return "named, without its id: apply with `--recreate`"
    work.define("team/lost", client_id=orphan, adopt=True)
    code, _, err = work.apply()
    assert code == 0, err
    assert orphan == work.held("team/lost")["client_id"]
    is_known = work.held("team/lost")["secret_status"] == "known"
    assert work.is_settled()
    return "named, with the id to adopt" + ("" if is_known else "; its secret is lost")


ROWS: dict[str, Scenario] = {
    "create": create,
    "plan again: no changes": plan_is_empty,
    "kinds of clients": kinds,
    "fields that are kept": fields,
    "an item taken out of a list": items,
    "what no definition has": others_survive,
    "`iac verify` proves": verify,
    "`iac verify` of a key": key_login,
    "login of `iac` by `private_key_jwt`": own_login,
    "`iac import` of a client that is there": take_in,
    "drift": drift,
    "a plan needs the key of the state": read_without_key,
    "rotation": rotate,
    "initial access token that does not do": bad_initial,
    "a policy refuses": policies,
    "answer to an update lost": lost_update,
    "token that a PUT replaces": token_of_age,
    "token that has ended": token_ended,
    "gone from the server, `--recreate`": recreate,
    "answer to a delete lost": lost_delete,
    "delete": delete,
    "answer to a registration lost": lost_answer,
}
"""In this order on one client; the names are those of the table's rows."""
