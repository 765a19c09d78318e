"""`iac init` and `iac state init`, killed at each call that changes something: the same command ends what was begun."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "arguments", [["init", "--project", "demo", "--issuer", "https://iam.example.org/"], ["state", "init"]]
)
def test_after_each_death_the_same_command_ends_what_was_begun(tmp_path: Path, arguments: list[str]) -> None:
    script = [sys.executable, "-m", "tests.cli.killed", str(tmp_path), *arguments]
    done = subprocess.run(script, cwd=ROOT, check=False, capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    deaths = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(deaths) > 15
    assert [] == [death for death in deaths if death["code"] != 0 and not death["is_there"]]
    assert [] == [death for death in deaths if death["listed"] != 0 or death["litter"]]
    # Only the death after the state was made finds everything there: in front of the last calls, which sync a folder.
    assert 3 >= sum(death["is_there"] for death in deaths)
