"""Output files: from what is written to `OutputSpec`, and the rules of their paths and templates."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from iac.config.complaint import check_values
from iac.config.settings import Settings
from iac.core.catalogue import mistake
from iac.core.desired import FILE, DesiredClient, OutputSpec
from iac.core.errors import Diagnostic, Location
from iac.core.plan.change import parse_recipients
from iac.core.text import listed, nearest
from iac.document import Document, Pointer
from iac.ports.path import (
    INPUTS,
    PROJECT_FILE,
    TEMPLATES_DIR,
    folded,
    named_file,
    path_inside,
    path_over,
    path_problem,
)
from iac.services import template_files

_KEYS = ("template", "path", "sink", "mode", "values", "clients")


class DeclaredOutput(Struct, frozen=True):
    """An output that could be rendered: its clients, and of which project, environment and issuer they are."""

    spec: OutputSpec
    clients: tuple[DesiredClient, ...]
    project: str
    environment: str
    issuer: str


def parse_output(document: Document, pointer: Pointer, value: dict[str, Any], address: str = "") -> OutputSpec:
    """An entry of `outputs` that its schema has passed; of one definition when an address is given."""
    clients = value.get("clients", [address])
    return OutputSpec(
        template=value["template"],
        path=str(PurePosixPath(value["path"])),
        clients=tuple(clients.values() if isinstance(clients, dict) else clients),
        location=document.at(*pointer),
        names=tuple(clients) if isinstance(clients, dict) else (),
        sink=value.get("sink", FILE),
        mode=int(value.get("mode", "0600"), 8),
        values=value.get("values", {}),
    )


def sealed_to(settings: Settings, spec: OutputSpec, clients: Iterable[DesiredClient]) -> OutputSpec:
    """The output with what its sink's settings add: their hash, and to whom it is sealed."""
    sink = settings.sinks.get(spec.sink)
    if sink is None:
        return spec
    if not sink.is_sealed:
        return replace(spec, form=sink.form)
    usual = parse_recipients([*settings.state.recipients, *(key for client in clients for key in client.recipients)])
    return replace(spec, form=sink.form, recipients=sink.sealed_to or usual)


