"""What state holds of clients, as JSON and in words; a secret is never shown. Pure."""

from __future__ import annotations

from typing import Any

from iac.core.rotation import duration, secret_end, written
from iac.core.state.model import ClientState, State


def summary(client: ClientState) -> dict[str, Any]:
    """Identity and what is known of the secret, as JSON has it."""
    secret = client.secret
    return {
        "client_id": client.client_id,
        "secret": {
            "value": "(sensitive)" if secret else None,
            "status": str(client.secret_status),
            "version": secret.version if secret else None,
            "since": secret.since if secret else None,
            "ends": written(end) if (end := secret_end(client.answer)) else None,
            "recipients": list(secret.recipients) if secret else [],
        },
        "predecessors": predecessors_of(client),
    }


def predecessors_of(client: ClientState) -> list[dict[str, Any]]:
    """Clients that this one has taken the place of and that are still registered, as JSON has it."""
    return [
        {"client_id": old.client.client_id, "since": old.since or None, "grace": old.grace}
        for old in client.predecessors
    ]


def predecessor_text(predecessor: dict[str, Any]) -> str:
    """One of them, in words."""
    since, grace = predecessor["since"], duration(predecessor["grace"])
    stays = f"replaced {since}, with {grace} of grace" if since else "replaced when the outputs are written"
    return f"predecessor {predecessor['client_id']} is still registered, {stays}"


def state_to_dict(state: State) -> dict[str, Any]:
    """All addresses, what interrupted runs left open, and deleted clients that can be restored, as JSON has them."""
    intents = [intent for _, intent in sorted(state.intents.items())]
    return {
        "serial": state.serial,
        "lineage": state.lineage,
        "clients": [{"address": address, **summary(client)} for address, client in sorted(state.clients.items())],
        "intents": [{"address": one.address, "action": one.action, "at": one.at} for one in intents],
        "deleted": [
            {"address": grave.address, "client_id": grave.client.client_id, "at": grave.deleted_at}
            for grave in state.tombstones
        ],
    }


def detail(client: ClientState) -> dict[str, Any]:
    """All that is not secret, as JSON has it."""
    return {
        **summary(client),
        "provider": client.provider,
        "secret_serial": client.secret_serial,
        "prevent_destroy": client.prevent_destroy,
        "applied_at": client.applied_at,
        "generation": client.generation,
        "owners": list(client.owners) if client.owners is not None else None,
        "declared": sorted(client.declared),
        "applied": {n: list(v) if isinstance(v, tuple) else v for n, v in sorted(client.applied.items())},
    }


def secret_text(client: ClientState) -> str:
    """What is known of the secret, in words."""
    secret = client.secret
    since = f" (sensitive), version {secret.version} since {secret.since}" if secret else ""
    count = len(secret.recipients) if secret else 0
    also = f", sealed also to {count} recipient{'' if count == 1 else 's'} of its definition" if count else ""
    return f"{client.secret_status}{since}{also}"


def value_words(value: Any) -> str:
    """A value in words."""
    if isinstance(value, list):
        return " ".join(value)
    if value is None:
        return "not declared"
    return str(value).lower() if isinstance(value, bool) else str(value)
