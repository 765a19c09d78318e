from __future__ import annotations

import traceback

import pytest

from iac.core.errors import RenderError
from iac.core.limits import OUTPUT_BYTES
from iac.core.model import AUTH_METHODS, FIELDS, Kind
from iac.core.secret import Secret
from iac.rendering.context import Credentials, Record, dummy_credentials
from iac.rendering.engine import compile_template, render
from tests.every import every
from tests.rendering.given import FACTS, SCOPES, credentials, output, rendered, template

CANARY = "canary'\"$%#;\\ <&>é\n-5fb3c1"


def failure(text: str, secret: str | None = "s3cret", **values: object) -> RenderError:
    with pytest.raises(RenderError) as caught:
        rendered(text, secret, **values)
    return caught.value


def test_a_template_reads_its_client_its_values_and_the_project() -> None:
    text = (
        "{{ client.client_id }} {{ client.client_secret }} {{ client.issuer }} {{ client.name }} {{ client.address }}\n"
        "{{ clients.client.client_id }} {{ project }} {{ environment }} {{ issuer }} {{ values.idp }}\n"
    )
    expected = "app s3cret https://iam.example.org/ client wlcg/app\napp demo prod https://iam.example.org/ wlcg\n"
    assert expected == rendered(text, idp="wlcg")


def test_values_are_read_at_any_depth_and_an_entry_comes_before_a_method_of_its_name() -> None:
    text = "{{ values.deep.n }} {{ values.list | join('.') }} {{ values.items }}"
    assert "1 a.b x" == rendered(text, deep={"n": 1}, list=["a", "b"], items="x")


def test_fields_are_as_applied_and_sets_that_are_empty_are_empty_lists() -> None:
    assert '["openid", "profile"] []' == rendered("{{ client.scope | json }} {{ client.contacts | json }}")


def test_several_clients_have_names_in_the_order_declared() -> None:
    spec = output(clients=("b/two", "a/one"), names=("auth", "scim"))
    clients = {"a/one": credentials("a/one", client_id="one"), "b/two": credentials("b/two", client_id="two")}
    text = "{{ clients.auth.client_id }} {{ clients.scim.client_id }} {{ clients | join('.') }}"
    assert b"two one auth.scim" == render(template(text), spec, clients, FACTS)


def test_several_clients_without_names_are_known_by_address() -> None:
    clients = {name: credentials(name, client_id=name[-3:]) for name in ("a/one", "b/two")}
    spec = output(clients=("a/one", "b/two"))
    assert b"one" == render(template("{{ clients['a/one'].client_id }}"), spec, clients, FACTS)


def test_of_several_clients_none_is_the_client() -> None:
    spec = output(clients=("a/one", "b/two"), names=("auth", "scim"))
    with pytest.raises(RenderError) as caught:
        render(template("{{ client.client_id }}"), spec, {name: credentials(name) for name in spec.clients}, FACTS)
    assert "nothing is called `client`; a template is given client (when the output has one)" in caught.value.why


def test_a_client_without_a_secret_has_none_and_the_error_says_why() -> None:
    error = failure("id={{ client.client_id }}\nsecret={{ client.client_secret }}\n", secret=None)
    assert "templates/x.j2:2 (for out/x)" == error.where
    assert "client wlcg/app has no `client_secret`: its token_endpoint_auth_method needs none" == error.why


def test_a_template_may_ask_whether_there_is_a_secret() -> None:
    text = "{% if client.client_secret is defined %}yes{% else %}no{% endif %}"
    assert ("yes", "no") == (rendered(text), rendered(text, secret=None))


