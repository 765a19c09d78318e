"""Where a state lives, as iac.yaml says it. Secrets are named here and read later.

`where` names the place in messages. Two states with the same words have the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iac.config.layers import DEFAULT
from iac.config.path import named_file
from iac.config.source import Source
from iac.config.url import is_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEYS: Mapping[str, tuple[str, ...]] = {
    "file": ("path",),
    "git": ("repository", "remote", "branch", "path"),
    "http": (
        "address", "lock_address", "unlock_address", "update_method", "lock_method", "unlock_method",
        "username", "password",
    ),
    "s3": ("bucket", "key", "region", "endpoint", "access_key_id", "secret_access_key"),
}  # fmt: skip
"""Backend -> the keys of `state` that say where."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A file of this machine. `path`: relative to the project, or absolute."""

    path: str

    @property
    def where(self) -> str:
        """The path."""
        return self.path


@dataclass(frozen=True, slots=True)
class GitPlace:
    """A file on a branch.

    Attributes:
        repository: URL or path; "" for the project's own, of which `remote` is a remote.
    """

    repository: str
    remote: str
    branch: str
    path: str

    @property
    def where(self) -> str:
        """File, branch and repository."""
        return f"{self.path} in branch {self.branch} of {self.repository or self.remote}"

    def target(self, root: Path) -> str:
        """What git takes for the repository: a URL, an absolute path, or the name of a remote."""
        if self.repository and is_path(self.repository):
            return str(named_file(root, self.repository).resolve())
        return self.repository or self.remote


@dataclass(frozen=True, slots=True)
class HttpPlace:
    """A URL that speaks Terraform's state protocol."""

    address: str
    lock_address: str
    unlock_address: str
    update_method: str = "POST"
    lock_method: str = "POST"
    unlock_method: str = "DELETE"
    username: Source | None = None
    password: Source | None = None

    @property
    def where(self) -> str:
        """The URL."""
        return self.address


@dataclass(frozen=True, slots=True)
class S3Place:
    """An object in a bucket. `endpoint` and `region` are "" for what AWS and its environment variables say."""

    bucket: str
    key: str
    region: str = ""
    endpoint: str = ""
    access_key_id: Source | None = None
    secret_access_key: Source | None = None

    @property
    def where(self) -> str:
        """Bucket, key and endpoint."""
        return f"s3://{self.bucket}/{self.key}" + (f" at {self.endpoint}" if self.endpoint else "")


Place = FilePlace | GitPlace | HttpPlace | S3Place


def parse_place(backend: str, keys: Mapping[str, Any], project: str, environment: str) -> Place:
    """The place that `state` names; a needed key that is missing becomes "", which `check_state` says."""
    document = f"{project}/{environment}.json"
    if backend == "git":
        return GitPlace(
            keys.get("repository", ""),
            keys.get("remote", "origin"),
            keys.get("branch", "iac-state"),
            keys.get("path", document),
        )
    if backend == "http":
        return _http(keys)
    if backend == "s3":
        return S3Place(
            keys.get("bucket", ""),
            keys.get("key", document),
            keys.get("region", ""),
            keys.get("endpoint", ""),
            _source(keys, "access_key_id"),
            _source(keys, "secret_access_key"),
        )
    return FilePlace(keys.get("path", f".iac/{'' if environment == DEFAULT else f'{environment}.'}state.json"))


def _http(keys: Mapping[str, Any]) -> HttpPlace:
    """GitLab locks and unlocks at ADDRESS/lock, by POST and DELETE (docs.gitlab.com, Terraform state API)."""
    address = keys.get("address", "")
    lock = keys.get("lock_address", f"{address.rstrip('/')}/lock")
    return HttpPlace(
        address,
        lock,
        keys.get("unlock_address", lock),
        keys.get("update_method", "POST"),
        keys.get("lock_method", "POST"),
        keys.get("unlock_method", "DELETE"),
        _source(keys, "username"),
        _source(keys, "password"),
    )


def _source(keys: Mapping[str, Any], key: str) -> Source | None:
    return Source.parse(f"state.{key}", keys[key]) if key in keys else None
