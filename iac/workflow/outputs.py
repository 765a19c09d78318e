"""What is said of outputs beside their changes: what git would take up, and what is no longer as it was written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from iac.core.desired import OutputSpec, output_id
from iac.core.errors import Diagnostic, IacError, Severity
from iac.core.model import uses_secret
from iac.core.plan.plan import Plan
from iac.core.state.model import State
from iac.ports import Comparison
from iac.session import LocalSession


def find_exposures(session: LocalSession, specs: Iterable[OutputSpec]) -> dict[str, Diagnostic]:
    """By id, what version control has or would take up of these outputs; those without any secret do not count."""
    by_sink: dict[str, dict[str, OutputSpec]] = {}
    for spec in specs:
        if any(_has_secret(session, address) for address in spec.clients):
            by_sink.setdefault(spec.sink, {})[spec.path] = spec
    found: dict[str, Diagnostic] = {}
    for sink, by_path in by_sink.items():
        for path, said in session.sinks[sink].exposed(list(by_path)).items():
            found[output_id(sink, path)] = replace(said, location=by_path[path].location)
    return found


def _has_secret(session: LocalSession, address: str) -> bool:
    client = session.desired.clients.get(address)
    is_keyed = client is not None and client.fields.get("token_endpoint_auth_method") == "private_key_jwt"
    return client is None or uses_secret(client.fields) or is_keyed


def with_exposures(session: LocalSession, plan: Plan, ids: Collection[str]) -> Plan:
    """The plan with a guard or a finding for each of the outputs of `ids` that is not kept out of git.

    Neither enters the digest: where an output lies is no part of what is approved.
    """
    specs = {spec.id: spec for spec in session.desired.outputs if spec.id in ids}
    found = sorted(find_exposures(session, specs.values()).items())
    guards = [_guard(specs[name], said) for name, said in found if said.severity is Severity.ERROR]
    findings = [said for _, said in found if said.severity is not Severity.ERROR]
    return replace(plan, guards=(*plan.guards, *guards), findings=(*plan.findings, *findings))


def _guard(spec: OutputSpec, said: Diagnostic) -> Diagnostic:
    keys = {"limit": "", "value": spec.path, "setting": said.fix, "flag": ""}
    return replace(said, details={"addresses": list(spec.clients), **keys})


def find_damage(
    session: LocalSession, state: State, specs: Iterable[OutputSpec], written: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """Outputs at whose place something else stands, and those that this machine wrote and that are no longer so.

    That is gone, altered, or older than what state says was written. It does not matter for the ids of `written`.

    A machine that never wrote an output has no note of it, so a fresh checkout hears nothing of files it never had.
    """
    for spec in specs:
        delivery, record = session.deliveries.by_id.get(spec.id), state.outputs.get(spec.id)
        try:
            found = session.sinks[spec.sink].look(spec.path, delivery)
        except IacError as error:
            if not isinstance(error.__cause__, PermissionError):  # another user's files cannot be looked at
                yield _damaged("output-obstructed", spec, f"cannot be written: {error.why}", error.fix)
            continue
        if delivery is None or record is None or spec.id in written:
            continue
        if found is Comparison.NOTHING:
            yield _damaged("output-missing", spec, "was written here, and is gone")
        elif found is Comparison.OTHER:
            yield _damaged("output-differs", spec, "is not as iac wrote it")
        elif delivery.serial < record.serial:
            yield _damaged("output-differs", spec, "is old: another machine has written a newer one since")


def _damaged(name: str, spec: OutputSpec, what: str, fix: str = "run iac render") -> Diagnostic:
    return Diagnostic(name, f"{spec.id} {what}", spec.location, "", fix, Severity.WARNING)
