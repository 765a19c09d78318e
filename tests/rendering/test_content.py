"""The credentials in a rendered file are found where its template puts them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from iac.core.errors import RenderError
from iac.rendering.content import FileCredentials, MalformedContent, output_format, parse_values, read_credentials
from iac.rendering.engine import render
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.services import Format
from tests.every import every
from tests.rendering.given import FACTS, credentials, output, template

CLIENT = {"wlcg/app": credentials()}
SECRET = CLIENT["wlcg/app"].secret


def test_what_was_rendered_is_found() -> None:
    spec = output("dotenv", values={"prefix": "X_"})
    builtin = load_templates(Path(), ["dotenv"], Renderer().references)["dotenv"]
    content = render(builtin, spec, CLIENT, FACTS)
    assert {"wlcg/app": FileCredentials("app", SECRET, Format.DOTENV)} == read_credentials(
        content, builtin, spec, CLIENT, FACTS
    )


def test_what_somebody_wrote_since_is_what_is_found() -> None:
    spec = output("dotenv")
    builtin = load_templates(Path(), ["dotenv"], Renderer().references)["dotenv"]
    content = b"# by hand\nCLIENT_ID=app\nCLIENT_SECRET=another\nELSE=1\n"
    found = read_credentials(content, builtin, spec, CLIENT, FACTS)["wlcg/app"]
    assert "app" == found.client_id
    assert found.client_secret is not None
    assert "another" == found.client_secret.reveal()


def test_a_template_of_the_project_is_read_by_the_ending_of_its_output() -> None:
    spec = replace(output("own.j2"), path="out/own.json")
    own = template('{"deep": [{}, {"secret": {{ client.client_secret | json }}}]}')
    assert Format.JSON is output_format(spec)
    found = read_credentials(render(own, spec, CLIENT, FACTS), own, spec, CLIENT, FACTS)
    assert {"wlcg/app": FileCredentials(None, SECRET, Format.JSON)} == found


def test_a_template_that_fails_says_so() -> None:
    spec = replace(output("own.j2"), path="out/own.json")
    with pytest.raises(RenderError):
        read_credentials(b"{}", template("{{ nothing }}"), spec, CLIENT, FACTS)


DEEP = 2000
BAD = {
    Format.JSON: [b"{", b"\xff", b"[" * DEEP + b"]" * DEEP, b"[" * 40 + b"1" + b"]" * 40],
    Format.YAML: [b"a: [", b"[" * DEEP + b"]" * DEEP],
    Format.KUBERNETES: [b"data: {a: 'no base64!'}"],
    Format.INI: [b"a = 1\n"],
    Format.TOML: [b"a = \n"],
    Format.DIRAC: [b"}\n"],
}


@every("format_, content", [(name, each) for name, bad in BAD.items() for each in bad])
def test_a_file_that_is_not_of_its_format_is_refused_without_a_word_of_it(format_: Format, content: bytes) -> None:
    with pytest.raises(MalformedContent) as caught:
        parse_values(content, format_)
    assert f"this is not a file in the format {format_}" == str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@every(
    "format_, text, expected",
    [
        (Format.JSON, '{"a": [1, "x"], "b": null}', {("a", 1): "x"}),
        (Format.YAML, "a: [1, {b: x}]\nc: y", {("a", 0): "1", ("a", 1, "b"): "x", ("c",): "y"}),
        (Format.YAML, "a: {}\nb: []\nc: x", {("c",): "x"}),
        (Format.KUBERNETES, "kind: Secret\ndata: {a: eA==}", {("kind",): "Secret", ("data", "a"): "x"}),
        (Format.TOML, 'a = "x"\nb = 1', {("a",): "x"}),
        (Format.INI, "[S]\nKey = x = y # z", {("S", "Key"): "x = y # z"}),
        (Format.DOTENV, "# c\nA=x\nexport B='y z'\nC=\"\"\nno line", {("A",): "x", ("B",): "y z", ("C",): ""}),
        (Format.CONDOR, "# c\nA = x y\n\nb=z", {("A",): "x y", ("b",): "z"}),
        (Format.DIRAC, "S\n{\n  T\n  {\n    a = x\n  }\n  b = y\n}\n", {("S", "T", "a"): "x", ("S", "b"): "y"}),
        (Format.APACHE, '# c\nA "x \\"y\\" \\\\"\nB z\n<Location />', {("A",): 'x "y" \\', ("B",): "z"}),
        (Format.SQL, "SELECT 'a', 'it''s';", {(0,): "a", (1,): "it's"}),
        (Format.TEXT, "x\n", {(): "x\n"}),
    ],
)  # fmt: skip
def test_every_value_has_its_place(format_: Format, text: str, expected: dict[tuple[str | int, ...], str]) -> None:
    assert expected == parse_values(text.encode(), format_)


def test_yaml_is_read_as_programs_read_it() -> None:
    text = b"%YAML 1.2\n---\na: &x 0777\nb: !!str no\nc: *x\n---\nd: [1.50, {e: }]\n"
    assert {("a",): "0777", ("b",): "no", ("d", 0): "1.50", ("d", 1, "e"): ""} == parse_values(text, Format.YAML)


@pytest.mark.parametrize("text", [b"a: 1\na: 2\n", b"a: [\n", b"[a]: 1\n", b"a: " + b"[" * 40 + b"]" * 40])
def test_yaml_with_two_meanings_is_unreadable(text: bytes) -> None:
    with pytest.raises(MalformedContent):
        parse_values(text, Format.YAML)
