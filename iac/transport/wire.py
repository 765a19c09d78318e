"""What went over the wire of one request. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SENDABLE = re.compile(r"[!-~]+(?:[ \t]+[!-~]+)*")


def are_sendable(values: Iterable[str]) -> bool:
    """Whether HTTP carries these values of headers (RFC 9110 section 5.5), in ASCII."""
    return all(map(_SENDABLE.fullmatch, values))


class Wire:
    """How far one request came. A CONNECT to a proxy is not the request: it carries nothing of it."""

    def __init__(self) -> None:
        self.is_sent = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Hear what the connection does (the extension `trace` of httpcore): the first byte goes out after this."""
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self.is_sent = True
