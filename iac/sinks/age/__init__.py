"""Files that are encrypted with age as a whole: what is known of the sink without opening it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from iac.core.plan.change import parse_recipients, sha256
from iac.ports.settings import SinkSettings


class AgeSettings(SinkSettings, frozen=True):
    """Files sealed with age as a whole; `recipients` empty for those of the state and of the definition."""

    kind: ClassVar = "age"
    opener: ClassVar = "iac.sinks.age.cipher"
    is_sealed: ClassVar = True

    sealed_to: tuple[str, ...] = ()

    @classmethod
    def parse(cls, keys: Mapping[str, Any]) -> AgeSettings:
        """The settings in its keys."""
        return cls(parse_recipients(keys.get("recipients", ())))

    @property
    def form(self) -> str:
        """Hash over what decides the bytes, but for recipients."""
        return sha256(["age"])
