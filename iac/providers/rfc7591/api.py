"""Any server with dynamic client registration (RFC 7591) behind the Provider port, with RFC 7592 where it has that."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

from iac.core.errors import CredentialsError, IacError, ServerError, UnreachableError
from iac.core.registration import Registration, UnreadReason
from iac.core.text import printable
from iac.providers.answer import error_code, read_failure, write_failure
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

_NOT_ALLOWED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Rfc7591(Registrar):
    """Clients that were registered at a server, each with its registration access token."""

    api = PROVIDER.api
    gone_for_login = gone_for_token = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
    # RFC 7592 section 2.1 has 401 for a client that is gone too, so it says neither
    refused_token = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

    def _is_anonymous(self) -> bool:
        return not self._has_login

    def _unread(self, client_id: str) -> UnreadReason | None:
        key = self._key(client_id)
        if key.unread is not None:
            return key.unread
        # The address comes from an answer, or from the state. Whoever could write it there would get the token, so the
        # token goes to the server's own origin only.
        with suppress(CredentialsError):
            if key.rat is not None and key.uri and self._issuer.path_of(key.uri):
                return None
        return UnreadReason.NO_ADDRESS

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
                why="its discovery documents have no registration_endpoint (RFC 8414 section 2)",
                fix="name it in iac.yaml, registration_endpoint: URL; a server without one cannot be used",
            )
        return self._issuer.path_of(declared)

    def _check_create(self) -> None:
        self._registration_path()

    def _read_failure(self, call: Call, answer: Answer) -> IacError:
        return read_failure(call, answer)

    def _write_failure(self, call: Call, answer: Answer, fresh: Registration | None) -> IacError:
        if fresh is None and call.method == "POST" and answer.status in _NOT_ALLOWED:
            return self._not_let_in(call, answer)
        code = error_code(answer)
        if answer.status == HTTPStatus.BAD_REQUEST and code in _REFUSALS:
            summary, fix = _REFUSALS[code]
            where = f"{call.method} {call.path}"
            return ServerError(summary, status=answer.status, where=where, why=server_words(answer), fix=fix)
        if answer.status in _NOT_ALLOWED:
            return CredentialsError(
                "the server does not accept the registration access token",
                where=f"{call.method} {call.path}",
                why=f"it has expired, or another one took its place; {server_words(answer)}",
                fix="get a new one from the server's operator and provide it: iac secret token ADDR",
            )
        return write_failure(call, answer)

    def _not_let_in(self, call: Call, answer: Answer) -> CredentialsError:
        return CredentialsError(
            "the server registers clients only with an initial access token",
            where=f"{call.method} {call.path}",
            why=f"it {'does not accept this one' if self._has_login else 'asks for one'}; {server_words(answer)}",
            fix="auth: {method: initial_access_token, token: {env: IAC_TOKEN}}, with a token of the server",
        )
