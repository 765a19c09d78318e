"""What the token, device authorization and introspection endpoints say to a client's own credentials.

The judgement is by status, error code and challenge alone. Made-up codes, refresh tokens and scopes get as far as the
login does; how much further differs, so no more is said than the answer means (rec: login, disabled-client).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus

from msgspec import Struct, field

from iac.core.errors import InputError
from iac.core.model import AUTH_METHODS, GRANT_TYPES, short_grant, uses_secret
from iac.core.proof import Evidence, Grade, ServiceLogin, scope_differences
from iac.core.secret import Secret
from iac.core.text import printable
from iac.providers.answer import error_code
from iac.providers.bearer import parse_claims, parse_scopes
from iac.providers.logins.endpoint import basic
from iac.providers.logins.signing_key import SigningKey, parse_key
from iac.providers.probe import MADE_UP_CODE, Probe, is_after_login
from iac.providers.proof.server import AskedServer, asked
from iac.transport.message import LONGEST, Answer, Call, server_words

LOGIN, TOKEN, REFRESH, DEVICE, INTROSPECTION, ENABLED = (
    "login",
    "client_credentials",
    "refresh_token",
    "device_code",
    "introspection",
    "enabled",
)
_MADE_UP = "iac-verify-made-up-token"
_MADE_UP_DEVICE = {"grant_type": GRANT_TYPES[DEVICE], "device_code": "iac-verify-made-up-code"}
"""The same of a device (RFC 8628 section 3.4)."""

_KNOWN = frozenset({"invalid_grant", "unauthorized_client"})
"""What a made-up code of a client that is there is refused with (RFC 6749 section 5.2)."""

_TAKEN = {
    "client_secret_basic": "the server accepts the secret, sent by HTTP Basic",
    "client_secret_post": "the server accepts the secret, sent in the request body",
    "client_secret_jwt": "the server accepts an assertion signed with the secret",
    "private_key_jwt": "the server accepts an assertion signed with the key",
}
_REFUSES_TOKEN_ALONE = frozenset({"invalid_grant", "invalid_token"})
"""RFC 6749 section 5.2; IAM says the second (rec: disabled-client 12)."""

_AS_DEFINED = "run iac plan: is the client still on the server, as defined?"
_OR_DISABLED = f"{_AS_DEFINED} If it is disabled, an administrator of the server can enable it"
_NOT_AT_HAND = "no output contains its secret"


class ClientLogin(Struct):
    """One client at one server: whether its login works is asked once.

    Attributes:
        token: what client_credentials gave, for introspection; kept in memory while this client is proven.
        key: what a client signs with that logs in by private_key_jwt, once it is read.
    """

    subject: ServiceLogin
    server: AskedServer
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
            return Probe(client_id, Secret(""), self.method, self.server.api, self.key, self.subject.fields)
        if secret is None:
            return None
        return Probe(client_id, secret, self.method, self.server.api, fields=self.subject.fields)

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

    Public clients have neither: whether there is one of this id is told by a made-up code.
    """
    subject = session.subject
    if session.method == "none":
        yield asked(LOGIN, lambda: _find_public(session))
    elif not uses_secret(subject.fields) and subject.key is None:
        yield Evidence(LOGIN, Grade.UNPROVEN, why="no output contains its private key")
    elif subject.key is not None and (problem := _read_key(session, subject.key)):
        yield problem
    elif session.probe is None:
        yield Evidence(LOGIN, Grade.UNPROVEN, why=_NOT_AT_HAND)
    else:
        probe = session.probe
        yield asked(LOGIN, lambda: _login(session, probe))


def _read_key(session: ClientLogin, key: Secret) -> Evidence | None:
    """Let the session sign with a key; why it cannot, None when it can."""
    try:
        session.key = parse_key(key, "the private key of the output")
    except InputError as error:
        return Evidence(LOGIN, Grade.UNPROVEN, why=error.why or error.summary, fix=error.fix)
    return None


def _login(session: ClientLogin, probe: Probe) -> Evidence:
    server = session.server
    if probe.ask(server):
        return Evidence(LOGIN, Grade.OK, why=_TAKEN[probe.sent_by])
    session.is_refused = True
    proof = "secret" if session.key is None else "key"
    return Evidence(LOGIN, Grade.FAILED, why=f"the server refuses this client_id with this {proof}")


