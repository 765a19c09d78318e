"""Each check of verify is held to recordings: what it says of a recorded answer is what that answer means.

The server answers discovery, and all else as a recorded exchange with the same question was answered. A question that
nobody recorded fails the test: verify says nothing of an answer that no running server gave.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from iac.core.capabilities import FULL
from iac.core.model import GRANT_TYPES
from iac.core.proof import ServiceLogin
from iac.core.secret import Secret
from iac.providers.base import Connection
from iac.providers.bearer import parse_claims
from iac.providers.probe import SCOPE
from iac.providers.proof import OAuthProver
from iac.providers.proof.authorization import NOBODYS_URI
from iac.sandbox.flavour import Flavour
from tests.providers.stub import Say, Seen, start_stub
from tests.sandbox import oauth

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.providers.clock import SetClock

Exchange = dict[str, Any]
Question = tuple[str, ...]

PATHS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "introspection_endpoint": "/introspect",
    "device_authorization_endpoint": "/devicecode",
}
HERE = "http://localhost:8080"
URI = "https://rec.example.org/cb"
LOCAL = "http://localhost:1234/cb"
NOBODYS = "https://other.example.org/cb"
"""What the recordings have for a redirect URI that nobody registered."""


@pytest.fixture(params=list(oauth.FLAVOURS), ids=str)
def flavour(request: pytest.FixtureRequest) -> Flavour:
    assert isinstance(request.param, Flavour)
    return request.param


def question(path: str, authorization: str, fields: Mapping[str, str], client: str = "") -> Question:
    """What is asked, about whom; how the client proves who it is makes no difference to what is said."""
    if authorization.startswith("Basic "):
        client = authorization.removeprefix("Basic ").partition(":")[0]
    client = client or fields.get("client_id", "")
    if path == "/authorize":
        return (path, client, fields["redirect_uri"])
    is_made_up = fields.get("scope") == SCOPE
    return (path, client, fields.get("grant_type", ""), "made-up" if is_made_up else "")


def recorded_question(exchange: Exchange) -> Question:
    request = exchange["request"]
    path, _, query = request["path"].partition("?")
    claims = request.get("assertion", {}).get("claims", {})
    return question(path, request["auth"] or "", request.get("form") or dict(parse_qsl(query)), claims.get("sub", ""))


def asked_question(seen: Seen) -> Question:
    path, _, query = seen.path.partition("?")
    fields = dict(parse_qsl(query or seen.body.decode()))
    if fields.get("redirect_uri") == NOBODYS_URI:
        fields["redirect_uri"] = NOBODYS
    scheme, _, value = seen.headers.get("authorization", "").partition(" ")
    basic = f"{scheme} {base64.b64decode(value).decode()}" if scheme else ""
    return question(path, basic, fields, str(parse_claims(fields.get("client_assertion", "")).get("sub", "")))


@dataclass
class Recorded:
    """A server that answers as in these exchanges of one recording."""

    exchanges: Iterable[Exchange]
    unheard: list[Question] = field(default_factory=list)

    def prove(self, clock: SetClock, subject: ServiceLogin) -> dict[str, str]:
        """Check -> verdict, by the redirect URI where there is one."""
        answers = {recorded_question(exchange): exchange["response"] for exchange in self.exchanges}
        origin = ""

        def answer(seen: Seen) -> Say:
            if seen.path.startswith("/.well-known/"):
                return Say(200, {"issuer": f"{origin}/"} | {name: origin + path for name, path in PATHS.items()})
            asked = asked_question(seen)
            if asked not in answers:
                self.unheard.append(asked)
                return Say(500)
            return say(answers[asked], seen, origin)

        with start_stub(answer) as stub:
            origin = stub.url
            with closing(OAuthProver(Connection(f"{origin}/"), clock, FULL)) as prover:
                checks = prover.prove(subject)
        assert [] == self.unheard
        return {check.subject or check.name: str(check.verdict) for check in checks}


def say(response: Exchange, seen: Seen, origin: str) -> Say:
    headers = {name: value for name, value in response["headers"].items() if name in {"location", "www-authenticate"}}
    if "location" in headers:
        state = dict(parse_qsl(urlsplit(seen.path).query)).get("state", "")
        headers["location"] = re.sub(r"\bstate=st-1\b", f"state={state}", headers["location"].replace(HERE, origin))
    body = response["body"]
    return Say(response["status"], body.encode() if isinstance(body, str) else body, headers)


def client(client_id: str, *grants: str, **more: Any) -> ServiceLogin:
    """A client of the recordings, which has a secret unless it is public."""
    fields = {"grant_types": tuple(GRANT_TYPES[name] for name in grants), "scope": ("openid",), **more}
    is_public = more.get("token_endpoint_auth_method") == "none"
    return ServiceLogin(client_id, None if is_public else Secret(f"{client_id}-secret"), fields)


NONE = {"token_endpoint_auth_method": "none"}
WEB = client("rec-web", "authorization_code", "refresh_token", redirect_uris=(URI,), allow_introspection=True)
SPA = client("rec-spa", "authorization_code", "refresh_token", redirect_uris=(LOCAL,), **NONE)
DEVICE = client("rec-pdev", "device_code", **NONE)
IMPLICIT = client("rec-imp", "implicit", redirect_uris=(URI,), **NONE)
JOB = client("rec-web", "client_credentials")

UNTOLD = {"enabled": "not_proven"}
MADE_UP = {"refresh_token": "not_proven"}
ASKED = {"introspection": "not_proven"}
LIVING = [
    (WEB, {"login": "ok", URI: "ok"} | MADE_UP | ASKED | UNTOLD),
    (SPA, {"login": "ok", LOCAL: "ok"} | MADE_UP | UNTOLD),
    (DEVICE, {"login": "ok", "device_code": "ok"} | UNTOLD),
    (IMPLICIT, {"login": "ok", URI: "ok"} | UNTOLD),
]
GONE = {"login": "failed"}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (6, 25, [*LIVING, (JOB, {"login": "ok", "client_credentials": "ok"})]),
        (33, 52, [*LIVING, (JOB, {"login": "ok", "client_credentials": "failed"})]),
        (59, 78, [(WEB, GONE | {URI: "failed"}), (SPA, GONE | {LOCAL: "failed"}), (DEVICE, GONE), (JOB, GONE)]),
    ],
    ids=["right", "disabled", "deleted"],
)
def test_what_is_said_of_a_client_is_what_the_server_tells_of_it(
    flavour: Flavour, clock: SetClock, first: int, last: int, expected: list[tuple[ServiceLogin, dict[str, str]]]
) -> None:
    """Rec: disabled-client. A disabled client is told by a token that is not given, and by nothing else."""
    exchanges = oauth.recording(flavour, "disabled-client")[first : last + 1]
    # the server looks redirect URIs up to the character; that of nobody is refused wherever it was asked
    control = oauth.recording(flavour, "authorize-without-login")[24]
    controls = [with_client(control, client_id) for client_id in ("rec-web", "rec-spa", "rec-imp")]
    for subject, verdicts in expected:
        assert verdicts == Recorded([*exchanges, *controls]).prove(clock, subject), subject.client_id


def with_client(exchange: Exchange, client_id: str) -> Exchange:
    path = exchange["request"]["path"].replace("client_id=rec-web", f"client_id={client_id}")
    return {**exchange, "request": {**exchange["request"], "path": path}}


def test_a_redirect_uri_is_proven_when_it_is_registered_to_the_character(flavour: Flavour, clock: SetClock) -> None:
    """Rec: authorize-without-login, all of prompt=none with a client and a redirect URI."""
    exchanges = [e for e in oauth.recording(flavour, "authorize-without-login") if is_silent(e)]
    assert 20 < len(exchanges)
    verdicts = {}
    for exchange in exchanges:
        _, client_id, uri = recorded_question(exchange)
        location = exchange["response"]["headers"].get("location", "")
        expected = "ok" if location.startswith(uri) else "failed"
        control = with_client(oauth.recording(flavour, "authorize-without-login")[24], client_id)
        subject = ServiceLogin(client_id, None, {"grant_types": ("authorization_code",), "redirect_uris": (uri,)})
        found = Recorded([control, exchange]).prove(clock, subject)
        assert expected == found[uri], (client_id, uri)
        verdicts[client_id, uri] = expected
    assert {"ok", "failed"} == set(verdicts.values())


def is_silent(exchange: Exchange) -> bool:
    asked = dict(parse_qsl(urlsplit(exchange["request"]["path"]).query))
    is_whole = asked.get("prompt") == "none" and {"client_id", "redirect_uri"} <= asked.keys()
    return is_whole and asked.get("state") == "st-1" and exchange["request"]["method"] == "GET"


@pytest.mark.parametrize(
    ("index", "method", "verdict"),
    [
        (23, "client_secret_jwt", "failed"),
        (44, "client_secret_jwt", "failed"),
        (58, "client_secret_jwt", "ok"),
    ],
    ids=["unknown client", "wrong secret", "right"],
)
def test_an_assertion_is_judged_as_the_server_judged_it(
    flavour: Flavour, clock: SetClock, index: int, method: str, verdict: str
) -> None:
    """Rec: client-assertion. The recorded scope counts for nothing: the login is looked at first."""
    exchange = oauth.recording(flavour, "client-assertion")[index]
    form = {**exchange["request"]["form"], "scope": SCOPE}
    asked = {**exchange, "request": {**exchange["request"], "form": form}}
    client_id = exchange["request"]["assertion"]["claims"]["sub"]
    subject = client(client_id, "password", token_endpoint_auth_method=method)
    assert verdict == Recorded([asked]).prove(clock, subject)["login"]


def test_device_codes_are_judged_by_what_the_server_gave(flavour: Flavour, clock: SetClock) -> None:
    """Rec: device-request: an unknown client, one without the grant, a scope that it has not, one that is right."""
    exchanges = oauth.recording(flavour, "device-request")
    for index, verdict in ((6, "ok"), (15, "failed"), (18, "failed"), (20, "failed"), (21, "ok")):
        client_id = exchanges[index]["request"]["form"]["client_id"]
        there = with_form(oauth.recording(flavour, "disabled-client")[18], client_id=client_id)
        found = Recorded([exchanges[index], there]).prove(clock, client(client_id, "device_code", **NONE))
        assert verdict == found["device_code"], index


def with_form(exchange: Exchange, **fields: str) -> Exchange:
    form = {**exchange["request"]["form"], **fields}
    return {**exchange, "request": {**exchange["request"], "form": form}}


@pytest.mark.parametrize(("index", "verdict"), [(7, "ok"), (13, "failed")], ids=["active", "not active"])
def test_introspection_of_its_own_token_is_a_proof(flavour: Flavour, clock: SetClock, index: int, verdict: str) -> None:
    """Rec: revoke. A client that may not ask is told by newer servers what is told of a token that is over."""
    exchanges = oauth.recording(flavour, "revoke")
    made_up = with_form(exchanges[4], scope=SCOPE) | {"response": {"status": 400, "headers": {}, "body": ""}}
    subject = client("rec-cc", "client_credentials", allow_introspection=True)
    found = Recorded([made_up, exchanges[4], exchanges[index]]).prove(clock, subject)
    assert verdict == found["introspection"]


def test_a_secret_with_signs_is_sent_as_the_server_takes_it(flavour: Flavour, clock: SetClock) -> None:
    """Rec: client-auth-methods: right in the form and by Basic as it is, wrong when it is percent-encoded."""
    exchanges = [e for e in oauth.recording(flavour, "client-auth-methods") if "rec-sign" in json.dumps(e["request"])]
    secret = exchanges[0]["request"]["json"]["client_secret"]
    taken = {
        (e["request"]["auth"], e["request"]["form"].get("client_secret"))
        for e in exchanges[1:]
        if e["response"]["status"] == 200
    }
    assert {(f"Basic rec-sign:{secret}", None), (None, secret)} == taken
    sent: list[tuple[str, str | None]] = []

    def answer(seen: Seen) -> Say:
        if seen.path.startswith("/.well-known/"):
            return Say(200, {"issuer": f"{stub.url}/"} | {name: stub.url + path for name, path in PATHS.items()})
        authorization = seen.headers.get("authorization", "")
        basic = f"Basic {base64.b64decode(authorization.removeprefix('Basic ')).decode()}" if authorization else None
        sent.append((seen.path, basic or dict(parse_qsl(seen.body.decode())).get("client_secret")))
        return Say(400, {"error": "invalid_scope"}) if seen.path == "/token" else Say(200, {"active": False})

    fields: dict[str, Any] = {"grant_types": ("password",), "allow_introspection": True}
    with start_stub(answer) as stub, closing(OAuthProver(Connection(f"{stub.url}/"), clock, FULL)) as prover:
        prover.prove(ServiceLogin("rec-sign", Secret(secret), fields))
    assert [("/token", secret), ("/introspect", f"Basic rec-sign:{secret}")] == sent
