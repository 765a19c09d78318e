"""Renders templates: built-ins here, those of the project in a process of their own, under limits.

Importing this costs nothing; Jinja2 comes in with the first template that is needed, and the process is started for the
first one of the project. One process serves a whole command; after a failure the next template gets another.

Questions to that process and its answers are JSON. A question comes from iac itself. An answer comes from a process
that ran a stranger's template: its form is checked. Clear secrets are in both, so they go through pipes only.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, convert, to_builtins

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
from iac.core.secret import Secret, Unshown
from iac.rendering.context import Credentials, ProjectFacts
from iac.rendering.template import FAILED, Template, is_builtin

if TYPE_CHECKING:
    from iac.process import Worker
    from iac.rendering.content import FileCredentials


class MalformedAnswer(Exception):
    """An answer of another form."""


Output = tuple[OutputSpec, Mapping[str, Credentials], ProjectFacts]
"""All that a template is given."""

Result = TypeVar("Result")
Message = TypeVar("Message")


class Question(Unshown, frozen=True, omit_defaults=True):
    """What to do with a template, for these outputs, with the content of the file of the first."""

    what: str
    template: Template
    outputs: Sequence[Output] = ()
    content: bytes = b""


class TemplateAnswer(Unshown, Generic[Result], frozen=True, omit_defaults=True):
    """A result, or why there is none: `unreadable` and `changed` are of a file. Nothing follows the last answer."""

    result: Result | UnsetType = UNSET
    error: RenderError | None = None
    unreadable: str = ""
    changed: str = ""
    is_last: bool = False


def pack(message: Struct) -> bytes:
    """A question or an answer as bytes."""
    return json.dumps(to_builtins(message, enc_hook=_to_json)).encode()


def unpack(data: bytes, kind: type[Message]) -> Message:
    """A question or an answer.

    Raises:
        MalformedAnswer: it has another form.
    """
    try:
        return convert(json.loads(data), kind, dec_hook=_from_json)
    except (ValueError, RecursionError):
        raise MalformedAnswer from None


def _to_json(value: Secret | RenderError) -> object:
    """A secret as its text, and an error, which holds no value of what a template was given, as its parts."""
    if isinstance(value, Secret):
        return value.reveal()
    return value.where, value.why, value.fix, value.location and value.location[:2]


def _from_json(kind: type, value: object) -> Secret | RenderError:
    if kind is Secret:
        return Secret(convert(value, str))
    where, why, fix, place = convert(value, tuple[str, str, str, tuple[str, int] | None])
    error = RenderError(FAILED, location=Location(*place) if place else None, why=why, fix=fix)
    error.where = where
    return error


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
        return self._ask(Question("references", Template(name, "", {name: text})), TemplateAnswer[list[str]])

    def entries(self, template: Template) -> frozenset[str] | None:
        """Names of entries of a client that a template may read; None for all of them.

        Raises:
            RenderError: its syntax, or it takes too much.
        """
        return self._ask(Question("entries", template), TemplateAnswer[frozenset[str] | None])

    def check(self, template: Template) -> None:
        """Compile a template.

        Raises:
            RenderError: with file and line.
        """
        self._ask(Question("check", template), TemplateAnswer[None])

    def render(
        self, template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts
    ) -> bytes:
        """The content of one output, as `iac.rendering.engine.render` makes it.

        Raises:
            RenderError: with the template's file and line; it holds no value that the template was given.
        """
        return self._ask(Question("render", template, [_output(spec, clients, facts)]), TemplateAnswer[bytes])

    def rehearse(self, template: Template, outputs: Sequence[Output]) -> list[RenderError | None]:
        """Why outputs of one template cannot be rendered, each by itself; None for one that can."""
        if is_builtin(template.name):
            return [self._attempt(template, *output) for output in outputs]
        errors: list[RenderError | None] = []
        while len(errors) < len(outputs):
            batch = outputs[len(errors) : len(errors) + _BATCH]
            errors += self._rehearse(template, batch) or [self._attempt(template, *output) for output in batch]
        return errors

    def _rehearse(self, template: Template, outputs: Sequence[Output]) -> list[RenderError | None]:
        """What the process answers about the first of these outputs; nothing when it has died over one of them."""
        question = Question("rehearse", template, [_output(*output) for output in outputs])
        length = Meta(min_length=1, max_length=len(outputs))
        try:
            errors = self._ask(question, TemplateAnswer[Annotated[list[RenderError | None], length]])
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
        from iac.rendering.content import FileCredentials  # brings in Jinja2

        question = Question("read", template, [_output(spec, clients, facts)], content)
        addresses = dict.fromkeys(spec.clients)
        length = Meta(min_length=len(addresses), max_length=len(addresses))
        credentials = self._ask(question, TemplateAnswer[Annotated[list[FileCredentials], length]])
        return dict(zip(addresses, credentials, strict=True))

    def _ask(self, question: Question, kind: type[TemplateAnswer[Result]]) -> Result:
        """The answer to a question. Whoever writes bad templates keeps no job for long."""
        if is_builtin(question.template.name):
            result: Result = result_of(question)
            return result
        if self._exceeding >= TEMPLATE_FAILURES:
            raise RenderError(FAILED, where=question.template.file, why=TOO_MANY, fix="correct those first")
        try:
            return self._answer(question, kind)
        except RenderError as error:
            self._exceeding += _is_exceeding(error)
            raise

    def _answer(self, question: Question, kind: type[TemplateAnswer[Result]]) -> Result:
        from iac.process import Failure, ProcessError, Worker  # for templates of the project alone

        if self._worker is None:
            self._worker = Worker(self._function, memory=WORKER_MEMORY)
            weakref.finalize(self, self._worker.close)  # however a command ends, no process is left behind
        try:
            reply = self._worker.ask(pack(question), seconds=WORKER_PATIENCE, limit=WORKER_ANSWER_BYTES)
            answer = unpack(reply, kind)
            if answer.is_last:
                self._worker.close()
            return _result(answer)
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
        raise RenderError(FAILED, where=question.template.file, why=why, fix=fix)


def result_of(question: Question) -> Any:
    """What a question about one output asks for, without limits."""
    from iac.rendering.engine import compile_template, references, render  # brings in Jinja2

    template = question.template
    match question.what:
        case "references":
            return references(template.name, template.text)
        case "entries":
            from iac.rendering.reads import entries_read  # for this question alone

            return entries_read(template)
        case "check":
            compile_template(template)
            return None
        case "render":
            return render(template, *question.outputs[0])
        case "read":
            from iac.rendering.content import read_credentials  # brings in YAML, for iac verify alone

            return list(read_credentials(question.content, template, *question.outputs[0]).values())
        case other:
            raise ValueError(f"no such question: {other}")


def _is_exceeding(error: RenderError | None) -> bool:
    return error is not None and error.why in {TOO_LONG, TOO_MUCH}


def _output(spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts) -> Output:
    """An output with its own clients alone."""
    return spec, {address: clients[address] for address in spec.clients}, facts


def _result(answer: TemplateAnswer[Result]) -> Result:
    """The result of an answer, or the error that it tells."""
    if answer.result is not UNSET:
        return answer.result
    if answer.error:
        raise answer.error
    if answer.unreadable or answer.changed:
        from iac.rendering.content import ContentMismatch, MalformedContent  # brings in Jinja2

        raise MalformedContent(answer.unreadable) if answer.unreadable else ContentMismatch(answer.changed)
    raise MalformedAnswer
