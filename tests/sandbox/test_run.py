"""The sandbox as a command: it starts, says where it is and how to stop, and stops."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iac.sandbox.__main__ import main
from iac.sandbox.server import start_sandbox
from tests.sandbox.talk import SEED

COMMANDS = {"iac": [sys.executable, "-m", "iac", "sandbox"], "alone": [sys.executable, "-m", "iac.sandbox"]}


@contextmanager
def start(command: list[str], *options: str) -> Iterator[subprocess.Popen[str]]:
    arguments = [*command, "--port", "0", *options]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_banner(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


@pytest.mark.parametrize("name", list(COMMANDS))
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_runs_until_it_is_told_to_stop(name: str, stop: signal.Signals) -> None:
    with start(COMMANDS[name], "--flavour", "1.12") as process:
        banner = read_banner(process)
        url = re.search(r"http://localhost:\d+/", banner)
        assert url is not None
        with urllib.request.urlopen(f"{url[0]}actuator/info", timeout=10) as answer:
            assert json.load(answer)["build"]["version"] == "1.12.0"
        process.send_signal(stop)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "stopped\n", "")
    assert "not for production" in banner
    assert "client_id=admin-client-rw client_secret=secret" in banner
    assert "test / password" in banner


def test_everybody_on_the_network_is_warned_about() -> None:
    with start(COMMANDS["alone"], "--host", "0.0.0.0") as process:
        banner = read_banner(process)
        process.terminate()
        process.communicate(timeout=20)
    assert "WARNING" in banner


@pytest.mark.slow
def test_faults_and_a_seed_may_be_given_at_the_start() -> None:
    fault = '[{"kind": "status", "status": 429, "match": {"path": "/jwk"}}]'
    with start(COMMANDS["iac"], "--seed", str(SEED), "--faults", fault, "--shuffle", "1") as process:
        url = re.search(r"http://\S+/", read_banner(process))
        assert url is not None
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{url[0]}jwk", timeout=10)
        refusal.value.close()
        process.terminate()
        process.communicate(timeout=20)
    assert refusal.value.code == 429


def test_a_taken_port_is_said_with_a_way_on() -> None:
    with start_sandbox() as sandbox:
        port = sandbox.url.rpartition(":")[2]
        done = subprocess.run(
            [*COMMANDS["iac"], "--port", port], capture_output=True, text=True, check=False, timeout=30
        )
    assert done.returncode == 1
    assert f"something else listens on localhost:{port} already" in done.stderr
    assert "choose another --port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "nowhere.json"], "cannot read the seed nowhere.json"),
        (["--faults", "{"], "faults cannot be read"),
        (["--faults", '{"kind": "explode"}'], "kind 'explode' is not one of refuse"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:0"),
    ],
)
def test_what_cannot_start_says_why(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", *options]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[]", "{", '{"clients": []}'])
def test_a_file_that_is_no_seed_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "seed.json"
    path.write_text(text, encoding="utf-8")
    assert main(["--port", "0", "--seed", str(path)]) == 1
    assert "seed" in capsys.readouterr().err


@pytest.mark.slow
def test_iac_finds_a_seed_below_its_directory(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text('{"users": [], "clients": []}', encoding="utf-8")
    command = [sys.executable, "-m", "iac", "-C", str(tmp_path), "sandbox"]
    with start(command, "--seed", "own.json") as process:
        banner = read_banner(process)
        process.terminate()
        process.communicate(timeout=20)
    assert "login" not in banner
    with start(command, "--seed", "other.json") as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the sandbox cannot start" in err
