"""Where a situation's state lives, and what is left of it when the machine of a run is gone."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from iac.backends.file.document import FileBackend
from iac.clock import SystemClock
from iac.core.state.document import Owner, TextOrigin, parse_state

if TYPE_CHECKING:
    from iac.core.state.model import State
    from tests.crash.situation import Situation


def discard(folder: Path) -> None:
    """Remove a folder in which a git process that outlived its run may still write: that goes away with it."""
    if folder.exists():
        gone = Path(tempfile.mkdtemp(dir=folder.parent))
        folder.rename(gone / folder.name)
        shutil.rmtree(gone, ignore_errors=True)


class Home(ABC):
    """A state backend.

    Attributes:
        settings: its keys in `state` of iac.yaml.
        is_shared: whether the next run may be on another machine.
    """

    settings: str
    is_shared: bool

    @abstractmethod
    def keep(self) -> None:
        """Remember it as it is now."""

    @abstractmethod
    def again(self) -> None:
        """Put it back as it was."""

    @abstractmethod
    def text(self) -> str:
        """All that it holds beside the project, for people."""

    @abstractmethod
    def load(self, situation: Situation) -> State:
        """The state as the next run finds it."""


class FileHome(Home):
    """A file of the project."""

    settings = "path: .iac/state.json"
    is_shared = False

    def keep(self) -> None:
        """It is part of the project."""

    def again(self) -> None:
        """It comes back with the project."""

    def text(self) -> str:
        return ""

    def load(self, situation: Situation) -> State:
        path = situation.root / ".iac" / "state.json"
        told = json.loads(path.read_text(encoding="utf-8"))
        owner = Owner(told["project"], told["environment"], told["issuer"], told["lineage"])
        return FileBackend(path, owner, SystemClock(), []).load()


class GitHome(Home):
    """A branch of a repository elsewhere."""

    is_shared = True

    def __init__(self, folder: Path) -> None:
        self.remote, self._kept = folder / "remote.git", folder / "kept.git"
        self.settings = f"backend: git\n  repository: {self.remote}"
        subprocess.run(["git", "init", "--quiet", "--bare", "--template=", str(self.remote)], check=True)

    def keep(self) -> None:
        shutil.copytree(self.remote, self._kept)

    def again(self) -> None:
        discard(self.remote)
        shutil.copytree(self._kept, self.remote)

    def text(self) -> str:
        history = ["git", "-C", str(self.remote), "log", "--all", "--patch", "--format=%D %s"]
        return subprocess.run(history, check=True, capture_output=True, text=True).stdout

    def load(self, situation: Situation) -> State:
        return parse_state(situation.iac("state", "pull").out, TextOrigin("iac state pull"))
