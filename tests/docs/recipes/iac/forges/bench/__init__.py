"""Pipelines of a forge that reads one file."""

from __future__ import annotations

from iac.ports.settings import Forge

BENCH = Forge(
    name="bench",
    files={".bench/iac.yml": "iac.yml"},
    requirements=".bench/iac-requirements.txt",
    written=(".bench/iac*.yml", ".bench/iac-requirements*.txt"),
    each="$(environment)",
    variable="NAME: $(secret NAME)",
    opener="iac.forges.bench.api",
    sign="BENCH",
    approval="run the job again with this digest",
)
"""One file for all environments."""
