"""Outputs rendered with made-up credentials, so that what apply would refuse is known before, with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from iac.core.catalogue import mistake
from iac.core.desired import DesiredClient, OutputSpec
from iac.core.errors import Diagnostic, Location, RenderError
from iac.core.secret import Secret
from iac.rendering.context import Credentials, ProjectFacts, dummy_credentials
from iac.rendering.renderer import Renderer
from iac.rendering.template import REFERENCE, Template, is_builtin, template_file
from iac.services import template_roles

_LINE = 160
"""Characters of a template's line that is shown."""


class Rehearsal(Struct, frozen=True):
    """An output, its clients, and where it comes from.

    Attributes:
        kids: the id of the private key in use of each client that has one, by its address.
        secrets: real secrets, by address, where they are known.
    """

    spec: OutputSpec
    clients: Collection[DesiredClient]
    facts: ProjectFacts
    kids: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def credentials(self) -> dict[str, Credentials]:
        """Credentials of its clients, by address: made-up ones, with the secrets that are known."""
        dummies = (
            dummy_credentials(client.address, client.client_id, client.fields, self.kids.get(client.address, ""))
            for client in self.clients
        )
        return {one.address: replace(one, secret=self.secrets.get(one.address, one.secret)) for one in dummies}


def rehearse(
    renderer: Renderer, templates: Mapping[str, Template], outputs: Iterable[Rehearsal]
) -> Iterator[Diagnostic]:
    """What is wrong with each output that cannot be rendered; one whose template is not given is left out."""
    by_template: dict[str, list[Rehearsal]] = {}
    for output in outputs:
        if output.spec.template in templates:
            by_template.setdefault(output.spec.template, []).append(output)
    for name, group in by_template.items():
        cases = [(output.spec, output.credentials, output.facts) for output in group]
        for output, error in zip(group, renderer.rehearse(templates[name], cases), strict=True):
            if error is not None:
                yield _output_mistake(error, output.spec, templates[name])


def _output_mistake(error: RenderError, spec: OutputSpec, template: Template) -> Diagnostic:
    """That an output cannot be rendered, at its place; a mistake in the template alone is at the template's."""
    if error.location is not None:
        return template_mistake(error, spec.template)
    where = error.where.removesuffix(f" (for {spec.path})")
    line = _line(where, template)
    summary = error.why.replace(
        f" of {spec.path}", ""
    )  # its place says which one, and one message for many is shown once
    diagnostic = mistake(
        "bad-output", summary, spec.location, why=f"the line is: {line}" if line else "", fix=_fix(error, spec)
    )
    return replace(diagnostic, where=where)


def _fix(error: RenderError, spec: OutputSpec) -> str:
    """What to do; nobody can correct a built-in template, so there it is what the output or its client lacks."""
    if not is_builtin(spec.template) or error.fix != REFERENCE:
        return error.fix
    roles = template_roles(spec.template)
    if len(roles) > 1 and not set(roles) <= set(spec.names):
        clients = ", ".join(f"{role}: ADDRESS" for role in roles)
        return f"write the output in iac.yaml, with clients: {{{clients}}}"
    return "give the client what the template reads there, or choose another template"


def _line(where: str, template: Template) -> str:
    """The line of the template, or of one that it uses, that an error names; "" for a long one, or for none."""
    file, _, number = where.rpartition(":")
    texts = {template_file(name): text for name, text in template.texts.items()}
    lines = texts.get(file, "").splitlines()
    line = lines[int(number) - 1].strip() if number.isdecimal() and int(number) <= len(lines) else ""
    return line if len(line) <= _LINE else ""


def template_mistake(error: RenderError, name: str) -> Diagnostic:
    """That a template cannot be used, whatever it is given."""
    if error.location is not None:
        return mistake("bad-template", error.why, error.location, fix=error.fix)
    file = template_file(name)
    return mistake(
        "bad-template",
        error.summary if error.where == file else f"{error.summary}: {error.where}",
        Location(file),
        why=error.why,
        fix=error.fix,
    )
