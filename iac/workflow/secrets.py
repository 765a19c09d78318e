"""Secrets and tokens that a person provides: read from files, proven at the server, then stored under the lock."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from iac.apply.request import read_back
from iac.core.desired import DesiredClient
from iac.core.errors import GarbledError, InputError, UnknownOutcome
from iac.core.model import Facts, NewToken, Registration, RegistrationAccess, uses_secret
from iac.core.origin import is_same_origin
from iac.core.plan.identity import with_chosen_ids
from iac.core.rotation import EXPIRY
from iac.core.secret import Secret
from iac.core.state.codec import kept_answer
from iac.core.state.model import ClientState, ClientWritten, SecretStatus, State
from iac.core.text import listed, once_per_message, printable
from iac.providers.pages import gather
from iac.registry import PROVIDERS
from iac.session import Session
from iac.session.ledger import Ledger, SecretKind
from iac.workflow.importing.text import FreeNames, address_for
from iac.workflow.registrations import RegistrationReader, is_secret
from iac.workflow.state import change_state, not_in_state


def store_secrets(session: Session, secrets: Mapping[str, Secret]) -> dict[str, bool]:
    """Store these secrets, by address: all of them, or none; whether each is new to state.

    Raises:
        InputError: naming every address whose secret is not stored, and why.
        UnreachableError: the server cannot be asked.
    """
    with change_state(session) as ledger:
        # All are proven before the first is stored: a refused one leaves state as it was.
        _refuse(_unfit(ledger.state, secrets))
        read = RegistrationReader(session, ledger, must_open=True)
        read.use_keys({ledger.state.clients[address].client_id for address in secrets})
        _refuse(_unproven(session, ledger.state, secrets))
        return {address: _store(ledger, address, secret) for address, secret in sorted(secrets.items())}


def _refuse(problems: Mapping[str, str]) -> None:
    if problems:
        raise InputError(
            "these secrets are refused, and none is stored",
            where=listed(problems),
            why="; ".join(once_per_message(problems.items(), "clients")),
            fix="correct or leave out what is refused; iac state list lists the addresses",
        )


def _unfit(state: State, secrets: Mapping[str, Secret]) -> dict[str, str]:
    problems = {}
    for address in sorted(secrets):
        client = state.clients.get(address)
        if client is None:
            problems[address] = "not in state; iac apply creates a client or adopts it"
        elif not uses_secret(client.applied):
            problems[address] = "its token_endpoint_auth_method uses no secret"
    return problems


def _unproven(session: Session, state: State, secrets: Mapping[str, Secret]) -> dict[str, str]:
    """Those with which the client cannot log in."""

    def problem(address: str) -> str:
        client_id = state.clients[address].client_id
        # Where a read may replace the token, the client is asked about as it was last applied.
        fields = state.clients[address].applied if session.desired.api.renews_tokens else None
        if session.provider.accepts_secret(client_id, secrets[address], fields):
            return ""
        if fields is None and session.provider.get(client_id) is None:
            unclear = "" if session.desired.api.reads_all else ", or out of reach"
            return f"client_id {client_id} is not registered any more{unclear}; iac plan says more"
        return f"the server refuses it as the secret of {client_id}"

    addresses = sorted(secrets)
    answers = zip(addresses, gather(problem, addresses, session.parallelism), strict=True)
    return {address: why for address, why in answers if why}


def _store(ledger: Ledger, address: str, secret: Secret) -> bool:
    client = ledger.state.clients[address]
    is_new = client.secret is None or not client.secret.holds(secret)
    if is_new:
        if client.secret is not None and client.answer is not None:
            client = replace(client, answer={**client.answer, EXPIRY: 0})  # the end was that of the secret before
        client = replace(client, secret=ledger.seal(address, secret))
    ledger.note(ClientWritten(address, replace(client, secret_status=SecretStatus.KNOWN)))
    return is_new


def store_token(session: Session, address: str, rat: Secret, uri: str) -> ClientState:
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
    check_uses_tokens(session)
    with change_state(session) as ledger:
        stored, desired = ledger.state.clients.get(address), session.desired.clients
        client_id = stored.client_id if stored else _named(session, ledger, address)
        access = RegistrationAccess(client_id, rat, uri or (stored.registration_uri if stored else ""))

        def place(client: Registration) -> str:
            return address if client.client_id == client_id else free_address(ledger, client, desired)

        _, client, _ = read_by_token(session, ledger, access, place)
        return record_client(session, ledger, address, client, desired.get(address))


def check_uses_tokens(session: Session) -> None:
    """See that the provider reads clients by registration access tokens.

    Raises:
        InputError: it does not.
    """
    if not session.desired.api.uses_tokens:
        users = " and ".join(name for name, known in PROVIDERS.items() if known.api.uses_tokens)
        raise InputError(
            f"provider {session.desired.api.provider} needs no registration access tokens",
            fix=f"this is for provider {users}",
        )


def free_address(ledger: Ledger, client: Registration, taken: Collection[str], folder: str = "") -> str:
    """An address that neither state nor `taken` has, made of the client's id or name."""
    state, name = ledger.state, str(client.fields.get("client_name", ""))
    free = FreeNames({*taken, *state.clients, *state.intents, *state.keys})
    return address_for(client.client_id, name, free, folder)


