"""All definitions of a project, in the environments asked for: `load_environment` and `validate_project`.

One file at a time is in memory with its positions; what stays of it is its `DesiredClient` in each environment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from iac.config.definition import policy_diagnostics
from iac.config.environment import Environment, Known, parse_removed
from iac.config.layers import Layer, folder_layers, read_layer
from iac.config.output import DeclaredOutput
from iac.config.project import Project, has_errors, load_project, read_project, with_base
from iac.config.settings import Settings, check_sources
from iac.config.tree import Tree, read_tree
from iac.core.catalogue import mistake
from iac.core.desired import Desired
from iac.core.errors import Diagnostic, InvalidInput, Severity, sort_key
from iac.core.text import listed, nearest
from iac.ports.path import PROJECT_FILE

__all__ = ["Validation", "concerns", "load_environment", "load_project", "validate_project"]


class Validation(Struct, frozen=True):
    """What validation found.

    Attributes:
        definitions: how many definition files there are.
        environments: names of the environments that were checked; empty when iac.yaml could not be used.
        templates: templates of the project that outputs name; they are not looked into.
        outputs: outputs without a mistake, of clients without one; they are not rendered.
    """

    diagnostics: tuple[Diagnostic, ...]
    definitions: int
    environments: tuple[str, ...]
    templates: frozenset[str] = frozenset()
    outputs: tuple[DeclaredOutput, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether nothing stops."""
        return not has_errors(self.diagnostics)


def load_environment(
    project: Project, name: str | None = None, *, may_be_empty: bool = False
) -> tuple[Desired, Settings, list[Diagnostic]]:
    """What one environment wants, its settings, and the warnings; what policy found goes with each client.

    Args:
        project: the project.
        name: the environment; None for the only one there is.
        may_be_empty: whether a project without definitions is right: for what only looks at the server.

    Raises:
        InputError: no such environment, or several and none is named.
        InvalidInput: with every mistake in the definitions.
    """
    settings = project.settings(name)
    loader = Loader(project.root, project, [settings])
    loader.collect(project.changed)
    loader.collect(check_sources(project.document, settings))
    loader.load(read_tree(project.root))
    diagnostics = loader.diagnostics()
    if may_be_empty:
        diagnostics = [diagnostic for diagnostic in diagnostics if diagnostic.id != "no-definitions"]
    if has_errors(diagnostics):
        raise InvalidInput([diagnostic for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR])
    return loader.environments[0].desired(), settings, diagnostics


def validate_project(
    root: Path,
    paths: Collection[str] = (),
    environment: str | None = None,
    today: date | None = None,
    base: Path | None = None,
) -> Validation:
    """Check a project in all its environments.

    Args:
        root: the project's folder.
        paths: files and folders, relative to the project, to whose mistakes the report is limited; empty for all. An
            iac.yaml that cannot be used is always in it, for then nothing is checked as a whole.
        environment: the only one to check; None for all.
        today: the day by which waivers end; None when none is to end.
        base: the iac.yaml that settings are taken from; None for the project's own.

    Raises:
        InputError: no such environment, or no such base.
        InvalidInput: the base has mistakes.
    """
    project, diagnostics = read_project(root)
    if project and base:
        project = with_base(project, base)
    if project is None and diagnostics[0].id == "no-project":
        return Validation(tuple(diagnostics), 0, ())
    all_settings = list(project.environments.values()) if project else []
    if project and environment is not None:
        all_settings = [project.settings(environment)]
    loader = Loader(root, project, all_settings)
    loader.collect(project.changed if project else ())
    tree = read_tree(root)
    loader.load(tree)
    diagnostics += loader.diagnostics()
    diagnostics += loader.policy_diagnostics(today or date.min)
    if paths:
        always = () if project else (PROJECT_FILE,)
        diagnostics = [diagnostic for diagnostic in diagnostics if concerns(diagnostic, (*paths, *always))]
    names = tuple(settings.environment for settings in all_settings)
    templates = frozenset[str]().union(*(environment.templates() for environment in loader.environments))
    outputs = tuple(output for environment in loader.environments for output in environment.declared())
    return Validation(tuple(sorted(diagnostics, key=sort_key)), len(tree.definitions), names, templates, outputs)


def concerns(diagnostic: Diagnostic, paths: Iterable[str]) -> bool:
    """Whether it is about one of these files, or a file in one of these folders."""
    file = diagnostic.location.file if diagnostic.location else ""
    return any(path in {".", file} or file.startswith(f"{path}/") for path in paths)


