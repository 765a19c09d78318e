"""Login by device code (RFC 8628): somebody opens a page and types a code, and the tokens are kept for the next runs.

IAM answers no `interval`; it goes on answering `authorization_pending` when its user says no; and without a word it
leaves out the scopes iam:admin.* of a user who is no administrator (from its sources: IamDeviceEndpointController,
DeviceCodeTests).

The first part is pure: what the device authorization endpoint answers (section 3.2), and how somebody is told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from iac.core.errors import CredentialsError, UnreachableError
from iac.core.origin import Issuer
from iac.core.secret import Secret
from iac.core.text import printable
from iac.ports import Clock, LoginSite
from iac.providers.answer import error_code
from iac.providers.bearer import Bearer, read_bearer
from iac.providers.discovery import KnownServer
from iac.providers.logins import READ_SCOPES, Login
from iac.providers.logins.cache import TokenCache, TokenOwner, Tokens, cache_folder
from iac.providers.logins.endpoint import LoginProof, PublicClient, SharedSecret, TokenClient, bearer_of, lifetime
from iac.providers.logins.settings import DeviceAuth
from iac.transport.message import PASSING, Answer

INTERVAL = 5.0
"""Seconds between two questions when the server says none."""

LONGEST_INTERVAL = 60.0
"""Seconds; a longer `interval` is taken for this."""

LIFETIME = 600.0
"""Seconds that a code is taken to live for when the server does not say, as IAM's do by default."""

LONGEST_LIFETIME = 1800.0
"""Seconds that somebody is waited for at most."""

_LONGEST_TEXT = 512


class DeviceApproval(Struct, frozen=True):
    """The codes that somebody approves.

    Attributes:
        page: the URL to open.
        complete: the same with the code in it; "" for none.
        ends: from then on nobody is waited for.
        interval: seconds between two questions.
    """

    device_code: Secret
    user_code: str
    page: str
    complete: str
    ends: datetime
    minutes: int
    interval: float

    def words(self, issuer: str) -> str:
        """The words for the person who logs in, in lines; the server's texts are made inert."""
        lines = [
            f"To log in at {printable(issuer)} open",
            f"    {printable(self.page)}",
            "and enter the code",
            f"    {printable(self.user_code)}",
            *([f"or open {printable(self.complete)}"] if self.complete else []),
            f"Waiting for {self.minutes} min at most; Ctrl-C gives up.",
        ]
        return "\n".join(lines)


