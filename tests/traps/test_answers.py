"""What a server makes of what it is sent must not look like a difference: apply, plan again, nothing."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from iac.core import server
from iac.core.model import NewClient
from iac.core.secret import Secret
from iac.sandbox.flavour import Flavour
from tests.core.build import KEY, desired
from tests.traps.bench import trap

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient
    from iac.core.model import Fields
    from tests.traps.bench import Bench, Place


def settles(place: Place, client: DesiredClient) -> bool:
    """Whether a client can be applied, and a plan after it is empty."""
    return place.apply(client).is_complete and place.plan(client).is_empty


@trap("scope-null-is-no-scope")
def test_scope_null_is_no_scope(bench: Bench) -> None:
    """A client without scopes is answered with null, one with scopes with one string."""
    for place in bench.places():
        assert settles(place, desired())
        assert settles(place, desired(scope=("openid", "profile")))


@trap("lists-are-sets")
def test_lists_are_sets(bench: Bench) -> None:
    """Lists come back in an order of the server's own."""
    client = desired(
        redirect_uris=tuple(f"https://app.example.org/{n}" for n in range(9)),
        contacts=("a@example.org", "b@example.org"),
        scope=("email", "openid", "profile"),
        grant_types=("authorization_code", "password", "refresh_token"),
    )
    for place in bench.places():
        for seed in range(3):
            place.iam.world.shuffler = Random(seed)
            assert settles(place, client)
        place.iam.world.shuffler = None


@trap("empty-is-absent")
def test_empty_is_absent(bench: Bench) -> None:
    """No scopes and no PKCE are nothing, however the server says it."""
    for place in bench.places():
        assert settles(place, desired())
    answer = {"client_id": "app", "code_challenge_method": "", "contacts": [], "scope": ""}
    assert {} == server.parse_answer(answer).fields


@trap("jwk-is-reserialised")
def test_jwk_is_reserialised(bench: Bench) -> None:
    """The server's text of a key set is not the one that it was sent."""
    for place in bench.places():
        assert settles(place, desired(jwk=KEY))
        stored = place.on_server().jwk or ""
        assert stored != KEY
        assert json.loads(KEY) == json.loads(stored)


@trap("offline-access-adds-refresh-token")
def test_offline_access_adds_refresh_token(bench: Bench) -> None:
    """A grant that nobody declared is there, and no diff."""
    client = desired(scope=("offline_access", "openid"))
    for place in bench.places():
        assert settles(place, client)
        assert "refresh_token" in place.on_server().grant_types


@trap("create-allows-introspection")
def test_create_allows_introspection(bench: Bench) -> None:
    """What a create forces is set as wanted before the same apply ends."""
    for place in bench.places():
        assert settles(place, desired(allow_introspection=False))
        assert not place.on_server().allow_introspection


@trap("create-keeps-tokens-on-refresh")
def test_create_keeps_tokens_on_refresh(bench: Bench) -> None:
    """From 1.13 a create makes it false."""
    for place in bench.places():
        assert settles(place, desired(clear_access_tokens_on_refresh=True))
        assert place.on_server().clear_access_tokens_on_refresh


@trap("page-size")
def test_page_size(bench: Bench) -> None:
    """250 clients are read in three pages, behind the one entry that tells how many there are."""
    for place in bench.places():
        names = [f"c-{number:03d}" for number in range(250)]
        for name in names:
            place.register(name)
        assert set(names) == place.provider.read(names).registrations.keys()
        assert 4 == len(place.reads())
        assert not [path for path in place.reads() if int(path.partition("count=")[2].partition("&")[0]) > 100]


@trap("first-index")
def test_first_index(bench: Bench) -> None:
    """The first entry has number 1; asking for number 0 is an error page."""
    for place in bench.places():
        assert place.iam.world.store.count() == place.provider.read(["grafana"]).total


@trap("entries-without-id")
def test_entries_without_id(bench: Bench) -> None:
    """A client that lost its id still stands in the list, and nobody stumbles over it."""
    for place in bench.places():
        place.register(None)
        names = [f"c-{number:03d}" for number in range(20)]
        for name in names:
            place.register(name)
        assert set(names) == place.provider.read(names).registrations.keys()


def test_the_flavour_is_told_by_what_the_server_answers(bench: Bench) -> None:
    found = {place.iam.flavour: place.provider.read([]).facts.flavour for place in bench.places()}
    assert {Flavour.V1_12: "1.12", Flavour.V1_13: "1.12", Flavour.V1_14: "1.14"} == found


@trap("create-fills-in-defaults")
def test_create_fills_in_defaults(bench: Bench) -> None:
    """What a create fills in is known as that, flags that are false aside."""
    sent: Fields = {"client_name": "minimal", "grant_types": ("client_credentials",)}
    for place in bench.places():
        held = place.provider.create(NewClient("minimal", sent, Secret("some-secret"))).fields
        filled = {name: value for name, value in held.items() if value and name not in sent}
        del filled["token_endpoint_auth_method"]
        assert server.defaults() == {"up_scoping_enabled": True, **filled}
