from __future__ import annotations

import json

import pytest

from iac.core.errors import StateError
from iac.core.plan.output import output_digest
from iac.core.plan.plan import RenderedClient
from iac.core.state.document import TextOrigin, parse_state, render_state
from iac.core.state.model import (
    ClientGone,
    ClientKey,
    Tombstone,
    fold,
    key_in_use,
    key_set,
    kid_in_use,
    secrets_of,
    with_keys,
    without_old_tombstones,
)
from tests.core.build import NOW, applied, desired, output, sealed, state

BY_KEY = {"token_endpoint_auth_method": "private_key_jwt"}


def key(kid: str) -> ClientKey:
    return ClientKey(kid, json.dumps({"kty": "EC", "crv": "P-256", "kid": kid, "x": "eA", "y": "eQ"}), sealed())


ONE, TWO = key("one"), key("two")


def test_a_key_is_used_when_the_server_knows_it_and_the_newest_of_those() -> None:
    assert key_in_use([], {**BY_KEY, "jwk": key_set([ONE])}) is None
    assert ONE == key_in_use([ONE, TWO], {**BY_KEY, "jwk": key_set([ONE])})
    assert TWO == key_in_use([ONE, TWO], {**BY_KEY, "jwk": key_set([ONE, TWO])})
    assert TWO == key_in_use([ONE, TWO], {**BY_KEY, "jwks_uri": "https://app.example.org/jwks"})
    assert key_in_use([ONE], {**BY_KEY}) is None
    assert key_in_use([ONE], {"jwk": key_set([ONE])}) is None


def test_the_key_in_use_of_an_address_is_told_by_its_id() -> None:
    fields = {**BY_KEY, "jwk": key_set([ONE])}
    assert ("one", "") == (kid_in_use({"a": (ONE,)}, "a", fields), kid_in_use({}, "a", fields))


def test_another_key_is_another_output() -> None:
    digests = {
        output_digest(output(), "t", {"team/app": RenderedClient("app", {}, 0, kid)}) for kid in ("", "one", "two")
    }
    assert 3 == len(digests)


def test_keys_come_back_from_the_document_and_count_among_secrets() -> None:
    held = with_keys(state(), "team/app", (ONE, TWO))
    assert held == parse_state(render_state(held), TextOrigin("x"))
    assert [("team/app", ONE.private), ("team/app", TWO.private)] == secrets_of(held)
    assert state() == with_keys(held, "team/app", ())


@pytest.mark.parametrize("keys", [{"team/app": {}}, {"team/app": [{"kid": "one"}]}])
def test_what_is_no_list_of_keys_is_damage(keys: object) -> None:
    told = {**json.loads(render_state(state())), "keys": keys}
    with pytest.raises(StateError, match="damaged"):
        parse_state(json.dumps(told), TextOrigin("x"))


def test_keys_of_a_deleted_client_stay_as_long_as_its_tombstone_and_those_of_a_forgotten_one_go() -> None:
    held = with_keys(state({"team/app": applied(desired())}), "team/app", (ONE,))
    deleted = fold(held, ClientGone("team/app", Tombstone("team/app", applied(desired()), NOW)))
    assert {"team/app": (ONE,)} == without_old_tombstones(deleted, NOW).keys
    assert {} == without_old_tombstones(deleted, "2027-01-01T00:00:00Z").keys
    assert {} == fold(held, ClientGone("team/app", None)).keys
    beside = with_keys(deleted, "team/new", (TWO,))
    assert {"team/new": (TWO,)} == without_old_tombstones(beside, "2027-01-01T00:00:00Z").keys