def read_by_token(
    session: Session, ledger: Ledger, access: RegistrationAccess, place: Callable[[Registration], str]
) -> tuple[str, Registration, Facts]:
    """The client that a token reads: its address, the client with what reaches it from here on, facts of the server.

    A new token that the read brings is durable before anything of the answer is judged.

    Args:
        session: the run.
        ledger: under the lock.
        access: the token, and the client that it is said to be for.
        place: the address of a client that state does not have.

    Raises:
        InputError: the server does not accept the token, or it is another client's.
        GarbledError: a member of the answer is not what it should be.
    """
    where = f"client_id {printable(access.client_id)}"
    _check_uri(session, access.uri, where)
    # What cannot be written or sealed now could not take the token that comes.
    session.backend.record(())
    ledger.seal("", access.rat or Secret(""), SecretKind.TOKEN)
    # By its URI, a read answers the token's client, whoever is meant. An IAM reads by the id.
    asked = access.client_id if session.desired.api.is_iam else ""
    session.provider.use_keys([replace(access, client_id=asked)])
    actual = session.provider.read([asked])
    client = next(iter((*actual.registrations.values(), *actual.partial.values())), None)
    if client is None:
        raise InputError(
            "the server does not accept this token for this client",
            where=where,
            why="it is another client's, has ended, or is not all of the token; nothing was stored",
            fix="give the token as the server gave it, with the client's registration_client_uri: --uri URI",
        )
    client = replace(client, rat=client.rat or access.rat, registration_uri=client.registration_uri or access.uri)
    held = next((name for name, stored in ledger.state.clients.items() if client.client_id in stored.client_ids), "")
    address, kept = held or place(client), "nothing was stored"
    if client.rat is not None and client.rat != access.rat:
        kept = f"the read has replaced the token; state has the new one, as {address}"
        if not held:
            ledger.note(ClientWritten(address, _bare(session, client)))
        ledger.keep_token(NewToken(client.client_id, client.rat, by_read=True))
    _check_read(client, access.client_id, where, kept)
    return address, client, actual.facts


def _check_read(client: Registration, client_id: str, where: str, kept: str) -> None:
    """See that the token reads this client, and that it is understood; `kept` says what became of the token."""
    if client.client_id != client_id:
        raise InputError(
            "the token is another client's",
            where=where,
            why=f"it reads {printable(client.client_id)}; {kept}",
            fix="give the client_id, the registration_client_uri and the token of one client",
        )
    if client.invalid_members:
        raise GarbledError(
            "the server's answer is invalid",
            where=where,
            why=f"{client.invalid_words}; {kept}",
            fix="ask the server's operator to correct the client",
        )


def _check_uri(session: Session, uri: str, where: str) -> None:
    """No token goes to another server. The URI is not repeated: it may be the token, in the wrong place."""
    if not is_same_origin(session.desired.issuer, uri) and (uri or not session.desired.api.is_iam):
        raise InputError(
            "the registration_client_uri is not on the issuer's server" if uri else "--uri is missing",
            where=where,
            why=f"the token goes to {session.desired.issuer} only",
            fix="give the registration_client_uri that the server gave with the token: --uri URI",
        )


def _named(session: Session, ledger: Ledger, address: str) -> str:
    client = with_chosen_ids(session.desired, ledger.state).clients.get(address)
    if client is None:
        raise not_in_state(ledger.state, address)
    if not client.client_id:
        raise InputError(
            "it is not known whose token this is",
            where=str(client.location),
            why=f"{address} is in no state, and its definition names no client_id",
            fix="write client_id: ID of the registered client into the definition first",
        )
    return client.client_id


def record_client(
    session: Session, ledger: Ledger, address: str, client: Registration, desired: DesiredClient | None
) -> ClientState:
    """Make durable what a token has read, so that the next plan says what the definition changes.

    What state knows of the client stays, if it is from a definition.
    """
    stored = ledger.state.clients.get(address) or _bare(session, client)
    if desired is not None and not stored.declared:
        # what no definition names is remembered as the server's, or the next plan would empty it
        remembered = desired.declared | desired.implied
        has_secret = uses_secret(client.fields)
        is_shown = has_secret and is_secret(session, ledger, client, address, None)
        secret = ledger.seal(address, client.secret) if client.secret and is_shown else None
        status = SecretStatus.UNKNOWN if has_secret else SecretStatus.NONE
        stored = replace(
            stored,
            applied={name: value for name, value in client.fields.items() if name in remembered},
            declared=desired.declared,
            secret=secret,
            secret_status=SecretStatus.KNOWN if secret else status,
            secret_serial=desired.secret_serial,
            prevent_destroy=desired.lifecycle.prevent_destroy,
            applied_at=ledger.now(),
            answer=kept_answer(client.answer),
        )
    if client.rat is not None:
        sealed = ledger.seal(address, client.rat, SecretKind.TOKEN)
        stored = replace(stored, rat=sealed, registration_uri=client.registration_uri)
    ledger.record(ClientWritten(address, stored))
    return stored


