"""Run the scenarios at every sandbox, and write what they found into found.json and docs/reference/servers.md.

What a live server was found to do stays as it was; `IAC_SCENARIOS_WRITE=1` lets its test write it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from iac.sandbox.server import start_sandbox
from tests.e2e.project import FLAVOURS
from tests.scenarios.sandbox import KINDS
from tests.scenarios.table import FOUND, PAGE, Cells, load, measure, name_of, page


def write(found: dict[str, Cells]) -> None:
    """Into both files."""
    FOUND.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


def main() -> None:
    """Every sandbox, then those that were there before."""
    found: dict[str, Cells] = {}
    for kind in KINDS:
        for flavour in FLAVOURS:
            with start_sandbox(flavour) as sandbox, tempfile.TemporaryDirectory() as folder:
                place = kind(sandbox, flavour)
                found[name_of(place)] = measure(place, Path(folder))
    write({**found, **{name: cells for name, cells in load().items() if name not in found}})


if __name__ == "__main__":
    main()
