"""One definition in one environment: from merged layers to canonical values, and what policy finds in it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Any

from msgspec import Struct

from iac.config.layers import MergedLayers
from iac.config.settings import Settings
from iac.core.desired import DesiredClient, Lifecycle, Rotation, Waiver
from iac.core.errors import Diagnostic, Location
from iac.core.model import (
    ALWAYS,
    DEFAULTED,
    FIELDS,
    GRANT_TYPES,
    Kind,
    Value,
    canonical_json,
    field_of,
    in_order,
    meant,
)
from iac.core.plan.change import recipient
from iac.core.policy import RULES, DefinitionRule, Subject, check, in_force, judge, unused
from iac.core.rotation import seconds
from iac.core.server import canonical_jwks
from iac.document import Document

RuleHits = tuple[tuple[Diagnostic, ...], tuple[Waiver, ...]]
"""What policy finds in a definition, and what the definition waives."""

_UNDECLARED = {name: FIELDS[name].undeclared for name in ALWAYS if FIELDS[name].undeclared is not None}
_ITEMIZED = frozenset({"redirect_uris", "grant_types", "response_types", "scope", "recipients"})
"""Lists of which messages name single items."""

_LIFECYCLE = tuple(
    f"lifecycle.{name}" for name in ("prevent_destroy", "ignore_changes", "rotate_after", "rotation", "grace")
)


class Definition(Struct, frozen=True, dict=True):
    """A definition as one environment has it.

    Attributes:
        fields: canonical, but for a jwk, which is the text as it was given.
        places: as `DesiredClient.places`, for planning; while the layers are at hand, `at` asks them.
    """

    address: str
    document: Document
    merged: MergedLayers
    settings: Settings
    fields: Mapping[str, Value]
    places: Mapping[str, Location]

    def at(self, name: str, value: str = "") -> Location:
        """Where an item of a field stands, else the field, else where the definition begins."""
        return self._found.get(f"{name} {value}") or self._found.get(name) or self.document.at()

    @cached_property
    def _found(self) -> dict[str, Location]:
        return find_places(self.merged)


class ValuePool:
    """Equal values are kept once: thousands of definitions have the same scopes."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    def one(self, value: Any) -> Any:
        """The value that was seen first of those that are equal and of one type."""
        return self._kept.setdefault((value.__class__, value), value)


def canonical_fields(merged: MergedLayers, pool: ValuePool) -> dict[str, Value]:
    """Canonical values of the fields that are not empty; values with mistakes are left out."""
    fields: dict[str, Value] = dict(_UNDECLARED)  # type: ignore[arg-type]  # None is filtered out above
    for name in in_order(merged.parts):
        if name in merged.broken:
            continue
        field = field_of(name)
        value = meant(name, _canonical(field.kind, name, merged, merged.parts[name][-1].value))
        if value is None or value in {(), ""}:
            fields.pop(name, None)
        else:
            fields[name] = pool.one(value) if field.kind is Kind.SET else value
    return fields


def _canonical(kind: Kind, name: str, merged: MergedLayers, value: Any) -> Any:
    if kind is Kind.SET:
        values = merged.values(name)
        if name == "grant_types":
            values = [GRANT_TYPES.get(grant, grant) for grant in values]
        return tuple(sorted(set(values)))
    if kind is Kind.JSON:
        return canonical_json(value)
    if kind is Kind.JWKS and isinstance(value, dict):
        return json.dumps(value)
    return bool(value) if kind is Kind.FLAG else value


def desired_client(definition: Definition, pool: ValuePool, judgement: RuleHits) -> DesiredClient:
    """The client that planning gets. Call it for a definition without mistakes."""
    merged, document = definition.merged, definition.document
    fields = dict(definition.fields)
    if "jwk" in fields:
        fields["jwk"] = canonical_jwks(str(fields["jwk"]))
    owners = merged.values("owners") if "owners" in merged.parts else None
    named = frozenset(in_order(merged.parts))
    knows_defaults = definition.settings.api.knows_defaults
    return DesiredClient(
        address=definition.address,
        client_id=merged.get("client_id", ""),
        fields=fields,
        declared=pool.one(named | ALWAYS if knows_defaults else named),
        location=document.at(),
        implied=frozenset() if knows_defaults else ALWAYS - DEFAULTED - named,
        owners=None if owners is None else tuple(sorted({owner.lower() for owner in owners})),
        secret_serial=merged.get("secret.serial", 1),
        recipients=tuple(sorted({recipient(key) for key in merged.values("recipients")})),
        adopt=merged.get("adopt", False),
        lifecycle=pool.one(_lifecycle(merged)),
        remarks=judgement[0],
        waivers=judgement[1],
        places=definition.places,
    )


