"""Discovery: is this the issuer that we mean, and where is its token endpoint.

OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from msgspec import Struct, field

from iac.core.capabilities import Capabilities
from iac.core.errors import CredentialsError, UnreachableError
from iac.core.origin import Issuer
from iac.core.text import printable
from iac.ports import Clock
from iac.providers.answer import read_failure
from iac.transport.http import Http
from iac.transport.message import Answer, Call, server_words

OPENID = "/.well-known/openid-configuration"
"""Behind the issuer's path (OpenID Connect Discovery 1.0 section 4)."""

OAUTH = "/.well-known/oauth-authorization-server"
"""Before the issuer's path (RFC 8414 section 3.1)."""


class Endpoints(Struct, frozen=True):
    """The endpoints that the issuer declares.

    Attributes:
        issuer: in its own spelling.
        token: the token endpoint's path on its origin.
        token_url: the same as a URL.
        scopes: that it says it knows.
        others: URL of each other endpoint that it declares, by its name in the discovery document.
        signing_algorithms: for the assertions of clients (RFC 8414 section 2); empty when it does not say.
    """

    issuer: str
    token: str
    token_url: str
    scopes: frozenset[str] = frozenset()
    others: Mapping[str, str] = field(default_factory=dict)
    signing_algorithms: frozenset[str] = frozenset()


class KnownServer(Struct, frozen=True):
    """One issuer whose endpoints are known. Safe to share between threads."""

    http: Http
    endpoints: Endpoints
    clock: Clock


def documents_of(api: Capabilities) -> tuple[str, ...]:
    """The discovery documents of a server: an INDIGO IAM has one, of others either may lack what the other has."""
    return (OPENID,) if api.is_iam else (OPENID, OAUTH)


def discover(http: Http, issuer: Issuer, documents: Sequence[str] = (OPENID,), registration: str = "") -> Endpoints:
    """Read the discovery documents that are there and lay the first over the others; sent without credentials.

    Args:
        http: the way to the issuer.
        issuer: as configured.
        documents: which to ask for; the first is the OpenID one.
        registration: URL of the registration endpoint as iac.yaml has it; "" for what the documents say.

    Raises:
        UnreachableError: there is none.
        CredentialsError: it is another issuer's, or its token endpoint is on another origin.
    """
    document = _merged(http, issuer, documents)
    token_url = document["token_endpoint"]
    urls = {name: url for name, url in document.items() if name.endswith("_endpoint") and isinstance(url, str)}
    return Endpoints(
        issuer=str(document["issuer"]),
        token=issuer.path_of(token_url),
        token_url=token_url,
        scopes=_texts(document.get("scopes_supported")),
        others={**urls, "registration_endpoint": registration} if registration else urls,
        signing_algorithms=_texts(document.get("token_endpoint_auth_signing_alg_values_supported")),
    )


def _merged(http: Http, issuer: Issuer, documents: Sequence[str]) -> dict[str, Any]:
    """The documents that are there as one, what an earlier one says first."""
    merged: dict[str, Any] = {}
    first: Answer | None = None
    for name in documents:
        path = name + issuer.path if name == OAUTH else issuer.path + name
        # without credentials: not before this answer is it known whether this is the issuer that they are for
        answer = http.send(Call.read(path))
        first = first or answer
        document = answer.json() if answer.is_ok else None
        if isinstance(document, dict) and isinstance(document.get("token_endpoint"), str):
            declared = str(document.get("issuer", ""))
            if not issuer.is_same(declared):
                raise CredentialsError(
                    "the server says that it is another issuer",
                    where=f"{issuer.origin}{path}",
                    why=f"issuer in iac.yaml: {issuer.url}, in the discovery document: {printable(declared)}",
                    fix="set issuer in iac.yaml to the server that you mean, spelled as its discovery document has it",
                )
            merged = {**document, **merged}
    if not merged and first is not None:
        where = f"{issuer.origin}{issuer.path}{documents[0]}"
        raise (
            read_failure(Call.read(where), first)
            if first.status >= HTTPStatus.TOO_MANY_REQUESTS  # and 5xx: an outage says nothing of the issuer
            else UnreachableError(
                "this server has no discovery document",
                where=where,
                why=server_words(first),
                fix="check that issuer in iac.yaml is the address of the server that you mean",
            )
        )
    return merged


def _texts(listed: object) -> frozenset[str]:
    return frozenset(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else frozenset()


def check_pin(issuer: Issuer, pinned: str, pin: str) -> None:
    """Hold the configured issuer against IAC_ISSUER: a change of iac.yaml must not redirect a pipeline's credentials.

    Args:
        issuer: of iac.yaml.
        pinned: the one that IAC_ISSUER names; "" pins nothing.
        pin: what IAC_ISSUER would be for iac.yaml as it is.

    Raises:
        CredentialsError: they differ.
    """
    if pinned and not issuer.is_same(pinned):
        raise CredentialsError(
            "IAC_ISSUER binds this environment to another issuer",
            where=f"issuer: {issuer.url}",
            why=f"IAC_ISSUER is {printable(pinned)}",
            fix="correct issuer in iac.yaml; or, if iac.yaml is right, set IAC_ISSUER where the credentials are set:"
            f" export IAC_ISSUER={pin}",
        )
