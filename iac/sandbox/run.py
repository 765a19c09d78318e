"""The sandbox as a command: start, say where it is, stop at SIGINT or SIGTERM."""

import errno
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

from iac.sandbox.fault import Fault, FaultError
from iac.sandbox.flavour import FACTS, Flavour
from iac.sandbox.seed import PEOPLE, Seed, SeedError
from iac.sandbox.server import Sandbox, start_sandbox
from iac.sandbox.world import Registrants

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_STOPPING = (signal.SIGINT, signal.SIGTERM)


class SandboxError(Exception):
    """The sandbox cannot start. `summary` is what is wrong, `fix` the next step."""

    def __init__(self, summary: str, fix: str) -> None:
        super().__init__(f"{summary}\nfix: {fix}")
        self.summary = summary
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command takes. `faults` is JSON: one fault or a list of them, "" for none."""

    host: str = "localhost"
    port: int = 8080
    flavour: Flavour = Flavour.V1_14
    seed: str = PEOPLE
    faults: str = ""
    registration: Registrants = Registrants.ANYONE
    shuffle: int | None = None


def run(options: RunOptions, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; must run in the main thread. `say` takes each line of output.

    Raises:
        SandboxError: when the seed, the faults or the port will not do.
    """
    seed, faults = _load_seed(options.seed), _read_faults(options.faults)
    settings = replace(seed.settings, registration=options.registration, shuffle=options.shuffle)
    with _stop_signal() as stopped:
        try:
            with start_sandbox(
                options.flavour, host=options.host, port=options.port, seed=seed, settings=settings
            ) as sandbox:
                for fault in faults:
                    sandbox.faults.add(fault)
                for line in banner(options, sandbox, seed):
                    say(line)
                stopped.wait()
        except OSError as refusal:
            raise _cannot_listen(options, refusal) from refusal
    say("stopped")


def banner(options: RunOptions, sandbox: Sandbox, seed: Seed) -> Iterator[str]:
    """Where the sandbox is, how to log in, and how to stop it."""
    version = FACTS[options.flavour].version
    yield f"INDIGO IAM {version}, a sandbox in memory: not for production, all secrets are known."
    yield f"  url       {sandbox.url}/"
    logins = seed.logins()
    for client_id, secret, scope in logins:
        yield f"  login     client_id={client_id} client_secret={secret} scope='{scope}'"
    for username, password in seed.passwords():
        yield f"  user      {username} / {password}"
    if options.host not in _LOOPBACK:
        yield f"  WARNING   everybody who reaches {options.host} is an administrator here"
    yield "Reset with POST /sandbox/reset. Stop with Ctrl-C."


def _load_seed(name: str) -> Seed:
    try:
        return Seed.load(name)
    except SeedError as broken:
        raise SandboxError(str(broken), f"name a JSON file, or {PEOPLE}") from broken


def _read_faults(text: str) -> list[Fault]:
    if not text:
        return []
    try:
        value = json.loads(text)
        return [Fault.parse(item) for item in (value if isinstance(value, list) else [value])]
    except (FaultError, ValueError) as wrong:
        example = '{"kind": "status", "status": 503, "match": {"path": "/token"}}'
        raise SandboxError(f"faults cannot be read: {wrong}", f"describe them as {example}") from wrong


def _cannot_listen(options: RunOptions, refusal: OSError) -> SandboxError:
    where = f"{options.host}:{options.port}"
    if refusal.errno == errno.EADDRINUSE:
        return SandboxError(f"something else listens on {where} already", "choose another --port, 0 for a free one")
    return SandboxError(f"cannot listen on {where}: {refusal}", "choose another --host or --port")


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that SIGINT or SIGTERM sets; the handlers before are put back at the end."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's form
        stopped.set()

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
