"""Rows of the table for servers of which nothing is known but that they follow RFC 7591 and RFC 7592. Pure."""

from __future__ import annotations

import json
from typing import Any

from iac.core.capabilities import Table
from iac.core.model import SECRET_METHODS, Fields
from iac.core.registration import Facts
from iac.core.server import rule


def add_response_types(fields: Fields) -> Fields:
    """response_types as the grants ask for, where none are given."""
    grants = fields.get("grant_types", ())
    if "response_types" in fields or not isinstance(grants, tuple):
        return fields
    return {**fields, "response_types": ("code",) if "authorization_code" in grants else ()}


def send_jwks(value: Any) -> Any:
    """JSON text as the object that it is."""
    return json.loads(value)


def receive_jwks(value: Any) -> Any:
    """An object as JSON text; anything else as it is."""
    return json.dumps(value) if isinstance(value, dict) else value


def brings_secret(facts: Facts, before: str, after: str) -> bool:  # noqa: ARG001  # whatever server it is
    """From a method without secret to one with."""
    return before not in SECRET_METHODS and after in SECRET_METHODS


def may_leave_secret_out(facts: Facts, before: str, after: str) -> bool:  # noqa: ARG001  # whatever server it is
    """Servers differ in what they show."""
    return True


ROWS: tuple[rule.ServerRule, ...] = (
    rule.NameRule(
        id="keys-are-jwks",
        traps=(31,),
        what="keys by value are the object jwks, which IAM has as the text jwk",
        source="RFC 7591 section 2",
        name="jwk",
        wire="jwks",
        send=send_jwks,
        receive=receive_jwks,
        table=Table.RFC7591,
    ),
    rule.ForceRule(
        id="response-types-follow-grants",
        traps=(31,),
        what="response_types left out are code, which a client without authorization_code must not have",
        source="RFC 7591 sections 2 and 2.1",
        act=add_response_types,
        table=Table.RFC7591,
    ),
    rule.SecretRule(
        id="secret-may-be-left-out",
        traps=(31,),
        what="some servers answer a read without the secret: none in an answer says nothing about it",
        source="RFC 7592 section 3",
        act=may_leave_secret_out,
        table=Table.RFC7591,
    ),
    rule.SecretRule(
        id="answer-brings-the-new-secret",
        traps=(31,),
        what="changing to a secret method makes a secret, and the answer brings it",
        source="RFC 7592 sections 2.2 and 3",
        act=brings_secret,
        table=Table.RFC7591,
    ),
)
