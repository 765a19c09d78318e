"""Where a case runs: a server, a folder for projects, and how many clients it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from benchmarks.floors.bare import open_client
from benchmarks.floors.create_clients import delete
from benchmarks.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.server import Server

READING = 8
"""Requests in flight while reading and changing: the default of iac."""

CREATING = 16
"""Requests in flight while registering."""


class WrongResultError(Exception):
    """A measured run did not do what it should have done, so its time says nothing."""


@dataclass(slots=True)
class Bench:
    """One size on one server. `prefix` begins every client_id that is made here and nothing else."""

    root: Path
    size: int
    prefix: str
    server: Server | None = None
    _projects: dict[str, Project] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def issuer(self) -> str:
        """The server's; only cases that need one ask."""
        if self.server is None:
            raise WrongResultError("this case needs a server")
        return self.server.issuer

    def project(self, name: str, size: int, backend: str = "file") -> Project:
        """The project of this name, made at first use; nothing of it is registered then."""
        if name not in self._projects:
            prefix = f"{self.prefix}-{name}"
            self._projects[name] = Project.make(self.root / name, prefix, size, self.server, backend=backend)
        return self._projects[name]

    def estate(self, backend: str = "file") -> Project:
        """The project with its state there, all of whose clients are registered."""
        name = "estate" if backend == "file" else f"estate-{backend}"
        is_new = name not in self._projects
        project = self.project(name, self.size, backend)
        if is_new:
            project.iac("apply", "--auto-approve", "--parallelism", str(CREATING))
        return project

    def new_text(self) -> str:
        """A description that no client had before."""
        return f"as it was after change {next(self._numbers)}"

    def remove(self, project: Project) -> None:
        """Take a project's clients from the server."""
        with open_client(self.issuer, CREATING, project.environ) as client:
            delete(client, project.client_ids, CREATING)

    def leave(self) -> None:
        """Take everything from the server that was made here; a sandbox is gone anyway."""
        if self.server is not None and not self.server.is_sandbox:
            for project in self._projects.values():
                self.remove(project)
