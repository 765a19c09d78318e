"""Text of people and servers in views: inert, within a budget, with places that readers find. Pure."""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from iac.core.errors import Diagnostic
from iac.core.model import Value, short_grant
from iac.core.plan.change import Cause, FieldChange, Recipients, sha256
from iac.core.plan.plan import Plan
from iac.core.text import printable, without_commands

FINDINGS = "#### Findings\n\nRun `iac explain ID` for the meaning of an id, and how to waive it."
"""Begins the list of findings in Markdown."""
Failures = Sequence[tuple[str, str]]
"""Environments of several that gave no result: name, and why."""


class CharacterBudget:
    """How many characters are left; each block takes one more than it has, for the end of its line."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take_all(self, blocks: Sequence[str]) -> bool:
        """Take room for all blocks, or for none when there is too little."""
        size = sum(len(block) + 1 for block in blocks)
        if size > self.left:
            return False
        self.left -= size
        return True

    def take(self, blocks: Iterable[str]) -> list[str]:
        """Take room for each block that fits; those that do."""
        return [block for block in blocks if self.take_all([block])]

    def section(self, title: str, entries: Sequence[str], *, most: int) -> tuple[list[str], int]:
        """A title with the entries that fit into `most` characters, and how many do not. Nothing has no title."""
        own = CharacterBudget(min(most, self.left))
        if not entries or not own.take_all([title, "", _more(len(entries)), ""]):
            return [], len(entries)
        taken = own.take(entries)
        hidden = len(entries) - len(taken)
        lines = [title, "", *taken, *([_more(hidden)] if hidden else []), ""]
        self.take_all(lines)
        return lines, hidden


def _more(hidden: int) -> str:
    return f"- and {hidden:,} more"


def from_root(directory: str, file: str) -> str:
    """The path of a project's file as seen from where the command was started: in a pipeline, the repository's root.

    Args:
        directory: the project's (`-C`), from there.
        file: as a location names it, relative to the project.
    """
    return posixpath.normpath(f"{directory}/{printable(file)}")


CAUSES = {Cause.DEFINITION: "", Cause.SERVER: "changed on the server", Cause.BOTH: "changed here and on the server"}
"""Who made a field differ; the definition, which is the usual, is not said."""

SOME_UNREAD = "iac could not read everything from the server. It compares the rest with what it last applied."


def taken_words(address: str, taken: Iterable[FieldChange]) -> str:
    """What a definition has taken over from the server."""
    fields = "; ".join(map(_field_words, taken))
    return f"{address}: {fields} (on the server already, apply notes it in the state)"


def _field_words(field: FieldChange) -> str:
    if field.added or field.removed:
        signed = [f"+ {entry_shown(field.name, entry)}" for entry in field.added]
        signed += [f"- {entry_shown(field.name, entry)}" for entry in field.removed]
        return " ".join([field.name, *signed])
    before, after = value_shown(field.name, field.before), value_shown(field.name, field.after)
    return f"{field.name} {after}" if before == after else f"{field.name} {before} -> {after}"


def entry_shown(name: str, entry: str) -> str:
    """One entry of a field that is a set, inert: grant types in their short form."""
    return printable(short_grant(entry) if name == "grant_types" else entry)


def value_shown(name: str, value: Value | None) -> str:
    """The value of a field, inert; entries of a set side by side."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(entry_shown(name, entry) for entry in value)
    return printable(str(value))


def cell_text(value: object) -> str:
    """What a cell of an inventory shows, not yet inert."""
    if isinstance(value, tuple):
        return " ".join(value)
    return "" if value is None else str(value)


def counted(number: int, noun: str) -> str:
    """`1 client`, `2 clients`, `2 addresses`."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def shortened(text: str, limit: int) -> str:
    """The text, cut where it has more than `limit` characters; then its end says how many are missing."""
    return text if len(text) <= limit else f"{text[:limit]}… (+{len(text) - limit:,} characters)"


def json_text(value: Any) -> str:
    """A JSON value as lines of ASCII: what a terminal, a log or an eye could be fooled by is escaped."""
    return without_commands(json.dumps(value, indent=2)) + "\n"


def message_parts(diagnostic: Diagnostic, fix: str) -> list[str]:
    """Headline, why and fix, as far as they are there; `fix` is the word before the last."""
    return [
        part for part in (diagnostic.headline, diagnostic.why, diagnostic.fix and f"{fix}: {diagnostic.fix}") if part
    ]


def fingerprints(diagnostics: Sequence[Diagnostic]) -> list[str]:
    """One for each, all different, 64 hex digits: over id, file and headline, so that a moved line changes none."""
    counts: Counter[tuple[str, str, str]] = Counter()
    prints = []
    for diagnostic in diagnostics:
        known = (diagnostic.id, diagnostic.location.file if diagnostic.location else "", diagnostic.headline)
        prints.append(sha256([*known, counts[known]]).removeprefix("sha256:"))
        counts[known] += 1
    return prints


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


_MOST = 5
"""Addresses that are named where the same is said of many."""


def no_change(plan: Plan) -> str:
    """What a plan without changes is; one that is refused may not say all that would be done."""
    return "refused" if plan.refusals else "no changes"


def sealing(who: Recipients) -> str:
    """What becomes of a secret whose recipients change."""
    if who.is_clear:
        return "stored unencrypted, for all who can read the state: encryption: none"
    return "apply seals it again" if who.is_sealed else "it stays sealed as it is until iac state rekey"


def remarks(plan: Plan) -> list[tuple[str, str]]:
    """What is to be known of clients beside the changes: a word and a sentence, not yet inert."""
    return [
        *(("moved", f"{source} -> {target}") for source, target in plan.moved),
        *(
            ("released", f"{address}: {', '.join(names)} (the values on the server stay)")
            for address, names in plan.released.items()
        ),
        *(("taken over", taken_words(address, fields)) for address, fields in plan.taken_over.items()),
        *(("interrupted", f"{p.address}: a {p.action} that began at {p.at} did not finish") for p in plan.pending),
        *(("replaced", f"{standing.address}: {standing.words()}") for standing in plan.predecessors),
        *(("recipients", line) for line in recipient_lines(plan)),
    ]


def recipient_lines(plan: Plan) -> Iterator[str]:
    """What is to be known of clients without a change; what is the same for many is said once."""
    groups: dict[tuple[str, str], list[str]] = {}
    for address, who in plan.recipients.items():
        keys = [f"+ {key} " for key in who.added] + [f"- {key} " for key in who.removed]
        groups.setdefault(("".join(keys), sealing(who)), []).append(address)
    for (who_moves, end), addresses in groups.items():
        more = f" and {counted(len(addresses) - _MOST, 'other')}" if len(addresses) > _MOST else ""
        yield f"{', '.join(addresses[:_MOST])}{more}: {who_moves}({end})"
