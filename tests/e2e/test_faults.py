"""Faults of the server in the middle of an apply: afterwards one more plain `iac apply` ends what was begun."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from iac.sandbox.fault import Fault, FaultKind
from tests.e2e.gate import held
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.model import Client
    from tests.e2e.project import Project

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
NAME = "Client team/portal"
FILE = f"clients.d/{ADDRESS}.yaml"
OUTPUT = "out/portal.env"

FAULTS: dict[str, dict[str, Any]] = {
    "the connection is reset": {"kind": FaultKind.REFUSE},
    "it hangs up before": {"kind": FaultKind.CUT_BEFORE},
    "it hangs up after": {"kind": FaultKind.CUT_AFTER},
    "429": {"kind": FaultKind.STATUS, "status": 429, "retry_after": 3},
    "503": {"kind": FaultKind.STATUS, "status": 503, "retry_after": 3},
    "an HTML page 500": {"kind": FaultKind.STATUS, "status": 500, "body": "html"},
    "500 after the effect": {"kind": FaultKind.STATUS_AFTER, "status": 500, "body": "html"},
    "nonsense after the effect": {"kind": FaultKind.STATUS_AFTER, "status": 200, "body": "html"},
}
WITH_EFFECT = {"it hangs up after", "500 after the effect", "nonsense after the effect"}


@pytest.fixture(params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads that are tried again are so at once."""
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)


def _define(project: Project, **changes: Any) -> None:
    project.define(ADDRESS, **{**json.loads(project.read(FILE)), **changes})


def _owner(project: Project) -> str:
    account = project.sandbox.iam.world.store.account_by_name("test")
    assert account is not None
    return account.uuid


def _to_create(_: Project) -> None:
    """Nothing was applied before."""


def _to_update(project: Project) -> None:
    assert project.apply().code == 0
    _define(project, contacts=["others@example.org"])


def _to_rotate(project: Project) -> None:
    assert project.apply().code == 0
    _define(project, secret={"serial": 2})


def _to_assign(project: Project) -> None:
    assert project.apply().code == 0
    _define(project, owners=[_owner(project)])


def _to_unassign(project: Project) -> None:
    _define(project, owners=[_owner(project)])
    assert project.apply().code == 0
    _define(project, owners=[])


