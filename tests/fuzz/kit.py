"""What fuzzed files are made of, and commands run in this process, where thousands of them take seconds."""

from __future__ import annotations

import copy
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import strategies as st

from iac.cli import run

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = [
    "", " ", "portal", "none", "null", "~", "true", "NO", "0x1F", "0o17", "1_000", "1e3", "2.592e+06", ".inf", "-0",
    "12:30:00", "2030-01-01", "a\nb", "a\n", "\t", "\x00", "\x1b[2J", "\u0085", "\u202e", "\ufeff", "\ud800", "é",
    "e\u0301", "ß", "{{ x }}", "${X}", "{{" * 5_000, "##[error]", "::error::", "../../etc/passwd", "/etc/passwd",
    "~", "~nobody/x", "IAC.YAML", "CLIENTS.D/a", "out/a.", "https://a.example.org/cb", "https://[::1",
    "http://a:99999/", "ftp://x", "age1", "ssh-ed25519 x", "k" * 70_000, "*", "[", "&a x", "*a", "!!str x", "180d",
    "0d", "99999w", "S256", "prod", "dev",
]  # fmt: skip

NUMBERS = ["3600.0", "1E3", "2.592e+06", "0x10", "0o17", "1e400", ".inf", "-.nan", "9" * 30, "1" + "0" * 18, "+5", "-0"]
"""As they are written: JSON and YAML have other words for the same numbers."""

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 3600, 2**31, 2**63, 10**17, 1.5, -0.0, 3600.0, 1e300]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(WORDS),
    st.text(max_size=20),
)

KEYS = st.one_of(
    st.sampled_from(["client_id", "owners", "environments", "prod", "env", "file", "kind", "a"]), st.text(max_size=8)
)

VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)

DEEP: st.SearchStrategy[Any] = st.integers(1, 60).map(lambda depth: json.loads("[" * depth + "]" * depth))


def positions(value: Any, pointer: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document."""
    yield pointer
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from positions(part, (*pointer, key))


def changed(value: Any, pointer: tuple[Any, ...], new: Any) -> Any:
    """The document with another value at one place."""
    if not pointer:
        return new
    outcome = copy.copy(value)
    outcome[pointer[0]] = changed(value[pointer[0]], pointer[1:], new)
    return outcome


@st.composite
def documents(draw: st.DrawFn, base: dict[str, Any]) -> str:
    """The text of a document in which some values were changed, taken out or put in, then some characters."""
    value: Any = {key: part for key, part in base.items() if draw(st.integers(0, 3))}
    for _ in range(draw(st.integers(0, 3))):
        pointer = draw(st.sampled_from(list(positions(value))))
        new = draw(
            st.one_of(VALUES, VALUES, DEEP, st.sampled_from([f"NUMBER{index}" for index in range(len(NUMBERS))]))
        )
        value = changed(value, pointer, new)
    text = _as_json(value) if draw(st.booleans()) else _as_yaml(value)
    for index, number in enumerate(NUMBERS):
        text = text.replace(f'"NUMBER{index}"', number).replace(f"NUMBER{index}", number)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(WORDS)) + text[at + draw(st.integers(0, 3)) :]
    return text


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=1)


def _as_yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False))


def ended(*arguments: str) -> tuple[int, str]:
    """How one command ended, and all that it printed. A traceback ends the test."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        code = run(arguments)
    text = out.getvalue()
    assert "a fault in iac itself" not in text, text
    assert "the operating system refuses" not in text, text
    return code, text


def check_validate(root: str) -> bool:
    """Validate a project: exit 0 or 1, every mistake with its place. Whether it is valid."""
    code, text = ended("-C", root, "validate", "--format", "json")
    found = json.loads(text)
    assert code in {0, 1}
    assert (code == 0) == found["valid"]
    assert all(each["file"] and each["line"] and each["summary"] and each["id"] for each in found["diagnostics"])
    assert code == 0 or any(each["severity"] == "error" for each in found["diagnostics"])
    assert all(line.isprintable() for line in text.splitlines())
    assert ended("-C", root, "fmt", "--check")[0] in {0, 1, 2}
    return code == 0


def check_formatted(root: str) -> None:
    """`fmt` of a valid project keeps it valid, and changes nothing more."""
    assert 0 == ended("-C", root, "fmt")[0]
    assert check_validate(root)
    code, text = ended("-C", root, "fmt", "--check")
    assert 0 == code, text
