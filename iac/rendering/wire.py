"""Questions to the process for templates of the project and its answers, as JSON. Pure.

A question comes from iac itself. An answer comes from a process that ran a stranger's template: its form is checked.
Clear secrets are in questions and answers, so both go through pipes only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from iac.core.desired import OutputSpec
from iac.core.diagnostics import Location
from iac.core.errors import RenderError
from iac.core.model import Fields
from iac.core.secret import Secret
from iac.rendering.context import Credentials, ProjectFacts
from iac.rendering.template import FAILED, Template
from iac.services import Format

if TYPE_CHECKING:
    from iac.rendering.content import FileCredentials


class Junk(Exception):
    """An answer that has not the form of one."""


def pack(message: Mapping[str, Any]) -> bytes:
    """A question or an answer as bytes."""
    return json.dumps(message).encode()


def unpack(data: bytes) -> dict[str, Any]:
    """A question or an answer.

    Raises:
        Junk: it is none.
    """
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise Junk from None
    if not isinstance(message, dict):
        raise Junk
    return message


def write_template(template: Template) -> dict[str, Any]:
    """A template, with the texts of all that it uses."""
    return {"name": template.name, "digest": template.digest, "texts": dict(template.texts)}


def read_template(message: Mapping[str, Any]) -> Template:
    """The template of a message."""
    return Template(**message)


def write_output(
    template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts
) -> dict[str, Any]:
    """All that rendering an output takes."""
    return {
        "template": write_template(template),
        "spec": {
            "template": spec.template,
            "path": spec.path,
            "clients": spec.clients,
            "names": spec.names,
            "values": spec.values,
        },
        "clients": {address: _write_client(clients[address]) for address in spec.clients},
        "facts": asdict(facts),
    }


def read_output(message: Mapping[str, Any]) -> tuple[Template, OutputSpec, dict[str, Credentials], ProjectFacts]:
    """All that rendering an output takes."""
    told = message["spec"]
    spec = OutputSpec(
        told["template"],
        told["path"],
        tuple(told["clients"]),
        Location(""),
        names=tuple(told["names"]),
        values=told["values"],
    )
    clients = {address: _read_client(client) for address, client in message["clients"].items()}
    return read_template(message["template"]), spec, clients, ProjectFacts(**message["facts"])


def _write_client(client: Credentials) -> dict[str, Any]:
    return {
        "address": client.address,
        "client_id": client.client_id,
        "fields": dict(client.fields),
        "secret": client.secret and client.secret.reveal(),
        "key": client.key and client.key.reveal(),
    }


def _read_client(message: Mapping[str, Any]) -> Credentials:
    secret, key = message["secret"], message["key"]
    return Credentials(
        message["address"],
        message["client_id"],
        _fields(message["fields"]),
        None if secret is None else Secret(secret),
        None if key is None else Secret(key),
    )


def _fields(message: Mapping[str, Any]) -> Fields:
    """JSON has no tuples, which canonical sets are."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in message.items()}


def write_error(error: RenderError) -> dict[str, Any]:
    """An error, which holds no value of what a template was given."""
    place = error.location and [error.location.file, error.location.line]
    return {"where": error.where, "why": error.why, "fix": error.fix, "place": place}


def read_error(message: object) -> RenderError:
    """The error of an answer.

    Raises:
        Junk: it is none.
    """
    match message:
        case {"where": str(where), "why": str(why), "fix": str(fix), "place": place}:
            error = RenderError(FAILED, location=_read_place(place), why=why, fix=fix)
            error.where = where
            return error
    raise Junk


def _read_place(message: object) -> Location | None:
    match message:
        case None:
            return None
        case [str(file), int(line)]:
            return Location(file, line)
    raise Junk


def read_names(message: object) -> list[str]:
    """Names of templates.

    Raises:
        Junk: the answer is something else.
    """
    if isinstance(message, list) and all(isinstance(name, str) for name in message):
        return message
    raise Junk


def read_content(message: object) -> bytes:
    """The content of a file, rendered.

    Raises:
        Junk: the answer is something else, or no text.
    """
    if not isinstance(message, str):
        raise Junk
    try:
        return message.encode()
    except UnicodeEncodeError:
        raise Junk from None


def write_found(found: Mapping[str, FileCredentials]) -> dict[str, Any]:
    """What was read of each client."""
    return {
        address: [client.client_id, client.client_secret and client.client_secret.reveal(), client.format]
        for address, client in found.items()
    }


def read_found(message: object, clients: Iterable[str]) -> dict[str, FileCredentials]:
    """What was read of each of these clients.

    Raises:
        Junk: the answer is something else.
    """
    if not isinstance(message, dict):
        raise Junk
    return {address: _read_found(message.get(address)) for address in clients}


def _read_found(message: object) -> FileCredentials:
    from iac.rendering.content import FileCredentials  # brings in Jinja2

    match message:
        case [str() | None as client_id, str() | None as secret, str(format_)] if format_ in set(Format):
            return FileCredentials(client_id, None if secret is None else Secret(secret), Format(format_))
    raise Junk
