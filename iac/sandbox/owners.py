"""Owners of clients, search, and a user's own clients."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from iac.sandbox import access
from iac.sandbox.message import RefusalError, Response, empty, error
from iac.sandbox.model import ADMIN_READ, ADMIN_WRITE, Account, Client
from iac.sandbox.paging import page_response, read_page
from iac.sandbox.view import View, render
from iac.sandbox.world import Call, World

_SEARCHES: dict[str, Callable[[Client], tuple[str | None, ...]]] = {
    "name": lambda client: (client.client_id, client.client_name),
    "contacts": lambda client: client.contacts,
    "scope": lambda client: client.scope,
    "grantType": lambda client: client.grant_types,
    "redirectUri": lambda client: client.redirect_uris,
}


def search(call: Call) -> Response:
    """GET /iam/api/search/clients: a part of a value is enough, upper and lower case are alike.

    An unknown searchType is an empty 400 (rec: admin-search).
    """
    access.demand(call, ADMIN_READ)
    query = call.request.query
    values = _SEARCHES.get(query.get("searchType", "name"))
    if values is None:
        raise RefusalError(empty(400))
    wanted = query.get("search", "").lower()
    found = [
        client
        for client in call.world.store.clients()
        if (query.get("drOnly") != "true" or client.dynamically_registered)
        and (not wanted or any(wanted in (value or "").lower() for value in values(client)))
    ]
    return _clients_page(call, found, View.FOUND)


def mine(call: Call) -> Response:
    """GET /iam/account/me/clients, in the order in which they became the user's (rec: self-service-user)."""
    return _clients_page(call, call.world.store.owned(access.demand_user(call)), View.MINE)


def _clients_page(call: Call, found: list[Client], view: View) -> Response:
    page = read_page(call.request.query)
    part = found[page.start : page.stop]
    return page_response(page, len(found), [render(call.world, client, view) for client in part])


def list_owners(call: Call) -> Response:
    """GET /owners: an empty page for a client that does not exist, too."""
    access.demand(call, ADMIN_READ)
    world, page = call.world, read_page(call.request.query)
    client = world.store.find(call.names[0])
    owners = world.store.owners(client) if client else []
    resources = [_represent(world, account) for account in owners[page.start : page.stop]]
    return page_response(page, len(owners), resources)


def add_owner(call: Call) -> Response:
    """POST /owners/{account}."""
    access.demand(call, ADMIN_WRITE)
    account = _account(call, "assignClientOwner")
    call.world.store.link(call.world.find_client(call.names[0]), account)
    return empty(201)


def remove_owner(call: Call) -> Response:
    """DELETE /owners/{account}; also of one who is no owner."""
    access.demand(call, ADMIN_WRITE)
    account = _account(call, "removeClientOwner")
    call.world.store.unlink(call.world.find_client(call.names[0]), account)
    return empty(204)


def _account(call: Call, operation: str) -> Account:
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
