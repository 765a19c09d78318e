"""Settings to the backend of a state: the adapter in use alone is imported, its secrets are read here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, assert_never

from iac.config.place import FilePlace, GitPlace, HttpPlace, S3Place
from iac.core.errors import InputError
from iac.core.text import install_extra

if TYPE_CHECKING:
    from iac.backends.cell import Cell
    from iac.config.settings import Settings
    from iac.config.source import Source
    from iac.core.secret import Secret
    from iac.ports import Clock, Deliveries, Lock, StateBackend


def open_backend(settings: Settings, clock: Clock) -> StateBackend:
    """The backend of an environment's state; it refuses a state of another project, environment, issuer or lineage.

    Raises:
        InputError: a secret that leads to the place cannot be had, or what the backend needs is not installed.
    """
    from iac.core.state.document import Owner  # not where no state is used

    state = settings.state
    owner = Owner(settings.project, settings.environment, settings.issuer, state.lineage)
    if isinstance(state.place, FilePlace):
        from iac.backends.file import FileBackend  # the backend in use alone

        return FileBackend(settings.root / state.place.path, owner, clock)
    from iac.backends.remote import Places, RemoteBackend

    document, lock = _open_place(settings, state.place, clock)
    return RemoteBackend(document, lock, owner, clock, Places(settings.root / ".iac" / f"{state.lineage}.journal"))


def open_deliveries(settings: Settings, clock: Clock) -> Deliveries:
    """What this machine has written of the outputs of an environment."""
    from iac.backends.deliveries import FileDeliveries  # not where no state is used

    return FileDeliveries(settings.root / ".iac" / f"{settings.state.lineage or 'none'}.outputs", clock)


def _open_place(settings: Settings, place: GitPlace | HttpPlace | S3Place, clock: Clock) -> tuple[Cell, Lock]:
    """Where the document is, and the lock."""
    match place:
        case GitPlace():
            return _leased(settings, clock, _open_git(settings, place))
        case HttpPlace():
            return _open_http(settings, place, clock)
        case S3Place():
            return _leased(settings, clock, _open_s3(settings, place))
        case _:
            assert_never(place)


def _leased(settings: Settings, clock: Clock, cells: tuple[Cell, Cell]) -> tuple[Cell, Lock]:
    from iac.backends.lease import Lease

    document, note = cells
    return document, Lease(note, clock, settings.environment)


def _open_git(settings: Settings, place: GitPlace) -> tuple[Cell, Cell]:
    from iac.backends.git import GitPlace as Branch
    from iac.backends.git import open_git

    return open_git(settings.root, Branch(place.target(settings.root), place.branch, place.path))


def _open_http(settings: Settings, place: HttpPlace, clock: Clock) -> tuple[Cell, Lock]:
    from iac.backends.http import HttpPlace as Server  # brings in the HTTP library
    from iac.backends.http import open_http
    from iac.wiring.login import state_transport

    username = _read(settings, place.username)
    server = Server(
        address=place.address,
        lock_address=place.lock_address,
        unlock_address=place.unlock_address,
        update_method=place.update_method,
        lock_method=place.lock_method,
        unlock_method=place.unlock_method,
        username=username.reveal() if username else "",
        password=_read(settings, place.password),
    )
    return open_http(server, clock, state_transport(settings), settings.environment)


def _open_s3(settings: Settings, place: S3Place) -> tuple[Cell, Cell]:
    try:
        from iac.backends.s3 import S3Place as Bucket  # brings in obstore
        from iac.backends.s3 import open_s3
    except ModuleNotFoundError as error:
        fix = install_extra("s3")
        raise InputError("backend s3 is not installed", where="state.backend", why=str(error), fix=fix) from error
    return open_s3(
        Bucket(
            bucket=place.bucket,
            key=place.key,
            region=place.region,
            endpoint=place.endpoint,
            access_key_id=_read(settings, place.access_key_id),
            secret_access_key=_read(settings, place.secret_access_key),
        )
    )


def _read(settings: Settings, source: Source | None) -> Secret | None:
    return source.read(os.environ, settings.root) if source else None
