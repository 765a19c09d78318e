"""What a client's own credentials prove, on every flavour, and at servers that are stranger than the sandbox."""

from __future__ import annotations

import dataclasses
import json
import ssl
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import ECKey
from msgspec.structs import replace

from iac.core.capabilities import FULL, Capabilities
from iac.core.errors import CredentialsError, UnreachableError
from iac.core.model import GRANT_TYPES, NewClient
from iac.core.proof import Evidence, Grade, ServiceLogin
from iac.core.secret import Secret
from iac.providers.base import Connection
from iac.providers.logins.endpoint import basic
from iac.providers.proof import OAuthProver
from iac.providers.proof.authorization import NOBODYS_URI
from iac.registry import capabilities
from iac.sandbox.fault import Fault, FaultKind
from iac.transport.http import RetryPolicy, Transport
from tests.providers.stub import LOST, Say, Seen, start_stub
from tests.transport.certificates import Authority
from tests.transport.terminator import start_terminator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iac.sandbox.server import Sandbox
    from tests.providers.clock import SetClock
    from tests.providers.conftest import OpenAdmin

SECRET = Secret("s" * 43)
URI = "https://app.example.org/cb"
ALL = tuple(
    sorted(GRANT_TYPES[grant] for grant in ("authorization_code", "client_credentials", "refresh_token", "device_code"))
)
FIELDS: dict[str, Any] = {
    "client_name": "An app",
    "grant_types": ALL,
    "redirect_uris": (URI,),
    "scope": ("openid", "storage.read:/"),
    "allow_introspection": True,
}
ONCE = Transport(retry=RetryPolicy(attempts=1))
OTHER = capabilities("rfc7591")


def prove(
    url: str, subject: ServiceLogin, clock: SetClock, transport: Transport = ONCE, api: Capabilities = FULL
) -> dict[str, Evidence]:
    """Checks by name, those of redirect URIs by the URI."""
    with closing(OAuthProver(Connection(url, transport=transport), clock, api)) as prover:
        prover.open()
        return {
            check.subject if check.name == "authorization_code" else check.name: check
            for check in prover.prove(subject)
        }


def verdicts(checks: dict[str, Evidence]) -> dict[str, str]:
    return {name: str(check.verdict) for name, check in checks.items()}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "client_secret_jwt"])
def test_right_credentials_prove_each_grant_on_every_flavour(
    open_admin: OpenAdmin, box: Sandbox, clock: SetClock, method: str
) -> None:
    fields = {**FIELDS, "token_endpoint_auth_method": method}
    open_admin(box.issuer).create(NewClient("app", fields, SECRET))

    found = prove(box.issuer, ServiceLogin("app", SECRET, fields), clock)

    names = {"login", URI, "client_credentials", "device_code", "introspection"}
    assert {**dict.fromkeys(names, "ok"), "refresh_token": "not_proven"} == verdicts(found)
    assert "storage.read:/" in found["client_credentials"].why


def test_a_wrong_secret_fails_the_login_and_nothing_more_is_asked_with_it(
    open_admin: OpenAdmin, box: Sandbox, clock: SetClock
) -> None:
    open_admin(box.issuer).create(NewClient("app", FIELDS, SECRET))
    before = len(box.log)

    assert {"login": "failed", URI: "ok"} == verdicts(
        prove(box.issuer, ServiceLogin("app", Secret("wrong"), FIELDS), clock)
    )
    assert 1 == sum(path == "/token" for _, path, _ in box.log[before:])


def test_what_was_changed_on_the_server_fails_where_it_matters(
    open_admin: OpenAdmin, new_box: Sandbox, clock: SetClock
) -> None:
    open_admin(new_box.issuer).create(NewClient("app", FIELDS, SECRET))
    store = new_box.iam.world.store
    client = store.find("app")
    assert client is not None
    store.put(
        dataclasses.replace(
            client, redirect_uris=("https://other.example.org/",), scope=("openid", "fts"), allow_introspection=False
        )
    )

    found = prove(new_box.issuer, ServiceLogin("app", SECRET, FIELDS), clock)

    assert {
        "login": "ok",
        URI: "failed",
        "client_credentials": "failed",
        "refresh_token": "not_proven",
        "device_code": "failed",
        "introspection": "failed",
    } == verdicts(found)
    assert "lacks storage.read:/" in found["client_credentials"].why
    assert "has fts, which is not defined" in found["client_credentials"].why


