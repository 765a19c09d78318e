"""Files that are encrypted value by value, as SOPS does: what is known of the sink without opening it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from iac.core.plan.change import parse_recipients, sha256
from iac.ports.settings import SinkSettings


class SopsSettings(SinkSettings, frozen=True):
    """Files sealed value by value, as SOPS does; `encrypted_keys` empty for all keys."""

    kind: ClassVar = "sops"
    opener: ClassVar = "iac.sinks.sops.cipher"
    extra: ClassVar = "sops"
    is_sealed: ClassVar = True

    sealed_to: tuple[str, ...] = ()
    encrypted_keys: tuple[str, ...] = ()

    @classmethod
    def parse(cls, keys: Mapping[str, Any]) -> SopsSettings:
        """The settings in its keys."""
        named = re.findall(r"[A-Za-z0-9_-]+", keys.get("encrypted_regex", ""))
        return cls(parse_recipients(keys.get("recipients", ())), tuple(named))

    @property
    def form(self) -> str:
        """Hash over what decides the bytes, but for recipients."""
        return sha256(["sops", self.encrypted_keys])
