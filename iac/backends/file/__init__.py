"""State in a file of one machine: what is known of it without opening it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from iac.core.desired import DEFAULT
from iac.ports.path import INPUTS, STATE_DIR, folded, path_over, path_problem
from iac.ports.settings import BackendSettings, ClearText, Problem


class FilePlace(BackendSettings, frozen=True):
    """A file of this machine. `path`: relative to the project, or absolute."""

    name: ClassVar = "file"
    keys: ClassVar = ("path",)
    clear_text: ClassVar = ClearText.OWN
    opener: ClassVar = "iac.backends.file.document"
    starter: ClassVar = "path: .iac/state.json"

    path: str

    @classmethod
    def parse(cls, keys: Mapping[str, Any], project: str, environment: str) -> FilePlace:
        """The file that is named, else one in the project's own folder."""
        usual = cls.usual(project, environment) if environment != DEFAULT else f"{STATE_DIR}/state.json"
        return cls(keys.get("path", usual))

    @classmethod
    def problems(cls, keys: Mapping[str, Any]) -> Iterator[Problem]:
        """A path that does not name a file, or names one that iac or git reads."""
        if "path" in keys and (problem := _problem(keys["path"])):
            yield "path", problem, f"path: {STATE_DIR}/NAME.state.json"

    @classmethod
    def usual(cls, project: str, environment: str) -> str:
        """A file of the environment's in the project's own folder."""
        return f"{STATE_DIR}/{environment}.state.json"

    @property
    def where(self) -> str:
        """The path."""
        return self.path

    @property
    def identity(self) -> str:
        """One text for all paths that are one file, on some file system at least."""
        return folded(posixpath.normpath(self.path))

    @property
    def file(self) -> str:
        """The path."""
        return self.path


def _problem(path: str) -> str:
    """Why a state cannot be kept in this file; a path out of the project is the user's own choice."""
    inside = posixpath.normpath(path)
    if posixpath.isabs(inside) or inside.startswith("../"):
        return "" if path.isprintable() else "it contains an invisible character"
    over = path_over(inside, (name for name in INPUTS if name != STATE_DIR))
    return path_problem(inside) or (f"{over} is there, which iac or git reads" if over else "")
