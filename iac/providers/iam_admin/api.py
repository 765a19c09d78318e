"""INDIGO IAM's management API (/iam/api/clients) behind the Provider port.

Paths and statuses are here, bodies are `iac.core.server`, errors `iac.providers.answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from msgspec.structs import replace

from iac.core.errors import CredentialsError, ServerError
from iac.core.model import Actual, Facts, Fields, InvalidMember, NewClient, Registration
from iac.core.secret import Secret
from iac.core.server import client_id_problem, create_body, detect_facts, parse_answer, switch, update_body
from iac.core.text import is_id, printable
from iac.ports import Clock, Identity
from iac.providers.answer import Reply, is_done, is_missing, read_failure, read_reply, write_failure
from iac.providers.base import Connected, Connection, check_reachable, client_path
from iac.providers.iam_admin import PROVIDER
from iac.providers.logins import Login
from iac.providers.pages import ListPage, PagesAhead, gather, page_spans, read_list, read_page
from iac.transport.message import Answer, Call

T = TypeVar("T")
R = TypeVar("R")

FEW = 10
"""Up to so many clients are read one by one, whatever the server holds."""

READ_SCOPE, WRITE_SCOPE = "iam:admin.read", "iam:admin.write"
"""Scopes to read and to change clients (rec: admin-authorization)."""

_CLIENTS = "/iam/api/clients"
_OWNERS = "asked for their owners"
_UNKNOWN = Facts(shows_secrets=False, has_up_scoping=False)


class IamAdmin(Connected):
    """The clients of one INDIGO IAM. Close it after use; nothing is sent before the first call."""

    api = PROVIDER.api

    def __init__(self, connection: Connection, login: Login, clock: Clock) -> None:
        """Make it ready; raises as `Connected`."""
        super().__init__(connection, login, clock)
        self._base = self._issuer.path + _CLIENTS
        self._facts: Facts | None = None
        self._ahead: PagesAhead | None = None

    def close(self) -> None:
        """Close all connections."""
        if self._ahead is not None:
            self._ahead.close()
        super().close()

    def _read_ahead(self, expected: int) -> None:
        """The first page and, if it is cheaper than to ask for each client, the list."""
        start = switch("first-index")

        def wanted(total: int) -> list[range]:
            return [] if _is_cheaper_one_by_one(expected, total) else page_spans(start, start + total)

        fetch = partial(read_page, self._session, self._base, scope=READ_SCOPE)
        self._ahead = PagesAhead(fetch, (start, 1), wanted, self._parallelism)
        self._ahead.start(self._session.log_in)

    def _read(self, client_ids: Collection[str], owners_of: Collection[str]) -> Actual:
        wanted = set(client_ids)
        for client_id in wanted:
            self._path(client_id)
        total = self._count()  # first, for it tells the flavour, by which all that follows is read
        found = self._find(wanted, total)
        missing = wanted - found.keys()
        if missing and "" in found:  # the list had an id that is no text: it may be any of the missing
            found |= self._ask(missing)
        # The list is no snapshot: a client that is deleted while it is read moves another one over a page's edge. What
        # was not found would be registered again, so it is looked for once more (rec: admin-list-paging).
        elif missing and not _is_cheaper_one_by_one(len(wanted), total):
            found |= self._find(missing, total)
        found.pop("", None)
        owned = [found[client_id] for client_id in sorted(set(owners_of) & found.keys())]
        found |= {client.client_id: client for client in self._told(self._with_owners, owned, _OWNERS)}
        return Actual.of(self._facts or _UNKNOWN, found.values(), total)

    def _count(self) -> int:
        page = self._page(self._base, switch("first-index"), 1)
        self._facts = detect_facts(page.entries) or self._facts
        return page.total

    def _find(self, client_ids: set[str], total: int) -> dict[str, Registration]:
        if _is_cheaper_one_by_one(len(client_ids), total):
            return self._ask(client_ids)
        found = self._list(total, lambda entry: _parse_wanted(entry, client_ids))
        return {registration.client_id: registration for registration in found}

    def _ask(self, client_ids: set[str]) -> dict[str, Registration]:
        answered = self._told(self._get_one, sorted(client_ids), "read")
        return {registration.client_id: registration for registration in answered if registration is not None}

    def _list_clients(self, make: Callable[[Registration], T]) -> list[T]:
        return self._list(self._count(), lambda entry: make(parse_answer(entry)))

    def _list(self, total: int, keep: Callable[[Mapping[str, Any]], T | None]) -> list[T]:
        return read_list(partial(self._page, self._base), total, keep, self._parallelism)

    def _owners_of(self, client_ids: Collection[str]) -> Mapping[str, tuple[str, ...] | InvalidMember]:
        # the list has clients that no path reaches (rec: admin-client-ids-odd): the others are told all the same
        wanted = sorted(
            name for name in filter(is_id, client_ids) if not client_id_problem(name, PROVIDER.api, is_new=False)
        )
        return dict(zip(wanted, self._told(self._owners, wanted, _OWNERS), strict=True))

    def _told(self, work: Callable[[T], R], items: Sequence[T], verb: str) -> Iterator[R]:
        """As `gather`, with clients for items; `verb` is what happens to them, for whoever waits."""
        if items:
            self._progress.begin(len(items), "client", verb)
        for result in gather(work, items, self._parallelism):
            yield result
            self._progress.leave("")
        self._progress.end()

    def _page(self, path: str, first: int, count: int) -> ListPage:
        page = self._ahead.take(first, count) if self._ahead is not None and path == self._base else None
        return page or read_page(self._session, path, first, count, READ_SCOPE)

    def _get(self, client_id: str, *, with_owners: bool) -> Registration | None:
        registration = self._get_one(client_id)
        if registration is None:
            return None
        registration = self._with_owners(registration) if with_owners else registration
        call = Call.read(self._path(client_id))
        return Reply(registration, registration.invalid_words).of_read(call, client_id)

    def _get_one(self, client_id: str) -> Registration | None:
        """One client, of which perhaps not every member is understood."""
        call = Call.read(self._path(client_id))
        answer = self._session.send(call)
        if is_missing(answer):
            return None
        if not answer.is_ok or not isinstance(answer.json(), dict):
            raise read_failure(call, answer, READ_SCOPE)
        reply = read_reply(answer, PROVIDER.api, client_id)
        return reply.client or reply.of_read(call, client_id)

    def _with_owners(self, client: Registration) -> Registration:
        owners = self._owners(client.client_id)
        if isinstance(owners, InvalidMember):
            return replace(client, invalid_members=(*client.invalid_members, owners))
        return replace(client, owners=owners)

    def _owners(self, client_id: str) -> tuple[str, ...] | InvalidMember:
        fetch = partial(self._page, self._path(client_id, "/owners"))
        first = fetch(switch("first-index"), switch("page-size"))
        uuids = [entry.get("id") for entry in first.entries]
        if len(uuids) < first.total:
            uuids = [entry.get("id") for entry in read_list(fetch, first.total, lambda entry: entry)]
        known = {uuid for uuid in uuids if isinstance(uuid, str) and uuid.isprintable()}
        if not all(isinstance(uuid, str) and uuid in known for uuid in uuids):
            return InvalidMember("owners", "accounts that each have an id of printable text", "another one")
        return tuple(sorted(known))

    def _identify(self) -> Identity:
        return self._session.identity()

    def _create(self, client: NewClient) -> Registration:
        call = Call.write("POST", self._base, create_body(client))
        return self._write(call, client.client_id, hidden=[client.secret])

    def _update(self, fresh: Registration, fields: Fields, declared: Collection[str]) -> Registration:
        if self._facts is None:
            self._count()
        facts = self._facts or _UNKNOWN
        # The body has the secret: no name holds it while the server is asked, or a traceback would show it.
        call = Call.write("PUT", self._path(fresh.client_id), update_body(fresh, fields, declared, facts))
        return self._write(call, fresh.client_id, hidden=[fresh.secret])

    def _rotate(self, client_id: str) -> Registration:
        call = Call.write("POST", self._path(client_id, "/secret"))
        answer = self._session.send(call)
        return _reply(call, answer, client_id).of_rotation(call, answer)

    def _delete(self, client_id: str) -> None:
        call = Call.write("DELETE", self._path(client_id))
        answer = self._session.send(call)
        # gone already is what was wanted; a 404 of some web server between says nothing of the client
        if not is_done(answer) and not is_missing(answer):
            raise write_failure(call, answer, scope=WRITE_SCOPE)

    def _assign_owners(self, client_id: str, add: Collection[str], remove: Collection[str]) -> None:
        for method, uuids in (("POST", add), ("DELETE", remove)):
            for uuid in sorted(uuids):
                self._assign_owner(method, client_id, uuid)

    def _assign_owner(self, method: str, client_id: str, uuid: str) -> None:
        call = Call.write(method, self._path(client_id, f"/owners/{quote(uuid, safe='')}"))
        answer = self._session.send(call)
        if is_done(answer):
            return
        failure = write_failure(call, answer, scope=WRITE_SCOPE)
        if type(failure) is ServerError:
            failure.fix = f"check that {printable(uuid)} in owners is the UUID of an account of this IAM"
        raise failure

    def _revoke_tokens(self, client_id: str) -> None:
        # refresh tokens first: one that is left could get an access token that is younger than the revocation
        for kind in ("refresh", "access"):
            call = Call.write("PATCH", self._path(client_id, f"/revoke-{kind}-tokens"))
            answer = self._session.send(call)
            # up to 1.12 the call is not there, and says so by 405 (rec: admin-revoke-and-reset)
            if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
                raise ServerError(
                    "this server cannot revoke tokens",
                    status=answer.status,
                    where=f"{call.method} {call.path}",
                    why="IAM up to 1.12 has no call for it; the tokens end by themselves, when their lifetimes"
                    " are over",
                    fix="wait for that, or ask an administrator of the IAM to upgrade it to 1.13 or later",
                )
            if not is_done(answer):
                raise write_failure(call, answer, scope=WRITE_SCOPE)

    def _check_write(self) -> None:
        scopes = self._session.identity().scopes
        if scopes is not None and WRITE_SCOPE not in scopes:
            raise CredentialsError(
                "the login may not write clients",
                why=f"its token has scopes: {' '.join(sorted(scopes)) or 'none'}",
                fix=f"log in with a client that an administrator gave {WRITE_SCOPE}",
            )

    def _write(self, call: Call, client_id: str, hidden: Collection[Secret | None]) -> Registration:
        answer = self._session.send(call)
        return _reply(call, answer, client_id, hidden).of_write(call, answer)

    def _path(self, client_id: str, suffix: str = "") -> str:
        check_reachable(client_id)
        return client_path(self._base, client_id, suffix)


def _is_cheaper_one_by_one(count: int, total: int) -> bool:
    return count <= FEW or count * switch("page-size") < total


def _parse_wanted(entry: Mapping[str, Any], client_ids: Collection[str]) -> Registration | None:
    client_id = entry.get("client_id") if switch("entries-without-id") else entry["client_id"]
    if client_id is None:
        return None
    return parse_answer(entry) if not isinstance(client_id, str) or client_id in client_ids else None


def _reply(call: Call, answer: Answer, client_id: str, hidden: Collection[Secret | None] = ()) -> Reply:
    if not answer.is_ok:
        raise write_failure(call, answer, hidden, WRITE_SCOPE)
    return read_reply(answer, PROVIDER.api, client_id)
