"""The management API: /iam/api/clients with its owners, search, and the user's own list of clients."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from iac.sandbox import access, rules
from iac.sandbox.document import new_client, render, secret_by_method, show, stored_fields
from iac.sandbox.message import (
    RefusalError,
    Response,
    empty,
    error,
    json_response,
    json_text,
    page_response,
    read_page,
)
from iac.sandbox.model import ADMIN_READ, ADMIN_WRITE, Account, Client, Setter, View
from iac.sandbox.world import ApiCall, World

_SEARCHES: dict[str, Callable[[Client], tuple[str | None, ...]]] = {
    "name": lambda client: (client.client_id, client.client_name),
    "contacts": lambda client: client.contacts,
    "scope": lambda client: client.scope,
    "grantType": lambda client: client.grant_types,
    "redirectUri": lambda client: client.redirect_uris,
}


def list_clients(call: ApiCall) -> Response:
    """GET /iam/api/clients, sorted by client_id; with drOnly only those of self service."""
    access.demand(call, ADMIN_READ)
    world, page = call.world, read_page(call.request.query)
    if call.request.query.get("drOnly") == "true":
        matching = [client for client in world.store.clients() if client.dynamically_registered]
        total, part = len(matching), matching[page.start : page.stop]
    else:
        total, part = world.store.count(), world.store.slice(page.start, page.stop)
    return page_response(page, total, [render(world, client, View.MANAGED) for client in part])


def create(call: ApiCall) -> Response:
    """POST: the answer shows the secret, and allow_introspection true whatever was sent."""
    access.demand(call, ADMIN_WRITE)
    world = call.world
    document = rules.checked_document(call, rules.SAVE)
    fields = stored_fields(world, document, Setter.BOTH, Setter.MANAGEMENT)
    fields["allow_introspection"] = True
    if not world.facts.create_keeps_clear_tokens:
        fields["clear_access_tokens_on_refresh"] = False
    client = world.store.put(new_client(world, document, fields))
    return json_text(201, render(world, client, View.CREATED))


def read(call: ApiCall) -> Response:
    """GET of one client."""
    access.demand(call, ADMIN_READ)
    client = call.world.find_client(call.names[0])
    return json_text(200, render(call.world, client, View.MANAGED))


def update(call: ApiCall) -> Response:
    """PUT: a full replace but for id, age, origin and status (rec: admin-put-full-replace)."""
    access.demand(call, ADMIN_WRITE)
    world = call.world
    document = rules.checked_document(call, rules.UPDATE)
    old = world.find_client(call.names[0])
    if old.entity_id is not None:
        raise RefusalError(error(400, "Federated clients cannot be updated"))
    fields = stored_fields(world, document, Setter.BOTH, Setter.MANAGEMENT)
    method = fields["token_endpoint_auth_method"]
    client = Client(
        key=old.key,
        client_id=old.client_id,
        client_secret=_updated_secret(world, old, method, document.get("client_secret")),
        created_at=old.created_at,
        dynamically_registered=old.dynamically_registered,
        active=old.active,
        **fields,
    )
    return json_text(200, render(world, world.store.put(client), View.MANAGED))


def _updated_secret(world: World, old: Client, method: str, sent: str | None) -> str | None:
    """The body's secret up to 1.13, where none erases it; later the stored one (rec: admin-put-and-secret)."""
    if not world.facts.put_sets_secret:
        return secret_by_method(world, method, old.client_secret)
    return None if method == "none" else sent


def delete(call: ApiCall) -> Response:
    """DELETE of one client."""
    access.demand(call, ADMIN_WRITE)
    call.world.store.remove(call.world.find_client(call.names[0]))
    return empty(204)


def rotate_secret(call: ApiCall) -> Response:
    """POST /secret: the old secret is dead at once (rec: admin-secret-rotation). From 1.14 for owners too."""
    world = call.world
    if not (world.facts.owner_rotates and _is_owner(call)):
        access.demand(call, ADMIN_WRITE)
    client = replace(world.find_client(call.names[0]), client_secret=world.new_secret())
    return json_text(201, render(world, world.store.put(client), View.CREATED))


def _is_owner(call: ApiCall) -> bool:
    account = call.caller.account if call.caller else None
    client = call.world.store.find(call.names[0])
    return account is not None and client is not None and call.world.store.is_owner(client, account)


def rotate_rat(call: ApiCall) -> Response:
    """POST /rat: a new registration access token, the only time that it is shown (rec: admin-rat)."""
    access.demand(call, ADMIN_WRITE)
    world = call.world
    client = world.find_client(call.names[0])
    has_rat = any(grant.is_rat and grant.client_key == client.key for grant in world.store.tokens.values())
    if has_rat and world.facts.second_rat_marks_use:
        today = datetime.fromtimestamp(world.chance.now_ms() / 1000, UTC).date().isoformat()
        client = world.store.put(replace(client, last_used=today))
    rat = access.issue_rat(world, client)
    return json_response(201, show(world, client, View.MANAGED, registration_access_token=rat))


