"""A project of so many definitions, as a user would have it: iac.yaml, a file a client, state with its key."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from benchmarks.process import IAC, run
from iac.core.model import GRANT_TYPES, NewClient
from iac.core.secret import Secret
from iac.core.server import create_body
from iac.document import parse_document
from iac.sealing import new_identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.server import Server
    from iac.session import Session

_PER_FOLDER = 100
_PROJECT = """\
project: benchmark
issuer: {issuer}
provider: iam-admin
auth:
  method: client_credentials
  client_id: {{env: IAC_CLIENT_ID}}
  client_secret: {{env: IAC_CLIENT_SECRET}}
state:
  {place}
  encryption:
    recipients: [{recipient}]
    identity: {{env: IAC_AGE_IDENTITY}}
"""
_PLACES = {
    "file": "backend: file\n  path: .iac/state.json",
    "git": "backend: git\n  repository: ./remote.git",
}
_DEFINITION = """\
# The {n}th of many services that one project looks after.
client_id: {client_id}
client_name: Service {n} of the benchmark
client_description: {description}
client_uri: https://service-{n}.example.org/about
contacts:
  - service-{n}@example.org
  - operations@example.org
grant_types: [authorization_code, refresh_token, token-exchange]
response_types: [code]
redirect_uris:
  - https://service-{n}.example.org/auth/oidc_token
  - https://service-{n}.example.org/auth/oidc_code
scope:
  - openid
  - profile
  - email
  - offline_access
  - wlcg.groups
  - storage.read:/data/{n}
token_endpoint_auth_method: client_secret_basic
code_challenge_method: S256
access_token_validity_seconds: 3600
refresh_token_validity_seconds: 2592000
id_token_validity_seconds: 600
lifecycle:
  prevent_destroy: true
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A project on disk.

    Attributes:
        prefix: what its client_ids begin with; nothing else on the server begins so.
        environ: the login, the key of the state, and the caller's own environment.
    """

    root: Path
    prefix: str
    size: int
    environ: dict[str, str]

    @classmethod
    def make(
        cls, root: Path, prefix: str, size: int, server: Server | None = None, *, backend: str = "file"
    ) -> Project:
        """Write the files; with a server the state, too: in a file, or in a git repository beside it."""
        identity, recipient = new_identity()
        environ = {**os.environ, "IAC_AGE_IDENTITY": identity.reveal(), "XDG_CONFIG_HOME": str(root / ".config")}
        project = cls(root, prefix, size, environ | (server.environ if server else {}))
        issuer = server.issuer if server else "https://iam.example.org/"
        root.mkdir(parents=True)
        text = _PROJECT.format(issuer=issuer, recipient=recipient, place=_PLACES[backend])
        (root / "iac.yaml").write_text(text, encoding="utf-8")
        project.describe(range(size), "as it was at first")
        if backend == "git":
            run(["git", "init", "--quiet", "--bare", str(root / "remote.git")], environ)
        if server:
            project.iac("state", "init")
        if server and backend == "file":
            shutil.copytree(root / ".iac", root / "pristine")
        return project

    @property
    def client_ids(self) -> list[str]:
        """The ids of its clients."""
        return [self._client_id(n) for n in range(self.size)]

    def _client_id(self, n: int) -> str:
        return f"{self.prefix}-{n:05}"

    def describe(self, numbers: Sequence[int], description: str) -> None:
        """Write these definitions, with this description."""
        for n in numbers:
            file = self.root / "clients.d" / f"group-{n // _PER_FOLDER:03}" / f"{self._client_id(n)}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            text = _DEFINITION.format(n=n, client_id=self._client_id(n), description=description)
            file.write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """An iac command on this project."""
        return [*IAC, "-C", str(self.root), *arguments]

    def iac(self, *arguments: str) -> str:
        """Run an iac command; what it printed."""
        return run(self.command(*arguments), self.environ)

    def forget(self) -> None:
        """Put the state back to what it was before the first apply."""
        shutil.rmtree(self.root / ".iac")
        shutil.copytree(self.root / "pristine", self.root / ".iac")

    @contextmanager
    def open(self, in_flight: int) -> Iterator[Session]:
        """The session that a command would work with, logged in."""
        from iac.cli.context import CommandContext  # with the adapters, not needed by the whole processes
        from iac.wiring import Access, open_session

        os.environ.update(self.environ)
        with open_session(CommandContext(str(self.root)), Access.WRITE, parallelism=in_flight) as session:
            session.provider.identify()
            yield session


def redescribed(session: Session, count: int, description: str) -> Session:
    """The session of a project in which the first `count` definitions have another description."""
    clients = dict(session.desired.clients)
    for address in list(clients)[:count]:
        client = clients[address]
        clients[address] = replace(client, fields={**client.fields, "client_description": description})
    return replace(session, desired=replace(session.desired, clients=clients))


def answers(count: int) -> list[dict[str, Any]]:
    """Clients as IAM's API answers them, for `iac import --from`; they are those of a project of this size."""
    clients = []
    for n in range(count):
        text = _DEFINITION.format(n=n, client_id=f"imported-{n:05}", description="as it was found")
        document, _ = parse_document(text.encode(), "answer")
        client = {**document.value, "scope": " ".join(document.value["scope"]), "created_at": 0} if document else {}
        del client["lifecycle"]
        client["grant_types"] = [GRANT_TYPES[grant] for grant in client["grant_types"]]
        clients.append(client)
    return clients


def bodies(session: Session) -> list[dict[str, Any]]:
    """The bodies of the POSTs by which iac registers the session's clients."""
    chosen = Secret("made-for-the-floor-of-the-benchmark-AbCdEfG")
    return [create_body(NewClient(c.client_id, c.fields, chosen)) for c in session.desired.clients.values()]
