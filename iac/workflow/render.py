"""Outputs from state alone, written anew or compared with what is there; and what git and this machine say of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from iac.apply.deliver import find_block_now, fresh_content, is_known
from iac.core.desired import OutputSpec, output_id
from iac.core.errors import ClosedSecretError, Diagnostic, IacError, Severity
from iac.core.model import uses_secret
from iac.core.plan.change import Action
from iac.core.plan.plan import Plan
from iac.core.state.model import State
from iac.core.text import listed
from iac.ports import Comparison
from iac.session import LocalSession
from iac.session.ledger import Ledger

UNREAD = "output-unread"  # for doctor alone: no finding of a plan

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
            found = sink.compare(spec.path, content, mode=spec.mode)
            if found is Comparison.OTHER_MODE:
                return OutputState(spec.path, spec.sink, "differs", said=_of_other_mode(spec))
            status = _STATUS[found]
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


def find_exposures(session: LocalSession, specs: Iterable[OutputSpec]) -> dict[str, Diagnostic]:
    """By id, what version control has or would take up of these outputs; those without any secret do not count."""
    by_sink: dict[str, dict[str, OutputSpec]] = {}
    for spec in specs:
        if any(_has_secret(session, address) for address in spec.clients):
            by_sink.setdefault(spec.sink, {})[spec.path] = spec
    found: dict[str, Diagnostic] = {}
    for sink, by_path in by_sink.items():
        for path, said in session.sinks[sink].exposed(list(by_path)).items():
            found[output_id(sink, path)] = replace(said, location=by_path[path].location)
    return found


def _has_secret(session: LocalSession, address: str) -> bool:
    client = session.desired.clients.get(address)
    is_keyed = client is not None and client.fields.get("token_endpoint_auth_method") == "private_key_jwt"
    return client is None or uses_secret(client.fields) or is_keyed


def with_exposures(session: LocalSession, plan: Plan, ids: Collection[str]) -> Plan:
    """The plan with a guard or a finding for each of the outputs of `ids` that is not kept out of git.

    Neither enters the digest: where an output lies is no part of what is approved.
    """
    specs = {spec.id: spec for spec in session.desired.outputs if spec.id in ids}
    found = sorted(find_exposures(session, specs.values()).items())
    guards = [_guard(specs[name], said) for name, said in found if said.severity is Severity.ERROR]
    findings = [said for _, said in found if said.severity is not Severity.ERROR]
    return replace(plan, guards=(*plan.guards, *guards), findings=(*plan.findings, *findings))


def _guard(spec: OutputSpec, said: Diagnostic) -> Diagnostic:
    details = {"addresses": list(spec.clients), "limit": "", "value": spec.path, "setting": said.fix, "flag": ""}
    return replace(said, details=details)


def find_damage(
    session: LocalSession, state: State, specs: Iterable[OutputSpec], written: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """Outputs at whose place something else stands, and those that this machine wrote and that are no longer so.

    That is gone, altered, or older than what state says was written. Of the ids of `written`, which are about to be
    written, only the first is said.

    A machine that never wrote an output has no note of it, so a fresh checkout hears nothing of files it never had.
    What another user wrote may be `UNREAD`.
    """
    for spec in specs:
        delivery, record = session.deliveries.by_id.get(spec.id), state.outputs.get(spec.id)
        try:
            found = session.sinks[spec.sink].look(spec.path, delivery, mode=spec.mode)
        except IacError as error:
            if not isinstance(error.__cause__, PermissionError):
                yield _damaged("output-obstructed", spec, f"cannot be written: {error.why}", error.fix)
            elif delivery is not None:
                yield _damaged(UNREAD, spec, f"cannot be read: {error.why}", error.fix)
            continue
        if delivery is None or record is None or spec.id in written:
            continue
        if found is Comparison.NOTHING:
            yield _damaged("output-missing", spec, "was written here, and is gone")
        elif found is Comparison.OTHER:
            yield _damaged("output-differs", spec, "is not as iac wrote it")
        elif delivery.serial < record.serial:
            yield _damaged("output-differs", spec, "is old: another machine has written a newer one since")
        elif found is Comparison.OTHER_MODE:
            yield _of_other_mode(spec)


def _of_other_mode(spec: OutputSpec) -> Diagnostic:
    return _damaged(
        "output-differs", spec, f"does not have mode {spec.mode:04o}: others may read it, or its service may not"
    )


def _damaged(name: str, spec: OutputSpec, what: str, fix: str = "run iac render") -> Diagnostic:
    return Diagnostic(name, f"{spec.id} {what}", spec.location, "", fix, Severity.WARNING)
