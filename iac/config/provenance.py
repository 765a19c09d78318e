"""For each value of a definition: which layer says it, in which file and line. Offline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from iac.config.definitions import load_environment
from iac.config.environment import Environment
from iac.config.layers import Layer, MergedLayers, folder_layers, layer_name, read_layer
from iac.config.project import Project
from iac.config.schema import load_schema
from iac.config.settings import Settings
from iac.config.tree import read_tree
from iac.core.desired import Provenance, ValueOrigin
from iac.core.errors import Diagnostic, InputError, InvalidInput, sort_key
from iac.core.model import FIELDS, Kind
from iac.core.text import nearest
from iac.ports.path import PROJECT_FILE

NOT_DECLARED = "not declared"
SERVER_DEFAULTS = "server_defaults"


def read_provenance(project: Project, environment: str | None, name: str) -> Provenance:
    """Where the values of a client come from.

    Args:
        project: the project.
        environment: its name; None for the only one there is.
        name: address or client_id.

    Raises:
        InputError: the environment has no such definition.
        InvalidInput: the definition, or defaults that it has, have mistakes.
    """
    settings = project.settings(environment)
    tree, setting = read_tree(project.root), Environment(project, settings)
    address = name if name in tree.definitions else _address_of(project, settings, name, tree.definitions)
    if not setting.selects(address):
        raise InputError(
            f"environment {settings.environment} does not select this definition",
            where=address,
            fix=f"see environments.{settings.environment}.clients in {PROJECT_FILE}",
        )
    mistakes: list[Diagnostic] = []
    folders = {
        folder: _read(project.root, file, "defaults", mistakes)
        for folder, file in tree.defaults.items()
        if not folder or f"{address}/".startswith(f"{folder}/")
    }
    layer = _read(project.root, tree.definitions[address], "client", mistakes)
    if mistakes or layer is None:
        raise InvalidInput(sorted(mistakes, key=sort_key))
    merged = setting.merged(list(folder_layers(folders, address)), layer)
    origins = tuple(
        origin
        for name in _names(merged)
        for origin in (_written(merged, name) if name in merged.parts else _unwritten(name, project, settings))
    )
    return Provenance(address, merged.get("client_id", ""), settings.environment, origins)


def _read(root: Path, file: str, schema: str, mistakes: list[Diagnostic]) -> Layer | None:
    layer, diagnostics = read_layer(root, file, schema)
    mistakes += diagnostics
    return layer


def _address_of(project: Project, settings: Settings, client_id: str, addresses: Iterable[str]) -> str:
    """The address whose client_id this is, for which all definitions have to be right."""
    clients = load_environment(project, settings.environment)[0].clients
    address = next((address for address, client in clients.items() if client.client_id == client_id), None)
    if address is None:
        raise InputError(
            "no definition has this address or client_id",
            where=client_id,
            fix=nearest(client_id, addresses) or "the address is the path below clients.d without .yaml",
        )
    return address


def _names(merged: MergedLayers) -> list[str]:
    """Names that are written, and those that mean something when they are not, in the order of a definition."""
    order = {name: index for index, name in enumerate(load_schema("client")["properties"])}
    meant = {name for name, field in FIELDS.items() if field.always or field.kind is Kind.SECONDS}
    return sorted({*merged.parts, *meant} - {"environments"}, key=lambda name: (order[name.partition(".")[0]], name))


def _written(merged: MergedLayers, name: str) -> Iterator[ValueOrigin]:
    for part in merged.parts[name]:
        layer = layer_name(part, PROJECT_FILE)
        if isinstance(part.value, list) and part.value:
            for index, item in enumerate(part.value):
                yield ValueOrigin(name, item, layer, part.at(index))
        else:
            yield ValueOrigin(name, part.value, layer, part.at())


def _unwritten(name: str, project: Project, settings: Settings) -> Iterator[ValueOrigin]:
    """Values that nobody has written: of always-managed fields, and those of `server_defaults`."""
    defaults: Mapping[str, object] = settings.server_defaults
    field = FIELDS[name]
    if field.always:
        meant = field.undeclared
        empty: list[str] | None = [] if field.kind is Kind.SET else None
        for value in meant if isinstance(meant, tuple) else [empty if meant is None else meant]:
            yield ValueOrigin(name, value, NOT_DECLARED, None)
    elif name in defaults:
        yield ValueOrigin(name, defaults[name], SERVER_DEFAULTS, project.document.at(SERVER_DEFAULTS, name))
