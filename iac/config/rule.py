"""What must hold in each definition beyond its schema. Pure. One generator a rule; each says all that it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from iac.config.definition import Definition
from iac.config.layers import UnusableValue
from iac.core import server
from iac.core.capabilities import Capabilities
from iac.core.catalogue import mistake
from iac.core.desired import Rotation
from iac.core.errors import Diagnostic
from iac.core.model import ANSWER_ONLY, EXTRA, FIELDS, field_of
from iac.core.vocabulary import is_restricted

Rule = Callable[[Definition], Iterator[Diagnostic]]

MAX_SCOPES = 512
_ROTATION = "lifecycle.rotation"
_REDIRECTING = {"authorization_code", "implicit"}

_PLACEHOLDER = re.compile(r"\$\{[^{}]*\}|\{\{(?:(?!\{\{).)*?\}\}|##\w+##|@@\w+@@")
"""What shells, template engines and other deploying tools replace. Each opening brace ends the search from the one
before it: a text of 65,000 braces would take minutes otherwise."""

_LOOSE = re.compile(
    r"\$\(\w[\w .-]{0,60}\)|#\{\w[\w .-]{0,60}\}#|__[A-Za-z]\w{0,60}?__|<[A-Za-z][\w .-]{0,60}>|\(\(\w[\w .-]{0,60}\)\)"
    r"|(?<![A-Za-z])(?i:change[-_]?me)(?![A-Za-z])"
)
"""Those of Azure, Octopus, Concourse and of people, which can be text, too: an error as a whole value or in a host."""
_MARK = re.compile(r"<|\$[{(]|#[#{]|@@|\{\{|__|\(\(|c(?i:hange)|C(?i:hange)")
"""What every placeholder begins with: one search tells most texts apart from them. It is quick as long as each branch
begins with a plain character."""
_HOST = re.compile(r"://[^/?\s]*")


def check_definition(definition: Definition) -> list[Diagnostic]:
    """Every mistake that the rules find; a rule that would need a value with a mistake is left out."""
    diagnostics: list[Diagnostic] = []
    for rule in RULES:
        try:
            diagnostics.extend(rule(definition))
        except UnusableValue:
            continue
    return diagnostics


def _client_id(definition: Definition) -> Iterator[Diagnostic]:
    client_id = definition.merged.get("client_id")
    if client_id is None:
        if not definition.settings.api.server_chooses:
            name = definition.address.replace("/", "-")
            why = "the identity is in git, so that a retry finds its own client"
            yield mistake(
                "no-client-id",
                "the key client_id is missing",
                definition.at("client_id"),
                why=why,
                fix=f"client_id: {name}; for a client in state use the id of iac state list",
            )
        return
    if client_id == definition.settings.login_client_id:
        why = "a mistake in its definition would lock iac out"
        summary = f"{client_id} is the client that iac itself logs in with"
        yield mistake("login-client", summary, definition.at("client_id"), why=why, fix="remove the definition")
    if problem := server.client_id_problem(client_id, definition.settings.api, is_new=False):
        why = f"{definition.settings.api.server} cannot read, change or delete a client with such an id"
        yield mistake(problem.id, problem.summary, definition.at("client_id"), why=why, fix="use another client_id")
    answer = {"client_id": client_id, "client_name": definition.merged.get("client_name", "")}
    if reason := server.protected(answer):
        summary = f"iac does not manage {client_id}: it is {reason}"
        yield mistake("protected-client", summary, definition.at("client_id"), fix="remove the definition")


def _placeholders(definition: Definition) -> Iterator[Diagnostic]:
    for name, parts in definition.merged.parts.items():
        is_metadata = name in FIELDS or name == "client_id" or name.startswith(EXTRA)
        if not is_metadata or name in definition.merged.broken:
            continue
        for part in parts:
            texts = part.value if isinstance(part.value, list) else [part.value]
            for index, text in enumerate(texts):
                if isinstance(text, str) and (placeholder := find_placeholder(name, text)):
                    rule, shown = placeholder
                    yield mistake(
                        rule,
                        f"{name} contains the placeholder {shown}",
                        part.at(index) if isinstance(part.value, list) else part.at(),
                        why="iac replaces no placeholders in definitions, so the server would get it unchanged",
                        fix="write the value; what differs between environments goes under environments:",
                    )


def find_placeholder(name: str, text: str) -> tuple[str, str] | None:
    """The id of the mistake and the placeholder in a field's text, where there is one."""
    if not _MARK.search(text):
        return None
    if match := _PLACEHOLDER.search(text):
        return "placeholder", match[0]
    if name == "jwk":  # random text, in which two underlines come twice now and then
        return None
    words = text.split() if name == "scope" else [text.strip()]
    host = _HOST.search(text)
    for match in (*map(_LOOSE.fullmatch, words), _LOOSE.search(host[0]) if host else None):
        if match:
            return "placeholder", match[0]
    match = _LOOSE.search(text)
    return ("possible-placeholder", match[0]) if match else None


def _redirects(definition: Definition) -> Iterator[Diagnostic]:
    merged = definition.merged
    uris, grants = merged.values("redirect_uris"), set(merged.values("grant_types"))
    needing = _REDIRECTING & grants if "grant_types" in merged.parts else {"authorization_code"}
    if needing and not uris:
        names = " and ".join(sorted(needing))
        meant = "" if grants else ", which is meant when grant_types are not declared,"
        yield mistake(
            "adopted-without-redirect-uris" if merged.get("adopt", False) else "no-redirect-uris",
            f"the grant {names}{meant} needs redirect_uris",
            merged.at("redirect_uris") or merged.at("grant_types") or definition.document.at(),
            why="no user could log in",
            fix="redirect_uris: [https://...]",
        )


