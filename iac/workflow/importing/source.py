"""Clients from JSON: of IAM's API, of MitreID, of RFC 7591; one, a list, a page of a list. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from iac.core.capabilities import FULL, Capabilities
from iac.core.errors import InputError
from iac.core.model import ANSWER_ONLY, AUTH_METHODS, FIELDS, Kind, in_order
from iac.core.server import parse_answer, private_members
from iac.core.server.rule import fits
from iac.core.text import listed, printable
from iac.files import read
from iac.workflow.importing.selection import Candidate

_NAMES: Mapping[str, str] = {
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "secret": "client_secret",
    "clientName": "client_name",
    "name": "client_name",
    "clientDescription": "client_description",
    "description": "client_description",
    "clientUri": "client_uri",
    "uri": "client_uri",
    "policyUri": "policy_uri",
    "tosUri": "tos_uri",
    "contacts": "contacts",
    "redirectUris": "redirect_uris",
    "grantTypes": "grant_types",
    "responseTypes": "response_types",
    "scope": "scope",
    "tokenEndpointAuthMethod": "token_endpoint_auth_method",
    "codeChallengeMethod": "code_challenge_method",
    "jwksUri": "jwks_uri",
    "jwks": "jwk",
    "defaultMaxAge": "default_max_age",
    "requireAuthTime": "require_auth_time",
    "accessTokenValiditySeconds": "access_token_validity_seconds",
    "refreshTokenValiditySeconds": "refresh_token_validity_seconds",
    "idTokenValiditySeconds": "id_token_validity_seconds",
    "deviceCodeValiditySeconds": "device_code_validity_seconds",
    "reuseRefreshToken": "reuse_refresh_token",
    "allowIntrospection": "allow_introspection",
    "clearAccessTokensOnRefresh": "clear_access_tokens_on_refresh",
    "dynamicallyRegistered": "dynamically_registered",
}
_METHODS: Mapping[str, str] = {
    "SECRET_BASIC": "client_secret_basic",
    "SECRET_POST": "client_secret_post",
    "SECRET_JWT": "client_secret_jwt",
    "PRIVATE_KEY": "private_key_jwt",
    "NONE": "none",
}
"""Name in MitreID's enumeration of auth methods -> the value of RFC 7591."""

_TECHNICAL = frozenset(
    {
        "id", "authorities", "createdAt", "resourceIds", "registeredRedirectUri", "authorizedGrantTypes",
        "additionalInformation", "secretRequired", "scoped", "allowRefresh",
    }
)  # fmt: skip
"""Members that say how MitreID keeps the client, or say again what others do."""


def is_mitreid(entry: Mapping[str, Any]) -> bool:
    """Whether a client is written in MitreID's way."""
    return "clientId" in entry or "redirectUris" in entry or "grantTypes" in entry


