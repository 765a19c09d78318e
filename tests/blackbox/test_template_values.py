"""What apply refuses in an output, validate and plan refuse, too, with the key that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

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


@pytest.mark.parametrize("name", ["client.clientid", "values.colour", "clinet.client_id", "client.client_uri"])
def test_a_misspelt_name_in_a_template(project: Project, name: str) -> None:
    project.write("templates/own.j2", f"id = {{{{ client.client_id }}}}\nother = {{{{ {name} }}}}\n")
    project.define("team/job", grant_types=["client_credentials"], outputs=[{"template": "own.j2", "path": "out/job"}])
    for command in ("validate", "plan"):
        said = project.iac(command)
        assert 1 == said.code, said.text
        assert "templates/own.j2:2" in said.text
