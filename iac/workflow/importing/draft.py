"""From a client that was found to a definition that the project takes: tried in memory, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct, field

from iac.config.definitions import ProjectSurvey
from iac.config.edit.format import modeline
from iac.config.environment import CheckedDefinition, Environment, Known
from iac.config.layers import Layer, folder_layers, layer_of
from iac.config.project import Project
from iac.core.desired import OWNERS, DesiredClient
from iac.core.errors import Diagnostic, Severity
from iac.core.model import FIELDS, Facts, uses_secret
from iac.core.plan.diff import compare
from iac.core.policy import judge
from iac.core.secret import Secret
from iac.core.text import listed, printable
from iac.document import HIDDEN, Document
from iac.ports.path import CLIENTS_DIR
from iac.workflow.importing.selection import Candidate, SkippedClient
from iac.workflow.importing.text import FreeNames, address_for, minimal_values, slug, write_definition

_SHOWN = 160
_DISPENSABLE = {name for name, field in FIELDS.items() if not field.always} - {"client_name"} | {OWNERS, "extra"}
"""What a definition can do without: it is not managed then."""

_HIDDEN_KEY = "the server does not show its key: declare jwks_uri (better) or jwk before you change this client"


class ImportSettings(Struct, frozen=True):
    """What drafting goes by.

    Attributes:
        folder: below clients.d, "" for itself.
        today: the day by which waivers end.
        waive_until: what policy refuses is waived up to this day; None waives nothing.
        facts: of the server that was read; None for files, which the server may not agree with.
        address: of the one client; "" for addresses that are made of ids and names.
    """

    today: date
    folder: str = ""
    waive_until: date | None = None
    facts: Facts | None = None
    address: str = ""


class DefinitionDraft(Struct, frozen=True):
    """A definition that can be written.

    Attributes:
        adopt: whether it says so; False for a client that is registered nowhere yet.
        notes: what could not come along, one line each.
        refused: ids of policy's rules that refuse the client until they are waived.
        waived: ids of those that the definition waives.
        secret: the secret that the source showed; it is in no definition.
        read: the text as the project reads it, and what it makes of it; None where that is still to be found out.
    """

    address: str
    file: str
    client_id: str
    adopt: bool
    text: str
    notes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    secret: Secret | None = None
    read: tuple[Layer, Known] | None = None

    @property
    def desired(self) -> DesiredClient | None:
        """The client that the definition makes."""
        return next((checked.client for checked in self.read[1].values()), None) if self.read else None


class _PartialDefinition(Struct):
    """A definition in the making."""

    address: str
    file: str
    values: dict[str, Any]
    comments: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    text: str = ""
    read: tuple[Layer, Known] | None = None


class Drafter:
    """Makes definitions for one environment of a project; each has an address of its own."""

    def __init__(self, project: Project, environment: str, known: ProjectSurvey, terms: ImportSettings) -> None:
        self._settings = project.settings(environment)
        self._terms = terms
        self._addresses = FreeNames(known.addresses)
        self._ids = FreeNames(known.client_ids, fold=str)
        # All definitions go into one folder, so what its defaults say is asked once and not per client.
        beside = f"{terms.folder}/any".lstrip("/")
        self._first = modeline(project.root, f"{CLIENTS_DIR}/{beside}.yaml", "client")
        self._place = Environment(project, self._settings)
        self._folders = list(folder_layers(known.folders, beside))
        self._base = self._place.merged(self._folders)

    def draft(self, candidate: Candidate) -> DefinitionDraft | SkippedClient:
        """The definition of a client, or why there can be none."""
        client_id = candidate.client_id or self._ids.first(slug(candidate.name) or "client")
        if client_id in self._ids:
            return SkippedClient(client_id, "the source has this client_id twice")
        name = candidate.name or client_id
        address = self._terms.address or address_for(client_id, name, self._addresses, self._terms.folder)
        if not self._place.selects(address):
            setting = f"environments.{self._settings.environment}.clients"
            return SkippedClient(client_id, f"{setting} selects no {address}; --to FOLDER places it elsewhere")
        trial = _PartialDefinition(address, f"{CLIENTS_DIR}/{address}.yaml", self._values(candidate, client_id, name))
        if candidate.unkept:
            trial.notes.append(f"left out, because IAM drops it: {', '.join(map(printable, candidate.unkept))}")
        if problem := self._try(trial, candidate):
            return SkippedClient(client_id, problem)
        self._addresses.take(address)
        self._ids.take(client_id)
        waived = trial.refused if self._terms.waive_until else ()
        return DefinitionDraft(
            address=address,
            file=trial.file,
            client_id=client_id,
            adopt="adopt" in trial.values,
            text=trial.text,
            notes=(*trial.comments, *trial.notes),
            refused=() if waived else trial.refused,
            waived=waived,
            secret=candidate.registration.secret if uses_secret(candidate.registration.fields) else None,
            read=trial.read,
        )

    def _values(self, candidate: Candidate, client_id: str, name: str) -> dict[str, Any]:
        return {
            "client_id": client_id,
            "client_name": name,
            **minimal_values(candidate.registration, self._base, self._settings.server_defaults),
            **({"adopt": True} if candidate.client_id else {}),
        }

    def _try(self, trial: _PartialDefinition, candidate: Candidate) -> str:
        """Write it, leaving out what no definition may have; why that does not help, "" when it did."""
        for name, value in list(trial.values.items()):
            if _hides(value) and (problem := _leave_out(trial, name, "it has invisible characters")):
                return problem
        is_keyless = not {"jwk", "jwks_uri"} & trial.values.keys()
        if is_keyless and candidate.registration.fields.get("token_endpoint_auth_method") == "private_key_jwt":
            trial.comments.append(_HIDDEN_KEY)
        while not isinstance(outcome := self._attempt(trial), CheckedDefinition):
            if problem := _leave_out(trial, *outcome):
                return problem
        self._settle(trial, candidate, outcome)
        return ""

    def _attempt(self, trial: _PartialDefinition) -> CheckedDefinition | tuple[str, str]:
        """Write the text and read it as the project would; where that fails, its first mistake as key and sentence."""
        trial.text, document, faults = write_definition(trial.file, self._first, trial.values, trial.comments)
        trial.read = None
        if document is None or faults:
            return "", listed((diagnostic.summary for diagnostic in faults), "; ")
        known: Known = {}
        layer, errors = layer_of(document, "client")
        if layer is not None and not errors:
            trial.read = layer, known
            diagnostics = self._place.without_clients().add(trial.address, self._folders, layer, known)
            errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR]
        return (_key_at(document, errors[0]), errors[0].summary) if errors else next(iter(known.values()))

    def _settle(self, trial: _PartialDefinition, candidate: Candidate, checked: CheckedDefinition) -> None:
        """Waive what policy refuses, if that was asked for; note what a plan would still change."""
        diagnostics = judge(*checked.judgement, self._settings.policy, self._terms.today).diagnostics
        trial.refused = tuple(
            sorted({diagnostic.id for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR})
        )
        client, facts, until = checked.client, self._terms.facts, self._terms.waive_until
        if client is not None and facts is not None:
            changes = compare(client, candidate.registration, None, facts, self._settings.server_defaults)
            trial.notes += [f"a plan changes {change.name}" for change in changes]
        if trial.refused and until is not None:
            trial.values["waive"] = [
                {"id": rule, "reason": "imported as it was registered", "until": until.isoformat()}
                for rule in trial.refused
            ]
            self._attempt(trial)


def _hides(value: Any) -> bool:
    texts: Sequence[Any] = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and HIDDEN.search(text) for text in texts)


def _leave_out(trial: _PartialDefinition, name: str, reason: str) -> str:
    """Take a key out and note it; why the client cannot be defined when it cannot be done without."""
    sentence = reason if reason.startswith(name) else f"{name}: {reason}"
    if name not in trial.values or name not in _DISPENSABLE:
        return f"no definition can say what it is: {_short(sentence)}"
    del trial.values[name]
    trial.comments.append(_short(f"{name} is left out: {reason}"))
    return ""


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _key_at(document: Document, diagnostic: Diagnostic) -> str:
    """The top-level key that a mistake is in; "" when it is in another file."""
    place = diagnostic.location
    if place is None or place.file != document.file:
        return ""
    value: Mapping[str, Any] = document.value if isinstance(document.value, dict) else {}
    starts = sorted((document.at_key(key), key) for key in value)
    return next((key for start, key in reversed(starts) if start <= place), "")
