"""One change of a plan: what is done to one address, and who can open its secrets. Pure.

No secret is ever in it: a change only says what becomes of the secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from iac.core.desired import OWNERS, DesiredClient, output_id
from iac.core.errors import Diagnostic, Location, StalePlan
from iac.core.model import Fields, Registration, Value, as_json, members
from iac.core.state.model import SealedSecret


class Recipients(Struct, frozen=True):
    """Who can open the secrets of one address, before and after.

    Attributes:
        before: to whom what state holds is sealed; None where not all of that is known, or nothing is sealed.
        after: whom iac.yaml and the definition name; empty where they name nobody.
        added: those that are surely new to one of the secrets.
        removed: those that surely go.
        is_sealed: whether apply seals to them; what it does not write again stays as it is until `iac state rekey`.
        is_clear: whether what was sealed will be stored in clear (`encryption: none`), for all who read the state.
    """

    before: tuple[str, ...] | None
    after: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    is_sealed: bool = False
    is_clear: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether somebody comes or goes."""
        return bool(self.added or self.removed or self.is_clear)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "before": None if self.before is None else list(self.before),
            "after": list(self.after),
            "added": list(self.added),
            "removed": list(self.removed),
            "sealed": self.is_sealed,
        }


def compare_recipients(
    of_state: tuple[str, ...] | None,
    of_definition: tuple[str, ...],
    secrets: Collection[SealedSecret],
    *,
    is_sealed: bool,
) -> Recipients:
    """What becomes of the recipients of an address.

    Of a secret that a state of format 1.0 holds only the recipients that the definition named are known. Then there is
    no `before`, and only what differs from those comes or goes.

    Args:
        of_state: whom iac.yaml names for every secret of the state; empty where it is not encrypted, None where it
            names nobody.
        of_definition: whom the definition names beside those.
        secrets: what state holds of the address.
        is_sealed: whether apply seals them, or new ones, to those who are wanted.
    """
    is_clear = of_state == () and any(not secret.is_clear for secret in secrets)
    after = set() if of_state == () else {*(of_state or ()), *of_definition}
    sealed = [secret for secret in secrets if not secret.is_clear]
    named = [{recipient(key) for key in secret.recipients} for secret in sealed]
    own = [{recipient(key) for key in secret.state_recipients} for secret in sealed]
    is_known = bool(sealed) and all(own)
    groups = [one | other for one, other in zip(named, own, strict=True)]
    before = set().union(*groups)
    shared = before.intersection(*groups) if is_known else before | set(of_state or ())
    is_compared = bool(sealed and after)
    return Recipients(
        before=tuple(sorted(before)) if is_known else None,
        after=tuple(sorted(after)),
        added=tuple(sorted(after - shared)) if is_compared else (),
        removed=tuple(sorted(before - after)) if is_compared else (),
        is_sealed=is_sealed,
        is_clear=is_clear,
    )


def parse_recipients(keys: Iterable[str]) -> tuple[str, ...]:
    """Public keys as they are compared, sorted."""
    return tuple(sorted({recipient(key) for key in keys}))


def recipient(key: str) -> str:
    """A public key as it is compared: an SSH key without its comment."""
    return " ".join(key.split()[:2])


class Action(StrEnum):
    """What is done to one address; the order of this list is the order of a plan's summary."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    REPLACE = "replace"
    ROTATE = "rotate"
    DELETE = "delete"
    FORGET = "forget"


class Cause(StrEnum):
    """Who made a field differ: the definition, somebody on the server, or both since the last apply."""

    DEFINITION = "definition"
    SERVER = "server"
    BOTH = "both"


class SecretChange(StrEnum):
    """What becomes of a client's secret."""

    CREATED = "created"
    KEPT = "kept"
    ROTATED = "rotated"
    ERASED = "erased"
    NONE = "none"
    UNKNOWN = "unknown"


class SecretStep(StrEnum):
    """What apply does about a secret: nothing, choose, ask for a new one, take the server's, drop."""

    NOTHING = "nothing"
    CHOOSE = "choose"
    ROTATE = "rotate"
    TAKE = "take"
    DROP = "drop"


