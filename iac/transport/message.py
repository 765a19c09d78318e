"""A request, its answer decoded within a bound, and what a server says: words made safe to show, times. Pure."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import isfinite
from typing import Any
from urllib.parse import unquote_plus, urlencode

from msgspec import field
from msgspec.structs import replace

from iac.core.limits import DECODED_AT_ONCE
from iac.core.secret import Secret, Unshown
from iac.core.state.codec import refuse_constant, unique_members
from iac.core.text import printable

_CREDENTIALS = re.compile(r'(?:client_(?:secret|assertion)|device_code|refresh_token)(?:=|"\s*:\s*")([^&"]+)')
"""Credentials in a form (RFC 6749 sections 2.3.1 and 6, RFC 7521 section 4.2, RFC 8628) or in the JSON of a client."""

_TEXT = "text/plain"


class Call(Unshown, frozen=True):
    """One request to make.

    Attributes:
        path: on the server's origin, percent-encoded, with its query.
        is_read: it has no lasting effect, so it may be sent again.
        is_query_shown: logs may show the query of the path.
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
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
        if kind == "Basic":  # the password (RFC 7617 section 2)
            sent.append(base64.b64decode(authorization).decode(errors="replace").partition(":")[2])
        return frozenset(form for text in sent if text for form in (text, unquote_plus(text)))

    def with_authorization(self, value: str) -> Call:
        """The same call with an Authorization header."""
        return replace(self, headers={**self.headers, "Authorization": value})


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number is too large")
    return number


class Answer(Unshown, frozen=True):
    """The answer to `call`. Names in `headers` are found in any case; `body` is decoded from its encoding."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    call: Call | None = None

    def json(self) -> Any:
        """The body as JSON; None when it is not JSON."""
        try:
            return json.loads(
                self.body, object_pairs_hook=unique_members, parse_constant=refuse_constant, parse_float=_finite
            )
        except (ValueError, RecursionError):
            return None

    def carried(self) -> frozenset[str]:
        """The credentials of the call that it answers."""
        return self.call.carried() if self.call else frozenset()

    @property
    def is_ok(self) -> bool:
        """The server did it."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


LONGEST = 500
"""Characters of a server's words that are shown."""

_OAUTH = ("error", "error_description")


def server_words(answer: Answer, hidden: Iterable[Secret | None] = (), members: Sequence[str] = _OAUTH) -> str:
    """The server's words in these members of its JSON, as one safe line: see `safe_words`."""
    body = answer.json()
    if isinstance(body, dict):
        return safe_words(answer, ": ".join(str(body[name]) for name in members if body.get(name)), hidden)
    shape = "an empty answer" if not answer.body else "an answer that is not JSON"
    return f"the server says {answer.status}, with {shape}"


def safe_words(answer: Answer, words: str, hidden: Iterable[Secret | None] = ()) -> str:
    """Words of an answer as one safe line; those that repeat what was sent, or one of `hidden`, are withheld."""
    secrets = answer.carried().union(secret.reveal() for secret in hidden if secret)
    if any(secret in words for secret in secrets if secret):
        return f"the server says {answer.status}, with words that repeat a secret and are not shown"
    shown = printable(words)[:LONGEST]
    return f"the server says {answer.status}: {shown}" if shown else f"the server says {answer.status}"


_PLAIN, _GZIP = frozenset({"", "identity"}), frozenset({"gzip", "x-gzip"})
"""Values of Content-Encoding (RFC 9110 section 8.4.1)."""


class EncodingError(ValueError):
    """A body that cannot be decoded, or not within its bound."""


def decode(chunks: Iterable[bytes], encoding: str, largest: int) -> bytes:
    """The whole body of at most `largest` bytes.

    Args:
        chunks: as they come from the network.
        encoding: the value of Content-Encoding. Only one encoding is undone: each one more multiplies what a small
            answer can grow to.
        largest: bytes that the body may have when it is decoded.

    Raises:
        EncodingError: the body is larger, broken, cut off, or in an encoding that was not asked for.
    """
    name = encoding.strip().lower()
    if name not in _PLAIN | _GZIP:
        raise EncodingError(f"the answer has Content-Encoding {printable(encoding)[:80]}; iac takes gzip or none")
    body = bytearray()
    for piece in _gunzip(chunks) if name in _GZIP else chunks:
        body += piece
        if len(body) > largest:
            raise EncodingError(f"the answer is larger than {largest} bytes")
    return bytes(body)


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """In small pieces, so that whoever counts them can stop."""
    decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    is_empty = True
    try:
        for chunk in chunks:
            is_empty = is_empty and not chunk
            piece = decoder.decompress(chunk, DECODED_AT_ONCE)
            while piece:
                yield piece
                piece = decoder.decompress(decoder.unconsumed_tail, DECODED_AT_ONCE)
    except zlib.error as error:
        raise EncodingError(f"the answer is not gzip, as its Content-Encoding says: {error}") from error
    if not is_empty and (not decoder.eof or decoder.unused_data):
        raise EncodingError("the answer's gzip is cut off, or followed by something else")


TOLERANCE = 30.0
"""Seconds by which two clocks may differ without a word: the header has whole seconds, and requests take time."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def parse_date(value: str | None) -> datetime | None:
    """A date of HTTP (RFC 9110 section 5.6.7); None for none or nonsense."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):  # what the parser of e-mail dates makes of nonsense
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def skew_words(skew: float | None) -> str:
    """The warning that this machine's clock is wrong; "" when it is right. `skew`: seconds that the server is ahead."""
    if skew is None or abs(skew) <= TOLERANCE:
        return ""
    return f"this machine's clock is {_span(abs(skew))} {'behind' if skew > 0 else 'ahead of'} the server's"


def _span(seconds: float) -> str:
    whole = round(seconds)
    for size, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if whole >= size:
            return f"{whole // size} {name}"
    return f"{whole} s"


PASSING = frozenset({429, 502, 503, 504})
"""Statuses that pass: too many requests (RFC 6585), and a proxy without its server (RFC 9110 section 15.6)."""


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 section 10.2.3); None for none or nonsense."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    date = parse_date(value)
    return max(0.0, (date - now).total_seconds()) if date else None