def _find_public(session: ClientLogin) -> Evidence:
    """Whether there is such a client: for one that is there, the made-up code is what is wrong.

    IAM refuses the code by a 400 and the grant by a 401 without a realm; a client that it does not know, or that has a
    secret, by a 401 with one (rec: disabled-client 10, 11, 18, 63, 64, 71).
    """
    answer = session.server.send(session.call(session.server.endpoints.token, _made_up(session.subject)))
    is_iam, code = session.server.api.is_iam, error_code(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED or code == "invalid_client":
        if not (is_iam and is_after_login(answer)):
            session.is_refused = True
            return Evidence(LOGIN, Grade.FAILED, why="the server has no public client of this client_id")
    elif answer.status != HTTPStatus.BAD_REQUEST or not (is_iam or code in _KNOWN):
        return Evidence(LOGIN, Grade.UNPROVEN, why=session.words(answer))
    return Evidence(LOGIN, Grade.OK, why="the server has a public client of this client_id")


def _made_up(subject: ServiceLogin) -> dict[str, str]:
    grants, uris = grants_of(subject), subject.fields.get("redirect_uris")
    if DEVICE in grants and "authorization_code" not in grants:
        return _MADE_UP_DEVICE
    return MADE_UP_CODE | ({"redirect_uri": uris[0]} if isinstance(uris, tuple) and uris else {})


def check_token(session: ClientLogin) -> Evidence:
    """A client credentials token, got and its scopes compared (RFC 6749 section 4.4)."""
    answer = session.server.send(session.call(session.server.endpoints.token, {"grant_type": TOKEN}))
    body = answer.json() if answer.is_ok else None
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        # a grant that the client has not is told by the same status and code (rec: disabled-client 43, 52)
        fix = _OR_DISABLED if answer.status == HTTPStatus.UNAUTHORIZED else _AS_DEFINED
        return Evidence(TOKEN, Grade.FAILED, why=session.words(answer), fix=fix)
    session.token = Secret(body["access_token"])
    granted = parse_scopes(body.get("scope"))
    if granted is None:
        granted = parse_scopes(parse_claims(body["access_token"]).get("scope"))
    return _judge_scopes(session, granted)


def _judge_scopes(session: ClientLogin, granted: frozenset[str] | None) -> Evidence:
    if granted is None:
        known = "the server does not say which scopes it has"
        return Evidence(TOKEN, Grade.UNPROVEN if session.scope else Grade.OK, why=f"the server gave a token; {known}")
    missing, beyond = scope_differences(session.scope, granted)
    if not missing and (not beyond or not session.server.api.is_iam):
        # a server may give scopes by default, or what a policy of it adds (RFC 6749 section 3.3)
        return Evidence(TOKEN, Grade.OK, why=f"a token with {session.shown(' '.join(sorted(granted))) or 'no scope'}")
    lacks = [f"lacks {' '.join(missing)}"] if missing else []
    brings = [f"has {session.shown(' '.join(beyond))}, which is not defined"] if beyond else []
    return Evidence(TOKEN, Grade.FAILED, why=f"the token {' and '.join([*lacks, *brings])}", fix="iac plan, iac apply")


def check_refresh(session: ClientLogin) -> Evidence:
    """A made-up refresh token is all that the server has to refuse (RFC 6749 section 6)."""
    form = {"grant_type": REFRESH, REFRESH: _MADE_UP}
    answer = session.server.send(session.call(session.server.endpoints.token, form))
    code = error_code(answer)
    if code == "invalid_token" and session.server.api.is_iam:
        # said to a client without the grant, too (rec: refresh-token 21, 22)
        return Evidence(REFRESH, Grade.UNPROVEN, why="IAM refuses a made-up refresh token before it looks at the grant")
    if code in _REFUSES_TOKEN_ALONE:
        return Evidence(REFRESH, Grade.OK, why="the server refuses only the made-up refresh token")
    return Evidence(REFRESH, Grade.FAILED, why=session.words(answer), fix=_AS_DEFINED)


def check_device(session: ClientLogin) -> Evidence:
    """Codes for a user to approve, asked for and left to expire (RFC 8628 section 3.1)."""
    path = session.server.path("device_authorization_endpoint")
    if not path:
        return Evidence(DEVICE, Grade.UNPROVEN, why="the server declares no device authorization endpoint")
    form = {"client_id": session.subject.client_id, "scope": " ".join(session.scope)}
    answer = session.server.send(session.call(path, form))
    body = answer.json() if answer.is_ok else None
    if answer.status == HTTPStatus.NOT_FOUND and session.server.api.is_iam:
        # rec: disabled-client 72
        return Evidence(DEVICE, Grade.FAILED, why="the server does not know this client_id", fix=_AS_DEFINED)
    if isinstance(body, dict) and body.get("user_code") and body.get("device_code"):
        return Evidence(DEVICE, Grade.OK, why="the server gave codes, which expire unused")
    return Evidence(DEVICE, Grade.FAILED, why=session.words(answer), fix=_AS_DEFINED)


def check_introspection(session: ClientLogin) -> Evidence:
    """The client may ask about tokens (RFC 7662 section 2): about its own where there is one, else about none."""
    path = session.server.path("introspection_endpoint")
    if why := _why_not_asked(session, path):
        return Evidence(INTROSPECTION, Grade.UNPROVEN, why=why)
    answer = session.server.send(_introspection(session, path))
    body = answer.json() if answer.is_ok else None
    is_active = body.get("active") if isinstance(body, dict) else None
    if is_active is False and session.token is None:
        # a client that may not ask is told the same by newer servers (RFC 7662 section 2.2)
        why = "IAM says the same to a client that may not ask: a made-up token is not active"
        return Evidence(INTROSPECTION, Grade.UNPROVEN, why=why)
    if is_active is True and session.token is not None:
        return Evidence(INTROSPECTION, Grade.OK, why="its own token is active")
    if is_active is False or answer.status == HTTPStatus.FORBIDDEN:
        why = "the server does not let this client ask about tokens"
        told = f"{why}: its own token is not active" if answer.is_ok else why
        return Evidence(
            INTROSPECTION, Grade.FAILED, why=told, fix="iac plan, iac apply: allow_introspection is defined"
        )
    return Evidence(INTROSPECTION, Grade.FAILED, why=session.words(answer), fix=_AS_DEFINED)


def _why_not_asked(session: ClientLogin, path: str) -> str:
    if not path:
        return "the server declares no introspection endpoint"
    if session.subject.secret is None:
        return (
            _NOT_AT_HAND
            if uses_secret(session.subject.fields)
            else "iac asks it with a secret, which this client does not have"
        )
    if session.server.api.takes_basic_raw and ":" in session.subject.client_id:
        return "it is asked by HTTP Basic, which cannot carry a client_id with a colon"
    return ""


def _introspection(session: ClientLogin, path: str) -> Call:
    """IAM takes Basic alone there, from clients of every method; others what the client is registered for."""
    form = {"token": session.token.reveal() if session.token else _MADE_UP}
    subject = session.subject
    if subject.secret is None or not session.server.api.takes_basic_raw:
        return session.call(path, form)
    return Call.form(path, form).with_authorization(basic(subject.client_id, subject.secret, is_raw=True))


def check_enabled(session: ClientLogin) -> Iterator[Evidence]:
    """What no answer has told: IAM answers for a disabled client as for any other, but where a token would be given.

    That is so at every endpoint that is asked here (rec: disabled-client 33 to 52).
    """
    has_token_grant = TOKEN in grants_of(session.subject)
    if session.server.api.is_iam and not session.is_refused and not has_token_grant:
        yield Evidence(
            ENABLED,
            Grade.UNPROVEN,
            why="IAM answers a disabled client like any other; iac plan says whether it is disabled",
        )


def grants_of(subject: ServiceLogin) -> tuple[str, ...]:
    """The client's grants by their short names."""
    grants = subject.fields.get("grant_types")
    return tuple(map(short_grant, grants)) if isinstance(grants, tuple) else ()
