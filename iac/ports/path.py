"""Paths inside the project that somebody names, as any file system may take them.

Disks of macOS and Windows do not tell `IAC.YAML` from `iac.yaml`, macOS not `é` in one character from `é` in two, and
Windows drops dots and blanks at the end of a name. A project is cloned to such disks, so what is one file there is one
file everywhere.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

PROJECT_FILE = "iac.yaml"
CLIENTS_DIR = "clients.d"
TEMPLATES_DIR = "templates"
STATE_DIR = ".iac"
INPUTS = (PROJECT_FILE, CLIENTS_DIR, TEMPLATES_DIR, "schemas", STATE_DIR)
"""Files and folders that iac reads in a project or keeps there."""

JOB_DIR = "iac-ci"
"""What a job of a pipeline keeps, for everybody who may see the job."""

_OTHERS = re.compile(rf"\.git.*|git~1|codeowners|{JOB_DIR}", re.DOTALL)
"""Names of git and of forges, such as .github and .gitlab-ci.yml: what lies there is run or shown, or grants rights."""
_DROPPED = ". "
_LONGEST, _LONGEST_NAME = 1024, 255  # bytes: limits.h of macOS, the smallest of those that iac runs on


def folded(path: str) -> str:
    """One form of all paths that some file system takes for the same file."""
    return str(PurePosixPath(*(_folded_part(part) for part in PurePosixPath(path).parts)))


def _folded_part(part: str) -> str:
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFD", part).casefold())
    return plain.rstrip(_DROPPED) or part


def path_problem(path: str) -> str:
    """Why a path does not name a file inside the project; "" when it does."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        return "it is not a path inside the project"
    if not path.isprintable():
        return "it contains an invisible character"
    if len(os.fsencode(path)) > _LONGEST or any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts):
        return f"it is longer than {_LONGEST:,} bytes, or a name in it than {_LONGEST_NAME}"
    if any(part[-1] in _DROPPED for part in parts):
        return "a name in it ends with a dot or a blank, which some file systems drop"
    return ""


def path_over(path: str, inputs: Iterable[str] = INPUTS) -> str:
    """The file or folder of iac, git or a forge that a path lies in; "" for none."""
    parts = PurePosixPath(folded(path)).parts
    if foreign := next(filter(_OTHERS.fullmatch, parts), ""):
        return foreign
    known = ((name, PurePosixPath(folded(name)).parts) for name in inputs)
    return next((name for name, its in known if its and parts[: len(its)] == its), "")


def named_file(root: Path, name: str) -> Path:
    """The file that a setting names: relative to the project; `~` is the home folder of an account that is there."""
    try:
        return root / Path(name).expanduser()
    except RuntimeError:
        return root / name


def path_inside(root: Path, path: Path) -> str:
    """A path relative to the project, the links on its way followed; "" when it lies outside."""
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(root))
    return "" if ".." in PurePosixPath(inside).parts else inside
