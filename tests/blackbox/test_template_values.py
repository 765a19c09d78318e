"""What apply refuses in an output, validate and plan refuse, too, with the key that is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

pytestmark = pytest.mark.usefixtures("one_renderer")

WRONG = {
    "a name that is not there": ("kubernetes-secret", {}, "name"),
    "a name misspelt": ("kubernetes-secret", {"name": "portal", "namespce": "prod"}, "namespce"),
    "a name that Kubernetes refuses": ("kubernetes-secret", {"name": "My_Secret"}, "My_Secret"),
    "a label that is no string": ("kubernetes-secret", {"name": "portal", "labels": {"tier": 1}}, "tier"),
    "a value for a template that takes none": ("json", {"prefix": "X_"}, "prefix"),
    "a space in a name of DIRAC": ("dirac-idprovider", {"name": "my provider"}, "name"),
    "a variable in Spring's YAML": ("spring-yml", {"id": "${HOME}"}, "id"),
    "no id for Spring": ("spring-yml", {}, "id"),
    "a prefix that is no name": ("dotenv", {"prefix": "1-"}, "prefix"),
    "a dot in an id of Spring": ("storm-webdav-yml", {"id": "a.b"}, "a.b"),
    "a line break behind a name": ("kubernetes-secret", {"name": "portal\n"}, "portal"),
    "a key of labels": ("kubernetes-secret", {"name": "portal", "labels": {"a b": "x"}}, "a b"),
    "a number for a name": ("diracx-cfg", {"vo": 7}, "quotes"),
    "one of two": ("interlink-installer", {"grant_type": "client_credential"}, "did you mean client_credentials?"),
    "a path with a space": ("htcondor-credmon-conf", {"provider": "wlcg", "secret_file": "/a b"}, "secret_file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_values_that_a_built_in_template_cannot_use(project: Project, what: str) -> None:
    template, values, key = WRONG[what]
    output: dict[str, Any] = {"template": template, "path": "out/portal", "values": values}
    project.define("team/portal", redirect_uris=["https://portal.example.org/cb"], scope=["openid"], outputs=[output])
    for command in ("validate", "plan"):
        said = project.iac(command)
        assert 1 == said.code, said.text
        assert key in said.err + said.out
        assert "clients.d/team/portal.yaml" in said.text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["client.clientid", "values.colour", "clinet.client_id", "client.client_uri"])
def test_a_misspelt_name_in_a_template(project: Project, name: str) -> None:
    project.write("templates/own.j2", f"id = {{{{ client.client_id }}}}\nother = {{{{ {name} }}}}\n")
    project.define("team/job", grant_types=["client_credentials"], outputs=[{"template": "own.j2", "path": "out/job"}])
    for command in ("validate", "plan"):
        said = project.iac(command)
        assert 1 == said.code, said.text
        assert "templates/own.j2:2" in said.text


def test_clients_without_names_have_no_keys_in_a_secret_of_kubernetes(project: Project) -> None:
    """An address has `/`, which Kubernetes refuses in a key: validate says so, and what to write instead."""
    for name in ("a", "b"):
        project.define(f"team/{name}", grant_types=["client_credentials"], scope=["openid"])
    text, output = project.read("iac.yaml"), {"template": "kubernetes-secret", "path": "out/s", "values": {"name": "s"}}
    project.write("iac.yaml", f"{text}outputs: {json.dumps([{**output, 'clients': ['team/a', 'team/b']}])}\n")
    for command in ("validate", "plan"):
        said = project.iac(command)
        assert 1 == said.code, said.text
        assert "clients: {portal: team/portal}" in said.text
    named = {"one": "team/a", "two": "team/b"}
    project.write("iac.yaml", f"{text}outputs: {json.dumps([{**output, 'clients': named}])}\n")
    project.done("validate")


NEEDED = {
    "a client of a name": ("rucio-idpsecrets", {"idp": "wlcg"}, "clients: {auth: ADDRESS, scim: ADDRESS}"),
    "a redirect URI": ("jupyterhub-env", {}, "the line is: OAUTH_CALLBACK_URL={{ client.redirect_uris | first"),
    "a secret": ("client-secret", {}, "has no `client_secret`: its token_endpoint_auth_method needs none"),
}


@pytest.mark.parametrize("what", NEEDED)
def test_what_a_built_in_template_needs_and_the_client_lacks(project: Project, what: str) -> None:
    template, values, part = NEEDED[what]
    output = {"template": template, "path": "out/a", "values": values}
    method = "client_secret_basic" if what == "a redirect URI" else "none"
    project.define("team/a", grant_types=["device_code"], token_endpoint_auth_method=method, outputs=[output])
    for command in ("validate", "plan"):
        said = project.iac(command)
        assert 1 == said.code, said.text
        assert f"clients.d/team/a.yaml:9:3: error: built-in {template}:" in said.text
        assert part in said.text


@pytest.mark.slow
def test_a_mistake_in_a_line_is_told_once_for_many_outputs_and_with_the_template_that_is_asked_about(
    project: Project,
) -> None:
    project.write("templates/part.j2", "{{ values.colour }}\n")
    project.write("templates/own.j2", "{% include 'part.j2' %}\n")
    for number in range(30):
        output = {"template": "own.j2", "path": f"out/{number}", "values": {"clour": "red"}}
        project.define(f"team/c{number:02}", grant_types=["client_credentials"], outputs=[output])
    told = project.iac("validate", "--format", "json").json()["diagnostics"]
    assert [("bad-output", "templates/part.j2:1")] * 30 == [(each["id"], each["where"]) for each in told]
    assert {"the line is: {{ values.colour }}"} == {each["why"] for each in told}
    said = project.iac("validate").out
    assert "did you mean `clour`?" in said
    assert 1 == said.count("bad-output")
    assert "the same at 29 more places" in said
    counts = {"templates": 30, "templates/part.j2": 30, "clients.d/team/c00.yaml": 1, "iac.yaml": 0}
    for path, count in counts.items():
        told = project.iac("validate", path, "--format", "json").json()["diagnostics"]
        assert count == len(told), path


@pytest.mark.slow
def test_a_template_that_only_one_environment_can_render(project: Project) -> None:
    project.write("templates/own.j2", "{% if environment == 'prod' %}{{ client.client_uri }}{% endif %}\n")
    project.define("team/job", grant_types=["client_credentials"], outputs=[{"template": "own.j2", "path": "out/job"}])
    assert 0 == project.iac("validate").code
    state = "state: {backend: file, path: %s.json}"
    others = ", ".join(f"{name}: {{{state % name}}}" for name in ("dev", "prod"))
    project.edit("iac.yaml", "\nstate:", f"\nenvironments: {{{others}}}\nstate:")
    text = project.read("iac.yaml")
    project.write("iac.yaml", "".join(line for line in text.splitlines(keepends=True) if "lineage" not in line))
    said = project.iac("validate")
    assert 1 == said.code
    assert "templates/own.j2:1: client team/job has no `client_uri`" in said.text
    assert 0 == project.iac("--env", "dev", "validate").code


def test_nothing_is_sent_when_one_output_cannot_be_rendered(project: Project) -> None:
    project.write("templates/own.j2", "{{ client.clientid }}\n")
    project.define("team/bad", grant_types=["client_credentials"], outputs=[{"template": "own.j2", "path": "out/bad"}])
    project.define("team/good", grant_types=["client_credentials"], outputs=[{"template": "json", "path": "out/good"}])
    said = project.apply()
    assert 1 == said.code
    assert "client team/bad has no `clientid`; did you mean `client_id`?" in said.text
    assert {} == project.state()["clients"]
    assert not (project.root / "out").exists()


def test_every_mistake_of_a_plan_is_told_at_once(project: Project) -> None:
    project.write("templates/own.j2", "{{ client.clientid }}\n")
    project.write("templates/none.j2", "{{ x | jsn }}\n")
    outputs = [{"template": name, "path": f"out/{name}"} for name in ("own.j2", "none.j2", "client-secret")]
    project.define("team/a", grant_types=["device_code"], token_endpoint_auth_method="none", outputs=outputs)
    told = project.iac("plan", "--format", "json")
    assert 1 == told.code
    for part in ("clientid", "filter `jsn`", "client_secret"):
        assert part in told.out
