"""What a template reads of a client is found in its text: never too little, and for usual templates not too much."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from iac.core.model import FIELDS, Kind
from iac.core.secret import Secret
from iac.rendering import answer as process
from iac.rendering.context import Credentials, dummy_key
from iac.rendering.engine import render
from iac.rendering.reads import entries_read
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.services import services, template_files
from tests.every import every
from tests.rendering.given import FACTS, output, template

if TYPE_CHECKING:
    import pytest

    from iac.core.desired import OutputSpec
    from iac.rendering.template import Template

FOUND = {
    "{{ client.client_id }}{{ client['scope'] | join(':') }}": "client_id scope",
    "{% if client.client_uri is defined %}x{% endif %}": "client_uri",
    "{% for name, one in clients.items() %}{{ one.client_id }}{% endfor %}": "client_id",
    "{% for name, one in clients | dictsort %}{{ one.client_id }}{% endfor %}": "client_id",
    "{% for one in clients.values() %}{{ one.client_secret }}{% endfor %}": "client_secret",
    "{% for name in clients %}{{ clients[name].client_id }}{% endfor %}": "client_id",
    "{% for one in clients.values() | sort(attribute='tos_uri') %}{{ one.client_id }}{% endfor %}": "client_id tos_uri",
    "{{ clients.values() | map(attribute='client_name') | join(',') }}": "client_name",
    "{{ (clients.values() | selectattr('contacts') | list | first).client_id }}": "client_id contacts",
    "{{ clients | length }}{{ clients | list | join }}{{ ('client' in clients) | json }}": "",
    "{% if client is defined %}{{ client.client_id }}{% else %}{{ clients.a.client_id }}{% endif %}": "client_id",
    "{% set one = clients.client %}{{ one.client_id }}": "client_id",
    "{% with one = client %}{{ one.client_id }}{% endwith %}": "client_id",
    "{{ (client if client is defined else clients.a).client_id }}": "client_id",
    "{% macro m(a, b) %}{{ a }}{{ b.scope | json }}{% endmacro %}{{ m(1, client) }}{{ m(1, b=client) }}": "scope",
    "{% macro m(a=client) %}{{ a.scope | json }}{% endmacro %}{{ m() }}": "scope",
    "{% import 'lib.j2' as lib %}{{ lib.show(client) }}": "client_description client_id",
    "{% from 'lib.j2' import show as it with context %}{{ it(client) }}": "client_description client_id",
    "{% from 'lib.j2' import whom with context %}{{ whom.scope | json }}": "client_description client_id scope",
    "{% import 'lib.j2' as lib with context %}{{ lib.whom.scope | json }}": "client_description client_id scope",
    "{% include 'part.j2' %}": "client_id",
    "{% extends 'base.j2' %}{% block b %}{{ client.scope | json }}{% endblock %}": "client_id scope",
    "{{ client.private_key.pem }}": "private_key",
    "{{ values | json }}{{ values.client_uri }}": "client_uri",
    "{% filter upper %}{{ client.client_id }}{% endfilter %}": "client_id",
}
OTHERS = {
    "lib": "{% set whom = client %}{% macro show(c) %}{{ c.client_id }}{% endmacro %}"
    "{% if client is defined %}{{ client.client_description }}{% endif %}",
    "part": "{{ client.client_id }}",
    "base": "{{ client.client_id }}{% block b %}{% endblock %}",
}
ALL = [
    "{{ client | json }}",
    "{{ client }}",
    "{{ client.items() | json }}",
    "{% for entry in client %}{{ entry }}{% endfor %}",
    "{{ client[values.a] }}",
    "{{ client.get('scope') }}",
    "{{ clients | json }}",
    "{{ clients.values() | list | json }}",
    "{{ clients.values() | map(attribute=values.a) | join }}",
    "{{ clients.values() | map('json') | join }}",
    "{{ clients.values() | sort(values.a) | length }}",
    "{{ clients.items() | list }}",
    "{% for pair in clients.items() %}{{ pair[1].scope }}{% endfor %}",
    "{% for a in clients.values() %}{{ loop.previtem.scope }}{% endfor %}",
    "{% set it = [client] %}{{ it[0].scope }}",
    "{% set it = {'a': client} %}{{ it.a.scope }}",
    "{% set ns = namespace(a=1) %}{% set ns.a = client %}{{ ns.a.scope }}",
    "{% set ns = namespace(a=client) %}{{ ns.a.scope }}",
    "{{ dict(a=client).a.scope }}",
    "{% macro m() %}{{ varargs[0].scope }}{% endmacro %}{{ m(client) }}",
    "{% macro m() %}{{ kwargs.a.scope }}{% endmacro %}{{ m(a=client) }}",
    "{% macro m(c) %}{{ c | json }}{% endmacro %}{{ m(client) }}",
    "{% macro m() %}{{ caller(client) }}{% endmacro %}{% call(c) m() %}{{ c.scope }}{% endcall %}",
    "{% macro dict(c) %}{% endmacro %}{{ dict(c=client) | json }}",
    "{% macro m(c) %}{% endmacro %}{% set m = values %}{{ m(client) }}",
    "{{ '{0.scope}'.format(client) }}",
    "{{ client ~ '' }}",
    "{{ client == clients.a }}",
    "{{ client.scope is eq client }}",
    "{{ (client or clients.a).scope }}",
    "{{ (client if values.a else 'x') | json }}",
    "{{ client | default('x') }}",
    "{% set a, b = clients.values() %}{{ a.scope }}",
    "{% set client = clients %}",
    "{{ clients.values()[0].scope }}{{ clients['a':].scope }}",
    f"{{{{ client.scope{' + client.scope' * 500} }}}}",
]


def with_others(text: str) -> Template:
    return template(text, **{name: other for name, other in OTHERS.items() if f"{name}.j2" in text})


@every("text", FOUND)
def test_what_is_read_is_found(text: str) -> None:
    found = entries_read(with_others(text))
    assert found is not None
    known = {*FIELDS, "client_id", "client_secret", "private_key"}
    assert set(FOUND[text].split()) == found & known


@every("text", ALL)
def test_where_it_cannot_be_told_everything_is_read(text: str) -> None:
    assert entries_read(template(text)) is None


VALUES: dict[Kind, tuple[Any, Any]] = {
    Kind.SET: (("a", "b"), ("c",)),
    Kind.TEXT: ("one", "other"),
}


def whole(kid: str = "k1") -> Credentials:
    """A client with every field."""
    fields: dict[str, Any] = {name: VALUES.get(field.kind, (1, 2))[0] for name, field in FIELDS.items()}
    return Credentials("wlcg/app", "app", fields, Secret("s3cret"), dummy_key(kid, "x"))


def others(read: frozenset[str]) -> list[Credentials]:
    """The client, each time with one thing changed that is not read."""
    client = whole()
    changed = [
        replace(client, fields={**client.fields, name: VALUES.get(field.kind, (1, 2))[1]})
        for name, field in FIELDS.items()
        if name not in read
    ]
    changed += [replace(client, client_id="other")] if "client_id" not in read else []
    changed += [replace(client, secret=Secret("0ther"))] if "client_secret" not in read else []
    return [*changed, *([whole("k2")] if "private_key" not in read else [])]


def built_in(name: str) -> tuple[Template, OutputSpec]:
    """A built-in template and an output of it, with all clients that it needs."""
    file = next(file for service in services().values() for file in service.files if file.template == name)
    values = dict.fromkeys(file.values, "a") | ({"name": "a"} if name == "fts3-token-provider" else {})
    names = file.clients if len(file.clients) > 1 else ()
    spec = output(name, ("wlcg/app",) * max(1, len(names)), names, values)
    return load_templates(Path(), [name], Renderer().references)[name], spec


@every("name", template_files())
def test_what_a_built_in_template_does_not_read_changes_nothing_in_its_file(name: str) -> None:
    given, spec = built_in(name)
    read = entries_read(given)
    assert read is not None
    expected = render(given, spec, {"wlcg/app": whole()}, FACTS)
    assert all(expected == render(given, spec, {"wlcg/app": client}, FACTS) for client in others(read))


@every("text", FOUND)
def test_what_is_not_found_changes_nothing_in_the_file(text: str) -> None:
    given = with_others(text)
    spec = output(clients=("wlcg/app", "wlcg/app"), names=("client", "a"), values={"client_uri": "x"})
    spec = output(values={"client_uri": "x"}) if "client is" not in text and ".a." not in text else spec
    read = entries_read(given)
    assert read is not None
    expected = render(given, spec, {"wlcg/app": whole()}, FACTS)
    assert all(expected == render(given, spec, {"wlcg/app": client}, FACTS) for client in others(read))


def test_a_template_of_the_project_is_looked_at_by_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Here:
        def ask(self, question: bytes, **_: object) -> bytes:
            return process.answer(question)

        def close(self) -> None:
            pass

    for renderer in (Renderer(), Renderer()):
        assert frozenset({"client_id"}) == renderer.entries(template("{{ client.client_id }}"))
        assert renderer.entries(template("{{ client | json }}")) is None
        monkeypatch.setattr("iac.process.Worker", lambda *_, **__: Here())
