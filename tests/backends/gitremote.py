"""A git repository that many machines reach: by its path, or through a program that stands for ssh."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.backends.git import GitPlace
from iac.backends.git.branch import open_git
from iac.backends.lock import Lease
from tests.backends.contract import RemoteSite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iac.backends.cell import Cell
    from iac.ports import Clock

BRANCH, PATH = "iac-state", "rucio/default.json"

_SSH = """#!/bin/sh
# A connection that is lost says what a push begins with, up to the first empty packet, and nothing after that.
LOSE='
import subprocess, sys
server = subprocess.Popen(["sh", "-c", sys.argv[1]], stdout=subprocess.PIPE)
size = None
while size != 0:
    head = server.stdout.read(4)
    size = int(head, 16)
    sys.stdout.buffer.write(head + server.stdout.read(max(size - 4, 0)))
sys.stdout.buffer.flush()
server.stdout.read()
server.wait()
sys.exit(255)
'
# Stands for ssh: the last argument is what git wants to be run at the server.
for last in "$@"; do :; done
echo "$last" >> '{folder}/calls'
trouble=$(cat '{folder}/trouble' 2>/dev/null)
case "$trouble:$last" in
  down:*) echo 'ssh: connect to host git.example.org port 22: Connection refused' >&2; exit 255 ;;
  hang:*) exec sleep 60 ;;
  denied:git-receive-pack*) echo 'ERROR: you may not write to this repository' >&2; exit 1 ;;
  cut:git-receive-pack*) rm '{folder}/trouble'; echo 'Connection reset by peer' >&2; exit 255 ;;
  lost:git-receive-pack*) rm '{folder}/trouble'; exec '{python}' -c "$LOSE" "$last" ;;
esac
exec sh -c "$last"
"""


def git(folder: Path, *arguments: str, given: str = "", environ: Mapping[str, str] | None = None) -> str:
    """What git says in a folder."""
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=given,
        env=environ,
        text=True,
        errors="replace",
        capture_output=True,
        check=True,
    ).stdout


@dataclass
class Server:
    """A bare repository, and a program that takes connections to it as ssh would."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Server:
        """An empty one."""
        folder.mkdir()
        git(folder, "init", "--quiet", "--bare", "--template=", "remote.git")
        return cls(folder)

    @property
    def repository(self) -> Path:
        return self.folder / "remote.git"

    @property
    def ssh(self) -> Path:
        """The program for GIT_SSH_COMMAND."""
        path = self.folder / "ssh"
        if not path.exists():
            path.write_text(_SSH.format(folder=self.folder, python=sys.executable))
            path.chmod(0o755)
        return path

    @property
    def url(self) -> str:
        return f"ssh://git@git.example.org{self.repository}"

    def trouble(self, kind: str) -> None:
        """What goes wrong: "down", "hang", "denied" to pushes; with the next push alone: "cut" before, "lost" after."""
        (self.folder / "trouble").write_text(kind)

    def calls(self) -> list[str]:
        """What was asked for by ssh since the last time: fetches are upload-pack, pushes receive-pack."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line.split()[0].removeprefix("git-") for line in lines]

    def mend(self) -> None:
        """All is well again."""
        (self.folder / "trouble").unlink()

    def hook(self, script: str, name: str = "pre-receive") -> None:
        """A hook of the server's."""
        path = self.repository / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def git(self, *arguments: str, given: str = "") -> str:
        """What git says in the repository."""
        return git(self.repository, *arguments, given=given)

    def refs(self) -> dict[str, str]:
        """What each ref points at."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}

    def read(self, path: str = PATH, branch: str = BRANCH) -> str:
        """A file in a branch."""
        return self.git("cat-file", "blob", f"{branch}:{path}")

    def write(self, text: str | None, path: str = PATH, branch: str = BRANCH) -> None:
        """Commit a file to a branch, as somebody else would; None removes it."""
        ref = f"refs/heads/{branch}"
        change = f"D {path}\n" if text is None else f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n"
        parent = f"from {ref}^0\n" if ref in self.refs() else ""
        commit = f"commit {ref}\ncommitter other <other@example.org> now\ndata 6\nby us\n{parent}{change}\n"
        self.git("fast-import", "--quiet", "--date-format=now", given=commit)


class GitSite(RemoteSite):
    """State in a server's repository, reached by `remote`."""

    def __init__(self, machines: Path, server: Server, remote: str) -> None:
        self.machines = machines
        self.server = server
        self.place = GitPlace(remote, BRANCH, PATH)

    def cell(self) -> Cell:
        return open_git(self.machines, self.place)[0]

    def run_lock(self, clock: Clock) -> Lease:
        return Lease(open_git(self.machines, self.place)[1], clock)

    def document(self) -> str:
        return self.server.read()

    def tamper(self, text: str) -> None:
        self.server.write(text)

    def wipe(self) -> None:
        self.server.write(None)
