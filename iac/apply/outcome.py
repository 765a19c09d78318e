"""What became of each change, and what ends a run before all of them are done."""

from __future__ import annotations

import threading
from typing import Any

from msgspec import Struct, field

from iac.core.errors import Diagnostic, IacError
from iac.core.plan.change import Action, Change, OutputChange
from iac.core.proof import Proof


class Done(Struct, frozen=True):
    """The server holds what was wanted and state knows it; `findings` is what is worth knowing about how it does."""

    change: Change
    findings: tuple[Diagnostic, ...] = ()


class Failed(Struct, frozen=True):
    """The change did not come to its end; `error` says how far it came and what to do."""

    change: Change
    error: IacError


class NotTried(Struct, frozen=True):
    """Nothing was sent for this change."""

    change: Change
    reason: str


Outcome = Done | Failed | NotTried


class StopRequest(Struct):
    """Asks a run to end: what is in flight is finished, nothing new is sent."""

    event: threading.Event = field(default_factory=threading.Event)
    reason: str = ""
    is_interrupt: bool = False

    def ask(self, reason: str) -> None:
        """End with this reason; the first one counts."""
        if not self.event.is_set():
            self.reason = reason
            self.event.set()


class Delivered(Struct, frozen=True):
    """An output was written or removed; `is_changed` is False when it already was as wanted."""

    output: OutputChange
    is_changed: bool


class NotDelivered(Struct, frozen=True):
    """An output could not be written; the old one is untouched."""

    output: OutputChange
    error: IacError


class Report(Struct, frozen=True):
    """The end of an apply.

    Attributes:
        revocations: whether the tokens that a rotated client had got are dead; where it failed, some may still be good.
        unsaved: why state could not be written at its end.
        proof: whether the rendered credentials of what was done work, where that was asked for.
        unproven: why that could not be asked.
        findings: what the plan said beside its changes.
    """

    digest: str
    outcomes: tuple[Outcome, ...]
    outputs: tuple[Delivered | NotDelivered, ...] = ()
    is_interrupted: bool = False
    unsaved: IacError | None = None
    revocations: tuple[Done | Failed, ...] = ()
    proof: Proof | None = None
    unproven: IacError | None = None
    findings: tuple[Diagnostic, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return not self.outcomes and not self.outputs

    def of(self, kind: type[Done | Failed | NotTried]) -> list[Outcome]:
        """The outcomes of one kind, in the order of the plan."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, kind)]

    def applied(self) -> tuple[str, ...]:
        """Addresses whose client is on the server as it was wanted."""
        done = (outcome.change for outcome in self.outcomes if isinstance(outcome, Done))
        return tuple(change.address for change in done if change.action not in {Action.DELETE, Action.FORGET})

    @property
    def is_applied(self) -> bool:
        """Whether everything was done, delivered and remembered; else the next apply has the rest to do."""
        delivered = all(isinstance(output, Delivered) for output in self.outputs)
        return self.unsaved is None and delivered and all(isinstance(outcome, Done) for outcome in self.outcomes)

    @property
    def is_complete(self) -> bool:
        """Whether that is so, tokens were revoked and credentials proven where that was asked for."""
        is_revoked = all(isinstance(revocation, Done) for revocation in self.revocations)
        return self.is_applied and is_revoked and self.is_proven

    @property
    def is_proven(self) -> bool:
        """Whether no proof that was asked for failed, or stayed without an answer."""
        return self.unproven is None and (self.proof is None or self.proof.is_green)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: done, failed (with the error) and not tried, then outputs, revocations and state."""
        return {
            "format_version": "1.0",
            "digest": self.digest,
            "complete": self.is_complete,
            "interrupted": self.is_interrupted,
            "done": [_named(o.change) for o in self.outcomes if isinstance(o, Done)],
            "failed": [{**_named(o.change), **_said(o.error)} for o in self.outcomes if isinstance(o, Failed)],
            "not_tried": [{**_named(o.change), "reason": o.reason} for o in self.outcomes if isinstance(o, NotTried)],
            "outputs": [_output(output) for output in self.outputs],
            "revocations": [_revocation(revocation) for revocation in self.revocations],
            "state": {"written": self.unsaved is None, **(_said(self.unsaved) if self.unsaved else {"error": []})},
            "verification": self._verification(),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def _verification(self) -> dict[str, Any] | None:
        if self.unproven is not None:
            return {"ok": False, **_said(self.unproven)}
        return None if self.proof is None else self.proof.to_dict()


def _said(error: IacError) -> dict[str, Any]:
    """An error as its lines, and as its parts."""
    return {"error": error.lines(), "problem": error.to_dict()}


def _named(change: Change) -> dict[str, Any]:
    return {"address": change.address, "client_id": change.client_id, "action": str(change.action)}


def _output(output: Delivered | NotDelivered) -> dict[str, Any]:
    if isinstance(output, Delivered):
        return {**output.output.to_dict(), "written": output.is_changed}
    return {**output.output.to_dict(), "written": False, **_said(output.error)}


def _revocation(revocation: Done | Failed) -> dict[str, Any]:
    said = _said(revocation.error) if isinstance(revocation, Failed) else {"error": []}
    return {"address": revocation.change.address, "revoked": not said["error"], **said}
