"""One environment in the making: definitions come in one by one, cross-file rules at the end.

Also `removed` and `moved` of iac.yaml: addresses that leave or change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from msgspec import Struct

from iac.config.definition import (
    NOTHING,
    Definition,
    DefinitionRules,
    LaterPlaces,
    RuleHits,
    ValuePool,
    canonical_fields,
    desired_client,
    find_places,
)
from iac.config.layers import (
    Layer,
    MergedLayers,
    UnusableValue,
    default_layers,
    layer_of,
    merge,
    overlay,
    overrides,
    place_of,
)
from iac.config.output import DeclaredOutput, OutputPaths, OutputRules, parse_output, sealed_to
from iac.config.project import Project, has_errors
from iac.config.rule import check_definition
from iac.config.settings import Settings, check_exposure
from iac.core.catalogue import mistake
from iac.core.desired import Desired, DesiredClient, Disposition, MovedEntry, OutputSpec, RemovedEntry, Rotation
from iac.core.errors import Diagnostic, Location
from iac.core.plan.identity import predecessor_id
from iac.core.text import nearest
from iac.document import Document, Pointer, parse_document


def parse_removed(document: Document, value: Mapping[str, Any], environment: str) -> Iterator[RemovedEntry]:
    """The entries of `removed` of the project and of one environment."""
    for pointer, entry in _removed(value, environment):
        yield RemovedEntry(entry["address"], Disposition(entry["then"]), document.at(*pointer))


def parse_moved(document: Document, value: Mapping[str, Any]) -> Iterator[MovedEntry]:
    """The entries of `moved`."""
    for index, entry in enumerate(value.get("moved", ())):
        yield MovedEntry(entry["from"], entry["to"], document.at("moved", index))


def check_removed(
    document: Document, value: Mapping[str, Any], environment: str, addresses: Collection[str]
) -> Iterator[Diagnostic]:
    """An address that leaves has no definition and is there once."""
    removed: set[str] = set()
    for pointer, entry in _removed(value, environment):
        address, where = entry["address"], document.at(*pointer, "address")
        if address in removed:
            yield mistake("removed-twice", f"{address} is removed twice", where, fix="delete one of the entries")
        if address in addresses:
            yield mistake(
                "removed-still-defined",
                f"{address} is removed and has a definition in environment {environment}",
                where,
                fix="delete the definition, or this entry",
            )
        removed.add(address)


def check_moved(document: Document, value: Mapping[str, Any], addresses: Collection[str]) -> Iterator[Diagnostic]:
    """A move goes from an address without a definition to one with, and each address is in one move."""
    moved: set[str] = set()
    for index, entry in enumerate(value.get("moved", ())):
        source, target = entry["from"], entry["to"]
        if source in addresses:
            where, fix = document.at("moved", index, "from"), f"delete the definition {source}, or this entry"
            yield mistake("moved-source-exists", f"{source} is moved and still has a definition", where, fix=fix)
        if target not in addresses:
            where, fix = document.at("moved", index, "to"), f"move the file to clients.d/{target}.yaml"
            yield mistake(
                "moved-target-missing", f"{source} is moved to {target}, which has no definition", where, fix=fix
            )
        for address in {source, target} & moved:
            where = document.at("moved", index)
            yield mistake("moved-twice", f"{address} is in two moves", where, fix="write one move from first to last")
        moved |= {source, target}


def _removed(value: Mapping[str, Any], environment: str) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for index, entry in enumerate(value.get("removed", ())):
        yield ("removed", index), entry
    for index, entry in enumerate(overrides(value, environment).get("removed", ())):
        yield ("environments", environment, "removed", index), entry


_CAUSES = (
    ("state", "encryption", "recipients"),
)  # fmt: skip
"""Settings of iac.yaml that a plan can name as the cause of a message."""


class CheckedDefinition(Struct, frozen=True):
    """A definition by itself: what its rules find, and the client, None where something is wrong with it."""

    definition: Definition
    diagnostics: list[Diagnostic]
    judgement: RuleHits
    client: DesiredClient | None


Known = dict[tuple[object, ...], CheckedDefinition]
"""One definition as environments have it, by the settings that its rules read (`Settings.rule_inputs`).

