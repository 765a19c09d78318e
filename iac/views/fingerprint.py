"""By what a diagnostic is known again in the next report. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from iac.core.change import sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iac.core.diagnostics import Diagnostic


def fingerprints(diagnostics: Sequence[Diagnostic]) -> list[str]:
    """One for each, all different, 64 hex digits: over id, file and summary, so that a moved line changes none."""
    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for diagnostic in diagnostics:
        known = (diagnostic.id, diagnostic.location.file if diagnostic.location else "", diagnostic.summary)
        found.append(sha256([*known, seen[known]]).removeprefix("sha256:"))
        seen[known] += 1
    return found