def test_a_disabled_client_still_logs_in_and_gets_nothing(
    open_admin: OpenAdmin, new_box: Sandbox, clock: SetClock
) -> None:
    fields = {**FIELDS, "grant_types": ("client_credentials",)}
    open_admin(new_box.issuer).create(NewClient("app", fields, SECRET))
    client = new_box.iam.world.store.find("app")
    assert client is not None
    new_box.iam.world.store.put(dataclasses.replace(client, active=False))

    found = prove(new_box.issuer, ServiceLogin("app", SECRET, fields), clock)

    assert ("ok", "failed") == (found["login"].verdict, found["client_credentials"].verdict)
    assert "suspended" in found["client_credentials"].why


def test_a_public_client_is_told_from_one_that_is_gone(
    open_admin: OpenAdmin, new_box: Sandbox, clock: SetClock
) -> None:
    fields = {
        **FIELDS,
        "token_endpoint_auth_method": "none",
        "code_challenge_method": "plain",
        "grant_types": ("authorization_code", GRANT_TYPES["device_code"]),
    }
    open_admin(new_box.issuer).create(NewClient("app", fields, None))

    found = prove(new_box.issuer, ServiceLogin("app", None, fields), clock)

    rest = {"introspection": "not_proven", "enabled": "not_proven"}
    assert {"login": "ok", URI: "ok", "device_code": "ok", **rest} == verdicts(found)

    new_box.iam.world.store.remove(new_box.iam.world.find_client("app"))

    gone = prove(new_box.issuer, ServiceLogin("app", None, fields), clock)
    assert {"login": "failed", URI: "failed"} == verdicts(gone)


def test_without_the_secret_what_needs_none_is_proven(new_box: Sandbox, open_admin: OpenAdmin, clock: SetClock) -> None:
    open_admin(new_box.issuer).create(NewClient("app", FIELDS, SECRET))

    found = prove(new_box.issuer, ServiceLogin("app", None, FIELDS), clock)

    unproven = ("login", "client_credentials", "refresh_token", "device_code", "introspection")
    assert {**dict.fromkeys(unproven, "not_proven"), URI: "ok"} == verdicts(found)
    user = replace(only("authorization_code"), secret=None)
    assert "not_proven" == prove(new_box.issuer, user, clock)["enabled"].verdict


def test_grants_of_users_and_keys_of_others_are_not_proven(new_box: Sandbox, clock: SetClock) -> None:
    fields: dict[str, Any] = {
        "grant_types": (GRANT_TYPES["token-exchange"], "password"),
        "token_endpoint_auth_method": "private_key_jwt",
    }

    found = prove(new_box.issuer, ServiceLogin("app", None, fields), clock)

    assert dict.fromkeys(("login", "token-exchange", "password", "enabled"), "not_proven") == verdicts(found)


@pytest.mark.parametrize(
    ("path", "name"),
    [("/authorize", URI), ("/devicecode", "device_code"), ("/introspect", "introspection")],
)
def test_a_server_that_is_busy_has_said_nothing(
    open_admin: OpenAdmin, new_box: Sandbox, clock: SetClock, path: str, name: str
) -> None:
    open_admin(new_box.issuer).create(NewClient("app", FIELDS, SECRET))
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=503, path=path, times=9))

    assert "unanswered" == verdicts(prove(new_box.issuer, ServiceLogin("app", SECRET, FIELDS), clock))[name]


def test_a_server_that_is_not_there_is_told_at_once(clock: SetClock) -> None:
    with pytest.raises(UnreachableError):
        prove("http://127.0.0.1:9/", ServiceLogin("app", SECRET, FIELDS), clock)


def test_credentials_go_to_the_pinned_issuer_alone(clock: SetClock) -> None:
    with pytest.raises(CredentialsError):
        OAuthProver(Connection("https://iam.example.org/", "https://other.example.org/"), clock, FULL)


@contextmanager
def strange(answer: Callable[[Seen], Say | None], **endpoints: str | None) -> Iterator[str]:
    """A server with endpoints of its own, none where they are None; `answer` says what is other than not found."""
    declared: dict[str, str] = {}

    def serve(seen: Seen) -> Say:
        if seen.path.startswith("/.well-known/"):
            return Say(200, declared)
        return answer(seen) or Say(404)

    with start_stub(serve) as stub:
        declared["issuer"] = stub.url
        for name in ("token", "authorization", "introspection", "device_authorization"):
            url = endpoints.get(name, f"{stub.url}/{name}")
            declared |= {} if url is None else {f"{name}_endpoint": url}
        yield stub.url