What an environment has of its own is kept by its name.
"""


class Environment:
    """The definitions and outputs of one environment, as far as they are read."""

    def __init__(self, project: Project, settings: Settings) -> None:
        self.settings = settings
        self._document = project.document
        self._value = project.document.value
        self._defaults = list(default_layers(project.document, settings.environment))
        self._output_rules = OutputRules(project.root, settings)
        self._judge = DefinitionRules(settings)
        self._has_own_defaults = "defaults" in overrides(self._value, settings.environment)
        self._rule_inputs = settings.rule_inputs
        self.forget_clients()

    def without_clients(self) -> Environment:
        """The same environment before any definition; what was asked of the file system is not asked again."""
        environment = copy(self)
        environment.forget_clients()
        return environment

    def forget_clients(self) -> None:
        """Forget all definitions."""
        self._clients: dict[str, DesiredClient] = {}
        self._addresses: set[str] = set()
        self._outputs: list[OutputSpec] = []
        self._sound: list[OutputSpec] = []
        self._ids: dict[str, tuple[str, Mapping[str, Location]]] = {}
        self._paths = OutputPaths()
        self._pool = ValuePool()
        self.judgements: list[RuleHits] = []

    def selects(self, address: str) -> bool:
        """Whether the environment has this address."""
        return self.settings.selects(address)

    def add_address(self, address: str) -> None:
        """There is a definition at this address, whatever is in it."""
        self._addresses.add(address)

    def add(self, address: str, folders: Sequence[Layer], layer: Layer, known: Known) -> list[Diagnostic]:
        """Merge one definition, check it, and keep it when it is right.

        Args:
            address: of the definition.
            folders: defaults of its folders.
            layer: the file.
            known: what was made of it already: where nothing of it is this environment's own, others' is taken.
        """
        has_own = self._has_own_defaults or any(overlay(layer, self.settings.environment))
        inputs = ("own", self.settings.environment) if has_own else self._rule_inputs
        if inputs not in known:
            known[inputs] = self._check(address, folders, layer)
        checked = known[inputs]
        if checked.judgement != NOTHING:
            self.judgements.append(checked.judgement)
        own = [*self._check_id(checked.definition), *self._add_outputs(checked.definition)]
        if checked.client is not None and not has_errors(own):
            self._clients[address] = checked.client
        return [*checked.diagnostics, *own]

    def _check(self, address: str, folders: Sequence[Layer], layer: Layer) -> CheckedDefinition:
        merged = self.merged(folders, layer)
        fields = canonical_fields(merged, self._pool)
        places = LaterPlaces(partial(self._find_places, folders, layer.document.file, layer.document.content))
        definition = Definition(address, layer.document, merged, self.settings, fields, places)
        diagnostics = check_definition(definition)
        judgement = self._judge.find(definition, diagnostics)
        is_sound = not merged.broken and not has_errors(diagnostics)
        client = desired_client(definition, self._pool, judgement) if is_sound else None
        return CheckedDefinition(definition, diagnostics, judgement, client)

    def _find_places(self, folders: Sequence[Layer], file: str, content: bytes) -> dict[str, Location]:
        """Where the values of a definition stand, from its text: what it was read into is not kept for that."""
        document, _ = parse_document(content, file)
        layer = layer_of(document, "client")[0] if document else None
        return find_places(self.merged(folders, *([layer] if layer else [])))

    def merged(self, folders: Sequence[Layer], *layers: Layer) -> MergedLayers:
        """What the layers of a definition make together; without one what its place alone says."""
        overlays = (part for layer in layers for part in overlay(layer, self.settings.environment))
        return merge([*self._defaults, *folders, *layers, *overlays])

    def client_ids(self) -> dict[str, str]:
        """client_id -> address, of definitions with mistakes too."""
        return {client_id: address for client_id, (address, _) in self._ids.items()}

    def replaced(self) -> dict[str, str]:
        """client_id -> address, of the clients in whose place a rotation puts others."""
        return {
            client.client_id: client.address
            for client in self._clients.values()
            if client.client_id and client.lifecycle.rotation is Rotation.REPLACE
        }

    def finish(self) -> Iterator[Diagnostic]:
        """Rules of the whole: outputs of the project, addresses that leave or move, patterns, exposed secrets."""
        yield from self._add_project_outputs()
        yield from self._paths.check_nesting()
        # No definition has a client_id that a rotation may give to the successor of another.
        replaced = self.replaced()
        for client_id, (address, places) in self._ids.items():
            if before := replaced.get(predecessor_id(client_id)):
                yield mistake(
                    "client-id-of-successor",
                    f"client_id {client_id} of {address} is that of a successor",
                    places["client_id"],
                    why=f"{before} has rotation: replace, and gives such ids to its successors",
                    fix="give it another client_id",
                )
        for index, pattern in enumerate(self.settings.clients or ()):
            if not any(fnmatchcase(address, pattern) for address in self._addresses):
                yield mistake(
                    "no-client-matches",
                    f"no definition has an address like {pattern}",
                    self._document.at("environments", self.settings.environment, "clients", index),
                    fix="correct the pattern or take it out",
                )
        value, name = self._value, self.settings.environment
        yield from check_removed(self._document, value, name, self._addresses)
        yield from check_moved(self._document, value, self._addresses)
        yield from check_exposure(self._document, self.settings.state, name)

    def templates(self) -> set[str]:
        """Templates of the project that outputs name, those that are there."""
        return self._output_rules.templates()

    def declared(self) -> Iterator[DeclaredOutput]:
        """Outputs without a mistake whose clients have none."""
        settings = self.settings
        for spec in self._sound:
            if all(address in self._clients for address in spec.clients):
                clients = tuple(self._clients[address] for address in spec.clients)
                yield DeclaredOutput(spec, clients, settings.project, settings.environment, settings.issuer)

    def desired(self) -> Desired:
        """What planning gets. Call it when nothing that stops was found."""
        settings, value = self.settings, self._value
        return Desired(
            project=settings.project,
            environment=settings.environment,
            issuer=settings.issuer,
            api=settings.api,
            clients={address: self._clients[address] for address in sorted(self._clients)},
            outputs=tuple(
                sealed_to(settings, spec, (self._clients[address] for address in spec.clients))
                for spec in self._outputs
            ),
            removed=tuple(parse_removed(self._document, value, settings.environment)),
            moved=tuple(parse_moved(self._document, value)),
            limits=settings.limits,
            login_client_id=settings.login_client_id,
            server_defaults=settings.server_defaults,
            policy=settings.policy,
            grantable=settings.grantable_scopes,
            recipients=settings.state.known_recipients,
            terms=settings.terms,
            places={".".join(setting): self._place(setting) for setting in _CAUSES},
        )

    def _place(self, setting: Pointer) -> Location:
        """Where a setting stands: in the environment, else at the top, else the closest key above it."""
        own = ("environments", self.settings.environment, *setting)
        return self._document.at(*(own if self._document.has(*own) else setting))

    def _check_id(self, definition: Definition) -> Iterator[Diagnostic]:
        try:
            client_id = definition.merged.get("client_id")
        except UnusableValue:
            return
        if client_id is None:
            return
        address, places = self._ids.setdefault(client_id, (definition.address, definition.places))
        if address != definition.address:
            yield mistake(
                "client-id-twice",
                f"client_id {client_id} is there twice",
                definition.at("client_id"),
                why=f"{address} has it already ({places['client_id']})",
                fix="change one",
            )

    def _add_outputs(self, definition: Definition) -> Iterator[Diagnostic]:
        merged = definition.merged
        if "outputs" in merged.broken:
            return
        for part in merged.parts.get("outputs", ()):
            for index, item in enumerate(part.value or ()):
                yield from self._add_output(part.document, (*part.pointer, index), item, definition.address)

    def _add_output(
        self, document: Document, pointer: Pointer, item: dict[str, Any], address: str = ""
    ) -> Iterator[Diagnostic]:
        spec = parse_output(document, pointer, item, address)
        diagnostics = list(self._output_rules.check(spec, document, pointer))
        diagnostics += self._paths.claim(self._output_rules.place(spec), document.at(*pointer, "path"))
        self._outputs.append(spec)
        if not diagnostics:
            self._sound.append(spec)
        yield from diagnostics

    def _add_project_outputs(self) -> Iterator[Diagnostic]:
        name = self.settings.environment
        own = overrides(self._value, name)
        places: list[tuple[Pointer, Any]] = [
            (place_of(self._value, name, "outputs"), {**self._value, **own}.get("outputs"))
        ]
        places.append((("environments", name, "outputs+"), own.get("outputs+")))
        for pointer, items in places:
            for index, item in enumerate(items or ()):
                yield from self._add_output(self._document, (*pointer, index), item)
                yield from self._check_addresses((*pointer, index), item["clients"])

    def _check_addresses(self, pointer: Pointer, clients: Any) -> Iterator[Diagnostic]:
        for key, address in clients.items() if isinstance(clients, dict) else enumerate(clients):
            if address not in self._addresses:
                yield mistake(
                    "unknown-address",
                    f"environment {self.settings.environment} has no definition {address}",
                    self._document.at(*pointer, "clients", key),
                    fix=nearest(address, self._addresses) or "an address is a path below clients.d without .yaml",
                )
