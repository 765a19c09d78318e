"""A pipeline of GitLab."""

from __future__ import annotations

from collections.abc import Iterator

from iac.ports.settings import Forge, PipelineFile, RootFile

_ROOT = ".gitlab-ci.yml"


class GitLab(Forge):
    """One file, which the user's own .gitlab-ci.yml includes."""

    name = "gitlab"
    written = (".gitlab/iac*.gitlab-ci.yml", ".gitlab/iac-requirements*.txt")

    def files(self, suffix: str) -> Iterator[PipelineFile]:
        """The file of an environment."""
        yield PipelineFile(f".gitlab/iac{suffix}.gitlab-ci.yml", "iac.gitlab-ci.yml")

    def secret(self, name: str) -> str:
        """Every job has the variables of its project by their names."""
        return f"{name}: ${name}"

    def root(self, suffix: str) -> RootFile:
        """The .gitlab-ci.yml, which GitLab reads."""
        include = f"/.gitlab/iac{suffix}.gitlab-ci.yml"
        advice = f"add under include: of {_ROOT}, with the stages test and deploy: - local: {include}"
        return RootFile(_ROOT, f"stages: [test, deploy]\ninclude:\n  - local: {include}\n", include, advice)