def from_mitreid(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The client by RFC 7591's names; what has none keeps the name it has."""
    client = {_NAMES.get(key, key): value for key, value in entry.items() if key not in _TECHNICAL}
    method = client.get("token_endpoint_auth_method")
    if isinstance(method, str):
        client["token_endpoint_auth_method"] = _METHODS.get(method, method)
    challenge = client.get("code_challenge_method")
    if isinstance(challenge, dict):
        client["code_challenge_method"] = challenge.get("name")
    return client


MAX_BYTES = 64 * 1024 * 1024
"""Largest file that is read: 10,000 clients of IAM have some 10 MB."""

_FORM = "give a client of IAM's API, of MitreID or of RFC 7591, a list of them, or a page of IAM's list"
_TEXTS = ("client_id", "client_secret", "registration_access_token", "client_name")
_LISTS = frozenset({"Resources", "clients"})
"""Members that hold the clients: of a page of IAM's list, of MitreID's export."""

_EXPORT = "mitreid-connect-"
_OTHERS: Mapping[str, frozenset[str]] = {
    "Keycloak": frozenset(
        {
            "publicClient", "bearerOnly", "standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled",
            "serviceAccountsEnabled", "clientAuthenticatorType", "webOrigins", "protocolMappers",
        }
    ),
    "Auth0": frozenset({"callbacks", "app_type", "web_origins", "jwt_configuration"}),
}  # fmt: skip
"""Members that only clients of these servers have."""

_WAYS = {
    "Keycloak": "; take it over by its registration API: make a registration access token in the console (client,"
    " Credentials), and run iac import CLIENT_ID --uri ISSUER/clients-registrations/openid-connect/CLIENT_ID"
}
"""How such a client comes in all the same."""

_KNOWN = frozenset({*FIELDS, *ANSWER_ONLY, "client_id", "client_secret", "scope"})


def read_folder(folder: Path, name: str) -> list[tuple[str, bytes]]:
    """Name and content of every `*.json` below a folder, sorted; names that begin with a dot are skipped.

    Raises:
        InputError: the folder has no such file, or one cannot be read.
    """
    files = [
        path
        for path in sorted(folder.rglob("*.json"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not files:
        raise InputError("the folder has no file *.json", where=name, fix=_FORM)
    return [(f"{name.rstrip('/')}/{path.relative_to(folder).as_posix()}", read_file(path)) for path in files]


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return read(path, MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            "the file cannot be read", where=str(path), why=str(error.strerror), fix="name one that you can read"
        ) from error


def parse_files(files: Iterable[tuple[str, bytes]], api: Capabilities = FULL) -> list[Candidate]:
    """The clients in these files, by name and content, with what the project's server keeps of them.

    Raises:
        InputError: with everything that is wrong in them.
    """
    mistakes: list[str] = []
    candidates: list[Candidate] = []
    for name, content in files:
        try:
            entries = list(_entries(_parsed(content)))
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
            continue
        for pointer, entry in entries:
            problems = list(_problems(entry))
            client = None if problems else _candidate(entry, api)
            problems += map(str, client.registration.invalid_members) if client else ()
            mistakes += [f"{name}{pointer}: {problem}" for problem in problems]
            if client and not problems:
                candidates.append(client)
    if mistakes:
        raise InputError(
            "these clients cannot be imported, nothing is written",
            why=listed(map(printable, mistakes), "; "),
            fix=_FORM,
        )
    return candidates


def _parsed(content: bytes) -> Any:
    """The JSON value.

    Raises:
        ValueError: with line and column of what is wrong.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_object)
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: it is not JSON ({error.msg})"
    except RecursionError:
        problem = "it is nested too deep"
    raise ValueError(problem)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; which of two values of one name is meant, nobody can tell (RFC 8259 section 4)."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the name {twice} twice")
    return value


def _entries(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Pointer and content of each client, by RFC 7591's names.

    Raises:
        ValueError: this is neither a client nor many.
    """
    for pointer, entry in _listed(value):
        if isinstance(entry, dict) and (problem := _foreign_form(entry)):
            raise ValueError(f"{pointer or 'it'} {problem}")
        plain = from_mitreid(entry) if isinstance(entry, dict) and is_mitreid(entry) else entry
        if not isinstance(plain, dict) or not _KNOWN & plain.keys():
            raise ValueError(f"{pointer or 'it'} is not a client")
        if "jwks" in plain:
            plain = {**{key: item for key, item in plain.items() if key != "jwks"}, "jwk": plain["jwks"]}
        yield pointer, plain


def _foreign_form(entry: Mapping[str, Any]) -> str:
    """Why a client is not read that has the form of another server: only half of it would be understood."""
    for server, members in _OTHERS.items():
        if foreign := members & entry.keys():
            names = sorted(foreign | ({"clientId", "redirectUris"} & entry.keys()))
            return f"is a client of {server} ({', '.join(names)}), which iac cannot read{_WAYS.get(server, '')}"
    return ""


def _listed(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
        return
    for key, item in value.items() if isinstance(value, dict) else ():
        if (key in _LISTS and isinstance(item, list)) or key.startswith(_EXPORT):
            yield from ((f".{key}{pointer}", entry) for pointer, entry in _listed(item))
            return
    yield "", value


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    for name in _TEXTS:
        if name not in FIELDS and entry.get(name) is not None and not isinstance(entry[name], str):
            yield f"{name} is not text"
    for name in in_order(FIELDS.keys() & entry):
        field = FIELDS[name]
        is_object = field.kind is Kind.JWKS and isinstance(entry.get(name), dict)
        if entry.get(name) is not None and not is_object and not fits(name, field.kind, entry[name]):
            yield f"{name} is not {_WORDS[field.kind]}"
    yield from _key_problems(_jwk_text(entry))


def _key_problems(text: str) -> Iterator[str]:
    try:
        members = private_members(text)
    except RecursionError:
        yield "jwk is not a JWK set"
        return
    if members:
        yield f"jwk holds private key material ({', '.join(members)}): keep the public members, treat the key as stolen"


_WORDS: Mapping[Kind, str] = {
    Kind.SET: "a list of texts",
    Kind.FLAG: "true or false",
    Kind.SECONDS: "a whole number",
    Kind.JWKS: "a JWK set",
    Kind.JSON: "a JSON value",
    Kind.TEXT: "text",
}


def _jwk_text(entry: Mapping[str, Any]) -> str:
    value = entry.get("jwk")
    return json.dumps(value) if isinstance(value, dict) else str(value or "")


def _candidate(entry: Mapping[str, Any], api: Capabilities) -> Candidate:
    """As a server would answer it; a request that leaves them out means RFC 7591's grant and auth method."""
    plain = {**entry, "jwk": _jwk_text(entry) or None}
    plain["token_endpoint_auth_method"] = entry.get("token_endpoint_auth_method") or AUTH_METHODS[0]
    if not _ANSWERED & entry.keys():
        plain.setdefault("grant_types", ["authorization_code"])
    if not api.is_iam:
        keys = _key_set(plain.pop("jwk"))
        return Candidate(parse_answer({**plain, "jwks": keys} if keys else plain, api))
    kept = _KNOWN - {name for name, field in FIELDS.items() if field.of_others}
    unkept = tuple(sorted(name for name, value in entry.items() if name not in kept and value not in _EMPTY))
    return Candidate(parse_answer(plain), unkept)


def _key_set(text: str | None) -> dict[str, Any]:
    """A key set as RFC 7591 has it; empty for text that is none."""
    try:
        keys = json.loads(text or "{}")
    except ValueError:
        return {}
    return keys if isinstance(keys, dict) else {}


_ANSWERED = frozenset({"created_at", "dynamically_registered"})
"""Members by which an answer of IAM is told from a request; it leaves out empty grant_types."""

_EMPTY: tuple[Any, ...] = (None, "", [], {}, False)
