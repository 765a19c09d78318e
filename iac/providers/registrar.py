"""Clients that are reached one by one: each by its registration access token, or by the login that owns it.

What RFC 7591 and RFC 7592 say, and an INDIGO IAM's self service does after them. Paths and refusals are those of the
subclasses.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable
from http import HTTPStatus
from threading import Lock
from typing import ClassVar

from iac.core.errors import IacError, ServerError
from iac.core.model import Actual, Facts, Fields, NewClient, NewToken, Registration, RegistrationAccess, UnreadReason
from iac.core.server import create_body, detect_facts, update_body
from iac.core.text import printable
from iac.ports import Clock, Identity
from iac.providers.answer import Reply, is_done, read_failure, read_reply
from iac.providers.base import Connected, Connection
from iac.providers.logins import Login
from iac.providers.logins.given import AnonymousLogin
from iac.providers.pages import gather
from iac.transport.message import Answer, Call

NOBODY = "anonymous"
"""The subject where nobody logs in."""


class Registrar(Connected):
    """One server's registrations. Close it after use; nothing is sent before the first call.

    Attributes:
        gone_for_login: statuses by which the server says that a login has no such client.
        gone_for_token: statuses by which it says the same to a registration access token.
        refused_token: statuses by which it refuses one, and that say nothing about the client.
    """

    gone_for_login: ClassVar[frozenset[int]]
    gone_for_token: ClassVar[frozenset[int]]
    refused_token: ClassVar[frozenset[int]] = frozenset()

    def __init__(self, connection: Connection, login: Login, clock: Clock) -> None:
        """Make it ready.

        Args:
            connection: where the server is.
            login: `AnonymousLogin` where nobody logs in.
            clock: for lifetimes of tokens.

        Raises:
            InputError: the issuer is no URL to send credentials to.
            CredentialsError: it is not the one of IAC_ISSUER.
        """
        super().__init__(connection, login, clock)
        self._has_login = not isinstance(login, AnonymousLogin)
        self._keys: dict[str, RegistrationAccess] = {}
        self._keep: Callable[[NewToken], None] = lambda _: None
        self._lock = Lock()
        self._seen: Facts | None = None

    def use_keys(self, keys: Iterable[RegistrationAccess]) -> None:
        """Read and write these clients by their tokens from here on."""
        with self._lock:
            self._keys.update({key.client_id: key for key in keys})

    def keep_tokens(self, keep: Callable[[NewToken], None]) -> None:
        """Call this with each new token, before anything else is made of the answer with it."""
        self._keep = keep

    def _read(self, client_ids: Collection[str], owners_of: Collection[str]) -> Actual:
        wanted = sorted(set(client_ids))
        unread = {client_id: why for client_id in wanted if (why := self._unread(client_id)) is not None}
        readable = [client_id for client_id in wanted if client_id not in unread]
        answered = list(gather(self._get_one, readable, self._parallelism))
        found = [answer for answer in answered if isinstance(answer, Registration)]
        refused = {name: why for name, why in zip(readable, answered, strict=True) if isinstance(why, UnreadReason)}
        return Actual.of(self._facts(), found, len(found), {**unread, **refused})

    def _unread(self, client_id: str) -> UnreadReason | None:
        """Why a client cannot be read; None when it can."""
        return self._key(client_id).unread

    def _get(self, client_id: str, *, with_owners: bool) -> Registration | None:
        registration = None if self._unread(client_id) else self._get_one(client_id)
        if registration is None:
            return None
        if isinstance(registration, UnreadReason):
            raise ServerError(
                "the server refuses the registration access token",
                status=HTTPStatus.UNAUTHORIZED,
                where=printable(client_id),
                why="it has ended, another one took its place, or the client was deleted",
                fix="get a new one from the server's operator and provide it: iac secret token ADDR",
            )
        return Reply(registration, registration.invalid_words).of_read(Call.read(self._path(client_id)), client_id)

    def _get_one(self, client_id: str) -> Registration | UnreadReason | None:
        """One client, of which perhaps not every member is understood; or why nobody can tell whether it is there."""
        call = Call.read(self._path(client_id))
        answer = self._send(client_id, call)
        has_token = self._key(client_id).rat is not None
        if answer.status in (self.gone_for_token if has_token else self.gone_for_login):
            return None
        if answer.status in self.refused_token and has_token:
            return UnreadReason.REFUSED
        if not answer.is_ok or not isinstance(answer.json(), dict):
            raise self._read_failure(call, answer)
        reply = self._learned(read_reply(answer, self.api, client_id), by_read=True)
        return reply.client or reply.of_read(call, client_id)

    def _create(self, client: NewClient) -> Registration:
        call = Call.write("POST", self._registration_path(), create_body(client, self.api))
        answer = self._send_as_login(call)
        return self._reply(call, answer, "").of_write(call, answer)

    def _update(self, fresh: Registration, fields: Fields, declared: Collection[str]) -> Registration:
        client_id = fresh.client_id
        call = Call.write("PUT", self._path(client_id), update_body(fresh, fields, declared, self._facts()))
        answer = self._send(client_id, call)
        return self._reply(call, answer, client_id, fresh).of_write(call, answer)

    def _reply(self, call: Call, answer: Answer, client_id: str, fresh: Registration | None = None) -> Reply:
        """The client in the answer to a write. Its token is used from here on, whatever else is wrong."""
        if not answer.is_ok:
            raise self._write_failure(call, answer, fresh)
        return self._learned(read_reply(answer, self.api, client_id), by_read=False)

    def _delete(self, client_id: str) -> None:
        call = Call.write("DELETE", self._path(client_id))
        answer = self._send(client_id, call)
        # 404 alone is gone: 401 is also the answer to a token that another one has replaced, of a client that is there
        if not is_done(answer) and answer.status != HTTPStatus.NOT_FOUND:
            raise self._write_failure(call, answer, None)

    def _identify(self) -> Identity:
        if self._has_login:
            return self._session.identity()
        return Identity(NOBODY, None, self._session.server().endpoints.issuer, "none")

    def _check_write(self) -> None:
        self._identify()

    def _assign_owners(self, client_id: str, add: Collection[str], remove: Collection[str]) -> None:
        if add or remove:
            raise ServerError(
                "owners are set through the management API only",
                where=client_id,
                fix="remove owners, or use provider: iam-admin" if self.api.is_iam else "remove owners",
            )

    def _revoke_tokens(self, client_id: str) -> None:
        raise ServerError(
            "this provider has no call that revokes the tokens of a client",
            where=client_id,
            fix=f"wait until they end by themselves{', or use provider: iam-admin' if self.api.is_iam else ''}",
        )

    def _send(self, client_id: str, call: Call) -> Answer:
        rat = self._key(client_id).rat
        if rat is None:
            return self._send_as_login(call)
        return self._session.http.send(call.with_authorization(f"Bearer {rat.reveal()}"))

    def _send_as_login(self, call: Call) -> Answer:
        return self._session.send(call) if self._has_login else self._session.http.send(call)

    def _key(self, client_id: str) -> RegistrationAccess:
        with self._lock:
            return self._keys.get(client_id, RegistrationAccess(client_id))

    def _learned(self, reply: Reply, *, by_read: bool) -> Reply:
        """An answer; a new registration access token is used from here on (RFC 7592 section 3)."""
        # The server ends the old token with the answer that brings a new one. It is kept before anything of the answer
        # is judged: without it nobody reaches the client again.
        client = reply.client
        if client is not None:
            names = [*client.answer, *(invalid.member for invalid in client.invalid_members)]
            with self._lock:
                self._seen = detect_facts([dict.fromkeys(names)]) or self._seen
                known = self._keys.get(client.client_id)
                before = known or RegistrationAccess(client.client_id)
                rat, uri = client.rat or before.rat, client.registration_uri or before.uri
                self._keys[client.client_id] = RegistrationAccess(client.client_id, rat, uri)
            if known is not None and rat is not None and rat != known.rat:
                self._keep(NewToken(client.client_id, rat, by_read))
        return reply

    def _facts(self) -> Facts:
        seen = self._seen or Facts(shows_secrets=False, has_up_scoping=False)
        return Facts(seen.shows_secrets, seen.has_up_scoping, self.api, is_anonymous=self._is_anonymous())

    def _is_anonymous(self) -> bool:
        return not self._has_login or self._session.is_client()

    @abstractmethod
    def _path(self, client_id: str) -> str:
        """The path of a client on the issuer's origin."""

    @abstractmethod
    def _registration_path(self) -> str:
        """The path on the issuer's origin where clients are registered."""

    def _read_failure(self, call: Call, answer: Answer) -> IacError:
        """The error of a read that gave nothing to use."""
        return read_failure(call, answer)

    @abstractmethod
    def _write_failure(self, call: Call, answer: Answer, fresh: Registration | None) -> IacError:
        """The error of a write: `UnknownOutcome` when it may have had an effect, else it surely had none."""