class OutputRules:
    """The rules of outputs in one project; what was asked of the file system is asked once.

    Args:
        root: the project's folder.
        settings: of the environment: its sinks, and the files that it reads, over which nothing is rendered.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root = root
        self._real = root.resolve()
        self._settings = settings
        self._inputs = (*INPUTS, *_setting_files(root, settings))
        self._folders: dict[str, str] = {}
        self._templates: dict[str, str | None] = {}

    def check(self, spec: OutputSpec, document: Document, pointer: Pointer) -> Iterator[Diagnostic]:
        """What is wrong with one output by itself."""
        if spec.template not in self._templates:
            self._templates[spec.template] = self._find_template(spec.template)
        fix = self._templates[spec.template]
        if fix is not None:
            file = f"{TEMPLATES_DIR}/{spec.template}" if spec.template.endswith(".j2") else spec.template
            yield mistake(
                "unknown-template", f"there is no template {file}", document.at(*pointer, "template"), fix=fix
            )
        if spec.template in template_files():
            yield from check_values(document, pointer, spec.template, spec.values)
        sink = self._settings.sinks.get(spec.sink)
        if sink is None:
            known = list(self._settings.sinks)
            yield mistake(
                "unknown-sink",
                f"environment {self._settings.environment} has no sink {spec.sink}",
                document.at(*pointer, "sink"),
                fix=nearest(spec.sink, known) or f"name it under sinks in {PROJECT_FILE}; there are {listed(known)}",
            )
            return
        if sink.is_file:
            yield from self._check_path(spec.path, document.at(*pointer, "path"))
        if sink.is_sealed and not (sink.sealed_to or self._settings.state.recipients):
            yield mistake(
                "no-recipients",
                f"sink {spec.sink} has no recipients",
                document.at(*pointer, "sink"),
                why="it names no recipients, and the state has none",
                fix=f"sinks: {{{spec.sink}: {{recipients: [age1...]}}}}",
            )

        def say(rule: str, key: str, summary: str, *, why: str = "", fix: str = "") -> Diagnostic:
            return mistake(rule, summary, document.at(*pointer, key), why=why, fix=fix)

        written = frozenset(key for key in _KEYS if document.has(*pointer, key))
        yield from sink.check(spec, written, say)

    def place(self, spec: OutputSpec) -> str:
        """What no other output may have: a path of the project, or a Secret of a sink, as `SINK://NAMESPACE/NAME`."""
        sink = self._settings.sinks.get(spec.sink)
        return sink.place(spec) if sink else spec.path

    def _check_path(self, path: str, where: Location) -> Iterator[Diagnostic]:
        if problem := path_problem(path):
            yield mistake(
                "bad-path",
                f"{path} cannot be the path of an output: {problem}",
                where,
                fix="write a path relative to the project, such as out/service.env",
            )
            return
        real = self._real_path(path)
        if over := path_over(path, self._inputs) or path_over(real, self._inputs):
            summary = f"{path} would be written over what iac, git or a forge reads ({over})"
            yield mistake("output-over-input", summary, where, fix="write it to another folder, such as out/")
        elif not real:
            summary = f"{path} leads out of the project by a symbolic link"
            yield mistake("outside-project", summary, where, fix="remove the link")

    def _real_path(self, path: str) -> str:
        """The path without the links on its way; "" when they lead out of the project, or it is one itself."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = os.path.relpath(os.path.realpath(self._root / folder), self._real)
        real_folder = PurePosixPath(self._folders[folder])
        with suppress(PermissionError):  # a folder that is another user's: whoever writes there looks again
            if (self._root / path).is_symlink():
                return ""
        return "" if ".." in real_folder.parts else str(real_folder / name)

    def templates(self) -> set[str]:
        """Templates of the project that its outputs name, those that are there."""
        return {name for name, fix in self._templates.items() if fix is None and name.endswith(".j2")}

    def _find_template(self, name: str) -> str | None:
        """The fix for a template that does not exist; None for one that does."""
        if not name.endswith(".j2"):
            fix = "iac new --list names the built-in templates; templates of the project end in .j2"
            return None if name in template_files() else nearest(name, template_files()) or fix
        folder = self._root / TEMPLATES_DIR
        path = folder / name
        if not path_problem(name) and path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return None
        known = [file.relative_to(folder).as_posix() for file in folder.rglob("*.j2")]
        return nearest(name, known) or f"create {TEMPLATES_DIR}/{name}"


def _setting_files(root: Path, settings: Settings) -> Iterator[str]:
    """Files inside the project that settings name: the state, and those of logins, identities and certificates."""
    place = settings.state.place
    files = [root / place.file] if place.file else []
    files += [source.path(root) for source in (*settings.state.secrets, *settings.login_secrets) if source.is_file]
    files += settings.network.files
    files += [named_file(root, name) for sink in settings.sinks.values() for name in sink.files]
    for file in files:
        if inside := path_inside(root, file):
            yield inside


class OutputPaths:
    """Which output has which path; two must not have one, and none may lie inside another."""

    def __init__(self) -> None:
        self._places: dict[str, Location] = {}

    def claim(self, path: str, where: Location) -> Iterator[Diagnostic]:
        """Take a path for an output, or a Secret."""
        key = folded(path) if "://" not in path else path.casefold()
        if key in self._places:
            yield mistake(
                "output-twice",
                f"two outputs are written to {path}",
                where,
                why=f"it is written by {self._places[key]} already",
                fix="change one path",
            )
        self._places.setdefault(key, where)

    def check_nesting(self) -> Iterator[Diagnostic]:
        """Outputs whose path goes through the file of another."""
        for key, where in self._places.items():
            if "://" in key:
                continue
            parents = (str(parent) for parent in PurePosixPath(key).parents)
            if over := next((parent for parent in parents if parent in self._places), ""):
                yield mistake(
                    "output-over-output",
                    f"{key} cannot be a file in {over}",
                    where,
                    why=f"{over} is a file, written by {self._places[over]}",
                    fix="change one",
                )
