"""The catalogue of built-in templates: real services, what they read, and the definitions that go with them.

A folder here is a service: `service.toml` says what it is, `NAME.j2` is the built-in template NAME, `NAME.values.json`
the JSON Schema of the `values` that it takes, `ROLE.yaml` the definition of a client without its id, name and outputs.
Nothing is read before it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct, field

ONLY = "client"
"""The role of a service's client when it has one client."""

_HERE = Path(__file__).parent
_FACTS = "service.toml"


class Format(StrEnum):
    """What a rendered file is, so that it can be read again."""

    APACHE = "apache"
    CONDOR = "condor"
    DIRAC = "dirac"
    DOTENV = "dotenv"
    INI = "ini"
    JSON = "json"
    KUBERNETES = "kubernetes"
    SQL = "sql"
    TEXT = "text"
    TOML = "toml"
    YAML = "yaml"


class ServiceFile(Struct, frozen=True):
    """One file that a service reads.

    Attributes:
        template: the built-in template that makes it.
        file: its usual name.
        clients: roles of the clients in it, in the order in which the output names them.
        values: `values` of the output; `{host}` stands for what the service asks for.
        is_usual: whether it is made unless another one is named; the rest are alternatives.
    """

    template: str
    format: Format
    file: str
    clients: tuple[str, ...] = (ONLY,)
    values: Mapping[str, str] = field(default_factory=dict)
    is_usual: bool = True


class Service(Struct, frozen=True):
    """One service of the catalogue.

    Attributes:
        title: its own name.
        about: what it uses its client for, in a few words.
        asks: what has to be known of an installation: name -> what it is.
        sources: where its authors say how it reads credentials.
    """

    name: str
    title: str
    about: str
    files: tuple[ServiceFile, ...]
    asks: Mapping[str, str]
    sources: tuple[str, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of its clients; `client` alone when there is one."""
        return roles_of(self.files)

    def definition(self, role: str) -> str:
        """The definition of a client as YAML: no id, name and outputs, `@@HOST@@` for what the service asks for."""
        return (_HERE / self.name / f"{role}.yaml").read_text(encoding="utf-8")


def roles_of(files: Iterable[ServiceFile]) -> tuple[str, ...]:
    """Roles of the clients in files, each once, in their order."""
    return tuple(dict.fromkeys(role for file in files for role in file.clients))


@cache
def template_files() -> Mapping[str, Path]:
    """Every built-in template by name, sorted."""
    return dict(sorted((path.stem, path) for path in _HERE.glob("*/*.j2")))


@cache
def services() -> Mapping[str, Service]:
    """Every service by name, sorted."""
    return {path.parent.name: _service(path) for path in sorted(_HERE.glob(f"*/{_FACTS}"))}


def template_format(template: str) -> Format:
    """The format of what a built-in template makes."""
    return _file_of(template).format


def template_roles(template: str) -> tuple[str, ...]:
    """The names by which a built-in template reaches its clients; `client` alone for one that takes any."""
    return _file_of(template).clients


def _file_of(template: str) -> ServiceFile:
    owner = services()[template_files()[template].parent.name]
    return next(file for file in owner.files if file.template == template)


@cache
def values_schema(template: str) -> Mapping[str, Any]:
    """The JSON Schema of the `values` of a built-in template; one without a file of it takes none."""
    file = template_files()[template].with_suffix(".values.json")
    if not file.exists():
        return {"type": "object", "additionalProperties": False, "properties": {}}
    schema: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def _service(path: Path) -> Service:
    import tomllib  # only where the catalogue is read

    facts = tomllib.loads(path.read_text(encoding="utf-8"))
    return Service(
        path.parent.name,
        facts["title"],
        facts["about"],
        tuple(
            ServiceFile(
                file["template"],
                Format(file["format"]),
                file["file"],
                tuple(file.get("clients", (ONLY,))),
                file.get("values", {}),
                file.get("usual", True),
            )
            for file in facts["files"]
        ),
        facts.get("asks", {}),
        tuple(facts.get("sources", ())),
    )
