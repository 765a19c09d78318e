"""JSON as text. Pure."""

from __future__ import annotations

import json
from typing import Any

from iac.core.text import without_commands


def json_text(value: Any) -> str:
    """A JSON value as lines of ASCII: what a terminal, a log or an eye could be fooled by is escaped."""
    return without_commands(json.dumps(value, indent=2)) + "\n"
