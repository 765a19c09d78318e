"""The calls that real servers have not: reset, faults on demand, and what was asked so far."""

import json
from collections.abc import Sequence
from typing import Protocol

from iac.sandbox.fault import Fault, FaultError, Faults
from iac.sandbox.message import Request, Response, empty, error, json_response

PREFIX = "/sandbox/"


class Controlled(Protocol):
    """What the calls act on."""

    @property
    def faults(self) -> Faults:
        """The faults that wait."""

    @property
    def log(self) -> Sequence[tuple[str, str, int]]:
        """Method, path and status of each request so far."""

    def reset(self) -> None:
        """Start anew from the seed."""


def answer(server: Controlled, request: Request) -> Response:
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
