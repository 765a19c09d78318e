"""Rules on what a change does to a client that services use already, and on a client as the server holds it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta

from iac.core.errors import Diagnostic, hit
from iac.core.model import GRANT_TYPES, Registration, members, short_grant
from iac.core.plan.change import Change, FieldChange, OutputAction, Recipients, SecretChange, SecretStep
from iac.core.policy.redirect import domain, host
from iac.core.policy.rule import ChangeRule, RegisteredRule, hits
from iac.core.rotation import ROTATE_AFTER, secret_end
from iac.core.text import listed
from iac.core.vocabulary import is_privileged

_WIDENING = frozenset(
    GRANT_TYPES[name]
    for name in ("client_credentials", "device_code", "implicit", "password", "redelegate", "token-exchange")
)
"""Grants that need no user at a browser of the service, or hand its tokens on."""

_RESTARTED = frozenset({OutputAction.CREATE, OutputAction.UPDATE})


def _field(change: Change, name: str) -> FieldChange | None:
    return next((field for field in change.fields if field.name == name), None)


def _added(change: Change, name: str) -> tuple[str, ...]:
    field = _field(change, name)
    return field.added if field else ()


def _new_host(change: Change) -> list[Diagnostic]:
    return [
        hit("redirect_uris", f"redirect URI {uri}: users are sent to host {name}, new for this client", uri)
        for uri, name, is_elsewhere in _strangers(change)
        if not is_elsewhere
    ]


def _other_domain(change: Change) -> list[Diagnostic]:
    return [
        hit("redirect_uris", f"redirect URI {uri}: users are sent to {domain(name)}, not a domain of this client", uri)
        for uri, name, is_elsewhere in _strangers(change)
        if is_elsewhere
    ]


def _strangers(change: Change) -> list[tuple[str, str, bool]]:
    """Added URIs on hosts that the client did not have, and whether on a domain that it did not have."""
    field = _field(change, "redirect_uris")
    if field is None:
        return []
    hosts = {host(uri) for uri in members(field.before)}
    domains = {domain(name) for name in hosts}
    added = [(uri, host(uri)) for uri in field.added]
    return [(uri, name, bool(hosts) and domain(name) not in domains) for uri, name in added if name not in hosts]


def _public(change: Change) -> Iterator[Diagnostic]:
    field = _field(change, "token_endpoint_auth_method")
    if field is not None and field.after == "none":
        yield hit(field.name, "the client becomes public: everybody who knows its id can use it")


def _new_secret(change: Change) -> Iterator[Diagnostic]:
    if change.secret is not SecretChange.ROTATED or change.succeeds:
        return
    paths = [output.path for output in change.outputs if output.action in _RESTARTED]
    readers = f"what reads {listed(paths)}" if paths else "its services"
    is_over = change.step is SecretStep.TAKE
    what = "the secret was changed on the server, the old one" if is_over else "the secret changes and the old one"
    cause = ROTATE_AFTER if ROTATE_AFTER in change.reason else "secret.serial"
    yield hit(cause, f"{what} {'ended' if is_over else 'ends'}: restart {readers}")


def _more_grants(change: Change) -> list[Diagnostic]:
    return [
        hit("grant_types", f"the client gets the grant {short_grant(grant)}", grant)
        for grant in _added(change, "grant_types")
        if grant in _WIDENING
    ]


def new_recipients(recipients: Recipients | None, named: Collection[str]) -> list[Diagnostic]:
    """A hit for each key that a definition names and that could not open the client's secret before."""
    added = recipients.added if recipients else ()
    new = (key for key in added if key in named)
    return hits("recipients", new, "recipient {} gets the client's secret, and could not open it before")


NEW_RECIPIENT = "recipient-added"
"""Id of the rule that is also about clients without a change, and about the recipients of the whole state."""

