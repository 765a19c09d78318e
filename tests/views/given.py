"""Plans and diagnostics from JSON, as the cases of this folder have them, and what every view makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from iac import __version__
from iac.core.capabilities import Capabilities
from iac.core.errors import Diagnostic, Location, Severity
from iac.core.explanation import Explanation, IdKind
from iac.core.model import Registration
from iac.core.plan.change import (
    Action,
    Cause,
    Change,
    FieldChange,
    OutputAction,
    OutputChange,
    PredecessorChange,
    Recipients,
    SecretChange,
)
from iac.core.plan.guards import guard
from iac.core.plan.plan import PendingWrite, Plan, StandingPredecessor
from iac.views.kind import DiagnosticsView, PlanView, ViewSettings, render_diagnostics, render_plans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.model import Value

CASES = Path(__file__).parent / "cases"
KNOWN = {
    "not-one-of": Explanation(
        "not-one-of", IdKind.MISTAKE, "A value is not one of those that there are.", fix="Take one."
    ),
    "redirect-uri-new-host": Explanation(
        "redirect-uri-new-host",
        IdKind.CHANGE,
        "A redirect URI is on a host that the client did not have.",
        "Codes and tokens go there: whoever has that host has them.",
        "RFC 9700, 2.1",
        "See that the host belongs to the service.",
    ),
}
_REPLACED = (PredecessorChange("before", Registration("before", {})),)
SETTING = ViewSettings("iam", explain=lambda: KNOWN)
"""The project is in a folder of its repository."""


def plan_of(given: dict[str, Any]) -> Plan:
    """A plan from its JSON form (schemas/plan.schema.json); digests, counts and what is empty need not be there."""
    return Plan(
        project=given.get("project", "rucio"),
        environment=given.get("environment", "prod"),
        issuer=given.get("issuer", "https://iam.example.org/"),
        api=Capabilities(provider=given.get("provider", "iam-admin")),
        changes=tuple(_change(each) for each in given.get("changes", ())),
        no_op=given.get("no_op", 0),
        unmanaged=given.get("unmanaged", 0),
        guards=tuple(_guard(each) for each in given.get("guards", ())),
        findings=tuple(_finding(each) for each in given.get("findings", ())),
        released={each["address"]: tuple(each["fields"]) for each in given.get("released", ())},
        pending=tuple(PendingWrite(**each) for each in given.get("pending", ())),
        predecessors=tuple(
            StandingPredecessor(
                each["address"], each["client_id"], each["successor"], each["until"] or "", is_due=each["due"]
            )
            for each in given.get("predecessors", ())
        ),
        moved=tuple((each["from"], each["to"]) for each in given.get("moved", ())),
        complete=given.get("complete", True),
        recipients={each["address"]: _recipients(each) for each in given.get("recipients", ())},
    )


def _guard(given: dict[str, Any]) -> Diagnostic:
    said = guard(given["id"], given["summary"], given["addresses"], **{key: given[key] for key in _KEYS & given.keys()})
    return replace(said, why=given.get("why", ""), location=_location(given.get("location")))


_KEYS = {"limit", "value", "setting", "flag"}


def _change(given: dict[str, Any]) -> Change:
    return Change(
        address=given["address"],
        client_id=given.get("client_id", ""),
        client_name=given.get("client_name", ""),
        action=Action(given["action"]),
        reason=given.get("reason", ""),
        location=_location(given.get("location")),
        fields=tuple(_field(each) for each in given.get("fields", ())),
        secret=SecretChange(given.get("secret", "none")),
        outputs=tuple(
            OutputChange(
                each["path"],
                each.get("sink", "file"),
                OutputAction(each["action"]),
                recipients=tuple(each.get("recipients", ())),
            )
            for each in given.get("outputs", ())
        ),
        findings=tuple(replace(_finding(each), where=given["address"]) for each in given.get("findings", ())),
        leaving=_REPLACED if given["action"] == "replace" else (),
        recipients=_recipients(given["recipients"]) if given.get("recipients") else None,
    )


def _recipients(given: dict[str, Any]) -> Recipients:
    return Recipients(
        before=None if given["before"] is None else tuple(given["before"]),
        after=tuple(given["after"]),
        added=tuple(given["added"]),
        removed=tuple(given["removed"]),
        is_sealed=given["sealed"],
    )


def _field(given: dict[str, Any]) -> FieldChange:
    return FieldChange(
        given["name"],
        _value(given.get("before")),
        _value(given.get("after")),
        Cause(given.get("cause", "definition")),
        tuple(given.get("added", ())),
        tuple(given.get("removed", ())),
    )


def _value(given: Any) -> Value | None:
    return tuple(given) if isinstance(given, list) else given


def _finding(given: dict[str, Any]) -> Diagnostic:
    place = _location(given.get("location"))
    severity = Severity(given["severity"])
    return Diagnostic(
        given["id"],
        given["summary"],
        place,
        given.get("why", ""),
        given.get("fix", ""),
        severity,
        given.get("where", ""),
    )


def _location(given: dict[str, Any] | None) -> Location | None:
    return Location(**given) if given else None


def diagnostics_of(given: list[dict[str, Any]]) -> list[Diagnostic]:
    """Diagnostics from the JSON form of `iac validate`."""
    return [
        Diagnostic(
            each["id"],
            each["summary"],
            _location({name: each[name] for name in ("file", "line", "column") if name in each}),
            each.get("why", ""),
            each.get("fix", ""),
            Severity(each.get("severity", "error")),
        )
        for each in given
    ]


def views_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Name of a file and what is to be in it, for every view of what a case is given."""
    given = json.loads((folder / "given.json").read_text(encoding="utf-8"))
    if isinstance(given, list):
        for told in DiagnosticsView:
            yield _file(told), _timeless(render_diagnostics(diagnostics_of(given), told, SETTING))
        return
    for view in set(PlanView) - {PlanView.HTML}:  # its structure is held by test_html.py
        yield _file(view), _timeless(render_plans([plan_of(given)], view, SETTING))


def _file(view: PlanView | DiagnosticsView) -> str:
    return "expect.md" if view is PlanView.MARKDOWN else f"expect.{view}"


def _timeless(text: str) -> str:
    return text.replace(f'"semanticVersion": "{__version__}"', '"semanticVersion": "VERSION"')
