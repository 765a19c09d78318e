"""Addresses in iac.yaml that credentials or state go to, and what is wrong with one. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from iac.config.format import is_uri
from iac.transport.origin import Address

_PROGRAM = re.compile(r"[A-Za-z0-9]+::")
"""Git's address of a transport that runs a program (gitremote-helpers(7)), such as `ext::sh -c ..`."""

_HOST_AND_PATH = re.compile(r"[^/:]+:")
"""Git's short address of a repository behind ssh: `[USER@]HOST:PATH` (git-fetch(1), GIT URLS)."""

_IN_CLEAR = "http is for loopback hosts only: credentials would cross the network in clear"
_HOLDS_LOGIN = "it holds a name or a password, and iac.yaml is in version control"


def url_problem(url: str) -> str:
    """Why a URL is none that credentials are sent to; "" when it is one: https, or http on loopback, as an issuer.

    The words never hold the URL: somebody may have written a password into it. A query is refused for that reason.
    """
    if not is_uri(url) or "\\" in url:
        return "it is no URL"
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return _HOLDS_LOGIN
    if parts.scheme not in {"https", "http"} or parts.query or parts.fragment:
        return "it is no https URL, or has more than a host and a path"
    if Address.parse(url):
        return ""
    return _IN_CLEAR if parts.scheme == "http" else "it is no URL"


def repository_problem(repository: str) -> str:
    """Why a git repository cannot be named like this: as `url_problem`, and nothing that git takes for a command."""
    if repository.startswith("-") or _PROGRAM.match(repository) or not repository.isprintable():
        return "it is neither the URL nor the path of a repository"
    if "://" not in repository:
        return ""
    if not is_uri(repository):
        return "it is no URL"
    parts = urlsplit(repository)
    if parts.password is not None or (parts.scheme in {"https", "http"} and parts.username is not None):
        return _HOLDS_LOGIN
    if parts.scheme not in {"https", "http", "ssh", "file"}:
        return "its scheme is none of https, ssh and file"
    return _IN_CLEAR if parts.scheme == "http" and Address.parse(repository) is None else ""


def is_path(repository: str) -> bool:
    """Whether a repository is named by its path, as git tells it from an address."""
    return "://" not in repository and not _HOST_AND_PATH.match(repository)
