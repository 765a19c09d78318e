"""Pipelines of a forge that reads one file."""

from __future__ import annotations

from collections.abc import Iterator

from iac.ports.settings import Forge, PipelineFile


class Bench(Forge):
    """One file an environment."""

    name = "bench"
    written = (".bench/iac*.yml", ".bench/iac-requirements*.txt")

    def files(self, suffix: str) -> Iterator[PipelineFile]:
        """The file of an environment."""
        yield PipelineFile(f".bench/iac{suffix}.yml", "iac.yml")

    def secret(self, name: str) -> str:
        """A secret of the project."""
        return f"{name}: $(secret {name})"

    def root(self, suffix: str) -> None:
        """The forge reads what is in .bench."""
