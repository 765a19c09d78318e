"""Checks of `iac doctor`, files, environments and variables of pipelines: all are documented, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from iac.registry import FORGES
from iac.workflow.pipelines.text import PipelineFacts, render_pipelines

ROOT = Path(__file__).parents[2]
DOCTOR = (ROOT / "docs/reference/doctor.md").read_text(encoding="utf-8")
PAGES = {forge: (ROOT / f"docs/how-to/pipeline-{forge}.md").read_text(encoding="utf-8") for forge in FORGES}
FACTS = PipelineFacts({"default": "https://iam.example.org/"}, ".", "main")
NAMED = PipelineFacts(dict.fromkeys(("dev", "prod"), "https://iam.example.org/"), "iam", "main", is_named=True)


def first_column(page: str) -> set[str]:
    return set(re.findall(r"^ *\| `([\w.-]+)`", page, re.MULTILINE))


def test_each_check_of_doctor_is_documented_and_nothing_else() -> None:
    sources = (ROOT / "iac/workflow/doctor.py").read_text(encoding="utf-8")
    named = set(re.findall(r'\b(?:ok|warning|error|unknown|failed|told|look)\(\s*"([a-z-]+)"', sources))
    assert {"exposure", "clock", "settings"} <= named
    assert named == first_column(DOCTOR)


def test_each_job_and_environment_of_github_is_documented() -> None:
    texts = render_pipelines("github", FACTS)
    environments = {name for text in texts.values() for name in re.findall(r"environment: ([\w-]+)", text)}
    jobs = {job for path, text in texts.items() if path.endswith(".yml") for job in yaml.safe_load(text)["jobs"]}
    files = {path.removeprefix(".github/workflows/") for path in texts}
    assert files <= set(re.findall(r"`([^`]+)`", PAGES["github"]))
    assert (jobs - {"approve"}) | environments == first_column(PAGES["github"])


def test_each_job_of_gitlab_is_documented() -> None:
    pipeline: dict[str, Any] = yaml.safe_load(render_pipelines("gitlab", FACTS)[".gitlab/iac.gitlab-ci.yml"])
    jobs = {name for name in pipeline if not name.startswith(".")}
    assert jobs == {name for name in first_column(PAGES["gitlab"]) if name.startswith("iac-")}


@pytest.mark.parametrize("forge", FORGES)
def test_each_variable_that_somebody_has_to_set_is_documented(forge: str) -> None:
    for facts in (FACTS, NAMED):
        text = "".join(render_pipelines(forge, facts).values())
        own = set(re.findall(r"(IAC_[A-Z_]+): (?!\$\{\{ secrets)", text))
        used = set(re.findall(r"\bIAC_[A-Z_]+", text)) - own
        assert {"IAC_RENDER_RUNNER"} <= used
        assert set() == {name for name in used if f"`{name}" not in PAGES[forge]}


def test_each_input_of_the_action_that_is_told_exists() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert {"command", "directory", "settings-from"} <= set(action["inputs"])
    assert {"digest", "changes"} == set(action["outputs"])
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert all(f"id: {hook['id']}" in PAGES["github"] for hook in hooks)
