"""Programs: what they see, how they end, how much they may say."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from iac.process import Child, Command, Failure, ProcessError, environment, run

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = (
    "IAC_CLIENT_SECRET", "IAC_AGE_IDENTITY", "IAC_STATE_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "BEARER_TOKEN", "IAM_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SOPS_AGE_KEY", "MY_PASSWORD", "KUBECONFIG",
)  # fmt: skip


@pytest.mark.parametrize("child", Child)
def test_no_child_gets_a_secret(child: Child) -> None:
    assert {"LANG": "C"} == environment(child, {**dict.fromkeys(SECRETS, "canary"), "LANG": "C"})


@pytest.mark.parametrize("child", [child for child in Child if child is not Child.GIT_REMOTE])
def test_what_logs_in_at_a_forge_is_for_git_s_remotes_alone(child: Child) -> None:
    stdin = {"GITHUB_TOKEN": "t", "CI_JOB_TOKEN": "t", "SSH_AUTH_SOCK": "s", "GIT_SSH_COMMAND": "x"}
    assert {} == environment(child, stdin)
    assert stdin == environment(Child.GIT_REMOTE, stdin)


def python(code: str, limit: int = 1_000_000) -> Command:
    return Command(Child.WORKER, (sys.executable, "-c", code), limit=limit)


def test_input_output_and_code_come_through() -> None:
    code = "import sys; data = sys.stdin.read(); print(len(data)); print('no', file=sys.stderr); sys.exit(3)"
    ended = run(python(code), seconds=30, stdin=b"x" * 500_000)
    assert (3, b"500000\n", b"no\n") == (ended.code, ended.out, ended.err)


def test_input_that_nobody_reads_does_no_harm() -> None:
    assert 0 == run(python("import os; os.close(0); print(1)"), seconds=30, stdin=b"x" * 500_000).code


def test_much_on_both_sides_does_not_block() -> None:
    code = "import sys; sys.stderr.write('e' * 300000); sys.stdout.write('o' * 300000); sys.stderr.write('e')"
    ended = run(python(code), seconds=30)
    assert (b"o" * 300_000, 64 * 1024) == (ended.out, len(ended.err))


@pytest.mark.parametrize(
    ("code", "failure"), [("import time; time.sleep(60)", Failure.LATE), ("print('x' * 10**6)", Failure.LONG)]
)
def test_what_goes_too_far_is_killed(code: str, failure: Failure) -> None:
    with pytest.raises(ProcessError) as caught:
        run(python(code, limit=1000), seconds=1 if failure is Failure.LATE else 30)
    assert failure == caught.value.failure


def test_a_child_of_a_child_that_keeps_the_output_open_is_not_waited_for() -> None:
    code = "import subprocess; subprocess.Popen(['sleep', '20'], start_new_session=True); print('done')"
    assert b"done\n" == run(python(code), seconds=10).out


def test_it_has_a_session_of_its_own_and_no_open_file_of_ours(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        code = f"import os; print(os.getsid(0) == os.getpid(), os.path.exists('/proc/self/fd/{file.fileno()}'))"
        assert b"True False\n" == run(python(code), seconds=30).out


def test_no_program_is_looked_for_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho a stranger\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}:")
    assert run(Command(Child.GIT, ("git", "--version"), tmp_path), seconds=30).out.startswith(b"git version")
    assert {"PATH": os.defpath} == environment(Child.GIT, {"PATH": ":bin"})
