"""Any server with dynamic client registration (RFC 7591) behind the Provider port, with RFC 7592 where it has that."""

from __future__ import annotations

from http import HTTPStatus

from iac.core.errors import CredentialsError, IacError, ServerError, UnreachableError
from iac.core.registration import Registration, Unread
from iac.core.text import printable
from iac.ports import Clock
from iac.providers.answer import error_code, read_failure, write_failure
from iac.providers.base import Connection
from iac.providers.discovery import OAUTH, OPENID
from iac.providers.logins import Login
from iac.providers.registrar import Registrar
from iac.providers.rfc7591 import PROVIDER
from iac.transport.message import Answer, Call, server_words

_REFUSALS = {
    "invalid_redirect_uri": ("the server does not take a redirect URI", "correct redirect_uris"),
    "invalid_client_metadata": ("the server refuses the value of a field", "correct the field that it names"),
    "invalid_software_statement": ("the server refuses the software statement", "iac sends none: ask its operator"),
    "unapproved_software_statement": ("the server asks for a software statement", "iac sends none: ask its operator"),
}
"""RFC 7591 section 3.2.2."""


class Rfc7591(Registrar):
    """Clients that were registered at a server, each with its registration access token."""

    api = PROVIDER.api

    def __init__(self, connection: Connection, login: Login, clock: Clock) -> None:
        """Make it ready; raises as `Registrar`."""
        super().__init__(connection, login, clock, documents=(OPENID, OAUTH))

    def _is_anonymous(self) -> bool:
        return not self._has_login

    def _unread(self, client_id: str) -> Unread | None:
        key = self._key(client_id)
        if key.is_closed:
            return Unread.NO_KEY
        return None if key.rat is not None and self._is_here(key.uri) else Unread.NO_ADDRESS

    def _is_here(self, uri: str) -> bool:
        """Whether there is an address, and it is the server's own: no token is sent elsewhere."""
        # the address comes out of an answer, or of state: whoever could write it there would get the token sent
        try:
            return bool(uri and self._issuer.path_of(uri))
        except CredentialsError:
            return False

    def _gone_for_login(self) -> frozenset[int]:
        return frozenset({HTTPStatus.NOT_FOUND})

    def _rotate(self, client_id: str) -> Registration:
        raise ServerError("RFC 7592 has no call for a new secret", where=client_id, fix="make a new client")

    def _path(self, client_id: str) -> str:
        return self._issuer.path_of(self._key(client_id).uri)

    def _registration_path(self) -> str:
        declared = self._session.endpoints().others.get("registration_endpoint", "")
        if not declared:
            raise UnreachableError(
                "this server registers no clients",
                where=printable(self._session.endpoints().issuer),
                why="its discovery document has no registration_endpoint (RFC 8414 section 2)",
                fix="register the client by hand, or use the provider of this server",
            )
        return self._issuer.path_of(declared)

    def _read_failure(self, call: Call, answer: Answer) -> IacError:
        return read_failure(call, answer)

    def _write_failure(self, call: Call, answer: Answer, fresh: Registration | None) -> IacError:
        if fresh is None and call.method == "POST" and answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return self._not_let_in(call, answer)
        code = error_code(answer)
        if answer.status == HTTPStatus.BAD_REQUEST and code in _REFUSALS:
            summary, fix = _REFUSALS[code]
            where, words = f"{call.method} {call.path}", server_words(answer)
            return ServerError(summary, status=answer.status, where=where, why=words, fix=fix)
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return _token_refused(call, answer)
        return write_failure(call, answer)

    def _not_let_in(self, call: Call, answer: Answer) -> CredentialsError:
        has = "does not accept this one" if self._has_login else "asks for one"
        return CredentialsError(
            "the server registers clients only for who has an initial access token",
            where=f"{call.method} {call.path}",
            why=f"it {has}; {server_words(answer)}",
            fix="auth: {method: initial_access_token, token: {env: IAC_TOKEN}}, with a token of the server",
        )


def _token_refused(call: Call, answer: Answer) -> CredentialsError:
    return CredentialsError(
        "the server does not accept the registration access token",
        where=f"{call.method} {call.path}",
        why=f"it has expired, or another one took its place; {server_words(answer)}",
        fix="get a new one from the server's operator and hand it in: iac secret token ADDR",
    )
