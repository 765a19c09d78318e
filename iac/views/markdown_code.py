"""Text of others in Markdown: only as code, where nothing in it means anything. Pure.

In code no link, image, HTML, emphasis, reference or mention of GitHub or GitLab is looked for, so one rule serves for
all of them; what text could do is to end its code, and that is prevented here (CommonMark 0.31, 4.5 and 6.1).
"""

from __future__ import annotations

import html
import re

from iac.core.text import printable

_RUNS = re.compile("`+")
_LONGEST_FENCE = 80
"""Parsers of the cmark family, GitHub's and GitLab's, know no longer run of backticks around code."""


def code(text: str) -> str:
    """The text as one code span; "" stays "".

    It is fenced by the shortest run of backticks that is not in it. Text that has them all has its backticks escaped.
    """
    shown = printable(text)
    if "`" not in shown:
        return f"`{_padded(shown)}`" if shown else ""
    taken = {len(run) for run in _RUNS.findall(shown)}
    length = next((length for length in range(1, _LONGEST_FENCE + 1) if length not in taken), 0)
    if not length:
        return code(shown.replace("`", "\\u0060"))
    fence = "`" * length
    return f"{fence}{_padded(shown)}{fence}"


def _padded(text: str) -> str:
    """One space on both sides is taken away by parsers, unless there is nothing else."""
    at_edge = text[:1] in {"`", " "} or text[-1:] in {"`", " "}
    return f" {text} " if at_edge and text.strip(" ") else text


def html_code(text: str) -> str:
    """The text as code in a line of HTML."""
    return f"<code>{html.escape(printable(text))}</code>"


def diff_block(lines: list[str]) -> str:
    """Lines as a block of code that is coloured as a diff; each begins with a sign, so that none can end the block."""
    return "\n".join(["```diff", *lines, "```"])
