"""State on a server that speaks Terraform's state protocol: what is known of it without opening it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from iac.core.origin import HOW_URL, Address, url_problem
from iac.ports.settings import BackendSettings, Problem
from iac.ports.site import ValueSource

_ADDRESSES = ("address", "lock_address", "unlock_address")


class HttpPlace(BackendSettings, frozen=True):
    """A URL that speaks Terraform's state protocol.

    Attributes:
        address: URL of the state.
        lock_address: URL to lock it.
        unlock_address: URL to free it.
        update_method: POST or PUT.
        lock_method: POST or LOCK.
        unlock_method: DELETE or UNLOCK.
        username: of HTTP's basic authentication (RFC 7617).
    """

    name: ClassVar = "http"
    keys: ClassVar = (*_ADDRESSES, "update_method", "lock_method", "unlock_method", "username", "password")
    needed: ClassVar = {"address": "https://gitlab.example.org/api/v4/projects/ID/terraform/state/NAME"}
    together: ClassVar = ("username", "password")
    document_key: ClassVar = "address"
    opener: ClassVar = "iac.backends.http.document"

    address: str
    lock_address: str
    unlock_address: str
    update_method: str = "POST"
    lock_method: str = "POST"
    unlock_method: str = "DELETE"
    username: ValueSource | None = None
    password: ValueSource | None = None

    @classmethod
    def parse(cls, keys: Mapping[str, Any], project: str, environment: str) -> HttpPlace:
        """GitLab locks and unlocks at ADDRESS/lock, by POST and DELETE (docs.gitlab.com, Terraform state API)."""
        address = keys.get("address", "")
        lock = keys.get("lock_address", f"{address.rstrip('/')}/lock")
        return cls(
            address,
            lock,
            keys.get("unlock_address", lock),
            keys.get("update_method", "POST"),
            keys.get("lock_method", "POST"),
            keys.get("unlock_method", "DELETE"),
            ValueSource.find("state", keys, "username"),
            ValueSource.find("state", keys, "password"),
        )

    @classmethod
    def problems(cls, keys: Mapping[str, Any]) -> Iterator[Problem]:
        """URLs that no credentials are sent to, and a lock on another server."""
        for key in _ADDRESSES:
            if key in keys and (problem := url_problem(keys[key])):
                yield key, problem, HOW_URL
        home = Address.parse(keys.get("address", ""))
        for key in ("lock_address", "unlock_address"):
            there = Address.parse(keys.get(key, ""))
            if home and there and there.origin != home.origin:
                why = "it leads to another server than state.address, and credentials go to that one only"
                yield key, why, "an address on the server of state.address"

    @classmethod
    def usual(cls, project: str, environment: str) -> str:
        """A placeholder: every URL is named by the user."""
        return "URL"

    @property
    def where(self) -> str:
        """The URL."""
        return self.address

    @property
    def login(self) -> tuple[ValueSource | None, ValueSource | None]:
        """Name and password."""
        return self.username, self.password
