"""The situations of tests/fixtures/fef7ea2, brought back: a project, its state and the server, as they were then."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iac.sandbox import access
from iac.sandbox.model import RAT_SCOPE, Grant
from iac.sandbox.seed import Seed
from iac.sandbox.server import Sandbox, start_sandbox
from tests.backends import s3server, stateserver
from tests.blackbox.kit import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[1] / "fixtures" / "fef7ea2"
SECONDS = 60.0
USER = "5f9c1a2e-0000-4000-8000-000000000002"


class Situation:
    """One situation: `about` is its situation.json, `project` a copy to work on."""

    def __init__(self, name: str, project: Project, sandbox: Sandbox) -> None:
        self.folder = FOLDER / name
        self.about: dict[str, Any] = json.loads((self.folder / "situation.json").read_text(encoding="utf-8"))
        self.project = project
        self.sandbox = sandbox

    def view(self, name: str) -> Any:
        """A document that the old version printed."""
        return json.loads((self.folder / "views" / name).read_text(encoding="utf-8"))

    def old(self, path: str) -> str:
        """A file of the project as the old version wrote it."""
        return (self.folder / "project" / path).read_text(encoding="utf-8")

    def free(self) -> None:
        """Break the lock that the killed run holds where the state is, if anywhere."""
        if "backend" in self.about:
            (journal,) = self.project.root.glob(".iac/*.journal")
            run_id = json.loads(journal.read_text(encoding="utf-8").splitlines()[0])["run_id"]
            self.project.done("state", "unlock", run_id)

    def settles(self, *options: str) -> None:
        """The next apply ends what was begun, and then there is nothing to do."""
        self.project.done("apply", "--auto-approve", *options)
        plan = self.project.done("plan", "--detailed-exitcode", "--format", "json").json()
        assert ([], [], []) == (plan["changes"], plan["guards"], plan["pending"])
        self.project.done("render", "--check")


@contextmanager
def situation(name: str, folder: Path) -> Iterator[Situation]:
    """The situation of that name, its server running on the port that its state names."""
    root = folder / "project"
    shutil.copytree(FOLDER / name / "project", root)
    for path in root.rglob("dot-iac"):
        path.rename(path.with_name(".iac"))
    identities = folder / "config" / "iac" / "identities"
    identities.mkdir(parents=True)
    shutil.copy(FOLDER / "identity.txt", identities / "demo.txt")
    for path in [*identities.iterdir(), *root.glob(".iac/*"), *root.glob("out/*")]:
        path.chmod(0o600)  # version control forgets modes
    environ = {
        "XDG_CONFIG_HOME": str(folder / "config"),
        "IAC_CLIENT_ID": "admin-client-rw",
        "IAC_CLIENT_SECRET": "secret",
        "IAC_STATE_PASSWORD": stateserver.PASSWORD,
        "AWS_ACCESS_KEY_ID": s3server.KEY_ID,
        "AWS_SECRET_ACCESS_KEY": s3server.KEY,
    }
    about = json.loads((FOLDER / name / "situation.json").read_text(encoding="utf-8"))
    with ExitStack() as stack:
        sandbox = stack.enter_context(_server(FOLDER / name / "server.json", about["flavour"], about["port"]))
        it = Situation(name, Project(root, environ), sandbox)
        if "backend" in about:
            it.project.edit("iac.yaml", "@STATE@", stack.enter_context(_BACKENDS[about["backend"]](it, folder)))
        if about.get("user"):
            it.project.env["IAC_TOKEN"] = _user_token(sandbox)
        yield it


@contextmanager
def _server(seed: Path, flavour: str, port: int) -> Iterator[Sandbox]:
    document = json.loads(seed.read_text(encoding="utf-8"))
    with ExitStack() as stack:
        sandbox = stack.enter_context(_when_free(document, flavour, port))
        for given in document["rats"]:
            _give_token(sandbox, **given)
        yield sandbox


@contextmanager
def _when_free(document: dict[str, Any], flavour: str, port: int) -> Iterator[Sandbox]:
    """Another process of the same suite may have the port for the length of a test."""
    deadline = time.monotonic() + SECONDS
    with ExitStack() as stack:
        while True:
            try:
                sandbox = stack.enter_context(start_sandbox(flavour, port=port, seed=Seed(document)))
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield sandbox


def _give_token(sandbox: Sandbox, client_id: str, token: str) -> None:
    """A registration access token that the server gave before."""
    store = sandbox.iam.world.store
    client = store.find(client_id)
    assert client is not None
    store.tokens[token] = Grant(client.key, client_id, None, frozenset({RAT_SCOPE}), token, 0, None)


def _user_token(sandbox: Sandbox) -> str:
    world = sandbox.iam.world
    client = world.store.find("admin-client-rw")
    assert client is not None
    return access.issue(world, client, world.store.accounts[USER], ("openid",))


@contextmanager
def _git(it: Situation, folder: Path) -> Iterator[str]:
    remote = folder / "remote.git"
    bundle = it.folder / "state.bundle"
    subprocess.run(["git", "clone", "--quiet", "--mirror", str(bundle), str(remote)], check=True)
    yield str(remote)


@contextmanager
def _http(it: Situation, _: Path) -> Iterator[str]:
    product = stateserver.GitLab()
    with stateserver.serving(product) as server:
        document = (it.folder / "state.json").read_bytes()
        server.put(document, json.loads(document)["serial"])
        product.state.lock = dict(it.about["lock"])
        yield server.address


@contextmanager
def _s3(it: Situation, folder: Path) -> Iterator[str]:
    with s3server.serving() as endpoint:
        site = s3server.S3Site(folder, s3server.place(endpoint, it.about["key"]))
        site.tamper((it.folder / "state.json").read_text(encoding="utf-8"))
        site.store.put(site.lock_key, (it.folder / "state.json.lock").read_bytes())
        yield endpoint


_BACKENDS = {"git": _git, "http": _http, "s3": _s3}