@every(
    "text, why",
    [
        ("{{ client.client_secrt }}", "client wlcg/app has no `client_secrt`; did you mean `client_secret`?"),
        ("{{ client.client_uri }}", "client wlcg/app has no `client_uri`: the registration does not have this field"),
        ("{{ client.zzz | json }}", "client wlcg/app has no `zzz`; it has: name, address, issuer, client_id"),
        ("{{ clint.client_id }}", "nothing is called `clint`"),
        ("{{ values.idp }}", "`values` of out/x has no `idp`; it has: nothing"),
        ("{{ issuer.foo }}", "the value has no `foo`"),
        ("{{ client.contacts | first }}", "`first` is asked of an empty list"),
        ("{{ client.contacts[3] }}", "there is no such entry"),
        ("{{ client }}", "a value of type Record was given where text or a whole number is needed"),
        ("{{ None }}", "nothing was given where text or a whole number is needed"),
        ("{{ 'a b' }}", "a value printed without a filter has a character that formats read as syntax"),
        ("{{ client.client_secret | ini }}", "filter ini: the value has the character U+0025"),
        ("{{ client.client_secret.__class__ }}", "it asks for what templates may not touch"),
        ("{{ client.__init__.__globals__ }}", "it asks for what templates may not touch"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "it asks for what templates may not touch"),
        ("{{ 1 // 0 }}", "an expression fails (ZeroDivisionError)"),
        ("{{ range(10000000) }}", "an expression fails (OverflowError)"),
        ("{{ client.client_secret + 1 }}", "an expression fails (TypeError)"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "an expression fails (RecursionError)"),
        ("{{ self.nothing() }}", "the value has no `nothing`"),
        ("{{ random }}", "nothing is called `random`"),
        ("{{ lipsum() }}", "nothing is called `lipsum`"),
    ],
)
def test_an_error_tells_what_is_wrong_and_where(text: str, why: str) -> None:
    error = failure(f"first line\n{text}\n", secret="50%")
    assert "templates/x.j2:2 (for out/x)" == error.where
    assert error.why.startswith(why)
    assert error.fix


@every(
    "text, why",
    [
        ("{% if x %}", "Unexpected end of template."),
        ("{{ x | tojson }}", "there is no filter `tojson`; did you mean `json`?"),
        ("{{ x | random }}", "there is no filter `random`"),
        ("{% if false %}{{ x | sehll }}{% endif %}", "there is no filter `sehll`; did you mean `shell`?"),
        ("{% if x is defind %}{% endif %}", "there is no test `defind`; did you mean `defined`?"),
        ("{% block a %}{% endblock %}{% block a %}{% endblock %}", "block 'a' defined twice"),
        ("{% do x %}", "Encountered unknown tag 'do'."),
    ],
)
def test_a_template_that_cannot_be_compiled_is_refused_without_a_client(text: str, why: str) -> None:
    with pytest.raises(RenderError) as caught:
        compile_template(template(f"first line\n{text}"))
    assert "templates/x.j2:2" == caught.value.where
    assert caught.value.why.startswith(why)


@pytest.mark.parametrize(
    "text",
    [
        f"{{{{ {'(' * 50_000}1{')' * 50_000} }}}}",
        f"{{{{ {'[' * 5_000}1{']' * 5_000} }}}}",
        "{% for x in [1] %}" * 30 + "{% endfor %}" * 30,
        "{% if values %}" * 2_000 + "{% endif %}" * 2_000,
        f"{{{{ {'9' * 5_000} }}}}",
        f"{{{{ {'1 + ' * 20_000}1 }}}}",
        f"{{{{ {'not ' * 20_000}1 }}}}",
        f"{{{{ client{'.x' * 20_000} }}}}",
    ],
    ids=["brackets", "lists", "loops", "conditions", "number", "sum", "not", "attributes"],
)
def test_a_template_that_is_too_much_for_a_parser_is_refused(text: str) -> None:
    with pytest.raises(RenderError) as caught:
        rendered(text)
    assert "templates/x.j2" == caught.value.where.partition(" ")[0]
    assert caught.value.fix


def test_a_mistake_in_an_included_template_is_placed_there() -> None:
    program = template("a\n{% include 'part.j2' %}", part="\n\n{{ client.client_secrt }}")
    with pytest.raises(RenderError) as caught:
        render(program, output(), {"wlcg/app": credentials()}, FACTS)
    assert "templates/part.j2:3 (for out/x)" == caught.value.where
    with pytest.raises(RenderError) as caught:
        compile_template(template("{% include 'part.j2' %}", part="\n{{ x | nope }}"))
    assert "templates/part.j2:2" == caught.value.where


def test_macros_blocks_imports_and_parents_give_finished_text() -> None:
    program = template(
        "{% extends 'base.j2' %}{% import 'lib.j2' as lib %}{% block body %}"
        "{% set both %}{{ lib.pair('a', client.client_secret) }}{% endset %}{{ both | indent }}{% endblock %}",
        base="<\n{% block body %}{% endblock %}>\n{{ self.body() }}",
        lib="{% macro pair(k, v) %}{{ k }}:\n{{ v | json }}\n{% endmacro %}",
    )
    text = render(program, output(), {"wlcg/app": credentials(secret='a "b"')}, FACTS).decode()
    assert '<\na:\n  "a \\"b\\""\n  >\na:\n  "a \\"b\\""\n  ' == text


