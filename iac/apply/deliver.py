"""Outputs of an apply: rehearsed before the first write, delivered after the last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from iac.apply.outcome import Delivered, NotDelivered
from iac.core.desired import OutputSpec
from iac.core.errors import ClosedSecretError, Diagnostic, IacError, InputError, InvalidInput, Severity, sort_key
from iac.core.model import uses_secret
from iac.core.plan.change import Change, OutputAction, OutputChange, SecretChange
from iac.core.plan.output import as_rendered, find_block, is_written, made_by, record_output
from iac.core.plan.plan import Plan, RenderedClient
from iac.core.secret import Secret
from iac.core.state.model import OutputRecord, OutputWritten, State, key_in_use, kid_in_use
from iac.core.text import listed
from iac.session import LocalSession
from iac.session.ledger import Ledger, SecretKind

if TYPE_CHECKING:
    from iac.rendering.context import Credentials
    from iac.rendering.rehearsal import Rehearsal

_NEW = frozenset({SecretChange.CREATED, SecretChange.ROTATED})


def check_templates(session: LocalSession, plan: Plan, state: State) -> None:
    """Render the outputs that change with made-up secrets, so that a reviewer hears of a mistake and not the apply.

    Raises:
        InvalidInput: with every mistake, of templates at their lines.
    """
    changing = {output.id for output in outputs_to_write(plan.changes)}
    if not changing:
        return
    from iac.rendering.rehearsal import rehearse

    rehearsals = [_rehearsal(session, spec, state) for spec in session.desired.outputs if spec.id in changing]
    if mistakes := set(rehearse(session.renderer, session.templates, rehearsals)):
        raise InvalidInput(sorted(mistakes, key=sort_key))


def find_unfit(session: LocalSession, state: State, secrets: Mapping[str, Secret]) -> dict[str, Diagnostic]:
    """By id, outputs that cannot hold one of these secrets, by address: apply and render cannot write them."""
    unfit = {}
    for spec in session.desired.outputs if secrets else ():
        if about := [address for address in spec.clients if address in secrets]:
            from iac.rendering.rehearsal import rehearse  # only where outputs are looked at

            rehearsals = [replace(_rehearsal(session, spec, state), secrets=secrets)]
            for mistake in rehearse(session.renderer, session.templates, rehearsals):
                unfit[spec.id] = replace(
                    mistake,
                    id="output-unfit",
                    summary=f"{spec.id} is not written, and iac apply ends with 5: {mistake.summary}",
                    severity=Severity.WARNING,
                    where=listed(about),
                )
    return unfit


def find_unfit_now(session: LocalSession, state: State) -> dict[str, Diagnostic]:
    """The same of outputs that do not have what state has, as far as the key at hand opens it."""
    waiting = {
        address
        for spec in session.desired.outputs
        if not find_block_now(spec, state) and not is_known(session, spec, state)
        for address in spec.clients
    }
    return find_unfit(session, state, open_secrets(session.ledger(state), waiting))


def open_secrets(ledger: Ledger, addresses: Collection[str]) -> dict[str, Secret]:
    """By address, the secrets in state that the key at hand opens."""
    opened = {}
    for address, client in ledger.state.clients.items():
        if client.secret and address in addresses:
            with suppress(IacError):
                opened[address] = ledger.open(address, client.secret)
    return opened


def check_sinks(session: LocalSession, plan: Plan) -> None:
    """Make sure that outputs which are to be removed can be.

    Raises:
        InputError: state knows an output of a sink that iac.yaml does not name any more.
    """
    for output in (output for change in plan.changes for output in change.outputs):
        if output.sink not in session.sinks:
            raise InputError(
                "state knows an output of a sink that iac.yaml does not name",
                where=output.id,
                why="without the sink's settings it cannot be removed, and its secret would stay there",
                fix=f"keep sinks.{output.sink} in iac.yaml until an apply has removed the output",
            )


def check_outputs(session: LocalSession, plan: Plan, ledger: Ledger) -> None:
    """Prove that every output of a plan can be rendered and written, with made-up secrets.

    Raises:
        RenderError: a template fails, or an output cannot be written.
        StateError: a secret has to be opened and the key of the state is missing or wrong.
    """
    specs = {spec.id: spec for spec in session.desired.outputs}
    fresh = {change.address for change in plan.changes if change.secret in _NEW}
    must_open = False
    for output in outputs_to_write(plan.changes):
        spec = specs[output.id]
        rehearsal = _rehearsal(session, spec, ledger.state)
        content = session.renderer.render(
            session.templates[spec.template], spec, rehearsal.credentials, rehearsal.facts
        )
        session.sinks[spec.sink].check(spec.path, content)
        must_open |= any(_must_open(session, ledger.state, address, fresh) for address in spec.clients)
    if must_open:
        ledger.check_identity()


def outputs_to_write(changes: Iterable[Change]) -> Collection[OutputChange]:
    """Each output that these changes make or change, once."""
    return _outputs(changes, {OutputAction.CREATE, OutputAction.UPDATE})


def _outputs(changes: Iterable[Change], actions: Collection[OutputAction]) -> Collection[OutputChange]:
    return {output.id: output for change in changes for output in change.outputs if output.action in actions}.values()


def _must_open(session: LocalSession, state: State, address: str, fresh: Collection[str]) -> bool:
    client = session.desired.clients.get(address)
    held = state.clients.get(address)
    if client is None:
        return False
    keeps_secret = uses_secret(client.fields) and address not in fresh and held is not None
    return keeps_secret or bool(kid_in_use(state.keys, address, client.fields))


def _rehearsal(session: LocalSession, spec: OutputSpec, state: State) -> Rehearsal:
    from iac.rendering.rehearsal import Rehearsal  # only where outputs change

    clients = [session.desired.clients[address] for address in spec.clients]
    keyed = {client.address: kid_in_use(state.keys, client.address, client.fields) for client in clients}
    return Rehearsal(spec, clients, session.facts(state), keyed)


def deliver(
    session: LocalSession, ledger: Ledger, plan: Plan, done: Collection[str]
) -> Iterator[Delivered | NotDelivered]:
    """Write the outputs of clients whose changes came to their end, then remove those that are no longer declared.

    An output without a definition stays as long as one of the same clients could not be written: it may be the one that
    takes its place.
    """
    specs = {spec.id: spec for spec in session.desired.outputs}
    failed: dict[str, str] = {}
    # New outputs before old ones are removed: a service finds its credentials at one of the two places at any moment.
    finished = [change for change in plan.changes if change.address in done]
    wanted = outputs_to_write(finished)
    removed = list(_outputs(finished, {OutputAction.DELETE}))
    if wanted:
        session.deliveries.begin(ledger.state.serial)
    if wanted or removed:
        session.progress.begin(len(wanted) + len(removed), "output", "delivered")
    for output in wanted:
        spec = specs[output.id]
        delivery = _write(session, ledger, spec, output)
        if isinstance(delivery, NotDelivered):
            failed.update(dict.fromkeys(spec.clients, output.id))
        session.progress.leave(output.id, delivery)
        yield delivery
    for output in _outputs(finished, {OutputAction.UNCHANGED}):
        _remember(session, ledger, specs[output.id])
    for output in removed:
        clients = ledger.state.outputs[output.id].clients if output.id in ledger.state.outputs else ()
        waits_for = next((failed[address] for address in clients if address in failed), "")
        why = f"{waits_for} of the same client was not written, and may be the one that takes its place"
        kept = InputError("the output is not removed yet", why=why, fix="run iac apply again")
        removal = NotDelivered(output, kept) if waits_for else _remove(session, ledger, output)
        session.progress.leave(output.id, removal)
        yield removal
    session.deliveries.end()


def _remember(session: LocalSession, ledger: Ledger, spec: OutputSpec) -> None:
    """That only what the template does not read has changed: the next plan need not ask what it reads."""
    record = ledger.state.outputs.get(spec.id)
    if record is None or not record.read or find_block_now(spec, ledger.state):
        return
    now = record_of(session, spec, ledger.state)
    if now.read == record.read and now.digest != record.digest:
        ledger.note(OutputWritten(spec.id, replace(now, serial=record.serial)))


def _remove(session: LocalSession, ledger: Ledger, output: OutputChange) -> Delivered | NotDelivered:
    """Remove an output, unless its very place is another output's now."""
    sink = session.sinks[output.sink]
    try:
        place = sink.place(output.path)
        if all(_place(session, spec) != place for spec in session.desired.outputs):
            sink.remove(output.path)
    except IacError as error:
        return NotDelivered(output, error)
    session.deliveries.remove(output.id)
    ledger.note(OutputWritten(output.id, None))
    return Delivered(output, is_changed=True)


