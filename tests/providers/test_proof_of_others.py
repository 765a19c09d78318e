"""A secret is proven at a server that is no IAM by what its client may do there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from iac.core.errors import CredentialsError, UnreachableError
from iac.core.model import GRANT_TYPES
from iac.core.origin import Issuer
from iac.core.secret import Secret
from iac.providers.discovery import Endpoints, KnownServer, discover, documents_of
from iac.providers.logins.given import InitialAccessToken
from iac.providers.probe import Probe
from iac.registry import capabilities
from tests.every import every
from tests.providers.clock import SetClock
from tests.providers.stub import Say, start_stub
from tests.scenarios.standin import SWITCHES, Discovery, Switches, start_standin

if TYPE_CHECKING:
    from tests.providers.conftest import OpenHttp
    from tests.scenarios.standin import StandIn

API = capabilities("rfc7591")
TOKEN = Endpoints("https://op.example.org/", "/token", "https://op.example.org/token")
CODE = {"grant_types": ("authorization_code",), "redirect_uris": ("https://portal.example.org/cb",)}
GRANTS: list[dict[str, Any]] = [
    CODE,
    {"grant_types": ("client_credentials",)},
    {"grant_types": (GRANT_TYPES["device_code"],)},
    {"grant_types": ("refresh_token",)},
]


def _register(server: StandIn, fields: dict[str, Any]) -> tuple[str, str]:

    body = json.dumps({name: list(value) for name, value in fields.items()}).encode()
    with urlopen(Request(f"{server.url}/register", body), timeout=10) as answer:
        made = json.load(answer)
        return made["client_id"], made["client_secret"]


@every("switch", ["plain", "a wrong grant is a 401", "Basic as it stands"])
@every("fields", GRANTS)
def test_a_secret_is_right_or_wrong_for_every_grant(open_http: OpenHttp, switch: str, fields: dict[str, Any]) -> None:
    with start_standin(SWITCHES[switch]) as server:
        client_id, secret = _register(server, fields)
        http = open_http(server.url)
        endpoints = discover(http, Issuer.parse(server.url), documents_of(API))
        for given, expected in ((secret, True), ("wrong", False)):
            probe = Probe(client_id, Secret(given), api=API, fields=fields)
            assert expected is probe.ask(KnownServer(http, endpoints, SetClock()))


@every("error", ["unauthorized_client", "invalid_client"])
def test_what_a_wrong_secret_is_told_counts_as_wrong(open_http: OpenHttp, error: str) -> None:
    """Some servers say unauthorized_client to a wrong secret, which others say to a grant."""
    with start_standin(Switches(refusal_of_login=error, grant_status=401)) as server:
        client_id, secret = _register(server, CODE)
        http = open_http(server.url)
        endpoints = discover(http, Issuer.parse(server.url))
        for given, expected in ((secret, True), ("wrong", False)):
            assert expected is Probe(client_id, Secret(given), api=API, fields=CODE).ask(
                KnownServer(http, endpoints, SetClock())
            )


def test_a_question_that_the_client_may_not_ask_proves_nothing_where_both_secrets_are_told_the_same(
    open_http: OpenHttp,
) -> None:
    with start_standin(Switches(refusal_of_login="unauthorized_client", words="no", grant_status=401)) as server:
        client_id, secret = _register(server, {**CODE, "grant_types": ("implicit",)})
        http = open_http(server.url)
        endpoints = discover(http, Issuer.parse(server.url))
        probe = Probe(client_id, Secret(secret), api=API, fields={"grant_types": ("implicit",)})
        with pytest.raises(UnreachableError):
            probe.ask(KnownServer(http, endpoints, SetClock()))


@every("body", [b"<html>log in</html>", {"error": "server_error"}, {}])
def test_a_success_without_a_token_proves_no_secret(open_http: OpenHttp, body: Any) -> None:
    """A mask would be stored as the secret, were each page of a proxy a yes."""
    with start_stub(lambda _: Say(200, body)) as stub, pytest.raises(UnreachableError):
        Probe("app", Secret("****"), api=API, fields=CODE).ask(KnownServer(open_http(stub.url), TOKEN, SetClock()))


def test_a_refusal_that_comes_as_a_success_is_one(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(200, {"error": "invalid_client"})) as stub:
        assert not Probe("app", Secret("****"), api=API, fields=CODE).ask(
            KnownServer(open_http(stub.url), TOKEN, SetClock())
        )


@every("kind", list(Discovery))
def test_both_documents_are_read_and_iac_yaml_fills_in(open_http: OpenHttp, kind: Discovery) -> None:
    with start_standin(Switches(discovery=kind)) as server:
        http, issuer, named = open_http(server.url), Issuer.parse(server.url), f"{server.url}/register"
        found = discover(http, issuer, documents_of(API)).others.get("registration_endpoint")
        assert (None if kind is Discovery.UNNAMED else named) == found
        assert named == discover(http, issuer, documents_of(API), named).others["registration_endpoint"]


def test_an_initial_token_that_says_when_it_ends_is_not_sent_after_that(open_http: OpenHttp) -> None:
    with start_standin() as server:
        http = open_http(server.url)
        endpoints = discover(http, Issuer.parse(server.url))
        for token, has_ended in (("e30.eyJleHAiOjEwMH0.x", True), ("e30.eyJleHAiOjB9.x", False), ("opaque", False)):
            login = InitialAccessToken(lambda token=token: Secret(token))  # type: ignore[misc]
            if has_ended:
                with pytest.raises(CredentialsError, match="has expired"):
                    login.fetch(KnownServer(http, endpoints, SetClock()))
            else:
                assert token == login.fetch(KnownServer(http, endpoints, SetClock())).value.reveal()
