"""A project checked as a whole, offline: its configuration, and the templates that its outputs use."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from iac.clock import SystemClock
from iac.config.definitions import Validation, concerns, validate_project
from iac.core.catalogue import mistake
from iac.core.diagnostics import Diagnostic, Location, sort_key
from iac.core.errors import RenderError


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
    faults = {fault for fault in _faults(root, validation.templates) if not paths or concerns(fault, paths)}
    return replace(validation, diagnostics=tuple(sorted({*validation.diagnostics, *faults}, key=sort_key)))


def _faults(root: Path, names: Collection[str]) -> Iterator[Diagnostic]:
    """What is wrong with templates: one mistake of each, the first."""
    if not names:
        return
    from iac.rendering.renderer import Renderer
    from iac.rendering.template import load_templates, template_file

    renderer = Renderer()
    for name in names:
        try:
            renderer.check(load_templates(root, [name], renderer.references)[name])
        except RenderError as error:
            yield _fault(error, template_file(name))


def _fault(error: RenderError, file: str) -> Diagnostic:
    if error.location is not None:
        return mistake("bad-template", error.why, error.location, fix=error.fix)
    return mistake(
        "bad-template",
        error.summary if error.where == file else f"{error.summary}: {error.where}",
        Location(file),
        why=error.why,
        fix=error.fix,
    )
