"""Writes, each sent once. When no usable answer comes back the object is read, and the read decides."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.core import semantics
from iac.core.diff import is_hidden, mismatches
from iac.core.errors import ServerError, StalePlan, UnknownOutcome, UnreachableError
from iac.core.registration import Api
from iac.core.state import IntentDropped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from iac.apply.ledger import Ledger
    from iac.core.change import Change
    from iac.core.model import Fields
    from iac.core.registration import Facts, NewClient, Registration
    from iac.core.secret import Secret
    from iac.ports import Provider


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
            if self.facts.api is not Api.ADMIN:
                raise _lost(change, unknown) from unknown
            found = self.provider.get(client.client_id)
            if found is None:
                raise
            if self._is_ours(found, client):
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
            names = frozenset(client.fields) - semantics.forced_by_create(client.fields, self.facts.api)
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
        found = self.provider.get(change.client_id, with_owners=with_owners)
        if found is None:
            raise StalePlan("the client was deleted since the plan", where=change.address, fix="run iac plan again")
        if found.rat is not None:
            self.ledger.keep_rat(change.address, found.rat)
        return found

    def read_back(self, answer: Registration) -> Registration:
        """What is stored, where an answer is not that yet (rec: self-service-user); else the answer."""
        if not semantics.reads_back(self.facts):
            return answer
        return self.provider.get(answer.client_id) or answer

    def put(self, change: Change, fresh: Registration, fields: Fields, names: frozenset[str]) -> Registration:
        """Lay the fields of `names` over what is there."""
        try:
            return self.provider.update(fresh, fields, names)
        except UnknownOutcome:
            found = self.provider.get(fresh.client_id)
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
        except UnknownOutcome:
            found = self.provider.get(change.client_id)
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
        except UnknownOutcome:
            found = self.provider.get(client_id, with_owners=True)
            if found is None or set(found.owners or ()) != wanted:
                raise


def _lost(change: Change, unknown: UnknownOutcome) -> UnknownOutcome:
    return UnknownOutcome(
        "the answer to a registration is lost, and with it the only client_id",
        status=unknown.status,
        where=change.address,
        why=f"a client named {change.client_name!r} may be there now; {unknown.why or unknown.summary}",
        fix="run iac plan: it says how to find the client; no second one is registered without --recreate",
    )
