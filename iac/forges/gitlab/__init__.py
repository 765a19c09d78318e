"""A pipeline of GitLab."""

from __future__ import annotations

from iac.ports.settings import Forge, RootFile

_FILE, _ROOT = ".gitlab/iac.gitlab-ci.yml", ".gitlab-ci.yml"

GITLAB = Forge(
    name="gitlab",
    files={_FILE: "iac.gitlab-ci.yml"},
    requirements=".gitlab/iac-requirements.txt",
    written=(".gitlab/iac*.gitlab-ci.yml", ".gitlab/iac-requirements*.txt"),
    root=RootFile(
        _ROOT,
        f"stages: [test, deploy]\ninclude:\n  - local: /{_FILE}\n",
        f"/{_FILE}",
        f"add under include: of {_ROOT}, with the stages test and deploy: - local: /{_FILE}",
    ),
    each="$IAC_ENVIRONMENT",
    variable="NAME: $NAME",
    opener="iac.forges.gitlab.api",
    sign="GITLAB_CI",
    approval="run a pipeline of the default branch with the variable IAC_DIGEST, the digest below",
    polls=True,
)
"""One file, which the user's own .gitlab-ci.yml includes. Every job has the variables of its project by their names."""
