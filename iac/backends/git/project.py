"""What git needs to reach a remote as the project's own repository does: its address and the settings of its transport.

CI leaves its token in the settings of the checkout (`http.<url>.extraheader`), people have credential helpers, ssh
commands and rewritten addresses there. A repository elsewhere on this machine sees those of the user and the system
already; what the project's repository adds to them is handed over.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iac.backends.git.command import Git, without_userinfo
from iac.core.errors import InputError
from iac.core.limits import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

REMOTE = "state"
"""The name of the remote in the private repository."""

_TRANSPORT = ("http.", "https.", "credential.", "url.", "ssh.", "protocol.", "core.sshcommand", "core.gitproxy")
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=15"
_OF_REMOTE = ("proxy", "proxyauthmethod", "uploadpack", "receivepack")

Entries = tuple[tuple[str, str], ...]
"""Settings in git's order: `section.subsection.name` and value. A name may stand several times."""


@dataclass(frozen=True, slots=True)
class Route:
    """How a remote is reached.

    Attributes:
        directory: what relative addresses start from.
        entries: settings that lead to it.
        identity: whose name commits carry: `name <address>`.
    """

    directory: Path
    entries: Entries
    identity: str


def read_entries(git: Git) -> Entries:
    """All settings that a git has where it runs.

    Raises:
        InputError: they cannot be read.
    """
    answer = git.run("config", "--list", "--includes", "-z")
    if not answer.is_ok:
        raise InputError(
            "git's settings cannot be read", where=str(git.directory), why=answer.said, fix="git config -l"
        )
    fields = (field.partition(b"\n") for field in answer.out.split(b"\0")[:-1])
    return tuple((os.fsdecode(key), os.fsdecode(value) if has_value else "true") for key, has_value, value in fields)


def find_route(project: Git, own: Entries, remote: str) -> Route:
    """The way to `remote`: the name of a remote of the project's repository, or an address.

    Args:
        project: git in the project's directory.
        own: what the repository sees that the route is for; it need not be told again.
        remote: a name, or a URL or path.

    Raises:
        InputError: it is neither, or there is no repository to ask.
    """
    entries = read_entries(project)
    top = project.run("rev-parse", "--show-toplevel")
    directory = Path(os.fsdecode(top.out).removesuffix("\n")) if top.is_ok else project.directory
    added = (Counter(entries) - Counter(own)).elements()
    kept = (*_ssh(project, entries), *((key, value) for key, value in added if key.startswith(_TRANSPORT)))
    names = sorted({key.split(".", 1)[1].rsplit(".", 1)[0] for key, _ in entries if _is_address(key)})
    if remote in names:
        address = _address_of(project, remote)
        return Route(directory, (*kept, *_settings_of(entries, remote), *_exactly(address)), _identity(entries))
    if "/" in remote or ":" in remote:
        return Route(directory, (*kept, (f"remote.{REMOTE}.url", remote)), _identity(entries))
    if not top.is_ok:
        raise InputError(
            "the project lies in no git repository that can be used",
            where=f"remote {remote}, {project.directory}",
            why=top.said,
            fix="git init, then git remote add; or name a repository in iac.yaml: state.repository",
        )
    raise _no_remote(remote, names)


def _ssh(project: Git, entries: Entries) -> Entries:
    """An ssh that does not ask, where none is set."""
    is_set = "GIT_SSH" in project.environ or any(key == "core.sshcommand" for key, _ in entries)
    return () if is_set else (("core.sshcommand", _SSH),)


def _is_address(key: str) -> bool:
    return key.startswith("remote.") and key.endswith((".url", ".pushurl"))


def _address_of(project: Git, remote: str) -> str:
    """Where git would push to, its rewriting done."""
    answer = project.run("remote", "get-url", "--push", "--", remote)
    return os.fsdecode(answer.out).removesuffix("\n")


def _exactly(address: str) -> Entries:
    """Settings for this address as it is: of the rules that rewrite addresses the one that says most wins."""
    return (
        (f"remote.{REMOTE}.url", address),
        (f"remote.{REMOTE}.pushurl", address),
        (f"url.{address}.insteadof", address),
    )


def _settings_of(entries: Entries, remote: str) -> Entries:
    names = {f"remote.{remote}.{name}": f"remote.{REMOTE}.{name}" for name in _OF_REMOTE}
    return tuple((names[key], value) for key, value in entries if key in names)


def _identity(entries: Entries) -> str:
    """The user's, for servers that ask for it; what is not set is iac's."""
    last = dict(entries)
    name, address = ("".join(char for char in last.get(key, "") if char not in "<>\n") for key in _USER)
    return f"{name.strip() or 'iac'} <{address.strip() or 'iac@localhost'}>"


_USER = ("user.name", "user.email")


def _no_remote(remote: str, names: Sequence[str]) -> InputError:
    shown = without_userinfo(remote)
    known = f"its remotes: {listed(names)}" if names else "it has none"
    return InputError(
        "the project's repository has no such remote",
        where=f"remote {shown}",
        why=known,
        fix=f"git remote add {shown} URL; or name another in iac.yaml: state.remote, or state.repository: ./PATH",
    )
