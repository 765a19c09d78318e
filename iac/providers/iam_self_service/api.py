"""INDIGO IAM's self service (/iam/api/client-registration) behind the Provider port.

A user owns what the user registers; nobody gets a registration access token (rec: self-service-user,
self-service-anonymous).
"""

from __future__ import annotations

from http import HTTPStatus

from iac.core.errors import CredentialsError, IacError, ServerError, UnreachableError
from iac.core.model import Registration
from iac.providers.answer import read_failure, write_failure
from iac.providers.base import client_path
from iac.providers.iam_self_service import PROVIDER
from iac.providers.pages import read_page
from iac.providers.registrar import Registrar
from iac.transport.message import Answer, Call, server_words

_REGISTRATIONS = "/iam/api/client-registration"
_CLIENTS = "/iam/api/clients"
_MINE = "/iam/account/me/clients"
_PAGE = 100


class IamSelfService(Registrar):
    """The clients of one user of an INDIGO IAM, or those that nobody owns."""

    api = PROVIDER.api
    # 404 for a user who is no owner; 400 for a login that counts as nobody (rec: self-service-user)
    gone_for_login = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST})
    # the client is gone, or another token has taken this one's place
    gone_for_token = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})

    def _rotate(self, client_id: str) -> Registration:
        """From 1.14 an owner may call the management API's rotation."""
        call = Call.write("POST", client_path(self._issuer.path + _CLIENTS, client_id, "/secret"))
        answer = self._session.send(call)
        if answer.status == HTTPStatus.FORBIDDEN:
            raise write_failure(call, answer)
        return self._reply(call, answer, client_id).of_rotation(call, answer)

    def _redeem(self, client_id: str) -> Registration:
        rat = self._key(client_id).rat
        call = Call.write("POST", client_path(self._registration_path(), client_id, "/redeem"))
        if rat is None or self._is_anonymous():
            raise CredentialsError(
                "only a user can take a client over",
                where=client_id,
                why="no user is logged in; a client's token does not count as a user's",
                fix="set auth in iac.yaml to a user's: method device, oidc-agent, token or wlcg",
            )
        answer = self._session.send(call.with_text(rat.reveal()))
        return self._reply(call, answer, client_id).of_write(call, answer)

    def _find_by_name(self, client_name: str) -> tuple[str, ...]:
        """Of a user's own clients (rec: self-service-user); nobody has a list."""
        if self._is_anonymous():
            return ()
        # read page by page, in order: a user has few clients, and the list may change meanwhile
        found: list[str] = []
        start, total = 1, 1
        while start <= total:
            page = read_page(self._session, self._issuer.path + _MINE, start, _PAGE)
            named = [entry.get("client_id") for entry in page.entries if entry.get("client_name") == client_name]
            found += [client_id for client_id in named if isinstance(client_id, str)]
            total = page.total if page.entries else 0
            start += len(page.entries)
        return tuple(sorted(found))

    def _path(self, client_id: str) -> str:
        return client_path(self._registration_path(), client_id)

    def _registration_path(self) -> str:
        return self._issuer.path + _REGISTRATIONS

    def _read_failure(self, call: Call, answer: Answer) -> IacError:
        if answer.status == HTTPStatus.FORBIDDEN:
            return self._closed(call, answer)
        return read_failure(call, answer)

    def _write_failure(self, call: Call, answer: Answer, fresh: Registration | None) -> IacError:
        if answer.status == HTTPStatus.FORBIDDEN:
            if fresh is None or fresh.answer.get("active") is not False:
                return self._closed(call, answer)
            return ServerError(
                "the client is suspended; only an administrator can change it",
                status=answer.status,
                where=f"{call.method} {call.path}",
                why=server_words(answer),
                fix="ask an administrator of the IAM to enable it",
            )
        if answer.status == HTTPStatus.NOT_FOUND and answer.json() is None:
            return UnreachableError(
                "this server has no self service",
                where=f"{call.method} {call.path}",
                why=server_words(answer),
                fix="check that issuer is an INDIGO IAM whose client registration is enabled, or use another provider",
            )
        if answer.status == HTTPStatus.UNAUTHORIZED and self._has_login:
            return read_failure(call, answer)
        return write_failure(call, answer)

    def _closed(self, call: Call, answer: Answer) -> CredentialsError:
        """The server's setting keeps this login out (IAM's client-registration.allow-for)."""
        if self._is_anonymous():
            summary = "self service of this server asks for the login of a user or an administrator"
            fix = "log in as a user (auth.method device, oidc-agent, token or wlcg), or use provider: iam-admin"
        else:
            summary = "self service of this server is for administrators only, or not for this user"
            fix = "ask an administrator of the IAM to register the client, or use provider: iam-admin"
        return CredentialsError(summary, where=f"{call.method} {call.path}", why=server_words(answer), fix=fix)
