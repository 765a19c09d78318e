"""Self service, /iam/api/client-registration: for users, and for anybody with a registration access token."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from iac.sandbox import access, rules
from iac.sandbox.document import new_client, render, secret_by_method, show, stored_fields
from iac.sandbox.message import (
    RefusalError,
    Response,
    ServerCrashError,
    empty,
    error,
    json_response,
    json_text,
)
from iac.sandbox.model import EXCHANGE_GRANT, Account, Client, Setter, View
from iac.sandbox.world import ApiCall, Registrants, World

_NOT_FOR_USERS = frozenset({"password", EXCHANGE_GRANT})
_NOT_FOR_ANYBODY = _NOT_FOR_USERS | {"client_credentials"}

_IS_ALLOWED: dict[Registrants, Callable[[Account | None], bool]] = {
    Registrants.ANYONE: lambda _: True,
    Registrants.REGISTERED_USERS: lambda account: account is not None,
    Registrants.ADMINISTRATORS: lambda account: account is not None and account.is_admin,
}


def _user(call: ApiCall) -> Account | None:
    """The user who calls; a client's own token counts as nobody's (rec: self-service-user).

    Raises:
        RefusalError: 403 where the server's setting keeps the caller out.
    """
    account = call.caller.account if call.caller else None
    if not _IS_ALLOWED[call.world.settings.registration](account):
        text = "You do not have enough privileges to access this client registration API"
        raise RefusalError(error(403, text))
    return account


def _reachable(call: ApiCall, user: Account | None) -> Client:
    """The client that the path names, for its owner or the bearer of its registration access token.

    Raises:
        RefusalError: 404 for a user who is not an owner, admin or not; 400 for all others.
    """
    client_id, store = call.names[0], call.world.store
    client = store.find(client_id)
    if user is not None:
        if client is None or not store.is_owner(client, user):
            raise RefusalError(error(404, f"Client not found for clientId: {client_id}"))
        return client
    caller = call.caller
    if client is None or caller is None or not caller.is_rat or caller.client_key != client.key:
        raise RefusalError(error(400, "Invalid registration access token"))
    return client


def register(call: ApiCall) -> Response:
    """POST: a user becomes the owner, all others get a registration access token.

    The answer to a user has the user's e-mail in contacts, the stored client has not.
    """
    world = call.world
    document = rules.checked_document(call, rules.REGISTER)
    user = _user(call)
    fields = stored_fields(world, document, Setter.BOTH)
    _check_grants(fields["grant_types"], user)
    fields["scope"] = _granted(world, fields["scope"], user) if fields["scope"] else _default_scopes(world)
    fields |= _up_scoping(fields, user) | {"reuse_refresh_token": True, "dynamically_registered": True}
    fields["clear_access_tokens_on_refresh"] = world.facts.create_keeps_clear_tokens
    client = world.store.put(new_client(world, document, fields))
    if user is None:
        rat = access.issue_rat(world, client)
        return json_response(201, show(world, client, View.REGISTERED, registration_access_token=rat))
    world.store.link(client, user)
    contacts = tuple(sorted({*client.contacts, user.email}))
    return json_response(201, show(world, replace(client, contacts=contacts), View.REGISTERED))


def read(call: ApiCall) -> Response:
    """GET of one client."""
    client = _reachable(call, _user(call))
    return json_text(200, render(call.world, client, View.REGISTRATION))


def update(call: ApiCall) -> Response:
    """PUT: a full replace of what self service knows.

    A body without client_id takes the id away for good (rec: self-service-put-without-client-id).
    Validation comes first, then who calls, then grants and scopes.
    clear_access_tokens_on_refresh becomes true and require_auth_time false.
    """
    world = call.world
    document = rules.checked_document(call, rules.REREGISTER)
    user = _user(call)
    old = _reachable(call, user)
    if not old.active and not (user is not None and user.is_admin):
        raise RefusalError(error(403, f"Client {old.client_id} is suspended!"))
    fields = stored_fields(world, document, Setter.BOTH)
    _check_grants(set(fields["grant_types"]).difference(old.grant_types), user)
    fields |= _up_scoping(fields, user) | {"scope": _granted(world, fields["scope"], user)}
    client_id = document.get("client_id")
    if client_id not in {None, old.client_id} and world.store.find(str(client_id)):
        raise ServerCrashError
    client = world.store.put(_updated(world, old, client_id, fields))
    rat = _renewed_rat(call, client)
    return json_response(200, show(world, client, View.REGISTRATION, registration_access_token=rat))


def _updated(world: World, old: Client, client_id: str | None, fields: dict[str, Any]) -> Client:
    secret = old.client_secret
    if world.facts.secret_follows_method:
        secret = secret_by_method(world, fields["token_endpoint_auth_method"], secret)
    return replace(
        old,
        client_id=client_id,
        client_secret=secret,
        dynamically_registered=True,
        clear_access_tokens_on_refresh=True,
        require_auth_time=False,
        last_used=None,
        status_changed_on=None,
        status_changed_by=None,
        **fields,
    )


def _renewed_rat(call: ApiCall, client: Client) -> str | None:
    """A new registration access token where the caller's has outlived the server's setting."""
    caller, validity = call.caller, call.world.settings.rat_validity_seconds
    if caller is None or not caller.is_rat or validity is None:
        return None
    is_over = call.world.chance.now_ms() > caller.issued_ms + validity * 1000
    return access.issue_rat(call.world, client) if is_over else None


def delete(call: ApiCall) -> Response:
    """DELETE of one client."""
    call.world.store.remove(_reachable(call, _user(call)))
    return empty(204)


def redeem(call: ApiCall) -> Response:
    """POST /redeem, the token as plain text: a user takes an anonymous client over (rec: self-service-redeem)."""
    world, user = call.world, _user(call)
    if user is None:
        raise RefusalError(error(400, "No authenticated user found"))
    client = world.store.find(call.names[0])
    grant = access.introspect(world, call.request.body.decode(errors="replace").strip())
    if client is None or grant is None or not grant.is_rat or grant.client_key != client.key:
        raise RefusalError(error(400, "Invalid registration access token"))
    world.store.link(client, user)
    return json_text(200, render(world, client, View.REGISTRATION))


def _check_grants(grants: Any, user: Account | None) -> None:
    if user is not None and user.is_admin:
        return
    refused = (_NOT_FOR_ANYBODY if user is None else _NOT_FOR_USERS).intersection(grants)
    if refused:
        raise RefusalError(error(400, f"Grant type not allowed: {min(refused)}"))


def _granted(world: World, scope: tuple[str, ...], user: Account | None) -> tuple[str, ...]:
    """The scopes that the caller may have; the others are dropped silently.

    Reserved ones for everybody, restricted ones but for admins (rec: self-service-restricted-scopes);
    also those that an admin had granted before (issue #461 of IAM).
    """
    settings = world.settings
    is_admin = user is not None and user.is_admin
    dropped = settings.reserved_scopes if is_admin else settings.reserved_scopes | settings.restricted_scopes
    return tuple(name for name in scope if name not in dropped)


def _up_scoping(fields: dict[str, Any], user: Account | None) -> dict[str, Any]:
    """Only an administrator can clear it; all others are answered true."""
    return {"up_scoping_enabled": fields["up_scoping_enabled"] if user is not None and user.is_admin else True}


def _default_scopes(world: World) -> tuple[str, ...]:
    return tuple(sorted(world.settings.default_scopes))
