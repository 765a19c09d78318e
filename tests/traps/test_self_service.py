"""What self service does by itself, to users and to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from iac.core.model import GRANT_TYPES, Facts, Registration
from iac.core.server import update_body
from iac.registry import capabilities
from iac.sandbox.flavour import Flavour
from tests.core.build import desired
from tests.fakes.world import OWNERS
from tests.traps.bench import OLD, trap

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient
    from tests.traps.bench import Bench, OwnPlace

USER = OWNERS[1]
EXCHANGE = GRANT_TYPES["token-exchange"]
SELF_SERVICE = Facts(shows_secrets=False, has_up_scoping=True, api=capabilities("iam-self-service"))


def wanted(**fields: Any) -> DesiredClient:
    """A definition whose client_id the server chooses."""
    return desired(client_id="", **{"scope": ("openid",), **fields})


def guards(place: OwnPlace, **fields: Any) -> list[str]:
    return [guard.id for guard in place.plan(wanted(**fields)).guards]


def findings(place: OwnPlace, **fields: Any) -> list[str]:
    return [finding.id for change in place.plan(wanted(**fields)).changes for finding in change.findings]


@trap("client-id-is-always-sent")
def test_client_id_is_always_sent(bench: Bench) -> None:
    """Whatever a server has answered, the body of a PUT names the client."""
    del bench
    for api in (capabilities("iam-self-service"), capabilities("rfc7591")):
        facts = Facts(shows_secrets=False, has_up_scoping=False, api=api)
        body = update_body(Registration("app", {}, answer={"client_name": "App"}), {}, (), facts)
        assert "app" == body.get("client_id")


@trap("no-scope-becomes-the-default")
def test_no_scope_becomes_the_default(bench: Bench) -> None:
    """A definition without scopes ends without scopes, in one apply."""
    for flavour in Flavour:
        with bench.self_service(flavour) as place:
            assert place.apply(wanted(scope=())).is_complete
            assert () == place.mine().scope


@trap("grants-refused-to-nobody")
def test_grants_refused_to_nobody(bench: Bench) -> None:
    """Said before anything is sent; a grant that the client has already is no matter."""
    with bench.self_service() as place:
        assert ["grants-refused-to-nobody"] == guards(place, grant_types=("client_credentials",))
        assert place.apply(wanted(grant_types=("refresh_token",))).is_complete
        place.edit(place.held().client_id, grant_types=("client_credentials", "refresh_token"))
        assert [] == guards(place, grant_types=("client_credentials",))


@trap("grants-refused-to-users")
def test_grants_refused_to_users(bench: Bench) -> None:
    """Whether the user is an administrator is not known: a warning, and the server's own answer."""
    with bench.self_service(user=USER) as place:
        assert ["grants-refused-to-users"] == findings(place, grant_types=(EXCHANGE,))
        assert not place.apply(wanted(grant_types=(EXCHANGE,))).is_complete
        assert {} == place.backend.load().intents
        assert [] == findings(place, grant_types=("client_credentials",))
    with bench.self_service(user=OWNERS[0]) as place:
        assert place.apply(wanted(grant_types=(EXCHANGE,))).is_complete


@trap("scopes-dropped-for-nobody")
def test_scopes_dropped_for_nobody(bench: Bench) -> None:
    """Said before anything is sent."""
    with bench.self_service() as place:
        assert ["scopes-dropped-for-nobody"] == guards(place, scope=("openid", "scim:read"))
        place.project["grantable"] = ("scim:*",)
        assert [] == guards(place, scope=("openid", "scim:read"))


@trap("scopes-dropped-for-users")
def test_scopes_dropped_for_users(bench: Bench) -> None:
    """A warning before, an error that names the field after, and the client is in state."""
    with bench.self_service(user=USER) as place:
        assert ["scopes-dropped-for-users"] == findings(place, scope=("openid", "scim:read"))
        report = place.apply(wanted(scope=("openid", "scim:read")))
        assert not report.is_complete
        assert ("openid",) == place.held().applied["scope"]


@trap("auth-time-is-dropped")
def test_auth_time_is_dropped(bench: Bench) -> None:
    """The answer has it not, and no PUT brings it."""
    with bench.self_service() as place:
        assert ["auth-time-is-dropped"] == guards(place, require_auth_time=True)
        assert [] == guards(place, require_auth_time=False)


@trap("owner-edit-strips-scopes")
def test_owner_edit_strips_scopes(bench: Bench) -> None:
    """What an administrator granted is not lost to an edit by the owner; what self service grants is no matter."""
    with bench.self_service(user=USER) as place:
        assert place.apply(wanted(scope=("made.up", "openid"))).is_complete
        both = ("made.up", "openid", "storage.read:/")
        place.edit(place.held().client_id, scope=both)
        changed = {"scope": both, "contacts": ("ops@example.org",)}
        assert ["scope-would-be-stripped"] == guards(place, **changed)
        place.project["grantable"] = ("storage.*",)
        assert [] == guards(place, **changed)
        assert [] == guards(place, scope=("made.up", "openid"), contacts=("ops@example.org",))


@trap("self-service-hides-the-new-secret")
def test_self_service_hides_the_new_secret(bench: Bench) -> None:
    """Back to a secret method: an owner rotates at once from 1.14, up to 1.13 the old secret is there."""
    robot: dict[str, Any] = {"grant_types": ("client_credentials",)}
    for flavour in Flavour:
        with bench.self_service(flavour, user=USER) as place:
            assert place.apply(wanted(**robot)).is_complete
            first = place.secret()
            assert place.apply(wanted(**robot, token_endpoint_auth_method="none")).is_complete
            assert place.held().secret is None
            assert place.apply(wanted(**robot)).is_complete
            assert place.logs_in()
            assert (first == place.secret()) == (flavour in OLD)
    with bench.self_service(user=USER) as place:
        assert place.apply(wanted(**robot, token_endpoint_auth_method="none")).is_complete
        client_id = place.held().client_id
        place.backend.save(replace(place.backend.load(), clients={}))
        assert place.apply(desired(client_id=client_id, adopt=True, scope=("openid",), **robot)).is_complete
        assert place.logs_in()


@trap("no-rotation")
def test_no_rotation(bench: Bench) -> None:
    """Where no call makes a new secret, that is said before anything is sent."""
    for flavour, user in ((Flavour.V1_13, USER), (Flavour.V1_14, "")):
        with bench.self_service(flavour, user=user) as place:
            assert place.apply(wanted()).is_complete
            assert ["no-rotation"] == guards(place, secret_serial=2)


@trap("answer-is-not-what-is-stored")
def test_answer_is_not_what_is_stored(bench: Bench) -> None:
    """The user's e-mail is in the answer's contacts and in no client: no mistake, and not sent back."""
    for flavour in Flavour:
        with bench.self_service(flavour, user=USER) as place:
            assert place.apply(wanted(contacts=("ops@example.org",))).is_complete
            assert ("ops@example.org",) == place.mine().contacts
            assert place.plan(wanted(contacts=("ops@example.org",))).is_empty
