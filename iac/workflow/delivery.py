"""Outputs: rehearsed before the first write, delivered after the last, rendered from state alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iac.apply.outcome import Delivered, NotDelivered
from iac.core.change import OutputAction, SecretChange
from iac.core.errors import ClosedSecretError, IacError, InputError
from iac.core.model import uses_secret
from iac.core.outputs import Rendered, output_digest
from iac.core.state import OutputRecord, OutputWritten, SecretStatus
from iac.ports import Tracking
from iac.workflow.exposure import TRACKED, find_exposures, warning

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from iac.apply.ledger import Ledger
    from iac.core.change import OutputChange
    from iac.core.desired import OutputSpec
    from iac.core.plan import Plan
    from iac.core.state import ClientState, State
    from iac.ports import Exposure
    from iac.rendering.context import Credentials
    from iac.workflow.session import LocalSession

_NEW = frozenset({SecretChange.CREATED, SecretChange.ROTATED})


def check_templates(session: LocalSession, plan: Plan) -> None:
    """Compile the templates of outputs that change, so that a reviewer hears of a mistake and not the apply.

    Raises:
        RenderError: with file and line.
    """
    changing = {output.path for output in outputs_to_write(plan)}
    names = {spec.template for spec in session.desired.outputs if spec.path in changing}
    if names:
        from iac.rendering.render import check_template  # noqa: PLC0415  # brings in Jinja2

        for name in sorted(names):
            check_template(session.templates[name])


def check_outputs(session: LocalSession, plan: Plan, ledger: Ledger) -> None:
    """Prove that every output of a plan can be rendered and written, with made-up secrets.

    Raises:
        RenderError: a template fails, or an output cannot be written.
        StateError: a secret has to be opened and the key of the state is missing or wrong.
    """
    specs = {spec.path: spec for spec in session.desired.outputs}
    fresh = {change.address for change in plan.changes if change.secret in _NEW}
    must_open = False
    for output in outputs_to_write(plan):
        spec = specs[output.path]
        session.sinks[spec.sink].check(spec.path)
        _rehearse(session, spec)
        must_open |= any(_must_open(session, ledger.state, address, fresh) for address in spec.clients)
    if must_open:
        ledger.check_identity()


def outputs_to_write(plan: Plan) -> Iterator[OutputChange]:
    """Each output that this plan makes or changes, once."""
    wanted = {OutputAction.CREATE, OutputAction.UPDATE}
    seen: dict[str, OutputChange] = {}
    for change in plan.changes:
        seen.update({output.path: output for output in change.outputs if output.action in wanted})
    yield from seen.values()


def _must_open(session: LocalSession, state: State, address: str, fresh: Collection[str]) -> bool:
    client = session.desired.clients.get(address)
    held = state.clients.get(address)
    return client is not None and uses_secret(client.fields) and address not in fresh and held is not None


def _rehearse(session: LocalSession, spec: OutputSpec) -> None:
    from iac.rendering.context import dummy_credentials  # noqa: PLC0415  # only where outputs change
    from iac.rendering.render import render  # noqa: PLC0415  # brings in Jinja2

    clients = [session.desired.clients[address] for address in spec.clients]
    dummies = {client.address: dummy_credentials(client.address, client.client_id, client.fields) for client in clients}
    render(session.templates[spec.template], spec, dummies, session.facts())


def deliver(
    session: LocalSession, ledger: Ledger, plan: Plan, done: Collection[str]
) -> Iterator[Delivered | NotDelivered]:
    """Write the outputs of clients whose changes came to their end, remove those that are no longer declared."""
    specs = {spec.path: spec for spec in session.desired.outputs}
    handled: set[str] = set()
    for change in plan.changes:
        for output in change.outputs:
            if output.path in handled or change.address not in done:
                continue
            handled.add(output.path)
            if output.action is OutputAction.DELETE:
                yield _remove(session, ledger, output)
            elif output.action in {OutputAction.CREATE, OutputAction.UPDATE}:
                yield _write(session, ledger, specs[output.path], output)


def _remove(session: LocalSession, ledger: Ledger, output: OutputChange) -> Delivered | NotDelivered:
    try:
        session.sinks[output.sink].remove(output.path)
    except IacError as error:
        return NotDelivered(output, error)
    ledger.note(OutputWritten(output.path, None))
    return Delivered(output, is_changed=True)


def _write(session: LocalSession, ledger: Ledger, spec: OutputSpec, output: OutputChange) -> Delivered | NotDelivered:
    why = _blocked(spec, ledger.state)
    if why:
        return NotDelivered(output, InputError("the output is blocked", where=spec.path, why=why))
    try:
        is_changed = session.sinks[spec.sink].write(spec.path, fresh_content(session, ledger, spec), mode=spec.mode)
    except IacError as error:
        return NotDelivered(output, error)
    ledger.note(OutputWritten(spec.path, record_of(session, spec, ledger.state)))
    return Delivered(output, is_changed)


def _blocked(spec: OutputSpec, state: State) -> str:
    """Why an output cannot be rendered from this state; "" when it can."""
    for address in spec.clients:
        client = state.clients.get(address)
        if client is None:
            return f"{address} is not applied yet: run iac apply"
        if client.secret_status is SecretStatus.UNKNOWN:
            return f"the secret of {address} is not known: hand it in by iac secret set {address}"
    return ""


def record_of(session: LocalSession, spec: OutputSpec, state: State) -> OutputRecord:
    """What state remembers of an output written from `state`."""
    clients = {address: _as_rendered(state.clients[address]) for address in spec.clients}
    return OutputRecord(output_digest(spec, session.digest(spec.template), clients), spec.clients, spec.sink)


def _as_rendered(client: ClientState) -> Rendered:
    return Rendered(client.client_id, client.applied, client.secret.version if client.secret else 0)


def _credentials(ledger: Ledger, address: str, client: ClientState) -> Credentials:
    from iac.rendering.context import Credentials  # noqa: PLC0415  # only where outputs change

    secret = ledger.open(address, client.secret) if client.secret else None
    return Credentials(address, client.client_id, client.applied, secret)


def fresh_content(session: LocalSession, ledger: Ledger, spec: OutputSpec) -> bytes:
    """What an output is to hold by the state of now.

    Raises:
        RenderError: the template fails.
        StateError: a secret cannot be opened.
    """
    from iac.rendering.render import render  # noqa: PLC0415  # brings in Jinja2

    clients: dict[str, Credentials] = {}
    closed: list[ClosedSecretError] = []
    for address in spec.clients:
        try:
            clients[address] = _credentials(ledger, address, ledger.state.clients[address])
        except ClosedSecretError as error:
            closed.append(error)
    if closed:
        raise _all_closed(closed)
    return render(session.templates[spec.template], spec, clients, session.facts())


def _all_closed(errors: Sequence[ClosedSecretError]) -> ClosedSecretError:
    first = errors[0]
    addresses = [address for error in errors for address in error.addresses]
    return ClosedSecretError(first.summary, addresses, why=first.why, fix=first.fix)


def render_outputs(session: LocalSession, targets: Collection[str], *, check: bool) -> list[OutputState]:
    """Render outputs from state alone; with `check` compare with the disk and write nothing.

    Only secrets of their own clients are opened: a service's host has the key of its client alone.
    """
    state = session.backend.load()
    ledger = session.ledger(state)
    wanted = [spec for spec in session.desired.outputs if not targets or set(spec.clients) & set(targets)]
    if check:
        return [_render_safely(session, ledger, spec, check=True) for spec in wanted]
    exposures = find_exposures(session, [spec for spec in wanted if not _blocked(spec, state)])
    return [_render_guarded(session, ledger, spec, exposures.get(spec.path)) for spec in wanted]


def _render_guarded(session: LocalSession, ledger: Ledger, spec: OutputSpec, exposure: Exposure | None) -> OutputState:
    """No output that git tracks is written; one that it does not ignore is, and that is said."""
    if exposure is None:
        return _render_safely(session, ledger, spec, check=False)
    if exposure.tracking is Tracking.TRACKED:
        return OutputState(spec.path, "refused", f"it {TRACKED}\nfix: {exposure.fix}")
    return replace(_render_safely(session, ledger, spec, check=False), warning=warning(spec.path, exposure))


def _render_safely(session: LocalSession, ledger: Ledger, spec: OutputSpec, *, check: bool) -> OutputState:
    """One output that fails keeps no other from being rendered."""
    try:
        return _render_one(session, ledger, spec, check=check)
    except ClosedSecretError as error:
        return OutputState(spec.path, "failed", f"{error.summary}: {error.where}", closed=error)
    except IacError as error:
        return OutputState(spec.path, "failed", "\n".join(error.lines()))


@dataclass(frozen=True, slots=True)
class OutputState:
    """What `iac render` found or did: written, unchanged, differs, missing, blocked, refused or failed.

    Attributes:
        closed: why the identity at hand does not open a secret of it, and whose.
    """

    path: str
    status: str
    why: str = ""
    warning: str = ""
    closed: ClosedSecretError | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        closed = list(self.closed.addresses) if self.closed else []
        return {"path": self.path, "status": self.status, "why": self.why, "warning": self.warning, "closed": closed}


def _render_one(session: LocalSession, ledger: Ledger, spec: OutputSpec, *, check: bool) -> OutputState:
    why = _blocked(spec, ledger.state)
    if why:
        return OutputState(spec.path, "blocked", why)
    content = fresh_content(session, ledger, spec)
    sink = session.sinks[spec.sink]
    if not check:
        is_changed = sink.write(spec.path, content, mode=spec.mode)
        return OutputState(spec.path, "written" if is_changed else "unchanged")
    found = sink.read(spec.path)
    if found is None:
        return OutputState(spec.path, "missing")
    return OutputState(spec.path, "unchanged" if found == content else "differs")
