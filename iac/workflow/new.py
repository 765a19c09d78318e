"""What `iac new` writes: the definitions of a known service's clients, and the outputs that its files need.

The catalogue is `iac.services`. Everything is written, checked as a whole and taken back if the project would have a
mistake that it did not have before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

from msgspec import Struct

from iac.config.definitions import validate_project
from iac.config.edit.files import dump, edited_text, round_trip, write_together
from iac.config.edit.format import format_text, schema_address
from iac.config.edit.project import with_output
from iac.config.project import load_project
from iac.config.tree import ADDRESS_RULE, is_address, read_tree
from iac.core.errors import InputError, Severity
from iac.core.text import listed, nearest
from iac.document import parse_document
from iac.ports.path import CLIENTS_DIR, PROJECT_FILE
from iac.services import Service, ServiceFile, roles_of, services, template_files

HOST = "host"
"""The answer that is a host, with a port or without."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_UNTIL = "UNTIL"
_WAIVED = timedelta(days=365)
_MIN_NAME = 4


class ServiceChoice(Struct, frozen=True):
    """A service, and those of its files that are wanted."""

    service: Service
    files: tuple[ServiceFile, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of the clients in these files."""
        return roles_of(self.files)


class WrittenService(Struct, frozen=True):
    """What was written.

    Attributes:
        definitions: files by address.
        outputs: paths of the outputs.
        is_shared: whether iac.yaml was changed, for outputs of several clients.
    """

    definitions: Mapping[str, str]
    outputs: tuple[str, ...]
    is_shared: bool


def find_offer(name: str) -> ServiceChoice:
    """What a name of the catalogue stands for: a service with its usual files, or the one file of a template.

    Raises:
        InputError: nothing has this name.
    """
    known = services()
    if name in known:
        return ServiceChoice(known[name], tuple(file for file in known[name].files if file.is_usual))
    if name in template_files():
        service = known[template_files()[name].parent.name]
        return ServiceChoice(service, tuple(file for file in service.files if file.template == name))
    raise InputError(
        "unknown service or template",
        where=name,
        fix=nearest(name, [*known, *template_files()]) or "iac new --list names the services and their templates",
    )


def check_answers(offer: ServiceChoice, answers: Mapping[str, str]) -> None:
    """Hold the answers against what the service asks for.

    Raises:
        InputError: an answer is missing, was not asked for, or has a character that it cannot have.
    """
    name, asks = offer.service.name, offer.service.asks
    for key in answers:
        if key not in asks:
            known = f"it asks for {', '.join(asks)}" if asks else "it asks for nothing"
            raise InputError(f"{name} does not ask for this", where=key, fix=nearest(key, asks) or known)
    if missing := [ask for ask in asks if ask not in answers]:
        raise InputError(
            f"{name} needs to know more",
            why="; ".join(f"{ask} is {asks[ask]}" for ask in missing),
            fix=f"add {' '.join(f'--set {ask}=VALUE' for ask in missing)}",
        )
    for ask, answer in answers.items():
        if not (_HOST if ask == HOST else _WORD).fullmatch(answer):
            allowed = "letters, digits, - and dots, and :PORT" if ask == HOST else "letters, digits and ._-"
            raise InputError(f"this is not {asks[ask]}", where=f"{ask}={answer}", why=f"it has {allowed}")


class ServiceStart(Struct, frozen=True):
    """An offer taken up.

    Attributes:
        address: of the client; of a service with several, each has its role behind it: ADDR-ROLE.
        answers: what the service asks for.
        today: from when on waivers count.
    """

    offer: ServiceChoice
    address: str
    answers: Mapping[str, str]
    today: date

    def addresses(self) -> dict[str, str]:
        """Addresses by role."""
        roles = self.offer.roles
        return {role: self.address if len(roles) == 1 else f"{self.address}-{role}" for role in roles}

    def outputs(self) -> list[dict[str, Any]]:
        """Entries of `outputs`; those of several clients name them."""
        return [self._output(file) for file in self.offer.files]

    def _output(self, file: ServiceFile) -> dict[str, Any]:
        entry: dict[str, Any] = {"template": file.template, "path": f"out/{self.address}/{file.file}"}
        if len(file.clients) > 1:
            entry["clients"] = {role: self.addresses()[role] for role in file.clients}
        if file.values:
            entry["values"] = {name: value.format(**self.answers) for name, value in file.values.items()}
        return entry

    def definition(self, role: str, *, is_named: bool) -> str:
        """The definition of one client, in no canonical form yet; with a client_id where `is_named`."""
        text = self.offer.service.definition(role)
        for name, value in {**self.answers, _UNTIL: (self.today + _WAIVED).isoformat()}.items():
            text = text.replace(f"@@{name.upper()}@@", value)
        yaml = round_trip()
        document = yaml.load(text)
        names = {key: entry for key, entry in self._names(role).items() if is_named or key != "client_id"}
        for place, (key, entry) in enumerate(names.items()):
            document.insert(place, key, entry)
        if outputs := [output for output in self.outputs() if "clients" not in output]:
            document["outputs"] = outputs
        return dump(yaml, document)

    def _names(self, role: str) -> dict[str, str]:
        title = self.offer.service.title
        client_id = self.addresses()[role].replace("/", "-")
        return {
            "client_id": client_id,
            "client_name": client_id if len(client_id) >= _MIN_NAME else f"{title} {client_id}",
            "client_description": title if len(self.offer.roles) == 1 else f"{title}, {role}",
        }


def add_service(root: Path, wanted: ServiceStart) -> WrittenService:
    """Write definitions and outputs into a project; without a client_id where servers choose it.

    Raises:
        InvalidInput: iac.yaml has mistakes.
        InputError: the answers or the address cannot be used, something is there already, or the project would have a
            mistake. Nothing is written then.
    """
    is_named = not all(settings.api.server_chooses for settings in load_project(root).environments.values())
    check_answers(wanted.offer, wanted.answers)
    addresses = wanted.addresses()
    _check_addresses(root, addresses.values())
    files = {address: f"{CLIENTS_DIR}/{address}.yaml" for address in addresses.values()}
    texts = {
        files[address]: _canonical(root, files[address], wanted.definition(role, is_named=is_named))
        for role, address in addresses.items()
    }
    outputs = wanted.outputs()
    if shared := [output for output in outputs if "clients" in output]:
        texts[PROJECT_FILE] = edited_text(root / PROJECT_FILE, lambda text: reduce(with_output, shared, text))
    before = _mistakes(root)
    write_together(root, texts, lambda: _refuse(texts, _mistakes(root) - before), replaced=(PROJECT_FILE,))
    return WrittenService(files, tuple(str(output["path"]) for output in outputs), is_shared=bool(shared))


def _canonical(root: Path, file: str, text: str) -> str:
    document, _ = parse_document(text.encode(), file)
    return format_text(document, text, "client", schema_address(root, file, "client")) if document else text


def _check_addresses(root: Path, addresses: Iterable[str]) -> None:
    known = {address.casefold(): file for address, file in read_tree(root).definitions.items()}
    for address in addresses:
        if not is_address(address):
            raise InputError(
                "invalid address",
                where=address,
                why=ADDRESS_RULE,
                fix="an address is the path below clients.d/ without .yaml, such as portals/grafana",
            )
        if address.casefold() in known:
            raise InputError(
                "there is a definition already",
                where=known[address.casefold()],
                fix="take another address, or delete the file",
            )


def _refuse(files: Iterable[str], mistakes: set[tuple[str, str]]) -> None:
    if mistakes:
        raise InputError(
            "the project would have a mistake",
            where=listed(files),
            why=listed(sorted(summary for _, summary in mistakes), "; "),
            fix="choose other values",
        )


def _mistakes(root: Path) -> set[tuple[str, str]]:
    diagnostics = validate_project(root).diagnostics
    return {(diagnostic.id, diagnostic.summary) for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR}
