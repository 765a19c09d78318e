"""One project, two servers: what an environment overrides and selects, and that nothing of one reaches the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import Sandbox, start_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.project import Project


@pytest.fixture
def flavour() -> str:
    return "1.14"


@pytest.fixture
def dev_server() -> Iterator[Sandbox]:
    with start_sandbox("1.12") as running:
        yield running


@pytest.fixture
def both(project: Project, dev_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Environments `prod`, on the project's own server, and `dev`, on another with a login of its own."""
    monkeypatch.setenv("DEV_ID", "admin-client-rw")
    monkeypatch.setenv("DEV_SECRET", "secret")
    text = "\n".join(line for line in project.read("iac.yaml").splitlines() if "lineage" not in line)
    project.write("iac.yaml", text.replace("  path: .iac/state.json\n", ""))
    login = "{method: client_credentials, client_id: {env: DEV_ID}, client_secret: {env: DEV_SECRET}}"
    project.write(
        "iac.yaml",
        f"""{project.read("iac.yaml")}
defaults: {{contacts: [ops@example.org]}}
outputs: [{{template: json, path: out/all.json, clients: [team/portal]}}]
environments:
  prod: {{clients: [team/*]}}
  dev:
    issuer: {dev_server.issuer}
    auth: {login}
    clients: ["*"]
    defaults: {{contacts+: [dev@example.org]}}
    outputs: [{{template: json, path: out/dev/all.json, clients: [team/portal, lab]}}]
""",
    )
    project.write("clients.d/team/_defaults.yaml", "scope: [openid]\ncontacts+: [team@example.org]\n")
    project.define(
        "team/portal",
        redirect_uris=["https://portal.example.org/cb"],
        outputs=[{"template": "dotenv", "path": "out/portal.env"}],
        environments={
            "dev": {
                "client_id": "portal-of-dev",
                "redirect_uris+": ["https://dev.example.org/cb"],
                "scope+": ["profile"],
                "outputs": [{"template": "dotenv", "path": "out/dev/portal.env"}],
            }
        },
    )
    project.define("lab", grant_types=["client_credentials"])
    for name in ("prod", "dev"):
        assert project.iac("--env", name, "state", "init").code == 0
    return project


def test_each_environment_is_applied_to_its_server_as_it_says(both: Project, dev_server: Sandbox) -> None:
    assert both.iac("validate").out == "2 definitions, 2 environments: valid\n"
    prod_before = len(list(both.sandbox.iam.world.store.clients()))
    said = both.iac("--env", "dev", "apply", "--auto-approve")
    assert said.code == 0, said.err
    assert prod_before == len(list(both.sandbox.iam.world.store.clients()))
    assert both.iac("--env", "prod", "apply", "--auto-approve").code == 0
    prod, dev = both.registered("team-portal"), dev_server.iam.world.store.find("portal-of-dev")
    assert dev is not None
    assert (("https://portal.example.org/cb",), ("openid",)) == (prod.redirect_uris, prod.scope)
    assert {"https://portal.example.org/cb", "https://dev.example.org/cb"} == set(dev.redirect_uris)
    assert {"openid", "profile"} == set(dev.scope)
    assert {"ops@example.org", "team@example.org"} == set(prod.contacts)
    assert {"ops@example.org", "dev@example.org", "team@example.org"} == set(dev.contacts)
    lab = dev_server.iam.world.store.find("lab")
    assert lab is not None
    assert {"ops@example.org", "dev@example.org"} == set(lab.contacts)
    assert both.sandbox.iam.world.store.find("lab") is None
    assert both.sandbox.iam.world.store.find("portal-of-dev") is None
    for name in ("prod", "dev"):
        assert both.iac("--env", name, "plan", "--detailed-exitcode").code == 0
        assert both.iac("--env", name, "render", "--check").code == 0
    assert {"all.json", "portal.env", "dev"} == {path.name for path in (both.root / "out").iterdir()}
    assert {"all.json", "portal.env"} == {path.name for path in (both.root / "out/dev").iterdir()}


def test_the_state_of_one_environment_is_refused_by_the_other(both: Project) -> None:
    states = both.root / ".iac"
    dev = (states / "dev.state.json").read_bytes()
    (states / "prod.state.json").write_bytes(dev)
    said = both.iac("--env", "prod", "plan")
    assert said.code == 1
    assert "fix:" in said.err


def test_a_mistake_of_one_environment_alone_is_found_for_all(both: Project) -> None:
    both.edit("clients.d/team/portal.yaml", "https://dev.example.org/cb", "dev.example.org/cb")
    assert both.iac("validate").code == 1
    assert both.iac("--env", "dev", "plan").code == 1
    assert both.iac("--env", "prod", "plan").code == 0
