"""Login by device code and refresh tokens, which no recording shows: as IAM's sources have them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from iac.sandbox.model import DEVICE_GRANT
from iac.sandbox.server import start_sandbox
from tests.providers.people import CLIENT_ID, SCOPES, Browser, add_client, decide, log_in
from tests.sandbox.talk import Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.sandbox.model import Account, DeviceCode
    from iac.sandbox.server import Sandbox

PROOF = {"client_id": CLIENT_ID, "client_secret": "people-secret"}


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    add_client(talk.iam)
    return talk


def begin(talk: Talk, **form: str) -> tuple[int, Any]:
    return talk.post_form("/devicecode", **{**PROOF, **form})


def poll(talk: Talk, code: str) -> tuple[int, Any]:
    return talk.login(**PROOF, grant_type=DEVICE_GRANT, device_code=code)


def approved(talk: Talk, username: str = "admin", **form: str) -> Any:
    code = begin(talk, **form)[1]["device_code"]
    store = talk.iam.world.store
    store.devices[code] = _by(store.devices[code], store.account_by_name(username))
    status, answer = poll(talk, code)
    assert status == 200
    return answer


def _by(code: DeviceCode, account: Account | None) -> DeviceCode:
    return replace(code, account=account)


def test_the_codes_say_where_to_go_and_no_interval(talk: Talk) -> None:
    status, answer = begin(talk, scope="openid")

    code = answer.pop("device_code")
    user_code = answer.pop("user_code")
    assert f"http://localhost:8080/device?user_code={user_code}" == answer.pop("verification_uri_complete")
    assert (200, 36, 6) == (status, len(code), len(user_code))
    assert answer == {
        "verification_uri": "http://localhost:8080/device",
        "expires_in": 600,
    }


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "grafana", "client_secret": "secret"}, 401, "invalid_client"),
        ({"scope": "made.up"}, 400, "invalid_scope"),
    ],
)
def test_codes_are_for_clients_that_may_have_them(talk: Talk, form: dict[str, str], status: int, error: str) -> None:
    said, answer = begin(talk, **form)

    assert (status, error) == (said, answer["error"])


def test_a_code_is_pending_then_good_for_once(talk: Talk) -> None:
    code = begin(talk)[1]["device_code"]
    assert (400, "authorization_pending") == _error(poll(talk, code))
    answer = approved(talk)

    assert set(answer["scope"].split()) == set(SCOPES)
    assert answer["refresh_token"]
    status, identity = talk.ask("GET", "/scim/Me", token=answer["access_token"])
    assert (200, "admin") == (status, identity["userName"])


def test_a_used_or_unknown_code_is_refused(talk: Talk) -> None:
    code = begin(talk)[1]["device_code"]
    store = talk.iam.world.store
    store.devices[code] = _by(store.devices[code], store.account_by_name("admin"))
    assert poll(talk, code)[0] == 200

    assert [(400, "invalid_grant")] * 2 == [_error(poll(talk, each)) for each in (code, "unknown")]


def test_a_code_expires(talk: Talk) -> None:
    code = begin(talk)[1]["device_code"]
    talk.chance.now += 601_000

    assert [(400, "expired_token"), (400, "invalid_grant")] == [_error(poll(talk, code)) for _ in range(2)]


def test_scopes_of_administrators_are_left_out_for_others_without_a_word(talk: Talk) -> None:
    answer = approved(talk, "test", scope="iam:admin.read openid")

    assert answer["scope"] == "openid"


def test_without_offline_access_there_is_no_refresh_token(talk: Talk) -> None:
    assert "refresh_token" not in approved(talk, scope="openid")


def refresh(talk: Talk, token: str, **form: str) -> tuple[int, Any]:
    return talk.login(**PROOF, grant_type="refresh_token", refresh_token=token, **form)


def test_a_refresh_token_is_good_for_once(talk: Talk) -> None:
    old = approved(talk)["refresh_token"]
    status, answer = refresh(talk, old)

    assert (200, set(SCOPES)) == (status, set(answer["scope"].split()))
    assert (401, "invalid_token") == _error(refresh(talk, old))
    assert refresh(talk, answer["refresh_token"], scope="openid")[1]["scope"] == "openid"


def test_a_client_may_reuse_its_refresh_token() -> None:
    talk = Talk()
    add_client(talk.iam, reuse_refresh_token=True)
    old = approved(talk)["refresh_token"]

    assert [old, old] == [refresh(talk, old)[1]["refresh_token"] for _ in range(2)]


def test_a_refresh_token_cannot_grow_and_ends(talk: Talk) -> None:
    token = approved(talk, scope="openid offline_access")["refresh_token"]
    assert (400, "invalid_scope") == _error(refresh(talk, token, scope="iam:admin.read"))
    talk.chance.now += 2_592_000_000

    assert (401, "invalid_token") == _error(refresh(talk, token))


def test_revoking_refresh_tokens_ends_them(talk: Talk) -> None:
    token = approved(talk)["refresh_token"]
    admin = talk.login(client_id="admin-client-rw", client_secret="secret", grant_type="client_credentials")[1]
    path = f"/iam/api/clients/{CLIENT_ID}/revoke-refresh-tokens"
    assert talk.ask("PATCH", path, token=admin["access_token"])[0] == 200

    assert (401, "invalid_token") == _error(refresh(talk, token))


def _error(said: tuple[int, Any]) -> tuple[int, str]:
    return said[0], said[1]["error"]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with start_sandbox("1.14") as box:
        add_client(box.iam)
        yield box


def pending(box: Sandbox) -> tuple[str, str]:
    """A login that waits: its user code, and its device code."""
    with urlopen(f"{box.url}/devicecode", data=urlencode(PROOF).encode(), timeout=5):
        code = next(reversed(box.iam.world.store.devices.values()))
    return code.user_code, code.device_code


def test_a_user_approves_on_the_pages(box: Sandbox) -> None:
    user_code, device_code = pending(box)

    assert decide(box.url, user_code) == "The device was approved"
    account = box.iam.world.store.devices[device_code].account
    assert account is not None
    assert account.username == "admin"


def test_a_user_who_says_no_leaves_the_code_pending(box: Sandbox) -> None:
    user_code, device_code = pending(box)

    assert decide(box.url, user_code, is_yes=False) == "The device was not approved"
    assert box.iam.world.store.devices[device_code].account is None


def test_the_page_says_what_is_asked_for_and_takes_the_code_from_its_address(box: Sandbox) -> None:
    user_code, _ = pending(box)
    browser = log_in(box.url)

    assert "Enter the code" in browser.get("device")[1]
    assert f"People &amp; co ({CLIENT_ID}) wants: iam:admin.read" in browser.get(f"device?user_code={user_code}")[1]
    assert "Unknown or expired code" in browser.post("device/verify", user_code="NOSUCH")[1]
    assert "Unknown or expired code" in browser.post("device/approve", user_code="NOSUCH")[1]


def test_the_pages_are_for_users_who_logged_in(box: Sandbox) -> None:
    browser = Browser(box.url)
    assert "password" in browser.get("login")[1]
    assert browser.post("login", username="admin", password="wrong") == (302, f"{box.url}/login?error=failure")
    for path in ("device/verify", "device/approve"):
        assert browser.post(path, user_code="x") == (302, f"{box.url}/login")
