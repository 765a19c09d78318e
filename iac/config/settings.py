"""The settings of one environment, from iac.yaml, as values. Sources are named here and read later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iac.config.document import Document
from iac.config.layers import overrides, place_of
from iac.config.state import StateSettings, check_states, parse_state
from iac.core.capabilities import Capabilities
from iac.core.catalogue import mistake
from iac.core.desired import DEFAULT, FILE, Limits
from iac.core.diagnostics import Diagnostic
from iac.core.limits import DEADLINE, TIMEOUT
from iac.core.model import Fields
from iac.core.policy.rule import WLCG_BOUNDS, Bounds
from iac.core.server import redirect_uri_problem
from iac.ports.settings import LoginSettings, SinkSettings
from iac.ports.site import Network, ValueSource
from iac.registry import LOGINS, PROVIDERS, SINKS, capabilities

_LIMITS = Limits()
_LOGIN = "auth: {method: client_credentials, client_id: {env: IAC_CLIENT_ID}, client_secret: {env: IAC_CLIENT_SECRET}}"


@dataclass(frozen=True, slots=True)
class Settings:
    """One environment of iac.yaml.

    Attributes:
        auth: None when iac.yaml names no login, which is an error wherever one is needed.
        timeout: seconds that the server may be silent.
        deadline: seconds for a whole answer, repetitions of a read included.
        network: certificates and the proxy.
        clients: patterns on addresses that this environment has; None for all.
        scopes: scope names that this server knows beside the usual ones.
        policy: diagnostic id -> off, warning or error.
        lifetime_bounds: least and most seconds of each lifetime.
        sinks: by name, `file` and those that iac.yaml names; an environment's own replace those of the project.
        grantable_scopes: patterns of scopes that self service grants to this login.
        wheel: what pipelines install iac from, URL#sha256=HASH; "" where iac.yaml does not say.
    """

    root: Path
    project: str
    environment: str
    issuer: str
    provider: str
    auth: LoginSettings | None
    state: StateSettings
    limits: Limits = _LIMITS
    parallelism: int = 8
    timeout: float = TIMEOUT
    deadline: float = DEADLINE
    network: Network = field(default_factory=Network)
    server_defaults: Fields = field(default_factory=dict)
    clients: tuple[str, ...] | None = None
    scopes: tuple[str, ...] = ()
    policy: Mapping[str, str] = field(default_factory=dict)
    lifetime_bounds: Bounds = field(default_factory=lambda: WLCG_BOUNDS)
    sinks: Mapping[str, SinkSettings] = field(default_factory=lambda: _sinks({}))
    grantable_scopes: tuple[str, ...] = ()
    wheel: str = ""

    @property
    def api(self) -> Capabilities:
        """What the server's API can do."""
        return capabilities(self.provider)

    @property
    def login_client_id(self) -> str:
        """Id of the login client where it stands in iac.yaml, else ""."""
        return self.auth.client.literal if self.auth and self.auth.client else ""

    @property
    def login_secrets(self) -> tuple[ValueSource, ...]:
        """Where the secrets of the login come from."""
        return self.auth.secrets if self.auth else ()


def parse_settings(root: Path, value: Mapping[str, Any], environment: str) -> Settings:
    """The settings of one environment of an iac.yaml that its schema has passed."""
    merged = {**value, **overrides(value, environment)}
    limits = value.get("limits", {})
    return Settings(
        root=root,
        project=value["project"],
        environment=environment,
        issuer=merged.get("issuer", ""),
        provider=value["provider"],
        auth=LOGINS[merged["auth"]["method"]].parse(merged["auth"]) if "auth" in merged else None,
        state=parse_state(value, environment),
        limits=Limits(limits.get("max_deletes", _LIMITS.max_deletes), limits.get("max_updates")),
        parallelism=value.get("parallelism", 8),
        timeout=float(value.get("timeout", TIMEOUT)),
        deadline=float(value.get("deadline", DEADLINE)),
        network=Network.parse(root, merged),
        server_defaults=value.get("server_defaults", {}),
        clients=tuple(merged["clients"]) if "clients" in merged else None,
        scopes=tuple(value.get("scopes", ())),
        policy=value.get("policy", {}),
        lifetime_bounds=_bounds(value.get("lifetime_bounds", {})),
        sinks=_sinks({**value.get("sinks", {}), **overrides(value, environment).get("sinks", {})}),
        grantable_scopes=tuple(value.get("grantable_scopes", ())),
        wheel=value.get("pipelines", {}).get("wheel", ""),
    )


