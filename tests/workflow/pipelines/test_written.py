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
FACTS = PipelineFacts({"default": "https://iam.example.org/"}, ".", "main", wheel=WHEEL)
ISSUERS = {name: f"https://{name}.example.org/" for name in ("dev", "test", "prod")}
NAMED = PipelineFacts(ISSUERS, "services/iam", "release/1", wheel=WHEEL, is_named=True)
KEYED = PipelineFacts(
    {"default": "https://iam.example.org/"},
    ".",
    "main",
    login=("IAC_LOGIN_KEY",),
    state=("IAC_STATE_KEY_ID", "IAC_STATE_KEY"),
    extras=("jose", "s3"),
    wheel=WHEEL,
)
WITH_WHEEL = f"pipelines: {{wheel: '{WHEEL}'}}\n"
GIT_STATE = PROJECT + "state: {backend: git}\n" + WITH_WHEEL


def root_text() -> str:
    root = FORGES["gitlab"].root
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
        (folder / ".gitlab/root.gitlab-ci.yml").write_text(root_text())
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
    assert len(scripts) > 15
    assert [] == [script for script in scripts if "${{" in script]


def test_permissions_are_none_but_what_a_job_names() -> None:
    assert [{}] * 4 == [workflow["permissions"] for _, workflow in workflows()]
    writes = {
        name.partition("workflows/")[2]: {what for what, how in job["permissions"].items() if how == "write"}
        for name, job in jobs()
    }
    assert {
        "iac.yml apply": {"contents"},
        "iac.yml nightly": {"contents"},
        "iac.yml report": {"pull-requests", "issues"},
    } == {name: value for name, value in writes.items() if value}


def test_who_can_write_holds_no_login_but_apply_s() -> None:
    for name, job in jobs():
        secrets = set(re.findall(r"secrets\.(\w+)", str(job)))
        if "issues" in job["permissions"] or job["permissions"].get("pull-requests") == "write":
            assert not secrets, name
        if name.endswith(" plan"):
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
    assert {"pull_request_target", "push", "schedule", "workflow_dispatch"} == set(events["iac.yml"])
    assert "secrets." not in files("github")[".github/workflows/iac-validate.yml"]


def test_a_job_holds_no_program_but_one_command_of_iac() -> None:
    steps = [step["run"] for _, job in jobs() for step in job["steps"] if "run" in step]
    scripts = [
        line for facts in (FACTS, NAMED) for job in gitlab_jobs(facts).values() for line in job.get("script", ())
    ]
    others = {line.strip() for line in [*steps, *scripts] if not re.fullmatch(r"iac [^;&|$`]*", unquoted(line))}
    install = "pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r "
    assert {
        f"{install}.github/iac-requirements.txt",
        r"printf 'approved %s\n' \"$WHAT\"".replace('\\"', '"'),
        "iac validate --format junit >iac-junit.xml || true",
        "iac validate --format gitlab >iac-code-quality.json || true",
        'iac -C "$IAC_DIR" validate --format junit >iac-junit.xml || true',
        'iac -C "$IAC_DIR" validate --format gitlab >iac-code-quality.json || true',
    } == others


def unquoted(line: str) -> str:
    """A command without the variables that it may have, which are quoted."""
    return re.sub(r'"\$IAC_(DIR|ENVIRONMENT)"', "x", line)


def gitlab_jobs(facts: PipelineFacts) -> dict[str, Any]:
    text = files("gitlab", facts)[".gitlab/iac.gitlab-ci.yml"]
    return {name: job for name, job in yaml.safe_load(text).items() if not name.startswith(".")}


def test_apply_is_never_cancelled_and_never_runs_twice_at_once() -> None:
    for facts, of in ((FACTS, ""), (NAMED, "-${{ matrix.environment }}")):
        written = yaml.load(files("github", facts)[".github/workflows/iac.yml"], yaml.BaseLoader)["jobs"]
        for name in ("apply", "nightly"):
            assert {"group": f"iac-apply{of}", "cancel-in-progress": "false"} == written[name]["concurrency"]
    for facts, of in ((FACTS, ""), (NAMED, "-$IAC_ENVIRONMENT")):
        pipeline = gitlab_jobs(facts)
        assert {f"iac-apply{of}"} == {pipeline[job]["resource_group"] for job in ("iac-apply", "iac-nightly")}


def test_several_environments_are_one_file_with_secrets_of_their_own() -> None:
    for forge in FORGES:
        assert list(files(forge, FACTS)) == list(files(forge, NAMED))
    written = yaml.load(files("github", NAMED)[".github/workflows/iac.yml"], yaml.BaseLoader)
    assert ["release/1"] == written["on"]["pull_request_target"]["branches"]
    pinned = "dev=https://dev.example.org/ test=https://test.example.org/ prod=https://prod.example.org/"
    assert {"IAC_DIR": "services/iam", "IAC_ISSUER": pinned} == written["env"]
    for name in ("plan", "apply", "nightly", "render"):
        job = written["jobs"][name]
        assert {"fail-fast": "false", "matrix": {"environment": [*ISSUERS]}} == job["strategy"]
        assert job["environment"].endswith("-${{ matrix.environment }}")
    for name, job in gitlab_jobs(NAMED).items():
        if "environment" in job:
            assert job["environment"]["name"].endswith("-$IAC_ENVIRONMENT"), name
    texts = [text for facts in (FACTS, NAMED) for forge in FORGES for text in yaml_files(forge, facts).values()]
    assert [] == [text for text in texts if re.search(r"@(?:\w+|include .*)@", text)], "a place is not filled in"


