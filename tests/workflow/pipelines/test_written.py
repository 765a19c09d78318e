"""What `iac init --ci` writes: right by the forges' schemas, no expression in a script, least permissions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from iac.cli import run
from iac.registry import FORGES
from iac.workflow.pipelines.text import PipelineFacts, render_pipelines, requirements_file
from tests.config.given import PROJECT, write
from tests.workflow.pipelines.hub import WHEEL

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
FACTS = PipelineFacts("https://iam.example.org/", ".", "default", "main", wheel=WHEEL)
NAMED = PipelineFacts("https://iam.example.org/", "services/iam", "prod", "release/1", wheel=WHEEL)
KEYED = PipelineFacts(
    "https://iam.example.org/",
    ".",
    "default",
    "main",
    login=("IAC_LOGIN_KEY",),
    state=("IAC_STATE_KEY_ID", "IAC_STATE_KEY"),
    extras=("jose", "s3"),
    wheel=WHEEL,
)
WITH_WHEEL = f"pipelines: {{wheel: '{WHEEL}'}}\n"
GIT_STATE = PROJECT + "state: {backend: git}\n" + WITH_WHEEL


def root_text(facts: PipelineFacts) -> str:
    root = FORGES["gitlab"].root(facts.suffix)
    assert root
    return root.text


def files(forge: str, facts: PipelineFacts = FACTS) -> dict[str, str]:
    return render_pipelines(forge, facts)


def yaml_files(forge: str, facts: PipelineFacts = FACTS) -> dict[str, str]:
    """Without what the jobs install."""
    return {path: text for path, text in files(forge, facts).items() if path.endswith(".yml")}


def workflows() -> Iterator[tuple[str, dict[str, Any]]]:
    for facts in (FACTS, NAMED):
        for path, text in yaml_files("github", facts).items():
            yield path, yaml.load(text, yaml.BaseLoader)


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, workflow in workflows():
        for name, job in workflow["jobs"].items():
            yield f"{path} {name}", job


def test_all_files_hold_by_the_schemas_of_their_forges(tmp_path: Path) -> None:
    for facts, folder in ((FACTS, tmp_path / "one"), (NAMED, tmp_path / "two"), (KEYED, tmp_path / "three")):
        for forge in FORGES:
            for path, text in files(forge, facts).items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
        (folder / ".gitlab/root.gitlab-ci.yml").write_text(root_text(facts))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    workflows, pipelines = tmp_path.rglob(".github/workflows/*.yml"), tmp_path.rglob("*.gitlab-ci.yml")
    subprocess.run([*check, "vendor.github-workflows", *workflows], check=True)
    subprocess.run([*check, "vendor.gitlab-ci", "--data-transform", "gitlab-ci", *pipelines], check=True)


def test_the_action_and_the_hooks_of_this_repository_hold_by_their_schemas() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions"]
    subprocess.run([*check, ROOT / "action.yml"], check=True)
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {"iac-validate": "iac validate", "iac-fmt": "iac fmt --check"} == {
        each["id"]: each["entry"] for each in hooks
    }


def test_no_script_has_an_expression_in_it() -> None:
    """What others write (titles, branches, inputs) comes by the environment: in a script it would be code."""
    scripts = [step["run"] for _, job in jobs() for step in job["steps"] if "run" in step]
    scripts += [
        step["run"] for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"] if "run" in step
    ]
    assert len(scripts) > 20
    assert [] == [script for script in scripts if "${{" in script]


def test_permissions_are_none_but_what_a_job_names() -> None:
    assert [{}] * 10 == [workflow["permissions"] for _, workflow in workflows()]
    writes = {
        f"{path} {name}": {what for what, how in job["permissions"].items() if how == "write"}
        for path, workflow in workflows()
        for name, job in workflow["jobs"].items()
        if "-prod" not in path
    }
    short = {
        key.removeprefix(".github/workflows/iac-").replace(".yml", ""): value for key, value in writes.items() if value
    }
    assert {
        "plan comment": {"pull-requests"},
        "apply apply": {"contents"},
        "apply comment": {"pull-requests"},
        "drift issue": {"issues"},
        "rotate rotate": {"contents"},
    } == short


def test_who_can_write_holds_no_login_but_apply_s() -> None:
    for name, job in jobs():
        secrets = set(re.findall(r"secrets\.(\w+)", str(job)))
        if "issues" in job["permissions"] or job["permissions"].get("pull-requests") == "write":
            assert not secrets, name
        if "plan" in name or "drift" in name:
            assert secrets <= {"IAC_CLIENT_ID", "IAC_CLIENT_SECRET"}, name
        assert bool(secrets) <= ("environment" in job), name


def test_every_job_ends_by_itself_and_every_action_is_pinned_to_a_commit() -> None:
    for name, job in jobs():
        assert int(job["timeout-minutes"]) <= 60, name
    for text in files("github").values():
        for action in re.findall(r"uses: (.*)", text):
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action)


def test_only_the_pull_request_s_own_job_runs_on_its_event_and_without_secrets() -> None:
    events = {path.rpartition("/")[2]: workflow["on"] for path, workflow in workflows()}
    assert "pull_request" == events["iac-validate.yml"]
    assert {"pull_request_target"} == set(events["iac-plan.yml"])
    assert {"push", "workflow_dispatch"} == set(events["iac-apply.yml"])
    assert "secrets." not in files("github")[".github/workflows/iac-validate.yml"]


def test_apply_is_never_cancelled_and_never_runs_twice_at_once() -> None:
    found = {path.rpartition("/")[2]: workflow for path, workflow in workflows()}
    for name in ("iac-apply.yml", "iac-rotate.yml"):
        assert {"group": "iac-apply", "cancel-in-progress": "false"} == found[name]["concurrency"]
    pipeline = yaml.safe_load(files("gitlab")[".gitlab/iac.gitlab-ci.yml"])
    assert {"iac-apply"} == {pipeline[job]["resource_group"] for job in ("iac-apply", "iac-rotate")}


def test_an_environment_has_files_and_names_of_its_own() -> None:
    paths = [*files("github", NAMED), *files("gitlab", NAMED)]
    assert ".github/workflows/iac-plan-prod.yml" in paths
    assert ".gitlab/iac-prod.gitlab-ci.yml" in paths
    plan = yaml.load(files("github", NAMED)[".github/workflows/iac-plan-prod.yml"], yaml.BaseLoader)
    assert ("services/iam", "prod") == (plan["env"]["IAC_DIR"], plan["env"]["IAC_ENVIRONMENT"])
    assert ["release/1"] == plan["on"]["pull_request_target"]["branches"]
    assert "iac-plan-prod" == plan["jobs"]["plan"]["environment"]
    texts = [*yaml_files("github", NAMED).values(), *yaml_files("gitlab", NAMED).values()]
    assert [] == [text for text in texts if re.search(r"@(?:[A-Z]+|include .*)@", text)], "a place is not filled in"


def test_steps_that_log_in_have_the_variables_that_the_project_names_and_no_others() -> None:
    written = [yaml.load(text, yaml.BaseLoader) for text in yaml_files("github", KEYED).values()]
    found = {
        f"{job} {step['name']}": set(re.findall(r"secrets\.(\w+)", str(step["env"])))
        for workflow in written
        for job, steps in ((name, job["steps"]) for name, job in workflow["jobs"].items())
        for step in steps
        if "secrets." in str(step.get("env"))
    }
    login = {"IAC_LOGIN_KEY", "IAC_STATE_KEY_ID", "IAC_STATE_KEY"}
    assert {
        "plan Plan": login,
        "drift Look for drift": login,
        "apply Apply it": {*login, "IAC_AGE_IDENTITY"},
        "rotate Rotate": {*login, "IAC_AGE_IDENTITY"},
        "render Render": {"IAC_STATE_KEY_ID", "IAC_STATE_KEY", "IAC_AGE_IDENTITY"},
    } == found


def requirements(text: str) -> list[str]:
    """Names of what a file of requirements has."""
    return re.findall(r"^([A-Za-z0-9._-]+)(?:==| @ )", text, re.MULTILINE)


def test_nothing_is_installed_but_the_wheel_and_what_the_project_needs_each_with_its_hash() -> None:
    for forge in FORGES:
        for facts, extras in ((FACTS, ()), (KEYED, ("jose", "s3"))):
            texts = files(forge, facts)
            installing = [
                line.strip() for text in texts.values() for line in text.splitlines()
                if re.search(r"\b(pip|pipx|uv|npm|go|curl \S*https?:)\b.*\b(install|get|http)", line)
            ]  # fmt: skip
            options = (
                "pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r "
            )
            assert {True} == {line.startswith(options) for line in installing}
            assert {line.removeprefix(options) for line in installing} == {p for p in texts if p.endswith(".txt")}
            text = texts[f".{forge}/iac-requirements.txt"]
            assert f"indigo-iac @ {WHEEL.replace('#sha256=', ' --hash=sha256:')}\n" in text
            needed = {
                name for extra in ("base", *extras) for name in requirements(requirements_file(extra).read_text())
            }
            assert sorted(requirements(text)) == sorted({"indigo-iac", *needed})
            blocks = re.split(r"^(?=[A-Za-z])", text, flags=re.MULTILINE)[1:]
            assert {True} == {"--hash=sha256:" in block for block in blocks}
    validate = files("github", KEYED)[".github/iac-requirements.validate.txt"]
    assert {"joserfc", "obstore"} & set(requirements(validate)) == set()


def test_what_environments_share_has_nothing_of_one_of_them(repository: Path) -> None:
    by_key = "auth: {method: private_key_jwt, client_id: iac-ci, private_key: {env: IAC_LOGIN_KEY}}"
    write(repository, {"iac.yaml": f"{GIT_STATE}environments: {{dev: , prod: {{{by_key}}}}}\n"})
    for name in ("dev", "prod"):
        assert 0 == iac(repository, "--env", name, "init", "--ci", "github")
    written = {path.name: path.read_text() for path in (repository / ".github").rglob("*.*") if path.is_file()}
    assert "-r .github/iac-requirements.validate.txt\n" in written["iac-validate.yml"]
    assert "-r .github/iac-requirements-prod.txt\n" in written["iac-plan-prod.yml"]
    with_jose = {name for name, text in written.items() if name.endswith(".txt") and "joserfc==" in text}
    assert {"iac-requirements-prod.txt"} == with_jose


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    root = tmp_path / "repository"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=trunk", root], check=True)
    return root


def iac(root: Path, *arguments: str) -> int:
    return run(["-C", str(root), *arguments])


def test_pipelines_are_added_to_a_project_that_is_there_and_written_once(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = write(repository / "services/iam", {"iac.yaml": GIT_STATE})
    assert 0 == iac(project, "init", "--ci", "github", "--ci", "gitlab")
    assert "made .github/workflows/iac-plan.yml" in capsys.readouterr().out
    plan = (repository / ".github/workflows/iac-plan.yml").read_text()
    assert 'IAC_DIR: "services/iam"' in plan
    assert 'branches: ["trunk"]' in plan
    assert "/.gitlab/iac.gitlab-ci.yml" in (repository / ".gitlab-ci.yml").read_text()
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*.yml")}
    assert 0 == iac(project, "init", "--ci", "github", "--ci", "gitlab")
    assert "are there already" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in repository.rglob("*.yml")}


def test_a_pipeline_that_is_another_one_is_not_overwritten_and_nothing_else_is_written(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repository, {"iac.yaml": GIT_STATE, ".github/workflows/iac-apply.yml": "name: mine\n"})
    assert 1 == iac(repository, "init", "--ci", "github")
    said = capsys.readouterr().err
    assert "there is another pipeline already: .github/workflows/iac-apply.yml" in said
    assert ["iac-apply.yml"] == [path.name for path in (repository / ".github/workflows").iterdir()]


def test_a_gitlab_ci_file_that_is_there_is_left_alone_and_told_what_to_include(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repository, {"iac.yaml": GIT_STATE, ".gitlab-ci.yml": "stages: [test]\n"})
    assert 0 == iac(repository, "init", "--ci", "gitlab")
    assert "- local: /.gitlab/iac.gitlab-ci.yml" in capsys.readouterr().err
    assert "stages: [test]\n" == (repository / ".gitlab-ci.yml").read_text()


def test_a_state_on_this_machine_is_refused_before_anything_is_written(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("init", "--project", "demo", "--issuer", "https://iam.example.org/", "--ci", "github")
    assert 1 == iac(repository, *asked)
    assert "where pipelines cannot reach it: --backend file" in capsys.readouterr().err
    assert [".git"] == [path.name for path in repository.iterdir()]
    write(repository, {"iac.yaml": PROJECT})
    assert 1 == iac(repository, "init", "--ci", "github")
    assert "where pipelines cannot reach it: state.backend: file" in capsys.readouterr().err


HEAD = "project: demo\nissuer: https://iam.example.org/\nprovider: iam-admin\n" + WITH_WHEEL
BY_KEY = "auth: {method: private_key_jwt, client_id: iac-ci, private_key: {env: IAC_LOGIN_KEY}}\n"
IN_S3 = "state: {backend: s3, bucket: iac-state, access_key_id: {env: KEY_ID}, secret_access_key: {env: KEY}}\n"
BY_HTTP = "state: {backend: http, address: https://git.example.org/s, username: me, password: {env: STATE_TOKEN}}\n"


@pytest.mark.parametrize(
    ("state", "extras", "secrets"),
    [
        (
            IN_S3 + "sinks: {sops: {kind: sops}}\n",
            ["joserfc", "obstore", "cryptography"],
            ["IAC_LOGIN_KEY", "KEY_ID", "KEY"],
        ),
        (BY_HTTP, ["joserfc", "cryptography"], ["IAC_LOGIN_KEY", "STATE_TOKEN"]),
    ],
)
def test_what_jobs_need_is_read_from_the_project(
    repository: Path, state: str, extras: list[str], secrets: list[str]
) -> None:
    write(repository, {"iac.yaml": HEAD + BY_KEY + state})
    assert 0 == iac(repository, "init", "--ci", "github")
    plan = (repository / ".github/workflows/iac-plan.yml").read_text()
    installed = requirements((repository / ".github/iac-requirements.txt").read_text())
    assert extras == [name for name in ("joserfc", "obstore", "cryptography") if name in installed]
    assert secrets == re.findall(r"secrets\.(\w+)", plan)


@pytest.mark.parametrize(
    ("auth", "method"),
    [("{method: device, client_id: people}", "device"), ("{method: oidc-agent, account: prod}", "oidc-agent")],
)
def test_a_login_that_asks_a_person_is_refused(
    repository: Path, capsys: pytest.CaptureFixture[str], auth: str, method: str
) -> None:
    write(repository, {"iac.yaml": f"{HEAD}auth: {auth}\nstate: {{backend: git}}\n"})
    assert 1 == iac(repository, "init", "--ci", "gitlab")
    assert f"no pipeline can log in as a person does: auth.method: {method}" in capsys.readouterr().err
    assert not (repository / ".gitlab").exists()


def test_a_folder_in_no_repository_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = write(tmp_path / "project", {"iac.yaml": GIT_STATE})
    assert 1 == iac(project, "init", "--ci", "github")
    assert "this is not a git repository" in capsys.readouterr().err


def test_a_new_project_has_pipelines_for_the_login_that_it_begins_with(repository: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", repository.parent / "hub.git"], check=True)
    subprocess.run(["git", "-C", repository, "remote", "add", "origin", "../hub.git"], check=True)
    asked = ("--project", "demo", "--issuer", "https://iam.example.org/", "--provider", "iam-self-service")
    assert 0 == iac(repository, "init", *asked, "--backend", "git", "--ci", "github", "--wheel", WHEEL)
    plan = (repository / ".github/workflows/iac-plan.yml").read_text()
    assert ["IAM_TOKEN"] == re.findall(r"secrets\.(\w+)", plan)


def test_several_environments_need_a_name(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(repository, {"iac.yaml": GIT_STATE + "environments: {dev: , prod: }\n"})
    assert 1 == iac(repository, "init", "--ci", "github")
    assert "choose one: --env NAME" in capsys.readouterr().err
    for name in ("dev", "prod"):
        assert 0 == iac(repository, "--env", name, "init", "--ci", "github")
    assert 9 == len(list((repository / ".github/workflows").iterdir()))


def test_a_name_that_would_be_an_expression_is_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = write(repository / "${{ secrets.X }}", {"iac.yaml": GIT_STATE})
    assert 1 == iac(project, "init", "--ci", "github")
    assert "cannot stand in a pipeline" in capsys.readouterr().err


def test_the_default_branch_is_what_the_remote_says_else_the_one_of_now(repository: Path) -> None:
    from iac.workflow.pipelines import _default_branch

    assert "trunk" == _default_branch(repository)
    git = ["git", "-C", str(repository)]
    subprocess.run([*git, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/production"], check=True)
    assert "production" == _default_branch(repository)
    (repository / ".git/HEAD").write_text("0" * 40 + "\n")
    subprocess.run([*git, "symbolic-ref", "--delete", "refs/remotes/origin/HEAD"], check=True)
    assert "main" == _default_branch(repository)


def test_a_folder_that_cannot_be_made_is_told(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(repository, {"iac.yaml": GIT_STATE, ".github": "a file"})
    assert 1 == iac(repository, "init", "--ci", "github")
    assert "the folder cannot be made" in capsys.readouterr().err


def test_pipelines_are_not_written_behind_a_symbolic_link(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(repository, {"iac.yaml": GIT_STATE})
    (repository / ".github").symlink_to(elsewhere)
    assert 1 == iac(repository, "init", "--ci", "github")
    assert "a folder on its way is a symbolic link" in capsys.readouterr().err
    assert [] == list(elsewhere.iterdir())
