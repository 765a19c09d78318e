"""Outputs as files below one folder: what is known of the sink without opening it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from iac.core.plan.change import sha256
from iac.ports.settings import SinkSettings


class PlainSettings(SinkSettings, frozen=True):
    """Files below a folder."""

    kind: ClassVar = "plain"
    opener: ClassVar = "iac.sinks.plain.sink"

    @classmethod
    def parse(cls, keys: Mapping[str, Any]) -> PlainSettings:
        """It has no keys."""
        return cls()

    @property
    def form(self) -> str:
        """Nothing but the kind decides the bytes."""
        return sha256(["plain"])
