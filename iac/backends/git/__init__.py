"""State in a branch of a git repository: what is known of it without opening it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from iac.core.origin import HOLDS_LOGIN, IN_CLEAR, Address, is_uri
from iac.ports.path import named_file, path_over, path_problem
from iac.ports.settings import BackendSettings, ClearText, Problem

_PROGRAM = re.compile(r"[A-Za-z0-9]+::")
"""Git's address of a transport that runs a program (gitremote-helpers(7)), such as `ext::sh -c ..`."""

_HOST_AND_PATH = re.compile(r"[^/:]+:")
"""Git's short address of a repository behind ssh: `[USER@]HOST:PATH` (git-fetch(1), GIT URLS)."""


class GitPlace(BackendSettings, frozen=True):
    """A file on a branch.

    Attributes:
        remote: of the repository that the project lies in.
        branch: of the document; it need not be there yet.
        path: the document's file in the branch.
        repository: URL or path of another repository; "" for the one that `remote` is a remote of.
    """

    name: ClassVar = "git"
    keys: ClassVar = ("repository", "remote", "branch", "path")
    alternatives: ClassVar = ("repository", "remote")
    clear_text: ClassVar = ClearText.HISTORY
    opener: ClassVar = "iac.backends.git.branch"
    starter: ClassVar = "remote: origin\n  branch: iac-state  # a branch of its own, made with the state"

    remote: str
    branch: str
    path: str
    repository: str = ""

    @classmethod
    def parse(cls, keys: Mapping[str, Any], project: str, environment: str) -> GitPlace:
        """The branch of state of the project's own repository, unless another is named."""
        return cls(
            keys.get("remote", "origin"),
            keys.get("branch", "iac-state"),
            keys.get("path", cls.usual(project, environment)),
            keys.get("repository", ""),
        )

    @classmethod
    def problems(cls, keys: Mapping[str, Any]) -> Iterator[Problem]:
        """Two repositories or an unusable one, and a path that does not name a file."""
        if problem := repository_problem(keys.get("repository", "")):
            yield "repository", problem, "repository: https://git.example.org/GROUP/STATE.git"
        if "repository" in keys and "remote" in keys:
            why = "repository names another repository, remote a remote of the project's own"
            yield "remote", why, "take one of them out"
        path = keys.get("path", "state")
        if {"", ".", ".."} & set(path.split("/")) or path_problem(path) or path_over(path, ()):
            yield "path", "it is not the path of a file on a branch", "path: PROJECT/ENVIRONMENT.json"

    @property
    def where(self) -> str:
        """File, branch and repository."""
        return f"{self.path} in branch {self.branch} of {self.repository or self.remote}"

    def target(self, root: Path) -> str:
        """The repository in a form that git takes: a URL, an absolute path, or the name of a remote."""
        if self.repository and is_path(self.repository):
            return str(named_file(root, self.repository).resolve())
        return self.repository or self.remote


def repository_problem(repository: str) -> str:
    """Why a git repository cannot be named like this: as `url_problem`, and nothing that git takes for a command."""
    if repository.startswith("-") or _PROGRAM.match(repository) or not repository.isprintable():
        return "it is neither the URL nor the path of a repository"
    if "://" not in repository:
        return ""
    if not is_uri(repository):
        return "it is not a URL"
    parts = urlsplit(repository)
    if parts.password is not None or (parts.scheme in {"https", "http"} and parts.username is not None):
        return HOLDS_LOGIN
    if parts.scheme not in {"https", "http", "ssh", "file"}:
        return "its scheme is not https, ssh or file"
    return IN_CLEAR if parts.scheme == "http" and Address.parse(repository) is None else ""


def is_path(repository: str) -> bool:
    """Whether a repository is named by its path, as git tells it from an address."""
    return "://" not in repository and not _HOST_AND_PATH.match(repository)
