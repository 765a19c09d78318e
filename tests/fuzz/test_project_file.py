"""Any iac.yaml is valid, or told with the places of its mistakes, and hides no mistake of a definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.config.everything import PROJECTS
from tests.config.given import CLIENT
from tests.fuzz.kit import check_formatted, check_validate, documents, ended

if TYPE_CHECKING:
    from pathlib import Path

SMALL: dict[str, Any] = {
    "project": "demo",
    "issuer": "https://iam.example.org/",
    "provider": "iam-admin",
    "auth": {"method": "client_credentials", "client_id": {"env": "A"}, "client_secret": {"env": "B"}},
    "state": {"path": ".iac/state.json", "encryption": "none"},
    "outputs": [{"template": "json", "path": "out/a.json", "clients": ["portal"]}],
    "environments": {"dev": {"clients": ["*"]}, "prod": {"state": {"path": ".iac/prod.json"}}},
}

ANY = st.sampled_from([SMALL, SMALL, *PROJECTS]).flatmap(documents)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz")
    (root / "clients.d").mkdir()
    (root / "clients.d/portal.yaml").write_text(CLIENT, encoding="utf-8")
    (root / "base").mkdir()
    return root


def check(root: Path, text: str) -> None:
    (root / "iac.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    if check_validate(str(root)):
        check_formatted(str(root))


@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(ANY)
def test_an_iac_yaml(root: Path, text: str) -> None:
    check(root, text)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(documents(SMALL), documents(SMALL))
def test_settings_from_another_iac_yaml(root: Path, own: str, base: str) -> None:
    (root / "iac.yaml").write_bytes(own.encode("utf-8", "surrogatepass"))
    (root / "base/iac.yaml").write_bytes(base.encode("utf-8", "surrogatepass"))
    code, said = ended("-C", str(root), "validate", "--settings-from", "base/iac.yaml")
    assert code in {0, 1}, said


@pytest.mark.live
@pytest.mark.timeout(3600)
@settings(max_examples=20_000, suppress_health_check=list(HealthCheck))
@given(ANY)
def test_many_iac_yamls(root: Path, text: str) -> None:
    check(root, text)
