"""Replays the recordings of real servers against the sandbox, in the order in which they were made."""

import base64
import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from iac.sandbox.chance import Chance
from iac.sandbox.flavour import Flavour
from iac.sandbox.iam import Iam
from iac.sandbox.message import SESSION_COOKIE, Request, Response
from iac.sandbox.seed import Seed
from tests.sandbox.comparison import differences

FIXTURES = Path(__file__).parents[1] / "fixtures" / "iam"
SEED = json.loads((FIXTURES / "seed.json").read_text(encoding="utf-8"))

# recordings 1.12/README.md, then 1.14/README.md
ORDER = [
    "admin-create-minimal",
    "admin-create-full",
    "admin-put-full-replace",
    "admin-create-rejected",
    "admin-authorization",
    "admin-scope-null",
    "admin-auth-method-change",
    "admin-offline-access",
    "admin-lifetimes",
    "admin-redirect-uris",
    "admin-order-and-duplicates",
    "admin-secret-rotation",
    "admin-enable-disable",
    "admin-owners",
    "admin-delete",
    "admin-list-paging",
    "admin-search",
    "admin-restricted-scopes",
    "self-service-anonymous",
    "self-service-put-without-client-id",
    "self-service-restricted-scopes",
    "self-service-default-scopes",
    "self-service-grant-types",
    "self-service-rejected",
    "self-service-user",
    "self-service-redeem",
    "self-service-suspended",
    "admin-secret-visibility",
    "admin-put-and-secret",
    "admin-chosen-secret",
    "admin-enable-disable-user",
    "admin-jwk",
    "admin-auth-method-matrix",
    "admin-redirect-uris-more",
    "self-service-redirect-uris",
    "admin-old-redirect-uri",
    "admin-up-scoping",
    "admin-revoke-and-reset",
    "self-service-secret-and-auth-method",
    "self-service-jwk",
    "admin-federation-fields",
    "admin-rat",
    "login",
    "admin-jwk-and-jwks-uri",
    "self-service-session-cookie",
]
BEFORE_REJECTED = "admin-create-rejected"
CONTENT_TYPES = {
    (entry["scenario"], index): entry["sent"]
    for entry in SEED["replay"]["content_type"]
    if "scenario" in entry
    for index in entry["exchanges"]
}
CUT_BODIES = {("admin-jwk", 15): 300, ("admin-jwk", 16): 420}


class FedChance(Chance):
    """What the recorded server made up, where its answer shows it; the real thing where it does not."""

    def __init__(self, now_ms: int) -> None:
        self.now = now_ms
        self.client_id: str | None = None
        self.secret: str | None = None

    def feed(self, body: Any) -> None:
        fields = body if isinstance(body, dict) else {}
        self.client_id = fields.get("client_id")
        self.secret = body if isinstance(body, str) and body else fields.get("client_secret")
        self.now = max(self.now, fields.get("created_at", 0))

    def new_client_id(self) -> str:
        return self.client_id or super().new_client_id()

    def new_secret(self, size: int) -> str:
        return self.secret or super().new_secret(size)

    def now_ms(self) -> int:
        return self.now


@functools.cache
def recording(flavour: Flavour, scenario: str) -> list[dict[str, Any]]:
    path = FIXTURES / flavour / f"{scenario}.json"
    exchanges: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["exchanges"]
    return exchanges


def scenarios(flavour: Flavour) -> list[str]:
    return [name for name in ORDER if (FIXTURES / flavour / f"{name}.json").exists()]


def status_change(flavour: Flavour, scenario: str, index: int) -> int | None:
    """When an enable, disable or reset happened: its answer does not show it, the next one of the client does."""
    exchanges = recording(flavour, scenario)[index:]
    if exchanges[0]["request"]["method"] != "PATCH":
        return None
    bodies = [exchange["response"]["body"] for exchange in exchanges]
    return next((body["status_changed_on"] for body in bodies if "status_changed_on" in body), None)


def started(flavour: Flavour) -> int:
    """The recorded server's start: the age of its test clients, which is the earliest time in any answer."""
    texts = (path.read_text(encoding="utf-8") for path in (FIXTURES / flavour).glob("*.json"))
    return min(int(time) for text in texts for time in re.findall(r'"created_at": (\d+)', text))


