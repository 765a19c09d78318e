"""An explanation for people at a terminal. Pure."""

from __future__ import annotations

from textwrap import fill, indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.explanation import Explanation

WIDTH = 100


def explanation_text(explanation: Explanation) -> str:
    """What, why, source, fix, severity, examples, and how to switch it off or waive it."""
    return "\n\n".join(_parts(explanation)) + "\n"


def _parts(explanation: Explanation) -> Iterator[str]:
    yield f"{explanation.id}: {explanation.kind}{_severity(explanation)}"
    yield _wrapped(explanation.what)
    for label, text in (("Why", explanation.why), ("Source", explanation.source), ("Fix", explanation.fix)):
        if text:
            yield _wrapped(f"{label}: {text}")
    examples = (("Registered", explanation.before), ("Found", explanation.bad), ("Not found", explanation.good))
    for label, lines in examples:
        if lines:
            yield f"{label}:\n{indent(lines, '    ')}"
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


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
