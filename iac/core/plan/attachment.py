"""Which change each output belongs to. Pure."""

from __future__ import annotations

from dataclasses import replace

from iac.core.model import uses_secret
from iac.core.plan.change import Action, Change, OutputAction, SecretChange
from iac.core.plan.draft import Draft
from iac.core.plan.output import plan_outputs

_QUIET = frozenset({OutputAction.UNCHANGED, OutputAction.BLOCKED})


def attach_outputs(draft: Draft) -> None:
    """Put each output into the changes of its clients; one that changes alone opens a change of its own."""
    wants = draft.options.wants
    specs = [spec for spec in draft.desired.outputs if any(wants(address) for address in spec.clients)]
    others = {spec.id for spec in draft.desired.outputs if spec not in specs}
    records = {
        name: record
        for name, record in draft.state.outputs.items()
        if name not in others and any(wants(address) for address in record.clients)
    }
    for addresses, output in plan_outputs(specs, draft.options.templates, draft.after, records):
        concerned = [address for address in addresses if address in draft.changes]
        if not concerned and output.action not in _QUIET:
            concerned = _open_change(draft, addresses)
        for address in concerned:
            change = draft.changes[address]
            draft.changes[address] = replace(change, outputs=(*change.outputs, output))


def _open_change(draft: Draft, addresses: tuple[str, ...]) -> list[str]:
    for address in addresses:
        client = draft.desired.clients.get(address)
        seen = draft.actual.registrations.get(client.client_id) if client else None
        if client is None or seen is None or address not in draft.state.clients:
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
            observed=seen,
        )
        return [address]
    if not any(address in draft.state.clients or address in draft.desired.clients for address in addresses):
        draft.changes[addresses[0]] = _leftover(draft, addresses[0])
        return [addresses[0]]
    return []


def _leftover(draft: Draft, address: str) -> Change:
    """A client has left state and its output has not: the run that was to remove it died before, or could not."""
    entry = next((entry for entry in draft.desired.removed if entry.address == address), None)
    client = next((grave.client for grave in draft.state.tombstones if grave.address == address), None)
    return Change(
        address=address,
        client_id=client.client_id if client else "",
        client_name=str(client.applied.get("client_name", "")) if client else "",
        action=Action.FORGET,
        reason="only its output is left",
        location=entry.location if entry else None,
    )
