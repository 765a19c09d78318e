"""Proof that rendered credentials work: each client's are read from its outputs, and the server is asked with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing

from msgspec import Struct
from msgspec.structs import replace

from iac.apply.deliver import find_block_now, find_unfit_now, fresh_content, open_key
from iac.core.desired import OutputSpec
from iac.core.errors import IacError, StateError
from iac.core.model import uses_secret
from iac.core.proof import ClientProof, Evidence, Grade, Proof, ServiceLogin
from iac.core.secret import Secret
from iac.core.server import detect_facts
from iac.core.state.model import ClientState, SecretStatus, State, kid_in_use
from iac.ports import Comparison
from iac.providers.pages import gather
from iac.providers.proof import OAuthProver
from iac.rendering.content import ContentMismatch, FileCredentials, MalformedContent
from iac.rendering.context import dummy_credentials
from iac.session import LocalSession
from iac.wiring import Caller, open_connection, open_project

LOGIN = "login"
"""The name of the check whose failure has a way on that depends on state."""


def prove(caller: Caller, addresses: Collection[str], begun: Callable[[Proof], None] = lambda _: None) -> Proof:
    """What can be said of the credentials of these addresses, of all without any. No login is read.

    `begun` hears of the proof before its first client.

    Raises:
        InvalidInput: iac.yaml or definitions are invalid.
        InputError: an address is none.
        UnreachableError: the server is not there.
    """
    settings, session = open_project(caller)
    desired, progress = session.desired, session.progress
    connection = open_connection(settings, progress, parallelism=settings.parallelism)
    with closing(OAuthProver(connection, session.clock, settings.api)) as prover:
        targets = session.options(addresses).targets
        wanted = [address for address in desired.clients if not targets or address in targets]
        state = session.backend.load()
        prover.open()
        readings = read_outputs(session, state, wanted)
        proof = Proof(desired.project, desired.environment, desired.issuer, ())
        begun(proof)
        progress.begin(len(wanted), "client", "verified")

        def prove_one(address: str) -> ClientProof:
            progress.enter(address)
            return _prove(session, prover, address, state.clients.get(address), readings.get(address, ()))

        clients = []
        for client in gather(prove_one, wanted, settings.parallelism):
            progress.leave(client.address, client)
            clients.append(client)
    progress.end()
    return replace(proof, clients=tuple(clients))


def _prove(
    session: LocalSession,
    prover: OAuthProver,
    address: str,
    stored: ClientState | None,
    readings: Sequence[OutputReading],
) -> ClientProof:
    if stored is None:
        unapplied = Evidence("state", Grade.UNPROVEN, why="it is not applied yet", fix="iac apply")
        return ClientProof(address, session.desired.clients[address].client_id, (unapplied,))
    checks = [_compared_with_state(reading, stored) for reading in readings]
    secret, is_current = _secret_of(readings, stored)
    key = next((credentials.key for credentials in _readable(readings) if credentials.key is not None), None)
    checked = prover.prove(ServiceLogin(_client_id_of(readings, stored), secret, stored.applied, key))
    way = next((reading.way for reading in readings if reading.way), f"iac render --target {address}")
    fix = _fix_of_login(session, address, stored) if is_current else way
    return ClientProof(address, stored.client_id, (*checks, *(_with_fix(check, fix) for check in checked)))


def _compared_with_state(reading: OutputReading, stored: ClientState) -> Evidence:
    """The check of an output, with what it holds compared with state, where that is known."""
    credentials = reading.credentials
    if credentials is None:
        return reading.check
    if credentials.client_id is not None and credentials.client_id != stored.client_id:
        return _with_why(reading, Grade.FAILED, "its client_id differs from the applied one")
    if _is_other(credentials.client_secret, stored):
        return _with_why(reading, Grade.UNPROVEN, "its secret differs from the one in the state")
    return reading.check


def _with_why(reading: OutputReading, verdict: Grade, why: str) -> Evidence:
    return replace(reading.check, verdict=verdict, why=why, fix=reading.way or "iac render")


def _is_other(secret: Secret | None, stored: ClientState) -> bool:
    """Whether this is surely not the secret of state: by its fingerprint, which needs no key."""
    known = stored.secret if stored.secret_status is SecretStatus.KNOWN else None
    return secret is not None and known is not None and secret.fingerprint(known.salt) != known.fingerprint


def _secret_of(readings: Sequence[OutputReading], stored: ClientState) -> tuple[Secret | None, bool]:
    """The secret that the outputs hold, and whether it is the one of state as far as is known; a stale one comes first.

    The check is after one file that its service cannot log in with.
    """
    secrets = [one.client_secret for one in _readable(readings) if one.client_secret is not None]
    stale = next((secret for secret in secrets if _is_other(secret, stored)), None)
    return (stale, False) if stale is not None else (secrets[0] if secrets else None, True)


def _client_id_of(readings: Sequence[OutputReading], stored: ClientState) -> str:
    named = (credentials.client_id for credentials in _readable(readings))
    return next((client_id for client_id in named if client_id is not None), stored.client_id)


def _readable(readings: Sequence[OutputReading]) -> Iterator[FileCredentials]:
    yield from (reading.credentials for reading in readings if reading.credentials is not None)


def _with_fix(check: Evidence, fix: str) -> Evidence:
    """A login that failed, with its fix."""
    is_failed = check.name == LOGIN and check.verdict is Grade.FAILED
    return replace(check, fix=fix) if is_failed else check


def _fix_of_login(session: LocalSession, address: str, stored: ClientState) -> str:
    """What to do about a refused login. A rotation would end the secret that works, so it is not advised."""
    plan = "run iac plan: is the client still on the server, " + (
        "with this public key?"
        if stored.applied.get("token_endpoint_auth_method") == "private_key_jwt"
        else "as defined?"
    )
    if not uses_secret(stored.applied):
        return plan
    return (
        f"{plan} If its secret was changed there:"
        f" {'iac apply' if _shows_secrets(session, stored) else f'iac secret set {address}'} takes the new one over"
    )


def _shows_secrets(session: LocalSession, stored: ClientState) -> bool:
    """Whether the server shows secrets to those who may read the client, as far as its last answer tells."""
    facts = detect_facts([stored.answer]) if stored.answer else None
    return session.desired.api.is_iam and facts is not None and facts.shows_secrets


OUTPUT = "output"
_CHANGED = "it was changed after it was rendered, or the template was: iac render"


class OutputReading(Struct, frozen=True):
    """One output and one client of it: what stands there, and the check that says how it was read.

    Attributes:
        way: how the output gets the secret of state, where `iac render` cannot write it.
    """

    check: Evidence
    credentials: FileCredentials | None = None
    way: str = ""


def read_outputs(session: LocalSession, state: State, addresses: Collection[str]) -> dict[str, list[OutputReading]]:
    """Every output of these clients, by address, each read once."""
    by_address: dict[str, list[OutputReading]] = {address: [] for address in addresses}
    unfit = find_unfit_now(session, state)
    for spec in session.desired.outputs:
        wanted = [address for address in spec.clients if address in by_address]
        way = unfit[spec.id].fix if spec.id in unfit else ""
        readings = _read(session, state, spec, way) if wanted else {}
        for address in wanted:
            by_address[address].append(replace(readings[address], way=way))
    return by_address


def _read(session: LocalSession, state: State, spec: OutputSpec, way: str) -> Mapping[str, OutputReading]:
    if any(address not in state.clients for address in spec.clients):
        why = "a client of it is not applied yet"
        return _alike(spec, Evidence(OUTPUT, Grade.UNPROVEN, spec.id, why, "iac apply"))
    try:
        content = session.sinks[spec.sink].read(spec.path)
        if content is None:
            block = find_block_now(spec, state)
            unfit = (": it cannot hold the secret", way) if way else ("", "iac render")
            why, fix = (": iac does not know the secret", block.fix) if block else unfit
            return _alike(spec, Evidence(OUTPUT, Grade.FAILED, spec.id, f"the file is missing{why}", fix))
        return _parsed(session, state, spec, content)
    except ContentMismatch as error:
        return _alike(spec, Evidence(OUTPUT, Grade.FAILED, spec.id, str(error), _CHANGED))
    except IacError as error:
        return _alike(spec, Evidence(OUTPUT, Grade.UNPROVEN, spec.id, error.why or error.summary, error.fix))


def _parsed(session: LocalSession, state: State, spec: OutputSpec, content: bytes) -> Mapping[str, OutputReading]:
    stored = {address: state.clients[address] for address in spec.clients}
    clients = {
        at: dummy_credentials(at, client.client_id, client.applied, kid_in_use(state.keys, at, client.applied))
        for at, client in stored.items()
    }
    try:
        template = session.templates[spec.template]
        found = session.renderer.read(content, template, spec, clients, session.facts(state))
    except MalformedContent as error:
        return _by_rendering(session, state, spec, str(error))
    return {
        address: OutputReading(Evidence(OUTPUT, Grade.OK, spec.id, f"read as {credentials.format}"), credentials)
        for address, credentials in found.items()
    }


def _by_rendering(session: LocalSession, state: State, spec: OutputSpec, why: str) -> Mapping[str, OutputReading]:
    """The last way: the output is equal to what state renders now, so the secrets in it are those of state."""
    ledger = session.ledger(state)
    try:
        fresh = fresh_content(session, ledger, spec)
    except StateError:
        told = f"{why}; with the key of the state it could be compared with a fresh rendering"
        return _alike(spec, Evidence(OUTPUT, Grade.UNPROVEN, spec.id, told))
    if session.sinks[spec.sink].compare(spec.path, fresh) is not Comparison.AS_WANTED:
        return _alike(spec, Evidence(OUTPUT, Grade.FAILED, spec.id, "it is not as rendered", _CHANGED))
    check = Evidence(OUTPUT, Grade.OK, spec.id, "equal to a fresh rendering; its secret is taken from state")
    found: dict[str, OutputReading] = {}
    for address in spec.clients:
        client = state.clients[address]
        secret = ledger.open(address, client.secret) if client.secret else None
        found[address] = OutputReading(
            check, FileCredentials(client.client_id, secret, key=_jwk(open_key(ledger, address, client)))
        )
    return found


def _jwk(key: Secret | None) -> Secret | None:
    return Secret(json.dumps(json.loads(key.reveal())["jwk"])) if key else None


def _alike(spec: OutputSpec, check: Evidence) -> Mapping[str, OutputReading]:
    return {address: OutputReading(check) for address in spec.clients}
