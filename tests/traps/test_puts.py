"""A PUT replaces everything: whatever it does not carry is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from iac.core.model import Facts
from iac.core.server import parse_answer, update_body
from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.flavour import Flavour
from tests.core.build import KEY, desired, ignoring
from tests.traps.bench import trap

if TYPE_CHECKING:
    from tests.traps.bench import Bench

NAME = "New name"
RENAMED = desired(client_name=NAME)
OLD = Facts(shows_secrets=True, has_up_scoping=False)


def body_of(answer: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """The PUT that follows an answer."""
    return update_body(parse_answer({"client_id": "app", **answer}), wanted, wanted.keys(), OLD)


@trap("put-is-a-full-replace")
def test_put_is_a_full_replace(bench: Bench) -> None:
    """What the definition does not name stays as somebody set it by hand."""
    for place in bench.places():
        place.apply(desired())
        place.edit(contacts=("theirs@example.org",), reuse_refresh_token=True, access_token_validity_seconds=77)
        assert place.apply(RENAMED).is_complete
        client = place.on_server()
        kept = (client.contacts, client.reuse_refresh_token, client.access_token_validity_seconds)
        assert (("theirs@example.org",), True, 77) == kept


@trap("nulls-are-not-sent-back")
def test_nulls_are_not_sent_back(bench: Bench) -> None:
    """An answer's scope null, sent back, is a crash of the server."""
    for place in bench.places():
        place.apply(desired())
        assert place.apply(desired(client_name=NAME, lifecycle=ignoring("scope"))).is_complete
        assert NAME == place.on_server().client_name


@trap("absent-refresh-lifetime-is-endless")
def test_absent_refresh_lifetime_is_endless(bench: Bench) -> None:
    """A refresh token that never ends does not begin to end with another name."""
    for place in bench.places():
        place.apply(desired())
        place.edit(refresh_token_validity_seconds=None)
        assert place.apply(RENAMED).is_complete
        assert not place.on_server().refresh_token_validity_seconds


@trap("absent-grants-stay-absent")
def test_absent_grants_stay_absent(bench: Bench) -> None:
    """A client without any grant does not get authorization_code with another name."""
    for place in bench.places():
        place.apply(desired())
        place.edit(grant_types=())
        assert place.apply(desired(client_name=NAME, lifecycle=ignoring("grant_types"))).is_complete
        assert () == place.on_server().grant_types


@trap("put-without-secret-erases-it")
def test_put_without_secret_erases_it(bench: Bench) -> None:
    """After another name the service still logs in."""
    for place in bench.places():
        place.apply(desired())
        assert place.apply(RENAMED).is_complete
        assert place.logs_in()


@trap("wanted-is-laid-over")
def test_wanted_is_laid_over(bench: Bench) -> None:
    """Fields are set and emptied as the definition says."""
    for place in bench.places():
        place.apply(
            desired(contacts=("ours@example.org",), reuse_refresh_token=True, policy_uri="https://x.example.org")
        )
        client = desired(client_name=NAME, contacts=None, reuse_refresh_token=None, policy_uri=None)
        assert place.apply(client).is_complete
        found = place.on_server()
        assert (NAME, (), False, None) == (
            found.client_name,
            found.contacts,
            found.reuse_refresh_token,
            found.policy_uri,
        )


@trap("empty-scope-is-left-out")
def test_empty_scope_is_left_out(bench: Bench) -> None:
    """The last scope can be taken away."""
    for place in bench.places():
        place.apply(desired(scope=("openid",)))
        assert place.apply(desired()).is_complete
        assert () == place.on_server().scope


@trap("jwks-uri-wins-over-jwk")
def test_jwks_uri_wins_over_jwk(bench: Bench) -> None:
    """A key by value is not sent beside a URI, which would win."""
    uri = "https://app.example.org/jwks"
    for place in bench.places():
        place.apply(desired(jwk=KEY))
        assert place.apply(desired(jwks_uri=uri)).is_complete
        assert (uri, None) == (place.on_server().jwks_uri, place.on_server().jwk)
    assert {"jwks_uri"} == body_of({"jwk": KEY}, jwks_uri=uri).keys() & {"jwk", "jwks_uri"}


@trap("status-is-answered-only")
def test_status_is_answered_only(bench: Bench) -> None:
    """A client that an administrator switched off stays so, and the mark of who did it is not sent back."""
    for place in bench.places():
        place.apply(desired())
        place.edit(active=False, status_changed_on=1795431635595, status_changed_by="somebody")
        assert place.apply(RENAMED).is_complete
        assert not place.on_server().active
    answer = {"active": False, "status_changed_on": 1795431635595, "status_changed_by": "somebody"}
    assert {} == {name: value for name, value in body_of(answer).items() if name in answer}


@trap("registration-is-answered-only")
def test_registration_is_answered_only(bench: Bench) -> None:
    """A client of self service stays one, and what the server made is not sent back."""
    for place in bench.places():
        place.apply(desired())
        place.edit(dynamically_registered=True)
        created = place.on_server().created_at
        assert place.apply(RENAMED).is_complete
        assert (True, created) == (place.on_server().dynamically_registered, place.on_server().created_at)
    answer = {"dynamically_registered": True, "created_at": 1, "registration_client_uri": "u", "last_used": "d"}
    assert {} == {name: value for name, value in body_of(answer).items() if name in answer}


@trap("entity-id-federates")
def test_entity_id_federates(bench: Bench) -> None:
    """Sent back, with the date that comes with it, it makes a federated client, which no PUT can change any more."""
    told = {"client_name": NAME, "entity_id": "https://rp.example.org", "redirect_uris": ["https://rp.example.org/cb"]}
    assert "entity_id" not in body_of(told)
    with bench.place(Flavour.V1_14) as place:
        place.apply(desired())
        fresh = place.provider.get("app")
        assert fresh is not None
        answer = {**fresh.answer, "entity_id": "https://rp.example.org", "expiration": "2027-01-01"}
        place.provider.update(replace(fresh, answer=answer), {}, ())
        assert place.on_server().entity_id is None


@trap("empty-405-is-a-fault")
def test_empty_405_is_a_fault(bench: Bench) -> None:
    """A crash may come after the effect: it is read back, and what was done is done."""
    for place in bench.places():
        place.apply(desired())
        place.sandbox.faults.add(Fault(kind=FaultKind.STATUS_AFTER, status=405, method="PUT", path="/iam/*"))
        assert place.apply(RENAMED).is_complete
        assert NAME == place.on_server().client_name
