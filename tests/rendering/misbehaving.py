"""What processes for templates do in tests."""

from __future__ import annotations

import json
import os
import signal


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
    return str(json.loads(question)["text"]).encode()


def grows(_: bytes) -> bytes:
    return json.dumps({"result": [str(os.getpid())], "is_last": True}).encode()


def stays(_: bytes) -> bytes:
    return json.dumps({"result": [str(os.getpid())], "is_last": False}).encode()
