"""Settings from the base: what a pull request changes of them is said and not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.config.definitions import load_environment, validate_project
from iac.config.project import WANTED, WANTED_OF_ENVIRONMENT, load_project, with_base
from iac.config.schema import load_schema
from iac.core.errors import InputError, InvalidInput, Severity
from tests.config.given import CLIENT, PROJECT, write
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

    from iac.config.project import Project

DEFINITION = {"clients.d/wlcg/app.yaml": CLIENT}
EVIL = PROJECT.replace("https://iam.example.org/", "https://evil.example.net/")


def projects(tmp_path: Path, head: str, base: str = PROJECT) -> tuple[Path, Path]:
    """The folder of a pull request, and the iac.yaml of its base."""
    write(tmp_path / "base", {"iac.yaml": base})
    return write(tmp_path / "head", {"iac.yaml": head, **DEFINITION}), tmp_path / "base/iac.yaml"


def merged(tmp_path: Path, head: str, base: str = PROJECT) -> Project:
    root, file = projects(tmp_path, head, base)
    return with_base(load_project(root), file)


def changed(project: Project) -> list[str]:
    return [each.summary for each in project.changed]


def test_an_issuer_of_the_pull_request_is_not_used_and_said_where_it_stands(tmp_path: Path) -> None:
    project = merged(tmp_path, EVIL)
    assert "https://iam.example.org/" == project.settings().issuer
    (found,) = project.changed
    assert "issuer is https://evil.example.net/ here and https://iam.example.org/ in the base" == found.summary
    assert ("settings-changed", Severity.WARNING) == (found.id, found.severity)
    line = next(number for number, text in enumerate(EVIL.splitlines(), 1) if text.startswith("issuer"))
    assert ("iac.yaml", line) == (found.location and found.location.file, found.location and found.location.line)


@every(
    "change",
    [
        "limits: {max_deletes: null}",
        "policy: {redirect-uri-other-domain: 'off'}",
        "lifetime_bounds: {access_token_validity_seconds: {max: 999999}}",
        "server_defaults: {access_token_validity_seconds: 1}",
        "state: {backend: git, repository: 'https://evil.example.net/state.git'}",
        "state: {encryption: {recipients: [ssh-ed25519 AAAA]}}",
        "sinks: {cluster: {kind: kubernetes, kubeconfig: evil.yaml, context: evil}}",
        "parallelism: 64",
        "timeout: 600",
        "scopes: [anything]",
    ],
)
def test_a_setting_that_is_added_is_said_and_not_used(tmp_path: Path, change: str) -> None:
    key = change.partition(":")[0]
    kept = "".join(f"{line}\n" for line in PROJECT.splitlines() if line.partition(":")[0] != key)
    project = merged(tmp_path, f"{kept}{change}\n")
    assert load_project(tmp_path / "base").settings() == project.settings()
    assert changed(project)
    assert all(text.startswith(key) for text in changed(project))


def test_a_setting_that_is_taken_out_is_said_and_used(tmp_path: Path) -> None:
    project = merged(tmp_path, PROJECT, PROJECT + "limits: {max_deletes: 0}\n")
    assert 0 == project.settings().limits.max_deletes
    assert ["limits.max_deletes is not set here and 0 in the base"] == changed(project)


def test_what_is_wanted_is_the_pull_request_s(tmp_path: Path) -> None:
    project = merged(tmp_path, PROJECT + "defaults: {contacts: [a@example.org]}\n")
    desired, _, warnings = load_environment(project)
    assert ("a@example.org",) == desired.clients["wlcg/app"].fields["contacts"]
    assert [] == warnings


def test_an_environment_has_the_base_s_settings_and_the_pull_request_s_wishes(tmp_path: Path) -> None:
    base = PROJECT + "environments: {dev: {issuer: 'https://dev.example.org/'}, prod: }\n"
    head = PROJECT + (
        "environments: {prod: , new: , dev: {issuer: 'https://evil.example.net/',"
        " defaults: {contacts: [b@example.org]}}}\n"
    )
    project = merged(tmp_path, head, base)
    assert ["dev", "prod"] == list(project.environments)
    assert "https://dev.example.org/" == project.settings("dev").issuer
    desired, _, _ = load_environment(project, "dev")
    assert ("b@example.org",) == desired.clients["wlcg/app"].fields["contacts"]
    assert [
        "environments.new is set here and not set in the base",
        "environments.dev.issuer is https://evil.example.net/ here and https://dev.example.org/ in the base",
    ] == changed(project)


def test_a_definition_may_speak_of_an_environment_that_comes_with_it(tmp_path: Path) -> None:
    root, file = projects(tmp_path, PROJECT + "environments: {new: }\n")
    (root / "clients.d/wlcg/app.yaml").write_text(CLIENT + "environments: {new: {contacts: [a@example.org]}}\n")
    assert validate_project(root, base=file).is_valid
    assert ("default",) == validate_project(root, base=file).environments


def test_files_that_settings_name_are_those_of_the_base(tmp_path: Path) -> None:
    auth = "auth: {method: token, token: {file: token}}\n"
    kept = "".join(f"{line}\n" for line in PROJECT.splitlines() if not line.startswith("auth:"))
    project = merged(tmp_path, kept + auth, kept + auth)
    assert tmp_path / "base" == project.settings().root
    assert tmp_path / "head" == project.root


def test_the_base_s_policy_judges_and_can_refuse_every_change_of_settings(tmp_path: Path) -> None:
    strict = PROJECT + "policy: {settings-changed: error}\n"
    root, file = projects(tmp_path, EVIL + "policy: {settings-changed: 'off'}\n", strict)
    found = validate_project(root, base=file)
    assert not found.is_valid
    assert {"settings-changed"} == {each.id for each in found.diagnostics}
    with pytest.raises(InvalidInput):
        load_environment(with_base(load_project(root), file))


def test_validate_takes_severities_from_the_base(tmp_path: Path) -> None:
    grants = CLIENT + "grant_types: [authorization_code, password]\n"
    root, file = projects(tmp_path, PROJECT + "policy: {password-grant: 'off'}\n")
    (root / "clients.d/wlcg/app.yaml").write_text(grants)
    assert validate_project(root).is_valid
    assert "password-grant" in {each.id for each in validate_project(root, base=file).diagnostics}


@pytest.mark.parametrize("name", ["iac.yaml", "other.yaml"])
def test_a_base_without_settings_says_what_to_do(tmp_path: Path, name: str) -> None:
    root = write(tmp_path / "head", {"iac.yaml": PROJECT, **DEFINITION})
    with pytest.raises(InputError, match="there are no settings to take") as raised:
        with_base(load_project(root), tmp_path / name)
    assert "merge one by itself first" in raised.value.fix


def test_mistakes_of_the_base_are_told_with_its_path(tmp_path: Path) -> None:
    root, file = projects(tmp_path, PROJECT, "project: [\n")
    with pytest.raises(InvalidInput) as raised:
        with_base(load_project(root), file)
    assert {str(file)} == {each.location.file for each in raised.value.diagnostics if each.location}


def test_an_iac_yaml_that_is_a_link_out_of_the_project_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary: [\n")
    root = write(tmp_path / "head", DEFINITION)
    (root / "iac.yaml").unlink()
    (root / "iac.yaml").symlink_to("../secret")
    found = validate_project(root).diagnostics
    assert ["outside-project"] == [each.id for each in found]
    assert "canary" not in str(found)


def test_each_key_that_says_what_is_wanted_is_a_key_of_iac_yaml() -> None:
    properties = load_schema("project")["properties"]
    assert set(properties) > WANTED
    assert {"project", "issuer", "provider", "auth", "state", "limits", "policy"} <= set(properties) - WANTED
    assert {"issuer", "auth", "state"}.isdisjoint(WANTED_OF_ENVIRONMENT)


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    project = merged(tmp_path, PROJECT + f"scopes: [{'s' * 500}]\n")
    assert all(len(text) < 250 for text in changed(project))
