"""How a client proves who it is, at the token endpoint and at others that ask for it (RFC 6749 section 2.3)."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import quote_plus

from iac.core.capabilities import Capabilities
from iac.transport.message import Call

if TYPE_CHECKING:
    from iac.core.secret import Secret
    from iac.ports import Clock
    from iac.providers.discovery import Endpoints


class LoginProof(ABC):
    """A client and its proof.

    Attributes:
        client_id: who it is.
        method: its `token_endpoint_auth_method` (RFC 7591 section 2).
    """

    client_id: str
    method: str

    @property
    @abstractmethod
    def advice(self) -> str:
        """What to look at when the server refuses it."""

    @abstractmethod
    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """The form, with the proof, for an endpoint at `path`.

        Raises:
            CredentialsError: this server takes no such proof.
        """


@dataclass(frozen=True, slots=True)
class SharedSecret(LoginProof):
    """A client secret.

    Attributes:
        client_id: who it is.
        secret: the client's.
        method: how it is sent.
        has_choice: whether the other method could work where this one does not.
    """

    client_id: str
    secret: Secret
    method: str = "client_secret_post"
    has_choice: bool = True

    @classmethod
    def at(cls, api: Capabilities, client_id: str, secret: Secret, method: str) -> Self:
        """The secret as it is sent to the token endpoint of a server, for a client that is registered for `method`.

        A server that takes Basic as it stands gets the form: it works for Basic and post clients on all versions of
        IAM, while Basic is refused from 1.14.1 for a post client, and newer versions may decode what is sent (rec:
        client-auth-methods, login). Any other server gets what the client is registered for.
        """
        if api.takes_basic_raw:
            return cls(client_id, secret, has_choice=False)
        return cls(client_id, secret, method)

    @property
    def advice(self) -> str:
        """Id, secret, and the other way to send it where there is one."""
        if not self.has_choice:
            return "check auth.client_id and auth.client_secret"
        other = "client_secret_post" if self.method == "client_secret_basic" else "client_secret_basic"
        return f"check auth.client_id and auth.client_secret, or set auth.token_endpoint_auth_method: {other}"

    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """Id and secret in the form, or in a header."""
        if self.method == "client_secret_basic":
            return Call.form(path, form).with_authorization(basic(self.client_id, self.secret))
        return Call.form(path, {**form, "client_id": self.client_id, "client_secret": self.secret.reveal()})


@dataclass(frozen=True, slots=True)
class PublicClient(LoginProof):
    """A client without a secret (RFC 6749 section 2.1), which says who it is and proves nothing."""

    client_id: str
    method: str = "none"

    @property
    def advice(self) -> str:
        """Id, and that it may need a secret."""
        return "check auth.client_id, and set auth.client_secret if the client is registered with one"

    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """The id in the form."""
        return Call.form(path, {**form, "client_id": self.client_id})


def basic(client_id: str, secret: Secret, *, is_raw: bool = False) -> str:
    """An Authorization header for HTTP Basic; both parts are form-encoded first (RFC 6749 section 2.3.1).

    `is_raw`: they are sent as they stand, for a server that does not decode them (rec: client-auth-methods 29 to 32).
    """
    pair = f"{client_id}:{secret.reveal()}" if is_raw else f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
