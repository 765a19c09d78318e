"""The settings of one environment, from iac.yaml, as values, and what is wrong with them.

Sources of secrets are named here and read later. What a backend alone knows of its state it says itself
(`iac.registry`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from iac.config.layers import environment_names, overrides, place_of
from iac.core.capabilities import Capabilities
from iac.core.catalogue import mistake
from iac.core.desired import DEFAULT, FILE, WLCG_BOUNDS, Bounds, ChangeLimits, PolicyTerms
from iac.core.errors import Diagnostic, Location
from iac.core.limits import DEADLINE, TIMEOUT
from iac.core.model import Fields
from iac.core.origin import is_same_origin
from iac.core.plan.change import parse_recipients
from iac.core.server import redirect_uri_problem
from iac.document import Document, Pointer
from iac.ports.settings import BackendSettings, ClearText, LoginSettings, SinkSettings
from iac.ports.site import Network, ValueSource
from iac.registry import BACKENDS, LOGINS, PROVIDERS, SINKS, capabilities

_INHERITED = ("encryption", "lineage")
"""What of the project's `state` an environment with another backend keeps."""

_ENCRYPT = "name recipients, encryption: {recipients: [age1...]}, or remove the key: iac state init then makes one"


class StateSettings(Struct, frozen=True):
    """Where state lives and who can open its secrets.

    Attributes:
        recipients: age or SSH public keys; empty when none are named yet.
        is_clear: `encryption: none`, the only way to secrets in clear text.
        lineage: "" before `iac state init`.
    """

    place: BackendSettings
    recipients: tuple[str, ...] = ()
    identity: ValueSource | None = None
    is_clear: bool = False
    lineage: str = ""

    @property
    def known_recipients(self) -> tuple[str, ...] | None:
        """The recipients as they are compared, sorted; none where nothing is encrypted, None before any is named."""
        known = parse_recipients(self.recipients)
        return known if known or self.is_clear else None

    @property
    def secrets(self) -> tuple[ValueSource, ...]:
        """Where the secrets are that open the state, or the place that it is in."""
        return tuple(source for source in (self.identity, self.place.login[1]) if source is not None)


def parse_state(value: Mapping[str, Any], environment: str) -> StateSettings:
    """The settings of an environment's state, in an iac.yaml that its schema has passed."""
    keys = _keys(value, environment)
    encryption = keys.get("encryption", {})
    sealing: Mapping[str, Any] = {} if encryption == "none" else encryption
    return StateSettings(
        place=BACKENDS[_backend(keys)].parse(keys, value["project"], environment),
        recipients=tuple(sealing.get("recipients", ())),
        identity=ValueSource.find("state.encryption", sealing, "identity"),
        is_clear=encryption == "none",
        lineage=keys.get("lineage", ""),
    )


def _keys(value: Mapping[str, Any], environment: str) -> dict[str, Any]:
    """The keys of an environment's state: its own over those of the project, but no place of another backend."""
    top, own = value.get("state", {}), overrides(value, environment).get("state", {})
    if own.get("backend", _backend(top)) != _backend(top):
        top = {key: top[key] for key in _INHERITED if key in top}
    rivals = BACKENDS[_backend({**top, **own})].alternatives
    is_settled = not own.keys().isdisjoint(rivals)
    return {**{key: part for key, part in top.items() if not (is_settled and key in rivals)}, **own}


def _backend(keys: Mapping[str, Any]) -> str:
    """The backend that these keys of a state name; the first one when they name none."""
    return str(keys.get("backend", next(iter(BACKENDS))))


def check_states(document: Document, states: Mapping[str, StateSettings]) -> Iterator[Diagnostic]:
    """What stops: in the state of each environment, by its name, and in all of them together."""
    top = document.value.get("state", {})
    yield from _check_keys(document, ("state",), top, _backend(top))
    environment_of: dict[str, str] = {}
    for name, state in states.items():
        written = _StateKeys.read(document, name)
        yield from written.check_keys()
        mistakes = [*written.check_needed(), *written.check_values()]
        yield from mistakes
        if state.is_clear and state.place.clear_text is ClearText.HISTORY:
            yield written.in_history()
        other = environment_of.setdefault(state.place.identity, name)
        if other != name and not mistakes:
            yield written.shared(state.place, other)


