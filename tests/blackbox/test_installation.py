"""Jobs that hold a login install nothing by a name that anybody can take."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from iac import __version__

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

HASH = "0123456789abcdef" * 4
WHEEL = f"https://wheels.example.org/indigo_iac-{__version__}-py3-none-any.whl#sha256={HASH}"
BOTH = ("--ci", "github", "--ci", "gitlab")


@pytest.fixture
def shared(project: Project) -> Project:
    """A project in a repository, whose state pipelines reach."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", project.root], check=True)
    project.write("iac.yaml", "project: demo  # ours\nissuer: https://iam.example.org/\nprovider: iam-admin\n")
    with (project.root / "iac.yaml").open("a") as file:
        file.write("auth: {method: client_credentials, client_id: {env: ID}, client_secret: {env: KEY}}\n")
        file.write("state: {backend: s3, bucket: iac-state, access_key_id: {env: A}, secret_access_key: {env: B}}\n")
    return project


def texts(project: Project) -> dict[str, str]:
    """What was written for pipelines."""
    found = [*project.root.glob(".github/**/*"), *project.root.glob(".gitlab/*"), *project.root.glob(".gitlab-ci.yml")]
    return {path.relative_to(project.root).as_posix(): path.read_text() for path in found if path.is_file()}


def test_what_jobs_install_has_a_hash_and_iac_comes_from_the_wheel_that_is_named(shared: Project) -> None:
    shared.done("init", *BOTH, "--wheel", WHEEL)
    written = texts(shared)
    installing = [line for text in written.values() for line in text.splitlines() if "pip install" in line]
    assert len(installing) > 6
    for line in installing:
        assert "--require-hashes --only-binary :all: --no-deps -r ." in line
        assert line.split()[-1] in written
    for name in (".github/iac-requirements.txt", ".gitlab/iac-requirements.txt"):
        assert f"\nindigo-iac @ {WHEEL.partition('#')[0]} --hash=sha256:{HASH}\n" in written[name]
        assert re.search(r"^obstore==\S+ \\\n    --hash=sha256:", written[name], re.MULTILINE)
        assert "joserfc" not in written[name]


def test_the_wheel_is_kept_in_iac_yaml_and_the_same_is_written_again(shared: Project) -> None:
    shared.done("init", *BOTH, "--wheel", WHEEL)
    first, settings = texts(shared), shared.read("iac.yaml")
    assert settings.startswith("project: demo  # ours\n")
    assert f"wheel: {WHEEL}" in settings
    for path in first:
        (shared.root / path).unlink()
    shared.done("init", *BOTH)
    assert (first, settings) == (texts(shared), shared.read("iac.yaml"))
    assert "are there already" in shared.done("init", *BOTH, "--wheel", WHEEL).err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "the pipelines need a wheel of iac to install: --wheel, or pipelines.wheel in iac.yaml"),
        (("--wheel", WHEEL.partition("#")[0]), "pipelines.wheel must be URL#sha256=HASH of a wheel"),
        (("--wheel", WHEEL.replace("https://", "https://user:pass@")), "pipelines.wheel must be URL#sha256=HASH"),
        (("--wheel", WHEEL.replace("wheels.", "${X}.")), "pipelines.wheel must be URL#sha256=HASH"),
        (("--wheel", f"{WHEEL}\n-r other.txt"), "pipelines.wheel must be URL#sha256=HASH"),
        (("--wheel", f"{WHEEL}\n"), "pipelines.wheel must be URL#sha256=HASH"),
        (("--wheel", WHEEL.replace(__version__, "99.0")), "the wheel is of another version of iac"),
    ],
    ids=["none", "no hash", "password", "variable", "second line", "line break", "version"],
)
def test_without_a_wheel_of_this_version_nothing_is_written(shared: Project, given: tuple[str, ...], said: str) -> None:
    before = shared.read("iac.yaml")
    refused = shared.iac("init", *BOTH, *given)
    assert 1 == refused.code
    assert said in refused.err
    assert ({}, before) == (texts(shared), shared.read("iac.yaml"))


def test_a_new_project_begins_with_its_wheel(project: Project) -> None:
    root = project.root / "new"
    subprocess.run(["git", "init", "--quiet", "--bare", project.root / "hub.git"], check=True)
    subprocess.run(["git", "init", "--quiet", root], check=True)
    subprocess.run(["git", "-C", root, "remote", "add", "origin", "../hub.git"], check=True)
    asked = ("-C", "new", "init", "--project", "new", "--issuer", "https://iam.example.org/", "--backend", "git")
    assert 1 == project.iac(*asked, "--ci", "github").code
    assert [".git"] == [path.name for path in root.iterdir()]
    project.done(*asked, "--ci", "github", "--wheel", WHEEL)
    assert f'pipelines:\n  wheel: "{WHEEL}"\n' in project.read("new/iac.yaml")
    project.done("-C", "new", "fmt", "--check")
    project.done("-C", "new", "init", "--ci", "github")


def test_a_wheel_is_for_pipelines(project: Project) -> None:
    assert 64 == project.iac("init", "--wheel", WHEEL).code


def test_doctor_wants_pipelines_of_version_0_1_0_written_again(project: Project) -> None:
    subprocess.run(["git", "init", "--quiet", project.root], check=True)
    head = f"# Written by iac {__version__}: iac init --ci github. See docs/how-to/pipeline-github.md of indigo-iac.\n"
    install = '        run: pip install --quiet --disable-pip-version-check "indigo-iac==$IAC_VERSION"\n'
    project.write(".github/workflows/iac-apply.yml", head + install)
    told = project.iac("doctor")
    assert 1 == told.code
    assert ".github/workflows/iac-apply.yml: these jobs install iac by name" in " ".join(told.out.split())
    assert "git rm them, iac init --ci github" in told.out


def test_a_password_in_the_address_of_a_wheel_is_refused_and_not_shown(shared: Project) -> None:
    ended = shared.iac("init", *BOTH, "--wheel", WHEEL.replace("://", "://robot:hunter2@"))
    assert (1, True, False) == (ended.code, "no user or password" in ended.text, "hunter2" in ended.text), ended.text
