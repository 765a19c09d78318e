"""Which registration a definition means where the server chooses the ids, and what is known without reading. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iac.core.registration import Api, Registration

if TYPE_CHECKING:
    from iac.core.desired import Desired
    from iac.core.registration import Actual
    from iac.core.state import State


def identified(desired: Desired, state: State) -> Desired:
    """The definitions with the client_ids that the server chose for them; "" for those that are not registered yet.

    `state` has been moved (`move`) already.
    """
    if desired.provider == Api.ADMIN:
        return desired
    held = state.clients
    clients = {
        address: replace(client, client_id=held[address].client_id)
        if not client.client_id and address in held
        else client
        for address, client in desired.clients.items()
    }
    return replace(desired, clients=clients)


def remembered(actual: Actual, state: State) -> Actual:
    """What the server holds, and of clients that could not be read what was last applied."""
    if not actual.unread:
        return actual
    held = [one for client in state.clients.values() for one in (client, *(old.client for old in client.predecessors))]
    last = {
        client.client_id: Registration(client.client_id, client.applied, owners=client.owners, is_remembered=True)
        for client in held
        if client.client_id in actual.unread
    }
    return replace(actual, registrations={**actual.registrations, **last})
