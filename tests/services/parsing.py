"""Readers of the formats that services read. Strict: what they do not know is an error."""

from __future__ import annotations

import base64
import configparser
import re
import sqlite3
from contextlib import closing
from typing import Any

import yaml
from ruamel.yaml import YAML

PROVIDER_TABLE = """
CREATE TABLE t_token_provider (
  name VARCHAR(255) NOT NULL, issuer VARCHAR(1024) NOT NULL, client_id VARCHAR(255) NOT NULL,
  client_secret VARCHAR(255) NOT NULL, PRIMARY KEY (issuer))
"""
_DIRECTIVE = re.compile(r'([A-Za-z]+) "((?:[^"\\]|\\.)*)"')
_ASSIGNMENT = re.compile(r"([A-Z_][A-Z0-9_]*)=(?:'([^']*)'|([A-Za-z0-9._:/@%+,=-]*))")


def parse_apache(text: str) -> dict[str, str]:
    """Directives with one quoted argument, as httpd reads a quoted word."""
    found = [(line, _DIRECTIVE.fullmatch(line)) for line in text.splitlines()]
    assert all(match for _, match in found), found
    return {match[1]: re.sub(r'\\(["\\])', r"\1", match[2]) for _, match in found if match}


def parse_dotenv(text: str) -> dict[str, str]:
    """`NAME=bare` or `NAME='literal'`."""
    found = [(line, _ASSIGNMENT.fullmatch(line)) for line in text.splitlines()]
    assert all(match for _, match in found), found
    return {match[1]: match[2] if match[2] is not None else match[3] for _, match in found if match}


def parse_dirac(text: str) -> dict[str, Any]:
    """DIRAC's CFG: `Name`, `{`, options `Name = value`, `}`; `#` begins a comment."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    rest = [line for line in lines if line]
    section = _section(rest)
    assert not rest, rest
    return section


def _section(rest: list[str]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    while rest and rest[0] != "}":
        line = rest.pop(0)
        name, is_option, value = (part.strip() for part in line.partition("="))
        assert name not in entries, name
        if is_option:
            entries[name] = value
            continue
        assert rest.pop(0) == "{", line
        entries[name] = _section(rest)
        assert rest.pop(0) == "}", line
    return entries


def parse_condor(text: str) -> dict[str, str]:
    """HTCondor's configuration: `NAME = value`."""
    pairs = [line.split(" = ", 1) for line in text.splitlines()]
    return {name: value for name, value in pairs}  # noqa: C416  # a line that is no pair is an error


def parse_env_file(text: str) -> dict[str, str]:
    """As `docker run --env-file` reads it: what stands behind the first = is the value."""
    return dict(line.split("=", 1) for line in text.splitlines())


def parse_yaml(text: str) -> Any:
    """By a reader of YAML 1.1 and one of 1.2, which must agree."""
    value = yaml.safe_load(text)
    assert value == YAML(typ="safe", pure=True).load(text)
    return value


def parse_ini(text: str) -> dict[str, dict[str, str]]:
    """With Python's interpolation, which would choke on a percent sign."""
    parser = configparser.ConfigParser()
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # keys keep their case
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def parse_sql(text: str, issuer: str) -> list[tuple[str, ...]]:
    """The provider's row after running the text twice over an old row of the issuer and another issuer's."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(PROVIDER_TABLE)
        database.execute("INSERT INTO t_token_provider VALUES ('old', ?, 'old', 'old')", [issuer])
        database.execute("INSERT INTO t_token_provider VALUES ('x', 'https://x.example.org/', 'x', 'x')")
        database.executescript(text)
        after_update = database.execute("SELECT * FROM t_token_provider WHERE issuer = ?", [issuer]).fetchall()
        database.execute("DELETE FROM t_token_provider WHERE issuer = ?", [issuer])
        database.executescript(text)
        database.executescript(text)
        after_insert = database.execute("SELECT * FROM t_token_provider WHERE issuer = ?", [issuer]).fetchall()
        others = database.execute("SELECT * FROM t_token_provider WHERE name = 'x'").fetchall()
    assert (after_insert, [("x", "https://x.example.org/", "x", "x")]) == (after_update, others)
    return after_insert


def parse_kubernetes(text: str) -> dict[str, Any]:
    """A Secret, its data decoded."""
    manifest: dict[str, Any] = parse_yaml(text)
    assert "Secret" == manifest["kind"]
    data = {name: base64.b64decode(value, validate=True).decode() for name, value in manifest["data"].items()}
    return {**manifest, "data": data}


def leaves(value: Any) -> list[str]:
    """Every text in a parsed file."""
    if isinstance(value, dict | list | tuple):
        entries = value.values() if isinstance(value, dict) else value
        return [leaf for entry in entries for leaf in leaves(entry)]
    return [value] if isinstance(value, str) else []
