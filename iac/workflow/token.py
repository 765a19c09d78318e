"""What reaches a client, changed by hand under the lock: a token is handed in, or traded for an owner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iac.core.answer import kept_answer
from iac.core.errors import InputError
from iac.core.model import uses_secret
from iac.core.planning import identified
from iac.core.registration import Api, Key
from iac.core.state import ClientState, ClientWritten, SecretStatus
from iac.workflow.mending import mending, not_in_state
from iac.workflow.reading import use_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iac.apply.ledger import Ledger
    from iac.core.registration import Registration
    from iac.core.secret import Secret
    from iac.workflow.session import Session


def hand_in_token(session: Session, address: str, rat: Secret, uri: str) -> ClientState:
    """Store a registration access token, after it has read the client that it is for.

    An address that is in no state yet takes the client over that its definition names.

    Args:
        session: the run.
        address: whose token it is.
        rat: the token.
        uri: its registration_client_uri; "" for the one in state.

    Raises:
        InputError: it is nobody's token, or nothing says whose.
    """
    _check_api(session)
    with mending(session) as ledger:
        held = ledger.state.clients.get(address)
        client_id = held.client_id if held else _named(session, ledger, address)
        uri = uri or (held.registration_uri if held else "")
        session.provider.use_keys([Key(client_id, rat, uri)])
        found = session.provider.get(client_id)
        if found is None:
            raise InputError(
                "the server does not take this token for this client",
                where=f"{address}, client_id {client_id}",
                why="it is another client's, has ended, or is not all of the token; nothing was stored",
                fix="give the token as the server gave it; RFC 7592 servers need --uri too, for a client in no state",
            )
        client = held or _taken_over(session, ledger, address, found)
        client = replace(client, rat=ledger.seal_rat(address, rat), registration_uri=found.registration_uri or uri)
        ledger.note(ClientWritten(address, client))
        return client


def _check_api(session: Session) -> None:
    if session.desired.provider == Api.ADMIN:
        raise InputError(
            "the management API needs no registration access tokens",
            fix="this is for provider iam-self-service and rfc7591",
        )


def _named(session: Session, ledger: Ledger, address: str) -> str:
    client = identified(session.desired, ledger.state).clients.get(address)
    if client is None:
        raise not_in_state(ledger.state, address)
    if not client.client_id:
        raise InputError(
            "nothing says whose token this is",
            where=str(client.location),
            why=f"{address} is in no state, and its definition names no client_id",
            fix="write client_id: ID of the registered client into the definition first",
        )
    return client.client_id


def _taken_over(session: Session, ledger: Ledger, address: str, found: Registration) -> ClientState:
    """The client as it is registered, so that the next plan says what its definition changes."""
    desired = session.desired.clients[address]
    status = SecretStatus.UNKNOWN if uses_secret(found.fields) else SecretStatus.NONE
    secret = ledger.seal_next(address, found.secret) if found.secret and uses_secret(found.fields) else None
    return ClientState(
        client_id=found.client_id,
        provider=session.desired.provider,
        applied={name: value for name, value in found.fields.items() if name in desired.declared},
        declared=desired.declared,
        secret=secret,
        secret_status=SecretStatus.KNOWN if secret else status,
        secret_serial=desired.secret_serial,
        prevent_destroy=desired.lifecycle.prevent_destroy,
        applied_at=ledger.now(),
        answer=kept_answer(found.answer),
    )


def redeem(session: Session, addresses: Sequence[str]) -> None:
    """Make the user of the login the owner of clients that nobody owns; their tokens leave state.

    Raises:
        InputError: an address is not in state, or its client has no such token.
        StateError: a token cannot be opened.
    """
    with mending(session) as ledger:
        clients = ledger.state.clients
        for address in addresses:
            _check_token(ledger, address)
        use_keys(session, ledger.state, {clients[address].client_id for address in addresses}, must_open=True)
        for address in addresses:
            client = clients[address]
            session.provider.redeem(client.client_id)
            owned = replace(client, rat=None)
            ledger.record(ClientWritten(address, owned))


def _check_token(ledger: Ledger, address: str) -> None:
    client = ledger.state.clients.get(address)
    if client is None:
        raise not_in_state(ledger.state, address)
    if client.rat is None:
        raise InputError(
            "this client has no registration access token to redeem",
            where=address,
            why="a user's login owns it already, or it is reached by the management API",
            fix="leave it out",
        )
