"""What a server drops or refuses is said before anything is sent; what is not ours is not touched."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import UnsafePlan
from iac.core.model import NewClient
from iac.core.secret import Secret
from iac.core.server import canonical_jwks
from iac.sandbox.flavour import Flavour
from iac.transport.message import Call
from tests.core.build import desired
from tests.core.test_refusal import PRIVATE
from tests.traps.bench import OLD, summary_of, token_of, trap

if TYPE_CHECKING:
    from tests.traps.bench import Bench, Place


def refused(place: Place, **fields: Any) -> list[str]:
    """Guards that refuse a definition; nothing may have been written when there are some."""
    client = desired(**fields)
    guards = [guard.id for guard in place.plan(client).guards]
    if guards:
        with pytest.raises(UnsafePlan):
            place.apply(client)
    writes = [method for method, path, _ in place.sandbox.log if method != "GET" and path.startswith("/iam/")]
    assert [] == writes
    return guards


@trap("tos-uri-is-dropped")
def test_tos_uri_is_dropped(bench: Bench) -> None:
    """The server answers 201 and has not got it."""
    for place in bench.places():
        assert ["tos-uri-is-dropped"] == refused(place, tos_uri="https://app.example.org/tos")


@trap("metadata-is-dropped")
def test_metadata_is_dropped(bench: Bench) -> None:
    """What IAM has no field for, and any name of another server's; a flag that is false is nothing to drop."""
    for place in bench.places():
        assert ["metadata-is-dropped"] == refused(place, logo_uri="https://app.example.org/logo.png")
        assert ["metadata-is-dropped"] == refused(place, **{"extra.ui_theme": '"dark"'})
        assert [] == [guard.id for guard in place.plan(desired(dpop_bound_access_tokens=False)).guards]


@trap("value-is-unknown")
def test_value_is_unknown(bench: Bench) -> None:
    """Values of fields that IAM has, and that only other servers take."""
    for place in bench.places():
        for values in (
            {"response_types": ("code id_token",)},
            {"grant_types": ("authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer")},
            {"token_endpoint_auth_method": "self_signed_tls_client_auth"},
        ):
            assert ["value-is-unknown"] == refused(place, **values)


@trap("client-name-too-short")
def test_client_name_too_short(bench: Bench) -> None:
    """The server answers 400."""
    for place in bench.places():
        assert ["client-name-too-short"] == refused(place, client_name="abc")


@trap("default-max-age-is-dropped")
def test_default_max_age_is_dropped(bench: Bench) -> None:
    """The server answers 201 and has not got it."""
    for place in bench.places():
        assert ["default-max-age-is-dropped"] == refused(place, default_max_age=60)


@trap("zero-lifetime-is-the-default")
def test_zero_lifetime_is_the_default(bench: Bench) -> None:
    """0 means never-ending for refresh tokens and nothing for the others."""
    for place in bench.places():
        assert ["zero-lifetime-is-the-default"] == refused(place, access_token_validity_seconds=0)
        client = desired(refresh_token_validity_seconds=0)
        assert place.apply(client).is_complete
        assert 0 == place.on_server().refresh_token_validity_seconds


@trap("private-key-members-are-dropped")
def test_private_key_members_are_dropped(bench: Bench) -> None:
    """A private key in a definition is refused rather than sent and dropped."""
    for place in bench.places():
        assert ["private-key-members-are-dropped"] == refused(place, jwk=PRIVATE)


@trap("up-scoping-needs-1.14")
def test_up_scoping_needs_1_14(bench: Bench) -> None:
    """Up to 1.13 it is ignored without a word."""
    for place in bench.places(*OLD):
        assert ["up-scoping-needs-1.14"] == refused(place, up_scoping_enabled=False)
    with bench.place(Flavour.V1_14) as place:
        assert place.apply(desired(up_scoping_enabled=False)).is_complete
        assert not place.on_server().up_scoping_enabled


@trap("redirect-uri-refused")
def test_redirect_uri_refused(bench: Bench) -> None:
    """What 1.12 takes is refused by the plan where the server is 1.14; what 1.14 has from before is left alone."""
    for place in bench.places(*OLD):
        client = desired(redirect_uris=("http://localhost:*/cb", "myapp:/callback"))
        assert place.apply(client).is_complete
        assert place.plan(client).is_empty
    with bench.place(Flavour.V1_14) as place:
        assert ["redirect-uri-refused"] == refused(place, redirect_uris=("http://localhost:*/cb",))
        place.register(grant_types=("authorization_code",), redirect_uris=("myapp:/callback",), scope=())
        old = desired(redirect_uris=("myapp:/callback",), adopt=True, client_name="Theirs")
        assert place.apply(old).is_complete
        assert place.plan(old).is_empty
        assert ["redirect-uri-refused"] == [
            guard.id for guard in place.plan(desired(redirect_uris=("myapp:/callback",))).guards
        ]


@trap("bad-redirect-uri")
def test_bad_redirect_uri(bench: Bench) -> None:
    """Every version answers 400."""
    for place in bench.places():
        for uri in ("https://a.example.org/{tenant}", "https://a.example.org/#x", "//a.example.org/cb"):
            assert ["bad-redirect-uri"] == refused(place, redirect_uris=(uri,))


