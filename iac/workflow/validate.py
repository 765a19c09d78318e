"""A project checked as a whole, offline: its configuration, and the templates that its outputs use."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from iac.clock import SystemClock
from iac.config.definitions import Validation, concerns, validate_project
from iac.config.output import DeclaredOutput
from iac.core.errors import Diagnostic, Location, RenderError, sort_key
from iac.rendering.context import ProjectFacts
from iac.rendering.rehearsal import Rehearsal, rehearse, template_mistake
from iac.rendering.renderer import Renderer
from iac.rendering.template import Template, load_templates


def validate(
    root: Path,
    paths: Collection[str] = (),
    environment: str | None = None,
    today: date | None = None,
    base: Path | None = None,
) -> Validation:
    """Check a project in all its environments; `paths` limit the report and `base` has the settings, as told there.

    Waivers end by `today`; by the system's clock when it is None.

    Raises:
        InputError: no such environment, or no such base.
        InvalidInput: the base has mistakes.
    """
    validation = validate_project(root, paths, environment, today or SystemClock().now().date(), base)
    faults = {fault for fault in _faults(root, validation) if not paths or _concerns(fault, paths)}
    return replace(validation, diagnostics=tuple(sorted({*validation.diagnostics, *faults}, key=sort_key)))


def _concerns(fault: Diagnostic, paths: Collection[str]) -> bool:
    """Whether it is about one of these files, or an output cannot be rendered for what stands in one."""
    template = Location(fault.where.partition(":")[0])
    return concerns(fault, paths) or concerns(replace(fault, location=template), paths)


def _faults(root: Path, validation: Validation) -> Iterator[Diagnostic]:
    """What is wrong with templates, one mistake of each, the first; then with outputs, which are rendered."""
    names = validation.templates | {output.spec.template for output in validation.outputs}
    if not names:
        return
    renderer = Renderer()
    templates: dict[str, Template] = {}
    for name in sorted(names):
        try:
            template = load_templates(root, [name], renderer.references)[name]
            renderer.check(template)
        except RenderError as error:
            yield template_mistake(error, name)
        else:
            templates[name] = template
    yield from rehearse(renderer, templates, map(_rehearsal, validation.outputs))


def _rehearsal(output: DeclaredOutput) -> Rehearsal:
    """As apply will render it. A client with a public key is taken for one whose private key `iac keygen` made."""
    keyed = {client.address: "made-up" for client in output.clients if {"jwk", "jwks_uri"} & client.fields.keys()}
    facts = ProjectFacts(output.project, output.environment, output.issuer)
    return Rehearsal(output.spec, output.clients, facts, keyed)
