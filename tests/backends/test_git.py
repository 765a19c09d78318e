"""State in a branch of a git repository, over a path and over ssh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.backends.contract import RemoteContract, RemoteSite
from tests.backends.gitremote import GitSite, Server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server.make(tmp_path / "server")


@pytest.fixture
def machines(tmp_path: Path) -> Path:
    path = tmp_path / "machines"
    path.mkdir()
    return path


class TestContractOverAPath(RemoteContract):
    """A state in a repository on a disk that is shared."""

    @pytest.fixture
    def remote(self, machines: Path, server: Server) -> RemoteSite:
        return GitSite(machines, server, str(server.repository))

    @pytest.fixture
    def site(self, remote: RemoteSite) -> RemoteSite:
        return remote


class TestContractOverSsh(RemoteContract):
    """A state in a repository of a server that is reached by ssh."""

    @pytest.fixture
    def remote(self, machines: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> RemoteSite:
        monkeypatch.setenv("GIT_SSH_COMMAND", str(server.ssh))
        return GitSite(machines, server, server.url)

    @pytest.fixture
    def site(self, remote: RemoteSite) -> RemoteSite:
        return remote
