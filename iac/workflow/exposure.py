"""Secrets kept out of version control: outputs that git tracks are refused, those that it does not ignore are said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iac.core.desired import output_id
from iac.core.diagnostics import Severity
from iac.core.model import uses_secret
from iac.core.plan.change import Finding
from iac.core.plan.plan import Guard
from iac.ports import Tracking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from iac.core.desired import OutputSpec
    from iac.core.plan.plan import Plan
    from iac.ports import Exposure
    from iac.session.session import LocalSession

TRACKED = "is tracked by git, so its secret would be in the next commit"
"""Why an output is refused."""


def find_exposures(session: LocalSession, specs: Iterable[OutputSpec]) -> dict[str, Exposure]:
    """By id, what of these outputs version control has or would take up; those without any secret do not count."""
    by_sink: dict[str, list[str]] = {}
    for spec in specs:
        if any(_has_secret(session, address) for address in spec.clients):
            by_sink.setdefault(spec.sink, []).append(spec.path)
    found: dict[str, Exposure] = {}
    for sink, paths in by_sink.items():
        found.update({output_id(sink, path): each for path, each in session.sinks[sink].exposed(paths).items()})
    return found


def _has_secret(session: LocalSession, address: str) -> bool:
    client = session.desired.clients.get(address)
    is_keyed = client is not None and client.fields.get("token_endpoint_auth_method") == "private_key_jwt"
    return client is None or uses_secret(client.fields) or is_keyed


def with_exposures(session: LocalSession, plan: Plan, ids: Iterable[str]) -> Plan:
    """The plan with a guard or a finding for each of the outputs of `ids` that is not kept out of git.

    Neither enters the digest: where an output lies is no part of what is approved.
    """
    wanted = set(ids)
    specs = {spec.id: spec for spec in session.desired.outputs if spec.id in wanted}
    found = find_exposures(session, specs.values())
    tracked = {name: each for name, each in found.items() if each.tracking is Tracking.TRACKED}
    guards = tuple(_guard(specs[name], each) for name, each in sorted(tracked.items()))
    return replace(plan, guards=(*plan.guards, *guards), findings=(*plan.findings, *_findings(specs, found)))


def _guard(spec: OutputSpec, exposure: Exposure) -> Guard:
    return Guard(
        id="output-tracked",
        message=f"{spec.path} {TRACKED}",
        addresses=spec.clients,
        value=spec.path,
        setting=exposure.fix,
    )


def _findings(specs: Mapping[str, OutputSpec], found: Mapping[str, Exposure]) -> Iterator[Finding]:
    for name, exposure in sorted(found.items()):
        if exposure.tracking is not Tracking.TRACKED:
            rule = "output-not-ignored" if exposure.tracking is Tracking.NOT_IGNORED else "output-not-checked"
            spec = specs[name]
            yield Finding(rule, Severity.WARNING, f"{spec.location}: {warning(spec.path, exposure)}")


def warning(path: str, exposure: Exposure) -> str:
    """What is said of an output that git does not track, or of which it says nothing."""
    if exposure.tracking is Tracking.NOT_IGNORED:
        return f"{path} lies in a git work tree and is not ignored; fix: {exposure.fix}"
    return f"git does not say whether {path} is ignored ({exposure.why}); fix: {exposure.fix}"
