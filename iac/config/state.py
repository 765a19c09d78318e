"""The state of one environment, from iac.yaml: where it lives, who can open it, and what is wrong with that.

Sources of secrets are named here and read later. What a backend alone knows it says itself (`iac.registry`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iac.config.document import Document, Pointer
from iac.config.layers import overrides
from iac.core.catalogue import mistake
from iac.core.diagnostics import Diagnostic, Location
from iac.core.plan.recipients import parse_recipients
from iac.ports.settings import BackendSettings, ClearText
from iac.ports.site import ValueSource
from iac.registry import BACKENDS

_INHERITED = ("encryption", "lineage")
"""What of the project's `state` an environment with another backend keeps."""

_ENCRYPT = "name recipients, encryption: {recipients: [age1...]}, or take the key out: iac state init then makes one"


@dataclass(frozen=True, slots=True)
class StateSettings:
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
    backend: str = keys.get("backend", next(iter(BACKENDS)))
    return backend


def check_states(document: Document, states: Mapping[str, StateSettings]) -> Iterator[Diagnostic]:
    """What stops: in the state of each environment, by its name, and in all of them together."""
    top = document.value.get("state", {})
    yield from _check_keys(document, ("state",), top, _backend(top))
    seen: dict[str, str] = {}
    for name, state in states.items():
        written = _Written.read(document, name)
        yield from written.check_keys()
        found = [*written.check_needed(), *written.check_values()]
        yield from found
        if state.is_clear and state.place.clear_text is ClearText.HISTORY:
            yield written.in_history()
        other = seen.setdefault(state.place.identity, name)
        if other != name and not found:
            yield written.shared(state.place, other)


def check_exposure(document: Document, state: StateSettings, environment: str) -> Iterator[Diagnostic]:
    """What is said: secrets in clear text on a server that others administrate."""
    if state.is_clear and state.place.clear_text is ClearText.SERVER:
        yield mistake(
            "secrets-in-clear",
            f"state keeps secrets in clear text at {state.place.where}",
            _Written.read(document, environment).at("encryption"),
            why="whoever reads the state there, or a backup of it, can log in as every client",
            fix=_ENCRYPT,
        )


def _check_keys(document: Document, pointer: Pointer, keys: Iterable[str], backend: str) -> Iterator[Diagnostic]:
    """Keys that say where a state of another backend lives."""
    for key in keys:
        others = [name for name, known in BACKENDS.items() if key in known.keys]
        if others and backend not in others:
            yield mistake(
                "key-of-other-backend",
                f"{key} is no key of a state with backend {backend}",
                document.at_key(*pointer, key),
                why=f"it belongs to backend {others[0]}",
                fix=f"set backend: {others[0]}, or take {key} out",
            )


@dataclass(frozen=True, slots=True)
class _Written:
    """The state of one environment as it is written in iac.yaml."""

    document: Document
    environment: str
    own: Mapping[str, Any]
    keys: Mapping[str, Any]

    @classmethod
    def read(cls, document: Document, environment: str) -> _Written:
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
        pointer = ("environments", self.environment, "state")
        return _check_keys(self.document, pointer, self.own, self.backend.name)

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
            why="history keeps clear text for ever, in every clone",
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
        fix = f"add {key}: {example}"
        return mistake("missing-key", f"the key {key} is missing in state", self.at(key), why=why, fix=fix)
