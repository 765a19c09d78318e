"""Everything an IAM remembers, in memory."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Any

from iac.sandbox.model import Account, AuthorizationRequest, Client, DeviceCode, Grant


class Store:
    """Clients, accounts, owners, tokens, codes, and sessions with the requests that wait for a login or an approval.

    Clients are kept in the order of their client_id, one without an id first (rec: admin-list-paging,
    admin-secret-visibility).
    """

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.accounts = {account.uuid: account for account in accounts}
        self.tokens: dict[str, Grant] = {}
        self.sessions: dict[str, Grant | None] = {}
        self.kept_requests: dict[str, str] = {}
        self.approvals: dict[tuple[str, int], frozenset[str]] = {}
        self.pending: dict[str, AuthorizationRequest] = {}
        self.codes: dict[str, AuthorizationRequest] = {}
        self.devices: dict[str, DeviceCode] = {}
        self.refresh_tokens: dict[str, Grant] = {}
        self.exchange_policies: dict[int, dict[str, Any]] = {}
        self._clients: dict[int, Client] = {}
        self._keys: dict[str, int] = {}
        self._order: list[tuple[str, int]] = []
        self._owners: dict[int, dict[str, None]] = {}
        self._owned: dict[str, dict[int, None]] = {}
        self._last_key = 0

    def new_key(self) -> int:
        """The database id of the next client."""
        self._last_key += 1
        return self._last_key

    def find(self, client_id: str) -> Client | None:
        """The client of that id."""
        key = self._keys.get(client_id)
        return None if key is None else self._clients[key]

    def account_by_name(self, username: str) -> Account | None:
        """The account of that user name."""
        return next((a for a in self.accounts.values() if a.username == username), None)

    def put(self, client: Client) -> Client:
        """Insert the client, or replace the one of its key."""
        old = self._clients.get(client.key)
        if old is None or old.client_id != client.client_id:
            if old is not None:
                self._forget_id(old)
            insort(self._order, (client.client_id or "", client.key))
            if client.client_id is not None:
                self._keys[client.client_id] = client.key
        self._clients[client.key] = client
        return client

    def remove(self, client: Client) -> None:
        """Delete the client with its owners and tokens."""
        self._forget_id(client)
        del self._clients[client.key]
        for uuid in self._owners.pop(client.key, {}):
            del self._owned[uuid][client.key]
        self.revoke(client)
        self.revoke_refresh(client)

    def _forget_id(self, client: Client) -> None:
        del self._order[bisect_left(self._order, (client.client_id or "", client.key))]
        self._keys.pop(client.client_id or "", None)

    def clients(self) -> Iterator[Client]:
        """All clients, in order."""
        return (self._clients[key] for _, key in self._order)

    def count(self) -> int:
        """How many clients there are."""
        return len(self._clients)

    def slice(self, start: int, stop: int) -> list[Client]:
        """The clients of these positions."""
        return [self._clients[key] for _, key in self._order[start:stop]]

    def revoke(self, client: Client, *, rats: bool = True, access: bool = True) -> None:
        """End the client's registration access tokens, its access tokens, or both."""
        ended = [
            token
            for token, grant in self.tokens.items()
            if grant.client_key == client.key and (rats if grant.is_rat else access)
        ]
        for token in ended:
            del self.tokens[token]

    def revoke_refresh(self, client: Client) -> None:
        """End the client's refresh tokens."""
        ended = [token for token, grant in self.refresh_tokens.items() if grant.client_key == client.key]
        for token in ended:
            del self.refresh_tokens[token]

    def link(self, client: Client, account: Account) -> None:
        """Make the account an owner."""
        self._owners.setdefault(client.key, {})[account.uuid] = None
        self._owned.setdefault(account.uuid, {})[client.key] = None

    def unlink(self, client: Client, account: Account) -> None:
        """Take the account from the owners, if it is one."""
        self._owners.get(client.key, {}).pop(account.uuid, None)
        self._owned.get(account.uuid, {}).pop(client.key, None)

    def owners(self, client: Client) -> list[Account]:
        """The owners, in the order in which they became so."""
        return [self.accounts[uuid] for uuid in self._owners.get(client.key, {})]

    def is_owner(self, client: Client, account: Account) -> bool:
        """Whether the account is one of the client's owners."""
        return account.uuid in self._owners.get(client.key, {})

    def owned(self, account: Account) -> list[Client]:
        """The account's clients, in the order in which they became its own (rec: self-service-user)."""
        return [self._clients[key] for key in self._owned.get(account.uuid, {})]