def _place(session: LocalSession, spec: OutputSpec) -> str:
    """Where an output is; "" when that cannot be told, so that nothing of this run can be there."""
    try:
        return session.sinks[spec.sink].place(spec.path)
    except IacError:
        return ""


def _write(session: LocalSession, ledger: Ledger, spec: OutputSpec, output: OutputChange) -> Delivered | NotDelivered:
    if block := find_block_now(spec, ledger.state):
        return NotDelivered(output, InputError(block.summary, fix=block.fix))
    try:
        content = fresh_content(session, ledger, spec)
        is_changed = session.sinks[spec.sink].write(spec.path, content, mode=spec.mode)
    except IacError as error:
        return NotDelivered(output, error)
    # The file comes first: state that says "written" before it is would keep the next run from writing it. For the same
    # reason this is a note only: what is lost in a crash is written again, which changes nothing.
    session.deliveries.add(spec.id, ledger.state.serial, content)
    ledger.note(OutputWritten(spec.id, record_of(session, spec, ledger.state)))
    return Delivered(output, is_changed)


def rendered(spec: OutputSpec, state: State) -> dict[str, RenderedClient]:
    """Its clients as it can read them now; those that state does not know are left out."""
    return {address: as_rendered(state, address) for address in spec.clients if address in state.clients}


