"""Where a file of the project is for whom has the whole repository. Pure."""

from __future__ import annotations

import posixpath

from iac.core.text import printable


def from_root(directory: str, file: str) -> str:
    """The path of a project's file as seen from where the command was started: in a pipeline, the repository's root.

    Args:
        directory: the project's (`-C`), from there.
        file: as a location names it, relative to the project.
    """
    return posixpath.normpath(f"{directory}/{printable(file)}")
