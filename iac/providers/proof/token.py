"""What the token, device authorization and introspection endpoints say to a client's own credentials.

The judgement is by status and error code alone. A made-up refresh token and a made-up scope get as far as the login
and the grant do, and no further (rec: login).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from iac.core.errors import InputError
from iac.core.model import AUTH_METHODS, uses_secret
from iac.core.proof import Evidence, Judgement, ServiceLogin, scope_differences
from iac.core.secret import Secret
from iac.core.text import printable
from iac.providers.answer import error_code
from iac.providers.bearer import parse_claims, parse_scopes
from iac.providers.logins.proof import basic
from iac.providers.logins.signing_key import SigningKey, parse_key
from iac.providers.probe import Probe
from iac.providers.proof.server import KnownServer, asked
from iac.transport.message import LONGEST, Answer, Call, server_words

LOGIN, TOKEN, REFRESH, DEVICE, INTROSPECTION = (
    "login",
    "client_credentials",
    "refresh_token",
    "device_code",
    "introspection",
)
_MADE_UP = "iac-verify-made-up-token"
_REFUSES_TOKEN_ALONE = frozenset({"invalid_grant", "invalid_token"})
"""RFC 6749 section 5.2; IAM up to 1.14 says the second, by its sources."""

_KEY_IS_THEIRS = "its private key is with the service alone, or no output holds it"
_NOT_AT_HAND = "no output holds its secret"


@dataclass(slots=True)
class ClientLogin:
    """One client at one server: whether its login works is asked once.

    Attributes:
        token: what client_credentials gave, for introspection; kept in memory while this client is proven.
        key: what a client signs with that logs in by private_key_jwt, once it is read.
    """

    subject: ServiceLogin
    server: KnownServer
    token: Secret | None = None
    key: SigningKey | None = None
    is_refused: bool = field(default=False)

    @property
    def method(self) -> str:
        """How the client is registered to log in."""
        return str(self.subject.fields.get("token_endpoint_auth_method", AUTH_METHODS[0]))

    @property
    def can_log_in(self) -> bool:
        """Whether a secret or a key is at hand, or none is needed, and the server did not refuse it."""
        return not self.is_refused and (self.probe is not None or self.method == "none")

    @property
    def probe(self) -> Probe | None:
        """The client with its secret, or with its key; None where none is at hand."""
        client_id, secret = self.subject.client_id, self.subject.secret
        if self.key is not None:
            return Probe(client_id, Secret(""), self.method, key=self.key)
        return Probe(client_id, secret, self.method) if secret is not None else None

    @property
    def scope(self) -> tuple[str, ...]:
        """The scopes of the definition."""
        declared = self.subject.fields.get("scope", ())
        return declared if isinstance(declared, tuple) else ()

    def call(self, path: str, form: Mapping[str, str]) -> Call:
        """A form with the client's credentials; with its client_id alone where it has none."""
        probe = self.probe
        if probe is None:
            return Call.form(path, {**form, "client_id": self.subject.client_id})
        return probe.call(path, form, self.server.endpoints, self.server.clock)

    def words(self, answer: Answer) -> str:
        """What the server says, with nothing of a secret."""
        return server_words(answer, [self.subject.secret, self.token])

    def shown(self, text: str) -> str:
        """A server's text that is shown, cut and made inert; none that repeats a secret or a token."""
        hidden = [secret.reveal() for secret in (self.subject.secret, self.token) if secret is not None]
        if any(secret in text for secret in hidden if secret):
            return "words that repeat a secret and are not shown"
        return printable(text)[:LONGEST]


def check_login(session: ClientLogin) -> Iterator[Evidence]:
    """Does the token endpoint take the secret, or the key? It is asked for a scope that nobody has.

    Public clients have no login, so nothing is asked.
    """
    subject = session.subject
    if session.method == "none":
        return
    if not uses_secret(subject.fields) and subject.key is None:
        yield Evidence(LOGIN, Judgement.UNPROVEN, why=_KEY_IS_THEIRS)
    elif subject.key is not None and (problem := _read_key(session, subject.key)):
        yield problem
    elif session.probe is None:
        yield Evidence(LOGIN, Judgement.UNPROVEN, why=_NOT_AT_HAND)
    else:
        probe = session.probe
        yield asked(LOGIN, lambda: _login(session, probe))


def _read_key(session: ClientLogin, key: Secret) -> Evidence | None:
    """Let the session sign with a key; why it cannot, None when it can."""
    try:
        session.key = parse_key(key, "the private key of the output")
    except InputError as error:
        return Evidence(LOGIN, Judgement.UNPROVEN, why=error.why or error.summary, fix=error.fix)
    return None


