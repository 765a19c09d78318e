"""The credentials in a file that was rendered, read by the file's format. Pure.

Where they stand follows from the template: it is rendered with marks in their place, and the marks are looked up. So
nobody keeps a list of places by hand, and a template of the project is read like a built-in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from iac.core.secret import Secret
from iac.rendering.parsing import Unreadable, parse_values
from iac.rendering.render import render
from iac.services import Format, template_files, template_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iac.core.desired import OutputSpec
    from iac.rendering.context import Credentials, ProjectFacts
    from iac.rendering.parsing import Place
    from iac.rendering.template import Template

__all__ = ["Found", "Unreadable", "output_format", "read_credentials"]

_ID, _SECRET = "iac-mark-id-{}", "iac-mark-secret-{}"
_BY_ENDING = {
    ".env": Format.DOTENV,
    ".ini": Format.INI,
    ".json": Format.JSON,
    ".sql": Format.SQL,
    ".toml": Format.TOML,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds of one client; None for what its template does not print, or what is not there any more."""

    client_id: str | None
    client_secret: Secret | None


def output_format(spec: OutputSpec) -> Format | None:
    """The format of an output: that of its built-in template, else by the ending of its path; None for any other."""
    if spec.template in template_files():
        return template_format(spec.template)
    return _BY_ENDING.get(PurePosixPath(spec.path).suffix)


def read_credentials(
    content: bytes, template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts
) -> dict[str, Found]:
    """Id and secret of each client in the file of an output, by the client's address.

    Args:
        content: the file.
        template: the template that `spec` names.
        spec: the output.
        clients: its clients by address; of their secrets only whether they have one is looked at.
        facts: the project.

    Raises:
        RenderError: the template cannot be rendered.
        Unreadable: the format of the output is not known, or the file is not of it. The message holds nothing of it.
    """
    format_ = output_format(spec)
    if format_ is None:
        raise Unreadable("its format is not known")
    marked = render(template, spec, _marked(spec, clients), facts)
    places = {value: place for place, value in parse_values(marked, format_).items()}
    values = parse_values(content, format_)
    return dict(_found(spec, places, values))


def _marked(spec: OutputSpec, clients: Mapping[str, Credentials]) -> dict[str, Credentials]:
    return {
        address: replace(
            clients[address],
            client_id=_ID.format(index),
            secret=Secret(_SECRET.format(index)) if clients[address].secret else None,
        )
        for index, address in enumerate(spec.clients)
    }


def _found(spec: OutputSpec, places: Mapping[str, Place], values: Mapping[Place, str]) -> Iterator[tuple[str, Found]]:
    for index, address in enumerate(spec.clients):
        client_id, secret = (
            values.get(places[mark]) if mark in places else None for mark in (_ID.format(index), _SECRET.format(index))
        )
        yield address, Found(client_id, None if secret is None else Secret(secret))
