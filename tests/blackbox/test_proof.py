"""What verify and the login say is what the answer of the server means; the answers are those of recordings."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from iac.sandbox.message import Response, empty, html_error, json_response
from tests.blackbox.kit import Project, bent, by_hand, register_by_hand
from tests.blackbox.terminal import answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request
    from iac.sandbox.server import Sandbox

    Straight = Callable[[], Response]


def form(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}


def basic(request: Request) -> tuple[str, str] | None:
    """Id and secret of HTTP Basic, as they stand there."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    client_id, _, secret = base64.b64decode(value).decode().partition(":")
    return client_id, secret


def takes_basic_raw(sandbox: Sandbox) -> Callable[[Request, Straight], Response]:
    """As the recorded servers do (rec: client-auth-methods): what is percent-encoded is another id and secret."""

    def answer(request: Request, straight: Straight) -> Response:
        given = basic(request)
        if given is not None and request.path in {"/token", "/introspect", "/revoke"}:
            client = sandbox.iam.world.store.find(given[0])
            if client is None or client.client_secret != given[1]:
                return json_response(401, {"error": "unauthorized", "error_description": "Bad credentials"})
        return straight()

    return answer


def job(project: Project, **values: object) -> None:
    project.define(
        "team/job",
        grant_types=["client_credentials"],
        scope=["openid"],
        outputs=[{"template": "json", "path": "out/job.json"}],
        **values,
    )


SECRET = "a+b/c=d:e%20f-0123456789"


@pytest.mark.parametrize("flavour", ["1.12", "1.14"])
def test_a_secret_with_signs_is_taken_and_proven(project: Project, sandbox: Sandbox) -> None:
    register_by_hand(sandbox, "team-job", client_secret=SECRET, token_endpoint_auth_method="client_secret_basic")
    job(project, client_name="Client team-job", adopt=True)
    with bent(sandbox, takes_basic_raw(sandbox)):
        project.done("apply", "--auto-approve")
        project.done("secret", "set", "team/job", stdin=SECRET)
        project.done("apply", "--auto-approve")
        project.done("verify")


def test_introspection_takes_basic_raw(project: Project, sandbox: Sandbox) -> None:
    secret = SECRET
    register_by_hand(
        sandbox,
        "team-job",
        client_secret=secret,
        token_endpoint_auth_method="client_secret_post",
        allow_introspection=True,
    )
    job(
        project,
        client_name="Client team-job",
        adopt=True,
        token_endpoint_auth_method="client_secret_post",
        allow_introspection=True,
    )
    with bent(sandbox, takes_basic_raw(sandbox)):
        project.done("apply", "--auto-approve")
        project.done("secret", "set", "team/job", stdin=secret)
        project.done("apply", "--auto-approve")
        verified = project.done("verify", "--format", "json").json()
    (client,) = verified["clients"]
    assert {"introspection": "ok"}.items() <= {check["name"]: check["verdict"] for check in client["checks"]}.items()


def test_a_device_login_with_a_mistyped_client_id_names_it(project: Project, sandbox: Sandbox) -> None:
    """Rec: disabled-client 72: /devicecode of an unknown client is an empty 404."""
    credentials = project.read("iac.yaml").split("auth: ")[1].splitlines()[0]
    project.edit("iac.yaml", credentials, "{method: device, client_id: iac-lgoin}")

    def answer(request: Request, straight: Straight) -> Response:
        return empty(404) if request.path == "/devicecode" else straight()

    with bent(sandbox, answer):
        said = answered(project, "", "whoami")
    assert 6 == said.code
    assert "iac-lgoin" in said.err
    assert "client_id" in said.err
    assert "INDIGO IAM" not in said.err


def test_a_public_client_that_was_deleted_is_found_out(project: Project, sandbox: Sandbox) -> None:
    """Rec: disabled-client 10 and 63: a made-up code is 400 for a living client and 401 for none."""
    project.define(
        "team/spa",
        redirect_uris=["https://spa.example.org/cb"],
        scope=["openid"],
        token_endpoint_auth_method="none",
        code_challenge_method="S256",
        outputs=[{"template": "json", "path": "out/spa.json"}],
    )
    project.done("apply", "--auto-approve")
    store = sandbox.iam.world.store
    client = store.find("team-spa")
    assert client is not None

    def answer(request: Request, straight: Straight) -> Response:
        if request.path == "/token" and form(request).get("grant_type") == "authorization_code":
            if store.find("team-spa") is None:
                return json_response(401, {"error": "invalid_client", "error_description": "Bad client credentials"})
            return json_response(400, {"error": "invalid_grant", "error_description": "no authorization code found"})
        if request.path == "/authorize" and store.find("team-spa") is None:
            return Response(302, {"location": f"{sandbox.url}/login"}, b"")
        return straight()

    with bent(sandbox, answer):
        project.done("verify")
        store.remove(client)
        verified = project.iac("verify")
    assert 2 == verified.code, verified.text