@dataclass
class Player:
    """One run over all recordings of a flavour."""

    flavour: Flavour
    iam: Iam
    chance: FedChance
    tokens: dict[str, str] = field(default_factory=dict)
    rats: dict[str, list[str]] = field(default_factory=dict)
    last_token: str = ""
    cookie: str = ""

    def run(self) -> Iterator[tuple[str, list[list[str]]]]:
        self.make(SEED["prelude"][0])
        for scenario in scenarios(self.flavour):
            if scenario == BEFORE_REJECTED:
                self.make(SEED["prelude"][1])
            found = []
            for index, exchange in enumerate(recording(self.flavour, scenario)):
                self.chance.now = status_change(self.flavour, scenario, index) or self.chance.now
                found.append(self.play(scenario, index, exchange))
            yield scenario, found

    def make(self, call: dict[str, Any]) -> None:
        auth = f"Bearer <token of {call['auth']}>"
        request = {"method": call["method"], "path": call["path"], "auth": auth, "json": call["json"]}
        assert self.send("prelude", 0, {"request": request}).status == 201

    def play(self, scenario: str, index: int, exchange: dict[str, Any]) -> list[str]:
        self.chance.feed(exchange["response"]["body"])
        response = self.send(scenario, index, exchange)
        self.remember(response)
        return differences(exchange, response)

    def send(self, scenario: str, index: int, exchange: dict[str, Any]) -> Response:
        recorded = exchange["request"]
        path, _, query = recorded["path"].partition("?")
        headers = {}
        auth = self.authorization(scenario, index, recorded)
        if auth:
            headers["authorization"] = auth
        if "cookie sent" in exchange.get("note", ""):
            headers["cookie"] = self.cookie
        content_type, body = self.body(scenario, index, recorded)
        if body:
            headers["content-type"] = CONTENT_TYPES.get((scenario, index), content_type)
        return self.iam.handle(Request(recorded["method"], path, dict(parse_qsl(query)), headers, body))

    def authorization(self, scenario: str, index: int, recorded: dict[str, Any]) -> str | None:
        auth: str | None = recorded["auth"]
        if auth is None or auth == "Bearer wrong":
            return auth
        if auth.startswith("Basic "):
            return basic(auth)
        if auth == "Bearer <registration access token>":
            made = self.rats[client_of(recorded["path"])]
            return f"Bearer {made[0] if (scenario, index) == ('admin-rat', 3) else made[-1]}"
        return f"Bearer {self.token_of(auth.removeprefix('Bearer <token of ').removesuffix('>'))}"

    def token_of(self, name: str) -> str:
        if name == "garbage":
            return name
        if name not in self.tokens:
            form = urlencode(SEED["logins"][name]).encode()
            answer = self.iam.handle(Request("POST", "/token", body=form))
            self.tokens[name] = json.loads(answer.body)["access_token"]
        return self.tokens[name]

    def body(self, scenario: str, index: int, recorded: dict[str, Any]) -> tuple[str, bytes]:
        if "form" in recorded:
            form = {name: self.last_token if value == "<jwt>" else value for name, value in recorded["form"].items()}
            return "application/x-www-form-urlencoded", urlencode(form).encode()
        if "raw_body" in recorded:
            raw = recorded["raw_body"]
            sent = self.rats[client_of(recorded["path"])][-1] if raw == "<jwt>" else raw
            return "application/json", sent.encode()
        if "json" not in recorded:
            return "", b""
        document = dict(recorded["json"])
        if (scenario, index) in CUT_BODIES:
            document["jwk"] = self.key_set(CUT_BODIES[scenario, index])
        return "application/json", json.dumps(document).encode()

    def key_set(self, count: int) -> str:
        first = recording(self.flavour, "admin-jwk")[0]["request"]["json"]["jwk"]
        key = json.loads(first)["keys"][0]
        return json.dumps({"keys": [key | {"kid": f"k{number:05}"} for number in range(count)]})

    def remember(self, response: Response) -> None:
        if "set-cookie" in response.headers:
            self.cookie = re.match(rf"{SESSION_COOKIE}=[^;]+", response.headers["set-cookie"])[0]  # type: ignore[index] # it is one
        if not response.headers.get("content-type", "").startswith("application/json"):
            return
        body = json.loads(response.body)
        if isinstance(body, dict) and "registration_access_token" in body:
            self.rats.setdefault(body["client_id"], []).append(body["registration_access_token"])
        if isinstance(body, dict) and "access_token" in body:
            self.last_token = body["access_token"]


def basic(auth: str) -> str:
    """The header for `Basic id:secret`, as recordings write it."""
    return f"Basic {base64.b64encode(auth.removeprefix('Basic ').encode()).decode()}"


def client_of(path: str) -> str:
    return path.split("/")[4]


@functools.cache
def replay(flavour: Flavour) -> dict[str, list[list[str]]]:
    """Scenario -> the differences of each exchange, after a run over all of them."""
    return replay_now(flavour)


def replay_now(flavour: Flavour) -> dict[str, list[list[str]]]:
    """The same, run again."""
    chance = FedChance(started(flavour))
    iam = Iam(flavour, Seed(SEED), SEED["base_url"], chance=chance)
    return dict(Player(flavour, iam, chance).run())