def check_exposure(document: Document, state: StateSettings, environment: str) -> Iterator[Diagnostic]:
    """A warning about secrets in clear text on a server that others administrate."""
    if state.is_clear and state.place.clear_text is ClearText.SERVER:
        yield mistake(
            "secrets-in-clear",
            f"state keeps secrets in clear text at {state.place.where}",
            _StateKeys.read(document, environment).at("encryption"),
            why="a reader of the state there, or of a backup, can log in as every client",
            fix=_ENCRYPT,
        )


def _check_keys(document: Document, pointer: Pointer, keys: Iterable[str], backend: str) -> Iterator[Diagnostic]:
    """Keys that say where a state of another backend lives."""
    for key in keys:
        others = [name for name, known in BACKENDS.items() if key in known.keys]
        if others and backend not in others:
            yield mistake(
                "key-of-other-backend",
                f"{key} is not a key of a state with backend {backend}",
                document.at_key(*pointer, key),
                why=f"it belongs to backend {others[0]}",
                fix=f"set backend: {others[0]}, or remove {key}",
            )


class _StateKeys(Struct, frozen=True):
    """The state of one environment as it is written in iac.yaml."""

    document: Document
    environment: str
    own: Mapping[str, Any]
    keys: Mapping[str, Any]

    @classmethod
    def read(cls, document: Document, environment: str) -> _StateKeys:
        own = overrides(document.value, environment).get("state", {})
        return cls(document, environment, own, _keys(document.value, environment))

    @property
    def backend(self) -> type[BackendSettings]:
        return BACKENDS[_backend(self.keys)]

    def at(self, key: str) -> Location:
        """Where a key's value stands, else the state that would have it."""
        is_own = key in self.own or (self.own and key not in self.document.value.get("state", {}))
        return self.document.at(*(("environments", self.environment) if is_own else ()), "state", key)

    def check_keys(self) -> Iterator[Diagnostic]:
        """Keys of other backends in the environment's own part."""
        return _check_keys(self.document, ("environments", self.environment, "state"), self.own, self.backend.name)

    def check_needed(self) -> Iterator[Diagnostic]:
        """Keys that the backend cannot do without, and those that need each other."""
        for key, example in self.backend.needed.items():
            if key not in self.keys:
                yield self._missing(key, f"backend {self.backend.name} needs it", example)
        for pair in (each.together for each in BACKENDS.values()):
            for key in pair:
                if key not in self.keys and (other := next((name for name in pair if name in self.keys), "")):
                    yield self._missing(key, f"{other} is of no use without it", "{env: NAME}")

    def check_values(self) -> Iterator[Diagnostic]:
        """URLs, repositories and paths that the backend cannot use."""
        for key, why, fix in self.backend.problems(self.keys):
            yield mistake("bad-state-place", f"state.{key} cannot be used", self.at(key), why=why, fix=fix)

    def in_history(self) -> Diagnostic:
        """Clear text in a place that forgets nothing."""
        return mistake(
            "secrets-in-history",
            f"state in {self.backend.name} must be encrypted",
            self.at("encryption"),
            why="history keeps clear text forever, in every clone",
            fix=_ENCRYPT,
        )

    def shared(self, place: BackendSettings, other: str) -> Diagnostic:
        """Two environments in one place."""
        key, usual = place.document_key, place.usual(self.document.value["project"], self.environment)
        return mistake(
            "state-shared",
            f"environments {other} and {self.environment} have the same state: {place.where}",
            self.at(key),
            why="a state belongs to one environment and one issuer",
            fix=f"state: {{{key}: {usual}}} under environments.{self.environment}",
        )

    def _missing(self, key: str, why: str, example: str) -> Diagnostic:
        return mistake(
            "missing-key", f"the key {key} is missing in state", self.at(key), why=why, fix=f"add {key}: {example}"
        )


