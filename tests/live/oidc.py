"""oidc-provider as a place for the scenarios; and how it is started and ended."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.blackbox.front import start_front
from tests.live.real import ControlledServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVER = Path(__file__).parent / "oidc_provider/server.mjs"
FOLDER = "IAC_TEST_OIDC_PROVIDER"
"""The variable that names the folder in which npm has installed oidc-provider."""


class OidcProvider(ControlledServer):
    """Every PUT brings another registration access token."""

    column = "oidc-provider, `rfc7591`"
    registrations = "/reg"
    tokens = "/token"

    def bad_initial(self) -> Mapping[str, str]:
        return {"wrong": "made-up"}


@contextmanager
def start_oidc_provider(**environ: str) -> Iterator[OidcProvider]:
    """A server of its own on loopback; it ends with the standard input that it is given, and by its pid."""
    command = ["node", str(SERVER), os.environ[FOLDER]]
    with (
        start_front() as front,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ},
        ) as server,
    ):  # fmt: skip
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            assert port.isdecimal(), "it did not start; its errors stand above"
            yield OidcProvider(f"http://127.0.0.1:{port}", front)
        finally:
            server.kill()
