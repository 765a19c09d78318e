from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.core.errors import CredentialsError, UnreachableError
from iac.core.origin import Issuer
from iac.providers.discovery import check_pin, discover
from tests.providers.stub import Say, Seen, start_stub

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox
    from tests.providers.conftest import OpenAdmin, OpenHttp


def test_the_endpoints_of_iam_are_found(open_http: OpenHttp, box: Sandbox) -> None:
    endpoints = discover(open_http(box.url), Issuer.parse(box.issuer))

    assert (box.issuer, "/token", f"{box.url}/token") == (endpoints.issuer, endpoints.token, endpoints.token_url)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [(["openid", "fts"], {"openid", "fts"}), (["openid", 3, None], {"openid"}), (None, set()), ("openid", set())],
)
def test_scopes_are_those_that_the_document_lists(open_http: OpenHttp, listed: object, expected: set[str]) -> None:
    def answer(seen: Seen) -> Say:
        base = f"http://{seen.headers['host']}"
        return Say(200, {"issuer": base, "token_endpoint": f"{base}/token", "scopes_supported": listed})

    with start_stub(answer) as stub:
        assert expected == discover(open_http(stub.url), Issuer.parse(stub.url)).scopes


def test_an_issuer_with_a_path_has_its_document_under_it(open_http: OpenHttp) -> None:
    def answer(seen: Seen) -> Say:
        base = f"http://{seen.headers['host']}/vo/cms"
        return Say(200, {"issuer": base, "token_endpoint": f"{base}/token"})

    with start_stub(answer) as stub:
        endpoints = discover(open_http(stub.url), Issuer.parse(f"{stub.url}/vo/cms/"))

    assert endpoints.token == "/vo/cms/token"
    assert stub.lines() == ["GET /vo/cms/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    "say",
    [
        Say(404, b"<html>not found</html>"),
        Say(200, b"<html>hello</html>"),
        Say(200, []),
        Say(200, {"issuer": "x"}),
        Say(302, b"", {"Location": "https://evil.example/"}),
    ],
)
def test_a_server_without_a_document_is_no_iam(open_http: OpenHttp, say: Say) -> None:
    with start_stub(lambda _: say) as stub, pytest.raises(UnreachableError, match="no discovery document") as caught:
        discover(open_http(stub.url), Issuer.parse(stub.url))

    assert "issuer in iac.yaml" in caught.value.fix


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_that_is_down_does_not_put_the_issuer_in_doubt(open_http: OpenHttp, status: int) -> None:
    say = Say(status, b"<html>down for maintenance")
    with start_stub(lambda _: say) as stub, pytest.raises(UnreachableError) as caught:
        discover(open_http(stub.url), Issuer.parse(stub.url))

    assert "run it again" in caught.value.fix
    assert "issuer" not in caught.value.fix
    assert stub.url in caught.value.where


def test_a_document_of_another_issuer_is_refused_with_both_names(open_http: OpenHttp) -> None:
    document = {"issuer": "https://other.example/\x1b", "token_endpoint": "https://other.example/token"}
    with start_stub(lambda _: Say(200, document)) as stub, pytest.raises(CredentialsError, match="another") as caught:
        discover(open_http(stub.url), Issuer.parse(stub.url))

    assert f"iac.yaml: {stub.url}, in the discovery document: https://other.example/\\u001b" in caught.value.why


def test_nothing_is_sent_to_a_token_endpoint_on_another_origin(open_admin: OpenAdmin) -> None:
    def answer(seen: Seen) -> Say:
        return Say(200, {"issuer": f"http://{seen.headers['host']}", "token_endpoint": f"{elsewhere.url}/token"})

    with start_stub(lambda _: Say(200, {})) as elsewhere, start_stub(answer) as stub:
        admin = open_admin(stub.url)
        with pytest.raises(CredentialsError, match="another origin"):
            admin.identify()

    assert elsewhere.seen == []
    assert stub.lines() == ["GET /.well-known/openid-configuration"]


@pytest.mark.parametrize("pinned", ["", "https://iam.example.org", "https://iam.example.org/"])
def test_a_pin_that_matches_or_is_empty_lets_pass(pinned: str) -> None:
    check_pin(Issuer.parse("https://iam.example.org/"), pinned, "")


def test_a_redirected_issuer_is_refused_before_anything_is_sent(open_admin: OpenAdmin) -> None:
    with (
        start_stub(lambda _: Say(200, {})) as stub,
        pytest.raises(CredentialsError, match="another issuer") as caught,
    ):
        open_admin(stub.url, pinned="https://iam.example.org/")

    assert caught.value.why == "IAC_ISSUER is https://iam.example.org/"
    assert stub.seen == []
