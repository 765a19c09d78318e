"""Several environments by one command: sections, the worst exit code, and one that is down hides no other."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from iac.sandbox.server import Sandbox, start_sandbox
from tests.e2e.gate import held
from tests.e2e.test_interrupt import _running
from tests.every import every

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.project import Project


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def other() -> Iterator[Sandbox]:
    with start_sandbox("1.13") as running:
        yield running


@pytest.fixture
def many(project: Project, other: Sandbox) -> Project:
    """Three environments: prod and dev have servers of their own, down has none."""
    text = project.read("iac.yaml")
    recipients = text[text.index("  encryption:") :]
    environments = "".join(
        f"  {name}: {{issuer: {issuer}, state: {{path: .iac/{name}.json}}}}\n"
        for name, issuer in (
            ("prod", project.sandbox.issuer),
            ("down", "http://localhost:1/"),
            ("dev", other.issuer),
        )
    )
    top = text[: text.index("issuer:")] + text[text.index("provider:") : text.index("state:")]
    project.write("iac.yaml", f"{top}deadline: 1\nstate:\n{recipients}environments:\n{environments}")
    for name in ("prod", "down", "dev"):
        assert project.iac("--env", name, "state", "init").code == 0
    return project


GOOD = ("--env", "dev", "--env", "prod")


def test_one_environment_that_is_down_hides_no_other(many: Project) -> None:
    ended = many.iac("plan", "--all-envs")
    assert ended.code == 6
    heads = [line for line in ended.out.splitlines() if line.startswith("==")]
    assert ["== prod ==", "== down ==", "== dev =="] == heads
    assert 2 == ended.out.count("Plan: 1 to create")
    assert 2 == ended.out.count("Digest: sha256:")
    assert "error: the server cannot be reached: http://localhost:1" in ended.out
    document = many.iac("plan", "--all-envs", "--format", "json").json()
    assert ["prod", "down", "dev"] == [section["environment"] for section in document["environments"]]
    assert [1, 6, 1] == [len(s["changes"]) if "changes" in s else s["error"]["exit"] for s in document["environments"]]
    assert (
        document["environments"][0]["digest"] == many.iac("plan", "--env", "prod", "--format", "json").json()["digest"]
    )


def test_the_order_is_that_of_the_command_line_and_the_worst_code_counts(many: Project) -> None:
    ended = many.iac("plan", *GOOD, "--format", "json", "--detailed-exitcode")
    assert (2, ["dev", "prod"]) == (ended.code, [one["environment"] for one in ended.json()["environments"]])
    assert many.iac("plan", *GOOD).code == 0
    assert 1 == many.iac("plan", "--env", "dev", "--env", "prd").code
    assert 2 == many.iac("plan", *GOOD, "--format", "markdown").out.count("Digest ")


@pytest.mark.slow
@every(
    "command, code",
    [
        (["validate"], 0),
        (["doctor"], 6),
        (["drift"], 6),
        (["list"], 6),
        (["verify"], 6),
    ],
)
def test_each_command_has_a_section_for_each(many: Project, command: list[str], code: int) -> None:
    text = many.iac(*command, "--all-envs")
    assert code == text.code, text.out + text.err
    assert 3 == sum(line.startswith("==") for line in text.out.splitlines())
    document = many.iac(*command, "--all-envs", "--format", "json")
    assert code == document.code
    assert ["prod", "down", "dev"] == [section["environment"] for section in document.json()["environments"]]


def test_a_list_of_several_environments_is_one_table(many: Project) -> None:
    ended = many.iac("list", *GOOD, "--format", "csv", "--columns", "client_id")
    lines = ended.out.splitlines()
    assert "environment,client_id" == lines[0]
    assert {"dev", "prod"} == {line.partition(",")[0] for line in lines[1:]}


def test_environments_are_read_side_by_side(many: Project, other: Sandbox) -> None:
    with held(many.sandbox, "POST", "/token") as first, held(other, "POST", "/token") as second:
        ended: list[int] = []
        thread = threading.Thread(target=lambda: ended.append(many.iac("plan", *GOOD).code))
        thread.start()
        first.wait_for(1)
        second.wait_for(1)
        first.open()
        second.open()
        thread.join(60)
    assert [0] == ended


def test_apply_goes_in_order_and_stops_at_the_first_that_does_not_end_well(many: Project) -> None:
    ended = many.iac("apply", "--all-envs", "--auto-approve")
    assert ended.code == 6
    assert 1 == ended.out.count("Apply: 1 done.")
    assert "error: down: " in ended.err
    assert "dev: not tried, because down did not end well" in ended.err
    going = many.iac("apply", "--all-envs", "--auto-approve", "--keep-going", "--format", "json")
    assert going.code == 6
    prod, down, dev = going.json()["environments"]
    assert ([], 6, ["team/portal"]) == (prod["done"], down["error"]["exit"], [one["address"] for one in dev["done"]])
    assert many.iac("plan", *GOOD, "--detailed-exitcode").code == 0


def test_each_environment_is_approved_by_its_own_digest(many: Project) -> None:
    plans = many.iac("plan", *GOOD, "--format", "json").json()["environments"]
    dev, prod = (f"--expect-plan={one['environment']}={one['digest']}" for one in plans)
    assert 64 == many.iac("apply", *GOOD, dev).code
    swapped = [f"--expect-plan=prod={plans[0]['digest']}", f"--expect-plan=dev={plans[1]['digest']}"]
    assert 4 == many.iac("apply", *GOOD, *swapped).code
    assert 64 == many.iac("apply", *GOOD, f"--expect-plan={plans[0]['digest']}").code
    ended = many.iac("apply", *GOOD, dev, prod)
    assert (0, 2) == (ended.code, ended.out.count("Apply: 1 done."))


def test_a_saved_plan_holds_all_environments(many: Project) -> None:
    plan = str(many.root / "plan.json")
    assert many.iac("plan", *GOOD, "--out", plan).code == 0
    assert ["dev", "prod"] == [one["environment"] for one in json.loads(many.read("plan.json"))["environments"]]
    one = many.iac("apply", plan, "--env", "dev")
    assert (0, 1) == (one.code, one.out.count("Apply: 1 done.")), one.err
    assert 64 == many.iac("apply", plan, "--env", "down").code
    rest = many.iac("apply", plan)
    assert (0, 1) == (rest.code, rest.out.count("Apply: 1 done."))
    assert "is not written: there is no plan of down" in many.iac("-q", "plan", "--all-envs", "--out", plan).err
    many.write("plan.json", '{"environments": []}')
    assert 1 == many.iac("apply", plan, "--auto-approve").code


@every(
    "arguments, words",
    [
        (["show", "team/portal"], "give --env once"),
        (["render"], "give --env once"),
        (["drift", "--accept", "team/portal"], "give --env once"),
    ],
)
def test_what_is_of_one_environment_says_so(many: Project, arguments: list[str], words: str) -> None:
    ended = many.iac(*arguments, "--all-envs")
    assert 64 == ended.code
    assert words in ended.err


def test_keep_going_needs_several(many: Project) -> None:
    assert "--keep-going is for several environments" in many.iac("apply", "--env", "dev", "--keep-going").err


def test_reports_hold_all_environments(many: Project) -> None:
    views = ("markdown", "github", "gitlab", "sarif", "junit")
    reports = [f"--report={view}={many.root / view}" for view in views]
    assert many.iac("plan", *GOOD, *reports).code == 0
    assert 2 == many.read("markdown").count("Digest ")
    assert {"create": 2, "update": 0, "delete": 0} == json.loads(many.read("gitlab"))
    runs = json.loads(many.read("sarif"))["runs"]
    assert ["iac/plan/dev/", "iac/plan/prod/"] == [run["automationDetails"]["id"] for run in runs]
    suites = ET.fromstring(many.read("junit"))
    assert ("2", "0") == (suites.get("tests"), suites.get("failures"))
    assert ["iac plan dev", "iac plan prod"] == [suite.get("name") for suite in suites]
    verified = ET.fromstring(many.iac("verify", *GOOD, "--format", "junit").out)
    assert ["iac verify dev", "iac verify prod"] == [suite.get("name") for suite in verified]


def test_a_report_without_an_environment_that_is_down_says_so(many: Project) -> None:
    reports = [f"--report={view}={many.root / view}" for view in ("sarif", "junit")]
    ended = many.iac("-q", "plan", "--all-envs", *reports)
    assert (6, f"{many.root / 'sarif'} has no plan of down\n") == (ended.code, ended.err)
    assert ["prod", "dev"] == [run["automationDetails"]["id"][9:-1] for run in json.loads(many.read("sarif"))["runs"]]
    for shown in (many.read("junit"), many.iac("verify", "--all-envs", "--format", "junit").out):
        suites = ET.fromstring(shown)
        assert "1" == suites.get("failures")
        case = suites[2][0]
        assert "down" == case.get("name")
        assert "cannot be reached" in (case[0].text or "")


def test_a_page_of_clients_is_sorted_as_asked(many: Project) -> None:
    command = ("list", "--env", "dev", "--sort=-client_id", "--format")
    names = [client["client_id"] for client in many.iac(*command, "json").json()["clients"]]
    assert sorted(names, reverse=True) == names
    page = many.iac(*command, "html").out
    assert names == sorted(names, key=lambda name: page.index(f"{name}</td>"))


def test_one_page_shows_all_environments_and_names_the_one_that_is_down(many: Project) -> None:
    page = many.root / "plan.html"
    assert 6 == many.iac("plan", "--all-envs", "--report", f"html={page}").code
    for shown in (
        page.read_text(encoding="utf-8"),
        *(many.iac(name, "--all-envs", "--format", "html").out for name in ("drift", "list")),
    ):
        assert 1 == shown.count("<!doctype html>")
        assert "<strong>down</strong>: error: " in shown


@pytest.mark.slow
def test_ten_environments_one_down_one_refused_one_stale(project: Project, other: Sandbox) -> None:
    """Each has its section, none hides another, and apply does what can be done with --keep-going."""
    text = project.read("iac.yaml")
    top = text[: text.index("issuer:")] + text[text.index("provider:") : text.index("state:")]
    issuers = {"down": "http://localhost:1/", "done": project.sandbox.issuer, "refused": project.sandbox.issuer}
    issuers |= {"stale": other.issuer, **{f"idle{number}": other.issuer for number in range(6)}}
    lines = [
        f"  {name}: {{issuer: {issuer}, state: {{path: .iac/{name}.json}}"
        f", clients: [team/{'idle' if name.startswith('idle') else 'portal'}]}}\n"
        for name, issuer in issuers.items()
    ]
    project.write(
        "iac.yaml",
        f"{top}deadline: 1\nstate:\n{text[text.index('  encryption:') :]}environments:\n{''.join(lines)}",
    )
    ids = {f"idle{number}": {"client_id": f"idle{number}"} for number in range(6)}
    project.define("team/idle", grant_types=["client_credentials"], environments=ids)
    for name in issuers:
        assert project.iac("--env", name, "state", "init").code == 0
    assert project.iac("--env", "done", "apply", "--auto-approve").code == 0
    plan = project.iac("plan", "--all-envs", "--format", "json")
    sections = plan.json()["environments"]
    assert (6, list(issuers)) == (plan.code, [section["environment"] for section in sections])
    assert {"client-id-taken"} == {guard["id"] for guard in sections[2]["guards"]}
    there = [name for name in issuers if name != "down"]
    chosen = [f"--env={name}" for name in there]
    assert 3 == project.iac("plan", *chosen, "--detailed-exitcode").code
    digests = {section["environment"]: section["digest"] for section in sections if "digest" in section}
    digests["stale"] = digests["done"]
    expected = [f"--expect-plan={name}={digest}" for name, digest in digests.items()]
    ended = project.iac("apply", *chosen, *expected, "--keep-going", "--format", "json")
    codes = {one["environment"]: one.get("error", {}).get("exit", 0) for one in ended.json()["environments"]}
    assert (4, {**dict.fromkeys(there, 0), "refused": 3, "stale": 4}) == (ended.code, codes)


@pytest.mark.slow
def test_ctrl_c_ends_all_environments_at_once(many: Project, other: Sandbox) -> None:
    with (
        held(many.sandbox, "POST", "/token") as gate,
        held(other, "POST", "/token"),
        _running(many, "plan", *GOOD) as process,
    ):
        gate.wait_for(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (130, "", "interrupted") == (process.returncode, out, err.strip())
