"""The sinks that iac.yaml names, as values: how outputs are sealed, or where they go instead of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from iac.config.layers import overrides
from iac.core.plan.change import sha256
from iac.core.plan.recipients import recipient

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iac.config.settings import Settings
    from iac.core.desired import DesiredClient, OutputSpec


@dataclass(frozen=True, slots=True)
class AgeSettings:
    """Files sealed with age as a whole; `recipients` empty for those of the state and of the definition."""

    recipients: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        """Hash over what decides the bytes, but for recipients."""
        return sha256(["age"])


@dataclass(frozen=True, slots=True)
class SopsSettings:
    """Files sealed value by value, as SOPS does; `encrypted_keys` empty for all keys."""

    recipients: tuple[str, ...] = ()
    encrypted_keys: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        """Hash over what decides the bytes, but for recipients."""
        return sha256(["sops", self.encrypted_keys])


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """Secrets in a cluster.

    Attributes:
        kubeconfig: path of a kubeconfig, relative to the project; "" for the usual places.
        context: its context; "" for the current one.
    """

    kubeconfig: str = ""
    context: str = ""
    type: str = "Opaque"
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def form(self) -> str:
        """Hash over what decides the object and where it is."""
        return sha256(["kubernetes", self.kubeconfig, self.context, self.type, sorted(self.labels.items())])


SinkSettings = AgeSettings | SopsSettings | KubernetesSettings


def parse_sinks(value: Mapping[str, Any], environment: str) -> dict[str, SinkSettings]:
    """The sinks of one environment of an iac.yaml that its schema has passed; its own replace those of the project."""
    named = {**value.get("sinks", {}), **overrides(value, environment).get("sinks", {})}
    return {name: _parse(keys) for name, keys in named.items()}


def _parse(keys: Mapping[str, Any]) -> SinkSettings:
    recipients = tuple(sorted({recipient(key) for key in keys.get("recipients", ())}))
    if keys["kind"] == "age":
        return AgeSettings(recipients)
    if keys["kind"] == "sops":
        return SopsSettings(recipients, tuple(re.findall(r"[A-Za-z0-9_-]+", keys.get("encrypted_regex", ""))))
    return KubernetesSettings(
        keys.get("kubeconfig", ""), keys.get("context", ""), keys.get("type", "Opaque"), keys.get("labels", {})
    )


def sealed_to(settings: Settings, spec: OutputSpec, clients: Iterable[DesiredClient]) -> OutputSpec:
    """The output with what its sink's settings add: their hash, and to whom it is sealed."""
    sink = settings.sinks.get(spec.sink)
    if sink is None:
        return spec
    if isinstance(sink, KubernetesSettings):
        return replace(spec, form=sink.form)
    usual = {recipient(key) for key in settings.state.recipients}.union(*(client.recipients for client in clients))
    return replace(spec, form=sink.form, recipients=sink.recipients or tuple(sorted(usual)))
