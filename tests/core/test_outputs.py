from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from iac.core.plan.change import OutputAction
from iac.core.plan.output import is_written, made_by, output_digest, plan_outputs, record_output
from iac.core.plan.plan import PlanOptions, Reads, RenderedClient
from iac.core.state.model import OutputRecord
from tests.core.build import output
from tests.every import every

APP = RenderedClient("app", {"client_name": "An app", "scope": ("a", "b")}, 1)
CLIENTS = {"team/app": APP}
DIGEST = output_digest(output(), "template", CLIENTS)


@every(
    "change",
    [
        {"template": "another"},
        {"spec": {"path": "out/other.env"}},
        {"spec": {"mode": 0o640}},
        {"spec": {"names": ("main",)}},
        {"spec": {"values": {"region": "cern"}}},
        {"client": RenderedClient("other", APP.fields, 1)},
        {"client": RenderedClient("app", {**APP.fields, "client_name": "Another"}, 1)},
        {"client": RenderedClient("app", APP.fields, 2)},
    ],
)
def test_everything_that_decides_the_content_decides_the_digest(change: dict[str, Any]) -> None:
    spec = output(**change.get("spec", {}))
    assert DIGEST != output_digest(spec, change.get("template", "template"), {"team/app": change.get("client", APP)})


def test_the_order_of_fields_and_other_clients_do_not_enter_the_digest() -> None:
    turned = RenderedClient("app", dict(sorted(APP.fields.items(), reverse=True)), 1)
    assert DIGEST == output_digest(output(), "template", {"team/app": turned, "team/other": APP})


def planned(record: OutputRecord | None, clients: dict[str, RenderedClient] | None = None) -> OutputAction:
    records = {"out/app.env": record} if record else {}
    ((_, change),) = plan_outputs(
        [output()], PlanOptions(templates={"dotenv": "template"}), CLIENTS if clients is None else clients, records
    )
    return change.action


def test_an_output_is_created_updated_or_left_by_what_state_says() -> None:
    assert OutputAction.CREATE == planned(None)
    assert OutputAction.UNCHANGED == planned(OutputRecord(DIGEST, ("team/app",)))
    assert OutputAction.UPDATE == planned(OutputRecord("sha256:old", ("team/app",)))


READS = frozenset({"client_id", "client_secret", "scope"})


def decided(record: OutputRecord, client: RenderedClient, reads: Reads = READS) -> OutputAction:
    """What becomes of the output where its template reads this, and the client is this now."""
    options = PlanOptions(templates={"dotenv": "template"}, reads=lambda _: reads)
    ((_, change),) = plan_outputs([output()], options, {"team/app": client}, {"out/app.env": record})
    return change.action


@pytest.mark.parametrize(
    ("client", "action"),
    [
        (replace(APP, fields={**APP.fields, "client_name": "Another"}), OutputAction.UNCHANGED),
        (replace(APP, fields={**APP.fields, "contacts": ("a@example.org",)}, kid="k1"), OutputAction.UNCHANGED),
        (replace(APP, fields={**APP.fields, "scope": ("a",)}), OutputAction.UPDATE),
        (replace(APP, secret_version=2), OutputAction.UPDATE),
        (replace(APP, client_id="other"), OutputAction.UPDATE),
    ],
)
def test_an_output_changes_where_its_template_reads_what_changes(client: RenderedClient, action: OutputAction) -> None:
    record = record_output(output(), "template", CLIENTS, READS, 3)
    assert action == decided(record, client)
    assert action == decided(replace(record, digest="sha256:of a client that was renamed since"), client)


def test_an_output_that_reads_everything_changes_with_everything() -> None:
    record = record_output(output(), "template", CLIENTS, None, 3)
    assert (DIGEST, "") == (record.digest, record.read)
    assert OutputAction.UPDATE == decided(record, replace(APP, fields={"client_name": "Another"}), None)


def test_a_record_of_an_older_program_is_compared_by_everything() -> None:
    record = OutputRecord(DIGEST, ("team/app",))
    renamed = replace(APP, fields={**APP.fields, "client_name": "Another"})
    assert OutputAction.UNCHANGED == decided(record, APP)
    assert OutputAction.UPDATE == decided(record, renamed)


def test_a_template_of_which_nothing_is_known_reads_everything() -> None:
    record = record_output(output(), "template", CLIENTS, READS, 3)
    renamed = {"team/app": replace(APP, fields={**APP.fields, "client_name": "Another"})}
    assert is_written(output(), "template", renamed, record, lambda _: READS)
    assert not is_written(output(), "template", renamed, record, PlanOptions().reads)


def test_nobody_asks_what_a_template_reads_where_nothing_differs() -> None:
    def ask(_: str) -> Reads:
        raise AssertionError

    record = record_output(output(), "template", CLIENTS, READS, 3)
    assert is_written(output(), "template", CLIENTS, record, ask)
    assert not is_written(output(), "template", CLIENTS, None, ask)


def test_what_a_template_reads_decides_with_how_the_output_is_made() -> None:
    record = replace(record_output(output(), "template", CLIENTS, READS, 3), digest="sha256:old")
    for spec, template in (
        (output(), "another"),
        (output(mode=0o640), "template"),
        (output(values={"a": 1}), "template"),
    ):
        assert not is_written(spec, template, CLIENTS, record, lambda _: READS)


def test_an_output_that_goes_to_another_sink_is_made_there_and_deleted_here() -> None:
    records = {"out/app.env": OutputRecord(DIGEST, ("team/app",))}
    made, gone = plan_outputs([output(sink="cluster")], PlanOptions(templates={"dotenv": "template"}), CLIENTS, records)
    assert (OutputAction.CREATE, "cluster://out/app.env") == (made[1].action, made[1].id)
    assert (OutputAction.DELETE, "file", "out/app.env") == (gone[1].action, gone[1].sink, gone[1].path)
    back = {"cluster://out/app.env": OutputRecord(DIGEST, ("team/app",), "cluster")}
    _, gone = plan_outputs([output()], PlanOptions(templates={"dotenv": "template"}), CLIENTS, back)
    assert (OutputAction.DELETE, "cluster", "out/app.env") == (gone[1].action, gone[1].sink, gone[1].path)


@pytest.mark.parametrize("change", [{"form": "sha256:other"}, {"recipients": ("age1other",)}])
def test_how_and_for_whom_a_sink_writes_decides_what_an_output_is_made_by(change: dict[str, Any]) -> None:
    spec: dict[str, Any] = {"sink": "sops", "form": "sha256:one", "recipients": ("age1one",)}
    assert made_by(output(**spec), "template") != made_by(output(**{**spec, **change}), "template")
    assert "template" == made_by(output(), "template")


def test_an_output_of_an_unknown_client_or_secret_is_blocked() -> None:
    assert OutputAction.BLOCKED == planned(None, {})
    assert OutputAction.BLOCKED == planned(None, {"team/app": RenderedClient("app", {}, None)})


def test_an_output_that_is_no_longer_declared_is_deleted() -> None:
    record = OutputRecord(DIGEST, ("team/app",), "file")
    ((addresses, change),) = plan_outputs([], PlanOptions(), CLIENTS, {"out/app.env": record})
    assert ("team/app",) == addresses
    assert (OutputAction.DELETE, "out/app.env", "file") == (change.action, change.path, change.sink)