def _sinks(named: Mapping[str, Mapping[str, Any]]) -> dict[str, SinkSettings]:
    return {name: SINKS[keys["kind"]].parse(keys) for name, keys in {FILE: {"kind": FILE}, **named}.items()}


def _bounds(value: Mapping[str, Mapping[str, int]]) -> Bounds:
    """A lifetime that is named has the bounds that are given, and no others."""
    return {**WLCG_BOUNDS, **{name: (bound.get("min"), bound.get("max")) for name, bound in value.items()}}


def check_settings(document: Document, all_settings: list[Settings]) -> Iterator[Diagnostic]:
    """What is wrong with the settings of the environments, each by itself and together."""
    for settings in all_settings:
        yield from _check_server(document, settings)
        yield from _check_login(document, settings)
    yield from check_states(document, {each.environment: each.state for each in all_settings})
    yield from _check_lineage(document, all_settings)


def check_sources(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    """Files of secrets that others can read. It looks at the disk, so validate does not ask for it."""
    name = settings.environment
    places = [("state", source) for source in settings.state.secrets]
    places += [("auth", source) for source in settings.login_secrets]
    for key, source in places:
        if source.is_open_to_others(settings.root):
            where = document.at(*place_of(document.value, name, key))
            summary = f"{source.name}, which {source.setting} names, can be read by others on this machine"
            yield mistake("secret-open-to-others", summary, where, fix=f"chmod 600 {source.name}")


def _check_server(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    name = settings.environment
    pointer = place_of(document.value, name, "issuer")
    where = document.at("environments", name) if name != DEFAULT else document.at()
    if not settings.issuer:
        yield mistake("no-issuer", f"environment {name} has no issuer", where, fix="issuer: https://iam.example.org/")
    elif problem := redirect_uri_problem(settings.issuer):
        why = f"{problem}; secrets and tokens would cross the network in clear"
        yield mistake("bad-issuer", "the issuer is not https", document.at(*pointer), why=why, fix="use https")
    if settings.auth is None:
        yield mistake("no-auth", f"environment {name} has no auth: how iac logs in", where, fix=_LOGIN)
    if settings.network.key and not settings.network.certificate:
        pointer = (*place_of(document.value, name, "tls"), "key")
        fix = "tls: {certificate: FILE, key: FILE}"
        yield mistake("key-without-certificate", "tls.key has no certificate", document.at(*pointer), fix=fix)


def _check_login(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    """What the login's method is to the provider."""
    auth, provider = settings.auth, settings.provider
    where = document.at(*place_of(document.value, settings.environment, "auth"))
    if auth and auth.is_nobody and auth.method not in PROVIDERS[provider].nobody:
        summary = f"provider {provider} has no use for this login"
        users = " and ".join(name for name, other in PROVIDERS.items() if auth.method in other.nobody)
        fix = f"auth: {{method: {auth.method}}} is for {users}"
        yield mistake("auth-does-not-fit", summary, where, fix=fix)
    if PROVIDERS[provider].client_is_nobody and auth and auth.is_client:
        summary = "self service takes a client's own token for nobody's: iac is anonymous there"
        fix = "auth: {method: none} says so; log in as a user (method token or wlcg) to own the clients"
        yield mistake("login-is-nobody", summary, where, fix=fix)


def _check_lineage(document: Document, all_settings: list[Settings]) -> Iterator[Diagnostic]:
    if len(all_settings) > 1 and "lineage" in document.value.get("state", {}):
        where = document.at_key("state", "lineage")
        fix = "move it to environments.NAME.state.lineage of the environment whose state it is"
        yield mistake("lineage-shared", "several environments have one lineage", where, fix=fix)
