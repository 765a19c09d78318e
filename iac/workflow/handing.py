"""Known secrets handed in: proven at the token endpoint, then stored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from iac.core.errors import InputError
from iac.core.model import uses_secret
from iac.core.state import ClientWritten, SecretStatus
from iac.workflow.mending import mending
from iac.workflow.reading import use_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.apply.ledger import Ledger
    from iac.core.secret import Secret
    from iac.core.state import ClientState, State
    from iac.workflow.session import Session


def hand_in(session: Session, secrets: Mapping[str, Secret]) -> dict[str, bool]:
    """Store these secrets, by address: all of them, or none; whether each is new to state.

    Raises:
        InputError: naming every address whose secret is not stored, and why.
        UnreachableError: the server cannot be asked.
    """
    with mending(session) as ledger:
        _refuse(_unfit(ledger.state, secrets))
        use_keys(session, ledger.state, {ledger.state.clients[a].client_id for a in secrets}, must_open=True)
        _refuse(_unproven(session, ledger.state, secrets))
        return {address: _store(ledger, address, secret) for address, secret in sorted(secrets.items())}


def _refuse(problems: Mapping[str, str]) -> None:
    if problems:
        raise InputError(
            "these secrets are refused, and none is stored",
            where=", ".join(problems),
            why="; ".join(f"{address}: {why}" for address, why in problems.items()),
            fix="correct them or leave them out; iac state list lists the addresses",
        )


def _unfit(state: State, secrets: Mapping[str, Secret]) -> dict[str, str]:
    problems = {}
    for address in sorted(secrets):
        client = state.clients.get(address)
        if client is None:
            problems[address] = "not in state; iac apply creates a client or adopts it"
        elif not uses_secret(client.applied):
            problems[address] = "its token_endpoint_auth_method takes no secret"
    return problems


def _unproven(session: Session, state: State, secrets: Mapping[str, Secret]) -> dict[str, str]:
    """Those with which the client cannot log in."""

    def problem(address: str) -> str:
        client_id = state.clients[address].client_id
        if session.provider.accepts_secret(client_id, secrets[address]):
            return ""
        if session.provider.get(client_id) is None:
            return f"client_id {client_id} is not registered any more; iac plan says more"
        return f"the server refuses it as the secret of {client_id}"

    addresses = sorted(secrets)
    # limit: each request ends by its deadline
    with ThreadPoolExecutor(max_workers=session.parallelism, thread_name_prefix="iac-secret") as pool:
        answers = zip(addresses, pool.map(problem, addresses), strict=True)
        return {address: why for address, why in answers if why}


def _store(ledger: Ledger, address: str, secret: Secret) -> bool:
    client = ledger.state.clients[address]
    is_new = not _is_held(client, secret)
    if is_new:
        client = replace(client, secret=ledger.seal_next(address, secret))
    ledger.note(ClientWritten(address, replace(client, secret_status=SecretStatus.KNOWN)))
    return is_new


def _is_held(client: ClientState, secret: Secret) -> bool:
    return client.secret is not None and secret.fingerprint(client.secret.salt) == client.secret.fingerprint
