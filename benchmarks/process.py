"""Whole processes: their wall time and their peak memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
PYTHON = (sys.executable,)
IAC = (str(Path(sys.executable).parent / "iac"),)
"""The installed command, as a user runs it."""

_PEAK = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if code == 0 else f"exit code {code}")
"""


class ProcessError(Exception):
    """A measured process failed: its command, exit code and last words."""


def seconds(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Wall time of a process that has to succeed."""
    start = perf_counter()
    run(command, environ)
    return perf_counter() - start


def cpu_seconds(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """CPU time of a process that has to succeed, with what the system does for it; the disk's time is not in it."""
    before = getrusage(RUSAGE_CHILDREN)
    run(command, environ)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peak_mb(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Peak resident memory of a process, in MB of 10**6 bytes.

    It is the only child of a small interpreter: the kernel counts the memory of who started a process as its own.
    """
    said = run([*PYTHON, "-S", "-c", _PEAK, *command], environ)
    if not said.strip().isdecimal():
        raise ProcessError(f"{' '.join(command)}: {said}")
    unit = 1 if sys.platform == "darwin" else 1024
    return int(said) * unit / 1e6


def run(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run a process in the project's root; what it printed.

    It keeps byte code, as every installation does: without it each process would compile iac, and the floor nothing.

    Raises:
        ProcessError: it did not exit with 0.
    """
    kept = {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-2000:]
        raise ProcessError(f"{' '.join(command)}\nexit code {done.returncode}: {words}")
    return done.stdout