def find_block_now(spec: OutputSpec, state: State) -> Diagnostic | None:
    """Why an output cannot be rendered from this state; None when it can."""
    return find_block(spec, rendered(spec, state), state.clients)


def record_of(session: LocalSession, spec: OutputSpec, state: State) -> OutputRecord:
    """What state remembers of an output written from `state`."""
    template = made_by(spec, session.digest(spec.template, state))
    return record_output(spec, template, rendered(spec, state), session.reads(spec.template), state.serial)


def is_known(session: LocalSession, spec: OutputSpec, state: State) -> bool:
    """Whether state says that the output was written with what it would hold now."""
    template, record = made_by(spec, session.digest(spec.template, state)), state.outputs.get(spec.id)
    return is_written(spec, template, rendered(spec, state), record, session.reads)


def credentials_of(ledger: Ledger, address: str) -> Credentials:
    """What state has of a client, opened.

    Raises:
        StateError: a secret or a key cannot be opened.
    """
    from iac.rendering.context import Credentials  # only where outputs change

    client = ledger.state.clients[address]
    secret = ledger.open(address, client.secret) if client.secret else None
    used = key_in_use(ledger.state.keys.get(address, ()), client.applied)
    key = ledger.open(address, used.private, SecretKind.KEY) if used else None
    return Credentials(address, client.client_id, client.applied, secret, key)


def fresh_content(session: LocalSession, ledger: Ledger, spec: OutputSpec) -> bytes:
    """What an output is to hold by the state of now.

    Raises:
        RenderError: the template fails.
        StateError: a secret cannot be opened.
    """
    clients: dict[str, Credentials] = {}
    closed: list[ClosedSecretError] = []
    for address in spec.clients:
        try:
            clients[address] = credentials_of(ledger, address)
        except ClosedSecretError as error:
            closed.append(error)
    if closed:
        first = closed[0]
        addresses = [address for error in closed for address in error.addresses]
        raise ClosedSecretError(first.summary, addresses, why=first.why, fix=first.fix)
    return session.renderer.render(session.templates[spec.template], spec, clients, session.facts(ledger.state))
