"""Read, send back: what the sandbox shows of a client is enough to keep it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iac.sandbox.flavour import Flavour
from iac.sandbox.model import AUTH_METHODS
from tests.sandbox.talk import Talk

CLIENT_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "client_name": st.text(min_size=4, max_size=40).filter(lambda name: name.strip()),
    "client_description": st.text(max_size=40),
    "contacts": st.lists(st.sampled_from(["a@example.org", "b@example.org"])),
    "redirect_uris": st.lists(st.sampled_from(["https://a.example.org/", "http://localhost:1/x"]), min_size=1),
    "scope": st.lists(st.sampled_from(["openid", "offline_access", "made.up"]), min_size=1).map(" ".join),
    "grant_types": st.lists(st.sampled_from(["authorization_code", "refresh_token", "client_credentials"])),
    "token_endpoint_auth_method": st.sampled_from(sorted(AUTH_METHODS - {"private_key_jwt"})),
    "refresh_token_validity_seconds": st.integers(0, 10**6),
    "reuse_refresh_token": st.booleans(),
    "require_auth_time": st.booleans(),
}


@pytest.mark.slow
@pytest.mark.parametrize("flavour", list(Flavour))
@given(document=st.fixed_dictionaries({}, optional=CLIENT_FIELDS))
@settings(max_examples=60, deadline=None)
def test_sending_back_what_was_read_changes_nothing(flavour: Flavour, document: dict[str, Any]) -> None:
    """Nulls dropped, and [] where no grant types were shown: else authorization_code appears."""
    talk = Talk(flavour)
    talk.make(**({"redirect_uris": ["https://a.example.org/"]} | document))
    before = talk.get()
    sent = {"grant_types": []} | {name: value for name, value in before.items() if value is not None}
    status, _ = talk.ask("PUT", "/iam/api/clients/a-client", token=talk.admin, body=sent)
    assert (status, talk.get()) == (200, before)