class Loader:
    """Reads each file of a project once, for all environments asked for. Without a project each file by itself.

    Args:
        root: the project's folder.
        project: the project, where iac.yaml can be used.
        all_settings: of the environments asked for.
        known: address -> a definition without mistakes that was read already, and what was made of it.
    """

    def __init__(
        self,
        root: Path,
        project: Project | None,
        all_settings: Iterable[Settings],
        known: Mapping[str, tuple[Layer, Known]] | None = None,
    ) -> None:
        self._root = root
        self._known = known or {}
        self._names = project.names if project else None
        self._policy: Mapping[str, str] = project.document.value.get("policy", {}) if project else {}
        self._diagnostics: dict[tuple[object, ...], Diagnostic] = {}
        self.environments = [Environment(project, settings) for settings in all_settings] if project else []
        self.folders: dict[str, Layer | None] = {}

    def load(self, tree: Tree) -> None:
        """Read all files of the tree."""
        self.collect(tree.diagnostics)
        self.folders = {folder: self._read(file, "defaults") for folder, file in tree.defaults.items()}
        for address, file in tree.definitions.items():
            layer, known = self._known.get(address) or (self._read(file, "client"), {})
            if layer is not None:
                self.collect(self._check_environments(layer))
            below = list(folder_layers(self.folders, address))
            for environment in self.environments:
                if environment.selects(address):
                    environment.add_address(address)
                    self.collect(environment.add(address, below, layer, known) if layer else ())
        for environment in self.environments:
            self.collect(environment.finish())

    def diagnostics(self) -> list[Diagnostic]:
        """What was found, each once, with the severities of the project's policy."""
        diagnostics = (self._judge(diagnostic) for diagnostic in self._diagnostics.values())
        return sorted((diagnostic for diagnostic in diagnostics if diagnostic is not None), key=sort_key)

    def _judge(self, diagnostic: Diagnostic) -> Diagnostic | None:
        wanted = self._policy.get(diagnostic.id)
        if wanted is None:
            return diagnostic
        return None if wanted == "off" else replace(diagnostic, severity=Severity(wanted))

    def policy_diagnostics(self, today: date) -> list[Diagnostic]:
        """What policy says of the definitions, each once."""
        judgements = [judgement for environment in self.environments for judgement in environment.judgements]
        is_whole = self._names is not None and len(self.environments) == len(self._names)
        return list(dict.fromkeys(policy_diagnostics(judgements, self._policy, today, is_whole=is_whole)))

    def collect(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Take findings in; each counts once."""
        for diagnostic in diagnostics:
            self._diagnostics.setdefault((diagnostic.id, diagnostic.location, diagnostic.summary), diagnostic)

    def _read(self, file: str, schema: str) -> Layer | None:
        """A file as a layer; None when nothing in it can be used."""
        layer, diagnostics = read_layer(self._root, file, schema)
        self.collect(diagnostics)
        return layer

    def _check_environments(self, layer: Layer) -> Iterator[Diagnostic]:
        overlays = layer.value.get("environments")
        if self._names is None or not isinstance(overlays, dict):
            return
        for name in overlays:
            if name not in self._names:
                yield mistake(
                    "unknown-environment",
                    f"iac.yaml has no environment {name}",
                    layer.document.at_key("environments", name),
                    fix=nearest(name, self._names) or f"environments of this project: {listed(sorted(self._names))}",
                )


class ProjectSurvey(Struct, frozen=True):
    """A project as it stands.

    Attributes:
        addresses: of all definitions, in every environment, and those that `removed` and `moved` name.
        client_ids: client_id -> address, of the environment looked at.
        replaced: client_id -> address, of those of them that rotations put others in the place of.
        folders: folder below clients.d -> its defaults; None for a file that cannot be used.
        default_files: folder below clients.d -> the file of its defaults.
        mistakes: what is wrong in any environment; policy has no part in it.
    """

    addresses: frozenset[str]
    client_ids: Mapping[str, str]
    replaced: Mapping[str, str]
    folders: Mapping[str, Layer | None]
    default_files: Mapping[str, str]
    mistakes: tuple[Diagnostic, ...]


def survey(project: Project, environment: str, known: Mapping[str, tuple[Layer, Known]] | None = None) -> ProjectSurvey:
    """Read all files of a project but those `known`; `environment` is the one whose client_ids count."""
    loader = Loader(project.root, project, project.environments.values(), known)
    tree = read_tree(project.root)
    loader.load(tree)
    setting = next(candidate for candidate in loader.environments if candidate.settings.environment == environment)
    value = project.document.value
    leaving = {entry.address for entry in parse_removed(project.document, value, environment)}
    leaving |= {name for entry in value.get("moved", ()) for name in (entry["from"], entry["to"])}
    mistakes = tuple(diagnostic for diagnostic in loader.diagnostics() if diagnostic.severity is Severity.ERROR)
    return ProjectSurvey(
        addresses=frozenset(tree.definitions) | leaving,
        client_ids=setting.client_ids(),
        replaced=setting.replaced(),
        folders=loader.folders,
        default_files=tree.defaults,
        mistakes=mistakes,
    )
