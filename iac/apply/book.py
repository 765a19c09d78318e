"""What state learns from an answer: fields, secret, registration access token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iac.apply.sent import desired_of, last_of, predecessors_with
from iac.core import semantics
from iac.core.answer import kept_answer
from iac.core.diff import mismatches
from iac.core.model import uses_secret
from iac.core.registration import Api
from iac.core.state import ClientState, ClientWritten, SecretStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.apply.ledger import Ledger
    from iac.apply.sent import Sent
    from iac.core.change import Change
    from iac.core.model import Fields
    from iac.core.registration import Facts, Registration
    from iac.core.secret import Secret
    from iac.core.state import SealedSecret


@dataclass(frozen=True, slots=True)
class Held:
    """A client's secret, and what reaches the client, as state will hold them.

    Attributes:
        rat: the registration access token, None where the server gave none.
        uri: the registration_client_uri, "" where the server gave none.
    """

    secret: SealedSecret | None
    status: SecretStatus
    serial: int
    rat: SealedSecret | None = None
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Book:
    """Writes answers into state, durably: what is done next may rely on it."""

    ledger: Ledger
    facts: Facts
    defaults: Fields
    provider_name: str

    def learned(self, address: str, answer: Registration, held: Held) -> Held:
        """What is held after an answer where the server chooses: its secret and its token take the place of the old.

        With the management API the tool has chosen, and the plan has said what becomes of the secret.
        """
        if self.facts.api is Api.ADMIN:
            return held
        if answer.registration_uri:
            held = replace(held, uri=answer.registration_uri)
        if answer.rat is not None and not _is_same(held.rat, answer.rat):
            held = replace(held, rat=self.ledger.seal_rat(address, answer.rat))
        if answer.secret is None or not uses_secret(answer.fields) or _is_same(held.secret, answer.secret):
            return held
        return replace(held, secret=self.ledger.seal_next(address, answer.secret), status=SecretStatus.KNOWN)

    def store(
        self,
        change: Change,
        answer: Registration,
        held: Held,
        sent: Sent,
        owners: tuple[str, ...] | None,
    ) -> list[str]:
        """Make the answer durable; names of the fields in which it is not what was sent."""
        desired = desired_of(change)
        wrong = mismatches(sent.fields, sent.names, answer, self.facts, self.defaults)
        applied = dict(semantics.forced(desired.fields, self.facts.api))
        for name in wrong:
            applied.pop(name, None)
            if name in answer.fields and name in desired.declared:
                applied[name] = answer.fields[name]
        client = ClientState(
            client_id=answer.client_id or desired.client_id,
            provider=self.provider_name,
            applied=applied,
            declared=desired.declared,
            owners=owners,
            secret=held.secret,
            secret_status=held.status,
            secret_serial=held.serial,
            prevent_destroy=desired.lifecycle.prevent_destroy,
            applied_at=self.ledger.now(),
            rat=held.rat,
            registration_uri=held.uri,
            adopted_at=self._adopted_at(change),
            generation=desired.generation,
            predecessors=predecessors_with(change, self.ledger.state.clients.get(change.address)),
            answer=self._answer(change, answer),
        )
        self.ledger.record(ClientWritten(desired.address, client))
        return wrong

    def _answer(self, change: Change, answer: Registration) -> Mapping[str, Any] | None:
        """The answer; where nothing was read, the one before it."""
        if not answer.is_remembered:
            return kept_answer(answer.answer)
        last = last_of(change, self.ledger.state)
        return last.answer if last else None

    def _adopted_at(self, change: Change) -> str:
        last = last_of(change, self.ledger.state)
        if last is not None:
            return last.adopted_at
        is_taken = change.observed is not None and not change.resumes
        return self.ledger.now() if is_taken else ""


def _is_same(stored: SealedSecret | None, answered: Secret) -> bool:
    return stored is not None and answered.fingerprint(stored.salt) == stored.fingerprint
