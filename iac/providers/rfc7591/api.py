"""Any server with dynamic client registration (RFC 7591) behind the Provider port, with RFC 7592 where it has that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TypeVar

from iac.core.errors import CredentialsError, IacError, InputError, ServerError, UnreachableError
from iac.core.model import Registration, UnreadReason
from iac.core.text import printable
from iac.providers.answer import error_code, write_failure
from iac.providers.registrar import Registrar
from iac.providers.rfc7591 import PROVIDER
from iac.transport.message import Answer, Call, server_words

T = TypeVar("T")

_REFUSALS = {
    "invalid_redirect_uri": ("the server does not take a redirect URI", "correct redirect_uris"),
    "invalid_client_metadata": ("the server refuses the value of a field", "correct the field that it names"),
    "invalid_software_statement": ("the server refuses the software statement", "iac sends none: ask its operator"),
    "unapproved_software_statement": ("the server asks for a software statement", "iac sends none: ask its operator"),
}
"""RFC 7591 section 3.2.2."""

_REFUSED = "the server refuses the request", "change what it names, or ask the server's operator"


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

    def _list_clients(self, make: Callable[[Registration], T]) -> list[T]:
        raise InputError(
            "a server with RFC 7591 does not list its clients",
            why="RFC 7592 reads one client at a time, by its registration access token",
            fix="iac state list shows the clients of this project",
        )

    def _rotate(self, client_id: str) -> Registration:
        raise ServerError(
            "RFC 7592 has no call for a new secret",
            where=client_id,
            fix="lifecycle: {rotation: replace} in its definition",
        )

    def _path(self, client_id: str) -> str:
        return self._issuer.path_of(self._key(client_id).uri)

    def _registration_path(self) -> str:
        declared = self._session.server().endpoints.others.get("registration_endpoint", "")
        if not declared:
            raise UnreachableError(
                "this server registers no clients",
                where=printable(self._session.server().endpoints.issuer),
                why="its discovery documents have no registration_endpoint (RFC 8414 section 2)",
                fix="name it in iac.yaml, registration_endpoint: URL; a server without one cannot be used",
            )
        return self._issuer.path_of(declared)

    def _check_create(self) -> None:
        self._registration_path()

    def _write_failure(self, call: Call, answer: Answer, fresh: Registration | None) -> IacError:
        """Refusals in the server's words first; what iac knows of them stands behind."""
        is_create = call.method == "POST"
        code = error_code(answer)
        if answer.status == HTTPStatus.UNAUTHORIZED and is_create:
            return self._not_let_in(call, answer)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            why = "the registration access token has expired, another one took its place, or the client was deleted"
            fix = "get a new one from the server's operator and provide it: iac secret token ADDR"
        elif answer.status == HTTPStatus.FORBIDDEN:
            # Keycloak's policies say insufficient_scope too, which is a token's matter in RFC 6750 section 3.1
            whom = "the token may not do this" if code == "insufficient_scope" else "who sends it"
            why = f"a policy of the server refuses what was sent, or {whom}"
            asks = "" if self._has_login or not is_create else "; perhaps it asks for an initial access token (auth)"
            fix = f"change what it names, or ask the server's operator to allow it{asks}"
        elif is_create and answer.status in self.gone_for_login:
            why = "there is no registration endpoint at this address"
            fix = "correct registration_endpoint in iac.yaml; without it, ask the server's operator"
        elif answer.status == HTTPStatus.BAD_REQUEST:
            why, fix = _REFUSALS.get(code, _REFUSED)
        else:
            return write_failure(call, answer)
        where = f"{call.method} {call.path}"
        return ServerError(server_words(answer), status=answer.status, where=where, why=why, fix=fix)

    def _not_let_in(self, call: Call, answer: Answer) -> CredentialsError:
        if not self._has_login:
            why = "the server registers clients only with an initial access token"
            fix = "auth: {method: initial_access_token, token: {env: IAC_TOKEN}}, with a token of the server"
        else:
            why = "the token of auth has ended, was used up, or is another server's"
            fix = "get a new initial access token from the server's operator; the clients that are done need none"
        return CredentialsError(server_words(answer), where=f"{call.method} {call.path}", why=why, fix=fix)
