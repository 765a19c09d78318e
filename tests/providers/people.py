"""A user in front of a browser, for logins by device code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from iac.sandbox.model import DEVICE_GRANT, Client

if TYPE_CHECKING:
    from iac.sandbox.iam import Iam

CLIENT_ID, CLIENT_SECRET = "people", "people-secret"
SCOPES = ("iam:admin.read", "iam:admin.write", "offline_access", "openid")


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Browser:
    """Sends forms and keeps the session; does not follow where it is sent."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._cookie = ""
        self._opener = build_opener(_Stay)

    def get(self, path: str) -> tuple[int, str]:
        return self._open(Request(f"{self._base}/{path}"))

    def post(self, path: str, **form: str) -> tuple[int, str]:
        return self._open(Request(f"{self._base}/{path}", data=urlencode(form).encode()))

    def _open(self, request: Request) -> tuple[int, str]:
        request.add_header("Cookie", self._cookie)
        try:
            answer = self._opener.open(request, timeout=5)
        except HTTPError as error:
            answer = error
        with answer:
            self._cookie = answer.headers.get("set-cookie", self._cookie).partition(";")[0]
            return answer.status, answer.headers.get("location") or answer.read().decode()


def log_in(base: str, username: str = "admin") -> Browser:
    """A browser with a session of a user of the seed."""
    browser = Browser(base)
    assert browser.get("device") == (302, f"{base}/login")
    assert browser.post("login", username=username, password="password") == (302, f"{base}/device")
    return browser


def decide(base: str, user_code: str, *, is_yes: bool = True, username: str = "admin") -> str:
    """What a user does who was shown a code; the title of the last page."""
    browser = log_in(base, username)
    _, page = browser.post("device/verify", user_code=user_code)
    assert user_code in page
    _, page = browser.post("device/approve", user_code=user_code, user_oauth_approval=str(is_yes).lower())
    return page.partition("<h1>")[2].partition("</h1>")[0]


def code_in(words: str) -> str:
    """The user code in what somebody is told."""
    found = re.search(r"enter the code\s+([A-Z0-9_-]{6})\s", words)
    assert found, words
    return found[1]


def add_client(iam: Iam, **changes: object) -> None:
    """The client that people log in through."""
    store = iam.world.store
    values = {
        "client_id": CLIENT_ID,
        "client_name": "People & co",
        "client_secret": CLIENT_SECRET,
        "grant_types": (DEVICE_GRANT, "refresh_token"),
        "scope": SCOPES,
        **changes,
    }
    store.put(Client(key=store.new_key(), **values))  # type: ignore[arg-type]
