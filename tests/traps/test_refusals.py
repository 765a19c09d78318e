"""What a server drops or refuses is said before anything is sent; what is not ours is not touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import UnsafePlan
from iac.core.registration import NewClient
from iac.core.secret import Secret
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
    """A warning in the plan comes before the server's 400, which is no surprise then."""
    client = desired(redirect_uris=("myapp:/callback",))
    for place in bench.places(*OLD):
        assert [[]] == [[finding.id for finding in change.findings] for change in place.plan(client).changes]
        assert place.apply(client).is_complete
    with bench.place(Flavour.V1_14) as place:
        assert [["redirect-uri-refused"]] == [
            [finding.id for finding in change.findings] for change in place.plan(client).changes
        ]
        assert not place.apply(client).is_complete


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
