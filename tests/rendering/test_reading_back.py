"""Credentials are found in files of every format, where the template put them, or nobody says that they were."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from iac.core.desired import OutputSpec
from iac.core.errors import Location
from iac.core.secret import Secret
from iac.rendering.content import ContentMismatch, FileCredentials, MalformedContent, output_format, read_credentials
from iac.rendering.context import Credentials
from iac.rendering.engine import render
from iac.rendering.renderer import Renderer
from iac.rendering.template import Template, load_templates
from iac.services import Format
from tests.every import every
from tests.rendering.given import FACTS
from tests.services.project import ROOT, desired

SECRET = "Kj3-_sEcReT0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True)
class Made:
    """A template with its output and clients."""

    template: Template
    spec: OutputSpec
    clients: dict[str, Credentials]

    def written(self) -> bytes:
        return render(self.template, self.spec, self.clients, FACTS)

    def read(self, content: bytes | None = None) -> dict[str, FileCredentials]:
        given = self.written() if content is None else content
        return read_credentials(given, self.template, self.spec, self.clients, FACTS)


def made(text: str, path: str, clients: tuple[str, ...] = ("a",), *, secret: str | None = SECRET) -> Made:
    spec = OutputSpec("x.j2", path, clients, Location("iac.yaml"), names=clients if len(clients) > 1 else ())
    given = {
        address: Credentials(address, f"id-{address}", {}, None if secret is None else Secret(f"{secret}{address}"))
        for address in clients
    }
    return Made(Template("x.j2", text, {"x.j2": text}), spec, given)


def values(found: dict[str, FileCredentials]) -> dict[str, tuple[str | None, str | None]]:
    return {
        at: (seen.client_id, seen.client_secret.reveal() if seen.client_secret else None) for at, seen in found.items()
    }


FORMATS = [
    ('{"id": {{ client.client_id | json }}, "n": [1, {{ client.client_secret | json }}]}', "out/x.json", "json"),
    ("a:\n  id: {{ client.client_id | yaml }}\n  key: {{ client.client_secret | yaml }}\n", "out/x.yml", "yaml"),
    (
        "d: {i: {{ client.client_id | base64 | yaml }}, k: {{ client.client_secret | base64 | yaml }}}",
        "out/x.yaml",
        "yaml",
    ),
    ("[s]\nClientId = {{ client.client_id | ini }}\nkey = {{ client.client_secret | ini }}\n", "out/x.ini", "ini"),
    ("export ID={{ client.client_id | dotenv }}\n# c\nKEY={{ client.client_secret | dotenv }}\n", "out/.env", "dotenv"),
    ('URL="https://{{ client.client_id }}:{{ client.client_secret }}@db/"\n', "out/x.env", "dotenv"),
    ("Id {{ client.client_id | apache }}\nKey {{ client.client_secret | apache }}\n", "out/x.conf", "text"),
    ("{{ client.client_id }} {{ client.client_secret }}\n{{ client.client_secret }}", "out/twice", "text"),
    ("# {{ client.client_secret }}\nID={{ client.client_id }}\n", "out/comment.env", "text"),
    ("a = {{ client.client_id }}\nb = {{ client.client_secret }}\n", "out/no-section.ini", "text"),
]


@every("text, path, how", FORMATS)
def test_both_are_read_as_the_format_says(text: str, path: str, how: str) -> None:
    found = made(text, path).read()

    assert {"a": ("id-a", f"{SECRET}a")} == values(found)
    assert how == found["a"].format


def test_several_clients_of_a_file_are_told_apart() -> None:
    each = '"{{ name }}": [{{ c.client_id | json }}, {{ c.client_secret | json }}],'
    text = f'{{ {{% for name, c in clients.items() %}}{each}{{% endfor %}} "z": 1}}'

    found = made(text, "out/x.json", ("a", "b")).read()

    assert {"a": ("id-a", f"{SECRET}a"), "b": ("id-b", f"{SECRET}b")} == values(found)


def test_what_the_template_does_not_put_there_is_not_found() -> None:
    assert {"a": ("id-a", None)} == values(made("id = {{ client.client_id }}\n", "out/x", secret=None).read())
    assert {"a": ("id-a", None)} == values(made("id: {{ client.client_id }}\n", "out/x.yaml").read())
    assert {"a": (None, None)} == values(made("hello\n", "out/x").read())


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_quoted_secret_is_read_as_its_service_reads_it(form: str) -> None:
    odd = "p\"\\ä: #' x"
    found = made(f'{{"key": {{{{ client.client_secret | {form} }}}}}}', f"out/x.{form}", secret=odd).read()
    assert f"{odd}a" == values(found)["a"][1]


KEY = '{"key": {{ client.client_secret | json }}}'


@every(
    "path, text, content, why",
    [
        ("out/x.json", KEY, b'{"key": ', "this is not a file in the format json"),
        ("out/x.json", KEY, b"{}", "it has no key"),
        ("out/x.json", KEY, b'{"key": ""}', "key is not as"),
        ("out/x.json", '{"key": "Bearer {{ client.client_secret }}"}', b'{"key": "Basic x"}', "key is not as"),
        ("out/x.json", '{"key": {{ client.client_secret | base64 | json }}}', b'{"key": "!"}', "not base64"),
        ("out/x.conf", "key {{ client.client_secret }}\n", b"key a b\nmore\n", "not as its template"),
        ("out/x.conf", "key {{ client.client_secret }}\n", b"key \xff\n", "not text in UTF-8"),
    ],
)
def test_a_file_that_was_changed_is_called_so(path: str, text: str, content: bytes, why: str) -> None:
    with pytest.raises(ContentMismatch, match=why):
        made(text, path).read(content)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("out/x.json", '{"basic": {{ (client.client_id ~ ":" ~ client.client_secret) | base64 | json }}}'),
        ("out/x", "length {{ client.client_secret | replace('iac', '') | upper }}"),
        ("out/x", "key {{ client.client_secret | base64 }}"),
    ],
)
def test_what_cannot_be_read_back_is_said_and_not_guessed(path: str, text: str) -> None:
    with pytest.raises(MalformedContent, match="cannot be read back"):
        made(text, path).read()


def test_a_value_that_could_be_quoted_is_not_read_from_text() -> None:
    with pytest.raises(MalformedContent):
        made("Key {{ client.client_secret | apache }}\n", "out/x.conf", secret='quo"ted').read()


def test_each_output_of_the_demo_project_is_read_back() -> None:
    project = desired()
    for spec in project.outputs:
        template = load_templates(ROOT, [spec.template], Renderer().references)[spec.template]
        clients = {
            at: Credentials(at, project.clients[at].client_id, project.clients[at].fields, Secret(f"{SECRET}{number}"))
            for number, at in enumerate(spec.clients)
        }
        for at, seen in Made(template, spec, clients).read().items():
            assert seen.client_id in {None, clients[at].client_id}
            assert seen.client_secret is None or seen.client_secret == clients[at].secret


@pytest.mark.parametrize(
    ("template", "path", "form"),
    [
        ("kubernetes-secret", "out/secret", Format.KUBERNETES),
        ("dotenv", "out/x.conf", Format.DOTENV),
        ("x.j2", "out/.env", Format.DOTENV),
        ("x.j2", "out/x.YAML", None),
        ("x.j2", "out/dirac.cfg", None),
    ],
)
def test_the_format_follows_from_the_template_or_the_ending(template: str, path: str, form: Format | None) -> None:
    assert form is output_format(OutputSpec(template, path, ("a",), Location("iac.yaml")))