def _login(session: ClientLogin, probe: Probe) -> Evidence:
    server = session.server
    if probe.ask(server.http, server.endpoints, server.clock):
        return Evidence(LOGIN, Judgement.OK, why=f"taken by {session.method}")
    session.is_refused = True
    return Evidence(LOGIN, Judgement.FAILED, why=f"the server refuses this client_id with this {_proof_of(session)}")


def _proof_of(session: ClientLogin) -> str:
    return "secret" if session.key is None else "key"


def check_token(session: ClientLogin) -> Evidence:
    """A client credentials token, got and its scopes compared (RFC 6749 section 4.4)."""
    answer = session.server.send(session.call(session.server.endpoints.token, {"grant_type": TOKEN}))
    body = answer.json() if answer.is_ok else None
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        return Evidence(
            TOKEN, Judgement.FAILED, why=session.words(answer), fix="iac plan: is the client as it is defined?"
        )
    session.token = Secret(body["access_token"])
    granted = parse_scopes(body.get("scope"))
    if granted is None:
        granted = parse_scopes(parse_claims(body["access_token"]).get("scope"))
    return _judge_scopes(session, granted)


def _judge_scopes(session: ClientLogin, granted: frozenset[str] | None) -> Evidence:
    if granted is None:
        known = "the server does not say which scopes it has"
        return Evidence(TOKEN, Judgement.UNPROVEN if session.scope else Judgement.OK, why=f"a token was got; {known}")
    missing, beyond = scope_differences(session.scope, granted)
    if not missing and not beyond:
        why = f"a token with {session.shown(' '.join(sorted(granted))) or 'no scope'}"
        return Evidence(TOKEN, Judgement.OK, why=why)
    lacks = [f"has not {' '.join(missing)}"] if missing else []
    brings = [f"has {session.shown(' '.join(beyond))}, which is not defined"] if beyond else []
    return Evidence(
        TOKEN, Judgement.FAILED, why=f"the token {' and '.join([*lacks, *brings])}", fix="iac plan, iac apply"
    )


def check_refresh(session: ClientLogin) -> Evidence:
    """A made-up refresh token is all that the server has to refuse (RFC 6749 section 6)."""
    form = {"grant_type": REFRESH, REFRESH: _MADE_UP}
    answer = session.server.send(session.call(session.server.endpoints.token, form))
    code = error_code(answer)
    if code in _REFUSES_TOKEN_ALONE:
        return Evidence(REFRESH, Judgement.OK, why="the endpoint refuses a made-up refresh token, and nothing else")
    return Evidence(REFRESH, Judgement.FAILED, why=session.words(answer))


def check_device(session: ClientLogin) -> Evidence:
    """Codes for a user to approve, asked for and left to expire (RFC 8628 section 3.1)."""
    path = session.server.path("device_authorization_endpoint")
    if not path:
        return Evidence(DEVICE, Judgement.UNPROVEN, why="the server declares no device authorization endpoint")
    form = {"client_id": session.subject.client_id, "scope": " ".join(session.scope)}
    answer = session.server.send(session.call(path, form))
    body = answer.json() if answer.is_ok else None
    if isinstance(body, dict) and body.get("user_code") and body.get("device_code"):
        return Evidence(DEVICE, Judgement.OK, why="codes were given; nobody approves them, so they expire")
    return Evidence(DEVICE, Judgement.FAILED, why=session.words(answer))


def check_introspection(session: ClientLogin) -> Evidence:
    """The client may ask about tokens (RFC 7662 section 2): about its own where there is one, else about none."""
    path = session.server.path("introspection_endpoint")
    subject = session.subject
    if not path or subject.secret is None:
        why = _NOT_AT_HAND if path else "the server declares no introspection endpoint"
        return Evidence(INTROSPECTION, Judgement.UNPROVEN, why=why)
    asked_about = session.token.reveal() if session.token else _MADE_UP
    call = Call.form(path, {"token": asked_about}).with_authorization(basic(subject.client_id, subject.secret))
    answer = session.server.send(call)
    if answer.status == HTTPStatus.FORBIDDEN:
        why = "the server does not let this client ask about tokens"
        return Evidence(
            INTROSPECTION, Judgement.FAILED, why=why, fix="iac plan, iac apply: allow_introspection is defined"
        )
    body = answer.json() if answer.is_ok else None
    is_active = body.get("active") if isinstance(body, dict) else None
    if is_active is (session.token is not None):
        return Evidence(
            INTROSPECTION, Judgement.OK, why="its own token is active" if is_active else "a made-up token is not"
        )
    return Evidence(INTROSPECTION, Judgement.FAILED, why=session.words(answer))
