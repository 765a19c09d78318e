"""Outputs from state alone: written anew, or compared with what is there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from iac.apply.deliver import find_block_now, fresh_content, is_known
from iac.core.desired import OutputSpec, output_id
from iac.core.errors import ClosedSecretError, Diagnostic, IacError, Severity
from iac.core.plan.change import Action
from iac.core.state.model import State
from iac.core.text import listed
from iac.ports import Comparison
from iac.session import LocalSession
from iac.session.ledger import Ledger
from iac.workflow.outputs import find_exposures

_STATUS = {Comparison.AS_WANTED: "unchanged", Comparison.OTHER: "differs", Comparison.NOTHING: "missing"}


def render_outputs(session: LocalSession, targets: Collection[str], *, check: bool) -> list[OutputState]:
    """Render outputs from state alone; with `check` compare with the disk and write nothing.

    Only secrets of their own clients are opened: a service's host has the key of its client alone.
    """
    state = session.backend.load()
    ledger = session.ledger(state)
    wanted = [spec for spec in session.desired.outputs if not targets or set(spec.clients) & set(targets)]
    if check:
        if not session.accepts_older_state:
            session.check_serial(state)
        return _told(session, wanted, lambda spec: _render_safely(session, ledger, spec, check=True))
    session.check_serial(state)
    exposures = find_exposures(session, [spec for spec in wanted if not find_block_now(spec, state)])
    if wanted:
        session.deliveries.begin(state.serial)
    states = _told(session, wanted, lambda spec: _render_guarded(session, ledger, spec, exposures.get(spec.id)))
    session.deliveries.end()
    return states


def _told(
    session: LocalSession, specs: Collection[OutputSpec], render: Callable[[OutputSpec], OutputState]
) -> list[OutputState]:
    """Each output, one after the other; whoever waits hears of each."""
    states = []
    session.progress.begin(len(specs), "output", "rendered")
    for spec in specs:
        session.progress.enter(spec.id)
        states.append(render(spec))
        session.progress.leave(spec.id, states[-1])
    session.progress.end()
    return states


def _render_guarded(session: LocalSession, ledger: Ledger, spec: OutputSpec, exposed: Diagnostic | None) -> OutputState:
    """No output that git tracks is written; one that it does not ignore is, and that is said."""
    if exposed is not None and exposed.severity is Severity.ERROR:
        return OutputState(spec.path, spec.sink, "refused", said=exposed)
    done = _render_safely(session, ledger, spec, check=False)
    return replace(done, said=done.said or exposed)


def _render_safely(session: LocalSession, ledger: Ledger, spec: OutputSpec, *, check: bool) -> OutputState:
    """One output that fails keeps no other from being rendered."""
    try:
        if block := find_block_now(spec, ledger.state):
            return OutputState(spec.path, spec.sink, "blocked", said=block)
        content = fresh_content(session, ledger, spec)
        sink = session.sinks[spec.sink]
        if not check:
            is_new = not is_known(session, spec, ledger.state)
            is_changed = sink.write(spec.path, content, mode=spec.mode, is_new=is_new)
            session.deliveries.add(spec.id, ledger.state.serial, content)
            status = "written" if is_changed else "unchanged"
        else:
            status = _STATUS[sink.compare(spec.path, content)]
        return OutputState(spec.path, spec.sink, status, said=_in_doubt(spec, ledger.state))
    except IacError as error:
        return OutputState(spec.path, spec.sink, "failed", error=error)


class OutputState(Struct, frozen=True):
    """What `iac render` found or did: written, unchanged, differs, missing, blocked, refused or failed.

    Attributes:
        said: why it is blocked or refused, or what is worth knowing of an output that is written.
        error: why it failed.
    """

    path: str
    sink: str
    status: str
    said: Diagnostic | None = None
    error: IacError | None = None

    @property
    def closed(self) -> ClosedSecretError | None:
        """Why the identity at hand does not open a secret of it, and whose."""
        return self.error if isinstance(self.error, ClosedSecretError) else None

    @property
    def warning(self) -> Diagnostic | None:
        """What is said of an output that is written all the same."""
        return None if self.status in {"refused", "blocked"} else self.said

    def lines(self) -> list[str]:
        """Why it is not rendered, a line each; the fix for a secret that is closed is one for the whole run."""
        if self.error is not None:
            return self.error.lines()[:1] if self.closed else self.error.lines()
        if self.said is not None and self.warning is None:
            return [line for line in (self.said.summary, self.said.why, f"fix: {self.said.fix}") if line]
        return []

    @property
    def id(self) -> str:
        """What names it before people."""
        return output_id(self.sink, self.path)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        closed = list(self.closed.addresses) if self.closed else []
        problem = self.error or self.said
        return {
            "path": self.path,
            "sink": self.sink,
            "status": self.status,
            "why": "\n".join(self.lines()),
            "warning": self.warning.summary if self.warning else "",
            "closed": closed,
            "problem": problem.to_dict() if problem else None,
        }


def _in_doubt(spec: OutputSpec, state: State) -> Diagnostic | None:
    """That a secret may be dead, for a rotation was begun of which nobody knows the end."""
    rotating = [name for name in spec.clients if name in state.intents and state.intents[name].action == Action.ROTATE]
    if not rotating:
        return None
    return Diagnostic(
        "secret-in-doubt",
        f"{spec.path} has the secret of {listed(rotating)}, which may be dead",
        why="a rotation was interrupted, so the server may have replaced it",
        fix="iac apply",
        severity=Severity.WARNING,
    )
