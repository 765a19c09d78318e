"""The project: iac.yaml, read and checked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from iac.config.complaint import check_schema
from iac.config.document import Document, read_document
from iac.config.layers import environment_names
from iac.config.settings import Settings, check_settings, parse_settings
from iac.core.catalogue import mistake
from iac.core.diagnostics import Diagnostic, Location, Severity, sort_key
from iac.core.errors import InputError, InvalidInput
from iac.core.limits import listed
from iac.core.text import nearest
from iac.ports.path import PROJECT_FILE


@dataclass(frozen=True, slots=True)
class Project:
    """A project whose iac.yaml is valid.

    Attributes:
        root: its folder.
        environments: settings by the name of the environment, in the order declared; `default` alone when none is.
        changed: where settings were taken from another iac.yaml, in what this one differs.
    """

    root: Path
    document: Document
    environments: dict[str, Settings]
    changed: tuple[Diagnostic, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Names of environments that definitions may speak of."""
        return frozenset({*self.environments, *environment_names(self.document.value)})

    def settings(self, environment: str | None = None) -> Settings:
        """The settings of one environment; None for the only one there is.

        Raises:
            InputError: no such environment, or several and none is named.
        """
        if environment is None and len(self.environments) == 1:
            return next(iter(self.environments.values()))
        known = listed(self.environments)
        if environment is None:
            raise InputError("the project has several environments", why=known, fix="choose one: --env NAME")
        if environment not in self.environments:
            fix = nearest(environment, self.environments) or f"environments of this project: {known}"
            raise InputError("no such environment", where=environment, fix=fix)
        return self.environments[environment]


def load_project(root: Path) -> Project:
    """Read iac.yaml.

    Raises:
        InvalidInput: with every mistake in it.
    """
    project, diagnostics = read_project(root)
    if project is None:
        raise InvalidInput(sorted(diagnostics, key=sort_key))
    return project


def read_project(root: Path) -> tuple[Project | None, list[Diagnostic]]:
    """The project, None when iac.yaml has a mistake, and all of them."""
    if os.path.lexists(root / PROJECT_FILE) and not (root / PROJECT_FILE).is_file():
        return None, [mistake("file-unreadable", "this is no file", Location(PROJECT_FILE), fix="move it away")]
    if not (root / PROJECT_FILE).is_file():
        fix = f"iac init makes one; -C DIR names another folder than {root}"
        return None, [mistake("no-project", f"there is no {PROJECT_FILE} here", Location(PROJECT_FILE), fix=fix)]
    if not (root / PROJECT_FILE).resolve().is_relative_to(root.resolve()):
        summary = "the file is a symbolic link out of the project"
        return None, [mistake("outside-project", summary, Location(PROJECT_FILE), fix="copy it here")]
    document, diagnostics = read_document(root, PROJECT_FILE)
    if document is None:
        return None, diagnostics
    diagnostics += [said for _, said in check_schema(document, "project")]
    if diagnostics:
        return None, diagnostics
    names = environment_names(document.value)
    settings = [parse_settings(root, document.value, name) for name in names]
    diagnostics = list(check_settings(document, settings))
    return (
        None if has_errors(diagnostics) else Project(root, document, dict(zip(names, settings, strict=True)))
    ), diagnostics


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether one of them stops."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
