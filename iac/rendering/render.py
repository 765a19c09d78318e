"""One output's bytes from its template and the credentials of its clients. Pure: reads and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.rendering.context import template_context
from iac.rendering.engine import compiled, failure
from iac.rendering.limits import MAX_OUTPUT
from iac.rendering.quoting import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iac.core.desired import OutputSpec
    from iac.rendering.context import Credentials, ProjectFacts
    from iac.rendering.template import Template


def check_template(template: Template) -> None:
    """Compile it.

    Raises:
        RenderError: with file and line.
    """
    compiled(template)


def render(template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts) -> bytes:
    """The content of one output, UTF-8.

    Args:
        template: the template that `spec` names.
        spec: the output.
        clients: credentials by address, at least those of `spec.clients`.
        facts: the project.

    Raises:
        RenderError: with the template's file and line; it holds no value of the context.
    """
    program = compiled(template)
    try:
        return b"".join(_limited(program.generate(template_context(spec, clients, facts))))
    except Exception as raw:
        error = failure(raw, template)
    error.where = f"{error.where} (for {spec.path})"
    raise error


def _limited(parts: Iterator[str]) -> Iterator[bytes]:
    size = 0
    for part in parts:
        content = part.encode()
        size += len(content)
        if size > MAX_OUTPUT:
            raise Refused(f"it makes more than {MAX_OUTPUT} bytes", "check its loops")
        yield content
