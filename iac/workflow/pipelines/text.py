"""The texts of pipelines: files of the package with parts put in and names filled in, and what their jobs install.

Jobs install iac from its wheel, and what it needs, each with hashes. Nothing else gets beside a login: the name of the
package on an index is nobody's yet, so whoever took it would run in every job that installs it by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from iac import __version__, forges
from iac.core.errors import InputError
from iac.files import resource
from iac.ports.settings import Forge
from iac.registry import FORGES

_NAME = re.compile(r"([A-Za-z0-9._-]+)==")
_EVERY = "base"


def requirements_file(name: str) -> Path:
    """A file of `make requirements`: the packaged copy, in a checkout the file itself."""
    return resource(f"requirements/{name}.txt", f"requirements/hashes/{name}.txt")


def render_requirements(wheel: str, extras: Iterable[str]) -> str:
    """What pip installs a wheel of iac with these extras from, without its head."""
    blocks: dict[str, str] = {}
    for name in (_EVERY, *extras):
        blocks |= _blocks(requirements_file(name).read_text(encoding="utf-8"))
    url, _, digest = wheel.partition("#sha256=")
    return f"indigo-iac @ {url} --hash=sha256:{digest}\n" + "".join(blocks[name] for name in sorted(blocks))


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each requirement with its hashes, by name."""
    for block in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE):
        if named := _NAME.match(block):
            yield named[1], block


def check_wheel(wheel: str, forge: str) -> None:
    """Make sure that pipelines install this version of iac from a wheel that somebody chose.

    Raises:
        InputError: none is named, or it is of another version.
    """
    name = f"indigo_iac-{__version__}-py3-none-any.whl"
    command = f"iac init --ci {forge} --wheel URL#sha256=HASH"
    if not wheel:
        raise InputError(
            "the pipelines need a wheel of iac to install",
            where="--wheel, or pipelines.wheel in iac.yaml",
            why="iac is on no package index yet: a package of that name would get the login of jobs that install it",
            fix=f"in a checkout of iac: make wheel; put dist/{name} where the jobs can fetch it; {command}",
        )
    if wheel.partition("#")[0].rpartition("/")[2] != name:
        raise InputError(
            "the wheel is of another version of iac",
            where=wheel,
            why=f"what it needs is known for version {__version__}, which writes the pipelines: {name}",
            fix=f"use the iac of the wheel, or {command}",
        )


_FOLDER = Path(forges.__file__).parent
_INCLUDE = re.compile(r"^( *)@include ([a-z.-]+)@\n", re.MULTILINE)
_LINE = re.compile(r"^@(one|each|dir)@(.*\n)", re.MULTILINE)
_VARIABLES = re.compile(r"^( *)@(LOGIN|STATE)@\n", re.MULTILINE)
_PLACE = re.compile(r"@([A-Z]+)@")
WRITTEN = re.compile(r"# Written by iac (\S+): iac init --ci ([a-z]+)\.")
"""How each file of ours begins: by which version, for which forge."""


class PipelineFacts(Struct, frozen=True):
    """What pipelines are written for.

    Attributes:
        issuers: by the environment, as in iac.yaml.
        directory: the project's, as seen from the repository's root.
        branch: the default branch, whose files have credentials.
        login: environment variables with the logins at the issuers.
        state: those with the login at the server of the state.
        extras: extras of the package that are installed.
        wheel: what iac is installed from, URL#sha256=HASH.
        is_named: there are several environments, or the only one has a name.
    """

    issuers: Mapping[str, str]
    directory: str
    branch: str
    login: tuple[str, ...] = ("IAC_CLIENT_ID", "IAC_CLIENT_SECRET")
    state: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    wheel: str = ""
    is_named: bool = False

    @property
    def pinned(self) -> str:
        """IAC_ISSUER of the jobs."""
        each = (f"{name}={issuer}" for name, issuer in self.issuers.items())
        return " ".join(each if self.is_named else self.issuers.values())


def render_pipelines(forge: str, facts: PipelineFacts) -> dict[str, str]:
    """The files of a forge: path from the repository's root -> text."""
    adapter = FORGES[forge]
    head = f"# Written by iac {__version__}: iac init --ci {forge}. All that the jobs install, with hashes.\n"
    texts = {path: _render(adapter, _read(f"{forge}/{name}"), facts) for path, name in adapter.files.items()}
    return {**texts, adapter.requirements: head + render_requirements(facts.wheel, facts.extras)}


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _render(forge: Forge, text: str, facts: PipelineFacts) -> str:
    while (whole := _INCLUDE.sub(_part, text)) != text:
        text = whole
    wanted = {"one": not facts.is_named, "each": facts.is_named, "dir": facts.directory != "."}
    text = _LINE.sub(lambda match: match[2] if wanted[match[1]] else "", text)
    text = _VARIABLES.sub(lambda match: _secrets(forge, match[1], match[2], facts), text)
    inside = ' -C "$IAC_DIR"' if wanted["dir"] else ""
    values: Mapping[str, str] = {
        "VERSION": __version__,
        "SUFFIX": f"-{forge.each}" if facts.is_named else "",
        "ISSUER": json.dumps(facts.pinned),
        "DIR": json.dumps(facts.directory),
        "BRANCH": json.dumps(facts.branch),
        "ENVIRONMENTS": json.dumps(list(facts.issuers)),
        "REQUIREMENTS": forge.requirements,
        "IN": inside,
        "IAC": f"iac{inside}" + (' --env "$IAC_ENVIRONMENT"' if facts.is_named else ""),
    }
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), text)


def _part(match: re.Match[str]) -> str:
    """A part, each line at the margin of the place that it goes to; the sign of a line stays in front."""
    lines = _read(f"part/{match[2]}").splitlines(keepends=True)
    return "".join(re.sub(r"^(@(?:one|each|dir)@)?", rf"\g<1>{match[1]}", line, count=1) for line in lines)


def _secrets(forge: Forge, margin: str, what: str, facts: PipelineFacts) -> str:
    """Variables of a step, one a line."""
    names = facts.state if what == "STATE" else tuple(dict.fromkeys((*facts.login, *facts.state)))
    return "".join(f"{margin}{forge.variable.replace('NAME', name)}\n" for name in names)
