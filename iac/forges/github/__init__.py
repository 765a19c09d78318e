"""Workflows of GitHub."""

from __future__ import annotations

from collections.abc import Iterator

from iac.ports.settings import Forge, PipelineFile

_VALIDATE = ".github/iac-requirements.validate.txt"  # no name of an environment ends like this


class GitHub(Forge):
    """Each job is a file."""

    name = "github"
    written = (".github/workflows/iac-*.yml", ".github/iac-requirements*.txt")

    def files(self, suffix: str) -> Iterator[PipelineFile]:
        """One file for all environments, which is offline and needs no extra; the others are of one."""
        yield PipelineFile(".github/workflows/iac-validate.yml", "iac-validate.yml", requirements=_VALIDATE)
        for job in ("plan", "apply", "drift", "rotate"):
            yield PipelineFile(f".github/workflows/iac-{job}{suffix}.yml", f"iac-{job}.yml", job)

    def secret(self, name: str) -> str:
        """The secret of the repository or environment that has this name."""
        return f"{name}: ${{{{ secrets.{name} }}}}"

    def root(self, suffix: str) -> None:
        """GitHub finds the files by itself."""
