"""docs/explanation/how-to-add.md is followed to the letter in a copy of the code, and its files are counted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iac.config.schema import load_schema
from iac.registry import BACKENDS, LOGINS, SINKS
from tests.config.given import CLIENT, PROJECT, write

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "tests/docs/recipes"
PAGE = (ROOT / "docs/explanation/how-to-add.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## A ([\w ]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ADAPTERS = [title for title in SECTIONS if re.search(r"of `iac/registry.py`\.$", SECTIONS[title], re.MULTILINE)]
FOLLOWED = [title for title in SECTIONS if "\n# iac/" in SECTIONS[title] or "/recipes/iac/" in SECTIONS[title]]
DEFS: Any = load_schema("project")["$defs"]

OPENED = """
import sys
from iac.cli.context import CommandContext
from iac.clock import SystemClock
from iac.wiring import open_login
from iac.wiring import open_project
from iac.workflow.pipelines.text import PipelineFacts, render_pipelines
shell = CommandContext(sys.argv[1])
settings, local = open_project(shell)
facts = PipelineFacts({"default": settings.issuer}, ".", "main", wheel="https://example.org/iac.whl#sha256=00")
print(render_pipelines("bench", facts)[".bench/iac.yml"].count("IAC_CLIENT_SECRET: $(secret IAC_CLIENT_SECRET)"))
print(type(local.backend).__name__, type(local.sinks["there"]).__name__, open_login(settings, (), shell).kind)
from pathlib import Path
from iac.core.plan.plan import Plan
from iac.views.kind import PlanView, ViewSettings, render_plans
from iac.workflow.explain import explain
from iac.workflow.validate import validate
print([said.id for said in validate(Path(sys.argv[1])).diagnostics], explain("no-description", Path(sys.argv[1])).fix)
print(render_plans([Plan("demo", "default", settings.issuer, settings.api)], PlanView("wiki"), ViewSettings()), end="")
"""


def test_the_registry_and_the_schema_name_the_same_adapters() -> None:
    sinks = [branch["properties"]["kind"]["const"] for branch in DEFS["sinks"]["additionalProperties"]["oneOf"]]
    logins = {branch["properties"]["method"]["const"] for branch in DEFS["auth"]["oneOf"]}
    assert list(BACKENDS) == DEFS["state"]["properties"]["backend"]["enum"]
    assert list(SINKS) == ["file", *sinks]
    assert set(LOGINS) == logins


def recipes(title: str) -> dict[str, str]:
    """The files of a recipe: path -> text."""
    paths = re.findall(r"\(\.\./\.\./tests/docs/recipes/(\S+)\)", SECTIONS[title])
    return {path: (RECIPES / path).read_text(encoding="utf-8") for path in paths}


def edited(root: Path, title: str) -> set[str]:
    """Put the blocks of a recipe into the files that are there; these files."""
    placed = re.findall(
        r"^```python\n# (\S+), (above|below|at the end of) `([^`]+)`\n(.*?)^```",
        SECTIONS[title],
        re.MULTILINE | re.DOTALL,
    )
    for path, where, line, text in placed:
        before = (root / path).read_text(encoding="utf-8")
        start = before.rindex("\n", 0, before.index(line)) + 1
        place = {
            "above": start,
            "below": before.index("\n", start) + 1,
            "at the end of": before.find("\n)", start) + 1,
        }[where]
        (root / path).write_text(before[:place] + text + before[place:], encoding="utf-8")
    return {path for path, *_ in placed}


def added(root: Path, title: str) -> int:
    """Follow a recipe; the number of files of iac/ that it touches."""
    files = recipes(title)
    write(root, files)
    modules = [path for path in files if path.endswith(".py")]
    if title not in ADAPTERS:
        return len(modules) + len(edited(root, title))
    ((name, table),) = re.findall(r"`(\w+)` in `([A-Z]+)` of `iac/registry.py`", SECTIONS[title])
    path = next(path for path in modules if re.search(rf"^(class {name}\(|{name} = )", files[path], re.MULTILINE))
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    registry = root / "iac/registry.py"
    first = "from __future__ import annotations\n"
    text = registry.read_text(encoding="utf-8").replace(first, f"{first}from {module} import {name}\n", 1)
    named = rf"({table}: .*?for \w+ in \([^)]*?),?\s*\)"
    text = re.sub(named, rf"\1, {name})", text, count=1, flags=re.DOTALL)
    registry.write_text(text, encoding="utf-8")
    return len(modules) + 1


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code, to be changed."""
    for folder in ("iac", "schemas", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def schema_with_toys() -> str:
    schema = json.loads(json.dumps(load_schema("project")))
    definitions = schema["$defs"]
    definitions["state"]["properties"]["backend"]["enum"].append("shelf")
    for branches, key, name in (
        (definitions["sinks"]["additionalProperties"]["oneOf"], "kind", "plain"),
        (definitions["auth"]["oneOf"], "method", "pasted"),
    ):
        branch = {"type": "object", "required": [key], "properties": {key: {"const": name}}}
        branches.append({**branch, "additionalProperties": False})
    return json.dumps(schema)


def test_the_recipes_are_complete_and_their_files_are_counted(copy: Path) -> None:
    counted = {title: added(copy, title) for title in FOLLOWED}
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--quiet",
            "--no-cache",
            "--ignore",
            "I001",
        ],  # make format sorts imports
        cwd=copy,
        check=True,
        timeout=60,
    )
    table = {title: int(count) for title, count in re.findall(r"^\| ([\w ]+) \| (\d): its", PAGE, re.MULTILINE)}
    assert table == counted
    (copy / "schemas/project.schema.json").write_text(schema_with_toys(), encoding="utf-8")
    text = "\n".join(line for line in PROJECT.splitlines() if not line.startswith("auth"))
    state = f"state: {{backend: shelf, path: {copy}/shelf.json}}"
    project = write(copy / "demo", {
        "iac.yaml": f"{text}\nauth: {{method: pasted}}\n{state}\nsinks: {{there: {{kind: plain}}}}\n",
        "clients.d/portal.yaml": f"{CLIENT}outputs: [{{template: dotenv, path: a.env, sink: there}}]\n",
    })  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", OPENED, str(project)],
        env={**os.environ, "PYTHONPATH": str(copy)},
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    expected = """\
1
FileBackend FileSink pasted
['no-description'] client_description: what the service does
* nothing
"""
    assert (expected, "") == (ran.stdout, ran.stderr)
