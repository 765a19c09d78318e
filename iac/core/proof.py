"""Whether rendered credentials work: one check a question, asked for one client. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from msgspec import Struct

from iac.core.model import Fields
from iac.core.secret import Secret


class Grade(StrEnum):
    """How a question ended.

    FAILED is certain, UNPROVEN says that nobody could tell from here, UNANSWERED that nobody was there to ask.
    """

    OK = "ok"
    FAILED = "failed"
    UNPROVEN = "not_proven"
    UNANSWERED = "unanswered"

    @property
    def words(self) -> str:
        """The grade in words."""
        return self.replace("_", " ")


_GRAVEST = (Grade.FAILED, Grade.UNANSWERED, Grade.OK, Grade.UNPROVEN)
"""The first of them that is among the checks of a client is the client's: what is unproven takes nothing from an ok."""


class Evidence(Struct, frozen=True):
    """One question and its answer.

    Attributes:
        name: `output`, `login`, a grant type by its short name, `introspection`, `jwks_uri` or `jwk`.
        subject: what it was asked about: a file, a redirect URI; "" when the name says it.
        why: what was seen, in words that hold no secret.
        fix: the next step; "" when there is nothing to fix.
    """

    name: str
    verdict: Grade
    subject: str = ""
    why: str = ""
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "subject": self.subject,
            "why": self.why,
            "fix": self.fix,
        }


class ServiceLogin(Struct, frozen=True):
    """A client as its service would log in: what stands in the file, and the metadata that were applied.

    Attributes:
        secret: None where the client has none, or where no output holds it.
        key: the same of its private key, a JWK.
    """

    client_id: str
    secret: Secret | None
    fields: Fields
    key: Secret | None = None


class ClientProof(Struct, frozen=True):
    """All checks of one client."""

    address: str
    client_id: str
    checks: tuple[Evidence, ...]

    @property
    def verdict(self) -> Grade:
        """Failed when one check is; not proven when none could be made, or an output was not read to log in with."""
        unproven = {check.name for check in self.checks if check.verdict is Grade.UNPROVEN}
        verdicts = {check.verdict for check in self.checks} - ({Grade.OK} if unproven >= {"output", "login"} else set())
        return next((verdict for verdict in _GRAVEST if verdict in verdicts), Grade.UNPROVEN)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        checks = [check.to_dict() for check in self.checks]
        return {"address": self.address, "client_id": self.client_id, "verdict": str(self.verdict), "checks": checks}


class Proof(Struct, frozen=True):
    """What one run found, clients sorted by address."""

    project: str
    environment: str
    issuer: str
    clients: tuple[ClientProof, ...]

    @property
    def is_green(self) -> bool:
        """Whether nothing failed and the server answered everything that it was asked."""
        return not {Grade.FAILED, Grade.UNANSWERED} & {client.verdict for client in self.clients}

    @property
    def has_failed(self) -> bool:
        """Whether credentials of a client do not work."""
        return any(client.verdict is Grade.FAILED for client in self.clients)

    def count(self, verdict: Grade) -> int:
        """How many clients ended so."""
        return sum(client.verdict is verdict for client in self.clients)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: counts of clients by verdict, then each client with its checks."""
        return {
            "format_version": "1.0",
            "project": self.project,
            "environment": self.environment,
            "issuer": self.issuer,
            "ok": self.is_green,
            "summary": {str(verdict): self.count(verdict) for verdict in Grade},
            "clients": [client.to_dict() for client in self.clients],
        }


USER_SCOPES = frozenset(
    {"openid", "profile", "email", "address", "phone", "offline_access", "wlcg.groups", "entitlements"}
)
"""Scopes that are about a user (OpenID Connect Core sections 5.4 and 11, WLCG profile): a server may leave them out of
a token that a client gets for itself."""

_ABOUT_USERS = ("eduperson_", "voperson_", "wlcg.groups:")


def scope_differences(declared: Iterable[str], granted: Iterable[str]) -> tuple[list[str], list[str]]:
    """Scopes that a client credentials token should have and has not, and those that it has beyond the definition."""
    wanted, got = set(declared), set(granted)
    missing = (scope for scope in wanted - got - USER_SCOPES if not scope.startswith(_ABOUT_USERS))
    return sorted(missing), sorted(got - wanted)
