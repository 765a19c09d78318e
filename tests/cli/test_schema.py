"""`iac schema` as it is called."""

from __future__ import annotations

import json

import pytest

from iac.cli import run


@pytest.mark.parametrize("name", ["client", "project", "plan"])
def test_a_schema_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["schema", name])
    assert json.loads(capsys.readouterr().out)["$id"].endswith(f"/{name}.schema.json")


def test_without_a_name_it_is_that_of_definitions(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["schema"])
    assert "client definition" == json.loads(capsys.readouterr().out)["title"]


def test_another_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert 64 == run(["schema", "clients"])
    assert "'client', 'project', 'plan'" in capsys.readouterr().err
