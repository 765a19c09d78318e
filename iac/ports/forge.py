"""The API of a forge, for a job of a pipeline: requests for a merge, notes on them, issues, and what jobs have kept.

A *note* is the one comment of ours on a request that begins with a mark. Others can edit it, so it proves nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from msgspec import Struct

from iac.core.errors import UnreachableError
from iac.ports.foreign import foreign_as

SENSELESS = "the forge's answer makes no sense"


class ChangeRequest(Struct, frozen=True):
    """A pull request or merge request.

    Attributes:
        head: its last commit.
        ref: what git fetches that commit by.
    """

    number: int
    head: str
    ref: str


class Note(Struct, frozen=True):
    """A comment of ours."""

    id: int
    body: str


class ForgeApi(ABC):
    """One repository at a forge, with the rights of one job.

    Attributes:
        job: what names this job there, so that `reviewed` finds what it has kept.
        commit: the commit that this job is for.
        closed: what closes an issue.
    """

    job: str
    commit: str
    closed: ClassVar[dict[str, object]]

    @foreign_as(UnreachableError, SENSELESS)
    def requests(self) -> list[ChangeRequest]:
        """The requests that this job is to plan."""
        return list(self._requests())

    @foreign_as(UnreachableError, SENSELESS)
    def merged(self) -> ChangeRequest | None:
        """The request that brought this job's commit; None for a commit that came by none."""
        return self._merged()

    @foreign_as(UnreachableError, SENSELESS)
    def reviewed(self, request: ChangeRequest, mark: str) -> str:
        """What the job that planned a request kept as `iac-ci/report.json`; "" if there is none to trust.

        To be trusted, the job was one of the default branch's own files, which the request's author cannot change.
        """
        return self._reviewed(request, mark)

    @foreign_as(UnreachableError, SENSELESS)
    def find_note(self, number: int, mark: str) -> Note | None:
        """Our note on a request."""
        return next((note for note in self._notes(number) if note.body.startswith(f"<!-- {mark} ")), None)

    @foreign_as(UnreachableError, SENSELESS)
    def keep_note(self, number: int, mark: str, body: str) -> None:
        """Write our note on a request: a new one, or in the place of the one that is there."""
        self._write_note(number, self.find_note(number, mark), body)

    @foreign_as(UnreachableError, SENSELESS)
    def keep_issue(self, label: str, title: str, body: str) -> None:
        """Keep our issue of a label up to date: it is open while there is a body."""
        number = self._find_issue(label)
        if body:
            self._write_issue(number, {"title": title, **self._issue(label, body)})
        elif number:
            self._write_issue(number, self.closed)

    @abstractmethod
    def show(self, markdown: str) -> None:
        """Show a text on the page of the job, where the forge has one."""

    @abstractmethod
    def _requests(self) -> Iterable[ChangeRequest]: ...

    @abstractmethod
    def _merged(self) -> ChangeRequest | None: ...

    @abstractmethod
    def _reviewed(self, request: ChangeRequest, mark: str) -> str: ...

    @abstractmethod
    def _notes(self, number: int) -> Iterable[Note]: ...

    @abstractmethod
    def _write_note(self, number: int, note: Note | None, body: str) -> None: ...

    @abstractmethod
    def _find_issue(self, label: str) -> int | None: ...

    @abstractmethod
    def _issue(self, label: str, body: str) -> dict[str, object]: ...

    @abstractmethod
    def _write_issue(self, number: int | None, value: dict[str, object]) -> None: ...
