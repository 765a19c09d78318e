"""`iac keygen`: a client logs in with the key of its rendered file."""

from __future__ import annotations

import json
import sys
import time
import uuid
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey, import_key

from tests.e2e.test_canary import Cage

if TYPE_CHECKING:
    from tests.e2e.project import Project, Said

ADDRESS, CLIENT_ID, FILE = "team/robot", "team-robot", "clients.d/team/robot.yaml"
ONLY_NEWEST = pytest.mark.parametrize("flavour", ["1.14"])
DEFINITION = f"""\
# the robot
client_id: {CLIENT_ID}
client_name: A robot   # kept
grant_types: [client_credentials]
scope: [openid]
outputs:
  - {{template: key.json.j2, path: out/key.json}}
  - {{template: key.pem.j2, path: out/key.pem}}
"""


@pytest.fixture
def robot(project: Project) -> Project:
    """A robot that is not applied yet, and templates that read its key."""
    project.write(FILE, DEFINITION)
    project.write("templates/key.json.j2", "{{ client.private_key.jwk | verbatim }}\n")
    project.write("templates/key.pem.j2", "{{ client.private_key.pem }}")
    return project


def keygen(project: Project, *arguments: str) -> Said:
    said = project.iac("keygen", ADDRESS, *arguments)
    assert said.code == 0, said.err
    return said


def rendered(project: Project) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(project.read("out/key.json"))
    return told


