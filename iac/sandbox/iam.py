"""The sandbox's heart: from a request to a response."""

import re
import secrets
from collections.abc import Callable, Mapping
from random import Random
from urllib.parse import unquote

from iac.sandbox import access, authorization, device, exchange, management, self_service, token
from iac.sandbox.chance import Chance
from iac.sandbox.flavour import FACTS, Flavour
from iac.sandbox.gaps import GAPS, gap
from iac.sandbox.message import (
    RefusalError,
    Request,
    Response,
    ServerCrashError,
    empty,
    html_error,
    not_allowed,
)
from iac.sandbox.seed import Seed
from iac.sandbox.store import Store
from iac.sandbox.world import ApiCall, SandboxSettings, World

Handler = Callable[[ApiCall], Response]
Methods = Mapping[str, Handler]

_PLAIN: dict[tuple[str, ...], Methods] = {
    ("iam", "api", "clients"): {"GET": management.list_clients, "POST": management.create},
    ("iam", "api", "client-registration"): {"POST": self_service.register},
    ("iam", "api", "search", "clients"): {"GET": management.search},
    ("iam", "account", "me", "clients"): {"GET": management.own_clients},
    ("token",): {"POST": token.token, "GET": token.wrong_method, "OPTIONS": token.options},
    ("token", ""): {"POST": token.other_path},
    ("devicecode",): {"POST": device.authorize},
    ("device",): {"GET": device.ask_code},
    ("device", "verify"): {"POST": device.verify},
    ("device", "approve"): {"POST": device.approve},
    ("login",): {"GET": authorization.ask_user, "POST": authorization.log_in},
    ("logout",): {"GET": authorization.log_out},
    ("introspect",): {"POST": token.introspect},
    ("revoke",): {"POST": token.revoke, "GET": token.revoke},
    ("authorize",): {"GET": authorization.authorize, "POST": authorization.authorize},
    ("userinfo",): {"GET": token.userinfo},
    ("scim", "Me"): {"GET": token.scim_me},
    ("iam", "api", "exchange", "policies"): {"GET": exchange.list_policies, "POST": exchange.create},
    ("",): {"GET": authorization.front},
    ("dashboard",): {"GET": authorization.front},
    (".well-known", "openid-configuration"): {"GET": authorization.configuration},
    (".well-known", "openid-configuration", ""): {"GET": authorization.configuration},
    ("jwk",): {"GET": authorization.keys},
    ("actuator", "info"): {"GET": authorization.info},
}
_OF_A_CLIENT: dict[str, Methods] = {
    "": {"GET": management.read, "PUT": management.update, "DELETE": management.delete},
    "secret": {"POST": management.rotate_secret},
    "rat": {"POST": management.rotate_rat},
    "owners": {"GET": management.list_owners},
    "enable": {"PATCH": management.enable},
    "disable": {"PATCH": management.disable},
}
_TOKEN_CALLS: dict[str, Methods] = {
    "revoke-refresh-tokens": {"PATCH": management.revoke_refresh_tokens},
    "revoke-access-tokens": {"PATCH": management.revoke_access_tokens},
    "reset-client": {"PATCH": management.reset},
}
_OF_AN_OWNER: Methods = {"POST": management.add_owner, "DELETE": management.remove_owner}
_OF_A_REGISTRATION: dict[str, Methods] = {
    "": {"GET": self_service.read, "PUT": self_service.update, "DELETE": self_service.delete},
    "redeem": {"POST": self_service.redeem},
}


_LOGINS = frozenset({"token", "introspect", "devicecode", "revoke"})
_OPEN = frozenset({"/actuator"})  # gaps that nobody needs a login for
_FORBIDDEN = re.compile(r"%(?:25|2[fF]|3[bB]|5[cC]|00)|;")


class Iam:
    """One server in memory. Not safe for threads: whoever shares it locks around `handle`."""

    def __init__(
        self,
        flavour: Flavour,
        seed: Seed,
        base_url: str = "http://localhost:8080",
        *,
        settings: SandboxSettings | None = None,
        chance: Chance | None = None,
    ) -> None:
        self.flavour = flavour
        self.chance = chance or Chance()
        self.settings = settings or seed.settings
        self.base_url = base_url
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Start again from the seed: what was made since is gone, all tokens are over."""
        self.world = World(
            facts=FACTS[self.flavour],
            settings=self.settings,
            store=Store(self._seed.accounts(self.flavour, self.base_url)),
            chance=self.chance,
            base_url=self.base_url,
            signing_key=secrets.token_bytes(32),
            started_ms=self.chance.now_ms(),
            shuffler=None if self.settings.shuffle is None else Random(self.settings.shuffle),  # noqa: S311 - order, no secret
        )
        self.world.store.exchange_policies[1] = exchange.ALL
        self._seed.fill(self.world.store, self.flavour, self.world.started_ms)

    def handle(self, request: Request) -> Response:
        """The answer to the request, whatever it is; the store has changed when it returns."""
        try:
            return self._answer(request)
        except RefusalError as refusal:
            return refusal.response
        except ServerCrashError:
            if request.method == "GET":
                return access.with_session(self.world, request, html_error(500))
            return not_allowed("GET")

    def _answer(self, request: Request) -> Response:
        # Spring's firewall: such a path reaches no call (rec: admin-client-ids-odd 9, 11).
        if _FORBIDDEN.search(request.path):
            raise ServerCrashError
        parts = tuple(unquote(part) for part in request.path.lstrip("/").split("/"))
        methods, names = self._route(parts)
        is_login = parts[0] in _LOGINS
        caller = None if is_login else access.identify(self.world, request)
        call = ApiCall(self.world, request, caller, names)
        if methods is None:
            return self._nowhere(call)
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            # All but GET are refused by the error page; /token has its own list (rec: token-errors 16, discovery 22).
            is_plain = request.method != "GET" and parts != ("token",)
            return not_allowed(*(["GET"] if is_plain else sorted(set(methods) - {"OPTIONS"})))
        return handler(call)

    def _nowhere(self, call: ApiCall) -> Response:
        """The answer of a path that the sandbox does not have, or no IAM has."""
        path = call.request.path
        name = next((name for name in GAPS if path == name or path.startswith(f"{name}/")), None)
        if name in _OPEN:
            return gap(name)
        if name is not None or path.startswith(("/api/", "/iam/api/")):
            access.demand_anybody(call)
        if name is not None:
            return gap(name)
        if path == "/.well-known/webfinger":
            return empty(404)
        status = 403 if path.startswith("/api") else 404
        return access.with_session(self.world, call.request, html_error(status))

    def _route(self, parts: tuple[str, ...]) -> tuple[Methods | None, tuple[str, ...]]:
        """The handlers by method and the names in the path; None for a path that is not there."""
        plain = _PLAIN.get(parts)
        if plain is not None:
            return plain, ()
        match parts:
            case ("iam", "api", "clients", client_id, "owners", account):
                return _OF_AN_OWNER, (client_id, account)
            case ("iam", "api", "clients", client_id, *rest) if len(rest) <= 1:
                return self._of_a_client("".join(rest)), (client_id,)
            case ("iam", "api", "exchange", "policies", number):
                return {"DELETE": exchange.delete}, (number,)
            case ("iam", "api", "client-registration", client_id, *rest) if len(rest) <= 1:
                return _OF_A_REGISTRATION.get("".join(rest), {}), (client_id,)
        return None, ()

    def _of_a_client(self, call: str) -> Methods:
        if call in _TOKEN_CALLS and self.world.facts.token_calls:
            return _TOKEN_CALLS[call]
        return _OF_A_CLIENT.get(call, {})
