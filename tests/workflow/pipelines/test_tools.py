"""Pipelines, the action and the hooks under the tools of the field, with a real installation."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from iac import __version__
from iac.registry import FORGES
from iac.workflow.pipelines.text import PipelineFacts, render_pipelines
from tests.config.given import CLIENT, PROJECT, write
from tests.workflow.pipelines.hub import WHEEL

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.live
ISSUERS = {name: f"https://{name}.example.org/" for name in ("dev", "prod")}
FACTS = PipelineFacts(ISSUERS, "services/iam", "main", extras=("jose", "s3", "sops"), wheel=WHEEL, is_named=True)
ONE = PipelineFacts({"default": "https://iam.example.org/"}, ".", "main", wheel=WHEEL)
MACHINE = re.compile(r"\.venv.*|\.git|\.demo|\.\w+_cache|\.hypothesis|\.coverage.*|__pycache__|dist")


def run(*command: object, cwd: Path, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("IAC_", "COV_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def written(folder: Path, facts: PipelineFacts = FACTS) -> None:
    for forge in FORGES:
        for path, text in render_pipelines(forge, facts).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is built with go, which is not here")
def test_actionlint_has_nothing_to_say_of_the_workflows(tmp_path: Path) -> None:
    run("git", "init", "--quiet", cwd=tmp_path)
    for facts in (FACTS, ONE):
        written(tmp_path, facts)
        assert "" == run("actionlint", "-no-color", cwd=tmp_path)
    (tmp_path / ".github/workflows/wrong.yml").write_text(
        "on: push\njobs: {a: {runs-on: x, steps: [{run: 'echo $X'}]}}\n"
    )
    assert 1 == subprocess.run(["actionlint"], cwd=tmp_path, check=False, capture_output=True).returncode


def test_shellcheck_has_nothing_to_say_of_scripts_that_actionlint_does_not_read(tmp_path: Path) -> None:
    pipeline = yaml.safe_load(render_pipelines("gitlab", FACTS)[".gitlab/iac.gitlab-ci.yml"])
    scripts = ["\n".join(job.get("script") or job.get("before_script", ())) for job in pipeline.values()]
    steps = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    scripts += [step["run"] for step in steps if "run" in step]
    assert len(scripts) > 7
    for number, script in enumerate(scripts):
        (tmp_path / f"{number}.sh").write_text(f"#!/bin/bash\nset -eo pipefail\n{script}\n")
        run("shellcheck", f"{number}.sh", cwd=tmp_path)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pre-commit; and the wheel of this checkout beside it."""
    home = tmp_path_factory.mktemp("tools")
    run(sys.executable, "-m", "venv", home / "venv", cwd=home)
    run(home / "venv/bin/python", "-m", "pip", "install", "--quiet", "pre-commit>=4", cwd=home)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", home / "dist", ROOT, cwd=home)
    return home


@pytest.mark.parametrize("forge", FORGES)
def test_the_step_that_installs_iac_installs_this_version_and_no_more_than_is_written(
    tools: Path, tmp_path: Path, forge: str
) -> None:
    (wheel,) = (tools / "dist").glob("indigo_iac-*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    written(tmp_path, replace(FACTS, wheel=f"{wheel.as_uri()}#sha256={digest}"))
    if forge == "github":
        workflow = yaml.safe_load((tmp_path / ".github/workflows/iac.yml").read_text())
        (install,) = [step["run"] for step in workflow["jobs"]["plan"]["steps"] if step.get("name") == "Install iac"]
    else:
        pipeline = yaml.safe_load((tmp_path / ".gitlab/iac.gitlab-ci.yml").read_text())
        install = pipeline[".iac"]["before_script"][-1]
    run(sys.executable, "-m", "venv", "runner", cwd=tmp_path)
    path = f"{tmp_path / 'runner/bin'}{os.pathsep}{os.environ['PATH']}"
    script = f"{install}\niac --version\npip check\npip list --format freeze --disable-pip-version-check"
    said = run("bash", "-eo", "pipefail", "-c", script, cwd=tmp_path, PATH=path)
    assert f"iac {__version__}\nNo broken requirements found.\n" in said
    file = tmp_path / f".{forge}/iac-requirements.txt"
    text = file.read_text()
    named = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:==| @ )", text, re.MULTILINE)}
    installed = {canonicalize_name(name) for name in re.findall(r"^(\S+?)(?:==| @ )", said, re.MULTILINE)}
    assert "joserfc" in installed
    assert installed - {"pip", "setuptools"} <= named
    file.write_text(text.replace(digest, "0" * 64))
    again = ["bash", "-c", f"pip uninstall --quiet --yes indigo-iac\n{install}"]
    refused = subprocess.run(again, cwd=tmp_path, env={"PATH": path}, capture_output=True, check=False)
    assert b"DO NOT MATCH THE HASHES" in refused.stderr


def test_pre_commit_runs_the_hooks_from_this_repository(tools: Path, tmp_path: Path) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=b@example.org")
    hooks = tmp_path / "hooks"
    shutil.copytree(ROOT, hooks, ignore=lambda _, names: [name for name in names if MACHINE.fullmatch(name)])
    project = write(tmp_path / "project", {"iac.yaml": PROJECT, "clients.d/portal.yaml": CLIENT})
    for folder in (hooks, project):
        run("git", "init", "--quiet", cwd=folder)
        run("git", "add", "--all", cwd=folder)
        run(*git, "commit", "--quiet", "--message", "all", cwd=folder)
    run(sys.executable, "-m", "iac", "fmt", cwd=project)
    run("git", "add", "--all", cwd=project)
    tried = (tools / "venv/bin/pre-commit", "try-repo", hooks, "--all-files", "--verbose")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the hooks run the iac that is installed
    said = run(*tried, cwd=project, PRE_COMMIT_HOME=str(tmp_path / "cache"), HOME=str(tmp_path), PATH=path)
    assert {"iac validate", "iac fmt --check"} == set(re.findall(r"^(iac [a-z -]+?)\.+Passed$", said, re.MULTILINE))
    (project / "clients.d/portal.yaml").write_text(CLIENT + "colour: blue\n")
    run("git", "add", "--all", cwd=project)
    refused = subprocess.run(
        [*map(str, tried)], cwd=project, check=False, capture_output=True, text=True,
        env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path), "PATH": path},
    )  # fmt: skip
    assert 1 == refused.returncode
    assert "unknown-key" in refused.stdout
