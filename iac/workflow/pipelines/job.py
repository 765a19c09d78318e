"""What jobs of pipelines do beside a plan or an apply: lay out a request, find what was reviewed, report.

A job keeps `iac-ci/report.json` in the folder that it was started in, with the page of each plan. Where another job
reports, because the one with the login may write nothing at the forge, it gets that folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from iac.core.errors import IacError, InputError
from iac.core.plan.approval import DIGEST
from iac.core.text import listed, printable
from iac.files import PrivateFolder, make_folder, read, write
from iac.git import Git, GitAnswer, find_work_tree, given_config
from iac.ports import Clock
from iac.ports.forge import ChangeRequest, ForgeApi
from iac.ports.path import JOB_DIR
from iac.ports.settings import Forge
from iac.process import Child
from iac.registry import FORGES

NO_PLAN = f"sha256:{0:064}"
"""The digest of no plan: without a review, only a plan without changes passes."""
_REPORT = "report.json"


class ReviewedPlan(Struct, frozen=True):
    """The digest of a plan that reviewers were shown, and of which commit it is."""

    number: int
    head: str
    digest: str


class RequestNote(Struct, frozen=True):
    """What our note of a mark on a request is to say."""

    number: int
    mark: str
    body: str


class LabelledIssue(Struct, frozen=True):
    """What our issue of a label is to say; it is closed where the body is empty."""

    label: str
    title: str
    body: str


class JobReport(Struct):
    """What a job found, for reviewers and for the job that applies."""

    plans: list[ReviewedPlan]
    notes: list[RequestNote]
    issues: list[LabelledIssue]

    @classmethod
    def parse(cls, text: str | bytes, where: str) -> JobReport:
        """The report in a file.

        Raises:
            InputError: it is none.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except (ValueError, RecursionError):
            raise InputError(
                "the report of a job cannot be read",
                where=where,
                why="it is not what iac ci writes",
                fix="use the same version of iac in all jobs",
            ) from None

    def write(self, files: Mapping[str, str]) -> None:
        """Write it into the folder, with these files beside it.

        Raises:
            OSError: it cannot be written.
        """
        make_folder(Path(JOB_DIR).absolute(), 0o755)
        for name, text in {_REPORT: msgspec.json.encode(self).decode(), **files}.items():
            write(Path(JOB_DIR) / name, text.encode(), mode=0o644)

    def post(self, api: ForgeApi) -> None:
        """Write notes and issues at the forge.

        Raises:
            IacError: it refuses; what stands before was written.
        """
        for note in self.notes:
            api.keep_note(note.number, note.mark, note.body)
        for issue in self.issues:
            api.keep_issue(issue.label, issue.title, issue.body)


def read_reports(folder: Path) -> Iterator[JobReport]:
    """The reports of all jobs in a folder."""
    for path in sorted(folder.rglob(_REPORT)):
        yield JobReport.parse(read(path), str(path))


def find_forge(environ: Mapping[str, str], clock: Clock) -> tuple[Forge, ForgeApi]:
    """The forge that this job runs at.

    Raises:
        InputError: it runs at none, or has no token.
    """
    for forge in FORGES.values():
        if environ.get(forge.sign):
            return forge, forge.open(environ, clock)
    signs = listed((forge.sign for forge in FORGES.values()), " or ")
    raise InputError(
        "this is not a job of a pipeline", why=f"{signs} is not set", fix="write pipelines with iac init --ci"
    )


def reviewed_digest(api: ForgeApi, request: ChangeRequest | None, mark: str) -> str:
    """The digest of the plan that reviewers of a request were shown; `NO_PLAN` where there is none."""
    text = api.reviewed(request, mark) if request else ""
    plans = JobReport.parse(text, mark).plans if text else []
    is_of = (plan for plan in plans if request and (plan.number, plan.head) == (request.number, request.head))
    digest = next((plan.digest for plan in is_of), NO_PLAN)
    return digest if DIGEST.fullmatch(digest) else NO_PLAN


class MovedOnError(IacError):
    """A request has a newer commit than the one that is to be planned."""


@contextmanager
def laid_out(root: Path, request: ChangeRequest) -> Iterator[Path]:
    """The project as it would be after the merge of a request, beside that of the base. Nothing of it is run.

    Hooks are off (`iac.git`), and filters and merge drivers are those of the machine's settings, which no commit can
    change. Only the fetch reaches a server, and no git sees a login of iac.

    Raises:
        MovedOnError: the request has a newer commit.
        InputError: the commit cannot be merged.
    """
    top = find_work_tree(root) or root
    variables = {**given_config(os.environ), "GIT_LFS_SKIP_SMUDGE": "1"}
    base = Git(top, variables, Child.GIT)
    _done(replace(base, child=Child.GIT_REMOTE).run("fetch", "--quiet", "--no-tags", "origin", request.ref))
    if _done(base.run("rev-parse", "FETCH_HEAD")).out.decode().strip() != request.head:
        raise MovedOnError(f"the request has moved on from {request.head}", fix="its newer run plans it")
    with PrivateFolder("ci") as folder:
        tree = folder.path / "head"
        _done(base.run("worktree", "add", "--quiet", "--detach", str(tree)))
        try:
            named = ("-c", "user.name=iac", "-c", "user.email=iac@localhost")
            merge = replace(base, directory=tree).run(*named, "merge", "--quiet", "--no-edit", request.head)
            if not merge.is_ok:
                words = "; ".join(printable(line) for line in os.fsdecode(merge.out).splitlines()) or merge.said
                raise InputError("the request cannot be merged", why=words, fix="bring it up to date with its target")
            yield tree / root.resolve().relative_to(top)
        finally:
            base.run("worktree", "remove", "--force", str(tree))


def _done(answer: GitAnswer) -> GitAnswer:
    if not answer.is_ok:
        raise InputError("git cannot lay out the request", why=answer.said, fix="check out with the whole history")
    return answer