@pytest.mark.parametrize("flavour", ["1.12"])
def test_after_a_rotation_by_hand_the_fix_keeps_the_secret_that_works(project: Project, sandbox: Sandbox) -> None:
    job(project)
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-job", client_secret="rotated-by-hand-0123456789")
    verified = project.iac("verify")
    assert 2 == verified.code
    assert "iac apply" in verified.out
    assert "iac rotate" not in verified.out
    assert "the secret was changed on the server, the old one ended" in project.done("plan").out
    project.done("apply", "--auto-approve")
    assert "rotated-by-hand-0123456789" == project.json_file("out/job.json")["client_secret"]


@pytest.mark.parametrize("flavour", ["1.14"])
def test_where_secrets_are_not_shown_the_fix_asks_for_the_new_one(project: Project, sandbox: Sandbox) -> None:
    job(project)
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-job", client_secret="rotated-by-hand-0123456789")
    verified = project.iac("verify")
    assert 2 == verified.code
    assert "iac secret set team/job" in verified.out
    assert "iac rotate" not in verified.out
    project.done("secret", "set", "team/job", stdin="rotated-by-hand-0123456789")
    project.done("apply", "--auto-approve")
    project.done("verify")


def test_a_login_by_basic_takes_a_secret_with_signs(project: Project, sandbox: Sandbox) -> None:
    """iac's own login: the setting says Basic, and an IAM that takes Basic raw gets the form."""
    scopes = ("iam:admin.read", "iam:admin.write")
    register_by_hand(sandbox, "iac", client_secret=SECRET, grant_types=("client_credentials",), scope=scopes)
    login = project.read("iac.yaml").split("auth: ")[1].splitlines()[0]
    project.edit(
        "iac.yaml", login, login.replace("method: c", "token_endpoint_auth_method: client_secret_basic, method: c")
    )
    with bent(sandbox, takes_basic_raw(sandbox)):
        project.done("whoami", env={"IAC_CLIENT_ID": "iac", "IAC_CLIENT_SECRET": SECRET})
        refused = project.iac("whoami", env={"IAC_CLIENT_ID": "iac", "IAC_CLIENT_SECRET": "another"})
    assert 6 == refused.code
    assert "token_endpoint_auth_method" not in refused.err


