"""What a server does to what it is sent: the rules of `table.TABLE` at work. Pure.

`RULES` holds the table in force; everything here goes through it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from iac.core.errors import InputError
from iac.core.model import FIELDS, uses_secret
from iac.core.registration import Facts, NewClient, Registration
from iac.core.secret import Secret
from iac.core.semantics.act import redirect_uri_problem, to_wire
from iac.core.semantics.jwks import canonical_jwks, parse_jwks, private_members
from iac.core.semantics.rule import (
    BodyRule,
    CreateForceRule,
    DefaultRule,
    Draft,
    ForceRule,
    ProtectRule,
    ReadRule,
    Refusal,
    RefuseRule,
    Rule,
    SecretRule,
    StripRule,
    SwitchRule,
)
from iac.core.semantics.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from iac.core.model import Fields, Value

__all__ = [
    "RULES",
    "Refusal",
    "Rules",
    "canonical_jwks",
    "create_body",
    "defaults",
    "detect_facts",
    "forced",
    "forced_by_create",
    "hides_secrets",
    "parse_answer",
    "parse_jwks",
    "private_members",
    "protected",
    "redirect_uri_problem",
    "refusals",
    "secret_is_dropped",
    "secret_must_be_made",
    "switch",
    "update_body",
]

R = TypeVar("R", bound=Rule)
_URL_SAFE = re.compile(r"[A-Za-z0-9._~-]*")
_SECRETS = ("client_secret", "registration_access_token")


class Rules:
    """A table of rules, sorted once by where they work."""

    def __init__(self, table: Iterable[Rule]) -> None:
        self.table = tuple(table)
        self.by_id = {rule.id: rule for rule in self.table}
        self.force = self._of(ForceRule)
        self.create_force = self._of(CreateForceRule)
        self.defaults = {name: value for rule in self._of(DefaultRule) for name, value in rule.values.items()}
        self.body = self._of(BodyRule)
        self.refuse = self._of(RefuseRule)
        self.protect = self._of(ProtectRule)
        self.strip = frozenset().union(*(rule.names for rule in self._of(StripRule)))
        reads = self._of(ReadRule)
        self.readers = {name: tuple(rule.act for rule in reads if name in rule.names) for name in FIELDS}

    def _of(self, kind: type[R]) -> list[R]:
        return [rule for rule in self.table if isinstance(rule, kind)]


RULES = Rules(TABLE)
"""The rules in force."""


def parse_answer(answer: Mapping[str, Any]) -> Registration:
    """A server's answer for one client as a value; secrets leave the answer.

    An answer without client_id has "" for it (rec: self-service-put-without-client-id).
    """
    fields: dict[str, Value] = {}
    for name, readers in RULES.readers.items():
        value = answer.get(name)
        for read in readers:
            if value is None and name != "scope":
                break
            value = read(value)
        if value is not None:
            fields[name] = value
    secret = answer.get("client_secret")
    return Registration(
        client_id=answer.get("client_id") or "",
        fields=fields,
        secret=Secret(secret) if secret else None,
        answer={name: value for name, value in answer.items() if name not in _SECRETS},
    )


def detect_facts(entries: Iterable[Mapping[str, Any]]) -> Facts | None:
    """Which flavour answered these clients (rec: admin-up-scoping, admin-secret-visibility); None for no entries."""
    seen = list(entries)
    if not seen:
        return None
    is_new = any("up_scoping_enabled" in entry for entry in seen)
    return Facts(shows_secrets=not is_new, has_up_scoping=is_new)


def forced(fields: Fields) -> Fields:
    """The fields as the server will hold them after any write of `fields`."""
    for rule in RULES.force:
        fields = rule.act(fields)
    return fields


def forced_by_create() -> Mapping[str, Value]:
    """Field -> value that a create may force; a PUT right after it sets the wanted one."""
    return {rule.name: rule.value for rule in RULES.create_force}


def defaults() -> Fields:
    """What a create gives fields that are left out; what is not named is empty or false then."""
    return RULES.defaults


def create_body(client: NewClient) -> dict[str, Any]:
    """The body of a POST that creates a client with chosen id and secret (rec: admin-chosen-secret).

    Raises:
        InputError: the secret is empty or not URL-safe where the client needs one.
    """
    body: dict[str, Any] = {"client_id": client.client_id}
    body.update({name: to_wire(name, value) for name, value in client.fields.items()})
    if uses_secret(client.fields):
        body["client_secret"] = _checked(client.secret)
    body.setdefault("grant_types", [])
    return body


def _checked(secret: Secret | None) -> str:
    """The text of a secret; an error keeps no frame that holds it."""
    if secret is None or (switch("empty-secret-logs-in") and not secret.reveal()):
        raise InputError(
            "a client must not be created with an empty secret", fix="hand in a secret, or let iac make one"
        )
    if switch("secrets-are-url-safe") and not _URL_SAFE.fullmatch(secret.reveal()):
        raise InputError("a chosen secret must be URL-safe", fix="use letters, digits and -._~ only")
    return secret.reveal()


def update_body(fresh: Registration, fields: Fields, declared: Collection[str], facts: Facts) -> dict[str, Any]:
    """The body of the PUT that makes `fresh` hold `fields` for the names in `declared`, losing nothing."""
    draft = Draft(fresh, fields, frozenset(declared), facts)
    for rule in RULES.body:
        rule.act(draft)
    return {name: value for name, value in draft.body.items() if name not in RULES.strip}


def refusals(fields: Fields, facts: Facts | None = None) -> list[Refusal]:
    """Why these fields cannot be sent: each names the rule. Without facts only what holds for every version."""
    found = ((rule, rule.act(fields, facts)) for rule in RULES.refuse)
    return [Refusal(rule.id, *hit, is_certain=rule.is_certain) for rule, hit in found if hit]


def protected(answer: Mapping[str, Any]) -> str:
    """Why this client is never touched, completing "it is ..."; "" when it may be managed."""
    return next((rule.why for rule in RULES.protect if rule.act(answer)), "")


def hides_secrets(facts: Facts) -> bool:
    """Whether an answer without a secret says nothing about the secret."""
    return _secret_rule("secret-is-shown-once", facts, "", "")


def secret_is_dropped(facts: Facts, before: str, after: str) -> bool:
    """Whether changing the auth method loses the secret."""
    return _secret_rule("method-without-secret-drops-it", facts, before, after)


def secret_must_be_made(facts: Facts, before: str, after: str) -> bool:
    """Whether changing the auth method leaves the client in need of a new secret."""
    return _secret_rule("method-with-secret-needs-one-made", facts, before, after)


def _secret_rule(rule_id: str, facts: Facts, before: str, after: str) -> bool:
    rule = RULES.by_id.get(rule_id)
    return isinstance(rule, SecretRule) and rule.act(facts, before, after)


def switch(rule_id: str) -> int:
    """The number or switch of a switch rule; 0 when the rule is not in force."""
    rule = RULES.by_id.get(rule_id)
    return rule.value if isinstance(rule, SwitchRule) else 0
