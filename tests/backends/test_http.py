"""State on a server of Terraform's protocol: the suite of all backends, for GitLab and for plain servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.backends.contract import RemoteContract
from tests.backends.httpsite import HttpSite
from tests.backends.stateserver import GitLab, Plain, StateServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[GitLab, Plain])
def server(request: pytest.FixtureRequest) -> Iterator[StateServer]:
    with serving(request.param()) as made:
        yield made


@pytest.fixture
def remote(server: StateServer, tmp_path: Path) -> HttpSite:
    return HttpSite(tmp_path, server)


@pytest.fixture
def site(remote: HttpSite) -> HttpSite:
    return remote


class TestContract(RemoteContract):
    """A state on such a server keeps what every backend promises."""