def test_output_is_limited_in_size() -> None:
    assert OUTPUT_BYTES == len(rendered(f"{'x' * (OUTPUT_BYTES - 1)}{{{{ 1 }}}}"))
    error = failure("{% for i in range(100000) %}{% for j in range(100000) %}0123456789{% endfor %}{% endfor %}")
    assert f"it makes more than {OUTPUT_BYTES} bytes" == error.why


def test_output_is_limited_in_bytes_of_utf_8() -> None:
    assert "more than" in failure("{{ 'ü' | verbatim }}" + "ü" * (OUTPUT_BYTES // 2)).why


def test_rendering_is_a_function_of_its_input() -> None:
    text = "{% for name in client %}{{ name }} {% endfor %}{{ client | json }}"
    assert rendered(text) == rendered(text)


def test_a_rehearsal_has_a_secret_like_ours_where_there_is_one() -> None:
    for method in AUTH_METHODS:
        made = dummy_credentials("wlcg/app", "app", {"token_endpoint_auth_method": method})
        assert method.startswith("client_secret") == (made.secret is not None)
    secret = dummy_credentials("wlcg/app", "app", {}).secret
    assert secret
    assert 43 == len(secret.reveal())
    assert set(secret.reveal()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


def test_every_set_that_each_server_knows_is_there_even_when_empty() -> None:
    for field in FIELDS.values():
        if field.kind is Kind.SET and not field.of_others and field.name not in SCOPES:
            assert "[]" == rendered(f"{{{{ client.{field.name} | json }}}}")


def test_a_record_counts_and_lists_its_entries() -> None:
    record = Record("x", {"a": 1, "b": 2})
    assert (2, ["a", "b"], 1) == (len(record), list(record), record["a"])


BREAKING = [
    *(f"{{{{ client.client_secret | {name} }}}}" for name in ("apache", "dotenv", "ini", "shell", "sql", "verbatim")),
    *(f"{{{{ client | {name} }}}}" for name in ("base64", "env_name", "indent", "urlencode", "xml")),
    "{{ client.client_secret }}",
    "{{ client[client.client_secret] }}",
    "{{ values[client.client_secret] }}",
    "{{ client.client_secret[client.client_secret] }}",
    "{{ client.client_secret | spring(client.client_secret) }}",
    "{{ client.client_secret | float + client.client_secret }}",
    "{{ client.client_secret.encode('ascii') }}",
    "{{ client.client_secret.index('zzz') }}",
    "{{ client.client_secret.format(client.client_secret) }}{{ '{x}'.format(client.client_secret) }}",
    "{{ '%d' % client.client_secret }}",
    "{{ dict(client.client_secret) }}",
    "{{ [client.client_secret].index('zzz') }}",
    "{{ {'a': 1}[client.client_secret] }}",
    "{{ client.client_secret | groupby(client.client_secret) | list | first }}",
    "{{ [client] | map(attribute=client.client_secret) | list }}",
    "{{ [1] | map(client.client_secret) | list }}",
    "{{ [1] | select(client.client_secret) | list }}",
    "{{ range(client.client_secret) }}",
    "{{ client.client_secret() }}",
    "{{ namespace(client.client_secret) }}",
    "{% set n = namespace() %}{{ n[client.client_secret] }}",
    "{{ client.client_secret | batch(client.client_secret) | list }}",
    "{{ client.client_secret | round(method=client.client_secret) }}",
    "{{ client.client_secret | sum(attribute=client.client_secret) }}",
    "{{ cycler(client.client_secret)[client.client_secret] }}",
    "{% for a, b in [client.client_secret] %}{% endfor %}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(client.client_secret, client.client_secret) }}",
    "{{ client.client_secret['__class__'] }}",
    "{{ {client.client_secret: {1: range}} | json }}",
    "{{ client.client_secret | replace(client.client_secret) }}",
]


@every("text", BREAKING)
def test_no_failure_shows_a_secret(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing that Python or Jinja2 put into their own messages comes through: error, chain, traceback, output."""
    error = failure(text, secret=CANARY)
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error) + "\n".join(error.lines())
    captured = capfd.readouterr()
    for part in (CANARY, repr(CANARY), "canary", "5fb3c1"):
        assert part not in shown + captured.out + captured.err
    assert (None, None) == (error.__context__, error.__cause__)


def test_credentials_do_not_show_their_secret() -> None:
    assert CANARY not in repr(Credentials("wlcg/app", "app", {}, Secret(CANARY)))
    assert "canary" not in repr(Record("x", {"client_secret": CANARY}))