class OutputAction(StrEnum):
    """What becomes of an output."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    DELETE = "delete"
    BLOCKED = "blocked"


class FieldChange(Struct, frozen=True):
    """One field before (on the server) and after; None for absent. `added` and `removed` for sets alone."""

    name: str
    before: Value | None
    after: Value | None
    cause: Cause
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, before: Value | None, after: Value | None, cause: Cause) -> FieldChange:
        """The change of a field, or of the owners, with what comes and goes where the field is a set."""
        old, new = set(members(before)), set(members(after))
        return cls(name, before, after, cause, tuple(sorted(new - old)), tuple(sorted(old - new)))

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "name": self.name,
            "before": as_json(self.before),
            "after": as_json(self.after),
            "cause": str(self.cause),
            "added": list(self.added),
            "removed": list(self.removed),
        }


class OutputChange(Struct, frozen=True):
    """What becomes of one output.

    Attributes:
        template: hash over what makes the output of its clients: the template's text, and how the sink writes it.
        digest: hash over that, fields and secret versions; "" for a deleted one.
        recipients: public keys that a sink which encrypts seals it to.
    """

    path: str
    sink: str
    action: OutputAction
    template: str = ""
    digest: str = ""
    recipients: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What names it in state, and before people."""
        return output_id(self.sink, self.path)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"path": self.path, "sink": self.sink, "action": str(self.action)}


CLIENT_ID = "client_id"
"""The name of the id among the fields of a change that puts another client in the place of one."""


class PredecessorChange(Struct, frozen=True):
    """A predecessor about which a change does something when its outputs are written.

    Attributes:
        observed: its registration; None when it is gone from the server.
        grace: for how many seconds it stays from then on; 0 when it is deleted.
    """

    client_id: str
    observed: Registration | None
    grace: int = 0


