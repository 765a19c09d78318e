"""Outputs from state alone: written anew, or compared with what is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iac.apply.deliver import blocked, fresh_content, record_of
from iac.core.desired import output_id
from iac.core.errors import ClosedSecretError, IacError
from iac.ports import Found, Tracking
from iac.workflow.exposure import TRACKED, find_exposures, warning

if TYPE_CHECKING:
    from collections.abc import Collection

    from iac.core.desired import OutputSpec
    from iac.ports import Exposure
    from iac.session.ledger import Ledger
    from iac.session.session import LocalSession

_STATUS = {Found.AS_WANTED: "unchanged", Found.OTHER: "differs", Found.NOTHING: "missing"}


def render_outputs(session: LocalSession, targets: Collection[str], *, check: bool) -> list[OutputState]:
    """Render outputs from state alone; with `check` compare with the disk and write nothing.

    Only secrets of their own clients are opened: a service's host has the key of its client alone.
    """
    state = session.backend.load()
    ledger = session.ledger(state)
    wanted = [spec for spec in session.desired.outputs if not targets or set(spec.clients) & set(targets)]
    if check:
        return [_render_safely(session, ledger, spec, check=True) for spec in wanted]
    session.check_serial(state)
    exposures = find_exposures(session, [spec for spec in wanted if not blocked(spec, state)])
    states = [_render_guarded(session, ledger, spec, exposures.get(spec.id)) for spec in wanted]
    session.deliveries.save()
    return states


def _render_guarded(session: LocalSession, ledger: Ledger, spec: OutputSpec, exposure: Exposure | None) -> OutputState:
    """No output that git tracks is written; one that it does not ignore is, and that is said."""
    if exposure is None:
        return _render_safely(session, ledger, spec, check=False)
    if exposure.tracking is Tracking.TRACKED:
        return OutputState(spec.path, spec.sink, "refused", f"it {TRACKED}\nfix: {exposure.fix}")
    return replace(_render_safely(session, ledger, spec, check=False), warning=warning(spec.path, exposure))


def _render_safely(session: LocalSession, ledger: Ledger, spec: OutputSpec, *, check: bool) -> OutputState:
    """One output that fails keeps no other from being rendered."""
    try:
        return _render_one(session, ledger, spec, check=check)
    except ClosedSecretError as error:
        return OutputState(spec.path, spec.sink, "failed", f"{error.summary}: {error.where}", closed=error)
    except IacError as error:
        return OutputState(spec.path, spec.sink, "failed", "\n".join(error.lines()))


@dataclass(frozen=True, slots=True)
class OutputState:
    """What `iac render` found or did: written, unchanged, differs, missing, blocked, refused or failed.

    Attributes:
        closed: why the identity at hand does not open a secret of it, and whose.
    """

    path: str
    sink: str
    status: str
    why: str = ""
    warning: str = ""
    closed: ClosedSecretError | None = None

    @property
    def id(self) -> str:
        """What names it before people."""
        return output_id(self.sink, self.path)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        closed = list(self.closed.addresses) if self.closed else []
        return {
            "path": self.path,
            "sink": self.sink,
            "status": self.status,
            "why": self.why,
            "warning": self.warning,
            "closed": closed,
        }


def _render_one(session: LocalSession, ledger: Ledger, spec: OutputSpec, *, check: bool) -> OutputState:
    why = blocked(spec, ledger.state)
    if why:
        return OutputState(spec.path, spec.sink, "blocked", why)
    content = fresh_content(session, ledger, spec)
    sink = session.sinks[spec.sink]
    if not check:
        record = ledger.state.outputs.get(spec.id)
        is_new = record is None or record.digest != record_of(session, spec, ledger.state).digest
        is_changed = sink.write(spec.path, content, mode=spec.mode, is_new=is_new)
        session.deliveries.add(spec.id, ledger.state.serial, content)
        return OutputState(spec.path, spec.sink, "written" if is_changed else "unchanged")
    return OutputState(spec.path, spec.sink, _STATUS[sink.compare(spec.path, content)])