def _to_delete(project: Project) -> None:
    project.define("team/other", grant_types=["client_credentials"])
    assert project.apply().code == 0
    (project.root / FILE).unlink()
    project.write("iac.yaml", project.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")


WRITES: dict[str, tuple[Callable[[Project], None], str, str]] = {
    "create": (_to_create, "POST", "/iam/api/clients"),
    "update": (_to_update, "PUT", f"/iam/api/clients/{CLIENT_ID}"),
    "rotate": (_to_rotate, "POST", f"/iam/api/clients/{CLIENT_ID}/secret"),
    "assign": (_to_assign, "POST", "/iam/api/clients/*/owners/*"),
    "unassign": (_to_unassign, "DELETE", "/iam/api/clients/*/owners/*"),
    "delete": (_to_delete, "DELETE", f"/iam/api/clients/{CLIENT_ID}"),
}


def _secret_on_disk(project: Project) -> str:
    (line,) = [line for line in project.read(OUTPUT).splitlines() if "SECRET" in line]
    return line.split("=", 1)[1].strip("'\"")


def _assert_converged(project: Project, write: str) -> None:
    """One client on the server as defined, its secret in state and output logs in, and nothing is left to do."""
    said = project.apply()
    assert (0, "") == (said.code, said.err), said.out + said.err
    named = [client.client_id for client in project.sandbox.iam.world.store.clients() if client.client_name == NAME]
    if write == "delete":
        assert named == []
        assert not (project.root / OUTPUT).exists()
    else:
        assert named == [CLIENT_ID]
        assert logs_in(project.sandbox.iam, CLIENT_ID, _secret_on_disk(project))
        (project.root / OUTPUT).unlink()
        assert project.iac("render").code == 0
        assert logs_in(project.sandbox.iam, CLIENT_ID, _secret_on_disk(project))
    again = project.iac("plan", "--format", "json", "--detailed-exitcode")
    assert again.code == 0, again.out
    assert again.json()["pending"] == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", WRITES)
def test_after_a_fault_one_more_apply_converges(project: Project, flavour: str, write: str, fault: str) -> None:
    prepare, method, path = WRITES[write]
    prepare(project)
    project.sandbox.faults.add(Fault(method=method, path=path, **FAULTS[fault]))
    said = project.apply("--format", "json")
    assert project.sandbox.faults.describe() == [], "the fault was not met"
    is_readable = write != "rotate" or flavour != "1.14"
    is_done = fault in WITH_EFFECT and is_readable
    assert (0 if is_done else 5) == said.code, said.out + said.err
    assert said.json()["complete"] is is_done
    if not is_done:
        (failed,) = said.json()["failed"]
        assert failed["address"] == ADDRESS
        assert "iac apply" in said.err
    _assert_converged(project, write)


@pytest.mark.parametrize("fault", ["it hangs up before", "it hangs up after", "429", "503", "500 after the effect"])
@pytest.mark.parametrize("write", WRITES)
def test_when_the_server_is_gone_after_the_write_one_more_apply_converges(
    project: Project, write: str, fault: str
) -> None:
    """The write's outcome cannot be read back either: what happened is found out by the next run."""
    prepare, method, path = WRITES[write]
    prepare(project)
    project.sandbox.faults.add(Fault(method=method, path=path, **FAULTS[fault]))
    project.sandbox.faults.add(Fault(kind=FaultKind.CUT_BEFORE, path=f"/iam/api/clients/{CLIENT_ID}", skip=1, times=99))
    said = project.apply("--format", "json")
    assert said.code in {0, 5}
    assert said.json()["complete"] is (said.code == 0)
    project.sandbox.faults.clear()
    _assert_converged(project, write)


def test_a_create_that_the_server_does_late_is_found_by_the_next_run(project: Project) -> None:
    """The answer does not come in time and the client is not there yet when it is looked for; then it is."""
    project.write("iac.yaml", project.read("iac.yaml") + "timeout: 1\n")
    with held(project.sandbox, "POST", "/iam/api/clients") as gate:
        said = project.apply()
        assert said.code == 5
        assert "iac does not know whether the server did it" in said.out
        gate.open()
        gate.wait_for_effects()
    secret = project.registered(CLIENT_ID).client_secret
    _assert_converged(project, "create")
    assert secret == project.registered(CLIENT_ID).client_secret == _secret_on_disk(project)


@pytest.mark.parametrize("fault", ["429", "503", "the connection is reset", "it hangs up before"])
def test_reads_are_tried_again(project: Project, fault: str) -> None:
    """A wait that the server asks for is said."""
    project.sandbox.faults.add(Fault(method="GET", path="/iam/api/clients*", times=2, **FAULTS[fault]))
    said = project.apply()
    waits = 2 * [f"{project.sandbox.issuer.rstrip('/')} answers {fault}: asked again in 3 s"] if fault.isdigit() else []
    assert (0, waits) == (said.code, said.err.splitlines())
    assert project.sandbox.faults.describe() == []


@pytest.mark.parametrize("fault", ["an HTML page 500", "503", "it hangs up before", "the connection is reset"])
@pytest.mark.parametrize("path", ["/.well-known/*", "/token", "/iam/api/clients*"])
def test_an_outage_is_no_plan_and_exit_6(project: Project, path: str, fault: str) -> None:
    """failures.md 15: never reported as drift."""
    assert project.apply().code == 0
    before = project.read(".iac/state.json")
    project.sandbox.faults.add(Fault(path=path, times=99, **FAULTS[fault]))
    for command in (["plan"], ["apply", "--auto-approve"]):
        said = project.iac(*command)
        assert (6, "") == (said.code, said.out)
        assert "fix: " in said.err
    said = project.iac("plan", "--format", "json")
    assert (6, False, 6) == (said.code, "changes" in said.json(), said.json()["error"]["exit"])
    assert before == project.read(".iac/state.json")


def _ten(project: Project) -> list[str]:
    addresses = [f"ten/c{number}" for number in range(10)]
    for address in addresses:
        project.define(address, grant_types=["client_credentials"])
    (project.root / FILE).unlink()
    return addresses


@pytest.mark.parametrize("parallelism", ["1", "4"])
def test_the_third_of_ten_fails_and_the_next_run_does_exactly_the_rest(project: Project, parallelism: str) -> None:
    """failures.md 6: nine are attempted, done and failed are listed, exit 5."""
    addresses = _ten(project)
    fault = Fault(kind=FaultKind.STATUS, status=400, body="json", method="POST", path="/iam/api/clients", skip=2)
    project.sandbox.faults.add(fault)
    said = project.apply("--parallelism", parallelism)
    assert said.code == 5
    assert "Apply: 9 done, 1 failed, 0 not tried" in said.out
    assert "the server says 400: try again later" in said.out
    assert "error: applied in part" in said.err
    plan = project.iac("plan", "--format", "json").json()
    (change,) = plan["changes"]
    assert change["address"] in addresses
    assert project.apply("--format", "json").json()["done"] == [
        {"address": change["address"], "client_id": change["client_id"], "action": "create"}
    ]
    assert project.iac("plan", "--detailed-exitcode").code == 0


def test_when_the_server_dies_the_rest_is_not_tried_and_listed(project: Project) -> None:
    _ten(project)
    project.sandbox.faults.add(
        Fault(kind=FaultKind.STATUS, status=401, method="POST", path="/iam/api/clients", skip=2, times=99)
    )
    said = project.apply("--parallelism", "1", "--format", "json")
    assert said.code == 5
    report = said.json()
    assert (2, 1, 7) == tuple(len(report[part]) for part in ("done", "failed", "not_tried"))
    assert {"the server does not accept the token"} == {entry["reason"] for entry in report["not_tried"]}
    project.sandbox.faults.clear()
    assert project.apply().code == 0
    assert project.iac("plan", "--detailed-exitcode").code == 0


def test_a_saved_plan_is_taken_up_again_after_exit_5(project: Project) -> None:
    _ten(project)
    assert project.iac("plan", "--out", "plan.json").code == 0
    fault = Fault(kind=FaultKind.STATUS, status=400, method="POST", path="/iam/api/clients", skip=2)
    project.sandbox.faults.add(fault)
    assert project.iac("apply", "plan.json").code == 5
    said = project.iac("apply", "plan.json")
    assert (0, "") == (said.code, said.err)
    assert project.iac("apply", "plan.json").code == 0


def test_an_output_that_cannot_be_written_is_listed_and_written_by_the_next_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder gets in the way between the rehearsal and the delivery."""
    put = project.sandbox.iam.world.store.put

    def put_and_block(client: Client) -> Client:
        (project.root / OUTPUT).mkdir(parents=True, exist_ok=True)
        return put(client)

    with monkeypatch.context() as blocked:
        blocked.setattr(project.sandbox.iam.world.store, "put", put_and_block)
        said = project.apply()
    assert said.code == 5
    assert f"! {OUTPUT}: not written" in said.out
    assert "1 output not written" in said.out
    (project.root / OUTPUT).rmdir()
    _assert_converged(project, "create")
