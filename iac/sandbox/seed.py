"""What is on a server when it starts: accounts, clients, owners, and the settings of scopes."""

import json
from collections.abc import Iterator
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from iac.sandbox.flavour import Flavour
from iac.sandbox.model import Account, Client
from iac.sandbox.store import Store
from iac.sandbox.world import SandboxSettings

PEOPLE = "people"
_LOGINS = ("admin-client-rw", "admin-client-ro")
_LISTS = ("redirect_uris", "contacts", "grant_types", "response_types")
_CLIENT_FIELDS = frozenset(field.name for field in fields(Client)) - {"key", "rendered", "scope", *_LISTS}
_MAY_BE_ABSENT = ("refresh_token_validity_seconds", "device_code_validity_seconds")


class SeedError(Exception):
    """The seed cannot be read; the message says which and why."""


class Seed:
    """A document of users and clients, as tests/fixtures/iam/seed.json is one.

    `users` have `owner_representation` (SCIM); clients stand under `clients`, or under `clients_<flavour>`
    where versions differ. An absent lifetime is absent in the server's answers, too.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    @classmethod
    def load(cls, name: str) -> "Seed":
        """The packaged seed `people`, or the one in a file.

        Raises:
            SeedError: when there is no such file or it is not a seed.
        """
        source = files(__package__).joinpath("people.json") if name == PEOPLE else Path(name)
        try:
            document = json.loads(source.read_text(encoding="utf-8"))
        except (OSError, ValueError) as broken:
            why = broken.strerror if isinstance(broken, OSError) else broken
            raise SeedError(f"cannot read the seed {name}: {why}") from broken
        if not isinstance(document, dict) or "users" not in document:
            raise SeedError(f"{name} is not a seed: it has no list of users")
        return cls(document)

    @property
    def settings(self) -> SandboxSettings:
        """The settings of the server, all that the seed does not say at their defaults."""
        return SandboxSettings(
            restricted_scopes=frozenset(self._document.get("restricted_scopes", ())),
            reserved_scopes=frozenset(self._document.get("reserved_scopes", ())),
            default_scopes=tuple(self._document.get("default_scopes", ())),
        )

    def accounts(self, flavour: Flavour, base_url: str) -> Iterator[Account]:
        """The accounts, with links to this server."""
        for user in self._document["users"]:
            plain = user["owner_representation"]
            shown = plain if flavour is Flavour.V1_12 else user.get("owner_representation_1.13_and_1.14", plain)
            linked = json.dumps(shown).replace(self._document.get("base_url", "http://localhost:8080"), base_url)
            yield Account(
                username=user["username"],
                uuid=user["uuid"],
                email=user["email"],
                password=user["password"],
                is_admin=user["admin"],
                representation=json.loads(linked),
            )

    def logins(self) -> list[tuple[str, str, str]]:
        """Client id, secret and scope of the clients that can use the management API."""
        return [
            (client["client_id"], client["client_secret"], client["scope"])
            for client in self._clients(Flavour.V1_14)
            if client["client_id"] in _LOGINS
        ]

    def passwords(self) -> list[tuple[str, str]]:
        """User names with their passwords."""
        return [(user["username"], user["password"]) for user in self._document["users"]]

    def _clients(self, flavour: Flavour) -> list[dict[str, Any]]:
        clients: list[dict[str, Any]] = self._document.get(f"clients_{flavour}", self._document.get("clients", []))
        return clients

    def fill(self, store: Store, flavour: Flavour, created_ms: int) -> None:
        """Put the seed's clients into the store, with their owners."""
        for entry in self._clients(flavour):
            client = store.put(_client(store, entry, created_ms))
            for uuid in entry.get("owners", ()):
                store.link(client, store.accounts[uuid])


def _client(store: Store, entry: dict[str, Any], created_ms: int) -> Client:
    known: dict[str, Any] = {"client_name": None, "created_at": created_ms}
    known |= dict.fromkeys(_MAY_BE_ABSENT)
    known |= {name: value for name, value in entry.items() if name in _CLIENT_FIELDS}
    known |= {name: tuple(sorted(entry.get(name) or ())) for name in _LISTS}
    scope = tuple(sorted((entry.get("scope") or "").split()))
    return Client(key=store.new_key(), scope=scope, **known)
