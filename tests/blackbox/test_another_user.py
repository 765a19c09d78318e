"""Another user than the one who rendered can look at the project, though out/ is for its owner alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import COMMAND, INHERITED, SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.blackbox.kit import Project

NOBODY = 65534
POWERLESS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""Root without what lets it into every folder."""


@pytest.fixture
def closed(project: Project) -> Iterator[Project]:
    """A project whose out/ this process cannot enter."""
    project.define("team/job", grant_types=["client_credentials"], outputs=[{"template": "json", "path": "out/job"}])
    project.done("apply", "--auto-approve")
    out = project.root / "out"
    if os.geteuid() == 0:
        if not shutil.which(POWERLESS[0]):
            pytest.skip("root needs setpriv to be kept out of a folder")
        os.chown(out, NOBODY, NOBODY)
    else:
        out.chmod(0)
    yield project
    out.chmod(0o700)


def run(closed: Project, *command: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return subprocess.run(
        [*(POWERLESS if os.geteuid() == 0 else []), *COMMAND, *command],
        cwd=closed.root,
        env={**inherited, "HOME": str(closed.root.parent), **closed.env},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_what_needs_no_output_runs(closed: Project, command: str) -> None:
    done = run(closed, command)
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_not_said_to_be_as_it_was(closed: Project) -> None:
    said = run(closed, "doctor").stdout
    assert "unknown  rendered      out/job cannot be read: Permission denied" in said
    assert "ok       rendered" not in said
    checked = run(closed, "render", "--check")
    assert (1, True) == (checked.returncode, "the output cannot be read: out/job" in checked.stdout), checked.stdout
