"""Any definition is valid, or told with the places of its mistakes; what is valid can be written anew and planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from iac.sandbox.server import Sandbox, start_sandbox
from tests.blackbox.kit import make_project
from tests.config.everything import DEFINITION, SHARED
from tests.fuzz.kit import check_formatted, check_validate, documents, ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL: dict[str, Any] = {
    "client_id": "portal",
    "client_name": "Portal",
    "redirect_uris": ["https://portal.example.org/cb"],
    "scope": ["openid"],
    "access_token_validity_seconds": 3600,
    "lifecycle": {"rotate_after": "180d"},
    "outputs": [{"template": "json", "path": "out/a.json", "values": {"a": 1}}],
}

FEW = settings(max_examples=150, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=20_000, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox("1.14") as running:
        yield running


@pytest.fixture(scope="module")
def root(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose state is made; its settings are in the environment."""
    project = make_project(tmp_path_factory.mktemp("fuzz") / "project", sandbox)
    (project.root / "clients.d").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in project.env.items():
            patch.setenv(name, value)
        yield project.root


def check(root: Path, file: str, text: str) -> None:
    path = root / file
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        if check_validate(str(root)):
            check_formatted(str(root))
            code, said = ended("-C", str(root), "plan")
            assert code in {0, 2, 3}, said
    finally:
        path.unlink()


@FEW
@given(documents(SMALL))
def test_a_small_definition(root: Path, text: str) -> None:
    check(root, "clients.d/portal.yaml", text)


@FEW
@given(documents(DEFINITION))
def test_a_definition_with_every_key(root: Path, text: str) -> None:
    check(root, "clients.d/portal.yaml", text)


@settings(FEW, max_examples=60)
@given(documents({"grant_types": ["authorization_code"], "owners": [], **SHARED}))
def test_defaults_of_a_folder(root: Path, text: str) -> None:
    path = root / "clients.d/other.yaml"
    path.write_text("client_id: other\nclient_name: Other\n", encoding="utf-8")
    check(root, "clients.d/_defaults.yaml", text)
    path.unlink()


@pytest.mark.live
@pytest.mark.timeout(3600)
@MANY
@given(documents(SMALL))
def test_many_small_definitions(root: Path, text: str) -> None:
    check(root, "clients.d/portal.yaml", text)


@pytest.mark.live
@pytest.mark.timeout(3600)
@MANY
@given(documents(DEFINITION))
def test_many_definitions_with_every_key(root: Path, text: str) -> None:
    check(root, "clients.d/portal.yaml", text)
