"""State in a folder that is mounted from elsewhere."""

from __future__ import annotations

from pathlib import Path

from iac.backends.file.document import FileBackend
from iac.backends.remote import owner_of
from iac.backends.shelf import ShelfPlace
from iac.ports import Site, StateBackend


def open_backend(place: ShelfPlace, site: Site) -> StateBackend:
    """The state of an environment on the shelf."""
    return FileBackend(Path(place.path), owner_of(site), site.clock)
