"""What answers show of a client: which fields, and their JSON."""

import json
from collections.abc import Callable, Iterable
from enum import Enum, auto
from random import Random
from typing import Any

from iac.sandbox.flavour import Facts
from iac.sandbox.model import Client
from iac.sandbox.world import World


class View(Enum):
    """Which call a client is shown by."""

    CREATED = auto()  # POST create and /secret of the management API: nothing is hidden
    MANAGED = auto()  # GET, list, PUT and /rat of the management API
    FOUND = auto()  # search
    REGISTERED = auto()  # POST of self service
    OWN = auto()  # all else of self service
    MINE = auto()  # GET /iam/account/me/clients


_LIFETIMES = frozenset(
    {
        "access_token_validity_seconds",
        "refresh_token_validity_seconds",
        "id_token_validity_seconds",
        "device_code_validity_seconds",
        "allow_introspection",
    }
)
_SELF_SERVICE = frozenset({View.REGISTERED, View.OWN})
_SHORT = (
    "client_id",
    "client_name",
    "client_description",
    "redirect_uris",
    "scope",
    "created_at",
    "last_used",
    "active",
    "status_changed_on",
    "status_changed_by",
)
_FIELDS = (
    "client_id",
    "client_secret",
    "client_name",
    "client_description",
    "redirect_uris",
    "client_uri",
    "contacts",
    "grant_types",
    "response_types",
    "policy_uri",
    "jwks_uri",
    "token_endpoint_auth_method",
    "scope",
    "access_token_validity_seconds",
    "refresh_token_validity_seconds",
    "id_token_validity_seconds",
    "device_code_validity_seconds",
    "reuse_refresh_token",
    "dynamically_registered",
    "allow_introspection",
    "clear_access_tokens_on_refresh",
    "require_auth_time",
    "created_at",
    "last_used",
    "expiration",
    "entity_id",
    "jwk",
    "code_challenge_method",
    "active",
    "up_scoping_enabled",
    "status_changed_on",
    "status_changed_by",
)


def _shown(view: View, facts: Facts) -> tuple[str, ...]:
    if view is View.MINE and not facts.lists_are_full:
        return _SHORT
    hidden: set[str] = set()
    if view not in {View.CREATED, View.REGISTERED}:
        hidden |= set() if facts.secrets_shown and view is not View.MINE else {"client_secret"}
        hidden |= set() if facts.jwk_shown else {"jwk"}
    if view in _SELF_SERVICE or (view is View.FOUND and facts.search_hides_lifetimes):
        hidden |= _LIFETIMES
    if not facts.up_scoping:
        hidden.add("up_scoping_enabled")
    return tuple(name for name in _FIELDS if name not in hidden)


def show(world: World, client: Client, view: View, **more: str | None) -> dict[str, Any]:
    """The client's fields in that view with those of `more`; empty ones are left out, but for scope.

    Lists are in a fixed order, or in a random one where the world shuffles.
    """
    order = _shuffled(world.shuffler) if world.shuffler else tuple
    shown: dict[str, Any] = {}
    for name in _shown(view, world.facts):
        value = getattr(client, name)
        if name == "scope":
            shown[name] = " ".join(order(value)) or None
        elif isinstance(value, tuple):
            if value:
                shown[name] = list(order(value))
        elif value is not None and value != "":
            shown[name] = value
    if view in _SELF_SERVICE or (client.dynamically_registered and "dynamically_registered" in shown):
        uri = f"{world.base_url}/iam/api/client-registration/{client.client_id or 'null'}"
        shown["registration_client_uri"] = uri
    return shown | {name: value for name, value in more.items() if value is not None}


def _shuffled(shuffler: Random) -> Callable[[Iterable[str]], Iterable[str]]:
    def shuffled(values: Iterable[str]) -> list[str]:
        items = list(values)
        shuffler.shuffle(items)
        return items

    return shuffled


def render(world: World, client: Client, view: View) -> str:
    """The JSON of `show`, kept with the client as long as it does not change."""
    if world.shuffler:
        return json.dumps(show(world, client, view), ensure_ascii=False)
    text = client.rendered.get(view)
    if text is None:
        text = client.rendered[view] = json.dumps(show(world, client, view), ensure_ascii=False)
    return text
