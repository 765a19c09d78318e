"""The way to a remote, as the project's own repository has it: the address and the settings of the transport.

CI leaves its token in the settings of the checkout (`http.<url>.extraheader`, `core.sshCommand`), people have
credential helpers, ssh commands and rewritten addresses there. A repository elsewhere on this machine sees those of the
user and the system already; of what the project's repository adds, the settings of `_TRANSPORT` are handed over. What a
commit can change is not obeyed: no setting of a file of the work tree, and no repository in it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from iac.core.errors import InputError
from iac.core.text import listed
from iac.git import Entries, Git, find_work_tree, given_config, open_work_tree, read_entries, without, without_userinfo

REMOTE = "state"
"""The name of the remote in the private repository."""

_TRANSPORT = ("http.", "https.", "credential.", "url.", "ssh.", "protocol.", "core.sshcommand", "core.gitproxy")
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=15"
_OF_REMOTE = ("proxy", "proxyauthmethod", "uploadpack", "receivepack")
_USER = ("user.name", "user.email")
_ADDRESS = re.compile(r"remote\.(.*)\.(?:push)?url", re.DOTALL)
_ELSEWHERE = re.compile(r"(?!file://)[^/]*:")  # git takes what has a colon before its first slash for a server


class Route(Struct, frozen=True):
    """The way to a remote.

    Attributes:
        directory: what relative addresses start from.
        entries: settings that lead to it.
        identity: whose name commits carry: `name <address>`.
    """

    directory: Path
    entries: Entries
    identity: str


class _Project(Struct, frozen=True):
    """The repository that a project lies in, as far as it leads to servers.

    Attributes:
        directory: the root of the work tree; the project's folder where that lies in none.
        root: the same, None where there is none.
        entries: all settings there.
        refusal: why git does not use the repository; "" when it does.
    """

    directory: Path
    root: Path | None
    entries: Entries
    refusal: str = ""


def find_route(folder: Path, private: Git, remote: str) -> Route:
    """The way to `remote`: the name of a remote of the project's repository, or an address.

    Args:
        folder: the project's.
        private: git in the repository that the route is for; what it sees already need not be told again.
        remote: a name, or a URL or path.

    Raises:
        InputError: it is neither, there is no repository to ask, or a commit could change where it leads.
    """
    project, own = _read_project(folder, private)
    entries = project.entries
    added = tuple((key, value) for key, value in without(entries, own) if key.startswith(_TRANSPORT))
    kept = (*_ssh(entries), *added)
    names = sorted({match[1] for key, _ in entries if (match := _ADDRESS.fullmatch(key))})
    if remote in names:
        address = _address_of(entries, remote)
        exactly = (
            (f"remote.{REMOTE}.url", address),
            (f"remote.{REMOTE}.pushurl", address),
            # of the rules that rewrite addresses the one that says most wins: this one keeps the address as it is
            (f"url.{address}.insteadof", address),
        )
        return Route(project.directory, (*kept, *_settings_of(entries, remote), *exactly), _identity(entries))
    if "/" in remote or ":" in remote:
        _check_place(project, _rewritten(remote, entries, "insteadof"))
        return Route(project.directory, (*kept, (f"remote.{REMOTE}.url", remote)), _identity(entries))
    if project.root is None or project.refusal:
        raise InputError(
            "the project is in no usable git repository",
            where=f"remote {remote}, {folder}",
            why=project.refusal or f"not a git repository: neither {folder} nor a folder above it holds .git",
            fix="git init, then git remote add; or name a repository in iac.yaml: state.repository",
        )
    shown = without_userinfo(remote)
    raise InputError(
        "the project's repository has no such remote",
        where=f"remote {shown}",
        why=f"its remotes: {listed(names)}" if names else "it has none",
        fix=f"git remote add {shown} URL; or name another in iac.yaml: state.remote, or state.repository: ./PATH",
    )


def _read_project(folder: Path, private: Git) -> tuple[_Project, Entries]:
    """The project's repository, and the settings that the private one sees."""
    root = find_work_tree(folder)
    own, included = read_entries(private, root)
    if included:
        raise InputError(
            "git's settings include a file of the work tree",
            where=str(included[0]),
            why="a commit could then decide which programs git runs with your credentials",
            fix="take the include out of your own settings: git config --global --edit",
        )
    if root is None:
        return _Project(folder, None, _outside(private)), own
    try:
        git = open_work_tree(root)
    except InputError as error:
        return _Project(folder, root, _outside(private), error.why), own
    return _Project(root, root, read_entries(git, root)[0]), own


def _outside(private: Git) -> Entries:
    """The settings that a git without a repository sees: the files of the user and the system, and the environment."""
    return read_entries(replace(private, variables={**private.variables, **given_config(os.environ)}))[0]


def _check_place(project: _Project, address: str) -> None:
    """Refuse a repository that lies in the work tree: git runs its hooks at a push."""
    if project.root is None or _ELSEWHERE.match(address):
        return
    path = (project.directory / address.removeprefix("file://")).resolve()
    if path.is_relative_to(project.root) and path not in {project.root, project.root / ".git"}:
        raise InputError(
            "the state's repository is in the work tree",
            where=str(path),
            why="a commit could change its hooks, which git runs at a push",
            fix="put it elsewhere, and name it in iac.yaml: state.repository",
        )


def _ssh(entries: Entries) -> Entries:
    """An ssh that does not ask, where none is set."""
    is_set = "GIT_SSH" in os.environ or any(key == "core.sshcommand" for key, _ in entries)
    return () if is_set else (("core.sshcommand", _SSH),)


def _address_of(entries: Entries, remote: str) -> str:
    """The address that git would push to, after rewriting (git-config(1), url.<base>.insteadOf and pushInsteadOf)."""
    first = dict(reversed(entries))
    push = first.get(f"remote.{remote}.pushurl")
    if push is not None:
        return _rewritten(push, entries, "insteadof")
    url = first[f"remote.{remote}.url"]
    rewritten = _rewritten(url, entries, "pushinsteadof")
    return rewritten if rewritten != url else _rewritten(url, entries, "insteadof")


def _rewritten(address: str, entries: Entries, rule: str) -> str:
    """The address by the rule that says most of it, once."""
    rules = [
        (beginning, key.removeprefix("url.").removesuffix(f".{rule}"))
        for key, beginning in entries
        if key.startswith("url.") and key.endswith(f".{rule}") and address.startswith(beginning)
    ]
    if not rules:
        return address
    beginning, base = max(rules, key=lambda pair: len(pair[0]))
    return base + address[len(beginning) :]


def _settings_of(entries: Entries, remote: str) -> Entries:
    names = {f"remote.{remote}.{name}": f"remote.{REMOTE}.{name}" for name in _OF_REMOTE}
    return tuple((names[key], value) for key, value in entries if key in names)


def _identity(entries: Entries) -> str:
    """The user's, for servers that ask for it; what is not set is iac's."""
    effective = dict(entries)
    name, address = ("".join(char for char in effective.get(key, "") if char not in "<>\n") for key in _USER)
    return f"{name.strip() or 'iac'} <{address.strip() or 'iac@localhost'}>"
