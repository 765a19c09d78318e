"""Faults on demand: what a network and a tired server do to a client."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any

from iac.sandbox.message import HTML, JSON, Response

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
    """What happens to the next `times` requests of a method and path, both globs like `*`.

    `skip` matching requests pass first. `seconds` is for a delay; `status`, `retry_after` (seconds) and
    `body` (html, json, empty) are for a status.
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
            raise FaultError(f"kind {kind!r} is none of {', '.join(FaultKind)}")
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
        self._waiting: list[_Waiting] = []

    def add(self, fault: Fault) -> None:
        """Let the fault wait for its requests, behind those that are there."""
        with self._lock:
            self._waiting.append(_Waiting(fault, fault.skip, fault.times))

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

    def _meet(self, waiting: "_Waiting") -> Fault | None:
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
class _Waiting:
    fault: Fault
    skip: int
    times: int
