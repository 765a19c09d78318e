"""The state of one environment, from iac.yaml: where it lives and who can open it. Sources are named and read later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iac.config.layers import overrides
from iac.config.place import FilePlace, HttpPlace, S3Place, parse_place
from iac.config.source import Source
from iac.core.plan.recipients import recipient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.config.place import Place

_INHERITED = ("encryption", "lineage")
"""What of the project's `state` an environment with another backend keeps."""

_INSTEAD = {"repository": "remote", "remote": "repository"}
"""Keys that stand for each other: an environment that names one does without the project's other."""


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where state lives and who can open its secrets.

    Attributes:
        recipients: age or SSH public keys; empty when none are named yet.
        is_clear: `encryption: none`, the only way to secrets in clear text.
        lineage: "" before `iac state init`.
    """

    place: Place
    recipients: tuple[str, ...] = ()
    identity: Source | None = None
    is_clear: bool = False
    lineage: str = ""

    @property
    def known_recipients(self) -> tuple[str, ...] | None:
        """The recipients as they are compared, sorted; none where nothing is encrypted, None before any is named."""
        known = tuple(sorted({recipient(key) for key in self.recipients}))
        return known if known or self.is_clear else None

    @property
    def files(self) -> tuple[str, ...]:
        """The document, where it is a file of this machine."""
        return (self.place.path,) if isinstance(self.place, FilePlace) else ()

    @property
    def secrets(self) -> tuple[Source, ...]:
        """Where the secrets are that open the state, or the place that it is in."""
        found = [self.identity]
        if isinstance(self.place, HttpPlace):
            found.append(self.place.password)
        if isinstance(self.place, S3Place):
            found.append(self.place.secret_access_key)
        return tuple(source for source in found if source is not None)


def parse_state(value: Mapping[str, Any], environment: str) -> StateSettings:
    """The settings of an environment's state, in an iac.yaml that its schema has passed."""
    keys = state_keys(value, environment)
    encryption = keys.get("encryption", {})
    sealing: Mapping[str, Any] = {} if encryption == "none" else encryption
    return StateSettings(
        place=parse_place(backend_of(keys), keys, value["project"], environment),
        recipients=tuple(sealing.get("recipients", ())),
        identity=Source.parse("state.encryption.identity", sealing["identity"]) if "identity" in sealing else None,
        is_clear=encryption == "none",
        lineage=keys.get("lineage", ""),
    )


def state_keys(value: Mapping[str, Any], environment: str) -> dict[str, Any]:
    """The keys of an environment's state: its own over those of the project, but no place of another backend."""
    top, own = value.get("state", {}), overrides(value, environment).get("state", {})
    if own.get("backend", backend_of(top)) != backend_of(top):
        top = {key: top[key] for key in _INHERITED if key in top}
    return {**{key: part for key, part in top.items() if _INSTEAD.get(key) not in own}, **own}


def backend_of(keys: Mapping[str, Any]) -> str:
    """The backend that these keys of a state name; file when they name none."""
    backend: str = keys.get("backend", "file")
    return backend
