"""Outputs as they are delivered, read back: what each holds of each client, or why that cannot be told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac import ports
from iac.apply.deliver import fresh_content, open_key
from iac.core.errors import IacError, StateError
from iac.core.proof import Check, Verdict
from iac.core.secret import Secret
from iac.core.state.keys import kid_in_use

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from iac.core.desired import OutputSpec
    from iac.core.state.model import State
    from iac.rendering.reading import Found
    from iac.session.session import LocalSession

OUTPUT = "output"
_CHANGED = "it was changed after it was rendered, or the template was: iac render"


@dataclass(frozen=True, slots=True)
class Reading:
    """One output and one client of it: what stands there, and the check that says how it was read."""

    check: Check
    found: Found | None = None


def read_outputs(session: LocalSession, state: State, addresses: Collection[str]) -> dict[str, list[Reading]]:
    """Every output of these clients, by address, each read once."""
    found: dict[str, list[Reading]] = {address: [] for address in addresses}
    for spec in session.desired.outputs:
        wanted = [address for address in spec.clients if address in found]
        readings = _read(session, state, spec) if wanted else {}
        for address in wanted:
            found[address].append(readings[address])
    return found


def _read(session: LocalSession, state: State, spec: OutputSpec) -> Mapping[str, Reading]:
    from iac.rendering.reading import NotAsRendered  # brings in Jinja2

    if any(address not in state.clients for address in spec.clients):
        why = "a client of it is not applied yet"
        return _alike(spec, Check(OUTPUT, Verdict.UNPROVEN, spec.id, why, "iac apply"))
    try:
        content = session.sinks[spec.sink].read(spec.path)
        if content is None:
            return _alike(spec, Check(OUTPUT, Verdict.FAILED, spec.id, "it is not there", "iac render"))
        return _parsed(session, state, spec, content)
    except NotAsRendered as error:
        return _alike(spec, Check(OUTPUT, Verdict.FAILED, spec.id, str(error), _CHANGED))
    except IacError as error:
        return _alike(spec, Check(OUTPUT, Verdict.UNPROVEN, spec.id, error.why or error.summary, error.fix))


def _parsed(session: LocalSession, state: State, spec: OutputSpec, content: bytes) -> Mapping[str, Reading]:
    from iac.rendering.context import dummy_credentials
    from iac.rendering.reading import Unreadable  # brings in Jinja2

    held = {address: state.clients[address] for address in spec.clients}
    clients = {
        at: dummy_credentials(at, client.client_id, client.applied, kid_in_use(state.keys, at, client.applied))
        for at, client in held.items()
    }
    try:
        template = session.templates[spec.template]
        found = session.renderer.read(content, template, spec, clients, session.facts())
    except Unreadable as error:
        return _by_rendering(session, state, spec, str(error))
    return {
        address: Reading(Check(OUTPUT, Verdict.OK, spec.id, f"read as {seen.format}"), seen)
        for address, seen in found.items()
    }


def _by_rendering(session: LocalSession, state: State, spec: OutputSpec, why: str) -> Mapping[str, Reading]:
    """The last way: the output is equal to what state renders now, so the secrets in it are those of state."""
    from iac.rendering.reading import Found  # brings in Jinja2

    ledger = session.ledger(state)
    try:
        fresh = fresh_content(session, ledger, spec)
    except StateError:
        told = f"{why}; with the key of the state it could be compared with a fresh rendering"
        return _alike(spec, Check(OUTPUT, Verdict.UNPROVEN, spec.id, told))
    if session.sinks[spec.sink].compare(spec.path, fresh) is not ports.Found.AS_WANTED:
        return _alike(spec, Check(OUTPUT, Verdict.FAILED, spec.id, "it is not as rendered", _CHANGED))
    check = Check(OUTPUT, Verdict.OK, spec.id, "equal to a fresh rendering; its secret is taken from state")
    found: dict[str, Reading] = {}
    for address in spec.clients:
        client = state.clients[address]
        secret = ledger.open(address, client.secret) if client.secret else None
        found[address] = Reading(check, Found(client.client_id, secret, key=_jwk(open_key(ledger, address, client))))
    return found


def _jwk(key: Secret | None) -> Secret | None:
    return Secret(json.dumps(json.loads(key.reveal())["jwk"])) if key else None


def _alike(spec: OutputSpec, check: Check) -> Mapping[str, Reading]:
    return {address: Reading(check) for address in spec.clients}
