"""Rows of the table for metadata that an INDIGO IAM does not have, and other servers do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iac.core.capabilities import Table
from iac.core.errors import Diagnostic, hit
from iac.core.model import (
    EXTRA,
    GRANT_TYPES,
    Facts,
    Fields,
    Kind,
    canonical_json,
    field_of,
    members,
    names_of,
    short_grant,
)
from iac.core.server import rule

_LEAST_NAME = 4


def _refuse_of_others(fields: Fields, _: Facts | None) -> Iterator[Diagnostic]:
    """Metadata that an IAM does not have."""
    for name, value in fields.items():
        if field_of(name).of_others and value is not False:
            member = name.removeprefix(EXTRA)
            yield hit(name, f"IAM has no {member} and silently drops it", fix=f"take {member} out")


_OF_IAM: Mapping[str, frozenset[str]] = {
    "grant_types": frozenset(GRANT_TYPES.values()) - {GRANT_TYPES["jwt-bearer"]},
    "response_types": frozenset({"code", "token"}),
}


def _refuse_unknown_values(fields: Fields, _: Facts | None) -> Iterator[Diagnostic]:
    """Grants, response types and ways to log in that an IAM does not have."""
    for name, known in _OF_IAM.items():
        for item in members(fields.get(name)):
            if item not in known:
                yield hit(name, f"IAM has no {short_grant(item)} among its {name}", item, fix="take it out")
    method = str(fields.get("token_endpoint_auth_method", ""))
    if method.endswith("tls_client_auth"):
        yield hit("token_endpoint_auth_method", f"IAM has no {method}", fix="use private_key_jwt, or a secret")


def _refuse_short_name(fields: Fields, _: Facts | None) -> Iterator[Diagnostic]:
    """A client_name of fewer characters than an IAM takes."""
    name = str(fields.get("client_name", "")).strip()
    if 0 < len(name) < _LEAST_NAME:
        yield hit("client_name", f"client_name must be {_LEAST_NAME} to 256 characters long", fix="write a longer name")


ROWS: tuple[rule.ServerRule, ...] = (
    rule.ReadRule(
        id="json-is-compared-as-value",
        traps=(31,),
        what="members of an object come back in another order",
        source="RFC 8259 section 4",
        names=names_of(Kind.JSON),
        act=canonical_json,
        table=Table.RFC7591,
    ),
    rule.KeepRule(
        id="other-metadata-is-kept",
        traps=(31,),
        what="standard metadata that IAM does not have are kept, and those that the server alone knows",
        source="RFC 7591 section 2",
        table=Table.RFC7591,
    ),
    rule.RefuseRule(
        id="metadata-is-dropped",
        traps=(23,),
        what="all versions silently drop metadata that IAM has no field for",
        source="rec: admin-create-full",
        act=_refuse_of_others,
    ),
    rule.RefuseRule(
        id="value-is-unknown",
        traps=(23,),
        what="grant types, response types and auth methods of other servers are unknown to IAM",
        source="rec: admin-create-full",
        act=_refuse_unknown_values,
    ),
    rule.RefuseRule(
        id="client-name-too-short",
        traps=(32,),
        what="a client_name of fewer than 4 characters is a 400",
        source="rec: admin-create-rejected",
        act=_refuse_short_name,
    ),
)
