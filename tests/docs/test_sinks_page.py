"""docs/reference/sinks.md, and what the how-to shows, can stand in iac.yaml and in a definition."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from iac.config.definitions import validate_project
from iac.config.schema import load_schema
from iac.ports.path import path_over
from iac.registry import FORGES
from iac.sinks.kubernetes.login import _REFUSED
from iac.sinks.kubernetes.secret import MARK
from iac.sinks.sops.cipher import _FORMS
from iac.workflow.pipelines.text import PipelineFacts, render_pipelines
from tests.config.given import CLIENT, PROJECT, RECIPIENT, write
from tests.docs.transcript import read_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "reference/sinks.md").read_text(encoding="utf-8")
HOW_TO = read_page("how-to/deliver-credentials.md")
STATE = f"state: {{encryption: {{recipients: [{RECIPIENT}]}}}}\n"
BLOCKS = re.findall(r"^```yaml\n(sinks:.*?)^```\n\n```yaml\n(outputs:.*?)^```", PAGE + HOW_TO, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("sinks", "outputs"), BLOCKS)
def test_sinks_and_outputs_that_are_shown_are_valid(tmp_path: Path, sinks: str, outputs: str) -> None:
    files = {"iac.yaml": PROJECT + STATE + sinks, "clients.d/portal.yaml": CLIENT + outputs}
    assert () == validate_project(write(tmp_path, files)).diagnostics


def test_three_pairs_are_shown() -> None:
    assert 3 == len(BLOCKS)


def test_every_kind_is_in_the_table() -> None:
    kinds: list[Any] = load_schema("project")["$defs"]["sinks"]["additionalProperties"]["oneOf"]
    table = PAGE.partition("| kind |")[2].partition("\n\n")[0]
    expected = ["file", *(kind["properties"]["kind"]["const"] for kind in kinds)]
    assert expected == re.findall(r"^\| `(\w+)`", table, re.MULTILINE)


def test_what_stands_in_a_secret_and_what_is_refused_is_told() -> None:
    assert f"{MARK}: PROJECT/ENVIRONMENT" in PAGE
    words = PAGE.replace("passwords", "`username`")
    assert [] == [key for key in _REFUSED if f"`{key}`" not in words]


def test_every_form_of_sops_is_in_the_table() -> None:
    assert [] == [end for end in _FORMS if f"`.{end}`" not in PAGE]


def test_the_manifest_that_flux_takes_is_yaml() -> None:
    assert "kubernetes-secret" == yaml.safe_load(BLOCKS[1][1])["outputs"][0]["template"]


def test_no_pipeline_uploads_what_is_rendered() -> None:
    """What is uploaded lies where no output may lie, or is a report."""
    facts = PipelineFacts({"default": "https://iam.example.org/"}, ".", "main")
    whole = "\n".join(text for forge in FORGES for text in render_pipelines(forge, facts).values())
    uploads = re.findall(r"\bpath: ([\w./-]+)", whole)
    kept = ", ".join(re.findall(r"paths: \[(.*?)\]", whole)).split(", ")
    assert len(uploads) == whole.count("actions/upload-artifact@") + whole.count("actions/download-artifact@")
    assert {"iac-ci"} == set(uploads)
    assert path_over("iac-ci/portal.env")
    assert {"iac-ci", "iac-code-quality.json", "iac-junit.xml"} == set(kept)
