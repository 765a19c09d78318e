"""Rows of the table for an INDIGO IAM's self service, /iam/api/client-registration. Pure."""

from __future__ import annotations

from collections.abc import Callable

from iac.core.capabilities import Table
from iac.core.errors import hit
from iac.core.model import GRANT_TYPES, Facts, Fields, members, short_grant
from iac.core.server import rule
from iac.core.server.effect import Refused, gets_secret
from iac.core.vocabulary import KNOWN, is_restricted

_FOR_ADMINS = frozenset({"password", GRANT_TYPES["token-exchange"]})
_FOR_USERS = _FOR_ADMINS | {"client_credentials"}
_MANAGEMENT = "ask an administrator to give it, or use provider: iam-admin"


Refuse = Callable[[Fields, Facts | None], Refused]


def _refuse_grants(among: frozenset[str], whom: str, *, is_anonymous: bool) -> Refuse:
    """What refuses grants that work without a user: to who does not log in, or to users; an administrator has all."""

    def act(fields: Fields, facts: Facts | None) -> Refused:
        grants = sorted(short_grant(grant) for grant in among.intersection(members(fields.get("grant_types"))))
        if facts is not None and facts.is_anonymous is is_anonymous and grants:
            summary = f"self service refuses the grant {', '.join(grants)} {whom}"
            yield hit("grant_types", summary, fix=f"take it out, log in as a user who may, or {_MANAGEMENT}")

    return act


def _drop_scopes(whom: str, *, is_anonymous: bool) -> Refuse:
    """What refuses restricted scopes: to who does not log in, or to users; an administrator gets them."""

    def act(fields: Fields, facts: Facts | None) -> Refused:
        scopes = sorted(filter(is_restricted, members(fields.get("scope"))))
        if facts is not None and facts.is_anonymous is is_anonymous and scopes:
            summary = f"self service silently drops the scopes {' '.join(scopes)} {whom}"
            yield hit("scope", summary, fix=f"take them out, or {_MANAGEMENT}")

    return act


def _drop_auth_time(fields: Fields, _: Facts | None) -> Refused:
    """require_auth_time is not kept."""
    if fields.get("require_auth_time"):
        summary = "self service silently drops require_auth_time"
        yield hit("require_auth_time", summary, fix=f"take it out, or {_MANAGEMENT}")


ROWS: tuple[rule.ServerRule, ...] = (
    rule.BodyRule(
        id="client-id-is-always-sent",
        traps=(5,),
        what="a PUT without client_id is answered 200; nobody can reach the client afterwards",
        source="rec: self-service-put-without-client-id; RFC 7592 section 2.2",
        act=lambda draft: draft.body.update(client_id=draft.fresh.client_id),
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
        act=_refuse_grants(_FOR_USERS, "without a user's login", is_anonymous=True),
        only_new=frozenset({"grant_types"}),
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="grants-refused-to-users",
        traps=(29,),
        what="for users other than administrators the grants password and token-exchange are a 400",
        source="rec: self-service-grant-types",
        act=_refuse_grants(_FOR_ADMINS, "to users who are no administrators", is_anonymous=False),
        is_certain=False,
        only_new=frozenset({"grant_types"}),
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="scopes-dropped-for-nobody",
        traps=(8,),
        what="without a user's login restricted scopes are dropped silently",
        source="rec: self-service-restricted-scopes",
        act=_drop_scopes("where nobody logs in", is_anonymous=True),
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="scopes-dropped-for-users",
        traps=(8,),
        what="for users other than administrators restricted scopes are dropped silently",
        source="rec: self-service-restricted-scopes",
        act=_drop_scopes("for users who are no administrators", is_anonymous=False),
        is_certain=False,
        table=Table.SELF_SERVICE,
    ),
    rule.RefuseRule(
        id="auth-time-is-dropped",
        traps=(23,),
        what="require_auth_time is dropped silently by self service",
        source="rec: self-service-user",
        act=_drop_auth_time,
        table=Table.SELF_SERVICE,
    ),
    rule.StripScopeRule(
        id="owner-edit-strips-scopes",
        traps=(8,),
        what="any PUT drops scopes that this login could not grant, also those of an administrator",
        source="IAM issue 461; rec: self-service-restricted-scopes",
        act=lambda scopes: frozenset(scope for scope in scopes if is_restricted(scope) or scope not in KNOWN),
        table=Table.SELF_SERVICE,
    ),
    rule.SecretRule(
        id="self-service-hides-the-new-secret",
        traps=(10,),
        what="a change back to a method with a secret keeps the old secret (up to 1.13) or makes a hidden one (1.14)",
        source="rec: self-service-secret-and-auth-method",
        act=lambda facts, before, after: facts.has_up_scoping and gets_secret(facts, before, after),
        table=Table.SELF_SERVICE,
    ),
    rule.SecretRule(
        id="no-rotation",
        traps=(30,),
        what="there is no call for a new secret; from 1.14 an owner may use that of the management API",
        source="rec: self-service-anonymous; IAM's sources 1.14; RFC 7592 has none",
        act=lambda facts, _before, _after: not facts.api.can_rotate or facts.is_anonymous or not facts.has_up_scoping,
        table=Table.ONE_BY_ONE,
    ),
    rule.SwitchRule(
        id="answer-is-not-what-is-stored",
        traps=(13, 23),
        what="the answer to a user's registration has the user's e-mail in contacts; the client does not",
        source="rec: self-service-user",
        value=True,
        table=Table.ONE_BY_ONE,
    ),
)