def _bare(session: Session, client: Registration) -> ClientState:
    """A client of which no definition says anything yet."""
    provider, status = session.desired.api.provider, SecretStatus.UNKNOWN
    return ClientState(
        client.client_id, provider, {}, frozenset(), secret_status=status, registration_uri=client.registration_uri
    )


def redeem(session: Session, addresses: Sequence[str]) -> None:
    """Make the user of the login the owner of clients that nobody owns; their tokens leave state.

    Raises:
        InputError: an address is not in state, or its client has no such token.
        StateError: a token cannot be opened.
    """
    with change_state(session) as ledger:
        clients = ledger.state.clients
        for address in addresses:
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
        read = RegistrationReader(session, ledger, must_open=True)
        read.use_keys({clients[address].client_id for address in addresses})
        for address in addresses:
            _redeem(session, clients[address])
            # The server has ended the token: that is durable before the next request.
            ledger.record(ClientWritten(address, replace(clients[address], rat=None)))


def _redeem(session: Session, client: ClientState) -> None:
    """Sent once; where no usable answer comes back, it was done when the login itself reads the client."""
    try:
        session.provider.redeem(client.client_id)
    except UnknownOutcome as unknown:
        # Read without the token, which is dead if the request took effect.
        session.provider.use_keys([RegistrationAccess(client.client_id)])
        if read_back(session.provider, unknown, client.client_id) is None:
            raise


_FORM = "give lines of ADDR=secret (dotenv), or a JSON object of address to secret"

_Entry = tuple[str, str, Secret]
"""Where it stands, address, secret."""


def parse_secret(text: str, what: str = "secret") -> Secret:
    """One secret: the text without the line break at its end; `what` names it in an error.

    Raises:
        InputError: it is empty, or more than one line.
    """
    secret = Secret(text.removesuffix("\n").removesuffix("\r"))
    if problem := _problem(secret, what):
        raise InputError(f"invalid {what}", why=problem, fix=f"give the {what} alone, on one line")
    return secret


def parse_secrets(text: str, name: str) -> dict[str, Secret]:
    """Secrets by address, from JSON (`{"ADDR": "secret"}`) or dotenv (`ADDR=secret`, quoted or not).

    Raises:
        InputError: with every mistake in it, by line or address.
    """
    mistakes: list[str] = []
    entries = list(_json(text, mistakes) if text.lstrip().startswith("{") else _dotenv(text, mistakes))
    found: dict[str, Secret] = {}
    for where, address, secret in entries:
        problem = "it is given twice" if address in found else _problem(secret)
        if problem:
            mistakes.append(f"{where}: {problem}")
        found[address] = secret
    if mistakes or not found:
        raise InputError(
            "the secrets cannot be read", where=name, why=listed(mistakes, "; ") or "it holds no secrets", fix=_FORM
        )
    return found


def _problem(secret: Secret, what: str = "secret") -> str:
    if not (text := secret.reveal()):
        return f"the {what} is empty"
    # Within a secret a space is a character as any other (RFC 6749 appendix A.2); at an end it comes from copying.
    looked_at = text[0] + text[-1] if what == "secret" else text
    is_plain = text.isprintable() and " " not in looked_at
    return "" if is_plain else f"the {what} has a space or an unprintable character where it can have none"


def _json(text: str, mistakes: list[str]) -> Iterator[_Entry]:
    pairs: list[tuple[str, Any]] = []
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        mistakes.append("it is not JSON")
    for address, value in pairs:
        if isinstance(value, str):
            yield address, address, Secret(value)
        else:
            mistakes.append(f"{address}: the secret must be a string")


def _dotenv(text: str, mistakes: list[str]) -> Iterator[_Entry]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        address, sign, value = line.strip().removeprefix("export ").partition("=")
        if not sign or not address.strip():
            mistakes.append(f"line {number}: not of the form ADDR=secret")
            continue
        secret = _unquoted(value.strip())
        if secret is None:
            mistakes.append(f"line {number}: quotes or spaces that fit no secret")
        else:
            yield f"line {number}", address.strip(), secret


def _unquoted(value: str) -> Secret | None:
    """As a shell reads one word; a value without quotes is taken as it is, but not one with a space."""
    if value[:1] not in {"'", '"'}:
        return None if " " in value else Secret(value)
    try:
        words = shlex.split(value)
    except ValueError:
        return None
    return Secret(words[0]) if len(words) == 1 else None
