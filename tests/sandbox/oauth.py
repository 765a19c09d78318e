"""Replays the recordings of the login side: each scenario makes its own clients and needs the seed alone.

An answer agrees when status, error code, redirect target, allowed methods and the keys of the body are the recorded
ones. An answer of 501 is one that the sandbox does not have: `iac.sandbox.gaps.GAPS` says why.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from iac.sandbox.flavour import Flavour
from iac.sandbox.iam import Iam
from iac.sandbox.message import SESSION_COOKIE, Request, Response
from iac.sandbox.seed import Seed
from tests.sandbox.replay import FIXTURES, SEED, basic
from tests.sandbox.talk import StillChance
from tests.sandbox.test_login import EC_KEY, assertion, ec_jwk, rsa_jwk

NOT_MODELLED = 501
METHOD_NOT_ALLOWED = 405
FLAVOURS = (Flavour.V1_12, Flavour.V1_14)  # those whose login side was recorded
TIMES = frozenset({"iat", "exp", "nbf"})
PUBLIC = {"ec-1": ec_jwk(kid="ec-1"), "rsa-1": rsa_jwk(kid="rsa-1")}
EC_KEYS = {"ec-2": ec.generate_private_key(ec.SECP256R1())}
_VALUE = re.compile(r"<(\w+) of exchange (\d+)>")
_SESSION = re.compile(rf"{SESSION_COOKIE}=([^;]+)")

Exchange = dict[str, Any]


@functools.cache
def recording(flavour: Flavour, scenario: str) -> list[Exchange]:
    exchanges: list[Exchange] = json.loads(scenarios(flavour)[scenario].read_text(encoding="utf-8"))["exchanges"]
    return exchanges


def scenarios(flavour: Flavour) -> dict[str, Path]:
    """Those of the login side, and two of the management API that were recorded later than the others."""
    folder = FIXTURES / flavour
    return {path.stem: path for path in sorted([*folder.glob("oauth/*.json"), *folder.glob("*-odd.json")])}


@dataclass
class Player:
    """One scenario against a fresh sandbox."""

    iam: Iam
    chance: StillChance
    tokens: dict[str, str] = field(default_factory=dict)
    values: list[dict[str, str]] = field(default_factory=list)
    gaps: set[int] = field(default_factory=set)
    said: set[str] = field(default_factory=set)

    def play(self, exchange: Exchange) -> Response:
        self.chance.now += 1000 * exchange.get("wait", 0)
        response = self.iam.handle(self.request(exchange["request"]))
        self.values.append(values_of(response))
        return response

    def check(self, exchange: Exchange) -> list[str] | None:
        """The differences; None where the sandbox has no answer, or the request needs a value of such an answer."""
        index, response = len(self.values), self.play(exchange)
        needed = {int(number) for _, number in _VALUE.findall(json.dumps(exchange["request"]))}
        if response.status == NOT_MODELLED:
            self.said.add(parsed(response)["error"].split(": ")[1])
        if response.status == NOT_MODELLED or needed & self.gaps:
            self.gaps.add(index)
            return None
        return differences(exchange, response)

    def request(self, recorded: Exchange) -> Request:
        path, _, query = self.filled(recorded["path"]).partition("?")
        content_type, body = self.body(recorded)
        headers = {
            "authorization": self.authorization(recorded["auth"]),
            "content-type": recorded.get("content_type", content_type),
            "accept": recorded.get("accept", "*/*"),
            "cookie": f"{SESSION_COOKIE}={self.filled(recorded['cookie'])}" if "cookie" in recorded else "",
        }
        sent = {name: value for name, value in headers.items() if value}
        return Request(recorded["method"], path, dict(parse_qsl(query, keep_blank_values=True)), sent, body)

    def filled(self, text: str) -> str:
        return _VALUE.sub(lambda match: self.values[int(match[2])].get(match[1], f"no-{match[1]}"), text)

    def authorization(self, auth: str | None) -> str:
        text = self.filled(auth or "")
        if text.startswith("Basic "):
            return basic(text)
        login = re.fullmatch(r"Bearer <token of (.+)>", text)
        return f"Bearer {self.token_of(login[1])}" if login else text

    def token_of(self, login: str) -> str:
        if login not in self.tokens:
            form = urlencode(SEED["logins"][login]).encode()
            answer = self.iam.handle(Request("POST", "/token", body=form))
            self.tokens[login] = json.loads(answer.body)["access_token"]
        return self.tokens[login]

    def body(self, recorded: Exchange) -> tuple[str, bytes]:
        if "raw_body" in recorded:
            return "application/json", self.filled(recorded["raw_body"]).encode()
        if "json" in recorded:
            fields = json.loads(self.filled(json.dumps(recorded["json"])))
            if str(fields.get("jwk", "")).startswith("<key "):
                fields["jwk"] = json.dumps({"keys": [PUBLIC[fields["jwk"].removeprefix("<key ").removesuffix(">")]]})
            return "application/json", json.dumps(fields).encode()
        if "form" not in recorded:
            return "", b""
        form = json.loads(self.filled(json.dumps(recorded["form"])))
        if "assertion" in recorded:
            form["client_assertion"] = self.assertion(recorded["assertion"])
        return "application/x-www-form-urlencoded", urlencode(form, doseq=True).encode()

    def assertion(self, wanted: Exchange) -> str:
        now = self.chance.now // 1000
        claims = {name: value + now if name in TIMES else value for name, value in wanted["claims"].items()}
        header = {name: value for name, value in wanted["header"].items() if name != "alg" and value is not None}
        algorithm, secret = wanted["header"]["alg"], wanted.get("secret", "")
        return assertion(algorithm, claims, secret, EC_KEYS.get(wanted.get("key", ""), EC_KEY), **header)


def values_of(response: Response) -> dict[str, str]:
    """What later requests may name of an answer."""
    named = dict(parse_qsl(urlsplit(response.headers.get("location", "")).query))
    session = _SESSION.match(response.headers.get("set-cookie", ""))
    body = parsed(response)
    if isinstance(body, dict):
        named |= {name: value for name, value in body.items() if isinstance(value, str)}
    if isinstance(body, list) and body and "id" in body[-1]:
        named["id"] = str(body[-1]["id"])
    return named | ({"session": session[1]} if session else {})


def parsed(response: Response) -> Any:
    if "json" in response.headers.get("content-type", ""):
        return json.loads(response.body or b"null")
    return "<HTML" if response.body.lstrip().startswith(b"<") else response.body.decode()


def differences(exchange: Exchange, response: Response) -> list[str]:
    """What the sandbox's answer has other than the recorded one, in words."""
    recorded = exchange["response"]
    if exchange["request"]["method"] == "HEAD":  # the server leaves the body out, not the sandbox's heart
        response = Response(response.status, {})
    pairs = {
        "status": (recorded["status"], response.status),
        "location": (recorded["headers"].get("location"), without_code(response.headers.get("location"))),
        "allow": (allowed(recorded["headers"]), allowed(response.headers)),
        "body": (shape(recorded["body"]), shape(parsed(response))),
    }
    if recorded["status"] == METHOD_NOT_ALLOWED and "allow" not in recorded["headers"]:
        del pairs["allow"]  # the two of the management API were recorded without this header
    return [f"{name}: {want} recorded, {got} answered" for name, (want, got) in pairs.items() if want != got]


