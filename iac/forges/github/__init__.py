"""Workflows of GitHub."""

from __future__ import annotations

from typing import ClassVar

from iac.ports.settings import Forge


class GitHub(Forge):
    """What logs in is one file, which GitHub takes from the default branch; what does not is another."""

    name = "github"
    files: ClassVar = {
        ".github/workflows/iac.yml": "iac.yml",
        ".github/workflows/iac-validate.yml": "iac-validate.yml",
    }
    requirements = ".github/iac-requirements.txt"
    written = (".github/workflows/iac.yml", ".github/workflows/iac-*.yml", ".github/iac-requirements*.txt")
    each = "${{ matrix.environment }}"
    opener = "iac.forges.github.api"
    sign = "GITHUB_ACTIONS"
    approval = "run the workflow iac with the digest below"

    def secret(self, name: str) -> str:
        """The secret of the repository or environment that has this name."""
        return f"{name}: ${{{{ secrets.{name} }}}}"
