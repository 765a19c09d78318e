"""Outputs as files of the project, in clear: what is known of it without opening it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from iac.core.desired import FILE, OutputSpec
from iac.core.errors import Diagnostic
from iac.ports.settings import Say, SinkSettings

_OTHERS = 0o007


class FileOutputs(SinkSettings, frozen=True):
    """Private files. This sink is there without being named."""

    kind: ClassVar = FILE
    opener: ClassVar = "iac.sinks.file.sink"

    @classmethod
    def parse(cls, keys: Mapping[str, Any]) -> FileOutputs:
        """It has nothing to set."""
        return cls()

    @property
    def form(self) -> str:
        """Nothing but the content decides the bytes."""
        return ""

    def check(self, spec: OutputSpec, keys: frozenset[str], say: Say) -> Iterator[Diagnostic]:
        """Warn when others could read the secret."""
        if spec.mode & _OTHERS:
            summary = f"{spec.path} would be open to everybody on the machine (mode {spec.mode:04o})"
            yield say("output-open-to-others", "mode", summary, why="it holds a secret", fix='mode: "0640"')