def test_pipelines_are_short() -> None:
    counts = {
        (forge, len(facts.issuers)): sum(len(text.splitlines()) for text in yaml_files(forge, facts).values())
        for forge in FORGES
        for facts in (FACTS, NAMED)
    }
    limits = {("github", 1): 180, ("github", 3): 190, ("gitlab", 1): 100, ("gitlab", 3): 100}
    assert {} == {key: count for key, count in counts.items() if count > limits[key]}


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
        "apply Apply": {*login, "IAC_AGE_IDENTITY"},
        "nightly Look": {*login, "IAC_AGE_IDENTITY"},
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


def test_what_environments_need_is_united(repository: Path) -> None:
    by_key = "auth: {method: private_key_jwt, client_id: iac-ci, private_key: {env: IAC_LOGIN_KEY}}"
    write(repository, {"iac.yaml": f"{GIT_STATE}environments: {{dev: , prod: {{{by_key}}}}}\n"})
    assert 0 == iac(repository, "init", "--ci", "github")
    assert "joserfc==" in (repository / ".github/iac-requirements.txt").read_text()
    assert ["IAC_CLIENT_ID", "IAC_CLIENT_SECRET", "IAC_LOGIN_KEY"] == secrets_of_plan(repository)


def secrets_of_plan(repository: Path) -> list[str]:
    """The secrets that the step gets which plans, in the workflow that was written."""
    plan = yaml.load((repository / ".github/workflows/iac.yml").read_text(), yaml.BaseLoader)["jobs"]["plan"]
    (env,) = [step["env"] for step in plan["steps"] if step.get("name") == "Plan"]
    return re.findall(r"secrets\.(\w+)", str(env))


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
    assert "made .github/workflows/iac.yml" in capsys.readouterr().out
    plan = (repository / ".github/workflows/iac.yml").read_text()
    assert 'IAC_DIR: "services/iam"' in plan
    assert plan.count('branches: ["trunk"]') == 2
    assert "/.gitlab/iac.gitlab-ci.yml" in (repository / ".gitlab-ci.yml").read_text()
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*.yml")}
    assert 0 == iac(project, "init", "--ci", "github", "--ci", "gitlab")
    assert "are there already" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in repository.rglob("*.yml")}


def test_a_pipeline_that_is_another_one_is_not_overwritten_and_nothing_else_is_written(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repository, {"iac.yaml": GIT_STATE, ".github/workflows/iac.yml": "name: mine\n"})
    assert 1 == iac(repository, "init", "--ci", "github")
    said = capsys.readouterr().err
    assert "there is another pipeline already: .github/workflows/iac.yml" in said
    assert ["iac.yml"] == [path.name for path in (repository / ".github/workflows").iterdir()]


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
    installed = requirements((repository / ".github/iac-requirements.txt").read_text())
    assert extras == [name for name in ("joserfc", "obstore", "cryptography") if name in installed]
    assert secrets == secrets_of_plan(repository)


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
    assert ["IAM_TOKEN"] == secrets_of_plan(repository)


def test_environments_are_all_of_the_project_or_those_that_are_named(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repository, {"iac.yaml": GIT_STATE + "environments: {dev: , prod: , default: }\n"})

    def written(*options: str) -> str:
        (repository / ".github/workflows/iac.yml").unlink(missing_ok=True)
        assert 0 == iac(repository, *options, "init", "--ci", "github"), capsys.readouterr().err
        return (repository / ".github/workflows/iac.yml").read_text()

    assert 'environment: ["dev", "prod", "default"]' in written()
    assert 'environment: ["dev", "prod", "default"]' in written("--all-envs")
    assert 'environment: ["prod", "dev"]' in written("--env", "prod", "--env", "dev")
    assert 'environment: ["default"]' in written("--env", "default"), "it is named where there are others"
    assert 1 == iac(repository, "--env", "none", "init", "--ci", "github")


def test_an_environment_whose_state_is_on_this_machine_is_named(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environments = "environments: {dev: {state: {backend: file}}, prod: }\n"
    write(repository, {"iac.yaml": GIT_STATE + environments})
    assert 1 == iac(repository, "init", "--ci", "github")
    said = capsys.readouterr().err
    assert "state.backend: file, environment dev" in said
    assert "name the other environments: --env NAME for each" in said
    assert 0 == iac(repository, "--env", "prod", "init", "--ci", "github")


@pytest.mark.parametrize(
    ("forge", "path"), [("github", ".github/workflows/iac-plan-dev.yml"), ("gitlab", ".gitlab/iac-dev.gitlab-ci.yml")]
)
def test_pipelines_of_an_earlier_version_do_not_run_beside_the_new_ones(
    repository: Path, capsys: pytest.CaptureFixture[str], forge: str, path: str
) -> None:
    write(repository, {"iac.yaml": GIT_STATE, path: f"# Written by iac 0.1.0: iac init --ci {forge}.\njobs: {{}}\n"})
    other = "github" if forge == "gitlab" else "gitlab"
    assert 0 == iac(repository, "init", "--ci", other), "they are another forge's"
    assert 1 == iac(repository, "init", "--ci", forge)
    said = capsys.readouterr().err
    assert f"there are pipelines of an earlier version: {path}" in said
    assert f"git rm {path}" in said
    (repository / path).unlink()
    assert 0 == iac(repository, "init", "--ci", forge)


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