def _scope_rights(definition: Definition) -> Iterator[Diagnostic]:
    settings = definition.settings
    if not settings.api.drops_scopes:
        return
    for item in definition.merged.items("scope"):
        scope = item.value
        if is_restricted(scope) and not any(fnmatchcase(scope, known) for known in settings.grantable_scopes):
            yield mistake(
                "scope-not-granted",
                f"scope {scope} is given by administrators only",
                item.at(),
                why="self service drops it silently",
                fix=f"use provider: iam-admin; or grantable_scopes: [{scope}] in iac.yaml, if this login can grant it",
            )


def _scope_count(definition: Definition) -> Iterator[Diagnostic]:
    names = set(definition.merged.values("scope")) if definition.settings.api.is_iam else set()
    if len(names) > MAX_SCOPES or any(len(name) > 2048 for name in names):  # noqa: PLR2004  # IAM's own limits
        yield mistake(
            "too-many-scopes",
            f"a client has at most {MAX_SCOPES} scopes of at most 2048 characters",
            definition.merged.at("scope"),
            why=f"here are {len(names)}",
            fix="remove some",
        )


def _keys(definition: Definition) -> Iterator[Diagnostic]:
    merged = definition.merged
    jwk, uri = merged.get("jwk"), merged.get("jwks_uri")
    method = merged.get("token_endpoint_auth_method")
    if jwk and uri:
        yield mistake(
            "two-key-sources",
            "the definition has both jwk and jwks_uri",
            merged.at("jwk"),
            why=f"{definition.settings.api.server} takes jwks_uri and drops jwk",
            fix="keep jwks_uri",
        )
    if method == "private_key_jwt" and not jwk and not uri and merged.get("adopt", False):
        yield mistake(
            "adopted-without-key",
            "private_key_jwt needs a key, and none is declared",
            merged.at("token_endpoint_auth_method"),
            why=f"{definition.settings.api.server} may hide it; the client keeps its own, and iac never erases it",
            fix="add jwks_uri (better) or jwk",
        )
    elif method == "private_key_jwt" and not jwk and not uri:
        yield mistake(
            "no-key",
            "private_key_jwt needs a key",
            merged.at("token_endpoint_auth_method"),
            fix="add jwks_uri (better) or jwk; or remove this line, and iac keygen writes it together with a new key",
        )


def _jwk(definition: Definition) -> Iterator[Diagnostic]:
    definition.merged.get("jwk")
    text = definition.fields.get("jwk")
    if text is not None:
        try:
            server.parse_jwks(str(text))
        except ValueError:
            yield mistake(
                "bad-jwk",
                "jwk is not a JWK set",
                definition.merged.at("jwk"),
                why="it must be a JSON object with a list keys, each key with its kty (RFC 7517 section 5)",
                fix="write the public keys as a JWK set, or publish them and name their jwks_uri",
            )


def _extra(definition: Definition) -> Iterator[Diagnostic]:
    for name in definition.merged.parts:
        if not name.startswith(EXTRA):
            continue
        member, where = name.removeprefix(EXTRA), definition.merged.at(name)
        key = {"jwks": "jwk"}.get(member, member)
        if key in FIELDS or key == "client_id":
            fix = f"write {key}: at the top of the definition"
            yield mistake("extra-has-a-key", f"{member} has a key of its own", where, fix=fix)
        elif member in ANSWER_ONLY or member == "client_secret":
            yield mistake("extra-of-the-server", f"only the server sets {member}", where, fix="remove it")


def _recipients(definition: Definition) -> Iterator[Diagnostic]:
    if definition.settings.state.is_clear and definition.merged.items("recipients"):
        yield mistake(
            "recipients-without-encryption",
            "recipients are named, and iac.yaml says encryption: none",
            definition.merged.at("recipients"),
            why="iac encrypts nothing to them: a reader of the state can read every secret",
            fix="set state.encryption.recipients in iac.yaml, or remove recipients",
        )


def _server_rules(definition: Definition) -> Iterator[Diagnostic]:
    for refusal in server.refusals(definition.fields, api=definition.settings.api):
        name, value = refusal.details["field"], refusal.details["value"]
        if value and (find_placeholder(name, value) or ("",))[0] == "placeholder":
            continue  # said already, and the reason for this
        yield mistake(refusal.id, refusal.summary, definition.at(name, value), fix=refusal.fix)


def _admin_fields(definition: Definition) -> Iterator[Diagnostic]:
    api = definition.settings.api
    owned = ["owners"] if definition.merged.items("owners") else []
    for name in [] if api.sets_all else [*definition.fields, *owned]:
        if name in owned or field_of(name).admin_only:
            where = definition.merged.at(name)
            summary = f"{name} is {'set through the management API only' if api.is_iam else 'a field of IAM alone'}"
            yield mistake("needs-management-api", summary, where, fix=_or_management("remove it", api))
    if not api.can_replace and definition.merged.get(_ROTATION) == Rotation.REPLACE:
        where = definition.merged.at(_ROTATION)
        summary = "a rotation that replaces is done through the management API only"
        yield mistake(
            "needs-management-api",
            summary,
            where,
            why="a successor has an id that is known before it is registered; here the server chooses ids",
            fix=_or_management("remove lifecycle.rotation", api),
        )


def _or_management(fix: str, api: Capabilities) -> str:
    return f"{fix}, or use provider: iam-admin" if api.is_iam else fix


RULES: tuple[Rule, ...] = (
    _client_id,
    _placeholders,
    _redirects,
    _scope_rights,
    _scope_count,
    _keys,
    _jwk,
    _extra,
    _recipients,
    _server_rules,
    _admin_fields,
)
"""All rules of single definitions."""