_LIMITS = ChangeLimits()
_LOGIN = "auth: {method: client_credentials, client_id: {env: IAC_CLIENT_ID}, client_secret: {env: IAC_CLIENT_SECRET}}"


class Settings(Struct, frozen=True):
    """One environment of iac.yaml.

    Attributes:
        auth: None when iac.yaml names no login, which is an error wherever one is needed.
        auth_file: the file that `auth` is from, if it is a person's own; "" for iac.yaml.
        timeout: seconds that the server may be silent.
        deadline: seconds for a whole answer, repetitions of a read included.
        network: certificates and the proxy.
        clients: patterns on addresses that this environment has; None for all.
        scopes: scope names that this server knows beside the usual ones.
        policy: diagnostic id -> off, warning or error.
        lifetime_bounds: least and most seconds of each lifetime.
        sinks: by name, `file` and those that iac.yaml names; an environment's own replace those of the project.
        grantable_scopes: patterns of scopes that self service grants to this login.
        registration_endpoint: where clients are registered; "" for what the server's discovery documents say.
        wheel: what pipelines install iac from, URL#sha256=HASH; "" where iac.yaml does not say.
        issuers: environment -> issuer, of all environments of the project.
    """

    root: Path
    project: str
    environment: str
    issuer: str
    provider: str
    auth: LoginSettings | None
    state: StateSettings
    limits: ChangeLimits = _LIMITS
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
    registration_endpoint: str = ""
    auth_file: str = ""
    issuers: Mapping[str, str] = field(default_factory=dict)

    @property
    def pin(self) -> str:
        """IAC_ISSUER, as a shell takes it, that binds credentials to the issuers of all environments."""
        from shlex import quote  # for messages alone

        return quote(" ".join(map("=".join, self.issuers.items())) if len(self.issuers) > 1 else self.issuer)

    @property
    def api(self) -> Capabilities:
        """What the server's API can do."""
        return capabilities(self.provider)

    @property
    def terms(self) -> PolicyTerms:
        """What rules of policy need to know of the project."""
        return PolicyTerms(self.scopes, self.lifetime_bounds)

    @property
    def rule_inputs(self) -> tuple[object, ...]:
        """All that the rules of one definition read of these settings; equal ones judge a definition alike."""
        return (
            self.provider,
            self.login_client_id,
            self.grantable_scopes,
            self.scopes,
            self.state.is_clear,
            tuple(sorted(self.policy.items())),
            tuple(sorted(self.lifetime_bounds.items())),
        )

    def selects(self, address: str) -> bool:
        """Whether the environment has this address."""
        return self.clients is None or any(fnmatchcase(address, pattern) for pattern in self.clients)

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
    limits, bounds = value.get("limits", {}), value.get("lifetime_bounds", {})
    return Settings(
        root=root,
        project=value["project"],
        environment=environment,
        issuer=merged.get("issuer", ""),
        provider=value["provider"],
        registration_endpoint=merged.get("registration_endpoint", ""),
        auth=LOGINS[merged["auth"]["method"]].parse(merged["auth"]) if "auth" in merged else None,
        state=parse_state(value, environment),
        limits=ChangeLimits(limits.get("max_deletes", _LIMITS.max_deletes), limits.get("max_updates")),
        parallelism=value.get("parallelism", 8),
        timeout=float(value.get("timeout", TIMEOUT)),
        deadline=float(value.get("deadline", DEADLINE)),
        network=Network.parse(root, merged),
        server_defaults=value.get("server_defaults", {}),
        clients=tuple(merged["clients"]) if "clients" in merged else None,
        scopes=tuple(value.get("scopes", ())),
        policy=value.get("policy", {}),
        # a lifetime that is named has the bounds that are given, and no others
        lifetime_bounds={
            **WLCG_BOUNDS,
            **{name: (bound.get("min"), bound.get("max")) for name, bound in bounds.items()},
        },
        sinks=_sinks({**value.get("sinks", {}), **overrides(value, environment).get("sinks", {})}),
        grantable_scopes=tuple(value.get("grantable_scopes", ())),
        wheel=value.get("pipelines", {}).get("wheel", ""),
        issuers={
            name: overrides(value, name).get("issuer", value.get("issuer", "")) for name in environment_names(value)
        },
    )