def without_code(location: str | None) -> str | None:
    return location and re.sub(r"\bcode=[^&]+", "code=<code>", location)


def allowed(headers: Mapping[str, str]) -> set[str]:
    """The allowed methods: a set, for 1.12 and 1.14 name them in other orders."""
    return set(headers.get("allow", "").split(",")) - {""}


def shape(body: Any) -> Any:
    """The keys, and an error's code; of a page that it is one; of JSON without keys its type."""
    if isinstance(body, dict):
        return sorted(body), body.get("error") if "error_description" in body else None
    if isinstance(body, str):
        return "<HTML" if body.upper().startswith("<HTML") else bool(body)
    return type(body).__name__


@functools.cache
def replay(flavour: Flavour, scenario: str) -> tuple[list[list[str] | None], set[str]]:
    """The differences of each exchange, None for a gap, and the gaps that were named."""
    return replay_now(flavour, scenario)


def replay_now(flavour: Flavour, scenario: str) -> tuple[list[list[str] | None], set[str]]:
    """The same, run again."""
    chance = StillChance()
    player = Player(Iam(flavour, Seed(SEED), SEED["base_url"], chance=chance), chance)
    for call in SEED["prelude"]:
        request = {"method": call["method"], "path": call["path"], "json": call["json"]}
        player.play({"request": request | {"auth": f"Bearer <token of {call['auth']}>"}})
    player.values.clear()
    return [player.check(exchange) for exchange in recording(flavour, scenario)], player.said
