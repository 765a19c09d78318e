"""What verify and the login say is what the answer of the server means; the answers are those of recordings."""

from __future__ import annotations

import base64
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
@pytest.mark.xfail(
    strict=True, reason="iac percent-encodes Basic credentials, IAM takes them raw: the right secret is called wrong"
)
def test_a_secret_with_signs_is_taken_and_proven(project: Project, sandbox: Sandbox) -> None:
    register_by_hand(sandbox, "team-job", client_secret=SECRET, token_endpoint_auth_method="client_secret_basic")
    job(project, client_name="Client team-job", adopt=True)
    with bent(sandbox, takes_basic_raw(sandbox)):
        project.done("apply", "--auto-approve")
        project.done("secret", "set", "team/job", stdin=SECRET)
        project.done("apply", "--auto-approve")
        project.done("verify")


@pytest.mark.xfail(
    strict=True, reason="iac percent-encodes Basic credentials, IAM takes them raw: introspection is refused"
)
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


@pytest.mark.xfail(strict=True, reason="the fix is to check whether issuer is an INDIGO IAM")
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


@pytest.mark.xfail(strict=True, reason="verify says not proven and exits 0")
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
@pytest.mark.xfail(strict=True, reason="the fix is iac rotate, which ends the secret that works")
def test_after_a_rotation_by_hand_the_fix_keeps_the_secret_that_works(project: Project, sandbox: Sandbox) -> None:
    job(project)
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-job", client_secret="rotated-by-hand-0123456789")
    verified = project.iac("verify")
    assert 2 == verified.code
    assert "iac apply" in verified.out
    assert "iac rotate" not in verified.out
    project.done("apply", "--auto-approve")
    assert "rotated-by-hand-0123456789" == project.json_file("out/job.json")["client_secret"]


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


@pytest.mark.xfail(strict=True, reason="verify takes the answer about a made-up token for a yes")
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


@pytest.mark.xfail(strict=True, reason="an empty 405 is taken for a server that is out of order")
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
