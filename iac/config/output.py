"""Output files: from what is written to `OutputSpec`, and the rules of their paths and templates."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from iac.config.auth import secrets_of
from iac.config.catalogue import mistake
from iac.config.path import (
    INPUTS,
    PROJECT_FILE,
    TEMPLATES_DIR,
    folded,
    named_file,
    path_inside,
    path_over,
    path_problem,
)
from iac.config.sink import KubernetesSettings
from iac.core.desired import FILE, OutputSpec, output_id
from iac.core.limits import listed
from iac.core.text import nearest
from iac.services import template_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.config.document import Document
    from iac.config.event import Pointer
    from iac.config.settings import Settings
    from iac.config.sink import AgeSettings, SopsSettings
    from iac.core.diagnostics import Diagnostic, Location

_OTHERS = 0o007
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_SECRET_PATH = re.compile(rf"{_LABEL}/(?=[^/]{{1,253}}(/|\Z)){_LABEL}(\.{_LABEL})*(/(?!\.\.)[A-Za-z0-9._-]{{1,253}})?")
"""Names of a namespace (RFC 1123 label) and of a Secret (RFC 1123 subdomain), and perhaps a key of its data."""


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
        self._inputs = (*INPUTS, *_read_besides(root, settings))
        self._folders: dict[str, str] = {}
        self._templates: dict[str, str | None] = {}

    def check(self, spec: OutputSpec, document: Document, pointer: Pointer) -> Iterator[Diagnostic]:
        """What is wrong with one output by itself."""
        yield from self._check_template(spec.template, document.at(*pointer, "template"))
        sink = self._settings.sinks.get(spec.sink)
        if sink is None and spec.sink != FILE:
            yield self._unknown_sink(spec.sink, document.at(*pointer, "sink"))
        elif isinstance(sink, KubernetesSettings):
            yield from _check_secret(spec, document, pointer)
        else:
            yield from self._check_path(spec.path, document.at(*pointer, "path"))
            where = document.at(*pointer, "mode" if sink is None else "sink")
            yield from self._check_sealed(spec, sink, where) if sink else _check_mode(spec, where)

    def place(self, spec: OutputSpec) -> str:
        """What no other output may have: a path of the project, or a Secret of a sink, as `SINK://NAMESPACE/NAME`."""
        if isinstance(self._settings.sinks.get(spec.sink), KubernetesSettings):
            return output_id(spec.sink, "/".join(spec.path.split("/")[:2]))
        return spec.path

    def _unknown_sink(self, name: str, where: Location) -> Diagnostic:
        known = [FILE, *self._settings.sinks]
        fix = nearest(name, known) or f"name it under sinks in {PROJECT_FILE}; there are {listed(known)}"
        summary = f"environment {self._settings.environment} has no sink {name}"
        return mistake("unknown-sink", summary, where, fix=fix)

    def _check_sealed(
        self, spec: OutputSpec, sink: AgeSettings | SopsSettings, where: Location
    ) -> Iterator[Diagnostic]:
        if not sink.recipients and not self._settings.state.recipients:
            why = "it names no recipients, and the state has none"
            fix = f"sinks: {{{spec.sink}: {{recipients: [age1...]}}}}"
            yield mistake("no-recipients", f"sink {spec.sink} has nobody to encrypt to", where, why=why, fix=fix)

    def _check_path(self, path: str, where: Location) -> Iterator[Diagnostic]:
        if problem := path_problem(path):
            fix = "a path relative to the project, such as out/service.env"
            yield mistake("bad-path", f"{path} cannot be the path of an output: {problem}", where, fix=fix)
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
        there = PurePosixPath(self._folders[folder])
        return "" if ".." in there.parts or (self._root / path).is_symlink() else str(there / name)

    def templates(self) -> set[str]:
        """Templates of the project that its outputs name, those that are there."""
        return {name for name, fix in self._templates.items() if fix is None and name.endswith(".j2")}

    def _check_template(self, name: str, where: Location) -> Iterator[Diagnostic]:
        if name not in self._templates:
            self._templates[name] = self._find_template(name)
        fix = self._templates[name]
        if fix is not None:
            what = f"{TEMPLATES_DIR}/{name}" if name.endswith(".j2") else name
            yield mistake("unknown-template", f"there is no template {what}", where, fix=fix)

    def _find_template(self, name: str) -> str | None:
        """The way on when there is no such template; None when there is."""
        if not name.endswith(".j2"):
            known = "iac new --list names the built-in templates; templates of the project end in .j2"
            return None if name in template_files() else nearest(name, template_files()) or known
        folder = self._root / TEMPLATES_DIR
        path = folder / name
        if not path_problem(name) and path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return None
        return nearest(name, self._files) or f"create {TEMPLATES_DIR}/{name}"

    @cached_property
    def _files(self) -> list[str]:
        folder = self._root / TEMPLATES_DIR
        return [file.relative_to(folder).as_posix() for file in folder.rglob("*.j2")]


def _read_besides(root: Path, settings: Settings) -> Iterator[str]:
    """Files inside the project that settings name: the state, and those of logins, identities and certificates."""
    files = [root / path for path in settings.state.files]
    files += [source.path(root) for source in (*settings.state.secrets, *secrets_of(settings.auth)) if source.is_file]
    files += settings.network.files
    files += [
        named_file(root, sink.kubeconfig)
        for sink in settings.sinks.values()
        if isinstance(sink, KubernetesSettings) and sink.kubeconfig
    ]
    for file in files:
        if inside := path_inside(root, file):
            yield inside


def _check_mode(spec: OutputSpec, where: Location) -> Iterator[Diagnostic]:
    if spec.mode & _OTHERS:
        summary = f"{spec.path} would be open to everybody on the machine (mode {spec.mode:04o})"
        yield mistake("output-open-to-others", summary, where, why="it holds a secret", fix='mode: "0640"')


def _check_secret(spec: OutputSpec, document: Document, pointer: Pointer) -> Iterator[Diagnostic]:
    """The path of a Secret, and keys that mean nothing there."""
    where = document.at(*pointer, "path")
    if not _SECRET_PATH.fullmatch(spec.path):
        why = "a sink of kind kubernetes puts an output into a Secret: NAMESPACE/NAME/KEY, or NAMESPACE/NAME for dotenv"
        fix = f"path: NAMESPACE/NAME/{PurePosixPath(spec.path).name}"
        yield mistake("bad-path", f"{spec.path} names no key of a Secret", where, why=why, fix=fix)
    if (*pointer, "mode") in document.places:
        summary = f"an output of sink {spec.sink} has no mode"
        why = "mode is that of a file, and this is a Secret in a cluster"
        yield mistake("unknown-key", summary, document.at(*pointer, "mode"), why=why, fix="take mode out")


class Paths:
    """Which output has which path; two must not have one, and none may lie inside another."""

    def __init__(self) -> None:
        self._seen: dict[str, Location] = {}

    def claim(self, path: str, where: Location) -> Iterator[Diagnostic]:
        """Take a path for an output, or a Secret."""
        key = folded(path) if "://" not in path else path.casefold()
        if key in self._seen:
            why = f"it is written by {self._seen[key]} already"
            yield mistake("output-twice", f"two outputs are written to {path}", where, why=why, fix="change one path")
        self._seen.setdefault(key, where)

    def check_nesting(self) -> Iterator[Diagnostic]:
        """Outputs whose path goes through the file of another."""
        for key, where in self._seen.items():
            if "://" in key:
                continue
            parents = (str(parent) for parent in PurePosixPath(key).parents)
            over = next((parent for parent in parents if parent in self._seen), "")
            if over:
                why = f"{over} is a file, written by {self._seen[over]}"
                yield mistake(
                    "output-over-output", f"{key} cannot be a file in {over}", where, why=why, fix="change one"
                )
