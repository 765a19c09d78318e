"""What a template is given: the clients of its output, free values, and which project this is. Pure.

Clear secrets are in the context of one call of `render` and nowhere else; a `Record` never shows its values.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from iac.core.desired import OutputSpec
from iac.core.model import FIELDS, Fields, Kind, uses_secret
from iac.core.secret import Secret
from iac.rendering.filters import FormattedText

_DUMMY = "dummy-0123456789_abcdefghijklmnopqrstuvwxyz"
_DUMMY_ID = "00000000-0000-4000-8000-000000000000"
_DUMMY_JWK = {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"}
_DUMMY_PEM = "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n"


class ProjectFacts(Struct, frozen=True):
    """Where an output comes from: the project's name, the environment's name, and the issuer's URL as configured."""

    project: str
    environment: str
    issuer: str


class Credentials(Struct, frozen=True):
    """One client as a service needs it.

    Attributes:
        fields: canonical metadata as applied (`iac.core.model`), and as another version knows more of them.
        secret: None for a client that has none.
        key: JSON with `jwk` and `pem` of its private key; None when `iac keygen` made none that the server knows.
    """

    address: str
    client_id: str
    fields: Mapping[str, str | int | bool | float | tuple[Any, ...] | Mapping[str, Any] | None]
    secret: Secret | None
    key: Secret | None = None


def dummy_key(kid: str, private: str) -> Secret:
    """A made-up private key for templates: its id, and the text that stands for what is private."""
    return Secret(json.dumps({"jwk": {**_DUMMY_JWK, "kid": kid, "d": private}, "pem": _DUMMY_PEM.format(private)}))


def dummy_credentials(address: str, client_id: str, fields: Fields, kid: str = "") -> Credentials:
    """Credentials for a rehearsal before anything is sent: a made-up secret of the length and alphabet of ours.

    `client_id` is "" where the server will choose it; then that is made up, too. `kid` is the id of its private
    key, "" for none.
    """
    key = dummy_key(kid, "ZHVtbXk") if kid else None
    return Credentials(address, client_id or _DUMMY_ID, fields, Secret(_DUMMY) if uses_secret(fields) else None, key)


class Record(Mapping[str, object]):
    """Read-only entries that say what they are when one is missing.

    Args:
        label: what messages call it, such as "client wlcg/rucio".
        reasons: why an entry that could be expected is not there.
    """

    __slots__ = ("_entries", "_label", "_reasons")

    def __init__(self, label: str, entries: Mapping[str, object], reasons: Mapping[str, str] | None = None) -> None:
        self._entries = entries
        self._label = label
        self._reasons = reasons or {}

    def __getitem__(self, name: str) -> object:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def absence(self, name: str) -> str:
        """Why there is no such entry, with the nearest name there is."""
        head = f"{self._label} has no `{name}`"
        if name in self._reasons:
            return f"{head}: {self._reasons[name]}"
        near = difflib.get_close_matches(name, self._entries, n=1)
        return (
            f"{head}; did you mean `{near[0]}`?" if near else f"{head}; it has: {', '.join(self._entries) or 'nothing'}"
        )


def template_context(spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts) -> dict[str, object]:
    """The names a template of this output can use; see docs/reference/templates.md.

    Args:
        spec: the output; `spec.clients` are the only clients it sees.
        clients: credentials by address.
        facts: the project.
    """
    names = spec.names or (("client",) if len(spec.clients) == 1 else spec.clients)
    known = {name: _client(name, clients[address], facts) for name, address in zip(names, spec.clients, strict=True)}
    return {
        **({"client": known[names[0]]} if len(names) == 1 else {}),
        "clients": Record(f"`clients` of {spec.path}", known),
        "values": _frozen(f"`values` of {spec.path}", spec.values),
        "project": facts.project,
        "environment": facts.environment,
        "issuer": facts.issuer,
    }


def _client(name: str, credentials: Credentials, facts: ProjectFacts) -> Record:
    sets = {field.name: () for field in FIELDS.values() if field.kind is Kind.SET and not field.of_others}
    entries = {
        "name": name,
        "address": credentials.address,
        "issuer": facts.issuer,
        "client_id": credentials.client_id,
        **({"client_secret": credentials.secret.reveal()} if credentials.secret else {}),
        **_private_key(credentials),
        **sets,
        **credentials.fields,
    }
    reasons = {
        "client_secret": "its token_endpoint_auth_method needs none",
        "private_key": "the server knows no key of this client that iac keygen made",
        **dict.fromkeys(FIELDS, "the registration does not have this field"),
    }
    return Record(f"client {credentials.address}", entries, reasons)


def _private_key(credentials: Credentials) -> dict[str, object]:
    if credentials.key is None:
        return {}
    key = json.loads(credentials.key.reveal())
    entries = {
        "kid": key["jwk"]["kid"],
        "jwk": json.dumps(key["jwk"], sort_keys=True),
        "pem": FormattedText(key["pem"]),
    }
    return {"private_key": Record(f"private_key of {credentials.address}", entries)}


def _frozen(label: str, value: object) -> object:
    if isinstance(value, Mapping):
        return Record(label, {str(key): _frozen(f"{label}.{key}", item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_frozen(label, item) for item in value)
    return value
