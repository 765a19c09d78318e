"""State in a folder that is mounted from elsewhere: what is known of it without opening it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from iac.ports.settings import BackendSettings, Problem


class ShelfPlace(BackendSettings, frozen=True):
    """A file in a folder that is mounted."""

    name: ClassVar = "shelf"
    keys: ClassVar = ("path",)
    needed: ClassVar = {"path": "/srv/states/demo.json"}
    opener: ClassVar = "iac.backends.shelf.document"

    path: str

    @classmethod
    def parse(cls, keys: Mapping[str, Any], project: str, environment: str) -> ShelfPlace:
        """The file that is named."""
        return cls(keys.get("path", ""))

    @classmethod
    def problems(cls, keys: Mapping[str, Any]) -> Iterator[Problem]:
        """A path that is not absolute."""
        if not keys.get("path", "/").startswith("/"):
            yield "path", "it is not absolute", "path: /srv/states/demo.json"

    @property
    def where(self) -> str:
        """The path."""
        return self.path
