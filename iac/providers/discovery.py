"""Discovery: is this the issuer that we mean, and where is its token endpoint.

OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iac.core.errors import CredentialsError, UnreachableError
from iac.core.origin import Issuer
from iac.core.text import printable
from iac.transport.http import Http
from iac.transport.message import Answer, Call, server_words

OPENID = "/.well-known/openid-configuration"
"""Behind the issuer's path (OpenID Connect Discovery 1.0 section 4)."""

OAUTH = "/.well-known/oauth-authorization-server"
"""Before the issuer's path (RFC 8414 section 3.1)."""


@dataclass(frozen=True, slots=True)
class Endpoints:
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


def discover(http: Http, issuer: Issuer, documents: Sequence[str] = (OPENID,)) -> Endpoints:
    """Read the first of the discovery documents that is there; sent without credentials.

    Raises:
        UnreachableError: there is none.
        CredentialsError: it is another issuer's, or its token endpoint is on another origin.
    """
    path, answer, document = _first(http, issuer, documents)
    where = f"{issuer.origin}{path}"
    if document is None:
        raise UnreachableError(
            "this server has no discovery document",
            where=where,
            why=server_words(answer),
            fix="check that issuer in iac.yaml is the address of the server that you mean",
        )
    declared = str(document.get("issuer", ""))
    if not issuer.is_same(declared):
        raise CredentialsError(
            "the server says that it is another issuer",
            where=where,
            why=f"issuer in iac.yaml: {issuer.url}, in the discovery document: {printable(declared)}",
            fix="set issuer in iac.yaml to the server that you mean, spelled as its discovery document has it",
        )
    token_url = document["token_endpoint"]
    return Endpoints(
        issuer=declared,
        token=issuer.path_of(token_url),
        token_url=token_url,
        scopes=_texts(document.get("scopes_supported")),
        others={name: url for name, url in document.items() if name.endswith("_endpoint") and isinstance(url, str)},
        signing_algorithms=_texts(document.get("token_endpoint_auth_signing_alg_values_supported")),
    )


def _first(http: Http, issuer: Issuer, documents: Sequence[str]) -> tuple[str, Answer, dict[str, Any] | None]:
    """The first document that is one, with its path; else the answer to the first that was asked for."""
    tried = []
    for name in documents:
        path = name + issuer.path if name == OAUTH else issuer.path + name
        # without credentials: not before this answer is it known whether this is the issuer that they are for
        answer = http.send(Call.read(path))
        document = answer.json() if answer.is_ok else None
        if isinstance(document, dict) and isinstance(document.get("token_endpoint"), str):
            return path, answer, document
        tried.append((path, answer, None))
    return tried[0]


def _texts(listed: object) -> frozenset[str]:
    return frozenset(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else frozenset()


def check_pin(issuer: Issuer, pinned: str) -> None:
    """Hold the configured issuer against IAC_ISSUER: a change of iac.yaml must not redirect a pipeline's credentials.

    Raises:
        CredentialsError: they differ. "" pins nothing.
    """
    if pinned and not issuer.is_same(pinned):
        raise CredentialsError(
            "the issuer is not the one that this environment is bound to",
            where=f"issuer: {issuer.url}",
            why=f"IAC_ISSUER is {printable(pinned)}",
            fix="correct issuer in iac.yaml, or IAC_ISSUER where the credentials are set",
        )
