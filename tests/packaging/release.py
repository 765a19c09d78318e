"""A release without publishing it: `make release-check`.

The version has a dated section in CHANGELOG.md and no other tag. Wheel and sdist are built, and the sdist builds
the same wheel to the byte. An SBOM of what pipelines install and the hashes of all lie beside them.
Prints what is left to do.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import iac

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
BUILD = ROOT / ".venv-build/bin/python"
SECTION = re.compile(r"^## (?P<version>\S+)(?: \((?P<date>\d{4}-\d\d-\d\d)\))?$", re.MULTILINE)


class NotReady(Exception):
    """The release cannot be made; the text says what is missing and what to do."""


def version_with_notes(version: str, changelog: str, today: date) -> None:
    """Refuses a version that is not released under its number and date.

    Raises:
        NotReady: The number, the first section of the changelog, or its date is not right.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise NotReady(f"version {version} is not MAJOR.MINOR.PATCH. Change it in iac/__init__.py.")
    first = SECTION.search(changelog)
    if first is None or first["version"] != version:
        named = first["version"] if first else "missing"
        raise NotReady(f"the first section of CHANGELOG.md is {named}. Name it `## {version} ({today})`.")
    if first["date"] is None or date.fromisoformat(first["date"]) > today:
        raise NotReady(f"section {version} of CHANGELOG.md has no date up to today. Add it: `## {version} ({today})`.")


def tag_is_free(version: str, tags: dict[str, str], head: str) -> None:
    """Refuses a version whose tag names another commit.

    Raises:
        NotReady: The tag exists elsewhere.
    """
    tagged = tags.get(f"v{version}", head)
    if tagged != head:
        raise NotReady(f"tag v{version} exists, at {tagged[:10]}. Release another version.")


def built(source: Path, target: Path) -> None:
    """Wheel and sdist of a folder, by the build backend that requirements/hashes/build.txt pins."""
    run(BUILD, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", target, cwd=source)


def run(*command: object, cwd: Path = ROOT) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReady(f"{command[0]} {command[1]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def same_from_sdist(sdist: Path, wheel: Path) -> None:
    """Builds the wheel again, from the sdist.

    Raises:
        NotReady: It differs from the wheel of the checkout.
    """
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        built(unpacked, Path(folder))
        if digest(Path(folder) / wheel.name) != digest(wheel):
            raise NotReady(
                "the sdist builds another wheel than the checkout. Compare the lists of files in pyproject.toml."
            )


def sbom(target: Path) -> int:
    """Writes a CycloneDX SBOM of the pinned dependencies, and says how many they are."""
    options = ["--output-reproducible", "--pyproject", "pyproject.toml", "--of", "JSON", "-o", target]
    tool = ["tool", "run", "--quiet", "--from", "cyclonedx-bom==7.5.0", "cyclonedx-py"]
    run(Path(sys.executable).with_name("uv"), *tool, "requirements", *options, "requirements/hashes/all.txt")
    return len(json.loads(target.read_text(encoding="utf-8"))["components"])


def main() -> None:
    """Checks and builds.

    Raises:
        NotReady: Something is missing.
    """
    version = iac.__version__
    version_with_notes(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), datetime.now(UTC).date())
    if changed := run("git", "status", "--porcelain", "--untracked-files=no"):
        raise NotReady(f"files are changed and not committed. Commit them:\n{changed}")
    head = run("git", "rev-parse", "HEAD").strip()
    lines = run("git", "tag", "--list", "--format=%(refname:short) %(*objectname)%(objectname)").splitlines()
    tag_is_free(version, {name: commit[:40] for name, commit in (line.split() for line in lines)}, head)
    built(ROOT, DIST)
    wheel, sdist = DIST / f"indigo_iac-{version}-py3-none-any.whl", DIST / f"indigo_iac-{version}.tar.gz"
    same_from_sdist(sdist, wheel)
    bill = DIST / f"indigo_iac-{version}.cdx.json"
    count = sbom(bill)
    sums = "".join(f"{digest(path)}  {path.name}\n" for path in (wheel, sdist, bill))
    (DIST / "SHA256SUMS").write_text(sums, encoding="utf-8")
    print(f"{version} is ready: {count} dependencies in the SBOM, and the sdist builds the same wheel.\n{sums}")  # noqa: T201  # a script
    print(f"Next: git tag --sign v{version} {head[:10]} && git push origin v{version}, and publish dist/.")  # noqa: T201  # a script


if __name__ == "__main__":
    try:
        main()
    except NotReady as missing:
        sys.exit(f"not ready: {missing}")
