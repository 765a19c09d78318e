"""A server's API for registered clients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from iac.core.errors import InputError, ServerError, UnreachableError
from iac.core.model import Actual, Fields, InvalidMember, NewClient, NewToken, Registration, RegistrationAccess
from iac.core.secret import Secret
from iac.ports.foreign import answered_write, foreign_as

T = TypeVar("T")

_server = foreign_as(UnreachableError, "the server cannot be used")


class Identity(Struct, frozen=True):
    """The owner of the token: subject (client_id or user), scopes as the token endpoint or the token says, issuer.

    `login` is the way that we logged in, `expires` when the token ends; None when nothing says it.
    `scopes` is None when nothing says them: IAM's tokens carry no scope claim unless the server is set to include it.
    """

    subject: str
    scopes: frozenset[str] | None
    issuer: str
    login: str = ""
    expires: datetime | None = None


class Provider(ABC):
    """A server's API for registered clients. What only reads needs `iam:admin.read` only. Every write is sent once.

    All writes raise `ServerError` when the server says no (surely no effect) and `UnknownOutcome` when no usable answer
    came back.
    """

    @_server
    def read_ahead(self, expected: int) -> None:
        """Begin to read about so many clients in the background; later calls raise what fails."""
        self._read_ahead(expected)

    def use_keys(self, keys: Iterable[RegistrationAccess]) -> None:
        """Registration access tokens, by which their clients are read and written from here on (RFC 7592).

        An API whose login is enough needs none.
        """
        del keys

    def keep_tokens(self, keep: Callable[[NewToken], None]) -> None:
        """Call this with each new registration access token, before anything else is made of the answer with it.

        An API whose login is enough gets none.
        """
        del keep

    @_server
    def find_by_name(self, client_name: str) -> tuple[str, ...]:
        """The ids of this login's own clients of that name, where the server lists them; sorted."""
        return self._find_by_name(client_name)

    @_server
    def read(self, client_ids: Collection[str], owners_of: Collection[str] = ()) -> Actual:
        """The clients of these ids that exist, owners for those in `owners_of`, and the count of all clients."""
        return self._read(client_ids, owners_of)

    @_server
    def get(self, client_id: str, *, with_owners: bool = False) -> Registration | None:
        """One registration, read afresh; None when the server does not have it."""
        return self._get(client_id, with_owners=with_owners)

    @_server
    def list_clients(self, make: Callable[[Registration], T]) -> list[T]:
        """The results of `make` for all clients, in the server's order; one may come twice while the list is read.

        Raises:
            InputError: this API shows nobody all clients.
        """
        return self._list_clients(make)

    @_server
    def owners_of(self, client_ids: Collection[str]) -> Mapping[str, tuple[str, ...] | InvalidMember]:
        """Account UUIDs of the owners of each of these clients, a request for each; one that is gone has none.

        A client that cannot be asked for is not in the answer.
        Where the server says of one client what makes no sense, the others are told all the same.

        Raises:
            InputError: this API shows no owners.
        """
        return self._owners_of(client_ids)

    @_server
    def identify(self) -> Identity:
        """The identity that we have for this server.

        Raises:
            CredentialsError: the login is refused.
        """
        return self._identify()

    @_server
    def known_scopes(self) -> frozenset[str]:
        """Scopes that the server says it knows (OpenID Connect Discovery section 3, scopes_supported)."""
        return self._known_scopes()

    @_server
    def check_create(self) -> None:
        """Whether clients can be registered, before one is to be.

        Raises:
            UnreachableError: the server does not say where.
        """
        self._check_create()

    @_server
    def served_issuer(self) -> str:
        """The issuer in the server's own spelling (OpenID Connect Discovery section 3, issuer)."""
        return self._served_issuer()

    @_server
    def check_write(self) -> None:
        """Prove before the first write that the login may write.

        Raises:
            CredentialsError: it surely may not.
        """
        self._check_write()

    @answered_write
    def redeem(self, client_id: str) -> Registration:
        """Make the user of the login the owner of a client without an owner (rec: self-service-redeem).

        Raises:
            ServerError: this API has no such call.
        """
        return self._redeem(client_id)

    @answered_write
    def create(self, client: NewClient) -> Registration:
        """Register a client; the answer as it came."""
        return self._create(client)

    @answered_write
    def update(self, fresh: Registration, fields: Fields, declared: Collection[str]) -> Registration:
        """Lay `fields` (named in `declared`; absent ones are emptied) over `fresh` and replace the registration."""
        return self._update(fresh, fields, declared)

    @answered_write
    def rotate(self, client_id: str) -> Registration:
        """Ask for a new secret; the old one is dead at once (rec: admin-secret-rotation)."""
        return self._rotate(client_id)

    @answered_write
    def delete(self, client_id: str) -> None:
        """Delete the registration. One that is gone already does not fail."""
        self._delete(client_id)

    @answered_write
    def assign_owners(self, client_id: str, add: Collection[str], remove: Collection[str]) -> None:
        """Add and remove owners by account UUID (rec: admin-owners)."""
        self._assign_owners(client_id, add, remove)

    @answered_write
    def revoke_tokens(self, client_id: str) -> None:
        """End the access and refresh tokens that the client has got (rec: admin-revoke-and-reset).

        Raises:
            ServerError: the server cannot, as up to 1.12.
        """
        self._revoke_tokens(client_id)

    @_server
    def accepts_secret(self, client_id: str, secret: Secret, fields: Fields | None = None) -> bool:
        """Whether the token endpoint takes this secret for this client, even if it refuses the grant (rec: login).

        Args:
            client_id: whose it may be.
            secret: what is tried.
            fields: of the client, where they are known; None reads the client first.
        """
        return self._accepts_secret(client_id, secret, fields)

    def _list_clients(self, make: Callable[[Registration], T]) -> list[T]:
        raise _only_management("list all clients")

    def _owners_of(self, client_ids: Collection[str]) -> Mapping[str, tuple[str, ...] | InvalidMember]:
        raise _only_management("show owners")

    def _read_ahead(self, expected: int) -> None:
        """An API that reads client by client has nothing to begin with."""
        del expected

    def _find_by_name(self, client_name: str) -> tuple[str, ...]:
        """An API whose ids are chosen by the caller loses none."""
        return ()

    @abstractmethod
    def _read(self, client_ids: Collection[str], owners_of: Collection[str]) -> Actual: ...
    @abstractmethod
    def _get(self, client_id: str, *, with_owners: bool) -> Registration | None: ...
    @abstractmethod
    def _identify(self) -> Identity: ...
    @abstractmethod
    def _known_scopes(self) -> frozenset[str]: ...

    def _check_create(self) -> None:
        return

    @abstractmethod
    def _served_issuer(self) -> str: ...

    def _redeem(self, client_id: str) -> Registration:
        raise ServerError(
            "this API has no owners to be", where=client_id, fix="use provider: iam-self-service with a user's login"
        )

    @abstractmethod
    def _check_write(self) -> None: ...
    @abstractmethod
    def _create(self, client: NewClient) -> Registration: ...
    @abstractmethod
    def _update(self, fresh: Registration, fields: Fields, declared: Collection[str]) -> Registration: ...
    @abstractmethod
    def _rotate(self, client_id: str) -> Registration: ...
    @abstractmethod
    def _delete(self, client_id: str) -> None: ...
    @abstractmethod
    def _assign_owners(self, client_id: str, add: Collection[str], remove: Collection[str]) -> None: ...
    @abstractmethod
    def _revoke_tokens(self, client_id: str) -> None: ...
    @abstractmethod
    def _accepts_secret(self, client_id: str, secret: Secret, fields: Fields | None) -> bool: ...


def _only_management(what: str) -> InputError:
    return InputError(
        f"this provider's API does not {what}",
        why="only IAM's management API does, to a token with iam:admin.read",
        fix="set provider: iam-admin in iac.yaml",
    )