def _sinks(named: Mapping[str, Mapping[str, Any]]) -> dict[str, SinkSettings]:
    return {name: SINKS[keys["kind"]].parse(keys) for name, keys in {FILE: {"kind": FILE}, **named}.items()}


def check_settings(document: Document, all_settings: list[Settings]) -> Iterator[Diagnostic]:
    """What is wrong with the settings of the environments, each by itself and together."""
    for settings in all_settings:
        yield from _check_server(document, settings)
        yield from _check_login(document, settings)
    yield from check_states(document, {settings.environment: settings.state for settings in all_settings})
    if len(all_settings) > 1 and "lineage" in document.value.get("state", {}):
        yield mistake(
            "lineage-shared",
            "several environments have one lineage",
            document.at_key("state", "lineage"),
            fix="move it to environments.NAME.state.lineage of the environment whose state it is",
        )


def check_sources(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    """Files of secrets that others can read. It looks at the disk, so validate does not ask for it."""
    name = settings.environment
    places = [("state", source) for source in settings.state.secrets]
    places += [("auth", source) for source in settings.login_secrets]
    for key, source in places:
        if source.is_open_to_others(settings.root):
            yield mistake(
                "secret-open-to-others",
                f"{source.name}, which {source.setting} names, can be read by others on this machine",
                document.at(*place_of(document.value, name, key)),
                fix=f"chmod 600 {source.name}",
            )


def _check_server(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    name = settings.environment
    pointer = place_of(document.value, name, "issuer")
    where = document.at("environments", name) if name != DEFAULT else document.at()
    if not settings.issuer:
        yield mistake("no-issuer", f"environment {name} has no issuer", where, fix="issuer: https://iam.example.org/")
    elif problem := redirect_uri_problem(settings.issuer):
        yield mistake(
            "bad-issuer",
            "the issuer is not https",
            document.at(*pointer),
            why=f"{problem}; secrets and tokens would cross the network in clear",
            fix="use https",
        )
    yield from _check_registration(document, settings)
    if settings.auth is None:
        yield mistake("no-auth", f"environment {name} has no auth: how iac logs in", where, fix=_LOGIN)
    if settings.network.key and not settings.network.certificate:
        pointer = (*place_of(document.value, name, "tls"), "key")
        yield mistake(
            "key-without-certificate",
            "tls.key has no certificate",
            document.at(*pointer),
            fix="tls: {certificate: FILE, key: FILE}",
        )


def _check_registration(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    """A registration endpoint goes with a server that has one, on the origin of its issuer."""
    url = settings.registration_endpoint
    where = document.at(*place_of(document.value, settings.environment, "registration_endpoint"))
    if url and settings.api.is_iam:
        summary = f"provider {settings.provider} knows where clients are registered"
        yield mistake("bad-registration-endpoint", summary, where, fix="remove registration_endpoint")
    elif url and not is_same_origin(settings.issuer, url):
        summary, why = "registration_endpoint is not on the server of issuer", f"tokens go to {settings.issuer} alone"
        yield mistake("bad-registration-endpoint", summary, where, why=why, fix="use a URL on the host of issuer")


def _check_login(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    """What the login's method is to the provider."""
    auth, provider = settings.auth, settings.provider
    where = document.at(*place_of(document.value, settings.environment, "auth"))
    if auth and auth.is_nobody and auth.method not in PROVIDERS[provider].nobody:
        summary = f"provider {provider} does not use this login"
        users = " and ".join(name for name, other in PROVIDERS.items() if auth.method in other.nobody)
        fix = f"auth: {{method: {auth.method}}} is for {users}"
        yield mistake("auth-does-not-fit", summary, where, fix=fix)
    if PROVIDERS[provider].client_is_nobody and auth and auth.is_client:
        summary = "self service treats a client's own token as anonymous"
        fix = "auth: {method: none} says so; log in as a user (method token or wlcg) to own the clients"
        yield mistake("login-is-nobody", summary, where, fix=fix)
