"""One IAM: its store, its facts and settings, and what every part of its API needs of them."""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from iac.sandbox.chance import Chance
from iac.sandbox.flavour import FlavourFacts
from iac.sandbox.message import RefusalError, Request, error
from iac.sandbox.model import Client, Grant
from iac.sandbox.store import Store


class Registrants(StrEnum):
    """Who may use self service (IAM's setting `client-registration.allow-for`)."""

    ANYONE = "ANYONE"
    REGISTERED_USERS = "REGISTERED_USERS"
    ADMINISTRATORS = "ADMINISTRATORS"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """What an administrator of the server decides.

    `rat_validity_seconds` is the life of registration access tokens, None for ever. With `shuffle`, a
    seed, every list and scope in an answer comes in a random order, as after a restart of a real server.
    """

    registration: Registrants = Registrants.ANYONE
    rat_validity_seconds: int | None = None
    restricted_scopes: frozenset[str] = frozenset()
    reserved_scopes: frozenset[str] = frozenset()
    default_scopes: tuple[str, ...] = ()
    shuffle: int | None = None


@dataclass(slots=True)
class World:
    """Everything that a request is answered from."""

    facts: FlavourFacts
    settings: SandboxSettings
    store: Store
    chance: Chance
    base_url: str
    signing_key: bytes = b""
    started_ms: int = 0
    shuffler: Random | None = field(default=None)

    @property
    def issuer(self) -> str:
        """The issuer, with a trailing slash as the recorded servers have it (rec: login)."""
        return f"{self.base_url}/"

    def find_client(self, client_id: str) -> Client:
        """The client of that id.

        Raises:
            RefusalError: 404 when there is none.
        """
        client = self.store.find(client_id)
        if client is None:
            raise RefusalError(error(404, f"Client not found for clientId: {client_id}"))
        return client

    def new_secret(self) -> str:
        """A secret of this version's length."""
        return self.chance.new_secret(self.facts.secret_bytes)


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request on its way: who sends it and which parts of the path it names."""

    world: World
    request: Request
    caller: Grant | None
    names: tuple[str, ...] = ()
