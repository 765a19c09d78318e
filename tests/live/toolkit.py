"""django-oauth-toolkit as a place for the scenarios, with OpenID Connect and without."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.blackbox.front import start_front
from tests.live.real import ControlledServer, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.blackbox.front import Front

SITE = Path(__file__).parent / "django_oauth_toolkit/site.py"
PYTHON = "IAC_TEST_OAUTH_TOOLKIT"
"""The variable that names the Python in whose environment django-oauth-toolkit is installed."""


class OAuthToolkit(ControlledServer):
    """It keeps names, redirect URIs, one grant and whether there is a secret."""

    column = "django-oauth-toolkit"
    scopes = None
    registrations = "/register/"
    tokens = "/token/"

    def __init__(self, url: str, front: Front, *, has_oidc: bool) -> None:
        super().__init__(url, front)
        self.column = f"{type(self).column}{'' if has_oidc else ' without OpenID Connect'}"

    def bad_initial(self) -> Mapping[str, str]:
        self.register("Uses it up", "once")
        return {"wrong": "made-up", "used up": "once"}


@contextmanager
def start_oauth_toolkit(scratch: Path, *, has_oidc: bool) -> Iterator[OAuthToolkit]:
    """A server of its own on loopback; it ends with the standard input that it is given, and by its pid."""
    (port,) = free_ports(1)
    command = [os.environ[PYTHON], str(SITE), str(port), str(scratch / "clients.sqlite3"), *(["oidc"] * has_oidc)]
    with (
        start_front() as front,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            assert "ready" in server.stdout.readline()
            yield OAuthToolkit(f"http://127.0.0.1:{port}", front, has_oidc=has_oidc)
        finally:
            server.kill()
