"""Which fields differ, and who made them differ. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from iac.core import server
from iac.core.desired import OWNERS, DesiredClient
from iac.core.model import Facts, Fields, Kind, Registration, Value, field_of, in_order, meant, members
from iac.core.plan.change import Cause, FieldChange
from iac.core.state.model import ClientState
from iac.core.text import listed, printable

HIDDEN = frozenset({"jwk"})
"""Fields that a 1.14 server does not show (rec: admin-jwk)."""


def compare(
    desired: DesiredClient, observed: Registration | None, stored: ClientState | None, facts: Facts, defaults: Fields
) -> tuple[FieldChange, ...]:
    """The fields that a write would change, in canonical order, owners last.

    Args:
        desired: the definition.
        observed: what the server holds; None for a client that is not there.
        stored: the client as state has it, None when nothing was.
        facts: which server this is.
        defaults: the server's values for lifetimes that are declared as null.
    """
    wanted = server.forced(desired.fields, facts.api)
    current = observed.fields if observed else {}
    names = desired.declared if observed is None else desired.managed
    changes = []
    for name in in_order({name for name in names if wanted.get(name) is None or wanted[name] != current.get(name)}):
        after = wanted.get(name)
        if after is not None and _is_as_declared(name, desired.fields, observed):
            continue
        # A hidden field is believed to be as it was last applied: a read cannot tell.
        shown = (stored.applied if stored else {}) if is_hidden(name, observed, facts) else current
        before = shown.get(name)
        is_same = after is None if observed is None else _same(name, before, after, defaults)
        if not is_same:
            known = stored if stored is not None and name in stored.declared | desired.implied else None
            changes.append(FieldChange.of(name, before, after, _cause(name, before, after, known, defaults)))
    return (*changes, *_owners(desired, observed, stored))


def taken_over(
    desired: DesiredClient, observed: Registration, stored: ClientState, facts: Facts, defaults: Fields
) -> tuple[FieldChange, ...]:
    """What both the definition and the server came to since the last apply, as changes of what was applied.

    Nothing has to be written for it, so `compare` does not show it; state has to learn it, or the next change by hand
    would be held against values that nobody wants any more.
    """
    wanted = server.forced(desired.fields, facts.api)
    # What was applied as it is wanted is known, whatever the server holds by now.
    applied = stored.applied
    known = stored.declared if applied == wanted else {n for n in stored.declared if applied.get(n) == wanted.get(n)}
    changes = [
        _taken(name, stored, observed.fields.get(name), wanted.get(name), defaults)
        for name in in_order(desired.managed - desired.implied - known)
        if not is_hidden(name, observed, facts)
    ]
    if desired.managed_owners is not None and observed.owners is not None:
        met = _majority(stored.owners, observed.owners, desired.managed_owners)
        is_noted = set(met) == set(stored.owners or ())
        changes.append(None if is_noted else FieldChange.of(OWNERS, stored.owners or None, met or None, Cause.SERVER))
    return tuple(change for change in changes if change is not None)


def _taken(
    name: str, stored: ClientState, current: Value | None, wanted: Value | None, defaults: Fields
) -> FieldChange | None:
    applied, met = stored.applied.get(name), wanted
    is_met = _same(name, current, wanted, defaults)
    if field_of(name).kind is Kind.SET and not is_met:
        met = _majority(members(applied), members(current), members(wanted)) or None
        is_met = met is not None or bool(members(applied))  # else the definition alone came to something
    is_noted = name in stored.declared and _same(name, applied, met, {})
    return FieldChange.of(name, applied, met, Cause.SERVER) if is_met and not is_noted else None


def _majority(*sets: tuple[str, ...] | None) -> tuple[str, ...]:
    """Members of two of these three sets at least."""
    counts = Counter(member for one in sets for member in set(one or ()))
    return tuple(sorted(member for member, count in counts.items() if count > 1))


def _is_as_declared(name: str, declared: Fields, observed: Registration | None) -> bool:
    """Whether the server holds what is declared, of which its next write would make what any write of it makes.

    Only clients that no API has made are like that (rec: admin-offline-access, the seed of the recorded servers).
    """
    if observed is None or observed.fields.get(name) != declared.get(name):
        return False
    return server.forced(observed.fields).get(name) == server.forced(declared).get(name)


def mismatches(
    wanted: Fields, names: frozenset[str], answer: Registration, facts: Facts, defaults: Fields
) -> list[str]:
    """Names of the fields in which an answer differs from what was sent (contract: every answer is held against it)."""
    expected = server.forced(wanted, facts.api)
    return [
        name
        for name in in_order(n for n in names if expected.get(n) is None or expected[n] != answer.fields.get(n))
        if not is_hidden(name, answer, facts)
        and not _same(name, answer.fields.get(name), expected.get(name), defaults)
        and not _is_as_declared(name, wanted, answer)
    ]


def fate(name: str, sent: Value | None, answered: Value | None) -> str:
    """What became of a value that the server did not keep; "" where a value is too long to be shown."""
    if field_of(name).kind in {Kind.JWKS, Kind.JSON}:
        return ""
    if isinstance(sent, tuple) or isinstance(answered, tuple):
        lost, kept = set(members(sent)) - set(members(answered)), set(members(answered)) - set(members(sent))
        parts = (("dropped", lost), ("still there", kept))
        return "; ".join(f"{word}: {listed(sorted(items))}" for word, items in parts if items)
    if answered is None:
        return f"dropped: {printable(str(sent))}"
    return f"sent {'nothing' if sent is None else printable(str(sent))}, answered {printable(str(answered))}"


def is_hidden(name: str, observed: Registration | None, facts: Facts) -> bool:
    """Whether this answer says nothing about a field, which the server may hold all the same (rec: admin-jwk)."""
    if name not in HIDDEN or observed is None or name in observed.fields:
        return False
    # an API that lists no clients tells its version with the first client that it answers, not before
    is_new = not facts.api.reads_all and "up_scoping_enabled" in observed.answer
    return facts.has_up_scoping or is_new


def _same(name: str, before: Value | None, after: Value | None, defaults: Fields) -> bool:
    kind = field_of(name).kind
    if kind is Kind.FLAG:
        return bool(before) == bool(after)
    if kind is Kind.JSON:
        return (before or "false") == (after or "false")
    if kind is Kind.SECONDS and after is None:
        return name not in defaults or before == defaults[name]
    if kind is Kind.SET:
        return members(before) == members(after)
    return meant(name, before) == meant(name, after)


def _cause(name: str, before: Value | None, after: Value | None, stored: ClientState | None, defaults: Fields) -> Cause:
    if stored is None:
        return Cause.DEFINITION
    applied = _meant(name, stored.applied.get(name), defaults)
    if applied is None and field_of(name).kind is Kind.SECONDS:
        return Cause.DEFINITION  # what is the server's own choice, and not known, nobody has changed
    if applied == (bool(before) if field_of(name).kind is Kind.FLAG else before):
        return Cause.DEFINITION
    return Cause.SERVER if _meant(name, after, defaults) == applied else Cause.BOTH


def _meant(name: str, value: Value | None, defaults: Fields) -> Value | None:
    """What a definition's value means: an absent flag is false, a lifetime of null is the server's default."""
    kind = field_of(name).kind
    if kind is Kind.FLAG:
        return bool(value)
    return defaults.get(name) if kind is Kind.SECONDS and value is None else value


def _owners(desired: DesiredClient, observed: Registration | None, stored: ClientState | None) -> Iterator[FieldChange]:
    wanted = desired.owners if observed is None else desired.managed_owners
    if wanted is None:
        return
    before = (observed.owners if observed else None) or ()
    after = tuple(sorted(set(wanted)))
    if set(before) == set(after):
        return
    applied = stored.owners if stored else None
    cause = Cause.DEFINITION if applied is None or set(applied) == set(before) else Cause.BOTH
    if applied is not None and set(applied) == set(after):
        cause = Cause.SERVER
    yield FieldChange.of(OWNERS, before or None, after or None, cause)
