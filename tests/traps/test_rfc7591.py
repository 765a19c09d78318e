"""What is common to servers that are no IAM, in bodies and answers as RFC 7591 has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iac.core.model import Facts, NewClient, Registration
from iac.core.plan.change import SecretChange, SecretStep
from iac.core.plan.secret_step import decide_registered
from iac.core.secret import Secret
from iac.core.server import create_body, parse_answer, update_body
from iac.registry import capabilities
from tests.core.build import applied, desired
from tests.traps.bench import trap

if TYPE_CHECKING:
    from tests.traps.bench import Bench

OTHER = Facts(shows_secrets=False, has_up_scoping=False, api=capabilities("rfc7591"))
KEYS = {"keys": [{"crv": "P-256", "kty": "EC", "x": "x", "y": "y"}]}
CANONICAL = json.dumps(KEYS, sort_keys=True, separators=(",", ":"))


@trap("keys-are-jwks")
def test_keys_are_jwks(bench: Bench) -> None:
    """An object with another name, there and back; a key that goes takes the object along."""
    del bench
    assert KEYS == create_body(NewClient("", {"jwk": CANONICAL}, None), capabilities("rfc7591")).get("jwks")
    found = parse_answer({"client_id": "app", "jwks": KEYS}, capabilities("rfc7591"))
    assert CANONICAL == found.fields.get("jwk")
    assert KEYS == update_body(found, {"jwk": CANONICAL}, {"jwk"}, OTHER).get("jwks")
    assert {"jwk", "jwks"}.isdisjoint(update_body(found, {}, {"jwk"}, OTHER))
    assert KEYS == update_body(found, {}, (), OTHER).get("jwks")


@trap("other-metadata-is-kept")
def test_other_metadata_is_kept(bench: Bench) -> None:
    """Standard metadata that an IAM has not, and names of the server's own, there and back."""
    del bench
    fields = {"logo_uri": "https://app.example.org/logo.png", "extra.ui_theme": '{"a":1}'}
    sent = create_body(NewClient("", fields, None), capabilities("rfc7591"))
    assert {"logo_uri": fields["logo_uri"], "ui_theme": {"a": 1}} == {
        name: sent[name] for name in ("logo_uri", "ui_theme")
    }
    found = parse_answer({"client_id": "app", "client_id_issued_at": 1, **sent}, capabilities("rfc7591"))
    assert fields == {name: found.fields.get(name) for name in fields}
    body = update_body(found, {}, {"extra.ui_theme"}, OTHER)
    assert "ui_theme" not in body
    assert fields["logo_uri"] == body.get("logo_uri")


@trap("json-is-compared-as-value")
def test_json_is_compared_as_value(bench: Bench) -> None:
    """The order of levels counts, and 1.0 is 1."""
    del bench
    found = parse_answer({"client_id": "app", "default_acr_values": ["strong", "weak"], "a": 1.0}, OTHER.api)
    assert '["strong","weak"]' == found.fields.get("default_acr_values")
    assert "1" == found.fields.get("extra.a")


@trap("response-types-follow-grants")
def test_response_types_follow_grants(bench: Bench) -> None:
    """None where no grant has one, for the server's default suits others; else that default is not ours to send."""
    del bench
    for grant, expected in (("authorization_code", None), ("implicit", None), ("client_credentials", [])):
        client = NewClient("", {"grant_types": (grant,)}, None)
        assert expected == create_body(client, capabilities("rfc7591")).get("response_types")
    assert "response_types" not in create_body(NewClient("", {}, None), capabilities("rfc7591"))
    given = NewClient("", {"grant_types": ("implicit",), "response_types": ("token",)}, None)
    assert ["token"] == create_body(given, capabilities("rfc7591")).get("response_types")


@trap("response-types-of-other-grants")
def test_response_types_of_other_grants(bench: Bench) -> None:
    """A PUT with other grants sends back none of those of the old ones."""
    del bench
    fresh = Registration("app", {}, answer={"client_id": "app", "response_types": ["code"]})
    for grant, expected in (("authorization_code", None), ("client_credentials", [])):
        body = update_body(fresh, {"grant_types": (grant,)}, {"grant_types"}, OTHER)
        assert expected == body.get("response_types")
    assert ["code"] == update_body(fresh, {"client_name": "New"}, {"client_name"}, OTHER).get("response_types")


@trap("secret-may-be-left-out")
def test_secret_may_be_left_out(bench: Bench) -> None:
    """A read without the secret is no change of it; one with another secret is."""
    del bench
    client = desired(client_id="")
    known = decide_registered(client, Registration("app", client.fields), applied(client), OTHER, is_interrupted=False)
    assert SecretChange.KEPT is known.change
    other = Registration("app", client.fields, Secret("another"))
    changed = decide_registered(client, other, applied(client), OTHER, is_interrupted=False)
    assert (SecretChange.ROTATED, SecretStep.TAKE) == (changed.change, changed.step)


@trap("answer-brings-the-new-secret")
def test_answer_brings_the_new_secret(bench: Bench) -> None:
    """A client that gets a secret method gets its secret by the same answer."""
    del bench
    client, before = desired(client_id=""), desired(client_id="", token_endpoint_auth_method="none")
    known = decide_registered(client, Registration("app", before.fields), applied(before), OTHER, is_interrupted=False)
    assert (SecretChange.CREATED, SecretStep.TAKE) == (known.change, known.step)
