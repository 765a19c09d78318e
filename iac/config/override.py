"""What an environment of iac.yaml overrides, and where a setting of it stands. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.config.event import Pointer

DEFAULT = "default"
"""Name of the one environment of a project that declares none."""


def environment_names(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the environments of an iac.yaml."""
    return tuple(value.get("environments") or (DEFAULT,))


def overrides(value: Mapping[str, Any], environment: str) -> Mapping[str, Any]:
    """What one environment overrides."""
    return (value.get("environments") or {}).get(environment) or {}


def place_of(value: Mapping[str, Any], environment: str, key: str) -> Pointer:
    """Where a setting of an environment stands: in the environment, else at the top."""
    return ("environments", environment, key) if key in overrides(value, environment) else (key,)
