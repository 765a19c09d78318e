"""Requests and responses: forms, errors and pages of lists in the shapes that IAM has."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

NO_CACHE = "no-cache, no-store, max-age=0, must-revalidate"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
JSON_UTF8 = "application/json;charset=UTF-8"
HTML = "text/html;charset=UTF-8"
_DEFAULT_COUNT = 10
_MAX_COUNT = 100
SESSION_COOKIE = "JSESSIONID"
_UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")  # all but the text of a quoted-string, RFC 9110 section 5.6.4


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    `path` is as sent, still percent-encoded and without the query; `query` holds the last value of each
    parameter; the names in `headers` are lower case.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def parameters(self) -> dict[str, str]:
        """The form in the body and the query, as a servlet reads them (rec: token-errors 18, device-request 26).

        A field that stands twice counts once. A body of another type has no fields (rec: token-errors 19, 20).
        """
        media_type = self.headers.get("content-type", FORM).partition(";")[0].strip().lower()
        body = self.body.decode(errors="replace") if media_type == FORM else ""
        return dict(parse_qsl(body, keep_blank_values=True)) | dict(self.query)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; the names in `headers` are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def with_header(self, name: str, value: str) -> "Response":
        """The same response with one more header."""
        return replace(self, headers={**self.headers, name: value})


class RefusalError(Exception):
    """The request is answered with `response` and goes no further."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class ServerCrashError(Exception):
    """IAM runs into an exception of its own: an HTML page for GET, an empty 405 for all other methods.

    The 405 comes from the error page, which only knows GET (rec: admin-scope-null, admin-list-paging).
    """


def json_response(status: int, value: Any) -> Response:
    """`value` as JSON, as the client APIs send it."""
    return json_text(status, json.dumps(value, ensure_ascii=False))


def json_text(status: int, text: str) -> Response:
    """JSON that is serialised already."""
    return Response(status, {"cache-control": NO_CACHE, "content-type": JSON}, _encode(text))


def _encode(text: str) -> bytes:
    """UTF-8, a question mark for half a character, as Java writes it."""
    return text.encode(errors="replace")


def empty(status: int) -> Response:
    """An answer without body."""
    return Response(status, {"cache-control": NO_CACHE})


def not_allowed(*methods: str) -> Response:
    """An empty 405. Beside real ones it stands for errors of all methods but GET.

    IAM forwards them to its error page, which takes GET alone and says so (rec: token-errors 23, revoke).
    """
    return empty(405).with_header("allow", ",".join(methods))


def redirect(location: str, status: int = 302) -> Response:
    """A redirect."""
    return Response(status, {"cache-control": NO_CACHE, "location": location})


def html_error(status: int) -> Response:
    """The error page for browsers."""
    page = f"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Error {status}</h1></body></html>"
    return Response(status, {"cache-control": NO_CACHE, "content-type": HTML}, page.encode())


def html_form(action: str, button: str, **fields: str | None) -> str:
    """A form; a field without a value is typed by the user."""
    rows = [
        f'<label>{name} <input name="{name}" type="{"password" if name == "password" else "text"}"></label>'
        if value is None
        else f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in fields.items()
    ]
    return f'<form method="post" action="/{action}">{"".join(rows)}<button>{button}</button></form>'


def html_page(title: str, content: str) -> Response:
    """A page with the title as its heading."""
    text = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1>{content}</body></html>"
    return Response(200, {"cache-control": "no-store", "content-type": HTML}, text.encode())


def error(status: int, message: str) -> Response:
    """The error of the client APIs: one key."""
    return json_response(status, {"error": message})


def oauth_error(status: int, code: str, description: str, *, challenge: str | None = None) -> Response:
    """The error of the OAuth endpoints: two keys, repeated in WWW-Authenticate when `challenge` is given.

    `challenge` is the scheme with its realm, e.g. `Bearer realm="openidconnect"` (RFC 6750 section 3).
    """
    headers = {"cache-control": "no-store", "content-type": JSON}
    if challenge is not None:
        joint = "," if "realm" in challenge else ""
        quoted = _UNQUOTABLE.sub("?", description)
        headers["www-authenticate"] = f'{challenge}{joint} error="{code}", error_description="{quoted}"'
    body = json.dumps({"error": code, "error_description": description}, ensure_ascii=False)
    return Response(status, headers, _encode(body))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list a request asks for: `start` counts from 0 (rec: admin-list-paging)."""

    start: int
    count: int

    @property
    def stop(self) -> int:
        """The position after the last one."""
        return self.start + self.count


def read_page(query: Mapping[str, str]) -> PageRequest:
    """The page that `count` and `startIndex` ask for; more than 100 are cut to 100 without a word.

    Raises:
        ServerCrashError: for a page that begins before 1 or has nothing.
        RefusalError: 400 unless it is a number.
    """
    try:
        count = int(query.get("count") or _DEFAULT_COUNT)
        start = int(query.get("startIndex") or 1)
    except ValueError as broken:
        raise RefusalError(empty(400)) from broken
    if count < 1 or start < 1:
        raise ServerCrashError
    return PageRequest(start - 1, min(count, _MAX_COUNT))


def page_response(page: PageRequest, total: int, resources: Sequence[str]) -> Response:
    """The answer that holds the page's `resources`, each of them JSON already."""
    head = json.dumps({"totalResults": total, "itemsPerPage": len(resources), "startIndex": page.start + 1})
    return json_text(200, f'{head[:-1]}, "Resources": [{", ".join(resources)}]}}')
