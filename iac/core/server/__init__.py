"""What a server does to what it is sent: the rules of `table.TABLE` at work. Pure.

`RULES` holds the table in force; everything here goes through it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from iac.core.capabilities import FULL, Capabilities
from iac.core.errors import Diagnostic, InputError, Severity
from iac.core.model import (
    ANSWER_ONLY,
    EXTRA,
    FIELDS,
    Facts,
    Fields,
    NewClient,
    Registration,
    Value,
    canonical_json,
    members,
    uses_secret,
)
from iac.core.secret import Secret
from iac.core.server.effect import canonical_jwks, malformed, parse_jwks, private_members, redirect_uri_problem, to_wire
from iac.core.server.rule import (
    CREDENTIALS,
    PutBody,
    Rules,
    SecretRule,
    SwitchRule,
    find_invalid_members,
)
from iac.core.server.table import TABLE
from iac.core.text import printable

__all__ = [
    "RULES",
    "Rules",
    "answer_brings_secret",
    "can_rotate",
    "canonical_jwks",
    "client_id_problem",
    "create_body",
    "defaults",
    "detect_facts",
    "forced",
    "forced_by_create",
    "hides_secrets",
    "malformed",
    "parse_answer",
    "parse_jwks",
    "private_members",
    "protected",
    "reads_back",
    "redirect_uri_problem",
    "refusals",
    "secret_is_dropped",
    "secret_must_be_made",
    "stripped_scopes",
    "switch",
    "update_body",
]

_URL_SAFE = re.compile(r"[A-Za-z0-9._~-]*")
_SENDABLE = re.compile(r"[!-)+-~]+")
"""A token that a header can carry. None has an asterisk (RFC 6750 section 2.1): a mask must not replace the token."""


RULES = Rules(TABLE)
"""The rules in force."""


def parse_answer(answer: Mapping[str, Any], api: Capabilities = FULL) -> Registration:
    """A server's answer for one client as a value; secrets leave the answer.

    An answer without client_id has "" for it (rec: self-service-put-without-client-id). Members that are not of their
    kind are told in `invalid_members` and left out of the rest: what can be understood of an answer is not lost.
    """
    rules = RULES.at(api)
    if not api.is_iam and type(answer.get("client_id")) is int:  # some servers number their clients
        answer = {**answer, "client_id": str(answer["client_id"])}
    if invalid_members := tuple(find_invalid_members(answer, rules.kinds)):
        wrong = {invalid.member for invalid in invalid_members}
        answer = {name: value for name, value in answer.items() if printable(name) not in wrong}
    # taken out here, so that what is kept of an answer, in state and in plans, never holds one
    secret, rat = (answer.get(name) for name in CREDENTIALS)
    return Registration(
        client_id=answer.get("client_id") or "",
        fields=dict(_fields(answer, rules)),
        secret=Secret(secret) if secret else None,
        answer={name: value for name, value in answer.items() if name not in CREDENTIALS},
        rat=Secret(rat) if rat and _SENDABLE.fullmatch(rat) else None,
        registration_uri=_without_login(answer.get("registration_client_uri") or ""),
        invalid_members=invalid_members,
    )


def _fields(answer: Mapping[str, Any], rules: Rules) -> Iterator[tuple[str, Value]]:
    for name, (wire, readers) in rules.readers.items():
        value = answer.get(wire)
        for read in readers:
            if value is None and name != "scope":
                break
            value = read(value)
        if value is not None:
            yield name, int(value) if isinstance(value, float) else value
    if rules.keeps_others:
        known = {*FIELDS, *ANSWER_ONLY, *CREDENTIALS, "client_id", *(rule.wire for rule in rules.names.values())}
        for name in answer.keys() - known:
            text = canonical_json(answer[name])
            if text is not None:
                yield EXTRA + name, text


def detect_facts(entries: Iterable[Mapping[str, Any]]) -> Facts | None:
    """Which flavour answered these clients (rec: admin-up-scoping, admin-secret-visibility); None for no entries."""
    clients = list(entries)
    if not clients:
        return None
    is_new = any("up_scoping_enabled" in entry for entry in clients)
    return Facts(shows_secrets=not is_new, has_up_scoping=is_new)


def forced(fields: Fields, api: Capabilities = FULL) -> Fields:
    """The fields as the server will hold them after any write of `fields`."""
    for rule in RULES.at(api).force:
        fields = rule.act(fields)
    return fields


def forced_by_create(fields: Fields, api: Capabilities = FULL) -> frozenset[str]:
    """Fields that a create of `fields` may force; a PUT right after it sets the wanted values."""
    rules = RULES.at(api).create_force
    return frozenset(rule.name for rule in rules if not (rule.only_if_absent and rule.name in fields))


def defaults() -> Fields:
    """What a create gives fields that are left out; what is not named is empty or false then."""
    return RULES.defaults


def create_body(client: NewClient, api: Capabilities = FULL) -> dict[str, Any]:
    """The body of a POST that creates a client; id and secret are in it where the caller chooses them.

    (rec: admin-chosen-secret, self-service-rejected; RFC 7591 section 3.1)

    Raises:
        InputError: the secret is empty or not URL-safe where the client needs one.
    """
    body = {name.removeprefix(EXTRA): to_wire(name, value) for name, value in _sent(client.fields, api).items()}
    if api.server_chooses:
        return _named(body, RULES.at(api))
    body["client_id"] = client.client_id
    if uses_secret(client.fields):
        body["client_secret"] = _checked(client.secret)
    body.setdefault("grant_types", [])  # left out, the server would make them authorization_code
    return body


def _checked(secret: Secret | None) -> str:
    """The text of a secret; an error keeps no frame that holds it."""
    if secret is None or (switch("empty-secret-logs-in") and not secret.reveal()):
        raise InputError(
            "a client must not be created with an empty secret", fix="provide a secret, or let iac make one"
        )
    if switch("secrets-are-url-safe") and not _URL_SAFE.fullmatch(secret.reveal()):
        raise InputError("a chosen secret must be URL-safe", fix="use letters, digits and -._~ only")
    return secret.reveal()


def update_body(fresh: Registration, fields: Fields, declared: Collection[str], facts: Facts) -> dict[str, Any]:
    """The body of the PUT that makes `fresh` hold `fields` for the names in `declared`, losing nothing."""
    rules = RULES.at(facts.api)
    draft = PutBody(fresh, _sent(fields, facts.api), frozenset(declared), facts)
    for rule in rules.body:  # in the order of the table: a step may undo what one before it left
        rule.act(draft)
    # the answer's own name of a field that is renamed would be sent beside the wanted value
    for name in draft.declared & rules.names.keys():
        draft.body.pop(rules.names[name].wire, None)
    return {name: value for name, value in _named(draft.body, rules).items() if name not in rules.strip}


def _sent(fields: Fields, api: Capabilities) -> Fields:
    """What is sent of wanted fields: where the server's defaults are not known, all that it is to hold."""
    return fields if api.knows_defaults else forced(fields, api)


