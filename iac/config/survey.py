"""What a project has already, for those who add to it: mistakes in it are told, and stop nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iac.config.definitions import Loader
from iac.config.merge import Layer
from iac.config.project import Project
from iac.config.removal import parse_removed
from iac.config.tree import read_tree
from iac.core.diagnostics import Diagnostic, Severity


@dataclass(frozen=True, slots=True)
class Survey:
    """A project as it stands.

    Attributes:
        addresses: of all definitions, in every environment, and those that `removed` and `moved` name.
        client_ids: client_id -> address, of the environment looked at.
        replacing: client_id -> address, of those of them that rotations put others in the place of.
        folders: folder below clients.d -> its defaults; None for a file that cannot be used.
        default_files: folder below clients.d -> the file of its defaults.
        mistakes: what is wrong in any environment; policy has no part in it.
    """

    addresses: frozenset[str]
    client_ids: Mapping[str, str]
    replacing: Mapping[str, str]
    folders: Mapping[str, Layer | None]
    default_files: Mapping[str, str]
    mistakes: tuple[Diagnostic, ...]


def survey(project: Project, environment: str) -> Survey:
    """Read all files of a project; `environment` is the one whose client_ids count."""
    loader = Loader(project.root, project, project.environments.values())
    tree = read_tree(project.root)
    loader.load(tree)
    setting = next(each for each in loader.environments if each.settings.environment == environment)
    value = project.document.value
    leaving = {entry.address for entry in parse_removed(project.document, value, environment)}
    leaving |= {name for entry in value.get("moved", ()) for name in (entry["from"], entry["to"])}
    mistakes = tuple(each for each in loader.diagnostics() if each.severity is Severity.ERROR)
    return Survey(
        addresses=frozenset(tree.definitions) | leaving,
        client_ids=setting.client_ids(),
        replacing={client.client_id: client.address for client in setting.replacing()},
        folders=loader.folders,
        default_files=tree.defaults,
        mistakes=mistakes,
    )
