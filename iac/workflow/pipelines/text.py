"""The texts of pipelines: files of the package with parts put in and names filled in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from iac import __version__
from iac.core.desired import DEFAULT
from iac.workflow.pipelines.requirements import render_requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = Path(__file__).parent
_INCLUDE = re.compile(r"^( *)@include ([a-z.-]+)@\n", re.MULTILINE)
_VARIABLES = re.compile(r"^( *)@(LOGIN|STATE)@\n", re.MULTILINE)
_PLACE = re.compile(r"@([A-Z]+)@")
WRITTEN = re.compile(r"# Written by iac (\S+): iac init --ci ([a-z]+)\.")
"""How each file of ours begins: by which version, for which forge."""

_VALIDATE = ".github/iac-requirements.validate.txt"  # no name of an environment ends like this

ROOT_FILE = ".gitlab-ci.yml"
"""What GitLab reads; it includes our file."""


class Forge(StrEnum):
    """Where pipelines run."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True, slots=True)
class Facts:
    """What pipelines are written for.

    Attributes:
        directory: the project's, as seen from the repository's root.
        environment: as in iac.yaml; `default` where it declares none.
        branch: the default branch, whose files have credentials.
        login: environment variables with the login at the issuer.
        state: those with the login at the server of the state.
        extras: extras of the package that are installed.
        wheel: what iac is installed from, URL#sha256=HASH.
    """

    issuer: str
    directory: str
    environment: str
    branch: str
    login: tuple[str, ...] = ("IAC_CLIENT_ID", "IAC_CLIENT_SECRET")
    state: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    wheel: str = ""

    @property
    def suffix(self) -> str:
        """What sets the names of an environment apart; "" where there is only one without a name."""
        return "" if self.environment == DEFAULT else f"-{self.environment}"


def render_pipelines(forge: Forge, facts: Facts) -> dict[str, str]:
    """The files of a forge: path from the repository's root -> text."""
    installed = f".{forge}/iac-requirements{facts.suffix}.txt"
    needed = {installed: _requirements(forge, facts)}
    if forge is Forge.GITLAB:
        return {_gitlab_file(facts): _render(_read("gitlab/iac.gitlab-ci.yml"), facts, installed), **needed}
    # Of all environments, so it has nothing of one; it is offline and needs no extra.
    needed[_VALIDATE] = _requirements(forge, replace(facts, extras=()))
    files = {".github/workflows/iac-validate.yml": _render(_read("github/iac-validate.yml"), facts, _VALIDATE)}
    for job in ("plan", "apply", "drift", "rotate"):
        text = _render(_read(f"github/iac-{job}.yml"), facts, installed)
        files[f".github/workflows/iac-{job}{facts.suffix}.yml"] = text.replace("@JOB@", job)
    return files | needed


def _requirements(forge: Forge, facts: Facts) -> str:
    """What the jobs install."""
    head = f"# Written by iac {__version__}: iac init --ci {forge}. All that the jobs install, with hashes.\n"
    return head + render_requirements(facts.wheel, facts.extras)


def root_file(facts: Facts) -> str:
    """The .gitlab-ci.yml of a repository that has none."""
    return f"stages: [test, deploy]\ninclude:\n  - local: /{_gitlab_file(facts)}\n"


def include_line(facts: Facts) -> str:
    """What a .gitlab-ci.yml that is there has to include."""
    return f"- local: /{_gitlab_file(facts)}"


def _gitlab_file(facts: Facts) -> str:
    return f".gitlab/iac{facts.suffix}.gitlab-ci.yml"


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _render(text: str, facts: Facts, installed: str) -> str:
    while (whole := _INCLUDE.sub(_part, text)) != text:
        text = whole
    text = _VARIABLES.sub(lambda found: _secrets(found[1], found[2], facts), text)
    values: Mapping[str, str] = {
        "VERSION": __version__,
        "SUFFIX": facts.suffix,
        "ISSUER": json.dumps(facts.issuer),
        "DIR": json.dumps(facts.directory),
        "BRANCH": json.dumps(facts.branch),
        "ENVIRONMENT": json.dumps("" if facts.environment == DEFAULT else facts.environment),
        "REQUIREMENTS": installed,
    }
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), text)


def _secrets(margin: str, what: str, facts: Facts) -> str:
    """Variables of a step on GitHub, one a line, each the secret of its name."""
    names = facts.state if what == "STATE" else tuple(dict.fromkeys((*facts.login, *facts.state)))
    return "".join(f"{margin}{name}: ${{{{ secrets.{name} }}}}\n" for name in names)


def _part(found: re.Match[str]) -> str:
    """A part, each of its lines as far in as the line that asks for it."""
    lines = _read(f"part/{found[2]}").splitlines()
    return "".join(f"{found[1]}{line}\n" if line else "\n" for line in lines)