RULES = (
    ChangeRule(
        id="redirect-uri-new-host",
        what="A change adds a redirect URI on a host that the client did not have, in a domain that it had.",
        why="Whoever controls that host gets the codes of everybody who logs in.",
        source="RFC 9700 section 4.1",
        fix="check that the host is the service's own",
        before="redirect_uris: [https://portal.example.org/cb]",
        bad="redirect_uris: [https://portal.example.org/cb, https://new.example.org/cb]",
        good="redirect_uris: [https://portal.example.org/cb, https://portal.example.org/cb2]",
        check=_new_host,
    ),
    ChangeRule(
        id="redirect-uri-other-domain",
        what="A change adds a redirect URI in a domain that the client did not have; the user's own machine counts as "
        "one.",
        why="An attacker who adds one address to a long list gets the codes of the client's users.",
        source="RFC 9700 section 4.1",
        fix="ask who owns the domain",
        before="redirect_uris: [https://portal.example.org/cb]",
        bad="redirect_uris: [https://portal.example.org/cb, https://portal.example.com/cb]",
        good="redirect_uris: [https://portal.example.org/cb, https://new.example.org/cb]",
        check=_other_domain,
    ),
    ChangeRule(
        id="client-becomes-public",
        what="A change sets `token_endpoint_auth_method: none`.",
        why="The change removes the secret. Whoever knows the client's id, which is public, can use the client.",
        source="RFC 6749 section 2.1; rec: admin-auth-method-matrix",
        fix="keep a secret method, or private_key_jwt; if it is an app for users, code_challenge_method: S256",
        before="token_endpoint_auth_method: client_secret_basic",
        bad="token_endpoint_auth_method: none\ncode_challenge_method: S256",
        good="token_endpoint_auth_method: client_secret_post",
        check=_public,
    ),
    ChangeRule(
        id="secret-will-change",
        what="A change gives the client another secret: a rotation, or a secret that somebody made on the server. A "
        "rotation that replaces keeps the old one for its grace time.",
        why="The server refuses the old secret, so services fail until they have read the new one.",
        source="rec: admin-secret-rotation",
        fix="restart the services that read the outputs named, right after apply",
        before="secret: {serial: 1}",
        bad="secret: {serial: 2}",
        good="secret: {serial: 1}",
        check=_new_secret,
    ),
    ChangeRule(
        id="grant-added",
        what="A change adds a grant that lets the client do more than log users in: client_credentials, device_code, "
        "implicit, password, redelegate or token-exchange.",
        why="The client may do more, though its scopes stay the same.",
        source="RFC 9700 sections 2.1.2, 2.4 and 2.5; RFC 8693 section 5; RFC 8628 section 5",
        fix="check that the service needs it",
        before="grant_types: [authorization_code]",
        bad="grant_types: [authorization_code, client_credentials]",
        good="grant_types: [authorization_code, refresh_token]\nscope: [openid, offline_access]",
        check=_more_grants,
    ),
    ChangeRule(
        id="privileged-scope-added",
        what="A change adds a scope with rights of an administrator.",
        why="Whoever has the client's secret gets these rights.",
        source="rec: admin-restricted-scopes",
        fix="give the rights to a separate client, with a secret of its own",
        before="scope: [openid]",
        bad="scope: [openid, scim:read]",
        good="scope: [openid, profile]",
        check=lambda change: hits(
            "scope",
            filter(is_privileged, _added(change, "scope")),
            "the client gets scope {}, with rights of an administrator",
        ),
    ),
    ChangeRule(
        id=NEW_RECIPIENT,
        what="A definition, or `state.encryption` in iac.yaml, names a key that could not open the client's secret "
        "before; or iac would store secrets unencrypted that were encrypted.",
        why="The owner of that key can log in as the client, unnoticed.",
        source="RFC 6749 section 10.1",
        fix="ask whose key it is; apply encrypts new secrets to it, and iac state rekey those that exist",
        before="recipients: [age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa]",
        bad="recipients:\n- age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa\n"
        "- age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        good="recipients: []",
        check=lambda change: new_recipients(change.recipients, change.desired.recipients if change.desired else ()),
    ),
)
"""Rules on changes of registered clients."""


NEAR = timedelta(days=30)
"""How long before its end iac warns of a secret."""


def _disabled(client: Registration, _: date) -> Iterator[Diagnostic]:
    if client.is_disabled:
        yield hit("active", "somebody disabled the client on the server")


def _expires(client: Registration, today: date) -> Iterator[Diagnostic]:
    moment = secret_end(client.answer)
    end = moment.date() if moment else None
    if end is not None and end <= today + NEAR:
        yield hit("client_secret_expires_at", f"the client secret {'expired' if end < today else 'expires'} on {end}")


REGISTERED_RULES = (
    RegisteredRule(
        id="client-disabled",
        what="A client that somebody disabled on the server. It is drift, too.",
        why="The server refuses its new logins. iac does not enable it: an administrator decides that.",
        source="rec: admin-enable-disable",
        fix="ask an administrator of the server to enable it, or waive this with the reason",
        bad="active: false",
        good="active: true",
        check=_disabled,
    ),
    RegisteredRule(
        id="secret-expires",
        what="A client secret that ends within 30 days, or has ended.",
        why="From then on the server refuses it, and services that use it fail.",
        source="RFC 7591 section 3.2.1, client_secret_expires_at",
        fix="run iac rotate ADDR; if the server has no rotation, set lifecycle: {rotation: replace} first",
        bad="client_secret_expires_at: 1700000000",
        good="client_secret_expires_at: 0",
        check=_expires,
    ),
)