def only(grant: str, **more: Any) -> ServiceLogin:
    return ServiceLogin("app", SECRET, {"grant_types": (grant,), "redirect_uris": (URI,), **more})


def redirecting(location: Callable[[dict[str, str]], str]) -> Callable[[Seen], Say | None]:
    def answer(seen: Seen) -> Say | None:
        if not seen.path.startswith("/authorization"):
            return None
        return Say(302, b"", {"Location": location(dict(parse_qsl(urlsplit(seen.path).query)))})

    return answer


def login_required(query: dict[str, str]) -> str:
    return f"{query['redirect_uri']}?error=login_required&state={query['state']}"


@pytest.mark.parametrize(
    ("location", "verdict"),
    [
        (lambda _: "/login", "not_proven"),
        (lambda _: "http://[", "not_proven"),
        (lambda _: f"{URI}?error=invalid_scope", "failed"),
        (lambda _: f"{URI}?error=login_required&state=another", "failed"),
        (login_required, "not_proven"),
        (lambda query: "/error" if query["redirect_uri"] == NOBODYS_URI else login_required(query), "ok"),
        (lambda query: f"{URI}#error=consent_required&state={query['state']}", "ok"),
    ],
)
def test_what_an_authorization_endpoint_answers_is_judged_by_where_it_leads(
    clock: SetClock, location: Callable[[dict[str, str]], str], verdict: str
) -> None:
    with strange(redirecting(location)) as url:
        assert verdict == verdicts(prove(url, only("authorization_code"), clock, api=OTHER))[URI]


def test_the_control_is_asked_once_for_all_clients(clock: SetClock) -> None:
    asked: list[str] = []

    def location(query: dict[str, str]) -> str:
        asked.append(query["redirect_uri"])
        return "/error" if query["redirect_uri"] == NOBODYS_URI else login_required(query)

    with strange(redirecting(location)) as url, closing(OAuthProver(Connection(url), clock, OTHER)) as prover:
        for _ in range(3):
            prover.prove(only("implicit"))

    assert [URI, NOBODYS_URI, URI, URI] == asked


def test_a_login_page_instead_of_an_answer_proves_nothing(clock: SetClock) -> None:
    with strange(lambda seen: Say(200, b"<form>") if seen.path.startswith("/auth") else None) as url:
        assert "not_proven" == verdicts(prove(url, only("authorization_code"), clock, api=OTHER))[URI]


def test_what_a_server_does_not_declare_cannot_be_asked(clock: SetClock) -> None:
    fields = {**FIELDS, "grant_types": ("authorization_code", GRANT_TYPES["device_code"])}
    right = Say(400, {"error": "invalid_scope"})
    with strange(lambda _: right, authorization=None, introspection=None, device_authorization=None) as url:
        found = verdicts(prove(url, ServiceLogin("app", SECRET, fields), clock, api=OTHER))
    assert {"login": "ok", URI: "not_proven", "device_code": "not_proven", "introspection": "not_proven"} == found


def test_nothing_is_sent_to_an_endpoint_on_another_origin(clock: SetClock) -> None:
    with strange(lambda _: None, authorization="https://elsewhere.example/authorize") as url:
        found = prove(url, only("authorization_code"), clock, api=OTHER)[URI]
    assert (Grade.UNPROVEN, True) == (found.verdict, "another origin" in found.why)