class Change(Struct, frozen=True):
    """What is done to one address.

    Attributes:
        reason: for people; it decides nothing but which line a finding about it names.
        secret: what becomes of the secret; `step` is how.
        desired: the definition; None when the client leaves.
        observed: what the plan saw on the server; None when nothing is there.
        writes_fields: whether the registration itself is replaced (an update may concern outputs or owners alone).
        resumes: whether this finishes a create that an interrupted run had sent, or the rest of a succession.
        succeeds: the client_id of the client whose place a new one takes; "" when none is replaced.
        leaving: what becomes of predecessors when the outputs are written, the oldest first.
        carried: fields that no definition manages: a successor gets them from its predecessor, a client that is
            restored from its last answer.
        carried_owners: owners that it gets from there.
        recipients: who can open its secrets, before and after; None where it has none.
    """

    address: str
    client_id: str
    client_name: str
    action: Action
    reason: str
    location: Location | None
    fields: tuple[FieldChange, ...] = ()
    secret: SecretChange = SecretChange.NONE
    step: SecretStep = SecretStep.NOTHING
    outputs: tuple[OutputChange, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    desired: DesiredClient | None = None
    observed: Registration | None = None
    resumes: bool = False
    succeeds: str = ""
    leaving: tuple[PredecessorChange, ...] = ()
    carried: Fields = field(default_factory=dict)
    carried_owners: tuple[str, ...] = ()
    recipients: Recipients | None = None

    @property
    def writes_fields(self) -> bool:
        """Whether a field of the registration changes (owners are assigned by calls of their own)."""
        return any(change.name not in {OWNERS, CLIENT_ID} for change in self.fields)

    @property
    def secret_words(self) -> str:
        """What becomes of the secret, in words: one that the server has made already is taken over."""
        is_made = self.observed is not None and self.observed.secret is not None and self.step is SecretStep.TAKE
        return "taken over" if is_made and not self.succeeds and self.secret is not SecretChange.KEPT else self.secret

    @property
    def creates(self) -> bool:
        """Whether a client is registered."""
        return self.action is Action.CREATE or (bool(self.succeeds) and self.observed is None)

    @property
    def definition(self) -> DesiredClient:
        """The definition of a change that has one.

        Raises:
            StalePlan: it has none.
        """
        if self.desired is None:
            raise StalePlan("a change without a definition", where=self.address)
        return self.desired

    @property
    def sent_fields(self) -> Fields:
        """Fields that a write sets: the definition's, and those carried over from a predecessor or a deleted client."""
        own = {name: value for name, value in self.definition.fields.items() if name not in self.definition.open}
        return {**self.carried, **own}

    @property
    def sent_names(self) -> frozenset[str]:
        """Names of the fields that a write sets, emptied ones too: a new client has nothing that could be emptied."""
        return (self.definition.declared if self.creates else self.definition.managed) | self.carried.keys()

    def owners_given(self, own: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Owners that are assigned: those that the definition wants, else those that the client before it had."""
        is_carried = bool(self.succeeds or self.carried_owners) and self.definition.managed_owners is None
        return (self.carried_owners or None) if is_carried else own

    @property
    def only_ends_graces(self) -> bool:
        """Whether it deletes predecessors whose grace time is over, and does nothing else."""
        does_more = self.creates or self.succeeds or self.resumes or self.fields or self.step is not SecretStep.NOTHING
        is_written = any(output.action not in {OutputAction.UNCHANGED, OutputAction.BLOCKED} for output in self.outputs)
        return bool(self.leaving) and not (does_more or is_written)

    @property
    def deletions(self) -> int:
        """How many clients are deleted."""
        gone = sum(old.observed is not None and not old.grace for old in self.leaving)
        return gone + (self.action is Action.DELETE)

    @property
    def seen(self) -> Mapping[str, Any] | None:
        """What a write would replace; None where nothing is there, or where what is there is ours."""
        return None if self.resumes or self.observed is None else _observed(self.observed, self.desired)

    @property
    def digest(self) -> str:
        """`sha256:` over what is wanted, what was seen, the action and the outputs; the same for a resumed create."""
        return self.digest_of(self.seen)

    def digest_of(self, observed: Mapping[str, Any] | None) -> str:
        """The digest that the change has where this is seen on the server."""
        parts = {
            "address": self.address,
            "client_id": self.client_id,
            "desired": None if self.desired is None else _wanted(self.desired),
            "observed": observed,
        }
        if self.leaving:
            leaving = [
                [
                    old.client_id,
                    old.observed and _observed(replace(old.observed, owners=None), self.desired),
                    bool(old.grace),
                ]
                for old in self.leaving
            ]
            outputs = sorted([output.path, output.sink, output.template] for output in self.outputs)
            return sha256({**parts, "action": str(self.action), "leaving": leaving, "outputs": outputs})
        action = Action.CREATE if self.resumes else self.action
        acted = sorted([output.path, output.sink, output.template, str(output.action)] for output in self.outputs)
        return sha256({**parts, "action": str(action), "secret": str(self.secret), "outputs": acted})

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "address": self.address,
            "client_id": self.client_id,
            "client_name": self.client_name,
            "action": str(self.action),
            "reason": self.reason,
            "digest": self.digest,
            "location": place(self.location),
            "fields": [field.to_dict() for field in self.fields],
            "secret": str(self.secret),
            "recipients": self.recipients.to_dict() if self.recipients else None,
            "outputs": [{**output.to_dict(), "recipients": list(output.recipients)} for output in self.outputs],
            "findings": [{"message": finding.summary, **finding.to_dict()} for finding in self.findings],
        }


def place(location: Location | None) -> dict[str, Any] | None:
    """JSON form of a place, which may be none."""
    return location.to_dict() if location else None


def _wanted(desired: DesiredClient) -> dict[str, Any]:
    return {
        "fields": {name: as_json(value) for name, value in sorted(desired.fields.items())},
        "declared": sorted(desired.declared),
        "owners": as_json(desired.owners),
        "serial": desired.secret_serial,
        "recipients": list(desired.recipients),
        "prevent_destroy": desired.lifecycle.prevent_destroy,
    }


def _observed(observed: Registration, desired: DesiredClient | None) -> Mapping[str, Any]:
    """What a write would replace; all of it for a client that leaves."""
    names = desired.managed if desired else observed.fields
    return {
        "fields": {name: as_json(observed.fields.get(name)) for name in sorted(names)},
        "owners": as_json(observed.owners),
    }


def sha256(value: Any) -> str:
    """`sha256:` and the hex digest of a JSON value in canonical form; what JSON does not have is its text."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
