"""A request to make and the answer that came back. Pure."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

_CREDENTIALS = re.compile(r'(?:client_(?:secret|assertion)|device_code|refresh_token)(?:=|"\s*:\s*")([^&"]+)')
"""Credentials in a form (RFC 6749 sections 2.3.1 and 6, RFC 7521 section 4.2, RFC 8628) or in the JSON of a client."""

_TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to make.

    Attributes:
        path: on the server's origin, percent-encoded, with its query.
        is_read: it has no lasting effect, so it may be sent again.
        is_query_shown: logs may show the query of the path.
    """

    method: str
    path: str
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_read: bool = False
    is_query_shown: bool = True

    @classmethod
    def read(cls, path: str) -> Call:
        """A GET."""
        return cls("GET", path, is_read=True)

    @classmethod
    def write(cls, method: str, path: str, value: Any = None) -> Call:
        """A write, with `value` as its JSON body unless it is None."""
        if value is None:
            return cls(method, path)
        body = json.dumps(value, separators=(",", ":")).encode()
        return cls(method, path, body, {"Content-Type": "application/json"})

    @classmethod
    def form(cls, path: str, fields: Mapping[str, str]) -> Call:
        """A POST of a form that has no lasting effect: a token request (RFC 6749 section 4.4.2)."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return cls("POST", path, urlencode(fields).encode(), headers, is_read=True)

    def with_text(self, text: str) -> Call:
        """The same call with plain text as its body, which is a credential."""
        return replace(self, body=text.encode(), headers={**self.headers, "Content-Type": _TEXT})

    @property
    def shown(self) -> str:
        """The path as logs show it."""
        return self.path if self.is_query_shown else self.path.partition("?")[0]

    def carried(self) -> frozenset[str]:
        """The credentials that it carries, as they are sent and as they were: an answer must not repeat them."""
        kind, _, authorization = self.headers.get("Authorization", "").partition(" ")
        body = self.body.decode(errors="replace")
        is_text = self.headers.get("Content-Type") == _TEXT
        sent = [authorization, *([body] if is_text else _CREDENTIALS.findall(body))]
        if kind == "Basic":
            sent.append(_password(authorization))
        return frozenset(form for text in sent if text for form in (text, unquote_plus(text)))

    def with_authorization(self, value: str) -> Call:
        """The same call with an Authorization header."""
        headers = {**self.headers, "Authorization": value}
        return replace(self, headers=headers)


def _password(basic: str) -> str:
    """The password of HTTP Basic (RFC 7617 section 2)."""
    return base64.b64decode(basic).decode(errors="replace").partition(":")[2]


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to `call`. Names in `headers` are found in any case; `body` is decoded from its encoding."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    call: Call | None = field(default=None, repr=False)

    def json(self) -> Any:
        """The body as JSON; None when it is none, or has a number that could not be sent back as it came."""
        try:
            return json.loads(self.body, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            return None

    def carried(self) -> frozenset[str]:
        """The credentials of the call that it answers."""
        return self.call.carried() if self.call else frozenset()

    @property
    def is_ok(self) -> bool:
        """The server did it."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