def parse_approval(answer: Answer, now: datetime) -> DeviceApproval | None:
    """The codes of an answer; None when it has none, or no page that a browser opens."""
    body = answer.json() if answer.is_ok else None
    if not isinstance(body, dict):
        return None
    device_code, user_code, page = (_text(body, name) for name in ("device_code", "user_code", "verification_uri"))
    if not (device_code and user_code and _is_page(page)):
        return None
    seconds = min(lifetime(body.get("expires_in")) or LIFETIME, LONGEST_LIFETIME)
    complete = _text(body, "verification_uri_complete")
    return DeviceApproval(
        device_code=Secret(device_code),
        user_code=user_code,
        page=page,
        complete=complete if _is_page(complete) else "",
        ends=now + timedelta(seconds=seconds),
        minutes=max(1, int(seconds // 60)),
        interval=min(lifetime(body.get("interval")) or INTERVAL, LONGEST_INTERVAL),
    )


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else ""


def _is_page(url: str) -> bool:
    try:
        return urlsplit(url).scheme in {"https", "http"}
    except ValueError:
        return False


GRANT = "urn:ietf:params:oauth:grant-type:device_code"

ENDPOINT = "device_authorization_endpoint"
"""Its name in the discovery document (RFC 8628 section 4)."""

OFFLINE = "offline_access"
"""The scope that brings a refresh token (OpenID Connect Core section 11)."""

SLOWER = 5.0
"""Seconds that `slow_down` adds to the interval (RFC 8628 section 3.5)."""

_OVER = frozenset({"invalid_grant", "invalid_token"})
"""A refresh token that is over: the first by RFC 6749 section 5.2, the second by IAM (from its sources)."""

_FRESH = timedelta(seconds=60)
_TURN = threading.Lock()
"""Of the person who is asked: environments are read side by side."""


class Terminal(Struct, frozen=True):
    """The person at the terminal.

    Attributes:
        ask: tells somebody what to do; None when nobody is there.
        warn: says something that went wrong and stops nothing.
    """

    ask: Callable[[str], None] | None
    warn: Callable[[str], None]


def open_login(settings: DeviceAuth, at: LoginSite) -> Login:
    """Somebody approves scopes that have names: all means those of reading."""
    client_id, proof = at.read(settings.client_id).reveal(), None
    if settings.client_secret:
        secret, method = at.read(settings.client_secret), settings.token_endpoint_auth_method
        proof = SharedSecret.at(at.api, client_id, secret, method)
    folder = cache_folder(at.site.environ)
    return DeviceLogin(
        proof or PublicClient(client_id),
        at.scopes or (READ_SCOPES if at.api.is_iam else ()),
        folder,
        Terminal(at.ask, at.warn),
    )


class DeviceLogin(Login):
    """Somebody who logs in through a client.

    Args:
        proof: the client.
        scopes: to ask for.
        folder: where tokens are kept.
        terminal: who opens the page.
    """

    def __init__(self, proof: LoginProof, scopes: tuple[str, ...], folder: Path, terminal: Terminal) -> None:
        self._proof = proof
        self._scopes = scopes
        self._folder = folder
        self._terminal = terminal
        self._cache: TokenCache | None = None

    @property
    def kind(self) -> str:
        """The way, and the client that it goes through."""
        return f"device code, client {self._proof.client_id}"

    def fetch(self, server: KnownServer) -> Bearer:
        """The kept token; else one for the kept refresh token; else somebody is asked."""
        cache = TokenCache(self._folder, TokenOwner(server.endpoints.issuer, self._proof.client_id, self._scopes))
        self._cache = cache
        client = TokenClient(server, self._proof, self._scopes)
        # One environment after the other asks its person, and the next one finds what was kept for the same server.
        with _TURN:
            with cache.alone():
                kept = cache.load()
                bearer = _kept_bearer(kept, server.clock)
                if bearer is None and kept is not None and kept.refresh is not None:
                    bearer = self._refresh(client, cache, kept.refresh)
            return bearer or self._ask(client, cache)

    def forget(self, refused: Bearer) -> None:
        """Keep the refresh token alone, if the refused one is still what is kept."""
        cache = self._cache
        if cache is None:
            return
        with cache.alone():
            kept = cache.load()
            if kept and kept.access == refused.value:
                self._keep(cache, replace(kept, access=None))

    def _keep(self, cache: TokenCache, tokens: Tokens) -> None:
        try:
            cache.store(tokens)
        except OSError as error:
            self._terminal.warn(f"the login cannot be kept in {self._folder}: {error.strerror}; it is asked for again")

    def _refresh(self, client: TokenClient, cache: TokenCache, token: Secret) -> Bearer | None:
        """A new token (RFC 6749 section 6), kept before it is used; None when the refresh token is over."""
        answer = client.post(
            client.server.endpoints.token, {"grant_type": "refresh_token", "refresh_token": token.reveal()}
        )
        bearer = bearer_of(answer, client.server.clock.now())
        if bearer is None and error_code(answer) in _OVER:
            return None
        if bearer is None:
            raise client.refused("refresh_token", answer)
        self._keep(cache, _tokens(answer, bearer, token))
        return self._checked(client, bearer)

    def _ask(self, client: TokenClient, cache: TokenCache) -> Bearer:
        if self._terminal.ask is None:
            raise CredentialsError(
                "a person must log in, and there is no terminal",
                where=client.where,
                why="there is no valid login for these scopes, and stderr is not a terminal",
                fix="run it once at a terminal; in CI use client_credentials or private_key_jwt",
            )
        approval = self._begin(client)
        self._terminal.ask(approval.words(client.server.endpoints.issuer))
        answer = _until_approved(client, approval)
        bearer = bearer_of(answer, client.server.clock.now())
        if bearer is None:
            raise client.refused(GRANT, answer)
        bearer = self._checked(client, bearer)
        self._keep(cache, _tokens(answer, bearer, None))
        return bearer

    def _begin(self, client: TokenClient) -> DeviceApproval:
        """The codes (RFC 8628 section 3.1), with offline_access where the client has it."""
        if not client.server.endpoints.others.get(ENDPOINT):
            raise CredentialsError(
                "this server has no login by device code",
                where=client.server.endpoints.issuer,
                why="its discovery document has no device_authorization_endpoint (RFC 8628 section 4)",
                fix="log in another way: auth.method in iac.yaml",
            )
        path = Issuer.parse(client.server.endpoints.issuer).path_of(client.server.endpoints.others[ENDPOINT])
        for scopes in ((*self._scopes, OFFLINE), self._scopes):
            scope = {"scope": " ".join(scopes)} if scopes else {}
            answer = client.post(path, {"client_id": self._proof.client_id, **scope})
            if error_code(answer) != "invalid_scope":
                break
        approval = parse_approval(answer, client.server.clock.now())
        if answer.status == HTTPStatus.NOT_FOUND and not answer.body:
            # what IAM says of a client that it does not have (rec: disabled-client 72)
            raise client.no_such_client("the server says 404 where device codes are asked for")
        if approval is None:
            raise client.refused(GRANT, answer)
        return approval

    def _checked(self, client: TokenClient, bearer: Bearer) -> Bearer:
        """Refuse a token that lacks a scope: the server leaves out what its user may not have."""
        if missing := [name for name in self._scopes if bearer.scopes is not None and name not in bearer.scopes]:
            raise CredentialsError(
                "the login was not given the scopes that are needed",
                where=client.where,
                why=f"missing: {' '.join(missing)}; IAM gives iam:admin.* to its administrators only",
                fix="log in as an administrator of the IAM, or have one run this",
            )
        return bearer


def _until_approved(client: TokenClient, approval: DeviceApproval) -> Answer:
    """Wait for somebody's yes (RFC 8628 sections 3.4 and 3.5); the answer with the token.

    Raises:
        CredentialsError: somebody said no, or the code is over.
    """
    interval = approval.interval
    while client.server.clock.now() < approval.ends:
        client.server.clock.sleep(interval)
        answer = _poll(client, approval)
        if answer is None:
            # The server is away. The question is asked again, ever more slowly: the code lives on meanwhile.
            interval = min(2 * interval, LONGEST_INTERVAL)
        elif answer.is_ok:
            return answer
        elif error_code(answer) == "slow_down":
            interval += SLOWER
        elif error_code(answer) != "authorization_pending":
            raise _refusal(client, answer)
    raise _over(client, "the code has expired")


def _poll(client: TokenClient, approval: DeviceApproval) -> Answer | None:
    """The server's answer; None when it is away (RFC 8628 section 3.5)."""
    form = {"grant_type": GRANT, "device_code": approval.device_code.reveal()}
    try:
        answer = client.post(client.server.endpoints.token, form)
    except UnreachableError:
        return None
    return None if answer.status in PASSING else answer


def _refusal(client: TokenClient, answer: Answer) -> UnreachableError:
    match error_code(answer):
        case "access_denied":
            return CredentialsError(
                "the login was denied",
                where=client.where,
                why="the login was denied on the page",
                fix="run it again, and approve it on the page",
            )
        case "expired_token":
            return _over(client, "the server says that the code has expired")
        case _:
            return client.refused(GRANT, answer)


def _over(client: TokenClient, why: str) -> CredentialsError:
    return CredentialsError(
        "the login was not approved in time",
        where=client.where,
        why=f"{why}; IAM says the same when it was denied",
        fix="run it again, and approve it on the page",
    )


def _kept_bearer(kept: Tokens | None, clock: Clock) -> Bearer | None:
    if kept is None or kept.access is None or (kept.expires is not None and kept.expires <= clock.now() + _FRESH):
        return None
    now = clock.now()
    left = (kept.expires - now).total_seconds() if kept.expires else None
    bearer = read_bearer(kept.access, now, left)
    return bearer if kept.scopes is None else replace(bearer, scopes=kept.scopes)


def _tokens(answer: Answer, bearer: Bearer, before: Secret | None) -> Tokens:
    """The tokens to keep; an answer without a new refresh token leaves the one before (RFC 6749 section 6)."""
    new = answer.json().get("refresh_token")
    refresh = Secret(new) if isinstance(new, str) and new else before
    return Tokens(bearer.value, refresh, bearer.expires, bearer.scopes)
