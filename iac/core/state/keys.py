"""Keys and secrets that a state holds, and when those of a deleted client are forgotten. Pure; they are sealed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from iac.core.model import Fields
from iac.core.server.effect import canonical_jwks, parse_jwks
from iac.core.state.model import ClientKey, ClientState, ClientWritten, Event, Intent, IntentGiven, SealedSecret, State


def key_set(keys: Sequence[ClientKey]) -> str:
    """The JWK set of their public halves, canonical JSON text (RFC 7517 section 5)."""
    return canonical_jwks(json.dumps({"keys": [json.loads(key.public) for key in keys]}))


def key_in_use(keys: Sequence[ClientKey], fields: Fields) -> ClientKey | None:
    """The newest key that the server knows: of those in its registered jwk, or of all where it fetches a jwks_uri."""
    known = _kids(str(fields.get("jwk", "")))
    usable = [key for key in keys if "jwks_uri" in fields or key.kid in known]
    return usable[-1] if usable and fields.get("token_endpoint_auth_method") == "private_key_jwt" else None


def _kids(jwk: str) -> frozenset[str]:
    return frozenset(str(key.get("kid")) for key in parse_jwks(jwk)) if jwk else frozenset()


def kid_in_use(keys: Mapping[str, Sequence[ClientKey]], address: str, fields: Fields) -> str:
    """The id of the key in use of an address; "" for none."""
    key = key_in_use(keys.get(address, ()), fields)
    return key.kid if key else ""


def with_keys(state: State, address: str, keys: tuple[ClientKey, ...]) -> State:
    """The state in which an address has these keys."""
    others = {name: held for name, held in state.keys.items() if name != address}
    return replace(state, keys={**others, address: keys} if keys else others)


def is_needed(state: State, event: Event) -> bool:
    """Whether the next run must find an event wherever it is made, and the state does not say it yet.

    It holds a secret, which lost with it may be lost for good; or it says that a request begins which nobody can ask
    about afterwards.
    """
    match event:
        case IntentGiven(intent) if intent.begun:
            return state.intents.get(intent.address) != intent
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


def bury(state: State, horizon: str) -> State:
    """The state without the tombstones from before `horizon` (RFC 3339 UTC, as `deleted_at`), and without their keys.

    A key that is younger than the tombstone is that of a client still to come.
    """
    kept = tuple(grave for grave in state.tombstones if grave.deleted_at >= horizon)
    staying = {grave.address for grave in kept} | state.clients.keys()
    gone = {grave.address: grave.deleted_at for grave in state.tombstones if grave.address not in staying}
    keys = {address: _younger(held, gone[address]) if address in gone else held for address, held in state.keys.items()}
    return replace(state, tombstones=kept, keys={address: held for address, held in keys.items() if held})


def _younger(keys: tuple[ClientKey, ...], moment: str) -> tuple[ClientKey, ...]:
    return tuple(key for key in keys if key.private.since > moment)
