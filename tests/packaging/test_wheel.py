"""The wheel holds what it needs: built, installed alone into an empty environment, and used there."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.live


def _run(*command: object, cwd: Path, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("IAC_", "PYTHON", "COV_"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, ROOT, cwd=target)
    (built,) = target.glob("indigo_iac-*.whl")
    return built


@pytest.fixture(scope="module")
def iac(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("empty") / "venv"
    _run(sys.executable, "-m", "venv", home, cwd=home.parent)
    _run(home / "bin/python", "-m", "pip", "install", "--quiet", wheel, cwd=home.parent)
    return home / "bin/iac"


def test_wheel_holds_schemas_and_built_in_templates_and_nothing_of_the_checkout(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    schemas = {f"iac/schemas/{name}.schema.json" for name in ("client", "project", "plan")}
    assert schemas <= names
    pipelines = {path.relative_to(ROOT).as_posix() for path in (ROOT / "iac/forges").rglob("*.yml")}
    assert "iac/forges/part/install.yml" in pipelines
    assert pipelines <= names
    catalogue = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "iac/services").rglob("*.*") if path.suffix != ".pyc"
    }
    assert {
        "iac/services/plain/dotenv.j2",
        "iac/services/rucio/service.toml",
        "iac/services/rucio/auth.yaml",
    } <= catalogue
    assert catalogue <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"iac", "indigo_iac"}


def test_the_installed_command_says_its_version_and_prints_schemas(iac: Path, tmp_path: Path) -> None:
    assert _run(iac, "--version", cwd=tmp_path).startswith("iac 0.")
    assert '"$schema"' in _run(iac, "schema", "client", cwd=tmp_path)


def test_the_installed_command_explains_ids_of_every_kind(iac: Path, tmp_path: Path) -> None:
    for name in ("password-grant", "max-deletes", "yaml-anchor", "put-is-a-full-replace"):
        assert _run(iac, "explain", name, cwd=tmp_path).startswith(f"{name}: ")


def test_the_main_job_runs_from_the_wheel_alone(iac: Path, tmp_path: Path) -> None:
    """The demo, with nothing of the checkout but its script."""
    path = f"{iac.parent}{os.pathsep}{os.environ['PATH']}"
    said = _run("sh", ROOT / "examples/demo.sh", cwd=tmp_path, PATH=path, DEMO_DIR=str(tmp_path / "demo"))
    assert "Plan: no changes" in said


def test_the_readme_installs_what_it_says(tmp_path: Path) -> None:
    """In a fresh copy of the checkout, with a home of its own."""
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    home.mkdir()
    left_out = shutil.ignore_patterns(".git", ".venv*", ".demo", "dist", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, checkout, ignore=left_out)
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Install\n")[2].partition("\n## ")[0]
    commands = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    assert len(commands) > 3
    said = _run("sh", "-ec", "\n".join([*commands, "command -v iac", "iac --version"]), cwd=checkout, HOME=str(home))
    assert f"{home}/iac/bin/iac\niac 0." in said
