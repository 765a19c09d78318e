"""The project: iac.yaml, read and checked, and its settings from another iac.yaml.

A job that plans a pull request gives its login to whatever iac.yaml names. So it takes the settings, which say where
credentials go and what is allowed, from the branch that the pull request would go to, and says what the pull request
changes of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from iac.config.complaint import check_schema
from iac.config.layers import environment_names
from iac.config.settings import Settings, check_settings, parse_settings
from iac.core.catalogue import mistake
from iac.core.errors import Diagnostic, InputError, InvalidInput, Location, Severity, sort_key
from iac.core.text import listed, nearest, side_by_side
from iac.document import Document, Pointer, read_document
from iac.ports.path import PROJECT_FILE


class Project(Struct, frozen=True):
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
            raise InputError(
                "no such environment",
                where=environment,
                fix=nearest(environment, self.environments) or f"environments of this project: {known}",
            )
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
        return None, [mistake("file-unreadable", "this is not a file", Location(PROJECT_FILE), fix="move it away")]
    if not (root / PROJECT_FILE).is_file():
        return None, [
            mistake(
                "no-project",
                f"there is no {PROJECT_FILE} here or above",
                Location(PROJECT_FILE),
                fix=f"iac init makes one; -C DIR names another folder than {root}",
            )
        ]
    if not (root / PROJECT_FILE).resolve().is_relative_to(root.resolve()):
        return None, [
            mistake(
                "outside-project",
                "the file is a symbolic link out of the project",
                Location(PROJECT_FILE),
                fix="copy it here",
            )
        ]
    document, diagnostics = read_document(root, PROJECT_FILE)
    if document is None:
        return None, diagnostics
    diagnostics += [diagnostic for _, diagnostic in check_schema(document, "project")]
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


WANTED = frozenset({"defaults", "outputs", "removed", "moved"})
"""Keys of iac.yaml that say what is wanted, as definitions do. Every other key is a setting, also those to come."""

WANTED_OF_ENVIRONMENT = frozenset({"clients", "defaults", "outputs", "outputs+", "removed"})
"""The same of an environment."""

_ENVIRONMENTS = "environments"
_NOT_SET = object()


def with_base(project: Project, file: Path) -> Project:
    """The project with the settings of another iac.yaml, and a warning for each setting in which the two differ.

    Args:
        project: the project as it is.
        file: the other iac.yaml; the files that its settings name are found from its folder.

    Raises:
        InputError: the file does not exist, or is not an iac.yaml.
        InvalidInput: it has mistakes.
    """
    base = _load(file)
    own, theirs = project.document.value, base.document.value
    value = {**_without(theirs, WANTED), **_only(own, WANTED), **_environments(own, theirs)}
    document = replace(project.document, value=value, faulty=())
    environments = {name: parse_settings(base.root, value, name) for name in base.environments}
    changed = tuple(_differences(project.document, _settings(own), _settings(theirs)))
    return replace(project, document=document, environments=environments, changed=changed)


def _load(file: Path) -> Project:
    if file.name != PROJECT_FILE or not os.path.lexists(file):
        raise InputError(
            "there are no settings to take",
            where=str(file),
            why="the base has no iac.yaml" if file.name == PROJECT_FILE else f"its name is not {PROJECT_FILE}",
            fix="name the iac.yaml of the base; where it has none yet, merge one by itself first",
        )
    try:
        return load_project(file.parent)
    except InvalidInput as invalid:
        placed = [diagnostic for diagnostic in invalid.diagnostics if diagnostic.location]
        located = [
            replace(diagnostic, location=diagnostic.location._replace(file=str(file)))
            for diagnostic in placed
            if diagnostic.location
        ]
        raise InvalidInput(sorted(located, key=sort_key)) from None


def _without(value: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if key not in keys}


def _only(value: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if key in keys}


def _environments(own: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The environments of both, each with the base's settings, if it has any, and what the project wants of it."""
    settings, wanted = theirs.get(_ENVIRONMENTS) or {}, own.get(_ENVIRONMENTS) or {}
    merged = {
        name: {
            **_without(settings.get(name) or {}, WANTED_OF_ENVIRONMENT),
            **_only(wanted.get(name) or {}, WANTED_OF_ENVIRONMENT),
        }
        for name in [*settings, *(name for name in wanted if name not in settings)]
    }
    return {_ENVIRONMENTS: merged} if merged else {}


def _settings(value: Mapping[str, Any]) -> dict[Pointer, Any]:
    """Every setting by its place: mappings taken apart, lists whole."""
    top = _without(value, WANTED | {_ENVIRONMENTS})
    environments = value.get(_ENVIRONMENTS) or {}
    settings = dict(_leaves((), top))
    for name, part in environments.items():
        settings[_ENVIRONMENTS, name] = {}
        settings |= dict(_leaves((_ENVIRONMENTS, name), _without(part or {}, WANTED_OF_ENVIRONMENT)))
    return settings


def _leaves(pointer: Pointer, value: Any) -> Iterator[tuple[Pointer, Any]]:
    if isinstance(value, dict) and (value or not pointer):
        for key, part in value.items():
            yield from _leaves((*pointer, key), part)
    else:
        yield pointer, value


def _differences(document: Document, own: Mapping[Pointer, Any], theirs: Mapping[Pointer, Any]) -> Iterator[Diagnostic]:
    for pointer in [*own, *(pointer for pointer in theirs if pointer not in own)]:
        before, after = theirs.get(pointer, _NOT_SET), own.get(pointer, _NOT_SET)
        if not _is_same(before, after):
            before, after = side_by_side(_shown(before), _shown(after), 120)  # characters of a value in a message
            yield mistake(
                "settings-changed",
                f"{'.'.join(map(str, pointer))} is {after} here and {before} in the base",
                document.at(*pointer),
                why="the base's is used until this is merged",
                fix="review it like credentials: after the merge it decides where they go and what iac refuses",
            )


def _is_same(before: Any, after: Any) -> bool:
    """Whether two values are the same of the same type. What is shown of them never decides that: it may be cut."""
    if before is _NOT_SET or after is _NOT_SET:
        return before is after
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def _shown(value: Any) -> str:
    if value is _NOT_SET:
        return "not set"
    return "set" if value == {} else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
