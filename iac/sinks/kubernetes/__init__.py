"""Outputs as Secrets of a Kubernetes cluster: what is known of the sink without opening it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from msgspec import field

from iac.core.desired import OutputSpec, output_id
from iac.core.errors import Diagnostic
from iac.core.plan.change import sha256
from iac.ports.settings import Say, SinkSettings

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_SECRET_PATH = re.compile(rf"{_LABEL}/(?=[^/]{{1,253}}(/|\Z)){_LABEL}(\.{_LABEL})*(/(?!\.\.)[A-Za-z0-9._-]{{1,253}})?")
"""Names of a namespace (RFC 1123 label) and of a Secret (RFC 1123 subdomain), and perhaps a key of its data."""


class KubernetesSettings(SinkSettings, frozen=True):
    """Secrets in a cluster.

    Attributes:
        kubeconfig: path of a kubeconfig, relative to the project; "" for the usual places.
        context: its context; "" for the current one.
    """

    kind: ClassVar = "kubernetes"
    opener: ClassVar = "iac.sinks.kubernetes.sink"
    is_file: ClassVar = False

    kubeconfig: str = ""
    context: str = ""
    type: str = "Opaque"
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, keys: Mapping[str, Any]) -> KubernetesSettings:
        """The settings in its keys."""
        return cls(**{key: part for key, part in keys.items() if key != "kind"})

    @property
    def form(self) -> str:
        """Hash over what decides the object and where it is."""
        return sha256(["kubernetes", self.kubeconfig, self.context, self.type, sorted(self.labels.items())])

    @property
    def files(self) -> tuple[str, ...]:
        """The kubeconfig."""
        return (self.kubeconfig,) if self.kubeconfig else ()

    def place(self, spec: OutputSpec) -> str:
        """The Secret, whatever its key, as `SINK://NAMESPACE/NAME`."""
        return output_id(spec.sink, "/".join(spec.path.split("/")[:2]))

    def check(self, spec: OutputSpec, keys: frozenset[str], say: Say) -> Iterator[Diagnostic]:
        """The path of a Secret, and keys that mean nothing there."""
        if not _SECRET_PATH.fullmatch(spec.path):
            yield say(
                "bad-path",
                "path",
                f"{spec.path} names no key of a Secret",
                why="a sink of kind kubernetes puts an output into a Secret: NAMESPACE/NAME/KEY, or NAMESPACE/NAME for"
                " dotenv",
                fix=f"path: NAMESPACE/NAME/{spec.path.rstrip('/').rpartition('/')[2]}",
            )
        if "mode" in keys:
            yield say(
                "unknown-key",
                "mode",
                f"an output of sink {spec.sink} has no mode",
                why="mode is that of a file, and this is a Secret in a cluster",
                fix="take mode out",
            )