@pytest.mark.parametrize(
    ("token", "verdict", "why"),
    [
        ({"access_token": "opaque", "scope": "fts"}, "ok", "a token with fts"),
        ({"access_token": "opaque"}, "not_proven", "does not say which scopes"),
        ({"access_token": "e30.eyJzY29wZSI6ImZ0cyJ9.x"}, "ok", "a token with fts"),
        ({"access_token": "opaque", "scope": f"fts {SECRET.reveal()}"}, "ok", "words that repeat a secret"),
        ({"no": "token"}, "failed", "the server says 200"),
    ],
)
def test_a_tokens_scopes_are_those_of_the_answer_else_of_its_claims(
    clock: SetClock, token: dict[str, str], verdict: str, why: str
) -> None:
    with strange(lambda seen: Say(200, token) if seen.path == "/token" else None) as url:
        found = prove(url, only("client_credentials", scope=("fts",)), clock, api=OTHER)["client_credentials"]
    assert (verdict, True) == (str(found.verdict), why in found.why)


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (400, "invalid_grant", "ok"),
        (401, "invalid_token", "ok"),
        (400, "unauthorized_client", "failed"),
        (400, "unsupported_grant_type", "failed"),
        (200, "", "failed"),
    ],
)
def test_a_made_up_refresh_token_is_all_that_may_be_refused(
    clock: SetClock, status: int, error: str, verdict: str
) -> None:
    def answer(seen: Seen) -> Say:
        if b"grant_type=refresh_token" in seen.body:
            return Say(status, {"error": error})
        return Say(400, {"error": "invalid_scope"})

    with strange(answer) as url:
        found = verdicts(prove(url, only("refresh_token"), clock, api=OTHER))
    assert verdict == found.get("refresh_token", found["login"])


@pytest.mark.parametrize(
    ("status", "answer", "verdict"),
    [(200, {"active": True}, "ok"), (200, {"active": False}, "failed"), (401, {"error": "unauthorized"}, "failed")],
)
def test_its_own_token_is_active_for_a_client_that_may_ask(
    clock: SetClock, status: int, answer: dict[str, Any], verdict: str
) -> None:
    def serve(seen: Seen) -> Say:
        return Say(status, answer) if seen.path == "/introspection" else Say(200, {"access_token": "t", "scope": "fts"})

    with strange(serve) as url:
        subject = only("client_credentials", scope=("fts",), allow_introspection=True)
        assert verdict == verdicts(prove(url, subject, clock, api=OTHER))["introspection"]


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (400, "invalid_grant", "ok"),
        (400, "unauthorized_client", "ok"),
        (400, "invalid_client", "failed"),
        (401, "invalid_client", "failed"),
        (400, "invalid_request", "not_proven"),
        (404, "", "not_proven"),
    ],
)
def test_a_made_up_code_tells_whether_a_public_client_is_there(
    clock: SetClock, status: int, error: str, verdict: str
) -> None:
    """By RFC 6749 section 5.2; what a server may have said before it looked at the client proves nothing."""
    fields: dict[str, Any] = {"grant_types": ("authorization_code",), "token_endpoint_auth_method": "none"}
    with strange(lambda seen: Say(status, {"error": error}) if seen.path == "/token" else None) as url:
        assert verdict == verdicts(prove(url, ServiceLogin("app", None, fields), clock, api=OTHER))["login"]


@pytest.mark.parametrize(
    ("method", "header", "form"),
    [
        ("client_secret_basic", basic("app", SECRET), {"token"}),
        ("client_secret_post", None, {"token", "client_id", "client_secret"}),
    ],
)
def test_another_server_is_asked_about_tokens_by_the_registered_method(
    clock: SetClock, method: str, header: str | None, form: set[str]
) -> None:
    asked: list[Seen] = []

    def answer(seen: Seen) -> Say:
        if seen.path == "/introspection":
            asked.append(seen)
            return Say(200, {"active": True})
        return Say(200, {"access_token": "t", "scope": "fts"})

    with strange(answer) as url:
        fields = {"token_endpoint_auth_method": method, "scope": ("fts",), "allow_introspection": True}
        assert "ok" == verdicts(prove(url, only("client_credentials", **fields), clock, api=OTHER))["introspection"]
    assert [(header, form)] == [(s.headers.get("authorization"), set(dict(parse_qsl(s.body.decode())))) for s in asked]


def test_an_id_with_a_colon_cannot_be_sent_by_basic_as_it_stands(clock: SetClock) -> None:
    fields: dict[str, Any] = {"grant_types": ("password",), "allow_introspection": True}
    with strange(lambda _: Say(400, {"error": "invalid_scope"})) as url:
        found = prove(url, ServiceLogin("a:b", SECRET, fields), clock)["introspection"]
    assert (Grade.UNPROVEN, True) == (found.verdict, "colon" in found.why)


