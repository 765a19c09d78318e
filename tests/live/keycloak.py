"""Keycloak as a place for the scenarios: a realm of its own, and what its administrator does there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.blackbox.front import start_front
from tests.live.real import SECONDS, RealServer, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.blackbox.front import Front

FOLDER = "IAC_TEST_KEYCLOAK"
"""The variable that names the folder with keycloak-quarkus-dist-VERSION.zip."""

STARTS_IN = 600
REALM = "iac"


class Keycloak(RealServer):
    """A realm of its own; what its administrator does goes through the administration API."""

    column = "Keycloak"
    scopes = ("profile",)
    registrations = "/clients-registrations/openid-connect"
    tokens = "/protocol/openid-connect/token"

    def __init__(self, url: str, version: str, front: Front) -> None:
        super().__init__(f"{url}/realms/{REALM}", front)
        self.server, self.version = url, version
        self.programs = Path()
        self._token = ""
        self._ends = 0.0

    def environ(self) -> Mapping[str, str]:
        return {"IAC_INITIAL_ACCESS_TOKEN": self.initial(count=500, seconds=3600)}

    def initial(self, *, count: int, seconds: int) -> str:
        """An initial access token, as an administrator makes one."""
        token: str = self.admin("POST", "clients-initial-access", {"expiration": seconds, "count": count})["token"]
        return token

    def bad_initial(self) -> Mapping[str, str]:
        """Initial access tokens that do not do."""
        used, short = self.initial(count=1, seconds=60), self.initial(count=1, seconds=1)
        self.register("Uses it up", used)
        time.sleep(2)
        return {"wrong": "made-up", "expired": short, "used up": used}

    def policies(self) -> Mapping[str, Mapping[str, Any]]:
        """Definitions that a policy of the realm refuses."""
        return {
            "Allowed Client Scopes": {"scope": ["made-up"]},
            "Trusted Hosts": {"redirect_uris": ["https://elsewhere.example.org/cb"]},
        }

    def trust(self, host: str) -> None:
        """An administrator lets clients have addresses on this host and below it alone, on loopback beside it."""
        self.admin(
            "POST",
            "components",
            {
                "name": "Trusted Hosts",
                "providerId": "trusted-hosts",
                "providerType": "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy",
                "subType": "authenticated",
                "config": {
                    "trusted-hosts": [host, "127.0.0.1"],
                    "host-sending-registration-request-must-match": ["false"],
                    "client-uris-must-match": ["true"],
                },
            },
        )

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the administration API."""
        head = {"Authorization": f"Bearer {self._admin_token()}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.server}/admin/realms/{path and f'{REALM}/{path}'}", data, head, method=method),
                     timeout=SECONDS) as answer:  # fmt: skip
            text = answer.read()
            return json.loads(text) if text else None

    def _admin_token(self) -> str:
        if time.monotonic() > self._ends:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}
            with urlopen(f"{self.server}/realms/master/protocol/openid-connect/token", urlencode(form).encode(),
                         timeout=SECONDS) as answer:  # fmt: skip
                self._token = json.load(answer)["access_token"]
            self._ends = time.monotonic() + 30
        return self._token

    def _client(self, client_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.admin("GET", f"clients?{urlencode({'clientId': client_id})}")[0]
        return found

    def ids(self) -> set[str]:
        """Clients that were registered; those of the realm itself have names of words."""
        return {client["clientId"] for client in self.admin("GET", "clients") if client["clientId"].count("-") == 4}

    def _edit(self, client_id: str, **values: Any) -> None:
        client = self._client(client_id)
        self.admin("PUT", f"clients/{client['id']}", {**client, **values})

    def let_register(self, client_id: str) -> str:
        """The service account of the client gets the role that the realm has for it."""
        account = self.admin("GET", f"clients/{self._client(client_id)['id']}/service-account-user")["id"]
        roles = self._client("realm-management")["id"]
        role = self.admin("GET", f"clients/{roles}/roles/create-client")
        self.admin("POST", f"users/{account}/role-mappings/clients/{roles}", [role])
        return " (role create-client)"

    def change(self, client_id: str, name: str) -> None:
        self._edit(client_id, name=name)

    def mark(self, client_id: str) -> None:
        self._edit(client_id, attributes={**self._client(client_id).get("attributes", {}), "by.hand": "yes"})

    def is_marked(self, client_id: str) -> bool:
        return bool(self._client(client_id)["attributes"].get("by.hand") == "yes")

    def remove(self, client_id: str) -> None:
        self.admin("DELETE", f"clients/{self._client(client_id)['id']}")

    def end_tokens(self, client_id: str) -> None:
        """An administrator makes another one."""
        self.admin("POST", f"clients/{self._client(client_id)['id']}/registration-access-token")


@contextmanager
def start_keycloak(scratch: Path) -> Iterator[Keycloak]:
    """A server of its own on loopback with a data folder of its own; it is ended by its pid."""
    (archive,) = Path(os.environ[FOLDER]).glob("keycloak-quarkus-dist-*.zip")
    version = archive.stem.rpartition("-")[2]
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(scratch)
    home = scratch / f"keycloak-{version}"
    for program in (home / "bin").glob("*.sh"):
        program.chmod(0o755)  # zipfile leaves modes out
    ports = free_ports(2)
    command = ["sh", str(home / "bin/kc.sh"), "start-dev", "--http-host=127.0.0.1", f"--http-port={ports[0]}",
               f"--http-management-port={ports[1]}", "--cache=local"]  # fmt: skip
    environ = {**os.environ, "KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin"}
    with (
        (scratch / "log").open("wb") as log,
        start_front() as front,
        # kc.sh starts Java twice, to build and to serve: its group is ended as a whole
        subprocess.Popen(command, cwd=home, env=environ, stdout=log, stderr=log, start_new_session=True) as server,
    ):
        try:
            place = Keycloak(f"http://127.0.0.1:{ports[0]}", version, front)
            place.programs = home / "bin"
            _wait(place, server, scratch / "log")
            place.admin("POST", "", {"realm": REALM, "enabled": True})
            place.trust("portal.example.org")
            # the first registration loads what the others use, which takes long on a busy machine
            place.remove(place.register("The first", place.initial(count=1, seconds=600))["client_id"])
            yield place
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def _wait(place: Keycloak, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_IN
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-2000:]
        try:
            with urlopen(f"{place.server}/realms/master", timeout=SECONDS):
                return
        except (URLError, ConnectionError):
            time.sleep(0.5)
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-2000:])
