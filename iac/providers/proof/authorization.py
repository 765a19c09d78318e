"""Does the authorization endpoint take a client with a redirect URI? Asked without a user.

With `prompt=none` and nobody logged in, the server has to say so at the redirect URI (OpenID Connect Core section
3.1.2.6), and may only do that when the URI is registered; else the user would be led anywhere (RFC 6749 section
4.1.2.1). A server that answers the same for a URI which nobody registered proves nothing: that is asked once.
"""

from __future__ import annotations

import base64
import hashlib
import re
from threading import Lock
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from iac.core.proof import Evidence, Grade, ServiceLogin
from iac.providers.answer import read_failure
from iac.providers.proof.server import AskedServer
from iac.transport.message import PASSING, Answer, Call

NOBODYS_URI = "https://iac-verify.invalid/not-registered"
"""On a name that never resolves (RFC 2606 section 2)."""

_NEEDS_USER = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})
"""What `prompt=none` answers when all that is missing is a user (OpenID Connect Core section 3.1.2.6)."""

_LOGIN_FIRST = "the server asks for a login before it looks at the redirect URI"
_FIX = "run iac plan, and check that exactly this redirect URI is registered"
_CODE = re.compile(r"[a-z_]{1,40}")
"""What an error code looks like (RFC 6749 section 4.1.2.1); all else is not shown."""


class Authorization:
    """The authorization endpoint of one server. Safe to share between threads."""

    def __init__(self, server: AskedServer) -> None:
        self.server = server
        self._lock = Lock()
        self._tells_apart: bool | None = None

    def check(self, grant: str, subject: ServiceLogin, uri: str) -> Evidence:
        """Whether it takes this redirect URI, for authorization_code or implicit."""
        path = self.server.path("authorization_endpoint")
        if not path:
            return Evidence(grant, Grade.UNPROVEN, uri, "the server declares no authorization endpoint")
        found = self._ask(path, grant, subject, uri)
        if found.verdict is Grade.OK and not self._is_telling(path, grant, subject):
            return Evidence(grant, Grade.UNPROVEN, uri, "the server gives the same answer for an unregistered URI")
        return found

    def _is_telling(self, path: str, grant: str, subject: ServiceLogin) -> bool:
        with self._lock:
            if self._tells_apart is None:
                control = self._ask(path, grant, subject, NOBODYS_URI)
                self._tells_apart = control.verdict is not Grade.OK
            return self._tells_apart

    def _ask(self, path: str, grant: str, subject: ServiceLogin, uri: str) -> Evidence:
        state = self.server.clock.token()
        query = urlencode(_request(grant, subject, self.server.clock.token()) | {"redirect_uri": uri, "state": state})
        call = Call.read(f"{path}{'&' if '?' in path else '?'}{query}")
        answer = self.server.http.send(call)
        if answer.status in PASSING:
            raise read_failure(call, answer)
        return self._judge(grant, uri, answer, state)

    def _judge(self, grant: str, uri: str, answer: Answer, state: str) -> Evidence:
        location = answer.headers.get("location", "") if 300 <= answer.status < 400 else ""  # noqa: PLR2004  # RFC 9110 section 15.4
        if not location:
            if answer.is_ok:
                return Evidence(grant, Grade.UNPROVEN, uri, _LOGIN_FIRST)
            why = f"the server says {answer.status}, as it does for a client or a redirect URI that is not registered"
            return Evidence(grant, Grade.FAILED, uri, why, _FIX)
        told = _told_at(location, uri)
        if told is None and self.server.api.is_iam and urlsplit(location).path.endswith("/login"):
            # IAM answers prompt=none itself, unless there is no such client (rec: disabled-client 59 to 61)
            return Evidence(
                grant,
                Grade.FAILED,
                uri,
                "the server leads to its login page, as IAM does for a client_id that it does not know",
                "run iac plan: is the client still on the server?",
            )
        if told is None:
            return Evidence(grant, Grade.UNPROVEN, uri, _LOGIN_FIRST)
        error = told.get("error", [""])[0]
        if error in _NEEDS_USER and told.get("state") == [state]:
            return Evidence(grant, Grade.OK, uri, "the server accepts it for this client")
        code = error if _CODE.fullmatch(error) else "nothing that was to be expected"
        why = f"the server answers at the redirect URI: {code}"
        return Evidence(grant, Grade.FAILED, uri, why, _FIX)


def _request(grant: str, subject: ServiceLogin, verifier: str) -> dict[str, str]:
    """An authorization request (RFC 6749 section 4.1.1) with PKCE (RFC 7636 section 4.3), for nobody."""
    scope = subject.fields.get("scope", ())
    request = {"client_id": subject.client_id, "prompt": "none"}
    request["response_type"] = "code" if grant == "authorization_code" else "token"
    if isinstance(scope, tuple) and scope:
        request["scope"] = " ".join(scope)
    if grant == "authorization_code":
        is_plain = subject.fields.get("code_challenge_method") == "plain"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        request["code_challenge"] = verifier if is_plain else challenge
        request["code_challenge_method"] = "plain" if is_plain else "S256"
    return request


def _told_at(location: str, uri: str) -> dict[str, list[str]] | None:
    """What a redirect says in its query, or in its fragment; None when it leads elsewhere than to the URI."""
    try:
        there, meant = urlsplit(location), urlsplit(uri)
    except ValueError:
        return None
    if _place(there) != _place(meant):
        return None
    return parse_qs(f"{there.query}&{there.fragment}", keep_blank_values=True)


def _place(parts: SplitResult) -> tuple[str, str, str]:
    return parts.scheme.lower(), parts.netloc.lower(), parts.path or "/"
