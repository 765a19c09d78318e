"""What an id means, and where the values of a client come from, for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import fill, indent
from typing import Any

from iac.core.desired import Provenance
from iac.core.explanation import DOCS, Explanation
from iac.core.text import printable

WIDTH = 100


def explanation_text(explanation: Explanation, width: int | None = None) -> str:
    """What, why, source, fix, severity, examples, and how to switch it off or waive it; `width` is the terminal's."""
    return "\n\n".join(_parts(explanation, min(width or WIDTH, WIDTH))) + "\n"


def _parts(explanation: Explanation, width: int) -> Iterator[str]:
    yield f"{explanation.id}: {explanation.kind}{_severity(explanation)}"
    yield _wrapped(explanation.what, width)
    parts = (("Why", explanation.why), ("Source", explanation.source), ("Fix", explanation.fix))
    yield from (_wrapped(f"{label}: {text}", width) for label, text in parts if text)
    examples = (("Registered", explanation.before), ("Found", explanation.bad), ("Not found", explanation.good))
    yield from (f"{label}:\n{indent(lines, '    ')}" for label, lines in examples if lines)
    if explanation.is_adjustable:
        yield f"For the project, in iac.yaml:\n    policy: {{{explanation.id}: off}}   # or warning, error"
    if explanation.is_waivable:
        waiver = f"{{id: {explanation.id}, reason: why it is meant, until: YYYY-MM-DD}}"
        yield f"For one client, in its definition:\n    waive: [{waiver}]"


def _severity(explanation: Explanation) -> str:
    if not explanation.is_adjustable:
        return ""
    if explanation.here == explanation.level:
        return f", {explanation.level}"
    return f", {explanation.here} here ({explanation.level} unless iac.yaml says otherwise)"


def _wrapped(text: str, width: int) -> str:
    text = text.replace("docs/reference", f"{DOCS}/reference")
    return fill(text, width, break_long_words=False, break_on_hyphens=False)


def provenance_text(told: Provenance) -> str:
    """One line a value: name, place, layer, value; a name that several lines have stands once."""
    rows = [(origin.name, str(origin.location or "-"), origin.layer, _shown(origin.value)) for origin in told.origins]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [f"{told.address}  client_id {told.client_id or '(none)'}, environment {told.environment}"]
    before = ""
    for name, place, layer, value in rows:
        head = "" if name == before else name
        before = name
        lines.append(f"  {head:<{widths[0]}}  {place:<{widths[1]}}  {layer:<{widths[2]}}  {value}")
    return "".join(f"{printable(line)}\n" for line in lines)


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
