"""Which outputs change, decided from state alone: never from the disk. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from iac.core.desired import OutputSpec, output_path
from iac.core.model import Fields
from iac.core.plan.change import OutputAction, OutputChange, sha256
from iac.core.state.model import OutputRecord


@dataclass(frozen=True, slots=True)
class Rendered:
    """What an output can read of one client: fields as applied, which secret (0 for none, None unknown), which key."""

    client_id: str
    fields: Fields
    secret_version: int | None
    kid: str = ""


def output_digest(spec: OutputSpec, template: str, clients: Mapping[str, Rendered]) -> str:
    """Hash over everything that decides an output's content; `template` is what `made_by` says.

    Secrets enter by their version, so the digest says nothing about them.
    """
    read = [_read(address, clients[address]) for address in spec.clients]
    parts = [template, spec.path, spec.mode, list(spec.names), dict(spec.values), read]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def made_by(spec: OutputSpec, template: str) -> str:
    """Hash over what makes an output of its clients: the template, and how and for whom the sink writes it."""
    return sha256([template, spec.form, spec.recipients]) if spec.form else template


def _read(address: str, client: Rendered) -> list[object]:
    told: list[object] = [address, client.client_id, sorted(_listed(client.fields)), client.secret_version]
    return [*told, client.kid] if client.kid else told


def _listed(fields: Fields) -> Iterable[tuple[str, str]]:
    return ((name, json.dumps(value, default=list)) for name, value in fields.items())


def plan_outputs(
    specs: Iterable[OutputSpec],
    templates: Mapping[str, str],
    clients: Mapping[str, Rendered],
    records: Mapping[str, OutputRecord],
) -> list[tuple[tuple[str, ...], OutputChange]]:
    """What becomes of each output, with the addresses it concerns.

    Args:
        specs: the declared outputs.
        templates: template name -> hash of its text.
        clients: every client as it will be after the apply; an output of another client is blocked.
        records: outputs by id as they were last written; those no longer declared are deleted.
    """
    specs = list(specs)
    planned = [
        (spec.clients, _output(spec, made_by(spec, templates[spec.template]), clients, records)) for spec in specs
    ]
    declared = {spec.id for spec in specs}
    gone = [
        (record.clients, OutputChange(output_path(record.sink, name), record.sink, OutputAction.DELETE))
        for name, record in sorted(records.items())
        if name not in declared
    ]
    return planned + gone


def _output(
    spec: OutputSpec, template: str, clients: Mapping[str, Rendered], records: Mapping[str, OutputRecord]
) -> OutputChange:
    if any(address not in clients or clients[address].secret_version is None for address in spec.clients):
        return OutputChange(spec.path, spec.sink, OutputAction.BLOCKED, template, recipients=spec.recipients)
    digest = output_digest(spec, template, clients)
    record = records.get(spec.id)
    if record is None:
        action = OutputAction.CREATE
    elif record.digest == digest:
        action = OutputAction.UNCHANGED
    else:
        action = OutputAction.UPDATE
    return OutputChange(spec.path, spec.sink, action, template, digest, spec.recipients)