@trap("no-redirect-uris")
def test_no_redirect_uris(bench: Bench) -> None:
    """Such a client can be there, and no PUT can change it until it has an address."""
    for place in bench.places():
        place.register(grant_types=("authorization_code",), redirect_uris=(), scope=())
        same = desired(adopt=True, grant_types=("authorization_code",), redirect_uris=(), client_name="Theirs")
        assert place.plan(same).guards == ()
        fields = {"grant_types": ("authorization_code",), "redirect_uris": ()}
        assert ["no-redirect-uris"] == refused(place, adopt=True, client_name="Another", **fields)


@trap("no-key")
def test_no_key(bench: Bench) -> None:
    """A client with a secret cannot become one with a key that nobody knows."""
    for place in bench.places():
        place.register()
        assert ["no-key"] == refused(place, adopt=True, token_endpoint_auth_method="private_key_jwt")


@trap("jwk-too-long")
def test_jwk_too_long(bench: Bench) -> None:
    """1.12 takes 2,048 characters, 1.14 more."""
    three = [{"kty": "RSA", "e": "AQAB", "n": letter * 683} for letter in "abc"]
    keys = desired(jwk=canonical_jwks(json.dumps({"keys": three})))
    for place in bench.places(*OLD):
        assert ["jwk-too-long"] == [guard.id for guard in place.plan(keys).guards]
    with bench.place(Flavour.V1_14) as place:
        assert place.apply(keys).is_complete


@trap("jwk-perhaps-too-long")
def test_jwk_perhaps_too_long(bench: Bench) -> None:
    """What 1.14 refuses is not recorded: it is a warning, and what the server says counts."""
    keys = desired(jwk=canonical_jwks(json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "n": "n" * 66_000}]})))
    with bench.place(Flavour.V1_14) as place:
        plan = place.plan(keys)
        assert ((), ["jwk-perhaps-too-long"]) == (plan.guards, [one.id for one in plan.changes[0].findings])


@trap("client-id-unreachable")
def test_client_id_unreachable(bench: Bench) -> None:
    """IAM registers it, and then nobody reads, changes or deletes it."""
    for place in bench.places():
        for client_id in ("rec%odd", "rec/odd", "rec;odd", ".."):
            plan = partial(place.plan, desired(client_id=client_id))
            assert "this client_id cannot be a part of an address" == summary_of(plan)
        assert [] == [path for path in place.reads() if "odd" in path]


@trap("client-id-too-long")
def test_client_id_too_long(bench: Bench) -> None:
    """IAM answers an empty 405."""
    for place in bench.places():
        assert ["client-id-too-long"] == refused(place, client_id="x" * 257)
        assert place.apply(desired(client_id="x" * 256)).is_complete


@trap("client-id-with-outer-blank")
def test_client_id_with_outer_blank(bench: Bench) -> None:
    """IAM registers it, and refuses its logins; one that is there can be managed."""
    for place in bench.places():
        assert ["client-id-with-outer-blank"] == refused(place, client_id="rec-odd ")
        place.register("rec-odd ")
        assert ["client-id-taken"] == [guard.id for guard in place.plan(desired(client_id="rec-odd ")).guards]
        assert place.plan(desired(client_id="rec-odd ", adopt=True)).guards == ()


def guards(place: Place, client_id: str) -> list[str]:
    """What a plan to take a client over says."""
    return [guard.id for guard in place.plan(desired(client_id=client_id, adopt=True)).guards]


@trap("dashboard-is-built-in")
def test_dashboard_is_built_in(bench: Bench) -> None:
    """IAM restores its own client at boot."""
    for place in bench.places():
        place.register("dashboard")
        assert ["protected-client"] == guards(place, "dashboard")


@trap("federated-is-foreign")
def test_federated_is_foreign(bench: Bench) -> None:
    """A PUT to a federated client is a 400."""
    with bench.place(Flavour.V1_14) as place:
        place.register(entity_id="https://rp.example.org", expiration="2027-01-01")
        assert ["protected-client"] == guards(place, "app")


@trap("oidc-agent-is-personal")
def test_oidc_agent_is_personal(bench: Bench) -> None:
    """What people's oidc-agent registered is theirs."""
    for place in bench.places():
        place.register(client_name="oidc-agent:laptop")
        assert ["protected-client"] == guards(place, "app")


def create(place: Place, secret: str) -> str:
    """The summary of the error of a create with this secret."""
    client = NewClient("app", desired().fields, Secret(secret))
    return summary_of(lambda: place.provider.create(client))


@trap("empty-secret-logs-in")
def test_empty_secret_logs_in(bench: Bench) -> None:
    """A server takes an empty secret, and then everybody logs in."""
    for place in bench.places():
        assert "a client must not be created with an empty secret" == create(place, "")
        assert place.iam.world.store.find("app") is None


@trap("secrets-are-url-safe")
def test_secrets_are_url_safe(bench: Bench) -> None:
    """A plus, as it is, breaks Basic authentication on some servers."""
    for place in bench.places():
        assert "a chosen secret must be URL-safe" == create(place, "one+two")
        assert place.iam.world.store.find("app") is None


@trap("no-cookies")
def test_no_cookies(bench: Bench) -> None:
    """A session that a 401 opened must not serve a later request as somebody who called between."""
    path = "/iam/api/clients/grafana"
    for place in bench.places():
        bearer = f"Bearer {token_of(place)}"
        calls = [Call.read(path), Call.read(path).with_authorization(bearer), Call.read(path)]
        assert [401, 200, 401] == [place.send(call).status for call in calls]
