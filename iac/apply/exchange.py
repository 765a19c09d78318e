"""Writes, each sent once. When no usable answer comes back the object is read, and the read decides."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.core import server
from iac.core.errors import GarbledError, ServerError, StalePlan, UnknownOutcome, UnreachableError
from iac.core.plan.diff import is_hidden, mismatches
from iac.core.state.model import IntentDropped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from iac.core.model import Fields
    from iac.core.plan.change import Change
    from iac.core.registration import Facts, NewClient, Registration
    from iac.core.secret import Secret
    from iac.ports import Provider
    from iac.session.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Exchange:
    """Requests about one client after the other; raises `IacError` when one does not come to its end."""

    provider: Provider
    ledger: Ledger
    facts: Facts
    defaults: Fields

    def register(self, change: Change, client: NewClient) -> Registration:
        """Create a client.

        Raises:
            UnknownOutcome: it may be there. Where the server chooses the id, nobody can tell.
        """
        try:
            with self._intent_of(change):
                return self.provider.create(client)
        except UnknownOutcome as unknown:
            if not self.facts.api.server_chooses:
                return self._registered(change, client, unknown)
            if unknown.partial is None:
                raise _lost(change, unknown) from unknown
            return unknown.partial  # its id, secret and token are nowhere else: they are stored before it is read

    def _registered(self, change: Change, client: NewClient, unknown: UnknownOutcome) -> Registration:
        """The client of a create without a usable answer, if it is there and is ours."""
        found = read_back(self.provider, unknown, client.client_id)
        if found is None:
            raise unknown
        with _still(unknown):
            is_ours = self._is_ours(found, client)
        if is_ours:
            return found
        self.ledger.record(IntentDropped(change.address))
        raise ServerError(
            "somebody else registered this client_id meanwhile",
            where=client.client_id,
            fix="choose another client_id",
        ) from unknown

    @contextmanager
    def _intent_of(self, change: Change) -> Iterator[None]:
        """A refused write had no effect: its intent goes. One without an answer may still arrive: its intent stays."""
        try:
            yield
        except UnknownOutcome:
            raise
        except (ServerError, UnreachableError):
            self.ledger.record(IntentDropped(change.address))
            raise

    def _is_ours(self, found: Registration, client: NewClient) -> bool:
        """Proven by the secret; a client without one is ours when it is what was sent."""
        if client.secret is None:
            names = frozenset(client.fields) - server.forced_by_create(client.fields, self.facts.api)
            return not mismatches(client.fields, names, found, self.facts, self.defaults)
        if found.secret is not None:
            return found.secret == client.secret
        return self.provider.accepts_secret(client.client_id, client.secret)

    def fresh(self, change: Change, *, with_owners: bool) -> Registration:
        """The client as it is now; one that cannot be read as the plan remembered it.

        Raises:
            StalePlan: it is gone.
        """
        if change.observed is not None and change.observed.is_remembered:
            return change.observed
        with self._token_kept(change):
            found = self.provider.get(change.client_id, with_owners=with_owners)
        if found is None:
            raise StalePlan("the client was deleted since the plan", where=change.address, fix="run iac plan again")
        if found.rat is not None:
            self.ledger.keep_rat(change.address, found.rat)
        return found

    @contextmanager
    def _token_kept(self, change: Change) -> Iterator[None]:
        """A read that makes no sense may bring a new token all the same (RFC 7592 section 3): the old one is dead."""
        try:
            yield
        except (GarbledError, UnknownOutcome) as error:
            if error.partial is not None and error.partial.rat is not None:
                self.ledger.keep_rat(change.address, error.partial.rat)
            raise

    def stored(self, change: Change, answer: Registration) -> Registration:
        """What is stored, where an answer is not that yet (rec: self-service-user); else the answer."""
        if not server.reads_back(self.facts):
            return answer
        with self._token_kept(change):
            return self.provider.get(answer.client_id) or answer

    def put(self, change: Change, fresh: Registration, fields: Fields, names: frozenset[str]) -> Registration:
        """Lay the fields of `names` over what is there."""
        try:
            return self.provider.update(fresh, fields, names)
        except UnknownOutcome as unknown:
            if unknown.partial is not None and self.facts.api.server_chooses:
                return unknown.partial  # a new secret or token is nowhere else: it is stored before the client is read
            with self._token_kept(change):
                found = read_back(self.provider, unknown, fresh.client_id)
            if found is None or mismatches(fields, names, found, self.facts, self.defaults):
                raise
            if any(is_hidden(field.name, found, self.facts) for field in change.fields):
                raise
            return found

    def rotate(self, change: Change, fresh: Registration) -> Secret:
        """Ask for a new secret."""
        try:
            with self._intent_of(change):
                answer = self.provider.rotate(change.client_id)
        except UnknownOutcome as unknown:
            found = read_back(self.provider, unknown, change.client_id)
            if found is None or found.secret == fresh.secret:
                raise
            answer = found
        if answer.secret is None:
            raise UnknownOutcome(
                "the answer to a rotation has no secret", where=change.address, fix="run iac apply again"
            )
        return answer.secret

    def assign(self, client_id: str, owners: Collection[str], before: Collection[str]) -> None:
        """Make exactly these accounts the owners."""
        wanted = set(owners)
        add, remove = sorted(wanted - set(before)), sorted(set(before) - wanted)
        try:
            self.provider.assign_owners(client_id, add, remove)
        except UnknownOutcome as unknown:
            found = read_back(self.provider, unknown, client_id, with_owners=True)
            if found is None or set(found.owners or ()) != wanted:
                raise


def read_back(
    provider: Provider, unknown: UnknownOutcome, client_id: str, *, with_owners: bool = False
) -> Registration | None:
    """The client after a write whose outcome is unknown.

    Raises:
        UnknownOutcome: it cannot be read, so the outcome stays unknown.
    """
    with _still(unknown):
        return provider.get(client_id, with_owners=with_owners)


@contextmanager
def _still(unknown: UnknownOutcome) -> Iterator[None]:
    """What fails while an unknown outcome is looked into leaves it unknown, whatever the error is: its intent stays."""
    try:
        yield
    except (ServerError, UnreachableError) as error:
        still = UnknownOutcome(
            unknown.summary,
            status=unknown.status,
            where=unknown.where,
            why=f"{unknown.why}; reading it back failed: {error.summary}{f': {error.why}' if error.why else ''}",
            fix=unknown.fix,
        )
        still.partial = error.partial if isinstance(error, GarbledError) else None
        raise still from error


def _lost(change: Change, unknown: UnknownOutcome) -> UnknownOutcome:
    return UnknownOutcome(
        "the answer to a registration is lost, and with it the only client_id",
        status=unknown.status,
        where=change.address,
        why=f"a client named {change.client_name!r} may be there now; {unknown.why or unknown.summary}",
        fix="run iac plan: it says how to find the client; no second one is registered without --recreate",
    )
