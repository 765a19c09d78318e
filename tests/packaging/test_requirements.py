"""What iac is installed with has hashes, is complete, is of one lock, and names no index."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from iac.workflow.pipelines.text import requirements_file

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FILES = {"base": (), **{extra: (extra,) for extra in EXTRAS}, "all": tuple(EXTRAS)}


def pins(name: str) -> dict[str, str]:
    """Name -> version."""
    text = requirements_file(name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def asked(extras: tuple[str, ...]) -> list[Requirement]:
    return [
        Requirement(each) for each in (*PROJECT["dependencies"], *(one for extra in extras for one in EXTRAS[extra]))
    ]


def needed(requirements: list[Requirement]) -> set[str]:
    """Names of all that these need, by what is installed here."""
    found: set[str] = set()
    waiting = [(requirement, extra) for requirement in requirements for extra in ("", *requirement.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            own = [] if name in found else [Requirement(each) for each in distribution(name).requires or ()]
            found.add(name)
            waiting += [(each, one) for each in own for one in ("", *requirement.extras)]
    return found


@pytest.mark.parametrize(("name", "extras"), FILES.items())
def test_all_that_pyproject_asks_for_is_there_in_a_version_that_it_allows(name: str, extras: tuple[str, ...]) -> None:
    found = pins(name)
    for requirement in asked(extras):
        assert found[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize(("name", "extras"), [entry for entry in FILES.items() if entry[0] not in {"all", "http2x"}])
def test_all_that_these_need_themselves_is_there(name: str, extras: tuple[str, ...]) -> None:
    assert set() == needed(asked(extras)) - set(pins(name))


def test_each_file_is_of_the_lock_and_together_they_are_all_of_it() -> None:
    lock = pins("all")
    files = {name: pins(name) for name in ("base", *EXTRAS)}
    assert [] == [name for name, found in files.items() if not found.items() <= lock.items()]
    assert lock == {name: version for found in files.values() for name, version in found.items()}
    assert [] == [name for name, found in files.items() if not files["base"].items() <= found.items()]


@pytest.mark.parametrize("name", [*FILES, "build"])
def test_each_requirement_has_its_hashes_and_no_index_is_named(name: str) -> None:
    text = requirements_file(name).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert blocks
    for block in blocks:
        first, *hashes = [line.strip().removesuffix("\\").strip() for line in block.splitlines()]
        assert re.fullmatch(r"[a-z0-9-]+==\S+( ; [^;]+)?", first)
        assert hashes
        assert [] == [line for line in hashes if not re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line)]


def test_the_build_s_own_requirement_is_that_of_pyproject() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert [True] == [pins("build")[each.name] in each.specifier for each in map(Requirement, built)]
    assert f"echo '{built[0]}'" in (ROOT / "Makefile").read_text(encoding="utf-8")
