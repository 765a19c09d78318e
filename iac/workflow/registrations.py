"""What the server holds of the clients that a run looks at. New tokens from a read are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from msgspec.structs import replace

from iac.apply.request import accepts
from iac.core.errors import LockedError, ServerError, StateError, UnreachableError
from iac.core.model import Actual, NewToken, Registration, RegistrationAccess, UnreadReason
from iac.core.plan.identity import registered
from iac.core.plan.make import to_read
from iac.core.plan.plan import PlanOptions
from iac.core.rotation import with_ends
from iac.core.state.model import ClientState, ClientWritten, IntentGiven, SecretStatus, State
from iac.core.text import printable
from iac.providers.pages import gather
from iac.session import Session
from iac.session.ledger import Ledger, SecretKind

_PATIENCE = 3600.0
"""Seconds that a plan waits for the lock when a read has brought a new token, which is lost unless it is stored.

That is longer than a large apply takes, and than the lock of a run that died counts.
"""

_SHORT = 5.0
"""Seconds that it waits for the lock before it reads: without it, it compares with what was last applied."""


class RegistrationReader:
    """What a run reads with: its view of state, in which new registration access tokens are durable as they come.

    Attributes:
        is_storing: whether a token that a read brings can be stored; else nothing is read by one that may be replaced.
        must_open: whether a token that cannot be opened is an error.
    """

    def __init__(self, session: Session, ledger: Ledger, *, is_storing: bool = True, must_open: bool = False) -> None:
        self.session, self.ledger = session, ledger
        self.is_storing, self.must_open = is_storing, must_open
        session.provider.keep_tokens(ledger.keep_token)

    @property
    def state(self) -> State:
        """With all tokens that have come."""
        return self.ledger.state

    def actual(self, options: PlanOptions) -> Actual:
        """What the server holds of the clients that this run looks at.

        Raises:
            StateError: `must_open`, and a registration access token cannot be opened.
        """
        ids, owners = to_read(self.session.desired, self.state, options)
        self.use_keys(ids)
        actual = self.session.provider.read(ids, owners)
        actual = prove_secrets(self.session, self.ledger, prove_refused(self.session, self.ledger, actual))
        actual = with_ends(self.state, actual)
        self._learn(actual)
        return replace(actual, found=dict(_left_behind(self.session, self.state, options)))

    def one(self, client_id: str) -> Registration | UnreadReason | None:
        """One client with its owners; why nobody can tell whether it is there, or None where it is not."""
        try:
            client = self.session.provider.get(client_id, with_owners=True)
            if client is not None or self.session.desired.api.reads_all:
                return client
            return self.session.provider.read([client_id]).unread.get(client_id, UnreadReason.REFUSED)
        except ServerError:
            return UnreadReason.NOT_UNDERSTOOD

    def use_keys(self, client_ids: Collection[str]) -> None:
        """Give the provider the registration access tokens of these clients, as far as they can be opened."""
        if self.session.desired.api.uses_tokens:
            self.session.provider.use_keys(list(self.keys(client_ids)))

    def keys(self, client_ids: Collection[str]) -> Iterator[RegistrationAccess]:
        """The registration access tokens of these clients; each says why it cannot be used, if it cannot."""
        for address, client in registered(self.state):
            if client.client_id not in client_ids:
                continue
            key = RegistrationAccess(client.client_id, uri=client.registration_uri)
            if client.rat is not None:
                try:
                    key = replace(key, rat=self.ledger.open(address, client.rat, SecretKind.TOKEN))
                except StateError:
                    if self.must_open:
                        raise
                    key = replace(key, unread=UnreadReason.NO_KEY)
                if key.unread is None and not self.is_storing:
                    key = replace(key, unread=UnreadReason.NOT_STORED)
            yield key

    def _learn(self, actual: Actual) -> None:
        """Note at one client that reading it brought no new token: plans that cannot store one may read from now on."""
        if not (self.session.desired.api.renews_tokens and self.is_storing and self.state.token_renewed is None):
            return
        for address, client in self.state.clients.items():
            if client.rat is not None and client.client_id in actual.registrations:
                intents = [IntentGiven(self.state.intents[address])] if address in self.state.intents else []
                self.ledger.record(ClientWritten(address, replace(client, token_renewed=False)), *intents)
                return


@contextmanager
def reading(session: Session) -> Iterator[RegistrationReader]:
    """What a run reads with that takes no lock for anything else.

    Where a read may bring a new token, the lock is held while it reads, and state is loaded under it: two runs at once
    would end each other's token. Where it cannot be held, nothing is read by such a token.
    """
    state = session.backend.load()
    with ExitStack() as held:
        if not _may_renew(session, state):
            yield _LateReader(session, session.ledger(state), held)
            return
        try:
            held.enter_context(session.backend.lock(session.holder(), timeout=_SHORT))
            state = session.backend.load()
            session.backend.record(())  # what cannot be written now could not take a token either
            is_storing = True
        except (StateError, UnreachableError, OSError):
            is_storing = False
        read = RegistrationReader(session, session.ledger(state), is_storing=is_storing)
        yield read
        if read.state is not state and is_storing:
            read.ledger.save()


def _may_renew(session: Session, state: State) -> bool:
    """Whether a read of this run may bring a new token: there is one that it can open, at a server that may do so."""
    if not session.desired.api.renews_tokens or state.token_renewed is False:
        return False
    read, ids = RegistrationReader(session, session.ledger(state)), {one.client_id for _, one in registered(state)}
    return any(key.rat is not None for key in read.keys(ids))


class _LateReader(RegistrationReader):
    """Where reads bring no new tokens. With the first that comes all the same, the lock is taken to the end."""

    def __init__(self, session: Session, ledger: Ledger, held: ExitStack) -> None:
        super().__init__(session, ledger)
        self._held, self._turn = held, Lock()
        self._patience: float | None = _PATIENCE
        session.provider.keep_tokens(self._keep)

    def _keep(self, new: NewToken) -> None:
        with self._turn:
            if self._patience is not None:
                patience, self._patience = self._patience, 0.0  # no second client waits when the first has in vain
                try:
                    self._held.enter_context(self.session.locked(patience))
                except LockedError as error:
                    raise LockedError(
                        "a new registration access token is lost: the state could not be locked to store it",
                        where=printable(new.client_id),
                        why=f"the server has begun to replace such tokens with each read; {error.why}",
                        fix="get a new one from the server's operator and provide it: iac secret token ADDR",
                    ) from error
                # Another run may have written meanwhile.
                self.ledger.state, self._patience = self.session.backend.load(), None
            self.ledger.keep_token(new)


def prove_refused(session: Session, ledger: Ledger, actual: Actual) -> Actual:
    """What was read; a client whose token is refused is gone where its secret is refused as well."""
    held = {client.client_id: (address, client) for address, client in ledger.state.clients.items()}
    gone = {
        client_id
        for client_id, why in actual.unread.items()
        if why is UnreadReason.REFUSED and client_id in held and _logs_in(session, ledger, *held[client_id]) is False
    }
    return replace(actual, unread={name: why for name, why in actual.unread.items() if name not in gone})


def prove_secrets(session: Session, ledger: Ledger, actual: Actual) -> Actual:
    """What was read, without the secrets that are none: masks, hashes, and what else does not log in.

    A secret in state stays the client's until the token endpoint refuses it, and takes the one that is shown.
    """
    if session.desired.api.shows_true_secrets:
        return actual
    held = {client.client_id: (address, client) for address, client in ledger.state.clients.items()}
    shown = [seen for seen in actual.registrations.values() if seen.secret is not None]

    def prove(seen: Registration) -> Registration:
        address, client = held.get(seen.client_id, ("", None))
        return seen if is_secret(session, ledger, seen, address, client) else replace(seen, secret=None)

    proven = {seen.client_id: seen for seen in gather(prove, shown, session.parallelism)}
    return replace(actual, registrations={**actual.registrations, **proven})


def is_secret(session: Session, ledger: Ledger, seen: Registration, address: str, client: ClientState | None) -> bool:
    """Whether the secret that a read shows is the client's; `client` is as state has it."""
    if seen.secret is None or session.desired.api.shows_true_secrets:
        return True
    if client is not None and client.secret is not None and client.secret.holds(seen.secret):
        return True
    is_known = client is not None and client.secret is not None and client.secret_status is SecretStatus.KNOWN
    if client is not None and is_known and _logs_in(session, ledger, address, client) is not False:
        return False
    return accepts(session.provider, seen.client_id, seen.secret, seen.fields) is True


def _logs_in(session: Session, ledger: Ledger, address: str, client: ClientState) -> bool | None:
    """Whether the secret in state logs in; None where nobody can tell."""
    if client.secret is None or client.secret_status is not SecretStatus.KNOWN:
        return None
    try:
        secret = ledger.open(address, client.secret)
    except StateError:
        return None
    return accepts(session.provider, client.client_id, secret, client.applied)


def _left_behind(session: Session, state: State, options: PlanOptions) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Clients in no state that have the name of one whose create was interrupted, by its address."""
    known = {client.client_id for client in state.clients.values()}
    for address, client in session.desired.clients.items():
        intent = state.intents.get(address)
        if intent is None or not intent.may_be_lost or not options.wants(address):
            continue
        found = session.provider.find_by_name(str(client.fields.get("client_name", "")))
        yield address, tuple(client_id for client_id in found if client_id not in known)