class LaterPlaces(Mapping[str, Location]):
    """Where values of a definition stand, found when somebody asks: most plans say nothing of most clients."""

    def __init__(self, find: Callable[[], dict[str, Location]]) -> None:
        self._find = find

    @cached_property
    def _found(self) -> dict[str, Location]:
        return self._find()

    def __getitem__(self, name: str) -> Location:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def find_places(merged: MergedLayers) -> dict[str, Location]:
    """Where values stand after merging: in the definition, in defaults, or in an environment's part.

    Of equal items it is the first.
    """
    places = {name: parts[-1].at() for name, parts in merged.parts.items()}
    for name in _ITEMIZED & places.keys() - merged.broken:
        for item in merged.items(name):
            places.setdefault(f"{name} {GRANT_TYPES.get(item.value, item.value)}", item.at())
    return places


def _lifecycle(merged: MergedLayers) -> Lifecycle:
    if not any(name in merged.parts for name in _LIFECYCLE):
        return Lifecycle()
    rotate_after = merged.get(_LIFECYCLE[2])
    rotation = Rotation(merged.get(_LIFECYCLE[3], Rotation.SECRET))
    return Lifecycle(
        prevent_destroy=merged.get(_LIFECYCLE[0], False),
        ignore_changes=frozenset(merged.values(_LIFECYCLE[1])),
        rotate_after=seconds(rotate_after) if rotate_after is not None else None,
        rotation=rotation,
        grace=seconds(merged.get(_LIFECYCLE[4], "7d")) if rotation is Rotation.REPLACE else 0,
    )


NOTHING: RuleHits = ((), ())


class DefinitionRules:
    """The rules in force in one environment, at work on its definitions."""

    def __init__(self, settings: Settings) -> None:
        self._rules = in_force(settings.policy, settings.api)
        self._terms = settings.terms

    def find(self, definition: Definition, mistakes: Iterable[Diagnostic]) -> RuleHits:
        """What policy finds in a definition. An item with a mistake gets no finding of policy too."""
        merged = definition.merged
        subject = Subject(
            definition.fields, self._terms, has_owners="owners" not in merged.broken and bool(merged.values("owners"))
        )
        hits = check(subject, self._rules, merged.broken)
        waivers = tuple(_waivers(merged)) if "waive" in merged.parts else ()
        wrong = {mistake.location for mistake in mistakes}
        return tuple(
            rule.diagnostic(hit, place)
            for rule, hit in hits
            for place in [definition.at(hit.details["field"], hit.details["value"])]
            if not hit.details["value"] or place not in wrong
        ), waivers


def _waivers(merged: MergedLayers) -> Iterator[Waiver]:
    if "waive" in merged.broken:
        return
    for item in merged.items("waive"):
        entry = item.value
        yield Waiver(entry["id"], entry["reason"], date.fromisoformat(entry["until"]), item.at())


def policy_diagnostics(
    judgements: Iterable[RuleHits], severities: Mapping[str, str], today: date, *, is_whole: bool
) -> Iterator[Diagnostic]:
    """The diagnostics of policy for all definitions of some environments.

    Args:
        judgements: by definition and environment.
        severities: of the project.
        today: the day by which waivers end.
        is_whole: whether these are all environments, so that a waiver that waives nothing is useless.
    """
    waivers: dict[Waiver, bool] = {}
    for findings, waiving in judgements:
        verdict = judge(findings, waiving, severities, today)
        yield from verdict.diagnostics
        for waiver in waiving:
            waivers[waiver] = waivers.get(waiver, False) or waiver in verdict.used or waiver.until < today
    for waiver, is_used in waivers.items():
        is_ours = isinstance(RULES[waiver.rule], DefinitionRule)
        if is_whole and is_ours and not is_used and (warning := unused(waiver, severities)):
            yield warning
