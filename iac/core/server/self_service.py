"""Rows of the table for an INDIGO IAM's self service, /iam/api/client-registration. Pure."""

from __future__ import annotations

from iac.core.capabilities import Table
from iac.core.model import GRANT_TYPES, SECRET_METHODS, Fields, short_grant
from iac.core.registration import Facts
from iac.core.server import rule
from iac.core.server.effect import Refused
from iac.core.server.rule import PutBody
from iac.core.vocabulary import KNOWN, is_restricted

_FOR_ADMINS = frozenset({"password", GRANT_TYPES["token-exchange"]})
_FOR_USERS = _FOR_ADMINS | {"client_credentials"}
_MANAGEMENT = "ask an administrator to give it, or use provider: iam-admin"


def send_client_id(draft: PutBody) -> None:
    """The body has the client's id whatever was answered."""
    draft.body["client_id"] = draft.fresh.client_id


def _grants(fields: Fields, among: frozenset[str], whom: str) -> Refused:
    grants = sorted(short_grant(grant) for grant in among.intersection(_set(fields, "grant_types")))
    if not grants:
        return None
    summary = f"self service refuses the grant {', '.join(grants)} {whom}"
    return "grant_types", summary, f"take it out, log in as a user who may, or {_MANAGEMENT}"


def refuse_grants_to_nobody(fields: Fields, facts: Facts | None) -> Refused:
    """Who does not log in gets none of the grants that work without a user."""
    return _grants(fields, _FOR_USERS, "without a user's login") if facts and facts.is_anonymous else None


def refuse_grants_to_users(fields: Fields, facts: Facts | None) -> Refused:
    """A user gets client_credentials, an administrator all."""
    if facts is None or facts.is_anonymous:
        return None
    return _grants(fields, _FOR_ADMINS, "to users who are no administrators")


def _scopes(fields: Fields, whom: str) -> Refused:
    scopes = sorted(filter(is_restricted, _set(fields, "scope")))
    if not scopes:
        return None
    summary = f"self service drops the scopes {' '.join(scopes)} without a word {whom}"
    return "scope", summary, f"take them out, or {_MANAGEMENT}"


def drop_scopes_for_nobody(fields: Fields, facts: Facts | None) -> Refused:
    """Who does not log in gets no restricted scope."""
    return _scopes(fields, "where nobody logs in") if facts and facts.is_anonymous else None


def drop_scopes_for_users(fields: Fields, facts: Facts | None) -> Refused:
    """A user gets no restricted scope, an administrator does."""
    if facts is None or facts.is_anonymous:
        return None
    return _scopes(fields, "for users who are no administrators")


def drop_auth_time(fields: Fields, facts: Facts | None) -> Refused:  # noqa: ARG001  # all versions
    """require_auth_time is not kept."""
    if not fields.get("require_auth_time"):
        return None
    return "require_auth_time", "self service drops require_auth_time without a word", f"take it out, or {_MANAGEMENT}"


def strip_unusual(scopes: frozenset[str]) -> frozenset[str]:
    """What an administrator may have granted: restricted scopes, and all that are not everybody's."""
    return frozenset(scope for scope in scopes if is_restricted(scope) or scope not in KNOWN)


def hides_new_secret(facts: Facts, before: str, after: str) -> bool:
    """From 1.14 a new secret is made, and not shown; before, the old one stays."""
    return facts.has_up_scoping and before not in SECRET_METHODS and after in SECRET_METHODS


def has_no_rotation(facts: Facts, before: str, after: str) -> bool:  # noqa: ARG001  # a fact of the login
    """Only owners have one, from 1.14."""
    return not facts.api.can_rotate or facts.is_anonymous or not facts.has_up_scoping


def _set(fields: Fields, name: str) -> tuple[str, ...]:
    value = fields.get(name)
    return value if isinstance(value, tuple) else ()


ROWS: tuple[rule.ServerRule, ...] = (
    rule.BodyRule(
        id="client-id-is-always-sent",
        traps=(5,),
        what="a PUT without client_id is answered 200 and leaves a client that nobody can reach any more",
        source="rec: self-service-put-without-client-id; RFC 7592 section 2.2",
        act=send_client_id,
        table=Table.ONE_BY_ONE,
    ),
    rule.CreateForceRule(
        id="no-scope-becomes-the-default",
        traps=(27,),
        what="a client that is registered without scope gets the server's default scopes",
        source="rec: self-service-default-scopes",
        name="scope",
        value=(),
        only_if_absent=True,
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="grants-refused-to-nobody",
        traps=(29,),
        what="without a user's login the grants client_credentials, password and token-exchange are a 400",
        source="rec: self-service-grant-types",
        act=refuse_grants_to_nobody,
        only_new=frozenset({"grant_types"}),
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="grants-refused-to-users",
        traps=(29,),
        what="to users who are no administrators the grants password and token-exchange are a 400",
        source="rec: self-service-grant-types",
        act=refuse_grants_to_users,
        is_certain=False,
        only_new=frozenset({"grant_types"}),
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="scopes-dropped-for-nobody",
        traps=(8,),
        what="without a user's login restricted scopes are dropped silently",
        source="rec: self-service-restricted-scopes",
        act=drop_scopes_for_nobody,
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="scopes-dropped-for-users",
        traps=(8,),
        what="for users who are no administrators restricted scopes are dropped silently",
        source="rec: self-service-restricted-scopes",
        act=drop_scopes_for_users,
        is_certain=False,
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="auth-time-is-dropped",
        traps=(23,),
        what="require_auth_time is dropped silently by self service",
        source="rec: self-service-user",
        act=drop_auth_time,
        table=Table.SELF_SERVICE,
    ),
    rule.StripScopeRule(
        id="owner-edit-strips-scopes",
        traps=(8,),
        what="any PUT takes away the scopes that this login could not grant, those of an administrator too",
        source="IAM issue 461; rec: self-service-restricted-scopes",
        act=strip_unusual,
        table=Table.SELF_SERVICE,
    ),
    rule.SecretRule(
        id="self-service-hides-the-new-secret",
        traps=(10,),
        what="changing back to a secret method keeps the old secret (up to 1.13) or makes one that is not shown (1.14)",
        source="rec: self-service-secret-and-auth-method",
        act=hides_new_secret,
        table=Table.SELF_SERVICE,
    ),
    rule.SecretRule(
        id="no-rotation",
        traps=(30,),
        what="there is no call for a new secret, but for owners from 1.14, who may call the management one",
        source="rec: self-service-anonymous; IAM's sources 1.14; RFC 7592 has none",
        act=has_no_rotation,
        table=Table.ONE_BY_ONE,
    ),
    rule.SwitchRule(
        id="answer-is-not-what-is-stored",
        traps=(13, 23),
        what="a registration by a user is answered with the user's e-mail in contacts, which the client has not",
        source="rec: self-service-user",
        value=True,
        table=Table.ONE_BY_ONE,
    ),
)
