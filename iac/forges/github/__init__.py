"""Workflows of GitHub."""

from __future__ import annotations

from iac.ports.settings import Forge

GITHUB = Forge(
    name="github",
    files={
        ".github/workflows/iac.yml": "iac.yml",
        ".github/workflows/iac-validate.yml": "iac-validate.yml",
    },
    requirements=".github/iac-requirements.txt",
    written=(".github/workflows/iac.yml", ".github/workflows/iac-*.yml", ".github/iac-requirements*.txt"),
    each="${{ matrix.environment }}",
    variable="NAME: ${{ secrets.NAME }}",
    opener="iac.forges.github.api",
    sign="GITHUB_ACTIONS",
    approval="run the workflow iac with the digest below",
)
"""What logs in is one file, which GitHub takes from the default branch; what does not is another."""
