"""Requests about one client, and what is checked around each write: what is there before, what was kept after.

Each write is sent once. A second try could register a second client, or make a second secret while the first one is on
its way. When no usable answer comes back the object is read, and the read decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct

from iac.core import server
from iac.core.desired import OWNERS
from iac.core.errors import GarbledError, OwnersError, ServerError, StalePlan, UnknownOutcome, UnreachableError
from iac.core.model import AUTH_METHODS, Facts, Fields, NewClient, Registration, uses_secret
from iac.core.plan.change import Action, Change, SecretStep
from iac.core.plan.diff import is_hidden, mismatches
from iac.core.plan.identity import set_apart
from iac.core.secret import Secret
from iac.core.state.model import ClientState, IntentDropped
from iac.ports import Provider
from iac.session.ledger import Ledger


class Requests(Struct, frozen=True):
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
                if self.facts.api.server_chooses:
                    self.ledger.begin_create(change.address)
                return self.provider.create(client)
        except UnknownOutcome as unknown:
            # Never sent again: the lost request may still arrive, and a second client would be in nobody's state.
            if not self.facts.api.server_chooses:
                return self._registered(change, client, unknown)
            if unknown.partial is None:
                raise UnknownOutcome(
                    "the answer to a registration is lost, and with it the only client_id",
                    status=unknown.status,
                    where=change.address,
                    why=f"a client named {change.client_name!r} may be there now; {unknown.why or unknown.summary}",
                    fix="run iac plan: it says how to find the client; no second one is registered without --recreate",
                ) from unknown
            return unknown.partial  # its id, secret and token are nowhere else: they are stored before it is read

    def _registered(self, change: Change, client: NewClient, unknown: UnknownOutcome) -> Registration:
        """The client of a create without a usable answer, if it is there and is ours."""
        registration = read_back(self.provider, unknown, client.client_id)
        if registration is None:
            raise unknown
        with _still(unknown):
            is_ours = self._is_ours(registration, client)
        if is_ours:
            return registration
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

    def _is_ours(self, registration: Registration, client: NewClient) -> bool:
        """Proven by the secret; a client without one is ours when it is what was sent."""
        if client.secret is None:
            names = frozenset(client.fields) - server.forced_by_create(client.fields, self.facts.api)
            return not mismatches(client.fields, names, registration, self.facts, self.defaults)
        if registration.secret is not None:
            return registration.secret == client.secret
        return self.provider.accepts_secret(client.client_id, client.secret)

    def fresh(self, change: Change) -> Registration:
        """The client as it is now, with owners where they are needed; one that cannot be read as the plan has it.

        Raises:
            StalePlan: it is gone.
        """
        if change.observed is not None and change.observed.is_remembered:
            return change.observed
        needs_owners = change.owners_given(change.definition.owners) is not None
        registration = self.provider.get(change.client_id, with_owners=needs_owners)
        if registration is None:
            raise StalePlan("the client was deleted since the plan", where=change.address, fix="run iac plan again")
        additions = change.observed.additions if change.observed else {}
        return set_apart(registration, additions, change.sent_fields)

    def put(self, change: Change, fresh: Registration) -> Registration:
        """Lay the fields of a change over what is there."""
        fields, names = change.sent_fields, change.sent_names
        if not self.facts.api.knows_defaults:
            # What is as it is wanted is sent back as it was read, with what the server has added to it.
            names = frozenset(mismatches(fields, names, fresh, self.facts, self.defaults))
        if self.facts.api.renews_tokens:
            # An answer that is lost may take a new token along: then this says why nobody reaches the client.
            self.ledger.record(self.ledger.intend(change.address, fresh.client_id, Action.UPDATE, begun=True))
        try:
            return self.provider.update(fresh, fields, names)
        except UnknownOutcome as unknown:
            if unknown.partial is not None and self.facts.api.server_chooses:
                return unknown.partial  # a new secret or token is nowhere else: it is stored before the client is read
            registration = read_back(self.provider, unknown, fresh.client_id)
            if registration is None or mismatches(fields, names, registration, self.facts, self.defaults):
                raise
            # Of a field that no read shows nobody can tell whether the write arrived.
            if any(is_hidden(field.name, registration, self.facts) for field in change.fields):
                raise
            return registration

    def rotate(self, change: Change, fresh: Registration) -> Secret:
        """Ask for a new secret."""
        if change.address not in self.ledger.state.intents:  # what was stored of the fields before has ended it
            self.ledger.record(self.ledger.intend(change.address, change.client_id, Action.ROTATE, begun=True))
        try:
            with self._intent_of(change):
                answer = self.provider.rotate(change.client_id)
        except UnknownOutcome as unknown:
            # Never sent again: the second secret would end the first, which a service may have by then.
            registration = read_back(self.provider, unknown, change.client_id)
            if registration is None or registration.secret == fresh.secret:
                raise
            answer = registration
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
            # Several calls make one assignment: a read tells how far they came, and the next plan does the rest.
            registration = read_back(self.provider, unknown, client_id, with_owners=True)
            if registration is None or set(registration.owners or ()) != wanted:
                raise
        except ServerError as refusal:
            raise OwnersError(
                refusal.summary, status=refusal.status, where=refusal.where, why=refusal.why, fix=refusal.fix
            ) from refusal


def accepts(provider: Provider, client_id: str, secret: Secret, fields: Fields) -> bool | None:
    """Whether the token endpoint takes a secret of a client with these fields; None when it does not say."""
    try:
        return provider.accepts_secret(client_id, secret, fields)
    except (ServerError, UnreachableError):
        return None


def read_back(
    provider: Provider, unknown: UnknownOutcome, client_id: str, *, with_owners: bool = False
) -> Registration | None:
    """The client after a write whose outcome is unknown.

    Raises:
        UnknownOutcome: it cannot be read, so the outcome stays unknown.
    """
    # A read may be repeated, and the transport does so; a write never is.
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


def check_same(
    address: str, seen: Registration | None, fresh: Registration, names: Collection[str] | None = None
) -> None:
    """What is about to be overwritten or deleted is what the plan saw.

    Args:
        address: of the client.
        seen: what the plan saw.
        fresh: what is there now.
        names: of the fields that a write replaces; None for all.

    Raises:
        StalePlan: it is not; names the fields.
    """
    if seen is None:
        raise StalePlan("the plan saw no client to change or delete", where=address, fix="run iac plan again")
    # what the plan took for the server's own additions is no change since
    fresh = set_apart(fresh, seen.additions, {})
    if names is None:
        names = seen.fields.keys() | fresh.fields.keys()
    differing = sorted(name for name in names if seen.fields.get(name) != fresh.fields.get(name))
    if None not in {seen.owners, fresh.owners} and fresh.owners != seen.owners:
        differing.append(OWNERS)
    if differing:
        raise StalePlan(
            "somebody changed the client on the server since the plan",
            where=address,
            why=f"fields: {', '.join(differing)}",
            fix="run iac plan again",
        )


def check_secret(change: Change, client: ClientState, answer: Registration) -> None:
    """A secret that was to come came.

    Raises:
        ServerError: the server made none.
    """
    if change.step is SecretStep.TAKE and client.secret is None and uses_secret(answer.fields):
        raise ServerError(
            "the server made no secret",
            where=change.address,
            why=f"the client logs in by {answer.fields.get('token_endpoint_auth_method', AUTH_METHODS[0])},"
            " and no answer showed a secret that works: nobody can use it",
            fix="register another client under another address and remove this one; or change the method back",
        )


def check_kept(wrong: Mapping[str, str], change: Change) -> None:
    """What was answered is what was sent.

    Args:
        wrong: by field, what became of it.
        change: the change.

    Raises:
        ServerError: it is not.
    """
    if wrong:
        told = (f"{name} ({words})" if words else name for name, words in sorted(wrong.items()))
        raise ServerError(
            "the server did not keep the values that iac sent",
            where=change.address,
            why=f"fields: {', '.join(told)}; the client and its secret are in state",
            fix="run iac plan to see both values; change the definition, or ask an administrator of the server",
        )
