"""The sandbox's heart: from a request to a response."""

import secrets
from collections.abc import Callable, Mapping
from random import Random
from urllib.parse import unquote

from iac.sandbox import access, authorization, device, management, self_service, token
from iac.sandbox.chance import Chance
from iac.sandbox.flavour import FACTS, Flavour
from iac.sandbox.message import (
    RefusalError,
    Request,
    Response,
    ServerCrashError,
    empty,
    html_error,
)
from iac.sandbox.seed import Seed
from iac.sandbox.store import Store
from iac.sandbox.world import Call, Settings, World

Handler = Callable[[Call], Response]
Methods = Mapping[str, Handler]

_PLAIN: dict[tuple[str, ...], Methods] = {
    ("iam", "api", "clients"): {"GET": management.list_clients, "POST": management.create},
    ("iam", "api", "client-registration"): {"POST": self_service.register},
    ("iam", "api", "search", "clients"): {"GET": management.search},
    ("iam", "account", "me", "clients"): {"GET": management.own_clients},
    ("token",): {"POST": token.token},
    ("devicecode",): {"POST": device.authorize},
    ("device",): {"GET": device.ask_code},
    ("device", "verify"): {"POST": device.verify},
    ("device", "approve"): {"POST": device.approve},
    ("login",): {"GET": device.ask_user, "POST": device.log_in},
    ("introspect",): {"POST": token.introspect},
    ("authorize",): {"GET": authorization.authorize},
    ("userinfo",): {"GET": token.userinfo},
    ("scim", "Me"): {"GET": token.scim_me},
    (".well-known", "openid-configuration"): {"GET": authorization.configuration},
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


class Iam:
    """One server in memory. Not safe for threads: whoever shares it locks around `handle`."""

    def __init__(
        self,
        flavour: Flavour,
        seed: Seed,
        base_url: str = "http://localhost:8080",
        *,
        settings: Settings | None = None,
        chance: Chance | None = None,
    ) -> None:
        self.flavour = flavour
        self.chance = chance or Chance()
        self.settings = settings or seed.settings
        self.base_url = base_url
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Start anew from the seed: what was made since is gone, all tokens are over."""
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
            return empty(405)

    def _answer(self, request: Request) -> Response:
        parts = tuple(unquote(part) for part in request.path.split("/")[1:])
        methods, names = self._route(parts)
        if methods is None:
            status = 403 if parts[:1] == ("api",) else 404
            return access.with_session(self.world, request, html_error(status))
        is_login = parts[0] in {"token", "introspect", "devicecode"}
        caller = None if is_login else access.identify(self.world, request)
        handler = methods.get(request.method)
        if handler is None:
            return empty(405)
        return handler(Call(self.world, request, caller, names))

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
            case ("iam", "api", "client-registration", client_id, *rest) if len(rest) <= 1:
                return _OF_A_REGISTRATION.get("".join(rest), {}), (client_id,)
        return None, ()

    def _of_a_client(self, call: str) -> Methods:
        if call in _TOKEN_CALLS and self.world.facts.token_calls:
            return _TOKEN_CALLS[call]
        return _OF_A_CLIENT.get(call, {})
