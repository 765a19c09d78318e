"""What has to be written of a registration so that the definition means just that, and no more. Pure.

Always-managed fields are written with their values, equal to a default or not, so that a reader sees what is managed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from iac.config.definition import Pool, canonical_fields
from iac.config.merge import Merged
from iac.core import server
from iac.core.desired import OWNERS
from iac.core.model import FIELDS, Field, Fields, Kind, Value, short_grant
from iac.core.registration import Registration


def minimal(seen: Registration, base: Merged, server_defaults: Fields) -> dict[str, Any]:
    """Keys of a definition, without client_id and adopt.

    Args:
        seen: the registration.
        base: what the place of the definition says already: defaults of the project, the environment, the folders.
        server_defaults: lifetimes that this server gives, as iac.yaml has them.
    """
    usual = {**server.defaults(), **server_defaults}
    below = canonical_fields(base, Pool())
    values: dict[str, Any] = {}
    for name, field in FIELDS.items():
        held = seen.fields.get(name)
        is_written = name in base.parts
        is_needed = (
            _is_always_needed(held, below.get(name))
            if field.always
            else _is_needed(field, held, below.get(name) if is_written else usual.get(name), is_written=is_written)
        )
        if is_needed:
            values[name] = spelled(field, held)
    return {**values, **dict(_owners(seen, base))}


def _is_always_needed(held: Value | None, below: Value | None) -> bool:
    return held is not None or below is not None


def _is_needed(field: Field, held: Value | None, below: Value | None, *, is_written: bool) -> bool:
    """Whether what is written below, or what the server gives by itself, is not what it holds."""
    if field.kind is Kind.FLAG:
        return bool(held) != bool(below) and (held is not None or is_written)
    if field.kind is Kind.SECONDS and held == 0 and server.refusals({field.name: held}):
        return is_written  # 0 is the server's own choice, refresh tokens aside
    return held != below and (held is not None or is_written)


def spelled(field: Field, value: Value | None) -> Any:
    """A canonical value as a definition has it."""
    if field.kind is Kind.SET:
        entries = value if isinstance(value, tuple) else ()
        return [short_grant(entry) for entry in entries] if field.name == "grant_types" else list(entries)
    if field.kind is Kind.FLAG:
        return bool(value)
    return _key_set(value) if field.kind is Kind.JWKS and isinstance(value, str) else value


def _key_set(text: str) -> Any:
    """A JWK set as a mapping; what is none stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _owners(seen: Registration, base: Merged) -> Iterator[tuple[str, list[str]]]:
    """Owners that were read; none at all is written only over others."""
    if seen.owners is None:
        return
    below = {owner.lower() for owner in base.values(OWNERS)}
    if set(seen.owners) != below:
        yield OWNERS, list(seen.owners)
