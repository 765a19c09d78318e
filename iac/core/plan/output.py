"""Which outputs change, decided from state alone: never from the disk. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec.structs import replace

from iac.core.desired import OutputSpec, output_path
from iac.core.errors import Diagnostic, Severity
from iac.core.model import uses_secret
from iac.core.plan.change import Action, Change, OutputAction, OutputChange, SecretChange, sha256
from iac.core.plan.plan import Draft, PlanOptions, Reads, RenderedClient, secret_fix
from iac.core.state.model import OutputRecord, SecretStatus, State, kid_in_use
from iac.core.text import listed


def as_rendered(state: State, address: str) -> RenderedClient:
    """A client as outputs see it when nothing is done to it."""
    client = state.clients[address]
    kid = kid_in_use(state.keys, address, client.applied)
    if client.secret_status is SecretStatus.UNKNOWN:
        return RenderedClient(client.client_id, client.applied, None)
    return RenderedClient(client.client_id, client.applied, client.secret.version if client.secret else 0, kid)


def output_digest(spec: OutputSpec, template: str, clients: Mapping[str, RenderedClient], reads: Reads = None) -> str:
    """Hash over all that an output can read; `template` is what `made_by` says.

    Secrets enter by their version, so the digest says nothing about them. With `reads` what the template does not read
    of its clients is left out.
    """
    read = [_digest_parts(address, _as_read(clients[address], reads)) for address in spec.clients]
    return sha256([template, spec.path, spec.mode, list(spec.names), dict(spec.values), read])


def made_by(spec: OutputSpec, template: str) -> str:
    """Hash over what makes an output of its clients: the template, and how and for whom the sink writes it."""
    return sha256([template, spec.form, spec.recipients]) if spec.form else template


def _digest_parts(address: str, client: RenderedClient) -> list[object]:
    fields = sorted((name, json.dumps(value, default=list)) for name, value in client.fields.items())
    parts: list[object] = [address, client.client_id, fields, client.secret_version]
    return [*parts, client.kid] if client.kid else parts


def _as_read(client: RenderedClient, reads: Reads) -> RenderedClient:
    """The client as a template sees it that reads this."""
    if reads is None:
        return client
    return RenderedClient(
        client.client_id if "client_id" in reads else "",
        {name: value for name, value in client.fields.items() if name in reads},
        client.secret_version if "client_secret" in reads else 0,
        client.kid if "private_key" in reads else "",
    )


def record_output(
    spec: OutputSpec, template: str, clients: Mapping[str, RenderedClient], reads: Reads, serial: int
) -> OutputRecord:
    """What state remembers of an output that is written now."""
    read = "" if reads is None else output_digest(spec, template, clients, reads)
    return OutputRecord(output_digest(spec, template, clients), spec.clients, spec.sink, serial, read)


def is_written(
    spec: OutputSpec,
    template: str,
    clients: Mapping[str, RenderedClient],
    record: OutputRecord | None,
    reads: Callable[[str], Reads],
) -> bool:
    """Whether an output was last written with what it would hold now: nothing differs, or nothing that is read.

    Most often nothing differs. Then nobody asks what the template reads.
    """
    if record is None or record.digest == output_digest(spec, template, clients):
        return record is not None
    return bool(record.read) and record.read == output_digest(spec, template, clients, reads(spec.template))


def find_block(spec: OutputSpec, clients: Mapping[str, RenderedClient], stored: Collection[str]) -> Diagnostic | None:
    """Why an output cannot be rendered from these clients; None when it can. `stored` are the addresses in state."""
    missing = [address for address in spec.clients if address not in clients]
    secretless = [address for address in spec.clients if address in clients and clients[address].secret_version is None]
    if not (missing or secretless):
        return None
    fix = "iac apply" if missing else secret_fix(secretless, stored)
    why = f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} not applied yet"
    summary = f"{spec.id} is not written: {why if missing else f'iac does not know the secret of {listed(secretless)}'}"
    return Diagnostic("output-blocked", summary, spec.location, "", f"run {fix}", Severity.WARNING)


def plan_outputs(
    specs: Iterable[OutputSpec],
    options: PlanOptions,
    clients: Mapping[str, RenderedClient],
    records: Mapping[str, OutputRecord],
) -> list[tuple[tuple[str, ...], OutputChange]]:
    """What becomes of each output, with the addresses it concerns.

    Args:
        specs: the declared outputs.
        options: of the run: hashes of templates, and what they read.
        clients: every client as it will be after the apply; an output of another client is blocked.
        records: outputs by id as they were last written; those no longer declared are deleted.
    """
    specs = list(specs)
    planned = [(spec.clients, _output(spec, options, clients, records.get(spec.id))) for spec in specs]
    declared = {spec.id for spec in specs}
    gone = [
        (record.clients, OutputChange(output_path(record.sink, name), record.sink, OutputAction.DELETE))
        for name, record in sorted(records.items())
        if name not in declared
    ]
    return planned + gone


def _output(
    spec: OutputSpec, options: PlanOptions, clients: Mapping[str, RenderedClient], record: OutputRecord | None
) -> OutputChange:
    template = made_by(spec, options.templates[spec.template])
    if find_block(spec, clients, ()):
        return OutputChange(spec.path, spec.sink, OutputAction.BLOCKED, template, recipients=spec.recipients)
    if record is None:
        action = OutputAction.CREATE
    else:
        action = (
            OutputAction.UNCHANGED
            if is_written(spec, template, clients, record, options.reads)
            else OutputAction.UPDATE
        )
    digest = output_digest(spec, template, clients)
    return OutputChange(spec.path, spec.sink, action, template, digest, spec.recipients)


_QUIET = frozenset({OutputAction.UNCHANGED, OutputAction.BLOCKED})


def attach_outputs(draft: Draft) -> None:
    """Put each output into the changes of its clients; one that changes alone opens a change of its own."""
    wants = draft.options.wants_any
    specs = [spec for spec in draft.desired.outputs if wants(spec.clients)]
    others = {spec.id for spec in draft.desired.outputs if spec not in specs}
    records = {
        name: record for name, record in draft.state.outputs.items() if name not in others and wants(record.clients)
    }
    # What a guard keeps from being created is the guard's matter: iac apply would not write its outputs.
    refused = {address for guard in draft.guards for address in guard.details["addresses"]} - draft.after.keys()
    draft.findings.extend(
        block
        for spec in specs
        if refused.isdisjoint(spec.clients) and (block := find_block(spec, draft.after, draft.stored))
    )
    for addresses, output in plan_outputs(specs, draft.options, draft.after, records):
        concerned = [address for address in addresses if address in draft.changes]
        if not concerned and output.action not in _QUIET:
            concerned = _open_change(draft, addresses)
        for address in concerned:
            change = draft.changes[address]
            draft.changes[address] = replace(change, outputs=(*change.outputs, output))


def _open_change(draft: Draft, addresses: tuple[str, ...]) -> list[str]:
    for address in addresses:
        client = draft.desired.clients.get(address)
        observed = draft.actual.registrations.get(client.client_id) if client else None
        if client is None or observed is None or address not in draft.state.clients:
            continue
        draft.changes[address] = Change(
            address=address,
            client_id=client.client_id,
            client_name=str(client.fields.get("client_name", "")),
            action=Action.UPDATE,
            reason="only its output changes",
            location=client.location,
            secret=SecretChange.KEPT if uses_secret(client.fields) else SecretChange.NONE,
            desired=client,
            observed=observed,
        )
        return [address]
    if not any(address in draft.state.clients or address in draft.desired.clients for address in addresses):
        # A client has left state and its output has not: the run that was to remove it died before, or could not.
        address = addresses[0]
        entry = next((entry for entry in draft.desired.removed if entry.address == address), None)
        was = next((grave.client for grave in draft.state.tombstones if grave.address == address), None)
        draft.changes[address] = Change(
            address=address,
            client_id=was.client_id if was else "",
            client_name=str(was.applied.get("client_name", "")) if was else "",
            action=Action.FORGET,
            reason="only its output is left",
            location=entry.location if entry else None,
        )
        return [address]
    return []
