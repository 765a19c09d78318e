from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import UnreachableError
from iac.core.model import NewClient
from iac.core.secret import Secret
from iac.providers.bearer import parse_claims
from iac.providers.discovery import Endpoints
from iac.providers.logins.endpoint import SecretAssertion
from iac.sandbox.fault import Fault, FaultKind
from iac.transport.message import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.sandbox.server import Sandbox
    from tests.providers.clock import SetClock
    from tests.providers.conftest import OpenAdmin

SECRET = Secret("s" * 43)
WRONG = Secret("w" * 43)
FIELDS: dict[str, Any] = {"client_name": "probed", "grant_types": ("client_credentials",), "scope": ("openid",)}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "client_secret_jwt"])
@pytest.mark.parametrize("grant", ["client_credentials", "authorization_code"])
@pytest.mark.parametrize("scope", [("openid", "profile"), ()])
def test_a_right_secret_is_told_from_a_wrong_one_for_every_method_grant_and_scope(
    open_admin: OpenAdmin, box: Sandbox, method: str, grant: str, scope: tuple[str, ...]
) -> None:
    fields = {**FIELDS, "token_endpoint_auth_method": method, "grant_types": (grant,), "scope": scope}
    if not scope:
        del fields["scope"]
    if grant == "authorization_code":
        fields["redirect_uris"] = ("https://a.example.org/cb",)
    admin = open_admin(box.issuer)
    admin.create(NewClient("probed", fields, SECRET))

    assert [True, False] == [admin.accepts_secret("probed", secret) for secret in (SECRET, WRONG)]


def test_the_secret_of_a_disabled_client_is_still_told_from_a_wrong_one(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer)
    admin.create(NewClient("probed", FIELDS, SECRET))
    store = box.iam.world.store
    client = store.find("probed")
    assert client is not None
    store.put(replace(client, active=False))

    assert [True, False] == [admin.accepts_secret("probed", secret) for secret in (SECRET, WRONG)]


def test_no_token_is_issued_by_asking(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer)
    admin.create(NewClient("probed", FIELDS, SECRET))
    before = len(box.iam.world.store.tokens)

    assert admin.accepts_secret("probed", SECRET)
    assert before == len(box.iam.world.store.tokens)


def test_a_client_that_is_not_there_accepts_no_secret(open_admin: OpenAdmin, box: Sandbox) -> None:
    assert open_admin(box.issuer).accepts_secret("nobody", SECRET) is False


def test_a_public_client_accepts_no_secret(open_admin: OpenAdmin, box: Sandbox) -> None:
    admin = open_admin(box.issuer)
    admin.create(NewClient("probed", {**FIELDS, "token_endpoint_auth_method": "none"}, None))

    assert admin.accepts_secret("probed", SECRET) is False


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_answer_that_tells_nothing_is_no_no(open_admin: OpenAdmin, new_box: Sandbox, status: int) -> None:
    admin = open_admin(new_box.issuer)
    admin.identify()
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=status, path="/token", times=9))

    with pytest.raises(UnreachableError):
        admin.accepts_secret("admin-client-ro", Secret("secret"))


def test_a_server_that_grants_any_scope_to_a_client_without_scopes_has_taken_the_secret(
    open_admin: OpenAdmin, new_box: Sandbox
) -> None:
    admin = open_admin(new_box.issuer)
    admin.identify()
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=200, body="json", path="/token"))

    assert admin.accepts_secret("admin-client-ro", Secret("secret")) is True


def test_a_server_that_calls_bad_credentials_a_bad_request_is_understood(
    open_admin: OpenAdmin, new_box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = open_admin(new_box.issuer)
    admin.identify()
    monkeypatch.setattr("iac.providers.probe.error_code", lambda _: "invalid_client")

    assert admin.accepts_secret("admin-client-ro", Secret("secret")) is False


def test_an_assertion_is_short_lived_and_for_this_token_endpoint(
    open_admin: OpenAdmin, new_box: Sandbox, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms: list[Mapping[str, str]] = []
    real = Call.form

    def form(path: str, fields: Mapping[str, str]) -> Call:
        forms.append(fields)
        return real(path, fields)

    monkeypatch.setattr(Call, "form", form)
    admin = open_admin(new_box.issuer)
    fields = {**FIELDS, "token_endpoint_auth_method": "client_secret_jwt"}
    admin.create(NewClient("probed", fields, SECRET))

    admin.accepts_secret("probed", SECRET)

    claims = parse_claims(forms[-1]["client_assertion"])
    assert ("probed", "probed", f"{new_box.url}/token") == (claims["iss"], claims["sub"], claims["aud"])
    assert 60 == claims["exp"] - claims["iat"]
    assert int(clock.now().timestamp()) == claims["iat"]
    assert "client_secret" not in forms[-1]


def test_the_signature_is_that_of_the_worked_example_of_hs256() -> None:
    """Computed by `openssl dgst -sha256 -hmac`."""
    endpoints = Endpoints("https://iam.example.org/", "/token", "https://iam.example.org/token")
    token = SecretAssertion("a", Secret("k" * 32)).sign({"sub": "a"}, endpoints)

    assert token.startswith("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhIn0.")
    assert token.rpartition(".")[2] == "Ff6wVm7coD08z6IUJIvkdD3HdT9uEdd1q9RxE5BZGIs"
