"""Renders templates: built-ins here, those of the project in a process of their own, under limits.

Importing this costs nothing; Jinja2 comes in with the first template that is needed, and the process is started for the
first one of the project. One process serves a whole command; after a failure the next template gets another.

Questions to that process and its answers are JSON. A question comes from iac itself. An answer comes from a process
that ran a stranger's template: its form is checked. Clear secrets are in both, so they go through pipes only.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import asdict

from iac.core.desired import OutputSpec
from iac.core.errors import Location, RenderError
from iac.core.limits import (
    TEMPLATE_FAILURES,
    TOO_LONG,
    TOO_MANY,
    TOO_MUCH,
    WORKER_ANSWER_BYTES,
    WORKER_MEMORY,
    WORKER_PATIENCE,
)
from iac.core.secret import Secret
from iac.rendering.context import Credentials, ProjectFacts
from iac.rendering.template import FAILED, Template, is_builtin, template_file
from iac.services import Format

if TYPE_CHECKING:
    from iac.process import Worker
    from iac.rendering.content import FileCredentials


class MalformedAnswer(Exception):
    """An answer of another form."""


def pack(message: Mapping[str, Any]) -> bytes:
    """A question or an answer as bytes."""
    return json.dumps(message).encode()


def unpack(data: bytes) -> dict[str, Any]:
    """A question or an answer.

    Raises:
        MalformedAnswer: it has another form.
    """
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise MalformedAnswer from None
    if not isinstance(message, dict):
        raise MalformedAnswer
    return message


def read_template(message: Mapping[str, Any]) -> Template:
    """The template of a message."""
    return Template(**message)


def write_output(
    template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts
) -> dict[str, Any]:
    """All that rendering an output takes."""
    return {"template": asdict(template), **_write_spec(spec, clients, facts)}


def _write_spec(spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts) -> dict[str, Any]:
    return {
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
    fields = message["spec"]
    spec = OutputSpec(
        fields["template"],
        fields["path"],
        tuple(fields["clients"]),
        Location(""),
        names=tuple(fields["names"]),
        values=fields["values"],
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
        # JSON has no tuples, which canonical sets are
        {name: tuple(value) if isinstance(value, list) else value for name, value in message["fields"].items()},
        None if secret is None else Secret(secret),
        None if key is None else Secret(key),
    )


def write_error(error: RenderError) -> dict[str, Any]:
    """An error, which holds no value of what a template was given."""
    place = error.location and [error.location.file, error.location.line]
    return {"where": error.where, "why": error.why, "fix": error.fix, "place": place}


def read_error(message: object) -> RenderError:
    """The error of an answer.

    Raises:
        MalformedAnswer: it has another form.
    """
    match message:
        case {"where": str(where), "why": str(why), "fix": str(fix), "place": None | [str(), int()] as place}:
            error = RenderError(FAILED, location=Location(*place) if place else None, why=why, fix=fix)
            error.where = where
            return error
    raise MalformedAnswer


def read_names(message: object) -> list[str]:
    """Names of templates.

    Raises:
        MalformedAnswer: the answer is something else.
    """
    if isinstance(message, list) and all(isinstance(name, str) for name in message):
        return message
    raise MalformedAnswer


def read_errors(message: object) -> list[RenderError | None]:
    """The error of each of the first outputs that were asked about; None for one that can be rendered.

    Raises:
        MalformedAnswer: the answer is something else, or says nothing.
    """
    if not isinstance(message, list) or not message:
        raise MalformedAnswer
    return [None if error is None else read_error(error) for error in message]


def read_content(message: object) -> bytes:
    """The content of a file, rendered.

    Raises:
        MalformedAnswer: the answer is something else, or no text.
    """
    if not isinstance(message, str):
        raise MalformedAnswer
    try:
        return message.encode()
    except UnicodeEncodeError:
        raise MalformedAnswer from None


def write_file_credentials(credentials: Mapping[str, FileCredentials]) -> dict[str, Any]:
    """What was read of each client."""
    return {
        address: [client.client_id, client.client_secret and client.client_secret.reveal(), client.format]
        for address, client in credentials.items()
    }


def read_file_credentials(message: object, clients: Iterable[str]) -> dict[str, FileCredentials]:
    """What was read of each of these clients.

    Raises:
        MalformedAnswer: the answer is something else.
    """
    if not isinstance(message, dict):
        raise MalformedAnswer
    return {address: _read_client_credentials(message.get(address)) for address in clients}


def _read_client_credentials(message: object) -> FileCredentials:
    from iac.rendering.content import FileCredentials  # brings in Jinja2

    match message:
        case [str() | None as client_id, str() | None as secret, str(format_)] if format_ in set(Format):
            return FileCredentials(client_id, None if secret is None else Secret(secret), Format(format_))
    raise MalformedAnswer


Result = TypeVar("Result")

_BATCH = 100
"""Outputs in one question: a question costs ten times what it takes to render a small one."""

_JUNK = "the process that renders it gave no answer that can be read"


class Renderer:
    """Everything that is done with the text of a template."""

    def __init__(self, function: str = "iac.rendering.answer:answer") -> None:
        self._function = function
        self._worker: Worker | None = None
        self._exceeding = 0

    def references(self, name: str, text: str) -> list[str]:
        """Names of the templates that a text includes, imports or extends.

        Raises:
            RenderError: its syntax, or a name that does not stand there in quotes.
        """
        if is_builtin(name):
            from iac.rendering.engine import references  # brings in Jinja2

            return references(name, text)
        return self._ask(name, "references", {"text": text}, read_names)

    def entries(self, template: Template) -> frozenset[str] | None:
        """Names of entries of a client that a template may read; None for all of them.

        Raises:
            RenderError: its syntax, or it takes too much.
        """
        if is_builtin(template.name):
            from iac.rendering.reads import entries_read  # brings in Jinja2

            return entries_read(template)
        return self._ask(
            template.name,
            "entries",
            {"template": asdict(template)},
            lambda answer: None if answer is None else frozenset(read_names(answer)),
        )

    def check(self, template: Template) -> None:
        """Compile a template.

        Raises:
            RenderError: with file and line.
        """
        if is_builtin(template.name):
            from iac.rendering.engine import compile_template  # brings in Jinja2

            compile_template(template)
        else:
            self._ask(template.name, "check", {"template": asdict(template)}, lambda _: None)

    def render(
        self, template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts
    ) -> bytes:
        """The content of one output, as `iac.rendering.engine.render` makes it.

        Raises:
            RenderError: with the template's file and line; it holds no value that the template was given.
        """
        if is_builtin(template.name):
            from iac.rendering.engine import render  # brings in Jinja2

            return render(template, spec, clients, facts)
        return self._ask(template.name, "render", write_output(template, spec, clients, facts), read_content)

    def rehearse(
        self, template: Template, outputs: Sequence[tuple[OutputSpec, Mapping[str, Credentials], ProjectFacts]]
    ) -> list[RenderError | None]:
        """Why outputs of one template cannot be rendered, each by itself; None for one that can."""
        if is_builtin(template.name):
            return [self._attempt(template, *output) for output in outputs]
        errors: list[RenderError | None] = []
        while len(errors) < len(outputs):
            batch = outputs[len(errors) : len(errors) + _BATCH]
            errors += self._rehearse(template, batch) or [self._attempt(template, *output) for output in batch]
        return errors

    def _rehearse(
        self, template: Template, outputs: Sequence[tuple[OutputSpec, Mapping[str, Credentials], ProjectFacts]]
    ) -> list[RenderError | None]:
        """What the process answers about the first of these outputs; nothing when it has died over one of them."""
        question = {"template": asdict(template), "outputs": [_write_spec(*output) for output in outputs]}
        try:
            errors = self._ask(template.name, "rehearse", question, read_errors)[: len(outputs)]
        except RenderError as error:
            self._exceeding -= _is_exceeding(error)  # it counts when the output is asked about alone
            return []
        self._exceeding += sum(map(_is_exceeding, errors))
        return errors

    def _attempt(
        self, template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts
    ) -> RenderError | None:
        try:
            self.render(template, spec, clients, facts)
        except RenderError as error:
            return error
        return None

    def read(
        self,
        content: bytes,
        template: Template,
        spec: OutputSpec,
        clients: Mapping[str, Credentials],
        facts: ProjectFacts,
    ) -> dict[str, FileCredentials]:
        """Id and secret of each client in the file of an output, as `iac.rendering.content` reads them.

        Raises:
            RenderError: the template cannot be rendered.
            MalformedContent: a value cannot be read back from what the template makes of it.
            ContentMismatch: the file is not as its template makes it.
        """
        if is_builtin(template.name):
            from iac.rendering.content import read_credentials  # brings in Jinja2

            return read_credentials(content, template, spec, clients, facts)
        return self._ask(
            template.name,
            "read",
            {**write_output(template, spec, clients, facts), "content": content.decode("latin-1")},
            lambda answer: read_file_credentials(answer, spec.clients),
        )

    def _ask(self, name: str, operation: str, question: dict[str, Any], read: Callable[[object], Result]) -> Result:
        """What the process answers to a question about a template. Whoever writes bad ones keeps no job for long."""
        if self._exceeding >= TEMPLATE_FAILURES:
            raise RenderError(FAILED, where=template_file(name), why=TOO_MANY, fix="correct those first")
        try:
            return self._answer(name, operation, question, read)
        except RenderError as error:
            self._exceeding += _is_exceeding(error)
            raise

    def _answer(self, name: str, operation: str, question: dict[str, Any], read: Callable[[object], Result]) -> Result:
        from iac.process import Failure, ProcessError, Worker  # for templates of the project alone

        if self._worker is None:
            self._worker = Worker(self._function, memory=WORKER_MEMORY)
            weakref.finalize(self, self._worker.close)  # however a command ends, no process is left behind
        try:
            message = pack({"what": operation, "name": name, **question})
            answer = unpack(self._worker.ask(message, seconds=WORKER_PATIENCE, limit=WORKER_ANSWER_BYTES))
            if answer.get("is_last"):
                self._worker.close()
            return read(_result(answer))
        except ProcessError as error:
            why = {
                Failure.LATE: TOO_LONG,
                Failure.MEMORY: TOO_MUCH,
                Failure.LONG: _JUNK,
                Failure.ENDED: "the process that renders it ended",
            }[error.failure]
        except OSError as error:
            why = f"the process that renders it cannot be started: {error.strerror}"
        except MalformedAnswer:
            self._worker.close()
            why = _JUNK
        fix = "look for large powers, repetitions and loops in it"
        raise RenderError(FAILED, where=template_file(name), why=why, fix=fix)


def _is_exceeding(error: RenderError | None) -> bool:
    return error is not None and error.why in {TOO_LONG, TOO_MUCH}


def _result(answer: Mapping[str, object]) -> object:
    """The result of an answer, or the error that it tells."""
    match answer:
        case {"result": result}:
            return result
        case {"error": error}:
            raise read_error(error)
        case {"unreadable": str(why)} | {"changed": str(why)}:
            from iac.rendering.content import ContentMismatch, MalformedContent  # brings in Jinja2

            raise MalformedContent(why) if "unreadable" in answer else ContentMismatch(why)
    raise MalformedAnswer
