from __future__ import annotations

import base64
import configparser
import json
import re
import shlex
import sqlite3
import subprocess
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from iac.rendering.filters import FILTERS, FormattedText, UnsafeValue, indent, inline, join
from tests.every import every

HOSTILE = [
    "plain-Secret_1.~",
    "two words",
    "it's",
    'say "x"',
    "back\\slash",
    "cost $HOME ${HOME} `id`",
    "50 % # ; !",
    "<a href='x'>&amp;</a>",
    "línea ünïcode 中 🔑",
    "trailing ",
    "tab\there",
    "line\nbreak",
    "null",
    "0123",
    "on",
    "",
]
TEXTS = st.text() | st.sampled_from(HOSTILE)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=10,
)


def check_discretion(value: object, refused: UnsafeValue) -> None:
    shown = f"{refused} {refused.why} {refused.fix}"
    assert not isinstance(value, str) or len(value) < 4 or value not in shown


def made(name: str, value: object) -> str | None:
    """The filter's text, None when it refuses; a refusal never holds the value."""
    try:
        text = FILTERS[name](value)
    except UnsafeValue as refused:
        check_discretion(value, refused)
        return None
    assert type(text) is FormattedText
    return text


def apache_argument(line: str) -> str:
    """The argument of one directive as httpd reads a quoted word."""
    found = re.fullmatch(r'Directive "((?:[^"\\]|\\.)*)"', line)
    assert found, line
    return re.sub(r'\\(["\\])', r"\1", found[1])


def dotenv_value(line: str) -> str:
    """A strict reader: `NAME=bare` or `NAME='literal'`."""
    found = re.fullmatch(r"NAME=(?:'([^'\n]*)'|([^\s'\"$`\\#]*))", line)
    assert found, line
    return found[1] if found[1] is not None else found[2]


@given(DATA)
def test_json_reads_back(value: object) -> None:
    assert value == json.loads(FILTERS["json"](value))


@given(DATA)
def test_yaml_reads_back_by_a_reader_of_each_version(value: object) -> None:
    text = f"key: {FILTERS['yaml'](value)}\n"
    assert {"key": value} == yaml.safe_load(text)
    assert {"key": value} == YAML(typ="safe", pure=True).load(text)


@given(TEXTS)
def test_shell_is_one_word_of_the_value(value: str) -> None:
    if word := made("shell", value):
        assert [value, "next"] == shlex.split(f"{word} next")


@given(TEXTS)
def test_dotenv_reads_back_or_is_refused(value: str) -> None:
    if (text := made("dotenv", value)) is not None:
        assert value == dotenv_value(f"NAME={text}")


DOLLARS = {
    "'pa${HOME}ss'": ("pa/rootss", "pa/rootss", "pa${HOME}ss", "'pa${HOME}ss'"),
    "'pa$HOME'": ("pa$HOME", "pa/root", "pa$HOME", "'pa$HOME'"),
    "pa\\$HOME": ("pa\\$HOME", "pa$HOME", "pa$HOME", "pa\\$HOME"),
    '"pa\\$HOME"': ("pa\\$HOME", "pa$HOME", "pa$HOME", '"pa\\$HOME"'),
    '"pa\\${HOME}"': ("pa\\/root", "pa${HOME}", "pa${HOME}", '"pa\\${HOME}"'),
    "'a$$HOME'": ("a$$HOME", "a$/root", "a$$HOME", "'a$$HOME'"),
}
"""What stands behind `NAME=`, and what is read: by python-dotenv 1.2.4, dotenv-expand, sh and docker --env-file.

Observed with HOME=/root, but for docker, which takes a line as it is.
"""


def test_no_form_of_a_dollar_is_read_alike_so_it_is_refused() -> None:
    assert all(len(set(values)) > 1 for values in DOLLARS.values())
    for text, (_, _, shell, _) in DOLLARS.items():
        script = f'NAME={text}\nprintf %s "$NAME"'
        run = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, encoding="utf-8")
        assert shell == run.stdout
        with pytest.raises(UnsafeValue, match="has a `\\$`") as caught:
            FILTERS["dotenv"](shell)
        assert "HOME" not in caught.value.why + caught.value.fix


@every("value", HOSTILE)
def test_a_shell_that_sources_dotenv_and_shell_text_sees_the_value(value: str) -> None:
    for name in ("dotenv", "shell"):
        if (text := made(name, value)) is not None:
            script = f"set -a\nNAME={text}\nset +a\nprintenv NAME"
            result = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, encoding="utf-8")
            assert f"{value}\n" == result.stdout


@given(TEXTS)
def test_ini_reads_back_by_every_reader_or_is_refused(value: str) -> None:
    if (text := made("ini", value)) is not None:
        for reader in (
            configparser.ConfigParser(),
            configparser.RawConfigParser(inline_comment_prefixes=("#", ";")),
            configparser.ConfigParser(interpolation=configparser.ExtendedInterpolation()),
        ):
            reader.read_string(f"[section]\nkey = {text}\n")
            assert value == reader["section"]["key"]


