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


class once:  # noqa: N801  # read as a word: bent(sandbox, once("PUT", path, bend))
    """Bends one success of this method at a path that ends so, after `skip` others; the request has its effect."""

    def __init__(self, method: str, path: str, bend: Callable[[Response], Response], *, skip: int = 0) -> None:
        self.is_done = False
        self._method, self._path, self._bend, self._skip = method, path, bend, skip

    def __call__(self, request: Request, straight: Callable[[], Response]) -> Response:
        response = straight()
        is_meant = request.method == self._method and request.path.endswith(self._path) and response.status < 300
        if self.is_done or not is_meant:
            return response
        self._skip -= 1
        if self._skip >= 0:
            return response
        self.is_done = True
        return self._bend(response if response.body else replace(response, status=200, body=b"{}"))


def every(method: str, path: str, bend: Callable[[Response], Response]) -> Callable[..., Response]:
    """Bends every success of this method at a path that ends so."""

    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        response = straight()
        is_meant = request.method == method and request.path.endswith(path) and response.status < 300
        return bend(response) if is_meant else response

    return answer
