"""Self service beyond the recordings: the server's settings, and what owners and admins may do."""

from typing import Any

import pytest

from iac.sandbox.flavour import Flavour
from iac.sandbox.world import Registrants
from tests.sandbox.talk import Talk

REGISTRATION = "/iam/api/client-registration"


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.mark.parametrize(
    ("policy", "anybody", "user", "admin"),
    [
        (Registrants.ANYONE, 201, 201, 201),
        (Registrants.REGISTERED_USERS, 403, 201, 201),
        (Registrants.ADMINISTRATORS, 403, 403, 201),
    ],
)
def test_the_setting_says_who_may_register(policy: Registrants, anybody: int, user: int, admin: int) -> None:
    talk = Talk(registration=policy)
    tokens = (None, talk.user(), talk.user("admin"))
    body = {"client_name": "A client"}
    statuses = [talk.send("POST", REGISTRATION, token=token, body=body).status for token in tokens]
    assert statuses == [anybody, user, admin]


def register(talk: Talk, token: str | None = None, **fields: Any) -> dict[str, Any]:
    status, body = talk.ask("POST", REGISTRATION, token=token, body={"client_name": "A client"} | fields)
    assert status == 201
    return dict(body)


def test_an_expired_rat_is_replaced_by_a_put() -> None:
    talk = Talk(rat_validity_seconds=60)
    made = register(talk)
    path, rat = f"{REGISTRATION}/{made['client_id']}", made["registration_access_token"]
    document = {"client_id": made["client_id"], "client_name": "Renamed"}
    assert "registration_access_token" not in talk.ask("PUT", path, token=rat, body=document)[1]
    talk.chance.now += 61_000
    _, body = talk.ask("PUT", path, token=rat, body=document)
    assert body["registration_access_token"] != rat
    assert talk.send("GET", path, token=rat).status == 401
    assert talk.send("GET", path, token=body["registration_access_token"]).status == 200


def test_a_rat_opens_its_own_client_only(talk: Talk) -> None:
    rat, other = register(talk)["registration_access_token"], register(talk)["client_id"]
    assert talk.send("GET", f"{REGISTRATION}/{other}", token=rat).status == 400
    assert talk.send("GET", f"/iam/api/clients/{other}", token=rat).status == 403


@pytest.mark.parametrize(("flavour", "owner"), [(Flavour.V1_12, 403), (Flavour.V1_13, 403), (Flavour.V1_14, 201)])
def test_an_owner_may_ask_for_a_new_secret_from_1_14_on(flavour: Flavour, owner: int) -> None:
    talk = Talk(flavour)
    mine, other = register(talk, talk.user()), register(talk, talk.user("admin"))
    status, body = talk.ask("POST", f"/iam/api/clients/{mine['client_id']}/secret", token=talk.user())
    assert owner == status
    assert (status == 201) is (
        isinstance(body, dict) and body.get("client_secret") not in {None, mine["client_secret"]}
    )
    assert talk.send("POST", f"/iam/api/clients/{other['client_id']}/secret", token=talk.user()).status == 403


def test_an_owner_cannot_change_a_suspended_client_but_an_admin_can(talk: Talk) -> None:
    admin = talk.user("admin", scope="openid iam:admin.write")
    for token, status in ((talk.user(), 403), (admin, 200)):
        made = register(talk, token)
        path = f"/iam/api/clients/{made['client_id']}/disable"
        assert talk.send("PATCH", path, token=admin).status == 200
        document = {"client_id": made["client_id"], "client_name": "Renamed"}
        assert talk.send("PUT", f"{REGISTRATION}/{made['client_id']}", token=token, body=document).status == status


def test_an_owners_put_strips_a_scope_that_an_admin_had_granted(talk: Talk) -> None:
    made = register(talk, talk.user(), scope="openid")
    path = made["client_id"]
    document = {"client_name": "A client", "scope": "openid scim:read"}
    talk.ask("PUT", f"/iam/api/clients/{path}", token=talk.admin, body=document)
    sent = document | {"client_id": path}
    _, body = talk.ask("PUT", f"{REGISTRATION}/{path}", token=talk.user(), body=sent)
    assert body["scope"] == "openid"


def test_an_owner_keeps_a_grant_that_an_admin_had_given_and_gets_no_other(talk: Talk) -> None:
    made = register(talk, talk.user())
    document = {"client_name": "A client", "grant_types": ["password"]}
    talk.ask("PUT", f"/iam/api/clients/{made['client_id']}", token=talk.admin, body=document)
    path, sent = f"{REGISTRATION}/{made['client_id']}", document | {"client_id": made["client_id"]}
    assert talk.send("PUT", path, token=talk.user(), body=sent).status == 200
    sent["grant_types"] = ["password", "urn:ietf:params:oauth:grant-type:token-exchange"]
    assert talk.send("PUT", path, token=talk.user(), body=sent).status == 400


def test_a_put_that_takes_anothers_id_crashes_the_server(talk: Talk) -> None:
    made = register(talk)
    document = {"client_id": "grafana", "client_name": "A client"}
    path = f"{REGISTRATION}/{made['client_id']}"
    response = talk.send("PUT", path, token=made["registration_access_token"], body=document)
    assert (response.status, response.body) == (405, b"")


def test_a_put_may_give_a_client_another_id(talk: Talk) -> None:
    made = register(talk)
    path, document = f"{REGISTRATION}/{made['client_id']}", {"client_id": "new-id", "client_name": "A client"}
    assert talk.send("PUT", path, token=made["registration_access_token"], body=document).status == 200
    assert talk.get("new-id")["client_name"] == "A client"


def test_only_a_user_redeems(talk: Talk) -> None:
    made = register(talk)
    path, rat = f"{REGISTRATION}/{made['client_id']}/redeem", made["registration_access_token"].encode()
    assert talk.send("POST", path, body=rat).status == 400
    assert talk.send("POST", path, token=talk.user(), body=rat).status == 200
    assert talk.send("POST", f"{REGISTRATION}/nope/redeem", token=talk.user(), body=rat).status == 400
