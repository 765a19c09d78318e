"""What processes for templates do in tests."""

from __future__ import annotations

import json
import os
import signal

from iac.rendering import answer as module
from iac.rendering.answer import answer


def dies(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def babbles(_: bytes) -> bytes:
    return b"\xff{"


def floods(_: bytes) -> bytes:
    return b"x" * (9 * 1024 * 1024)


def eats(_: bytes) -> bytes:
    return b"x" * (1024 * 1024 * 1024)


def lies(question: bytes) -> bytes:
    """The answer that the question's text asks for."""
    return str(json.loads(question)["template"]["texts"]["x.j2"]).encode()


def grows(_: bytes) -> bytes:
    return json.dumps({"result": [str(os.getpid())], "is_last": True}).encode()


def stays(_: bytes) -> bytes:
    return json.dumps({"result": [str(os.getpid())], "is_last": False}).encode()


def dies_of_three(question: bytes) -> bytes:
    """Rehearses, but dies over an output with the value 3, as a process does that the system ends."""
    if any(spec["values"] == {"a": 3} for spec, *_ in json.loads(question)["outputs"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(question)


def hurries(question: bytes) -> bytes:
    """Answers with a second of time for each template."""
    vars(module)["TEMPLATE_SECONDS"] = 1
    return answer(question)