def token_status(project: Project, key: dict[str, Any], client_id: str = CLIENT_ID) -> int:
    """What the token endpoint answers to an assertion that is signed with this JWK (RFC 7523 section 2.2)."""
    issuer = project.sandbox.issuer
    now = int(time.time())
    claims = {
        "iss": client_id, "sub": client_id, "aud": f"{issuer.rstrip('/')}/token",
        "jti": str(uuid.uuid4()), "iat": now, "exp": now + 60,
    }  # fmt: skip
    assertion = jwt.encode({"alg": key["alg"], "kid": key["kid"]}, claims, import_key(key), algorithms=[key["alg"]])
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    connection = HTTPConnection(urlsplit(issuer).netloc, timeout=10)
    try:
        connection.request("POST", "/token", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        return connection.getresponse().status
    finally:
        connection.close()


def verified(project: Project) -> dict[str, str]:
    """The gravest verdict of each check of `iac verify`."""
    (client,) = project.iac("verify", ADDRESS, "--format", "json").json()["clients"]
    order = {"ok": 0, "not_proven": 1, "unanswered": 2, "failed": 3}
    checks = sorted(client["checks"], key=lambda check: order[check["verdict"]])
    return {check["name"]: check["verdict"] for check in checks}


@pytest.mark.parametrize("kind", ["ES256", "RS256"])
def test_a_token_is_got_with_the_key_of_the_rendered_file(robot: Project, kind: str) -> None:
    keygen(robot, "--type", kind, "--bits", "2048")
    definition = robot.read(FILE)
    assert "# the robot\n" in definition
    assert "A robot   # kept" in definition
    assert "token_endpoint_auth_method: private_key_jwt" in definition
    assert '"d"' not in definition
    said = robot.apply()
    assert said.code == 0, said.out + said.err
    assert token_status(robot, rendered(robot)) == HTTPStatus.OK
    pem = robot.read("out/key.pem")
    read: ECKey | RSAKey = (ECKey if kind == "ES256" else RSAKey).import_key(pem)
    assert read.as_dict(private=False)["kty"] == rendered(robot)["kty"]
    assert robot.iac("plan", "--detailed-exitcode").code == 0
    assert robot.iac("render", "--check").code == 0


def test_a_second_key_overlaps_with_the_first_until_that_is_dropped(robot: Project) -> None:
    keygen(robot)
    assert robot.apply().code == 0
    old = rendered(robot)
    two = keygen(robot, "--format", "json")
    assert len(two.json()["kids"]) == 2
    assert robot.iac("render").code == 0
    assert rendered(robot) == old, "the server does not know the new key yet"
    assert robot.iac("keygen", ADDRESS, "--drop-old").code == 1
    assert robot.apply().code == 0
    new = rendered(robot)
    assert new["kid"] != old["kid"]
    assert [HTTPStatus.OK] * 2 == [token_status(robot, key) for key in (old, new)]
    keygen(robot, "--drop-old")
    assert robot.apply().code == 0
    assert rendered(robot) == new
    assert [HTTPStatus.OK, HTTPStatus.UNAUTHORIZED] == [token_status(robot, key) for key in (new, old)]


@pytest.mark.parametrize("kind", ["ES256", "RS256"])
def test_verify_logs_in_with_the_key_of_the_rendered_file(robot: Project, kind: str) -> None:
    keygen(robot, "--type", kind, "--bits", "2048")
    assert robot.apply().code == 0
    proven = {"output": "ok", "login": "ok", "client_credentials": "ok", "jwk": "ok"}
    assert proven == verified(robot)
    robot.by_hand(CLIENT_ID, jwk='{"keys": []}')
    assert {**proven, "login": "failed"} == {"client_credentials": "ok", **verified(robot)}
    assert "with this public key?" in robot.iac("verify", ADDRESS).out


@ONLY_NEWEST
def test_verify_says_of_a_file_with_an_old_key_that_it_is_not_as_rendered(robot: Project) -> None:
    keygen(robot)
    assert robot.apply().code == 0
    old = robot.read("out/key.json")
    keygen(robot)
    assert robot.apply().code == 0
    robot.write("out/key.json", old)
    assert "failed" == verified(robot)["output"]
    assert robot.iac("verify", ADDRESS).code == 2


@ONLY_NEWEST
def test_without_a_key_of_the_state_or_the_extra_a_login_by_key_is_not_proven(
    robot: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    keygen(robot)
    assert robot.apply().code == 0
    with monkeypatch.context() as away:
        away.setitem(sys.modules, "joserfc.jwk", None)
        assert "not_proven" == verified(robot)["login"]
        assert "install the extra jose of iac" in robot.iac("verify", ADDRESS).out
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    assert {**dict.fromkeys(("output", "login", "client_credentials"), "not_proven"), "jwk": "ok"} == verified(robot)


@ONLY_NEWEST
def test_verify_reads_an_output_that_prints_no_more_of_a_key_than_its_id(robot: Project) -> None:
    robot.write(
        "templates/key.json.j2", '{"id": {{ client.client_id | json }}, "kid": {{ client.private_key.kid | json }}}'
    )
    robot.write("templates/key.pem.j2", "{{ client.client_id }} {{ client.private_key.kid }}\n")
    keygen(robot)
    assert robot.apply().code == 0
    assert {"output": "ok", "login": "not_proven", "client_credentials": "not_proven", "jwk": "ok"} == verified(robot)
    assert "read as json" in robot.iac("verify", ADDRESS).out


@ONLY_NEWEST
def test_keys_of_a_client_that_never_came_can_be_forgotten(robot: Project) -> None:
    keygen(robot)
    said = robot.iac("state", "rm", ADDRESS, "--yes")
    assert (0, f"forgot {ADDRESS} (keys, and no client yet)") == (said.code, said.out.splitlines()[0])
    assert '"keys"' not in robot.read(".iac/state.json")


@ONLY_NEWEST
def test_a_client_that_is_restored_logs_in_with_the_key_that_it_had(robot: Project) -> None:
    keygen(robot)
    assert robot.apply().code == 0
    key = rendered(robot)
    (robot.root / FILE).rename(robot.root / "robot.yaml")
    robot.write("iac.yaml", robot.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
    assert robot.apply().code == 0
    (robot.root / "robot.yaml").rename(robot.root / FILE)
    robot.edit("iac.yaml", f"removed: [{{address: {ADDRESS}, then: delete}}]\n", "")
    said = robot.iac("state", "restore", ADDRESS, "--auto-approve")
    assert said.code == 0, said.err
    assert rendered(robot) == key
    assert "ok" == verified(robot)["login"]


@ONLY_NEWEST
def test_public_keys_go_into_a_file_for_a_client_with_jwks_uri(robot: Project) -> None:
    robot.edit(
        FILE, "scope: [openid]", "token_endpoint_auth_method: private_key_jwt\njwks_uri: https://robot.example.org/jwks"
    )
    refused = robot.iac("keygen", ADDRESS)
    assert refused.code == 1
    assert "give --jwks FILE" in refused.err
    before = robot.read(FILE)
    keygen(robot, "--jwks", "jwks.json")
    (key,) = json.loads(robot.read("jwks.json"))["keys"]
    assert "d" not in key
    assert robot.read(FILE) == before
    assert robot.iac("validate").code == 0
    assert robot.apply().code == 0
    assert rendered(robot)["kid"] == key["kid"]
    keygen(robot, "--jwks", "jwks.json")
    assert len(json.loads(robot.read("jwks.json"))["keys"]) == 2
    assert robot.apply().code == 0
    assert rendered(robot)["kid"] != key["kid"]


@ONLY_NEWEST
def test_keys_move_with_their_address_are_sealed_anew_and_go_with_it(robot: Project) -> None:
    keygen(robot)
    assert robot.apply().code == 0
    key = rendered(robot)
    assert robot.iac("state", "mv", ADDRESS, "team/new").code == 0
    (robot.root / FILE).rename(robot.root / "clients.d/team/new.yaml")
    assert robot.iac("state", "rekey").code == 0
    assert robot.apply().code == 0
    assert rendered(robot) == key
    assert robot.iac("state", "rm", "team/new", "--yes").code == 0
    assert '"keys"' not in robot.read(".iac/state.json")


@ONLY_NEWEST
def test_a_key_waits_for_a_move_and_one_made_before_it_goes_along(robot: Project) -> None:
    keygen(robot)
    assert robot.apply().code == 0
    old = rendered(robot)
    new = "clients.d/team/new.yaml"
    (robot.root / FILE).rename(robot.root / new)
    assert robot.iac("keygen", "team/new").code == 0
    key = json.loads(robot.read(new).partition("jwk: ")[2].partition("\n")[0].strip("'"))["keys"]
    robot.write("iac.yaml", robot.read("iac.yaml") + f"moved: [{{from: {ADDRESS}, to: team/new}}]\n")
    said = robot.iac("keygen", "team/new")
    assert said.code == 1
    assert f"moved: {ADDRESS} to team/new in iac.yaml is not applied yet" in said.err
    said = robot.apply()
    assert said.code == 0, said.err
    assert [rendered(robot)["kid"]] == [each["kid"] for each in key] != [old["kid"]]
    held = json.loads(robot.read(".iac/state.json"))["keys"]
    assert {"team/new": [old["kid"], rendered(robot)["kid"]]} == {
        at: [k["kid"] for k in keys] for at, keys in held.items()
    }


@ONLY_NEWEST
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["team/robbot"], 1, "did you mean team/robot?"),
        ([ADDRESS, "--drop-old"], 1, "state has no key of this client"),
        ([ADDRESS, "--jwks", "no/such/jwks.json"], 1, "there is no such folder"),
        ([ADDRESS, "--bits", "1024"], 64, "1024"),
        (["team/gone"], 1, "this address leaves the project"),
    ],
)
def test_a_wrong_call_makes_no_key(robot: Project, arguments: list[str], code: int, says: str) -> None:
    robot.write("iac.yaml", robot.read("iac.yaml") + "removed: [{address: team/gone, then: forget}]\n")
    before = robot.read(FILE), robot.read(".iac/state.json")
    said = robot.iac("keygen", *arguments)
    assert (said.code, before) == (code, (robot.read(FILE), robot.read(".iac/state.json")))
    assert says in said.err


