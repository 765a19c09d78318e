"""Pipelines of a forge that reads one file."""

from __future__ import annotations

from typing import ClassVar

from iac.ports.settings import Forge


class Bench(Forge):
    """One file for all environments."""

    name = "bench"
    files: ClassVar = {".bench/iac.yml": "iac.yml"}
    requirements = ".bench/iac-requirements.txt"
    written = (".bench/iac*.yml", ".bench/iac-requirements*.txt")
    each = "$(environment)"
    opener = "iac.forges.bench.api"
    sign = "BENCH"
    approval = "run the job again with this digest"

    def secret(self, name: str) -> str:
        """A secret of the project."""
        return f"{name}: $(secret {name})"
