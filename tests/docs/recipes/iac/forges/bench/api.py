"""The API of the forge, for a job of a pipeline."""

from __future__ import annotations

from iac.ports.forge import ForgeApi


class BenchApi(ForgeApi):
    """One repository there. Each abstract method asks by `iac.forges.api.JsonApi`, as in `iac/forges/gitlab/api.py`."""


open_forge = BenchApi