@ONLY_NEWEST
def test_a_template_that_wants_a_key_is_told_where_it_comes_from(robot: Project) -> None:
    said = robot.apply()
    assert said.code == 1
    assert "the server knows no key of this client that iac keygen made" in said.err
    assert robot.sandbox.iam.world.store.find(CLIENT_ID) is None


@ONLY_NEWEST
def test_without_the_extra_the_way_to_it_is_told(robot: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joserfc.jwk", None)
    said = robot.iac("keygen", ADDRESS)
    assert said.code == 1
    assert "install the extra jose of iac" in said.err


@ONLY_NEWEST
def test_no_private_key_is_said_or_written_but_to_outputs(robot: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.e2e import test_canary

    robot.edit(FILE, "  - {template: key.pem.j2, path: out/key.pem}\n", "")
    monkeypatch.setattr(test_canary, "OUTPUT", "out/key.json")
    (robot.root / "clients.d/team/portal.yaml").unlink()
    cage = Cage(robot, "no identity")
    assert cage.iac("keygen", ADDRESS).code == 0
    assert cage.iac("apply", "--auto-approve").code == 0
    cage.secrets["private key"] = rendered(robot)["d"]
    for command in (["plan"], ["plan", "--format", "json"], ["show", ADDRESS], ["state", "show", ADDRESS], ["drift"]):
        assert cage.iac(*command).code == 0
    assert cage.iac("keygen", ADDRESS).code == 0
    assert cage.iac("apply", "--auto-approve").code == 0
