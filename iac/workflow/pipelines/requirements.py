"""What jobs install: iac from its wheel, and what it needs, each with hashes. Nothing else gets beside a login.

The name of the package on an index is nobody's yet, so whoever took it would run in every job that installs it by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from iac import __version__
from iac.core.errors import InputError
from iac.files import resource

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
            why="iac is on no package index yet: whoever takes its name would get the login of jobs that install it",
            fix=f"in a checkout of iac: make wheel; put dist/{name} where the jobs can fetch it; {command}",
        )
    if wheel.partition("#")[0].rpartition("/")[2] != name:
        raise InputError(
            "the wheel is of another version of iac",
            where=wheel,
            why=f"what it needs is known for version {__version__}, which writes the pipelines: {name}",
            fix=f"use the iac of the wheel, or {command}",
        )
