"""Which secrets a state holds. Pure; they are sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.state import ClientWritten, IntentGiven

if TYPE_CHECKING:
    from iac.core.state import ClientState, Event, Intent, SealedSecret, State


def brings_secret(state: State, event: Event) -> bool:
    """Whether an event holds a secret that the state holds nowhere: lost with the event, it may be lost for good."""
    match event:
        case ClientWritten(_, holder) | IntentGiven(holder):
            held = {secret.sealed for _, secret in secrets_of(state)}
            return any(secret.sealed not in held for secret in holder.sealed)
        case _:
            return False


def secrets_of(state: State) -> list[tuple[str, SealedSecret]]:
    """Every secret of a state with its address: of clients, predecessors, writes about to be sent, deleted clients."""
    held: list[tuple[str, ClientState | Intent]] = [*state.clients.items(), *state.intents.items()]
    held += [(address, old.client) for address, client in state.clients.items() for old in client.predecessors]
    held += [(grave.address, grave.client) for grave in state.tombstones]
    private = [(address, key.private) for address, keys in state.keys.items() for key in keys]
    return [*((address, secret) for address, holder in held for secret in holder.sealed), *private]
