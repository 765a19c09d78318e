"""A stand-in for servers with RFC 7591 and RFC 7592: a plain one, and a switch for each habit of real ones.

`SWITCHES` is the table: a name in plain words, and what the server then does. `start_standin(SWITCHES[name])` starts
one on loopback; it is a `Place` of the scenarios too, so `working(place, folder)` gives a project at it.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from tests.providers.stub import LOST, Say, Seen, start_stub
from tests.scenarios.place import Place
from tests.scenarios.table import working

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.providers.stub import Stub
    from tests.scenarios.place import Work

OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
INITIAL = "initial-token-of-the-stand-in"
SECRET_METHODS = {"client_secret_basic", "client_secret_post", "client_secret_jwt"}
KEY_METHODS = {"private_key_jwt", "self_signed_tls_client_auth", "tls_client_auth"}
EVERY = frozenset({"GET", "PUT"})
"""Methods, for `renews`: every answer about a client brings another registration access token."""

ANSWER_ONLY = {
    "client_secret_expires_at",
    "client_id_issued_at",
    "registration_access_token",
    "registration_client_uri",
}


class Discovery(StrEnum):
    """Which documents there are, and which of them names the registration endpoint."""

    OPENID = "the OpenID document alone"
    OAUTH = "the RFC 8414 document alone"
    SPLIT = "both, and only the RFC 8414 one names the registration endpoint"
    UNNAMED = "both, and neither names the registration endpoint"


@dataclass(frozen=True, kw_only=True)
class Switches:
    """What a server does. The defaults are a plain server that follows both RFCs.

    Attributes:
        mask: what is shown in the place of the secret; "" for the secret.
        masks: methods whose answers show the mask.
        hides_secret: a read shows no secret at all.
        renews: methods whose answers bring another registration access token; the old one ends.
        adds: items that it adds to a list by itself.
        narrows: the only items of a list that it keeps; of the others it says nothing.
        drops: members that it does not keep, without a word.
        refuses: members that it answers 400 to.
        policy: words of a policy that refuses each registration with 403; "" for none.
        gives_scope: the scope of a client that asks for none.
        has_numeric_ids: client_id is a JSON number.
        has_management: there is RFC 7592.
        discovery: which documents there are.
        secret_seconds: after which a secret ends; 0 for never, None where no answer says so.
        asks_for_token: registration needs the initial access token.
        token_uses: registrations that the initial access token allows; None for any number.
        decodes_basic: Basic is decoded by RFC 6749 section 2.3.1; else taken raw.
        grant_status: of the refusal of a grant that the client does not have.
        refusal_of_login: the error code of a wrong secret.
        words: of every refusal of the token endpoint; "" for words of their own.
        tells_logins: the token endpoint says whether a secret is right.
        makes_secret: a client whose method changes to one with a secret gets a secret.
        gone_status: the answer to a token whose client is gone, or that has ended (RFC 7592 section 2: 401).
    """

    mask: str = ""
    masks: frozenset[str] = frozenset({"GET"})
    hides_secret: bool = False
    renews: frozenset[str] = frozenset()
    adds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    narrows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    drops: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    policy: str = ""
    gives_scope: str = ""
    has_numeric_ids: bool = False
    has_management: bool = True
    discovery: Discovery = Discovery.OPENID
    secret_seconds: int | None = 0
    asks_for_token: bool = False
    token_uses: int | None = None
    decodes_basic: bool = True
    grant_status: int = 400
    refusal_of_login: str = "invalid_client"
    words: str = ""
    tells_logins: bool = True
    makes_secret: bool = True
    gone_status: int = 401


PLAIN = Switches()
SWITCHES: Mapping[str, Switches] = {
    "plain": PLAIN,
    "a read shows the hash of the secret": Switches(mask="{bcrypt}$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ld"),
    "a read shows stars for the secret": Switches(mask="**********"),
    "a read hides the secret": Switches(hides_secret=True),
    "every answer brings a new token": Switches(renews=EVERY),
    "a PUT brings a new token": Switches(renews=frozenset({"PUT"})),
    "it adds to lists": Switches(adds={"response_types": ("none",), "grant_types": ("refresh_token",)}),
    "it narrows scopes": Switches(narrows={"scope": frozenset({"openid", "profile", "email"})}),
    "it drops fields": Switches(drops=frozenset({"tos_uri", "policy_uri", "default_max_age"})),
    "it refuses fields": Switches(refuses=frozenset({"logo_uri", "jwks"})),
    "it gives scopes by default": Switches(gives_scope="openid profile"),
    "ids are numbers": Switches(has_numeric_ids=True),
    "no RFC 7592": Switches(has_management=False),
    "RFC 8414 alone": Switches(discovery=Discovery.OAUTH),
    "two discovery documents": Switches(discovery=Discovery.SPLIT),
    "no document names the registration endpoint": Switches(discovery=Discovery.UNNAMED),
    "secrets end": Switches(secret_seconds=90 * 86_400),
    "an initial token for one client": Switches(asks_for_token=True, token_uses=1),
    "an initial token for many": Switches(asks_for_token=True),
    "Basic as it stands": Switches(decodes_basic=False),
    "a wrong grant is a 401": Switches(grant_status=401),
    "a wrong secret is an unauthorized_client": Switches(refusal_of_login="unauthorized_client", grant_status=401),
    "a changed method makes no secret": Switches(makes_secret=False),
    "a gone client is a 404": Switches(gone_status=404),
}
"""Name -> what the server does."""


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, error: str, words: str = "") -> None:
        super().__init__(error)
        self.say = Say(status, {"error": error, **({"error_description": words} if words else {})})


class StandIn(Place):
    """A running server. `change`, `remove`, `end_tokens`, `end_initial` and `lose_next` are what others do to it.

    Attributes:
        clients: metadata by client_id, the secret among it.
        tokens: registration access token by client_id.
        answers: "METHOD path" -> what is answered in the place of everything.
        watch: hears of each request before anything is done.
    """

    column = "stand-in"

    def __init__(self, switches: Switches = PLAIN) -> None:
        self.switches = switches
        self.has_token = switches.has_management
        self.stub: Stub | None = None
        self.clients: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, str] = {}
        self.answers: dict[str, Say] = {}
        self.watch: Callable[[Seen], None] = lambda _: None
        self.uses = switches.token_uses
        self.has_initial_ended = False
        self._loses: set[str] = set()
        self._count = 0
        self._lock = threading.Lock()

    # the server

    @property
    def url(self) -> str:
        """Its issuer."""
        assert self.stub
        return self.stub.url

    @property
    def seen(self) -> list[Seen]:
        """What it was asked."""
        assert self.stub
        return self.stub.seen

    def answer(self, seen: Seen) -> Say:
        """The answer to a request."""
        path = seen.path.partition("?")[0]
        self.watch(seen)
        with self._lock:
            if f"{seen.method} {path}" in self.answers:
                return self.answers[f"{seen.method} {path}"]
            try:
                say = self._answer(seen, path)
            except Refusal as refusal:
                return refusal.say
            if seen.method in self._loses and path.startswith("/register"):
                self._loses.remove(seen.method)
                return LOST
            return say

    def _answer(self, seen: Seen, path: str) -> Say:
        if path.startswith("/.well-known/"):
            return self._document(path)
        if path == "/token" and seen.method == "POST":
            return self._token(seen)
        if path == "/authorize":
            return self._authorize(dict(parse_qsl(urlsplit(seen.path).query)))
        if path == "/register" and seen.method == "POST":
            return self._register(seen)
        if path.startswith("/register/") and self.switches.has_management:
            return self._manage(seen, path.removeprefix("/register/"))
        return Say(404, {"error": "not_found"})

    def _document(self, path: str) -> Say:
        kind = self.switches.discovery
        has = {OPENID: kind is not Discovery.OAUTH, OAUTH: kind is not Discovery.OPENID}
        if not has.get(path):
            return Say(404, {"error": "not_found"})
        document = {
            "issuer": self.url,
            "token_endpoint": f"{self.url}/token",
            "authorization_endpoint": f"{self.url}/authorize",
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        }
        is_named = kind in {Discovery.OPENID, Discovery.OAUTH} or (kind is Discovery.SPLIT and path == OAUTH)
        return Say(body={**document, **({"registration_endpoint": f"{self.url}/register"} if is_named else {})})

    def _register(self, seen: Seen) -> Say:
        self._let_in(seen.headers.get("authorization", ""))
        if self.switches.policy:
            raise Refusal(403, "insufficient_scope", self.switches.policy)
        kept = self._kept(_object(seen.body))
        self._count += 1
        client_id = str(90_071_992_547 + self._count) if self.switches.has_numeric_ids else f"client-{self._count}"
        if self.uses is not None:
            self.uses -= 1
        self.clients[client_id] = kept | self._secret(kept, {})
        self._renew(client_id)
        return Say(201, self._shown(client_id, "POST"))

    def _let_in(self, authorization: str) -> None:
        if not self.switches.asks_for_token:
            return
        if authorization != f"Bearer {INITIAL}":
            raise Refusal(401, "invalid_token", "an initial access token is needed")
        if self.has_initial_ended:
            raise Refusal(401, "invalid_token", "the initial access token has expired")
        if self.uses == 0:
            raise Refusal(401, "invalid_token", "the initial access token was used as often as it may be")

    def _manage(self, seen: Seen, client_id: str) -> Say:
        is_known = client_id in self.clients
        if not is_known or seen.headers.get("authorization") != f"Bearer {self.tokens[client_id]}":
            status = 401 if is_known else self.switches.gone_status
            raise Refusal(status, "invalid_token", "the registration access token is not valid")
        match seen.method:
            case "DELETE":
                del self.clients[client_id]
                return Say(204)
            case "PUT":
                self._put(client_id, _object(seen.body))
        if seen.method in self.switches.renews:
            self._renew(client_id)
        return Say(200, self._shown(client_id, seen.method))

    def _put(self, client_id: str, sent: dict[str, Any]) -> None:
        before = self.clients[client_id]
        if str(sent.get("client_id")) != client_id or ANSWER_ONLY & sent.keys():
            raise Refusal(400, "invalid_client_metadata", "client_id must be sent as it is, and nothing of the answer")
        if "client_secret" in sent and sent["client_secret"] != before.get("client_secret"):
            raise Refusal(400, "invalid_client_metadata", "a client does not choose its secret")
        kept = self._kept({name: value for name, value in sent.items() if name not in {"client_id", "client_secret"}})
        self.clients[client_id] = kept | self._secret(kept, before)

    def _kept(self, sent: dict[str, Any]) -> dict[str, Any]:
        """What the server makes of metadata (RFC 7591 sections 2 and 3.2.1)."""
        switches = self.switches
        for name in sorted(switches.refuses & sent.keys()):
            raise Refusal(400, "invalid_client_metadata", f"{name} is not allowed here")
        kept = {name: value for name, value in sent.items() if name not in switches.drops and value is not None}
        kept.setdefault("token_endpoint_auth_method", "client_secret_basic")
        kept.setdefault("grant_types", ["authorization_code"])
        kept.setdefault("response_types", ["code"] if "authorization_code" in kept["grant_types"] else [])
        if switches.gives_scope:
            kept.setdefault("scope", switches.gives_scope)
        for name, items in switches.adds.items():
            kept[name] = list(dict.fromkeys([*kept.get(name, []), *items]))
        for name, only in switches.narrows.items():
            if name in kept:
                kept[name] = _only(kept[name], only)
        if {"authorization_code", "implicit"} & set(kept["grant_types"]) and not kept.get("redirect_uris"):
            raise Refusal(400, "invalid_redirect_uri", "this client needs redirect_uris")
        return kept

    def _secret(self, kept: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        if kept["token_endpoint_auth_method"] not in SECRET_METHODS:
            return {}
        secret = before.get("client_secret")
        if secret is None and (not before or self.switches.makes_secret):
            self._count += 1
            secret = f"secret+{self._count}/of%the=stand-in" if self.switches.decodes_basic else f"secret-{self._count}"
        return {"client_secret": secret} if secret else {}

    def _renew(self, client_id: str) -> None:
        self._count += 1
        self.tokens[client_id] = f"registration-token-{self._count}"

    def _shown(self, client_id: str, method: str) -> dict[str, Any]:
        """The answer of a client (RFC 7591 section 3.2.1)."""
        shown: dict[str, Any] = {
            **self.clients[client_id],
            "client_id": client_id,
            "client_id_issued_at": 1_800_000_000,
        }
        if self.switches.has_numeric_ids:
            shown["client_id"] = int(client_id)
        if "client_secret" in shown:
            if (seconds := self.switches.secret_seconds) is not None:
                shown["client_secret_expires_at"] = int(time.time()) + seconds if seconds else 0
            if method == "GET" and self.switches.hides_secret:
                del shown["client_secret"]
            elif method in self.switches.masks and self.switches.mask:
                shown["client_secret"] = self.switches.mask
        if self.switches.has_management:
            shown["registration_access_token"] = self.tokens[client_id]
            shown["registration_client_uri"] = f"{self.url}/register/{client_id}"
        return shown

    def _token(self, seen: Seen) -> Say:
        """The token endpoint (RFC 6749 sections 2.3 and 5.2)."""
        if not self.switches.tells_logins:
            raise Refusal(400, "invalid_request")
        form = dict(parse_qsl(seen.body.decode(), keep_blank_values=True))
        client = self._logged_in(form, seen.headers.get("authorization", ""))
        grant = form.get("grant_type", "")
        if grant not in client["grant_types"]:
            words = self.switches.words or "the client does not have this grant"
            raise Refusal(self.switches.grant_status, "unauthorized_client", words)
        if grant != "client_credentials":
            raise Refusal(400, "invalid_grant", "nobody was given this")
        asked, own = form.get("scope", "").split(), client.get("scope", "").split()
        if set(asked) - set(own):
            raise Refusal(400, "invalid_scope")
        granted = " ".join(asked or own)
        return Say(body={"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "scope": granted})

    def _logged_in(self, form: Mapping[str, str], authorization: str) -> dict[str, Any]:
        method, client_id, proof = self._credentials(form, authorization)
        client = self.clients.get(client_id)
        if client is None or client["token_endpoint_auth_method"] != method:
            raise Refusal(401, "invalid_client", "the client is not known, or has another method")
        if method in SECRET_METHODS and proof != client.get("client_secret"):
            raise Refusal(401, self.switches.refusal_of_login, self.switches.words or "the secret is wrong")
        return client

    def _credentials(self, form: Mapping[str, str], authorization: str) -> tuple[str, str, str]:
        """Method, client_id and secret. An assertion is believed: the keys of clients are not looked at."""
        if authorization.startswith("Basic "):
            parts = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            decode = unquote_plus if self.switches.decodes_basic else str
            return "client_secret_basic", decode(parts[0]), decode(parts[2])
        if "client_assertion" in form:
            claims = form["client_assertion"].split(".")[1]
            subject = json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"]
            return "private_key_jwt", subject, ""
        if "client_secret" in form:
            return "client_secret_post", form.get("client_id", ""), form["client_secret"]
        return "none", form.get("client_id", ""), ""

    def _authorize(self, asked: Mapping[str, str]) -> Say:
        """The authorization endpoint, where nobody is logged in (OpenID Connect Core section 3.1.2.6)."""
        client = self.clients.get(asked.get("client_id", ""))
        uri = asked.get("redirect_uri", "")
        if client is None or uri not in client.get("redirect_uris", []):
            return Say(400, b"this client or this address is not registered")
        told = urlencode({"error": "login_required", "state": asked.get("state", "")})
        return Say(302, headers={"Location": f"{uri}{'&' if '?' in uri else '?'}{told}"})

    # what others do to it

    def register(self, **values: Any) -> dict[str, Any]:
        """Somebody registers a client by hand; the whole answer."""
        asked = {"client_name": "By hand", "redirect_uris": ["https://portal.example.org/cb"], "scope": "openid"}
        head = {"authorization": f"Bearer {INITIAL}"}
        made: dict[str, Any] = self._register(Seen("POST", "/register", head, json.dumps(asked | values).encode())).body
        return made

    def register_by_hand(self) -> Mapping[str, Any]:
        return self.register()

    def change(self, client_id: str, name: str) -> None:
        self.clients[client_id]["client_name"] = name

    def mark(self, client_id: str) -> None:
        self.clients[client_id]["ui_theme"] = {"by": "hand"}

    def is_marked(self, client_id: str) -> bool:
        return self.clients[client_id].get("ui_theme") == {"by": "hand"}

    def bad_initial(self) -> Mapping[str, str]:
        return {"wrong": "made-up"} if self.switches.asks_for_token else {}

    def remove(self, client_id: str) -> None:
        del self.clients[client_id]

    def end_tokens(self, client_id: str) -> None:
        self.tokens[client_id] = "another token has taken its place"

    def end_initial(self) -> None:
        """The initial access token expires."""
        self.has_initial_ended = True

    def lose_next(self, method: str) -> None:
        self._loses.add(method)

    def age_tokens(self, client_id: str) -> bool:
        return client_id in self.clients and "PUT" in self.switches.renews

    # a project at it

    def settings(self) -> str:
        auth = "{method: none}"
        if self.switches.asks_for_token:
            auth = "{method: initial_access_token, token: {env: IAC_INITIAL_ACCESS_TOKEN}}"
        is_named = self.switches.discovery is not Discovery.UNNAMED
        named = "" if is_named else f"registration_endpoint: {self.url}/register\n"
        return f"issuer: {self.url}\nprovider: rfc7591\nauth: {auth}\n{named}"

    def environ(self) -> Mapping[str, str]:
        return {"IAC_INITIAL_ACCESS_TOKEN": INITIAL}

    def ids(self) -> set[str]:
        return set(self.clients)

    def logs_in(self, client_id: str, secret: str) -> bool:
        return self.clients[client_id].get("client_secret") == secret


def _object(body: bytes) -> dict[str, Any]:
    try:
        sent = json.loads(body)
    except ValueError:
        sent = None
    if not isinstance(sent, dict):
        raise Refusal(400, "invalid_client_metadata", "the body is no JSON object")
    return sent


def _only(value: Any, items: frozenset[str]) -> Any:
    if isinstance(value, str):
        return " ".join(word for word in value.split() if word in items)
    return [item for item in value if item in items]


@contextmanager
def standing(folder: Path, **switches: Any) -> Iterator[tuple[Work, StandIn]]:
    """A project at a stand-in with these switches."""
    with start_standin(Switches(**switches)) as place, working(place, folder) as work:
        yield work, place


@contextmanager
def start_standin(switches: Switches = PLAIN) -> Iterator[StandIn]:
    """A stand-in on loopback."""
    place = StandIn(switches)
    with start_stub(place.answer) as stub:
        place.stub = stub
        yield place
