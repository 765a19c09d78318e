"""Tokens of a client are revoked where the server can (rec: admin-revoke-and-reset)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from iac.core.errors import CredentialsError, ServerError, UnknownOutcome
from iac.core.secret import Secret
from iac.providers.logins import READ_SCOPES
from iac.providers.logins.client_credentials import ClientCredentials
from iac.providers.logins.endpoint import SharedSecret
from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.message import Request

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox
    from tests.providers.conftest import OpenAdmin

LOGIN = {"client_id": "admin-client-ro", "client_secret": "secret"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def token(box: Sandbox) -> str:
    form = urlencode({**LOGIN, "grant_type": "client_credentials", "scope": "iam:admin.read"}).encode()
    return str(json.loads(box.iam.handle(Request("POST", "/token", {}, FORM, form)).body)["access_token"])


def is_good(box: Sandbox, access_token: str) -> bool:
    headers = {"authorization": f"Bearer {access_token}"}
    return box.iam.handle(Request("GET", "/iam/api/clients", {"count": "1"}, headers, b"")).status == 200


def test_tokens_end_where_the_server_can_and_1_12_says_that_it_cannot(open_admin: OpenAdmin, box: Sandbox) -> None:
    given = token(box)
    admin = open_admin(box.issuer)
    assert is_good(box, given)
    if box.iam.flavour == "1.12":
        with pytest.raises(ServerError, match="cannot revoke") as caught:
            admin.revoke_tokens("admin-client-ro")
        assert 405 == caught.value.status
        assert not isinstance(caught.value, UnknownOutcome)
    else:
        admin.revoke_tokens("admin-client-ro")
    assert is_good(box, given) == (box.iam.flavour == "1.12")


def test_a_client_that_is_gone_has_none_to_revoke(open_admin: OpenAdmin, new_box: Sandbox) -> None:
    with pytest.raises(ServerError) as caught:
        open_admin(new_box.issuer).revoke_tokens("nobody")
    assert 404 == caught.value.status


def test_it_needs_the_scope_of_writing(open_admin: OpenAdmin, new_box: Sandbox) -> None:
    reader = open_admin(
        new_box.issuer, ClientCredentials(SharedSecret("admin-client-ro", Secret("secret")), READ_SCOPES)
    )
    with pytest.raises(CredentialsError):
        reader.revoke_tokens("grafana")


def test_a_cut_connection_is_an_unknown_outcome(open_admin: OpenAdmin, new_box: Sandbox) -> None:
    admin = open_admin(new_box.issuer)
    admin.read([])
    new_box.faults.add(Fault(kind=FaultKind.CUT_AFTER, method="PATCH"))
    with pytest.raises(UnknownOutcome):
        admin.revoke_tokens("grafana")
