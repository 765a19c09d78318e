"""What a server says, made safe to show. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iac.core.secret import Secret
    from iac.transport.message import Answer

LONGEST = 500
"""Characters of a server's words that are shown."""

_OAUTH = ("error", "error_description")


def server_words(answer: Answer, hidden: Iterable[Secret | None] = (), members: Sequence[str] = _OAUTH) -> str:
    """What the server says in these members of its JSON, as one safe line: see `told`."""
    body = answer.json()
    if isinstance(body, dict):
        return told(answer, ": ".join(str(body[name]) for name in members if body.get(name)), hidden)
    shape = "an empty answer" if not answer.body else "an answer that is no JSON"
    return f"the server says {answer.status}, with {shape}"


def told(answer: Answer, words: str, hidden: Iterable[Secret | None] = ()) -> str:
    """Words of an answer as one safe line; those that repeat what was sent, or one of `hidden`, are withheld."""
    secrets = answer.carried().union(secret.reveal() for secret in hidden if secret)
    if any(secret in words for secret in secrets if secret):
        return f"the server says {answer.status}, with words that repeat a secret and are not shown"
    shown = printable(words)[:LONGEST]
    return f"the server says {answer.status}: {shown}" if shown else f"the server says {answer.status}"
