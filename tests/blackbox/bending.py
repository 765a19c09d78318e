"""Answers of a server that make no sense, made from those that do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.blackbox.kit import with_members

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request, Response


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body) if body else {}
    return value if isinstance(value, dict) else {}


def _twice(response: Response) -> Response:
    """The same with its client_name there twice."""
    text = json.dumps({**_object(response.body), "client_name": "First"})
    return replace(response, body=f'{text[:-1]}, "client_name": "Second"}}'.encode())


def _deep(response: Response) -> Response:
    nested = "[" * 5000 + "]" * 5000
    text = json.dumps({**_object(response.body), "x": 0})
    return replace(response, body=text.replace('"x": 0', f'"x": {nested}').encode())


BENT: dict[str, Callable[[Response], Response]] = {
    "another kind": lambda response: with_members(response, client_name=["a list", {}]),
    "another client": lambda response: with_members(response, client_id="another-client"),
    "a path as its client": lambda response: with_members(response, client_id="../../x"),
    "no client": lambda response: with_members(response, client_id=None),
    "a page": lambda response: replace(response, headers={"content-type": "text/html"}, body=b"<html>Hello</html>"),
    "nothing": lambda response: replace(response, body=b""),
    "a list": lambda response: replace(response, body=b"[1, 2]"),
    "a part": lambda response: replace(response, body=response.body[: len(response.body) // 2]),
    "too deep": _deep,
    "members twice": _twice,
}
"""How an answer about a client can make no sense, by name."""

KEEPS_SECRET = {"another kind"}
"""Those of which a new secret can be read all the same."""


def once(method: str, path: str, bend: Callable[[Response], Response]) -> Callable[..., Response]:
    """Bends the first success of this method at a path that ends so; the request has its effect."""
    is_waiting = True

    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        nonlocal is_waiting
        response = straight()
        if not is_waiting or request.method != method or not request.path.endswith(path) or response.status >= 300:
            return response
        is_waiting = False
        if not response.body:
            response = replace(response, status=200, body=b"{}")
        return bend(response)

    return answer


def every(method: str, path: str, bend: Callable[[Response], Response]) -> Callable[..., Response]:
    """Bends every success of this method at a path that ends so."""

    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        response = straight()
        is_meant = request.method == method and request.path.endswith(path) and response.status < 300
        return bend(response) if is_meant else response

    return answer
