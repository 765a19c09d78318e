"""Rows of the table about more than the body of a client: who is never touched, pages, HTTP, chosen secrets. Pure."""

from __future__ import annotations

from iac.core.server import effect, rule

ROWS: tuple[rule.ServerRule, ...] = (
    rule.ProtectRule(
        id="dashboard-is-built-in",
        traps=(20,),
        what="IAM's own dashboard client is restored at boot",
        source="IAM change log 1.14.0",
        act=effect.is_dashboard,
        why="IAM's own dashboard client",
    ),
    rule.ProtectRule(
        id="federated-is-foreign",
        traps=(20, 21),
        what="a client with an entity_id belongs to OpenID Federation, a PUT is a 400",
        source="rec: admin-federation-fields",
        act=effect.is_federated,
        why="a federated client, which no PUT can change",
    ),
    rule.ProtectRule(
        id="oidc-agent-is-personal",
        traps=(20,),
        what="clients named oidc-agent:* are made by people's oidc-agent",
        source="oidc-agent's client names",
        act=effect.is_oidc_agent,
        why="a person's oidc-agent client",
    ),
    rule.SwitchRule(
        id="page-size",
        traps=(15,),
        what="count over 100 is cut to 100 without a word",
        source="rec: admin-list-paging",
        value=100,
    ),
    rule.SwitchRule(
        id="first-index",
        traps=(15,),
        what="startIndex counts from 1; 0 is a 500",
        source="rec: admin-list-paging",
        value=1,
    ),
    rule.SwitchRule(
        id="no-cookies",
        traps=(22,),
        what="a session cookie set by a 401 serves later requests as an earlier user",
        source="rec: self-service-session-cookie",
        value=True,
    ),
    rule.SwitchRule(
        id="entries-without-id",
        traps=(5,),
        what="a client can lose its id and still stands in the list, as an entry without client_id",
        source="rec: self-service-put-without-client-id",
        value=True,
    ),
    rule.SwitchRule(
        id="empty-405-is-a-fault",
        traps=(6, 19),
        what="a crash of the server can surface as a 405 with an empty body",
        source="rec: admin-scope-null, admin-jwk",
        value=True,
    ),
    rule.SwitchRule(
        id="empty-secret-logs-in",
        traps=(24,),
        what="an empty client_secret at create makes a client that needs none: never sent",
        source="rec: admin-chosen-secret",
        value=True,
    ),
    rule.SwitchRule(
        id="secrets-are-url-safe",
        traps=(28,),
        what="a plus in a secret breaks Basic authentication on some servers: chosen secrets are URL-safe",
        source="rec: admin-chosen-secret; IAM issue 609",
        value=True,
    ),
)
