"""The texts of pipelines: files of the package with parts put in and names filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from iac import __version__, forges
from iac.core.desired import DEFAULT
from iac.registry import FORGES
from iac.workflow.pipelines.requirements import render_requirements

_FOLDER = Path(forges.__file__).parent
_INCLUDE = re.compile(r"^( *)@include ([a-z.-]+)@\n", re.MULTILINE)
_VARIABLES = re.compile(r"^( *)@(LOGIN|STATE)@\n", re.MULTILINE)
_PLACE = re.compile(r"@([A-Z]+)@")
WRITTEN = re.compile(r"# Written by iac (\S+): iac init --ci ([a-z]+)\.")
"""How each file of ours begins: by which version, for which forge."""


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


def render_pipelines(forge: str, facts: Facts) -> dict[str, str]:
    """The files of a forge: path from the repository's root -> text."""
    installed = f".{forge}/iac-requirements{facts.suffix}.txt"
    needed = {installed: _requirements(forge, facts)}
    files: dict[str, str] = {}
    for file in FORGES[forge].files(facts.suffix):
        if file.requirements:
            needed[file.requirements] = _requirements(forge, replace(facts, extras=()))
        text = _render(forge, _read(f"{forge}/{file.template}"), facts, file.requirements or installed)
        files[file.path] = text.replace("@JOB@", file.job) if file.job else text
    return files | needed


def _requirements(forge: str, facts: Facts) -> str:
    """What the jobs install."""
    head = f"# Written by iac {__version__}: iac init --ci {forge}. All that the jobs install, with hashes.\n"
    return head + render_requirements(facts.wheel, facts.extras)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _render(forge: str, text: str, facts: Facts, installed: str) -> str:
    while (whole := _INCLUDE.sub(_part, text)) != text:
        text = whole
    text = _VARIABLES.sub(lambda found: _secrets(forge, found[1], found[2], facts), text)
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


def _secrets(forge: str, margin: str, what: str, facts: Facts) -> str:
    """Variables of a step, one a line."""
    names = facts.state if what == "STATE" else tuple(dict.fromkeys((*facts.login, *facts.state)))
    return "".join(f"{margin}{FORGES[forge].secret(name)}\n" for name in names)


def _part(found: re.Match[str]) -> str:
    """A part, each of its lines as far in as the line that asks for it."""
    lines = _read(f"part/{found[2]}").splitlines()
    return "".join(f"{found[1]}{line}\n" if line else "\n" for line in lines)
