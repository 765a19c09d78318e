"""A repository at a forge: a bare git repository, somebody's clone of it, and the sandbox that its project is about."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iac import __version__
from iac.cli import run

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox

WHEEL = f"https://example.org/indigo_iac-{__version__}-py3-none-any.whl#sha256={'0' * 64}"
READ, WRITE = ("admin-client-ro", "Canary-of-the-reader"), ("admin-client-rw", "Canary-of-the-writer")
_HOOK = """#!/bin/sh
test "${FORGE_CONTENTS:-write}" = write && exit 0
echo 'this token may not write' >&2
exit 1
"""


@dataclass
class Hub:
    """The repository, and what the forge knows of it.

    Attributes:
        identity: the age identity that opens the secrets in state.
        said: everything that any step printed.
    """

    folder: Path
    sandbox: Sandbox
    identity: str = ""
    said: list[str] = field(default_factory=list)

    @property
    def bare(self) -> Path:
        return self.folder / "hub.git"

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    def git(self, *arguments: str, where: Path | None = None) -> str:
        named = ["-c", "user.name=Operator", "-c", "user.email=ops@example.org"]
        return subprocess.check_output(["git", *named, *arguments], cwd=where or self.clone, text=True).strip()

    def make(self, forge: str, environments: dict[str, str] | None = None) -> None:
        """The project with its pipelines on the branch main; nothing is applied.

        `environments` is what iac.yaml says of each of several.
        """
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare)], check=True)
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(self.clone)], check=True)
        (self.bare / "hooks").mkdir(exist_ok=True)
        hook = self.bare / "hooks/pre-receive"
        hook.write_text(_HOOK)
        hook.chmod(0o755)
        self.git("remote", "add", "origin", str(self.bare))
        asked = [
            "--project",
            "demo",
            "--issuer",
            self.sandbox.issuer,
            "--backend",
            "git",
            "--ci",
            forge,
            "--wheel",
            WHEEL,
        ]
        assert run(["-q", "-C", str(self.clone), "init", *asked]) == 0
        key = Path(os.environ["XDG_CONFIG_HOME"]) / "iac/identities/demo.txt"
        self.identity = next(line for line in key.read_text().splitlines() if line.startswith("AGE-SECRET-KEY"))
        if environments:
            self._divide(forge, environments)
        self.define("portal")
        self.commit("the project")
        self.git("push", "--quiet", "origin", "main")

    def _divide(self, forge: str, environments: dict[str, str]) -> None:
        """Give the project environments, each with a state, and the pipelines of all of them in one go."""
        file = self.clone / "iac.yaml"
        lines = [line for line in file.read_text().splitlines() if not line.startswith("  lineage:")]
        lines += ["environments:", *(f"  {name}: {settings}" for name, settings in environments.items()), ""]
        file.write_text("\n".join(lines))
        for name in environments:
            assert run(["-q", "-C", str(self.clone), "--env", name, "state", "init"]) == 0
        shutil.rmtree(self.clone / f".{forge}")
        shutil.rmtree(self.clone / ".github", ignore_errors=True)
        assert run(["-q", "-C", str(self.clone), "init", "--ci", forge]) == 0

    def define(self, name: str, **values: Any) -> None:
        given = {
            "client_id": name,
            "client_name": f"Client {name}",
            "redirect_uris": [f"https://{name}.example.org/cb"],
            "outputs": [{"template": "dotenv", "path": f"out/{name}.env"}],
            **values,
        }
        (self.clone / "clients.d").mkdir(exist_ok=True)
        (self.clone / f"clients.d/{name}.yaml").write_text(json.dumps(given, indent=1))

    def commit(self, why: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", why)
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        self.git("checkout", "--quiet", "-B", name, "origin/main")

    def rename(self, branch: str, path: str) -> None:
        """Move and change the portal's definition on a branch."""
        self.branch(branch)
        self.git("mv", "clients.d/portal.yaml", path)
        moved = self.clone / path
        moved.write_text(moved.read_text().replace("Client portal", "Theirs"))
        self.commit("a change")

    def change_meanwhile(self) -> None:
        """Change the same definition on main, so that the branch cannot be merged."""
        self.git("checkout", "--quiet", "main")
        self.define("portal", client_name="Ours")
        self.commit("meanwhile")
        self.git("push", "--quiet", "origin", "main")

    def merge(self, name: str) -> str:
        """Merge a branch into main, as the forge does; the new commit."""
        self.git("fetch", "--quiet", "origin", "+refs/heads/main:refs/remotes/origin/main")
        self.git("checkout", "--quiet", "-B", "main", "origin/main")
        self.git("merge", "--quiet", "--no-ff", "--no-edit", name)
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def secret(self, client_id: str) -> str:
        """A client's secret as the server holds it."""
        client = self.sandbox.iam.world.store.find(client_id)
        return (client and client.client_secret) or ""

    def tools(self) -> str:
        """A PATH with iac and Python of this checkout, and a pip that only notes what it was asked for."""
        folder = self.folder / "bin"
        if not folder.exists():
            folder.mkdir()
            (folder / "pip").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{self.folder}/pip.log\n')
            (folder / "pip").chmod(0o755)
            (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            (folder / "python").chmod(0o755)
            (folder / "iac").symlink_to(Path(sys.executable).parent / "iac")
        return f"{folder}:/usr/local/bin:/usr/bin:/bin"
