"""The issuer in outputs is the server's own, to the character: readers of tokens compare it so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import Project, bent, with_members

if TYPE_CHECKING:
    from iac.sandbox.message import Request, Response
    from iac.sandbox.server import Sandbox

OTHER = "https://old.example.org/"
TEMPLATES = {
    "dotenv": {},
    "json": {},
    "yaml": {},
    "spring-yml": {"id": "iam"},
    "htvault-issuer": {"name": "iam"},
    "own.j2": {},
}


@pytest.fixture
def slashless(project: Project, sandbox: Sandbox) -> Project:
    """A project whose iac.yaml spells the issuer without its final slash."""
    project.edit("iac.yaml", sandbox.issuer, sandbox.url)
    project.write("templates/own.j2", "issuer = {{ issuer }}, {{ client.issuer }}\n")
    project.define(
        "team/portal",
        redirect_uris=["https://portal.example.org/cb"],
        scope=["openid"],
        outputs=[{"template": name, "path": f"out/{name}", "values": values} for name, values in TEMPLATES.items()],
    )
    return project


def spelt(text: str, sandbox: Sandbox) -> tuple[int, int]:
    """How often the issuer's address is in a text, and how often as the server says it."""
    return text.count(sandbox.url), text.count(sandbox.issuer)


@pytest.mark.parametrize("template", TEMPLATES)
def test_outputs_carry_the_issuer_of_discovery(slashless: Project, sandbox: Sandbox, template: str) -> None:
    slashless.done("apply", "--auto-approve")
    everywhere, right = spelt(slashless.read(f"out/{template}"), sandbox)
    assert everywhere
    assert everywhere == right


def test_render_knows_the_issuer_without_asking_the_server(slashless: Project, sandbox: Sandbox) -> None:
    slashless.done("apply", "--auto-approve")
    (slashless.root / "out/json").unlink()
    slashless.done("render")
    assert sandbox.issuer == slashless.json_file("out/json")["issuer"]


def test_a_slash_that_the_server_does_not_have_is_left_out(project: Project, sandbox: Sandbox) -> None:
    def answer(request: Request, straight: object) -> Response:
        response: Response = straight()  # type: ignore[operator]
        if request.path == "/.well-known/openid-configuration":
            return with_members(response, issuer=sandbox.url)
        return response

    project.define(
        "team/job", grant_types=["client_credentials"], outputs=[{"template": "json", "path": "out/job.json"}]
    )
    with bent(sandbox, answer):
        project.done("apply", "--auto-approve")
    assert sandbox.url == project.json_file("out/job.json")["issuer"]


def test_doctor_names_an_issuer_that_is_spelt_otherwise(slashless: Project, sandbox: Sandbox) -> None:
    slashless.done("apply", "--auto-approve")
    checks = slashless.iac("doctor", "--format", "json").json()["checks"]
    assert [check for check in checks if check["verdict"] != "ok" and sandbox.issuer in check["says"] + check["fix"]]


def test_the_fix_about_the_pin_keeps_every_environment_usable(project: Project, sandbox: Sandbox) -> None:
    place = re.compile("  (lineage|path): .*\n")
    environments = f"environments: {{old: {{issuer: {OTHER}}}, new: {{}}}}\n"
    project.write("iac.yaml", place.sub("", project.read("iac.yaml")) + environments)
    (project.root / ".iac/state.json").unlink()
    project.done("--env", "new", "state", "init")
    project.define("team/job", grant_types=["client_credentials"])
    pin = f"old={OTHER} new={sandbox.issuer}"
    assert f"export IAC_ISSUER='{pin}'" in project.iac("--env", "new", "doctor").out
    refused = project.iac("--env", "new", "plan", env={"IAC_ISSUER": OTHER})
    assert (6, True) == (refused.code, f"export IAC_ISSUER='{pin}'" in refused.err), refused.err
    project.done("--env", "new", "plan", env={"IAC_ISSUER": pin})