@given(TEXTS)
def test_xml_reads_back_in_text_and_in_an_attribute_or_is_refused(value: str) -> None:
    if (text := made("xml", value)) is not None:
        element = ET.fromstring(f"<e a='{text}'>{text}</e>")
        assert (value, value) == (element.get("a"), element.text or "")


@given(TEXTS)
def test_base64_reads_back(value: str) -> None:
    assert value == base64.b64decode(FILTERS["base64"](value), validate=True).decode()


@given(TEXTS)
def test_sql_reads_back_or_is_refused(value: str) -> None:
    if (text := made("sql", value)) is not None:
        with sqlite3.connect(":memory:") as database:
            assert value == database.execute(f"SELECT {text}").fetchone()[0]
        database.close()


@given(TEXTS)
def test_apache_reads_back_or_is_refused(value: str) -> None:
    if (text := made("apache", value)) is not None:
        assert value == apache_argument(f"Directive {text}")


@given(TEXTS)
def test_spring_is_yaml_without_placeholders(value: str) -> None:
    text = made("spring", value)
    assert ("${" in value) == (text is None)
    assert text is None or value == yaml.safe_load(text)


@given(TEXTS)
def test_urlencode_is_one_part_of_a_url(value: str) -> None:
    text = FILTERS["urlencode"](value)
    assert value == unquote(text)
    assert not set(text) & set("/?#&=+ ")


@given(TEXTS)
def test_verbatim_is_one_line(value: str) -> None:
    assert made("verbatim", value) in {value, None}
    assert made("verbatim", f"{value}\n") is None


@given(TEXTS)
def test_a_name_of_the_environment_is_one(value: str) -> None:
    if (name := made("env_name", value)) is not None:
        assert re.fullmatch(r"[A-Z_][A-Z0-9_]*", name)


@every(
    "name, value",
    [
        *((name, "a\nb") for name in ("apache", "dotenv", "ini", "shell", "sql", "verbatim")),
        *((name, "a\0b") for name in ("apache", "dotenv", "ini", "shell", "sql", "verbatim", "xml")),
        *((name, "a\ud800b") for name in FILTERS if name not in {"indent", "join", "env_name"}),
        *(("ini", f"a{character}b") for character in "%$#;\"'`\\"),
        ("ini", " a"),
        ("ini", "a "),
        ("dotenv", "it's"),
        ("dotenv", "a\\b"),
        *(("dotenv", value) for value in ("${HOME}", "$HOME", "a$", "a$1", "a b$")),
        ("sql", "a\\b"),
        ("secret_key", "team/portal.client_id"),
        ("secret_key", "a" * 254),
        ("secret_key", ""),
        ("apache", "${HOME}"),
        ("apache", "exec:/bin/id"),
        ("spring", "${HOME}"),
        ("env_name", ""),
        ("env_name", "1st"),
        *((name, None) for name in FILTERS if name not in {"join", "json", "spring", "sql", "yaml"}),
        *((name, ["a"]) for name in FILTERS if name not in {"join", "json", "spring", "yaml"}),
        ("json", object()),
        ("json", {"key": {1, 2}}),
    ],
)
def test_what_a_format_cannot_hold_for_every_reader_is_refused(name: str, value: object) -> None:
    assert made(name, value) is None


@every(
    "name, value, expected",
    [
        ("ini", True, "true"),
        ("ini", False, "false"),
        ("ini", 8443, "8443"),
        ("sql", None, "NULL"),
        ("sql", 7, "7"),
        ("sql", True, "'true'"),
        ("dotenv", "https://iam.example.org/", "https://iam.example.org/"),
        ("dotenv", "a b", "'a b'"),
        ("env_name", "wlcg-prod", "WLCG_PROD"),
        ("apache", 'a"b\\', '"a\\"b\\\\"'),
        ("json", ("a", "b"), '["a", "b"]'),
        ("yaml", "\x85\u2028", '"\\u0085\\u2028"'),
    ],
)
def test_a_filter_writes(name: str, value: object, expected: str) -> None:
    assert expected == made(name, value)


@every("value", ["https://iam.example.org:8443/x", "wlcg.groups", "a_b~c+d=", 7, "", FormattedText("a b\n")])
def test_without_a_filter_goes_what_means_the_same_everywhere(value: object) -> None:
    assert str(value) == inline(value)


@every("value", [True, "a b", "a#b", 'a"', "a\n", "ü", "$x", "%d", ["a"], None, 1.5])
def test_without_a_filter_goes_nothing_that_a_format_could_misread(value: object) -> None:
    with pytest.raises(UnsafeValue):
        inline(value)


def test_indent_moves_lines_and_keeps_a_finished_text_finished() -> None:
    assert indent(FormattedText("a\nb")) == "a\n  b"
    assert type(indent(FormattedText("a\nb"))) is FormattedText
    assert indent("a\nb", 4, first=True) == "    a\n    b"
    assert type(indent("a\nb")) is str


def test_join_is_finished_when_all_of_it_is() -> None:
    assert join(["a", 1], " ") == "a 1"
    assert type(join(["a", FormattedText("b")], " ")) is str
    assert type(join([FormattedText("a"), FormattedText("b")], "\n")) is FormattedText
