"""docs/reference/sinks.md, and what the how-to shows, can stand in iac.yaml and in a definition."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from iac.config.definitions import validate_project
from iac.config.schema import load_schema
from iac.sinks.kubernetes.login import _REFUSED
from iac.sinks.kubernetes.secret import MARK
from iac.sinks.sops.cipher import _FORMS
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
    """Outputs lie in the project's folder; what is uploaded is made outside of it, or is a report or a plan."""
    pipelines = [file.read_text(encoding="utf-8") for file in (ROOT / "iac/forges").rglob("*.yml")]
    whole = "\n".join(pipelines)
    uploads = re.findall(r"^ {10}path: (.*)$", whole, re.MULTILINE)
    kept = ", ".join(re.findall(r"^    paths: \[(.*)\]$", whole, re.MULTILINE)).split(", ")
    assert len(uploads) == whole.count("uses: actions/upload-artifact@") + whole.count(
        "uses: actions/download-artifact@"
    )
    assert uploads
    assert kept
    assert [] == [path for path in uploads if not path.startswith("${{ runner.temp }}/")]
    assert [] == [name for name in kept if not re.fullmatch(r"iac-plans|iac-[a-z-]+\.(json|xml)", name)]