def enable(call: ApiCall) -> Response:
    """PATCH /enable."""
    return _set_status(call, is_active=True)


def disable(call: ApiCall) -> Response:
    """PATCH /disable."""
    return _set_status(call, is_active=False)


def _set_status(call: ApiCall, *, is_active: bool) -> Response:
    """Done for a user; for a client's own token a 200 that does nothing (rec: admin-enable-disable)."""
    account = access.demand(call, ADMIN_WRITE).account
    if account is not None:
        client = replace(call.world.find_client(call.names[0]), active=is_active)
        call.world.store.put(_marked(call.world, client, account))
    return empty(200)


def _marked(world: World, client: Client, account: Account) -> Client:
    """The client with the mark of who changed its status."""
    return replace(client, status_changed_on=world.chance.now_ms(), status_changed_by=account.uuid)


def revoke_refresh_tokens(call: ApiCall) -> Response:
    """PATCH /revoke-refresh-tokens."""
    access.demand(call, ADMIN_WRITE)
    call.world.store.revoke_refresh(call.world.find_client(call.names[0]))
    return empty(200)


def revoke_access_tokens(call: ApiCall) -> Response:
    """PATCH /revoke-access-tokens: the registration access token stays (rec: admin-revoke-and-reset)."""
    access.demand(call, ADMIN_WRITE)
    call.world.store.revoke(call.world.find_client(call.names[0]), rats=False)
    return empty(200)


def reset(call: ApiCall) -> Response:
    """PATCH /reset-client: a new secret as a bare JSON string; all tokens end (rec: admin-revoke-and-reset)."""
    account = access.demand(call, ADMIN_WRITE).account
    world = call.world
    client = replace(world.find_client(call.names[0]), client_secret=world.new_secret())
    if account is not None:
        client = replace(_marked(world, client, account), active=True)
    world.store.revoke(client)
    world.store.revoke_refresh(client)
    world.store.put(client)
    return json_text(200, json.dumps(client.client_secret))


def search(call: ApiCall) -> Response:
    """GET /iam/api/search/clients: a part of a value is enough, upper and lower case are alike.

    An unknown searchType is an empty 400 (rec: admin-search).
    """
    access.demand(call, ADMIN_READ)
    query = call.request.query
    values = _SEARCHES.get(query.get("searchType", "name"))
    if values is None:
        raise RefusalError(empty(400))
    wanted = query.get("search", "").lower()
    matching = [
        client
        for client in call.world.store.clients()
        if (query.get("drOnly") != "true" or client.dynamically_registered)
        and (not wanted or any(wanted in (value or "").lower() for value in values(client)))
    ]
    return _clients_page(call, matching, View.FOUND)


def own_clients(call: ApiCall) -> Response:
    """GET /iam/account/me/clients, in the order in which they became the user's (rec: self-service-user)."""
    return _clients_page(call, call.world.store.owned(access.demand_user(call)), View.ACCOUNT)


def _clients_page(call: ApiCall, matching: list[Client], view: View) -> Response:
    page = read_page(call.request.query)
    part = matching[page.start : page.stop]
    return page_response(page, len(matching), [render(call.world, client, view) for client in part])


def list_owners(call: ApiCall) -> Response:
    """GET /owners: an empty page for a client that does not exist, too."""
    access.demand(call, ADMIN_READ)
    world, page = call.world, read_page(call.request.query)
    client = world.store.find(call.names[0])
    owners = world.store.owners(client) if client else []
    resources = [_represent(world, account) for account in owners[page.start : page.stop]]
    return page_response(page, len(owners), resources)


def add_owner(call: ApiCall) -> Response:
    """POST /owners/{account}."""
    access.demand(call, ADMIN_WRITE)
    account = _account(call, "assignClientOwner")
    call.world.store.link(call.world.find_client(call.names[0]), account)
    return empty(201)


def remove_owner(call: ApiCall) -> Response:
    """DELETE /owners/{account}; also of somebody who is not an owner."""
    access.demand(call, ADMIN_WRITE)
    account = _account(call, "removeClientOwner")
    call.world.store.unlink(call.world.find_client(call.names[0]), account)
    return empty(204)


def _account(call: ApiCall, operation: str) -> Account:
    account = call.world.store.accounts.get(call.names[1])
    if account is None:
        raise RefusalError(error(400, f"{operation}.accountId: Invalid IAM account uuid"))
    return account


def _represent(world: World, account: Account) -> str:
    """The account as SCIM (RFC 7643), with the server's start for its times."""
    start = datetime.fromtimestamp(world.started_ms / 1000, UTC).isoformat(timespec="milliseconds")
    times = dict.fromkeys(("created", "lastModified"), start.replace("+00:00", "Z"))
    shown = {**account.representation, "meta": {**account.representation["meta"], **times}}
    return json.dumps(shown, ensure_ascii=False)
