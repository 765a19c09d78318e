"""Calls that real servers do not have: reset, faults on demand, and what was asked so far."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any, Protocol

from iac.sandbox.message import HTML, JSON, Request, Response, empty, error, json_response

_BODIES = {
    "html": (HTML, b"<!DOCTYPE html><html><body><h1>Service unavailable</h1></body></html>"),
    "json": (JSON, b'{"error": "try again later"}'),
    "empty": ("", b""),
}


class FaultError(ValueError):
    """A fault is not described as it should be; the message says what is wrong."""


class FaultKind(StrEnum):
    """What happens to a request."""

    REFUSE = "refuse"  # the connection is reset, nothing is done
    DELAY = "delay"  # the request is answered later
    CUT_BEFORE = "cut-before"  # the connection is closed without an answer, nothing is done
    CUT_AFTER = "cut-after"  # it is closed without an answer, the request is done
    STATUS = "status"  # another answer, nothing is done
    STATUS_AFTER = "status-after"  # another answer, the request is done


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to the next requests of a method and path.

    Attributes:
        kind: `refuse`, `delay`, `cut-before`, `cut-after` (done, but no answer), `status`, `status-after`
        method, path: under `match`: which requests; patterns such as `*`
        times, skip: how many requests (1), after how many that pass (0)
        seconds: of a delay
        status, retry_after, body: of an answer: the status, seconds of Retry-After, `html`, `json` or `empty`
    """

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 503
    retry_after: int | None = None
    body: str = "empty"

    @classmethod
    def parse(cls, value: Any) -> "Fault":
        """The fault that a JSON object describes: the fields, with method and path under `match`.

        Raises:
            FaultError: for an unknown field or a value of the wrong type.
        """
        if not isinstance(value, Mapping):
            raise FaultError("a fault is a JSON object")
        fields = {name: item for name, item in value.items() if name != "match"}
        match = value.get("match", {})
        if not isinstance(match, Mapping) or set(match) - {"method", "path"}:
            raise FaultError("match is an object with method and path")
        return cls._checked({**fields, **match})

    @classmethod
    def _checked(cls, fields: dict[str, Any]) -> "Fault":
        types = {name: _TYPES[name] for name in fields if name in _TYPES}
        unknown = sorted(set(fields) - set(types))
        wrong = sorted(name for name, kinds in types.items() if not isinstance(fields[name], kinds))
        if unknown or wrong or "kind" not in fields:
            raise FaultError(f"not a fault: unknown {unknown}, of a wrong type {wrong}; kind is required")
        kind = fields.pop("kind")
        if kind not in list(FaultKind):
            raise FaultError(f"kind {kind!r} is not one of {', '.join(FaultKind)}")
        if fields.get("body", "empty") not in _BODIES:
            raise FaultError(f"body is one of {', '.join(_BODIES)}")
        return cls(kind=FaultKind(kind), **fields)

    def response(self) -> Response:
        """The answer of a status fault."""
        content_type, body = _BODIES[self.body]
        headers = {"content-type": content_type} if content_type else {}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return Response(self.status, headers, body)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "method": str,
    "path": str,
    "times": int,
    "skip": int,
    "seconds": (int, float),
    "status": int,
    "retry_after": int,
    "body": str,
}


class Faults:
    """The faults that wait for their requests. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[_PendingFault] = []

    def add(self, fault: Fault) -> None:
        """Let the fault wait for its requests, behind those that are there."""
        with self._lock:
            self._waiting.append(_PendingFault(fault, fault.skip, fault.times))

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets, which counts as one of its times."""
        if not self._waiting:
            return None
        with self._lock:
            for waiting in self._waiting:
                if fnmatchcase(method, waiting.fault.method) and fnmatchcase(path, waiting.fault.path):
                    return self._meet(waiting)
        return None

    def _meet(self, waiting: "_PendingFault") -> Fault | None:
        if waiting.skip > 0:
            waiting.skip -= 1
            return None
        waiting.times -= 1
        if waiting.times <= 0:
            self._waiting.remove(waiting)
        return waiting.fault

    def describe(self) -> list[dict[str, Any]]:
        """The waiting faults: kind, method, path and how many times are left."""
        with self._lock:
            return [
                {"kind": w.fault.kind, "method": w.fault.method, "path": w.fault.path, "times": w.times}
                for w in self._waiting
            ]


@dataclass(slots=True, eq=False)
class _PendingFault:
    fault: Fault
    skip: int
    times: int


PREFIX = "/sandbox/"


class FaultTarget(Protocol):
    """What the calls act on."""

    @property
    def faults(self) -> Faults:
        """The faults that wait."""

    @property
    def log(self) -> Sequence[tuple[str, str, int]]:
        """Method, path and status of each request so far."""

    def reset(self) -> None:
        """Start again from the seed."""


def answer(server: FaultTarget, request: Request) -> Response:
    """The answer to a call below `PREFIX`, which no fault meets and no log shows."""
    match request.method, request.path.removeprefix(PREFIX):
        case "POST", "reset":
            server.reset()
        case "POST", "faults":
            return _add_faults(server.faults, request.body)
        case "GET", "faults":
            return json_response(200, server.faults.describe())
        case "DELETE", "faults":
            server.faults.clear()
        case "GET", "log":
            return json_response(
                200, [dict(zip(("method", "path", "status"), entry, strict=True)) for entry in server.log]
            )
        case _:
            return error(404, f"{request.method} {request.path}: no such call of the sandbox")
    return empty(204)


def _add_faults(faults: Faults, body: bytes) -> Response:
    try:
        value = json.loads(body)
        parsed = [Fault.parse(item) for item in (value if isinstance(value, list) else [value])]
    except (FaultError, ValueError) as wrong:
        return error(400, str(wrong))
    for fault in parsed:
        faults.add(fault)
    return empty(204)
