"""What machines read, by the parser or the schema of each format, with texts that want to be something else."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from iac.config.schema import load_schema
from iac.core.capabilities import Capabilities
from iac.core.errors import Diagnostic, Location, Severity
from iac.core.explanation import Explanation, IdKind
from iac.core.plan.change import Action, Change
from iac.core.plan.plan import Plan
from iac.core.text import printable
from iac.views.kind import DiagnosticsView, PlanView, ViewSettings, render_diagnostics, render_plans
from tests.every import every
from tests.views.given import KNOWN, SETTING
from tests.views.hostile import TEXTS, diagnostics, everywhere, many

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURES = Path(__file__).parents[1] / "fixtures"
COMMAND = re.compile(r"::(error|warning|notice) ((?:\w+=[^,:]*,)*\w+=[^,:]*)::(.*)")
texts = st.one_of(st.sampled_from(TEXTS), st.text(min_size=1))


@cache
def sarif_schema() -> Draft4Validator:
    found = json.loads((FIXTURES / "sarif/sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    Draft4Validator.check_schema(found)
    return Draft4Validator(found)


@cache
def junit_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(FIXTURES / "junit/junit-10.xsd")


def of_plan(plan: Plan, view: PlanView) -> str:
    return render_plans([plan], view, SETTING)


def told(found: list[Diagnostic], view: DiagnosticsView) -> str:
    return render_diagnostics(found, view, SETTING)


def both(text: str, view: PlanView) -> Iterator[str]:
    yield of_plan(everywhere(text), view)
    yield told(diagnostics(text), DiagnosticsView(view))


def change(action: Action) -> Change:
    return Change("a", "a", "A", action, "", None)


# --- all of them


@pytest.mark.parametrize("view", [view for view in PlanView if view is not PlanView.GITHUB])
@given(text=texts)
def test_no_line_of_a_view_commands_a_runner(view: PlanView, text: str) -> None:
    shown = of_plan(everywhere(text), view)
    assert [] == [line for line in shown.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert [] == [char for char in shown if not char.isprintable() and char != "\n"]


@pytest.mark.slow
@pytest.mark.parametrize("view", PlanView)
def test_500_hostile_changes_are_valid_in_every_view(view: PlanView) -> None:
    plan = many(500)
    shown = of_plan(plan, view)
    names = {change.address for change in plan.changes}
    match view:
        case PlanView.JSON:
            Draft202012Validator(load_schema("plan")).validate(json.loads(shown))
            assert names == {each["address"] for each in json.loads(shown)["changes"]}
        case PlanView.SARIF:
            sarif_schema().validate(json.loads(shown))
            assert 1001 == len(json.loads(shown)["runs"][0]["results"])
        case PlanView.JUNIT:
            junit_schema().validate(shown)
            assert names <= {case.attrib["name"].partition(" ")[2] for case in ET.fromstring(shown).iter("testcase")}
        case PlanView.GITLAB:
            assert {"create": 143, "update": 215, "delete": 142} == json.loads(shown)
        case PlanView.GITHUB:
            assert 1001 == sum(COMMAND.fullmatch(line) is not None for line in shown.splitlines())
        case PlanView.TEXT | PlanView.MARKDOWN | PlanView.HTML:
            assert all(name in shown for name in names)


# --- JSON


@given(texts)
def test_json_reads_back_as_it_was(text: str) -> None:
    plan = everywhere(text)
    assert plan.to_dict() == json.loads(of_plan(plan, PlanView.JSON))


# --- GitHub


def _undone(text: str) -> str:
    for name, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(name, char)
    return text


@given(texts)
def test_each_annotation_is_one_command_that_the_runner_reads_as_it_was_meant(text: str) -> None:
    lines = told(diagnostics(text), DiagnosticsView.GITHUB).splitlines()
    found = [COMMAND.fullmatch(line) for line in lines]
    assert ["error", "error", "warning", "warning", "notice", "notice"] == [each[1] for each in found if each]
    for each in found:
        assert each
        assert [printable(text), printable(text), printable(f"fix: {text}")] == [
            _undone(part) for part in each[3].split("%0A")
        ]


@pytest.mark.parametrize(
    ("directory", "file"),
    [
        (".", "clients.d/a.yaml"),
        ("deploy/iam", "deploy/iam/clients.d/a.yaml"),
        ("a,b:c", "a%2Cb%3Ac/clients.d/a.yaml"),
        ("/srv/x", "/srv/x/clients.d/a.yaml"),
    ],
)
def test_files_are_named_as_seen_from_where_the_command_was_started(directory: str, file: str) -> None:
    found = [Diagnostic("x", "y", Location("clients.d/a.yaml", 2, 3))]
    assert f"::error file={file},line=2,col=3,title=x::y\n" == render_diagnostics(
        found, DiagnosticsView.GITHUB, ViewSettings(directory)
    )


# --- GitLab


@every(
    "action, counts",
    [
        (Action.CREATE, (1, 0, 0)),
        (Action.ADOPT, (0, 1, 0)),
        (Action.UPDATE, (0, 1, 0)),
        (Action.REPLACE, (1, 0, 1)),
        (Action.ROTATE, (0, 1, 0)),
        (Action.DELETE, (0, 0, 1)),
        (Action.FORGET, (0, 0, 0)),
    ],
)
def test_every_action_has_its_place_in_gitlabs_counts(action: Action, counts: tuple[int, int, int]) -> None:
    plan = Plan("p", "e", "i", Capabilities(provider="v"), (change(action),), no_op=5, unmanaged=6)
    shown = json.loads(of_plan(plan, PlanView.GITLAB))
    assert dict(zip(("create", "update", "delete"), counts, strict=True)) == shown


@given(texts)
def test_code_quality_has_what_gitlab_asks_for(text: str) -> None:
    found: list[dict[str, Any]] = json.loads(told(diagnostics(text), DiagnosticsView.GITLAB))
    severities = ["major", "major", "minor", "minor", "info", "info"]
    assert severities == [each["severity"] for each in found]
    assert len(found) == len({each["fingerprint"] for each in found})
    for each in found:
        assert {"description", "check_name", "fingerprint", "severity", "location"} == set(each)
        assert each["location"]["lines"]["begin"] >= 1
        assert each["description"].isprintable()
    assert "iam/iac.yaml" == found[1]["location"]["path"]


def test_a_mistake_keeps_its_fingerprint_when_lines_move() -> None:
    first, second = (Diagnostic("x", "y", Location("a.yaml", line)) for line in (1, 9))
    prints = [
        [each["fingerprint"] for each in json.loads(told(found, DiagnosticsView.GITLAB))]
        for found in ([first], [second], [first, second])
    ]
    assert prints[0] == prints[1] == prints[2][:1]
    assert prints[2][0] != prints[2][1]


# --- SARIF


@every("text", TEXTS)
def test_sarif_is_valid_and_its_parts_fit(text: str) -> None:
    for shown in both(text, PlanView.SARIF):
        log = json.loads(shown)
        sarif_schema().validate(log)
        (run,) = log["runs"]
        rules = run["tool"]["driver"]["rules"]
        assert len(rules) == len({rule["id"] for rule in rules})
        for result in run["results"]:
            assert result["ruleId"] == rules[result["ruleIndex"]]["id"]
            assert len(result["locations"]) == 1
        prints = [result["partialFingerprints"]["iac/v1"] for result in run["results"]]
        assert len(prints) == len(set(prints))


@given(texts)
def test_a_message_of_sarif_has_neither_links_nor_placeholders(text: str) -> None:
    log = json.loads(told(diagnostics(text), DiagnosticsView.SARIF))
    for result in log["runs"][0]["results"]:
        message = result["message"]["text"]
        assert "](" not in message
        assert not re.search(r"[{}]", message.replace("{{", "").replace("}}", ""))
        assert printable(text).replace("](", "] (") == message.splitlines()[0].replace("{{", "{").replace("}}", "}")


def test_sarif_names_files_by_uri_and_what_is_waived_by_a_suppression() -> None:
    found = [Diagnostic("x", "y", Location("clients.d/a b#?ü.yaml", 2, 3), severity=Severity.WAIVED)]
    (result,) = json.loads(told(found, DiagnosticsView.SARIF))["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert "iam/clients.d/a%20b%23%3F%C3%BC.yaml" == place["artifactLocation"]["uri"]
    assert "iam/clients.d/a b#?ü.yaml" == unquote(place["artifactLocation"]["uri"])
    assert {"startLine": 2, "startColumn": 3} == place["region"]
    assert ("note", [{"kind": "inSource"}]) == (result["level"], result["suppressions"])


@pytest.mark.parametrize("kind", IdKind)
@every("text", TEXTS)
def test_sarif_explains_rules_of_every_kind_and_leads_to_a_page_that_is_there(kind: IdKind, text: str) -> None:
    known = {"odd": Explanation("odd", kind, text, text, text, text)}
    setting = ViewSettings(explain=lambda: known)
    log = json.loads(render_diagnostics(diagnostics(text), DiagnosticsView.SARIF, setting))
    sarif_schema().validate(log)
    (rule,) = log["runs"][0]["tool"]["driver"]["rules"]
    page = rule["helpUri"].partition("/main/")[2].partition("#")[0]
    assert (Path(__file__).parents[2] / page).is_file()
    assert "](" not in rule["help"]["text"]


def test_an_id_of_which_nothing_is_known_is_a_rule_all_the_same() -> None:
    assert "odd" not in KNOWN
    (rule,) = json.loads(told(diagnostics("x"), DiagnosticsView.SARIF))["runs"][0]["tool"]["driver"]["rules"]
    assert "iac explain odd" == rule["help"]["text"]


# --- JUnit


@every("text", TEXTS)
def test_junit_is_valid_and_counts_what_it_holds(text: str) -> None:
    for shown in both(text, PlanView.JUNIT):
        junit_schema().validate(shown)
        root = ET.fromstring(shown)
        assert int(root.attrib["tests"]) == len(list(root.iter("testcase")))
        assert int(root.attrib["failures"]) == sum(case.find("failure") is not None for case in root.iter("testcase"))


def test_an_error_fails_a_case_of_junit_and_nothing_else_does() -> None:
    found = [Diagnostic("x", "y", severity=severity) for severity in Severity]
    root = ET.fromstring(told(found, DiagnosticsView.JUNIT))
    assert ["failure", "system-out", "system-out"] == [child.tag for case in root.iter("testcase") for child in case]
    assert ("3", "1", "0") == tuple(root.attrib[name] for name in ("tests", "failures", "errors"))


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        (of_plan(Plan("p", "e", "i", Capabilities(provider="v")), PlanView.JUNIT), "no changes"),
        (told([], DiagnosticsView.JUNIT), "valid"),
    ],
)
def test_where_nothing_is_to_be_said_one_case_passes(shown: str, name: str) -> None:
    (case,) = ET.fromstring(shown).iter("testcase")
    assert ([], name) == (list(case), case.attrib["name"])
