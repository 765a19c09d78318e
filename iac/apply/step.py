"""One change at a time: what is sent, what is read back, what is stored, in this order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from iac.apply.delete import Deletion
from iac.apply.request import Requests, accepts, check_kept, check_same, check_secret
from iac.core import server
from iac.core.desired import DesiredClient
from iac.core.errors import Diagnostic, IacError, ServerError, Severity, UnknownOutcome, UnreachableError
from iac.core.model import NewClient, Registration, members, uses_secret
from iac.core.plan.change import Action, Change, SecretChange, SecretStep
from iac.core.plan.diff import fate, mismatches
from iac.core.plan.identity import set_apart
from iac.core.rotation import with_expiry
from iac.core.secret import Secret
from iac.core.state.codec import kept_answer
from iac.core.state.model import ClientState, ClientWritten, Predecessor, SealedSecret, SecretStatus, State
from iac.session.ledger import SecretKind


def stored_client(change: Change, state: State) -> ClientState | None:
    """What was last applied to this very client; None for one that is new to its address."""
    client = state.clients.get(change.address)
    return client if client is not None and client.client_id == change.client_id else None


def with_secret(client: ClientState, secret: SealedSecret | None) -> ClientState:
    """The client with a secret that is known, or with none."""
    return replace(client, secret=secret, secret_status=SecretStatus.KNOWN if secret else SecretStatus.NONE)


def _predecessors(change: Change, before: ClientState | None) -> tuple[Predecessor, ...]:
    """The predecessors of a client that is written: those of the one that stands there; another becomes one itself."""
    if before is None or not change.succeeds or before.client_id == change.client_id:
        return before.predecessors if before else ()
    grace = next((old.grace for old in change.leaving if old.client_id == before.client_id), 0)
    return (*before.predecessors, Predecessor(replace(before, predecessors=()), grace))


class Steps(Requests, frozen=True):
    """Does one change; raises `IacError` when it does not come to its end."""

    provider_name: str

    def do(self, change: Change) -> tuple[Diagnostic, ...]:
        """Carry out one change; what is worth knowing about how the server did it."""
        before = stored_client(change, self.ledger.state)
        match change.action:
            case Action.DELETE:
                Deletion(self.provider, self.ledger).delete(change)
            case Action.FORGET:
                Deletion(self.provider, self.ledger).forget(change)
            case _ if change.creates:
                self._create(change, change.definition)
            case _:
                self._update(change, change.definition)
        after = self.ledger.state.clients.get(change.address)
        return tuple(_added(change, before, after)) if after else ()

    def _create(self, change: Change, desired: DesiredClient) -> None:
        # The secret is the one of the intent, which is durable: whatever becomes of this request, the next run has it.
        sealed, chosen = self._chosen_secret(change)
        answer = self.register(change, NewClient(change.client_id, change.sent_fields, chosen))
        client = with_secret(self._new_client(change), sealed)
        if answer.secret is not None and answer.secret != chosen and uses_secret(desired.fields):
            client = with_secret(client, self.ledger.seal(change.address, answer.secret))
        change = replace(change, client_id=answer.client_id or change.client_id)
        if (change.carried or change.carried_owners) and not self.facts.api.server_chooses:
            self._take_over(change, answer, client)
            return
        not_kept, client, answer = self._settle(change, answer, client)
        if not_kept and set(not_kept) <= server.forced_by_create(change.sent_fields, self.facts.api):
            # Some servers force fields when a client is made and keep them as sent in a PUT.
            answer = self.put(change, self.fresh(change))
            not_kept, client, answer = self._settle(change, answer, client)
        if desired.owners:
            # Owners come last and are stored only once assigned: a client without its owners is a smaller loss than
            # one whose id and secret are in no state.
            self.assign(change.client_id, desired.owners, ())
            self._store(change, answer, replace(client, owners=desired.owners))
        check_kept(not_kept, change)
        if self.facts.api.server_chooses and not self.facts.api.shows_true_secrets:
            check_secret(change, client, answer)

    def _take_over(self, change: Change, answer: Registration, client: ClientState) -> None:
        """End a create that gives a client what another one had.

        Its intent stays until all of that is there: only a change that resumes the create knows what is still missing.
        """
        if client.secret != self.ledger.state.intents[change.address].secret:
            self.ledger.record(self.ledger.intend(change.address, change.client_id, Action.CREATE, client.secret))
        not_kept = self._not_kept(change, answer)
        if not_kept and set(not_kept) <= server.forced_by_create(change.sent_fields, self.facts.api):
            answer = self.put(change, self.fresh(change))
        owners = change.definition.owners
        self.assign(change.client_id, change.owners_given(owners) or (), ())
        check_kept(self._store(change, answer, replace(client, owners=owners)), change)

    def _settle(
        self, change: Change, answer: Registration, client: ClientState, before: Registration | None = None
    ) -> tuple[Mapping[str, str], ClientState, Registration]:
        """Make an answer durable, then read back what is stored and hold that against what was sent.

        The answer goes first: its secret and its token may be nowhere else, and the read can fail. Gives names of
        fields in which the server did not keep what was sent, the client as state has it, and the last answer. `before`
        is what the write has replaced; None for a create.
        """
        client = self._with_answered(change, answer, client)
        if answer.secret is not None and self._is_answered(change, answer, client, before):
            client = with_secret(client, self.ledger.seal(change.address, answer.secret))
        if change.step is SecretStep.TAKE and client.secret is None and uses_secret(answer.fields):
            # A secret that was to be taken from an answer which has none is not known.
            client = replace(client, secret_status=SecretStatus.UNKNOWN)
        not_kept = self._store(change, answer, client)
        # an answer may not be what is stored yet (rec: self-service-user)
        stored = (self.provider.get(answer.client_id) if server.reads_back(self.facts) else None) or answer
        if stored is not answer:
            client = self._with_answered(change, stored, client)
            if self.facts.api.renews_tokens and client.rat is not None:
                client = replace(client, token_renewed=bool(client.token_renewed))
            if stored.secret is not None and self._is_shown(stored, client):
                client = with_secret(client, self.ledger.seal(change.address, stored.secret))
            not_kept = self._store(change, stored, client)
        return not_kept, client, stored

    def _update(self, change: Change, desired: DesiredClient) -> None:
        with self._withdrawn_on_failure(change):
            # Read again right before the write: somebody may have changed the client while the plan was looked at.
            fresh = self.fresh(change)
            check_same(change.address, change.observed, fresh, change.definition.managed)
            client, seen = self._client_before(change, fresh), change.observed
            # the plan has proven the secret that it saw, where that is needed
            is_proven = self.facts.api.shows_true_secrets or fresh.secret == (seen.secret if seen else None)
            if change.step is SecretStep.CHOOSE:
                # Up to 1.13 a PUT sets the secret that it carries (rec: admin-auth-method-matrix).
                sealed, secret = self._chosen_secret(change)
                client, fresh = with_secret(client, sealed), replace(fresh, secret=secret)
            elif change.step is SecretStep.TAKE and fresh.secret is not None and is_proven:
                client = with_secret(client, self.ledger.seal(change.address, fresh.secret))
            elif change.step is SecretStep.DROP:
                client = with_secret(client, None)
            answer = fresh
            is_lacking = bool(change.carried and self._not_kept(change, fresh))
            if change.writes_fields or is_lacking or change.step is SecretStep.CHOOSE:
                answer = self.put(change, fresh)
        if answer is not fresh and server.reads_back(self.facts):
            _, client, answer = self._settle(change, answer, client, fresh)
        if change.step is SecretStep.ROTATE:
            client = self._rotate(change, fresh, answer, client)
        not_kept = self._store(change, answer, client)
        owners = change.owners_given(desired.managed_owners)
        if owners is not None:
            self.assign(change.client_id, owners, fresh.owners or ())
            self._store(change, answer, replace(client, owners=desired.managed_owners))
        check_kept(not_kept, change)
        if self.facts.api.server_chooses and not self.facts.api.shows_true_secrets:
            check_secret(change, client, answer)

    def _rotate(self, change: Change, fresh: Registration, answer: Registration, client: ClientState) -> ClientState:
        """The client with the new secret that the server made; the fields come first, for they need no new secret.

        A refusal leaves the old secret good, so the fields are stored with it. An unknown outcome stores nothing: its
        intent stays, and the next run takes the old secret for dead.
        """
        try:
            secret = self.rotate(change, fresh)
        except (ServerError, UnreachableError) as refusal:
            if not isinstance(refusal, UnknownOutcome):
                self._store(change, answer, client)
            raise
        return replace(
            with_secret(client, self.ledger.seal(change.address, secret)), secret_serial=change.definition.secret_serial
        )

    @contextmanager
    def _withdrawn_on_failure(self, change: Change) -> Iterator[None]:
        """What fails before a new secret is asked for takes its intent along, but for a PUT that may still arrive."""
        try:
            yield
        except IacError as error:
            intent, events = self.ledger.state.intents.get(change.address), self.ledger.withdrawn(change.address)
            is_open = isinstance(error, UnknownOutcome) and intent is not None and intent.action == Action.UPDATE
            if events and not is_open:
                self.ledger.record(*events)
            raise

    def _with_answered(self, change: Change, answer: Registration, client: ClientState) -> ClientState:
        """The client with the token of an answer, where the server chooses one."""
        if not self.facts.api.server_chooses:
            return client
        if answer.registration_uri:
            client = replace(client, registration_uri=answer.registration_uri)
        held = stored_client(replace(change, client_id=answer.client_id), self.ledger.state)
        if held is not None:  # a new token is stored as soon as it comes
            client = replace(client, rat=held.rat or client.rat, token_renewed=held.token_renewed)
        if answer.rat is not None and not (client.rat and client.rat.holds(answer.rat)):
            client = replace(client, rat=self.ledger.seal(change.address, answer.rat, SecretKind.TOKEN))
        return client

    def _is_answered(
        self, change: Change, answer: Registration, client: ClientState, before: Registration | None
    ) -> bool:
        """Whether the secret in the answer to a write is the client's new one, where the server chooses secrets.

        Where iac chooses, the plan has said what becomes of the secret. Some servers answer a PUT with what their reads
        show: a mask, or a hash.
        """
        if not self._may_be_new(answer, client) or answer.secret is None:
            return False
        if self.facts.api.shows_true_secrets or before is None:
            return True
        if client.secret is None:
            # Where the token endpoint tells nothing, a secret that was there may be masked, and a new one is not.
            is_accepted = accepts(self.provider, answer.client_id, answer.secret, answer.fields)
            return not uses_secret(before.fields) if is_accepted is None else is_accepted
        if answer.secret == before.secret:
            return False
        known = self.ledger.open(change.address, client.secret)
        return not accepts(self.provider, answer.client_id, known, answer.fields)

    def _is_shown(self, stored: Registration, client: ClientState) -> bool:
        """Whether the secret that a read shows right after a write is the client's; none takes the place of one."""
        if not self._may_be_new(stored, client) or stored.secret is None:
            return False
        if self.facts.api.shows_true_secrets:
            return True
        return client.secret is None and bool(accepts(self.provider, stored.client_id, stored.secret, stored.fields))

    def _may_be_new(self, answer: Registration, client: ClientState) -> bool:
        is_stored = client.secret is not None and client.secret.holds(answer.secret)
        return self.facts.api.server_chooses and uses_secret(answer.fields) and not is_stored

    def _not_kept(self, change: Change, answer: Registration) -> Mapping[str, str]:
        """The fields in which an answer is not what was sent, each with what became of it."""
        answer = set_apart(answer, self._additions(change, answer), change.sent_fields)
        names = mismatches(change.sent_fields, change.sent_names, answer, self.facts, self.defaults)
        return {name: fate(name, change.sent_fields.get(name), answer.fields.get(name)) for name in names}

    def _additions(self, change: Change, answer: Registration) -> Mapping[str, tuple[str, ...]]:
        """By field, items that the server has added to what was sent. What it was to take out is none of them."""
        if self.facts.api.knows_defaults:
            return {}
        removed = {field.name: set(field.removed) for field in change.fields}
        wanted = server.forced(change.sent_fields, self.facts.api)
        found = {
            name: {*members(answer.fields.get(name)), *answer.additions.get(name, ())}
            - {*members(wanted.get(name)), *removed.get(name, ())}
            for name in change.sent_names
        }
        return {name: tuple(sorted(items)) for name, items in found.items() if items}

    def _store(self, change: Change, answer: Registration, client: ClientState) -> Mapping[str, str]:
        """Make the answer durable; the fields in which it is not what was sent, each with what became of it.

        Of `client` the owners and what belongs to its secret and token are stored; the rest is of this change. A field
        that the server did not keep is stored as it answered: the next plan shows it as drift.
        """
        desired = change.definition
        not_kept = self._not_kept(change, answer)
        own = {name: value for name, value in desired.fields.items() if name not in desired.open}
        applied = dict(server.forced(own, self.facts.api))
        applied |= {name: answer.fields[name] for name in desired.open if name in answer.fields}
        for name in not_kept:
            applied.pop(name, None)
            if name in answer.fields and name in desired.declared:
                applied[name] = answer.fields[name]
        client = replace(
            client,
            client_id=answer.client_id or desired.client_id,
            provider=self.provider_name,
            applied=applied,
            declared=desired.declared - desired.implied,
            additions=client.additions if answer.is_remembered else self._additions(change, answer),
            prevent_destroy=desired.lifecycle.prevent_destroy,
            applied_at=self.ledger.now(),
            adopted_at=self._adopted_at(change),
            generation=desired.generation,
            predecessors=_predecessors(change, self.ledger.state.clients.get(change.address)),
            answer=self._answer(change, answer, client),
        )
        self.ledger.record(ClientWritten(desired.address, client))
        return not_kept

    def _answer(self, change: Change, answer: Registration, client: ClientState) -> Mapping[str, Any] | None:
        """The answer, with the end of the secret that the client has now; where nothing was read, the one before it."""
        stored = stored_client(replace(change, client_id=answer.client_id), self.ledger.state)
        before = stored.answer if stored else None
        if answer.is_remembered:
            return before
        is_same = stored is not None and stored.secret == client.secret
        is_shown = client.secret is not None and client.secret.holds(answer.secret)
        return with_expiry(kept_answer(answer.answer), before if is_same else None, shows_secret=is_shown)

    def _adopted_at(self, change: Change) -> str:
        stored = stored_client(change, self.ledger.state)
        if stored is not None:
            return stored.adopted_at
        is_taken = change.observed is not None and not change.resumes
        return self.ledger.now() if is_taken else ""

    def _new_client(self, change: Change) -> ClientState:
        """A client of which state holds nothing yet; a store fills in what this leaves out."""
        serial = change.definition.secret_serial
        return ClientState(change.client_id, self.provider_name, {}, frozenset(), secret_serial=serial)

    def _client_before(self, change: Change, fresh: Registration) -> ClientState:
        """What state holds until the secret's own step is done, or what an interrupted create chose."""
        desired = change.definition
        stored, intent = stored_client(change, self.ledger.state), self.ledger.state.intents.get(change.address)
        client = stored or self._new_client(change)
        if not self.facts.api.uses_tokens:
            client = replace(client, rat=None, registration_uri="")
        if change.resumes and intent is not None and intent.secret is not None:
            # the server's secret, where it shows another than was chosen
            secret = intent.secret
            if fresh.secret is not None and not secret.holds(fresh.secret):
                secret = self.ledger.seal(change.address, fresh.secret)
            return replace(with_secret(client, secret), secret_serial=desired.secret_serial)
        if stored is None:
            is_known = change.step is SecretStep.ROTATE or not uses_secret(desired.fields)
            return replace(client, secret_status=SecretStatus.NONE if is_known else SecretStatus.UNKNOWN)
        if change.step is not SecretStep.ROTATE:
            return replace(client, secret_serial=max(stored.secret_serial, desired.secret_serial))
        # Another run's intent to rotate is still there: that request may have arrived, and its answer is lost.
        is_another_runs = intent is not None and intent.run_id != self.ledger.state.run_id
        is_dead = is_another_runs or change.secret is SecretChange.CREATED
        return replace(client, secret_status=SecretStatus.UNKNOWN) if is_dead and stored.secret else client

    def _chosen_secret(self, change: Change) -> tuple[SealedSecret | None, Secret | None]:
        """The secret that the intent holds, sealed and in clear; None for a client that has none."""
        sealed = self.ledger.state.intents[change.address].secret
        return sealed, self.ledger.open(change.address, sealed) if sealed else None


def _added(change: Change, before: ClientState | None, after: ClientState) -> Iterator[Diagnostic]:
    """What the server has added to lists of the definition, said when it is new."""
    known = before.additions if before else {}
    for name, items in sorted(after.additions.items()):
        if new := sorted(set(items) - set(known.get(name, ()))):
            yield Diagnostic(
                "server-added",
                f"the server has added to {name}: {', '.join(new)}",
                change.definition.at(name),
                "it is remembered as the server's own, and no difference from now on",
                f"declare it in {name}, if the client needs it",
                Severity.WARNING,
                change.address,
                {"field": name, "value": new[0]},
            )