def test_a_login_by_a_key_with_a_mistyped_client_id_names_it(project: Project) -> None:
    """Rec: client-assertion 43: an assertion of an unknown client is an empty 405."""
    login = project.read("iac.yaml").split("auth: ")[1].splitlines()[0]
    project.edit("iac.yaml", login, "{method: private_key_jwt, client_id: iac-lgoin, private_key: {file: login.jwk}}")
    key = {"kty": "EC", "crv": "P-256", "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}
    point = {
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
    project.write("login.jwk", json.dumps({**key, **point})).chmod(0o600)
    said = project.iac("whoami")
    assert 6 == said.code
    assert "iac-lgoin" in said.err
    assert "client_id" in said.err
    assert "check that issuer" not in said.err


@pytest.mark.parametrize("flavour", ["1.12", "1.14"])
def test_a_disabled_client_is_not_said_to_be_enabled(project: Project, sandbox: Sandbox) -> None:
    """Rec: disabled-client 33 to 52: each answer to a client without client_credentials is that to an enabled one."""
    project.define(
        "team/portal",
        redirect_uris=["https://portal.example.org/cb"],
        scope=["openid"],
        outputs=[{"template": "json", "path": "out/portal.json"}],
    )
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-portal", active=False)
    (client,) = project.done("verify", "--format", "json").json()["clients"]
    verdict = {check["name"]: check["verdict"] for check in client["checks"]}
    assert "not_proven" == verdict["enabled"]


def test_a_client_that_is_gone_is_found_out_without_its_secret(project: Project, sandbox: Sandbox) -> None:
    """Rec: disabled-client 59: prompt=none of a client that is gone leads to the login page."""
    project.define("team/portal", redirect_uris=["https://portal.example.org/cb"], scope=["openid"])
    project.done("apply", "--auto-approve")
    project.done("verify")
    store = sandbox.iam.world.store
    client = store.find("team-portal")
    assert client is not None
    store.remove(client)
    assert 2 == project.iac("verify").code


def not_active(request: Request, straight: Straight) -> Response:
    """Newer servers answer so to a client that may not ask."""
    return json_response(200, {"active": False}) if request.path == "/introspect" else straight()


def introspection(project: Project, sandbox: Sandbox) -> str:
    """What verify says of the introspection of the only client."""
    with bent(sandbox, not_active):
        verified = project.iac("verify", "--format", "json").json()
    (client,) = verified["clients"]
    return str({check["name"]: check["verdict"] for check in client["checks"]}["introspection"])


def test_an_own_token_that_is_not_active_is_no_proof_of_introspection(project: Project, sandbox: Sandbox) -> None:
    job(project, allow_introspection=True)
    project.done("apply", "--auto-approve")
    assert "ok" != introspection(project, sandbox)


def test_a_made_up_token_that_is_not_active_is_no_proof_of_introspection(project: Project, sandbox: Sandbox) -> None:
    project.define(
        "team/portal",
        redirect_uris=["https://portal.example.org/cb"],
        scope=["openid"],
        allow_introspection=True,
        outputs=[{"template": "json", "path": "out/portal.json"}],
    )
    project.done("apply", "--auto-approve")
    assert "ok" != introspection(project, sandbox)


def test_an_assertion_of_a_client_that_is_gone_is_a_refused_login(project: Project, sandbox: Sandbox) -> None:
    """Rec: client-assertion: an unknown client's private_key_jwt is answered by an empty 405."""
    project.write("templates/key.j2", "{{ client.private_key.jwk | verbatim }}\n")
    project.define(
        "team/robot",
        grant_types=["client_credentials"],
        scope=["openid"],
        outputs=[{"template": "key.j2", "path": "out/key"}],
    )
    project.done("keygen", "team/robot")
    project.done("apply", "--auto-approve")
    project.done("verify")

    def answer(request: Request, straight: Straight) -> Response:
        return empty(405) if request.path == "/token" and "client_assertion" in form(request) else straight()

    with bent(sandbox, answer):
        verified = project.iac("verify")
    assert 2 == verified.code, verified.text


def test_a_redirect_uri_that_is_registered_otherwise_is_found_out(project: Project, sandbox: Sandbox) -> None:
    """Rec: authorize-without-login: with prompt=none it must be the same to the character, else it is a 500."""
    uri = "https://portal.example.org/cb"
    project.define(
        "team/portal", redirect_uris=[uri], scope=["openid"], outputs=[{"template": "json", "path": "out/portal.json"}]
    )
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-portal", redirect_uris=(f"{uri}/",))

    def answer(request: Request, straight: Straight) -> Response:
        client = sandbox.iam.world.store.find("team-portal")
        assert client is not None
        if request.path == "/authorize" and request.query.get("redirect_uri") not in client.redirect_uris:
            return html_error(500)
        return straight()

    with bent(sandbox, answer):
        verified = project.iac("verify")
    assert 2 == verified.code, verified.text
    assert uri in verified.out


def test_a_device_client_that_was_deleted_is_found_out(project: Project, sandbox: Sandbox) -> None:
    """Rec: disabled-client 73: /devicecode of a client that is gone is an empty 404, of a disabled one 200."""
    project.define(
        "team/phone",
        grant_types=["device_code"],
        scope=["openid"],
        token_endpoint_auth_method="none",
        outputs=[{"template": "json", "path": "out/phone.json"}],
    )
    project.done("apply", "--auto-approve")
    store = sandbox.iam.world.store
    client = store.find("team-phone")
    assert client is not None

    def answer(request: Request, straight: Straight) -> Response:
        gone = store.find("team-phone") is None
        return empty(404) if gone and request.path == "/devicecode" else straight()

    with bent(sandbox, answer):
        project.done("verify")
        store.remove(client)
        verified = project.iac("verify")
    assert 2 == verified.code, verified.text


@pytest.mark.parametrize("flavour", ["1.12", "1.14"])
def test_a_grant_that_was_taken_away_has_a_fix(project: Project, sandbox: Sandbox) -> None:
    outputs = [{"template": "json", "path": "out/phone.json"}]
    project.define("team/phone", grant_types=["device_code"], scope=["openid"], outputs=outputs)
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-phone", grant_types=("authorization_code",))
    (client,) = project.iac("verify", "--format", "json").json()["clients"]
    failed = [check for check in client["checks"] if check["verdict"] == "failed"]
    assert ["device_code"] == [check["name"] for check in failed]
    assert "iac plan" in failed[0]["fix"]
