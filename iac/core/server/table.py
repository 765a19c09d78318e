"""THE table: what a server does to what it is sent, one rule a row, each with its source and the part it is in. Pure.

Here stand the rows of an INDIGO IAM's management API and those that it shares with others; the rows of the others alone
are in `self_service` and `rfc7591`, those about more than a body in `server`. A row taken out makes the test that names
it fail (tests/traps). Trap numbers: docs/reference/server-behaviour.md.
"""

from __future__ import annotations

from iac.core.capabilities import Table
from iac.core.model import ANSWER_ONLY, Kind, names_of
from iac.core.server import beyond, effect, rfc7591, rule, self_service
from iac.core.server.jwks import canonical_jwks

_SETS = names_of(Kind.SET)

_ROWS: tuple[rule.ServerRule, ...] = (
    rule.ReadRule(
        id="scope-null-is-no-scope",
        traps=(6,),
        what="a client without scopes is answered with scope null; scope is one string, space separated",
        source="rec: admin-scope-null",
        names=frozenset({"scope"}),
        act=effect.split_scope,
        table=Table.EVERY,
    ),
    rule.ReadRule(
        id="lists-are-sets",
        traps=(12,),
        what="lists come back in another order and without duplicates",
        source="rec: admin-order-and-duplicates",
        names=_SETS,
        act=effect.as_set,
        table=Table.EVERY,
    ),
    rule.ReadRule(
        id="empty-is-absent",
        traps=(26,),
        what="an absent and an empty field are the same, code_challenge_method among them",
        source="rec: admin-create-full, admin-put-full-replace",
        names=names_of(Kind.SET, Kind.TEXT, Kind.JWKS),
        act=effect.none_if_empty,
        table=Table.EVERY,
    ),
    rule.ReadRule(
        id="jwk-is-reserialised",
        traps=(26,),
        what="a jwk comes back with its members in another order, unknown and private ones gone",
        source="rec: admin-jwk",
        names=names_of(Kind.JWKS),
        act=canonical_jwks,
        table=Table.EVERY,
    ),
    rule.ForceRule(
        id="offline-access-adds-refresh-token",
        traps=(7,),
        what="scope offline_access adds the grant refresh_token by itself",
        source="rec: admin-offline-access",
        act=effect.add_refresh_token,
    ),
    rule.CreateForceRule(
        id="create-allows-introspection",
        traps=(27,),
        what="create makes allow_introspection true whatever was sent",
        source="rec: admin-create-full",
        name="allow_introspection",
        value=True,
        table=Table.MANAGEMENT,
    ),
    rule.CreateForceRule(
        id="create-keeps-tokens-on-refresh",
        traps=(23, 27),
        what="from 1.13 create makes clear_access_tokens_on_refresh false whatever was sent",
        source="rec: admin-create-full (1.13, 1.14)",
        name="clear_access_tokens_on_refresh",
        value=False,
        table=Table.MANAGEMENT,
    ),
    rule.DefaultRule(
        id="create-fills-in-defaults",
        traps=(17,),
        what="what a create leaves out gets a value that differs from server to server, these on a stock one",
        source="rec: admin-create-minimal, admin-lifetimes, admin-up-scoping",
        values=effect.STOCK,
    ),
    # The steps to the body of a PUT, in their order: all that the server holds, what it could not take back, what its
    # answer hides, the wanted values over that, and last what the two together may not be.
    rule.BodyRule(
        id="put-is-a-full-replace",
        traps=(1,),
        what="what a PUT leaves out is emptied, made false or set to the server's default",
        source="rec: admin-put-full-replace",
        act=effect.start_from_answer,
        table=Table.EVERY,
    ),
    rule.BodyRule(
        id="nulls-are-not-sent-back",
        traps=(6, 26),
        what="null sent back is a server fault (scope) or changes the value (up_scoping_enabled)",
        source="rec: admin-scope-null, admin-up-scoping",
        act=effect.drop_nulls,
        table=Table.EVERY,
    ),
    rule.BodyRule(
        id="absent-refresh-lifetime-is-endless",
        traps=(17, 26),
        what="no refresh lifetime in the answer means never-ending; left out of a PUT it becomes 30 days, 0 keeps it",
        source="rec: admin-lifetimes",
        act=effect.keep_endless_refresh,
        table=Table.MANAGEMENT,
    ),
    rule.BodyRule(
        id="absent-grants-stay-absent",
        traps=(26,),
        what="grant_types left out of a PUT become authorization_code; an empty list keeps them absent",
        source="rec: admin-put-full-replace",
        act=effect.keep_no_grants,
    ),
    rule.BodyRule(
        id="wanted-is-laid-over",
        traps=(1,),
        what="the managed fields replace those of the answer, emptied ones are left out or sent as an empty list",
        source="rec: admin-put-full-replace",
        act=effect.lay_over,
        table=Table.EVERY,
    ),
    rule.BodyRule(
        id="put-without-secret-erases-it",
        traps=(2,),
        what="up to 1.13 a PUT without client_secret leaves the client without a secret; from 1.14 it is kept",
        source="rec: admin-put-and-secret",
        act=effect.carry_secret,
        table=Table.MANAGEMENT,
    ),
    rule.BodyRule(
        id="empty-scope-is-left-out",
        traps=(6,),
        what="scope as an empty string is a 400, as null a 405; left out it is emptied",
        source="rec: admin-scope-null",
        act=effect.leave_out_empty_scope,
        table=Table.EVERY,
    ),
    rule.BodyRule(
        id="jwks-uri-wins-over-jwk",
        traps=(10,),
        what="when both are sent jwks_uri wins and jwk is gone",
        source="rec: admin-jwk-and-jwks-uri, admin-auth-method-change",
        act=effect.one_key_source,
        table=Table.EVERY,
    ),
    rule.StripRule(
        id="status-is-answered-only",
        traps=(9,),
        what="active and its history cannot be set by a client's token: enable and disable answer 200 and do nothing",
        source="rec: admin-enable-disable",
        names=frozenset({"active", "status_changed_on", "status_changed_by"}),
    ),
    rule.StripRule(
        id="registration-is-answered-only",
        traps=(14, 21),
        what="registration access token, its URI and the dates are made by the server",
        source="rec: admin-rat, admin-create-minimal",
        names=ANSWER_ONLY - {"active", "status_changed_on", "status_changed_by", "entity_id"},
        table=Table.EVERY,
    ),
    rule.StripRule(
        id="entity-id-federates",
        traps=(21,),
        what="entity_id sent back makes a federated client that no PUT can change any more",
        source="rec: admin-federation-fields",
        names=frozenset({"entity_id"}),
    ),
    rule.RefuseRule(
        id="tos-uri-is-dropped",
        traps=(23,),
        what="tos_uri is dropped silently by all versions",
        source="rec: admin-create-full",
        act=effect.drops("tos_uri", "take tos_uri out; policy_uri is kept"),
    ),
    rule.RefuseRule(
        id="default-max-age-is-dropped",
        traps=(23,),
        what="default_max_age is dropped silently by all versions",
        source="rec: admin-create-full",
        act=effect.drops("default_max_age", "take default_max_age out"),
    ),
    rule.RefuseRule(
        id="zero-lifetime-is-the-default",
        traps=(17,),
        what="a lifetime 0 becomes the server's default, but for refresh tokens, where it means never-ending",
        source="rec: admin-lifetimes",
        act=effect.refuse_zero_lifetime,
        table=Table.MANAGEMENT,
    ),
    rule.RefuseRule(
        id="private-key-members-are-dropped",
        traps=(26,),
        what="private members of a jwk are not kept, and a private key does not belong into a definition",
        source="rec: admin-jwk",
        act=effect.refuse_private_jwk,
        table=Table.EVERY,
    ),
    rule.RefuseRule(
        id="up-scoping-needs-1.14",
        traps=(21,),
        what="up_scoping_enabled is ignored up to 1.13",
        source="rec: admin-up-scoping",
        act=effect.drops("up_scoping_enabled", "take it out", before_1_14=True),
        table=Table.MANAGEMENT,
    ),
    rule.RefuseRule(
        id="redirect-uri-refused",
        traps=(11,),
        what="1.13.5 and 1.14.1 take only https, loopback http and the oidc-agent scheme as redirect URIs, at PUT too",
        source="rec: admin-redirect-uris, admin-redirect-uris-more, admin-old-redirect-uri",
        act=effect.refuse_redirect_uri,
        is_certain=False,
    ),
    rule.SecretRule(
        id="secret-is-shown-once",
        traps=(3,),
        what="from 1.14 only create and rotation answer the secret: none in an answer says nothing about it",
        source="rec: admin-secret-visibility",
        act=effect.secret_is_hidden,
    ),
    rule.SecretRule(
        id="method-without-secret-drops-it",
        traps=(10,),
        what="changing to none or private_key_jwt drops the secret",
        source="rec: admin-auth-method-matrix",
        act=effect.secret_is_dropped,
        table=Table.EVERY,
    ),
    rule.SecretRule(
        id="method-with-secret-needs-one-made",
        traps=(10,),
        what="changing back to a secret method makes no secret (up to 1.13) or one that is not shown (1.14)",
        source="rec: admin-auth-method-matrix",
        act=effect.secret_must_be_made,
        table=Table.MANAGEMENT,
    ),
)


TABLE: tuple[rule.ServerRule, ...] = (*_ROWS, *beyond.ROWS, *self_service.ROWS, *rfc7591.ROWS)
"""All rules, in the order in which those of one kind work."""
