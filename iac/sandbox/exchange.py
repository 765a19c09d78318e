"""Which client may exchange whose tokens: policies of an IAM (rec: token-exchange-policy).

The policy that names its clients most closely decides; of two that are as close the one that denies.
"""

import json
from collections.abc import Iterator
from typing import Any

from iac.sandbox import access
from iac.sandbox.gaps import gap
from iac.sandbox.message import RefusalError, Response, empty, error, json_response, oauth_error
from iac.sandbox.world import ApiCall, World

ALL = {
    "id": 1,
    "description": "Allow all exchanges",
    "rule": "PERMIT",
    "originClient": {"type": "ANY"},
    "destinationClient": {"type": "ANY"},
}
"""The policy that a new server has."""
_CLIENTS, _SCOPES = frozenset({"ANY", "BY_ID"}), frozenset({"EQ"})


def list_policies(call: ApiCall) -> Response:
    """GET: all of them."""
    access.demand(call, "iam:admin.read")
    return json_response(200, list(call.world.store.exchange_policies.values()))


def create(call: ApiCall) -> Response:
    """POST: one more; of kinds that are not recorded none."""
    access.demand(call, "iam:admin.write")
    policies = call.world.store.exchange_policies
    try:
        policy = json.loads(call.request.body)
        kinds = {policy["originClient"]["type"], policy["destinationClient"]["type"]}
        scopes = {scope["type"] for scope in policy.get("scopePolicies", ())}
    except (ValueError, KeyError, TypeError, AttributeError):
        return gap("/iam/api/exchange")
    if not kinds <= _CLIENTS or not scopes <= _SCOPES:
        return gap("/iam/api/exchange")
    number = max(policies, default=0) + 1
    policies[number] = {"id": number, **policy}
    return empty(201)


def delete(call: ApiCall) -> Response:
    """DELETE of one."""
    access.demand(call, "iam:admin.write")
    (number,) = call.names
    if not number.isdecimal() or call.world.store.exchange_policies.pop(int(number), None) is None:
        raise RefusalError(error(404, "Exchange policy not found"))
    return empty(204)


def check(world: World, origin: str, destination: str, scopes: tuple[str, ...]) -> None:
    """Refuse what no policy permits.

    Raises:
        RefusalError: 403 for the clients, 400 for a scope.
    """
    policy = max(_about(world, origin, destination), key=lambda entry: entry[0], default=((), None))[1]
    if policy is None or policy["rule"] == "DENY":
        raise RefusalError(oauth_error(403, "access_denied", "Token exchange not allowed"))
    denied = {scope["matchParam"] for scope in policy.get("scopePolicies", ()) if scope["rule"] == "DENY"}
    for scope in scopes:
        if scope in denied:
            raise RefusalError(oauth_error(400, "invalid_scope", f"scope exchange not allowed by policy: {scope}"))


def _about(world: World, origin: str, destination: str) -> Iterator[tuple[tuple[int, bool], dict[str, Any]]]:
    """Each policy about the two clients, with how close it is."""
    for policy in world.store.exchange_policies.values():
        sides = [(policy["originClient"], origin), (policy["destinationClient"], destination)]
        if all(side["type"] == "ANY" or side.get("matchParam") == client for side, client in sides):
            named = sum(side["type"] == "BY_ID" for side, _ in sides)
            yield (named, policy["rule"] == "DENY"), policy
