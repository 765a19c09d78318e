"""Known secrets that are handed in: one, or a file of them by address. Pure; no message repeats a value."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from iac.core.errors import InputError
from iac.core.limits import listed
from iac.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORM = "give lines of ADDR=secret (dotenv), or a JSON object of address to secret"

_Entry = tuple[str, str, Secret]
"""Where it stands, address, secret."""


def parse_secret(text: str) -> Secret:
    """One secret: the text without the line break at its end.

    Raises:
        InputError: it is empty, or more than one line.
    """
    secret = Secret(text.removesuffix("\n").removesuffix("\r"))
    problem = _problem(secret)
    if problem:
        raise InputError("this is no secret", why=problem, fix="give the secret alone, on one line")
    return secret


def parse_secrets(text: str, name: str) -> dict[str, Secret]:
    """Secrets by address, from JSON (`{"ADDR": "secret"}`) or dotenv (`ADDR=secret`, quoted or not).

    Raises:
        InputError: with every mistake in it, by line or address.
    """
    mistakes: list[str] = []
    entries = list(_json(text, mistakes) if text.lstrip().startswith("{") else _dotenv(text, mistakes))
    found: dict[str, Secret] = {}
    for where, address, secret in entries:
        problem = "it is there twice" if address in found else _problem(secret)
        if problem:
            mistakes.append(f"{where}: {problem}")
        found[address] = secret
    if mistakes or not found:
        why = listed(mistakes, "; ") or "it holds no secrets"
        raise InputError("the secrets cannot be read", where=name, why=why, fix=_FORM)
    return found


def _problem(secret: Secret) -> str:
    text = secret.reveal()
    if not text:
        return "the secret is empty"
    return (
        "" if text.isprintable() and " " not in text else "the secret holds a space or a character that is not printed"
    )


def _json(text: str, mistakes: list[str]) -> Iterator[_Entry]:
    pairs: list[tuple[str, Any]] = []
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        mistakes.append("it is no JSON")
    for address, value in pairs:
        if isinstance(value, str):
            yield address, address, Secret(value)
        else:
            mistakes.append(f"{address}: the secret is no string")


def _dotenv(text: str, mistakes: list[str]) -> Iterator[_Entry]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        address, sign, value = line.strip().removeprefix("export ").partition("=")
        if not sign or not address.strip():
            mistakes.append(f"line {number}: not of the form ADDR=secret")
            continue
        secret = _unquoted(value.strip())
        if secret is None:
            mistakes.append(f"line {number}: quotes or spaces that fit no secret")
        else:
            yield f"line {number}", address.strip(), secret


def _unquoted(value: str) -> Secret | None:
    """As a shell reads one word; a value without quotes is taken as it is."""
    if value[:1] not in {"'", '"'}:
        return Secret(value)
    try:
        words = shlex.split(value)
    except ValueError:
        return None
    return Secret(words[0]) if len(words) == 1 else None
