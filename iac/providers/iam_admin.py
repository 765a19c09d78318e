"""INDIGO IAM's management API (/iam/api/clients) behind the Provider port.

Paths and statuses are here, bodies are `iac.core.semantics`, errors `iac.providers.refusal`.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from iac.core.errors import CredentialsError, ServerError
from iac.core.registration import Actual, Facts
from iac.core.semantics import create_body, detect_facts, parse_answer, switch, update_body
from iac.core.text import printable
from iac.providers.connected import Connected
from iac.providers.paging import Page, PagedList, gather, read_page
from iac.providers.path import client_path
from iac.providers.probe import Probe
from iac.providers.refusal import cannot_revoke, is_missing, read_failure, write_failure
from iac.transport.message import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from iac.core.model import Fields
    from iac.core.registration import NewClient, Registration
    from iac.core.secret import Secret
    from iac.ports import Clock, Identity
    from iac.providers.connection import Connection
    from iac.providers.logins import Login
    from iac.transport.message import Answer

T = TypeVar("T")

FEW = 10
"""Up to so many clients are read one by one, whatever the server holds."""

WRITE_SCOPE = "iam:admin.write"
"""What a login needs that changes clients (rec: admin-authorization)."""

_CLIENTS = "/iam/api/clients"
_UNKNOWN = Facts(shows_secrets=False, has_up_scoping=False)


class IamAdmin(Connected):
    """The clients of one INDIGO IAM. A context manager; nothing is sent before the first call."""

    def __init__(self, connection: Connection, login: Login, clock: Clock) -> None:
        """Make it ready; raises as `Connected`."""
        super().__init__(connection, login, clock)
        self._base = self._issuer.path + _CLIENTS
        self._facts: Facts | None = None

    def _read(self, client_ids: Collection[str], owners_of: Collection[str]) -> Actual:
        wanted = set(client_ids)
        for client_id in wanted:
            self._path(client_id)
        total = self._count()
        found = self._find(wanted, total)
        missing = wanted - found.keys()
        if missing and not _is_cheaper_one_by_one(len(wanted), total):
            found |= self._find(missing, total)
        found |= self._with_owners(found[client_id] for client_id in set(owners_of) & found.keys())
        return Actual(self._facts or _UNKNOWN, found, total)

    def _pages(self) -> PagedList:
        return PagedList(lambda first, count: self._page(self._base, first, count), self._parallelism)

    def _count(self) -> int:
        page = self._page(self._base, switch("first-index"), 1)
        self._facts = detect_facts(page.entries) or self._facts
        return page.total

    def _find(self, client_ids: set[str], total: int) -> dict[str, Registration]:
        if _is_cheaper_one_by_one(len(client_ids), total):
            answered = gather(self._get_one, sorted(client_ids), self._parallelism)
            found = [registration for registration in answered if registration is not None]
        else:
            found = self._pages().read(total, lambda entry: _parse_wanted(entry, client_ids))
        return {registration.client_id: registration for registration in found}

    def _list_clients(self, make: Callable[[Registration], T]) -> list[T]:
        return self._pages().read(self._count(), lambda entry: make(parse_answer(entry)))

    def _owners_of(self, client_ids: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        wanted = sorted(client_ids)
        return dict(zip(wanted, gather(self._owners, wanted, self._parallelism), strict=True))

    def _page(self, path: str, first: int, count: int) -> Page:
        return read_page(self._session, path, first, count)

    def _get(self, client_id: str, *, with_owners: bool) -> Registration | None:
        registration = self._get_one(client_id)
        if registration is None or not with_owners:
            return registration
        return replace(registration, owners=self._owners(client_id))

    def _get_one(self, client_id: str) -> Registration | None:
        call = Call.read(self._path(client_id))
        answer = self._session.send(call)
        if is_missing(answer):
            return None
        body = _client_of(answer)
        if body is None:
            raise read_failure(call, answer)
        return parse_answer(body)

    def _with_owners(self, registrations: Iterable[Registration]) -> dict[str, Registration]:
        owned = list(registrations)
        owners = gather(lambda registration: self._owners(registration.client_id), owned, self._parallelism)
        return {
            registration.client_id: replace(registration, owners=uuids)
            for registration, uuids in zip(owned, owners, strict=True)
        }

    def _owners(self, client_id: str) -> tuple[str, ...]:
        pages = PagedList(lambda first, count: self._page(self._path(client_id, "/owners"), first, count))
        first = self._page(self._path(client_id, "/owners"), switch("first-index"), switch("page-size"))
        uuids = [entry.get("id") for entry in first.entries]
        if len(uuids) < first.total:
            uuids = pages.read(first.total, lambda entry: entry.get("id"))
        return tuple(sorted({uuid for uuid in uuids if isinstance(uuid, str)}))

    def _identify(self) -> Identity:
        return self._session.identity()

    def _known_scopes(self) -> frozenset[str]:
        return self._session.endpoints().scopes

    def _create(self, client: NewClient) -> Registration:
        call = Call.write("POST", self._base, create_body(client))
        return self._write(call, hidden=[client.secret])

    def _update(self, fresh: Registration, fields: Fields, declared: Collection[str]) -> Registration:
        call = Call.write("PUT", self._path(fresh.client_id), update_body(fresh, fields, declared, self._known_facts()))
        return self._write(call, hidden=[fresh.secret])

    def _rotate(self, client_id: str) -> Registration:
        return self._write(Call.write("POST", self._path(client_id, "/secret")))

    def _delete(self, client_id: str) -> None:
        call = Call.write("DELETE", self._path(client_id))
        answer = self._session.send(call)
        if not answer.is_ok and not is_missing(answer):
            raise write_failure(call, answer)

    def _assign_owners(self, client_id: str, add: Collection[str], remove: Collection[str]) -> None:
        for method, uuids in (("POST", add), ("DELETE", remove)):
            for uuid in sorted(uuids):
                self._assign_owner(method, client_id, uuid)

    def _assign_owner(self, method: str, client_id: str, uuid: str) -> None:
        call = Call.write(method, self._path(client_id, f"/owners/{quote(uuid, safe='')}"))
        answer = self._session.send(call)
        if answer.is_ok:
            return
        failure = write_failure(call, answer)
        if type(failure) is ServerError:
            failure.fix = (
                f"check that {printable(uuid)} is the UUID of an account of this IAM (owners in the definition)"
            )
        raise failure

    def _revoke_tokens(self, client_id: str) -> None:
        for kind in ("refresh", "access"):
            call = Call.write("PATCH", self._path(client_id, f"/revoke-{kind}-tokens"))
            answer = self._session.send(call)
            if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
                raise cannot_revoke(call)
            if not answer.is_ok:
                raise write_failure(call, answer)

    def _accepts_secret(self, client_id: str, secret: Secret) -> bool:
        registration = self._get_one(client_id)
        probe = Probe.of(registration, secret) if registration else None
        return probe is not None and probe.ask(self._session.http, self._session.endpoints(), self._clock)

    def _check_write(self) -> None:
        scopes = self._session.identity().scopes
        if scopes is not None and WRITE_SCOPE not in scopes:
            raise CredentialsError(
                "the login may not write clients",
                why=f"its token has scopes: {' '.join(sorted(scopes)) or 'none'}",
                fix=f"log in with a client that an administrator gave {WRITE_SCOPE}",
            )

    def _write(self, call: Call, hidden: Collection[Secret | None] = ()) -> Registration:
        answer = self._session.send(call)
        body = _client_of(answer)
        if body is None:
            raise write_failure(call, answer, hidden)
        return parse_answer(body)

    def _known_facts(self) -> Facts:
        if self._facts is None:
            self._count()
        return self._facts or _UNKNOWN

    def _path(self, client_id: str, suffix: str = "") -> str:
        return client_path(self._base, client_id, suffix)


def _is_cheaper_one_by_one(count: int, total: int) -> bool:
    return count <= FEW or count * switch("page-size") < total


def _parse_wanted(entry: Mapping[str, Any], client_ids: Collection[str]) -> Registration | None:
    if switch("entries-without-id") and not entry.get("client_id"):
        return None
    return parse_answer(entry) if entry["client_id"] in client_ids else None


def _client_of(answer: Answer) -> dict[str, Any] | None:
    body = answer.json() if answer.is_ok else None
    return body if isinstance(body, dict) and isinstance(body.get("client_id"), str) else None