def test_a_client_that_has_no_secret_is_not_told_to_have_an_output_with_it(clock: SetClock) -> None:
    fields: dict[str, Any] = {"allow_introspection": True, "token_endpoint_auth_method": "private_key_jwt"}
    key = Secret(json.dumps(ECKey.generate_key("P-256").as_dict(private=True)))
    with strange(lambda _: Say(400, {"error": "invalid_scope"})) as url:
        found = prove(url, ServiceLogin("app", None, fields, key=key), clock)
    assert {"login": "ok", "introspection": "not_proven", "enabled": "not_proven"} == verdicts(found)
    assert "which this client does not have" in found["introspection"].why


def test_a_broken_server_is_no_client_that_is_gone(clock: SetClock) -> None:
    """Only to an assertion an empty 405 says that there is no such client (rec: client-assertion)."""
    for method, verdict in (("client_secret_post", "unanswered"), ("client_secret_jwt", "failed")):
        fields: dict[str, Any] = {"grant_types": ("password",), "token_endpoint_auth_method": method}
        with strange(lambda _: Say(405)) as url:
            assert verdict == verdicts(prove(url, ServiceLogin("app", SECRET, fields), clock))["login"]


KEY = {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"}


@pytest.mark.parametrize(
    ("answer", "verdict", "why"),
    [
        (Say(200, {"keys": [KEY, {"kty": "oct"}]}), "ok", "1 of 2 keys"),
        (Say(200, {"keys": [{**KEY, "use": "enc"}, {"kty": "RSA", "n": "AQ"}]}), "failed", "none of its keys"),
        (Say(200, {"keys": [{**KEY, "d": "ZA"}]}), "failed", "private members of a key: d"),
        (Say(200, b"<html>"), "failed", "no JWK set"),
        (Say(404), "failed", "answers 404"),
        (Say(302, b"", {"Location": "http://127.0.0.1:9/"}), "failed", "answers 302"),
        (Say(200, b" " * 300_000), "unanswered", "larger than"),
        (LOST, "unanswered", "without sending a response"),
    ],
)
def test_the_keys_of_a_client_stand_where_its_jwks_uri_says(
    clock: SetClock, new_box: Sandbox, answer: Say, verdict: str, why: str
) -> None:
    with start_stub(lambda _: answer) as keys:
        subject = ServiceLogin(
            "app", None, {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": f"{keys.url}/jwks"}
        )
        found = prove(new_box.issuer, subject, clock)["jwks_uri"]
        assert [seen.headers.get("authorization") for seen in keys.seen] == [None] * len(keys.seen)
    assert (verdict, True) == (str(found.verdict), why in found.why)


def test_keys_that_this_machine_does_not_reach_are_not_proven(clock: SetClock, new_box: Sandbox) -> None:
    with start_stub(lambda _: LOST) as keys:
        uri = f"{keys.url}/jwks"
    subject = ServiceLogin("app", None, {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri})
    found = prove(new_box.issuer, subject, clock)["jwks_uri"]
    assert ("not_proven", True) == (str(found.verdict), "the server perhaps can: " in found.why)


def test_whoever_serves_keys_is_not_shown_the_client_certificate(
    clock: SetClock, new_box: Sandbox, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_OPTIONAL
    transport = replace(ONCE, ca_bundle=authority.file, certificate=certificate, key=key)
    with (
        start_stub(lambda _: Say(200, {"keys": [KEY]})) as keys,
        start_terminator(int(keys.url.rpartition(":")[2]), context) as front,
    ):
        uri = f"https://127.0.0.1:{front.port}/jwks"
        subject = ServiceLogin("app", None, {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri})
        assert "ok" == verdicts(prove(new_box.issuer, subject, clock, transport))["jwks_uri"]
    assert [False] == front.shown


def test_keys_are_not_read_from_where_anybody_could_change_them(clock: SetClock, new_box: Sandbox) -> None:
    subject = ServiceLogin(
        "app", None, {"token_endpoint_auth_method": "none", "jwks_uri": "http://keys.example.org/jwks"}
    )
    assert "failed" == verdicts(prove(new_box.issuer, subject, clock))["jwks_uri"]


def test_keys_by_value_are_looked_at_as_they_were_applied(clock: SetClock, new_box: Sandbox) -> None:
    subject = ServiceLogin("app", None, {"token_endpoint_auth_method": "none", "jwk": json.dumps({"keys": [KEY]})})
    assert "ok" == verdicts(prove(new_box.issuer, subject, clock))["jwk"]
