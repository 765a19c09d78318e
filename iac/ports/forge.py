"""What a forge tells of the pipelines that run on it: which files, from which templates, and how they get secrets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """A file of a pipeline.

    Attributes:
        path: from the repository's root.
        template: its name in the forge's folder.
        job: what `@JOB@` stands for.
        requirements: a file of its own with what it installs, no extras among it; "" for that of the environment.
    """

    path: str
    template: str
    job: str = ""
    requirements: str = ""


@dataclass(frozen=True, slots=True)
class RootFile:
    """A file of the user that has to include ours.

    Attributes:
        text: of one that is made where there is none.
        include: what is in one that includes ours.
        advice: what to do with one that does not.
    """

    path: str
    text: str
    include: str
    advice: str


class Forge(ABC):
    """Where pipelines run. Its templates are files of the module's folder.

    Attributes:
        name: as `iac init --ci` has it.
        written: patterns of the files that iac writes, from the repository's root.
    """

    name: ClassVar[str]
    written: ClassVar[tuple[str, ...]]

    @abstractmethod
    def files(self, suffix: str) -> Iterator[PipelineFile]:
        """The files of an environment; `suffix` sets its names apart."""

    @abstractmethod
    def secret(self, name: str) -> str:
        """How a step is given a secret variable, in one line."""

    @abstractmethod
    def root(self, suffix: str) -> RootFile | None:
        """The file of the user that has to include ours; None where the forge finds ours by itself."""
