"""JSON over HTTP, as both forges speak it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from iac.core.errors import InputError, UnreachableError
from iac.core.origin import Address
from iac.core.secret import Secret
from iac.ports import Clock
from iac.transport.http import Http, Transport
from iac.transport.message import Answer, Call, server_words

_PAGE, _PAGES = 100, 1000


def variable(environ: Mapping[str, str], name: str) -> str:
    """A variable that the forge sets, or whoever set up the pipeline.

    Raises:
        InputError: it is not set.
    """
    if not environ.get(name):
        raise InputError(f"{name} is not set", why="a job of a pipeline needs it", fix=f"set {name} for this job")
    return environ[name]


class JsonApi:
    """The API below one URL.

    Args:
        url: of the API, without a slash at its end.
        environ: has the token.
        token: the variable of the token.
        clock: for pauses between attempts.
    """

    def __init__(self, url: str, environ: Mapping[str, str], token: str, clock: Clock) -> None:
        address = Address.parse(url)
        if address is None:
            raise InputError("the forge's URL cannot be used", where=url, fix="use https")
        self._base = address.path.rstrip("/")
        self._secret = Secret(variable(environ, token))
        self._fix = f"check what the token in {token} may do"
        self._clock = clock
        self._http = Http(address, Transport(setting="the forge's URL"), clock)

    def read(self, path: str) -> Any:
        """What is at a path."""
        return self._ok(self._send(Call.read(self._base + path))).json()

    def find(self, path: str) -> Any:
        """What is at a path; None where nothing is."""
        answer = self._send(Call.read(self._base + path))
        return None if answer.status == HTTPStatus.NOT_FOUND else self._ok(answer).json()

    def pages(self, path: str) -> Iterator[Any]:
        """The entries of a list that comes in pages."""
        sign = "&" if "?" in path else "?"
        for page in range(1, _PAGES):
            entries = self.read(f"{path}{sign}per_page={_PAGE}&page={page}")
            yield from entries
            if len(entries) < _PAGE:
                return

    def write(self, method: str, path: str, value: Mapping[str, object]) -> None:
        """Write a value."""
        self._ok(self._send(Call.write(method, self._base + path, value)))

    def file(self, path: str) -> bytes:
        """The file at a path; "" where none is. A forge sends on to a storage, which gets no token."""
        answer = self._send(Call.read(self._base + path))
        if answer.status == HTTPStatus.NOT_FOUND:
            return b""
        storage = Address.parse(answer.headers.get("location", ""))
        if answer.is_ok or storage is None:
            return self._ok(answer).body
        http = Http(storage, Transport(setting="the forge's URL"), self._clock)
        try:
            return self._ok(http.send(Call("GET", storage.path, is_read=True, is_query_shown=False))).body
        finally:
            http.close()

    def _send(self, call: Call) -> Answer:
        return self._http.send(call.with_authorization(f"Bearer {self._secret.reveal()}"))

    def _ok(self, answer: Answer) -> Answer:
        if answer.is_ok:
            return answer
        where = f"{answer.call.method} {answer.call.path.partition('?')[0]}" if answer.call else ""
        why = server_words(answer, members=("message", "error"))
        raise UnreachableError("the forge refuses a request", where=where, why=why, fix=self._fix)
