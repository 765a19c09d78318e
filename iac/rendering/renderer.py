"""Renders templates: built-ins here, those of the project in a process of their own, under limits.

Importing this costs nothing; Jinja2 comes in with the first template that is needed, and the process is started for the
first one of the project. One process serves a whole command; after a failure the next template gets another.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from iac.core.desired import OutputSpec
from iac.core.errors import RenderError
from iac.rendering.limits import MANY, MAX_ANSWER, MEMORY, PATIENCE, TOO_LONG, TOO_MANY, TOO_MUCH
from iac.rendering.template import FAILED, Template, is_builtin, template_file

if TYPE_CHECKING:
    from iac.process import ProcessError, Worker
    from iac.rendering.content import FileCredentials
    from iac.rendering.context import Credentials, ProjectFacts

Result = TypeVar("Result")

_FUNCTION = "iac.rendering.answer:answer"
_JUNK = "the process that renders it gave no answer that can be read"
_LOOK = "look for large powers, repetitions and loops in it"


class Renderer:
    """Everything that is done with the text of a template."""

    def __init__(self, function: str = _FUNCTION) -> None:
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
        from iac.rendering.wire import read_names  # for templates of the project alone

        return self._ask(name, "references", {"text": text}, read_names)

    def check(self, template: Template) -> None:
        """Compile a template.

        Raises:
            RenderError: with file and line.
        """
        if is_builtin(template.name):
            from iac.rendering.engine import compiled  # brings in Jinja2

            compiled(template)
            return
        from iac.rendering.wire import write_template  # for templates of the project alone

        self._ask(template.name, "check", {"template": write_template(template)}, lambda _: None)

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
        from iac.rendering.wire import read_content, write_output  # for templates of the project alone

        return self._ask(template.name, "render", write_output(template, spec, clients, facts), read_content)

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
            Unreadable: a value cannot be read back from what the template makes of it.
            NotAsRendered: the file is not as its template makes it.
        """
        if is_builtin(template.name):
            from iac.rendering.content import read_credentials  # brings in Jinja2

            return read_credentials(content, template, spec, clients, facts)
        from iac.rendering.wire import read_found, write_output  # for templates of the project alone

        question = {**write_output(template, spec, clients, facts), "content": content.decode("latin-1")}
        return self._ask(template.name, "read", question, lambda answer: read_found(answer, spec.clients))

    def _ask(self, name: str, what: str, question: dict[str, Any], read: Callable[[object], Result]) -> Result:
        """What the process answers to a question about a template. Whoever writes bad ones keeps no job for long."""
        if self._exceeding >= MANY:
            raise RenderError(FAILED, where=template_file(name), why=TOO_MANY, fix="correct those first")
        try:
            return self._answer(name, what, question, read)
        except RenderError as error:
            self._exceeding += error.why in {TOO_LONG, TOO_MUCH}
            raise

    def _answer(self, name: str, what: str, question: dict[str, Any], read: Callable[[object], Result]) -> Result:
        from iac.process import ProcessError  # for templates of the project alone
        from iac.rendering.wire import Junk, pack, unpack

        worker = self._worker = self._worker or self._new_worker()
        try:
            answer = unpack(
                worker.ask(pack({"what": what, "name": name, **question}), seconds=PATIENCE, limit=MAX_ANSWER)
            )
            if answer.get("is_last"):
                worker.close()
            return read(_result(answer))
        except ProcessError as error:
            why = _why(error)
        except OSError as error:
            why = f"the process that renders it cannot be started: {error.strerror}"
        except Junk:
            worker.close()
            why = _JUNK
        raise RenderError(FAILED, where=template_file(name), why=why, fix=_LOOK)

    def _new_worker(self) -> Worker:
        from iac.process import Worker  # for templates of the project alone

        worker = Worker(self._function, memory=MEMORY)
        weakref.finalize(self, worker.close)  # however a command ends, no process is left behind
        return worker


def _result(answer: Mapping[str, object]) -> object:
    """The result of an answer, or the error that it tells."""
    match answer:
        case {"result": result}:
            return result
        case {"error": error}:
            from iac.rendering.wire import read_error  # only for an error

            raise read_error(error)
        case {"unreadable": str(why)}:
            from iac.rendering.content import Unreadable  # brings in Jinja2

            raise Unreadable(why)
        case {"changed": str(why)}:
            from iac.rendering.content import NotAsRendered  # brings in Jinja2

            raise NotAsRendered(why)
    from iac.rendering.wire import Junk  # only for an error

    raise Junk


def _why(error: ProcessError) -> str:
    """Why a template got no answer."""
    from iac.process import Failure  # for templates of the project alone

    return {
        Failure.LATE: TOO_LONG,
        Failure.MEMORY: TOO_MUCH,
        Failure.LONG: _JUNK,
        Failure.ENDED: "the process that renders it ended",
    }[error.failure]