def _without_login(uri: str) -> str:
    """A URI that is kept; none where it has a login in it, which would stand in state in clear."""
    return "" if "@" in uri.partition("//")[2].partition("/")[0] else uri


def _named(body: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    """The body with the names and forms that the wire has."""
    rules_of = rules.names
    return {
        rules_of[name].wire if name in rules_of else name: rules_of[name].send(value) if name in rules_of else value
        for name, value in body.items()
    }


def refusals(
    fields: Fields,
    facts: Facts | None = None,
    api: Capabilities = FULL,
    current: Fields | None = None,
    kept: Fields | None = None,
) -> list[Diagnostic]:
    """Why these fields cannot be sent.

    The id is that of the rule, `details` has the field and the item of it, and nothing has a location.
    A rule that is not certain warns. Without facts only what holds for every version.

    Args:
        fields: those to send.
        facts: which server this is; None when offline.
        api: by which API, where facts do not say it.
        current: what the client has already.
        kept: what it has and a write leaves as it is.
    """
    current, kept = current or {}, kept or {}
    refused: list[Diagnostic] = []
    for rule in RULES.at(facts.api if facts else api).refuse:
        whole = {**kept, **fields} if rule.of_whole and kept else fields
        if rule.only_new:
            sets = {name: (set(members(fields.get(name))), set(members(current.get(name)))) for name in rule.only_new}
            whole = {**whole, **{name: tuple(sorted(wanted - there)) for name, (wanted, there) in sets.items()}}
        hits = rule.act(whole, facts)
        severity = Severity.ERROR if rule.is_certain else Severity.WARNING
        refused += [replace(hit, id=rule.id, severity=severity) for hit in hits]
    return refused


def client_id_problem(client_id: str, api: Capabilities, *, is_new: bool) -> Diagnostic | None:
    """Why a client of this id cannot be managed, or, where it `is_new`, should not be registered."""
    for rule in RULES.at(api).client_ids:
        problem = rule.act(client_id) if is_new or not rule.only_new else ""
        if problem:
            return Diagnostic(rule.id, f"client_id {client_id}: {problem}", details={"field": "client_id"})
    return None


def protected(answer: Mapping[str, Any]) -> str:
    """Why this client is never touched, completing "it is ..."; "" when it may be managed."""
    return next((rule.why for rule in RULES.protect if rule.act(answer)), "")


def stripped_scopes(scopes: Collection[str], facts: Facts) -> frozenset[str]:
    """The scopes of a client that a write may take away although it sends them."""
    return frozenset().union(*(rule.act(frozenset(scopes)) for rule in RULES.at(facts.api).strip_scopes))


def hides_secrets(facts: Facts) -> bool:
    """Whether an answer without a secret says nothing about the secret."""
    return _holds(facts, "", "", "secret-is-shown-once", "secret-may-be-left-out")


def secret_is_dropped(facts: Facts, before: str, after: str) -> bool:
    """Whether changing the auth method loses the secret."""
    return _holds(facts, before, after, "method-without-secret-drops-it")


def secret_must_be_made(facts: Facts, before: str, after: str) -> bool:
    """Whether changing the auth method leaves the client in need of a new secret."""
    return _holds(facts, before, after, "method-with-secret-needs-one-made", "self-service-hides-the-new-secret")


def answer_brings_secret(facts: Facts, before: str, after: str) -> bool:
    """Whether the answer to changing the auth method brings the new secret."""
    return _holds(facts, before, after, "answer-brings-the-new-secret")


def can_rotate(facts: Facts) -> bool:
    """Whether this login can ask for a new secret."""
    return not _holds(facts, "", "", "no-rotation")


def _holds(facts: Facts, before: str, after: str, *rule_ids: str) -> bool:
    rules = RULES.at(facts.api).by_id
    matching = (rules.get(rule_id) for rule_id in rule_ids)
    return any(isinstance(rule, SecretRule) and rule.act(facts, before, after) for rule in matching)


def reads_back(facts: Facts) -> bool:
    """Whether what a write answers is not yet what is stored, so that one read must follow."""
    return "answer-is-not-what-is-stored" in RULES.at(facts.api).by_id


def switch(rule_id: str) -> int:
    """The number or switch of a switch rule; 0 when the rule is not in force."""
    rule = RULES.by_id.get(rule_id)
    return rule.value if isinstance(rule, SwitchRule) else 0
