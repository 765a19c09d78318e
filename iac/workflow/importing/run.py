"""The straight line of `iac import`: find, choose, draft, store."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from iac.config.definitions import ProjectSurvey, survey
from iac.config.edit.files import create_text, write_together
from iac.config.environment import Environment
from iac.config.project import Project, load_project
from iac.config.schema import load_schema
from iac.config.settings import Settings
from iac.core.capabilities import FULL
from iac.core.errors import InputError, InvalidInput
from iac.core.model import InvalidMember, Registration, RegistrationAccess
from iac.core.server import client_id_problem
from iac.core.state.model import SecretStatus
from iac.core.text import is_id, listed
from iac.ports import Provider
from iac.session import Session
from iac.session.ledger import Ledger, SecretKind
from iac.wiring import Access, Caller, login_client_id, open_server, open_session
from iac.workflow.importing.draft import DefinitionDraft, Drafter, ImportSettings
from iac.workflow.importing.selection import Candidate, ClientSelection, Exclusions, SkippedClient, separate
from iac.workflow.state import change_state

_CLIENT_ID = re.compile(load_schema("client")["$defs"]["client_id"]["pattern"])
"""What a definition can have."""


_UNREAD = (
    "only its registration access token reads it: iac import CLIENT_ID --uri REGISTRATION_CLIENT_URI, with the token on"
    " stdin"
)


def _is_readable(client_id: str) -> bool:
    """Whether a client that a server lists can be read by its id; another one is told, and read no more closely.

    Only an IAM lists clients, and there are ids that it lists and does not find (rec: admin-client-ids-odd).
    """
    is_plain = is_id(client_id) and _CLIENT_ID.search(client_id) is not None
    return is_plain and not client_id_problem(client_id, FULL, is_new=False)


class ImportRequest(Struct, frozen=True):
    """What is asked for.

    Attributes:
        selection: which clients.
        terms: how they are written; `facts` are filled in here.
        found: the clients of files; None to ask the server.
        secrets_to: the new file for the secrets that the source shows; None for none.
        settle: gets each definition when nothing is wrong with it, and gives the one to write.
    """

    selection: ClientSelection
    terms: ImportSettings
    found: Sequence[Candidate] | None = None
    secrets_to: Path | None = None
    settle: Callable[[DefinitionDraft], DefinitionDraft] = lambda draft: draft


class ImportResult(Struct, frozen=True):
    """What was done.

    Attributes:
        drafts: the definitions that were written.
        skipped: clients that are left alone, with reasons.
        others: other environments that have these definitions too.
    """

    drafts: tuple[DefinitionDraft, ...]
    skipped: tuple[SkippedClient, ...] = ()
    others: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON form (docs/reference/commands.md)."""
        return {
            "written": [
                {
                    "address": draft.address,
                    "client_id": draft.client_id,
                    "file": draft.file,
                    "adopt": draft.adopt,
                    "notes": list(draft.notes),
                    "refused_by_policy": list(draft.refused),
                    "waived": list(draft.waived),
                    "secret_in_source": draft.secret is not None,
                }
                for draft in self.drafts
            ],
            "skipped": [{"client_id": client.client_id, "reason": client.reason} for client in self.skipped],
            "other_environments": list(self.others),
        }


def run_import(caller: Caller, request: ImportRequest) -> ImportResult:
    """Write the definitions of the clients that are wanted.

    Raises:
        InvalidInput: iac.yaml is invalid, defaults of a folder are, or the project would be with the definitions.
        InputError: a client that was named cannot be imported, or none can; nothing is written.
        UnreachableError: the server cannot be read.
    """
    project = load_project(caller.root)
    settings = project.settings(caller.environment)
    known = survey(project, settings.environment)
    _check_folders(known, request.terms.folder)
    candidates, terms, left_out = _find_candidates(caller, request)
    exclusions = Exclusions(_login(settings, is_needed=request.found is None), known.client_ids, known.replaced)
    chosen, skipped = separate(request.selection.chosen(candidates), exclusions, request.selection.ids)
    drafter = Drafter(project, settings.environment, known, terms)
    outcomes = [drafter.draft(candidate) for candidate in chosen]
    drafts = tuple(outcome for outcome in outcomes if isinstance(outcome, DefinitionDraft))
    skipped += [*(outcome for outcome in outcomes if isinstance(outcome, SkippedClient)), *left_out]
    way_out = "leave them out; iac list shows the clients of the server" if settings.api.reads_all else "leave them out"
    _refuse(request.selection, candidates, skipped, way_out, has_any=bool(drafts))
    drafts = tuple(map(request.settle, drafts))
    _store(project, settings.environment, known, drafts, request.secrets_to)
    others = tuple(
        name
        for name, other in project.environments.items()
        if name != settings.environment
        and any(map(Environment(project, other).selects, (one.address for one in drafts)))
    )
    return ImportResult(drafts, tuple(skipped), others)


def import_by_token(caller: Caller, request: ImportRequest, access: RegistrationAccess) -> ImportResult:
    """Store a client in state with its registration access token, then write its definition.

    State comes first. Where a run ends between the two, the same import goes on, by the token in state.

    Raises:
        InputError: the token reads no such client, the client is managed, or it can have no definition.
        UnreachableError: the server cannot be read.
    """
    from iac.workflow.secrets import check_uses_tokens, free_address, read_by_token, record_client  # with httpx

    project, terms = load_project(caller.root), request.terms
    known = survey(project, project.settings(caller.environment).environment)
    with open_session(caller, Access.READ, may_be_empty=True) as session:
        check_uses_tokens(session)
        with change_state(session) as ledger:

            def place(client: Registration) -> str:
                return free_address(ledger, client, known.addresses, terms.folder)

            address, client, facts = read_by_token(session, ledger, _begun(session, ledger, known, access), place)

            def settle(draft: DefinitionDraft) -> DefinitionDraft:
                stored = record_client(session, ledger, address, client, draft.desired)
                notes = (_UNSHOWN,) if stored.secret_status is SecretStatus.UNKNOWN else ()
                return replace(draft, notes=(*draft.notes, *notes))

            terms = replace(terms, address=address, folder=address.rpartition("/")[0], facts=facts)
            try:
                return run_import(caller, replace(request, terms=terms, found=[Candidate(client)], settle=settle))
            except InputError as error:
                if address not in ledger.state.clients:
                    raise
                failure = error
    raise InputError(
        "state has the client and its token, but its definition is not written",
        where=f"{address}, client_id {client.client_id}",
        why="; ".join(failure.lines()),
        fix=f"correct this and run it again; iac state rm {address} forgets the client and its token",
    ) from failure


_UNSHOWN = "the server does not show its secret: iac secret set ADDR stores it"


def _begun(session: Session, ledger: Ledger, known: ProjectSurvey, access: RegistrationAccess) -> RegistrationAccess:
    """What reads a client that nothing manages: the token in state, where an import has left it without a definition.

    Raises:
        InputError: the client is managed.
        StateError: that token cannot be opened.
    """
    clients, client_id = ledger.state.clients, access.client_id
    left = next((a for a, c in clients.items() if c.client_id == client_id and a not in known.addresses), "")
    managed = {name: address for address, c in clients.items() for name in c.client_ids if address != left}
    exclusions = Exclusions(session.desired.login_client_id, {**managed, **known.client_ids}, known.replaced)
    for skipped in separate([Candidate(Registration(client_id, {}))], exclusions, [client_id])[1]:
        raise InputError(
            "this client cannot be imported, nothing is written",
            where=client_id,
            why=skipped.reason,
            fix="iac secret token ADDR stores a new token of a client that has a definition",
        )
    rat = clients[left].rat if left else None
    return replace(access, rat=ledger.open(left, rat, SecretKind.TOKEN)) if rat else access


def _check_folders(known: ProjectSurvey, folder: str) -> None:
    """Defaults with mistakes would make definitions that mean something else once they are corrected."""
    files = {file for above, file in known.default_files.items() if not above or f"{folder}/".startswith(f"{above}/")}
    wrong = [diagnostic for diagnostic in known.mistakes if diagnostic.location and diagnostic.location.file in files]
    if wrong:
        raise InvalidInput(wrong)


def _find_candidates(
    caller: Caller, request: ImportRequest
) -> tuple[list[Candidate], ImportSettings, list[SkippedClient]]:
    if request.found is not None:
        return list(request.found), request.terms, []
    with open_server(caller, Access.READ) as (_, provider):
        return _read_server(provider, request)


def _read_server(
    provider: Provider, request: ImportRequest
) -> tuple[list[Candidate], ImportSettings, list[SkippedClient]]:
    """What the server holds of the clients that are wanted, with their owners, and those that make no sense."""
    selection = request.selection
    wanted, odd = set(selection.ids), []
    garbled: dict[str, Registration] = {}
    if selection.matches:
        listed = _listed(provider, selection)
        garbled = {
            candidate.client_id: candidate.registration
            for candidate in listed
            if candidate.registration.invalid_members
        }
        chosen = selection.chosen(candidate for candidate in listed if not candidate.registration.invalid_members)
        wanted |= {candidate.client_id for candidate in chosen if _is_readable(candidate.client_id)}
        odd = [candidate for candidate in chosen if candidate.client_id not in wanted]
    actual = provider.read(sorted(wanted), sorted(wanted))
    candidates = [Candidate(registration) for registration in actual.registrations.values()]
    garbled |= actual.partial
    left_out = [
        SkippedClient(client_id, f"it is not understood: {registration.invalid_words}")
        for client_id, registration in garbled.items()
    ]
    left_out += [SkippedClient(client_id, _UNREAD) for client_id in actual.unread if client_id not in garbled]
    return [*candidates, *odd], replace(request.terms, facts=actual.facts), left_out


def _listed(provider: Provider, selection: ClientSelection) -> list[Candidate]:
    """Every client of the server that has an id; with owners where they are what is looked for."""
    clients = provider.list_clients(lambda registration: registration)
    listed = {
        registration.client_id: registration
        for registration in clients
        if registration.client_id or registration.invalid_members
    }
    if selection.reads_owners:
        readable = [client_id for client_id, registration in listed.items() if not registration.invalid_members]
        owners = provider.owners_of(list(filter(_is_readable, readable)))
        listed |= {
            client_id: replace(listed[client_id], invalid_members=(answer,))
            if isinstance(answer, InvalidMember)
            else replace(listed[client_id], owners=answer)
            for client_id, answer in owners.items()
        }
    return [Candidate(registration) for registration in listed.values()]


def _login(settings: Settings, *, is_needed: bool) -> str:
    """Id of the login client; for files, which need no login, where it is known."""
    try:
        return login_client_id(settings)
    except InputError:
        if is_needed:
            raise
        return ""


def _refuse(
    selection: ClientSelection,
    candidates: Sequence[Candidate],
    skipped: Sequence[SkippedClient],
    way_out: str,
    *,
    has_any: bool,
) -> None:
    """Clients that were named one by one are imported, or nothing is; of patterns one at least has to fit."""
    skipped_ids = {client.client_id for client in skipped}
    missing = [client_id for client_id in selection.missing(candidates) if client_id not in skipped_ids]
    problems = [f"{client_id}: there is no such client" for client_id in missing]
    problems += [
        f"{client.client_id}: {client.reason}" for client in skipped if client.client_id in selection.ids or not has_any
    ]
    if problems:
        raise InputError(
            "these clients cannot be imported, nothing is written",
            why=listed(problems, "; "),
            fix=way_out,
        )
    if not has_any:
        raise InputError("no client fits, nothing is written", fix="--match [KIND=]GLOB, as in --match 'scope=wlcg*'")


def _store(
    project: Project, environment: str, known: ProjectSurvey, drafts: Sequence[DefinitionDraft], secrets_to: Path | None
) -> None:
    """Write the definitions, if the project has no new mistakes with them, and the secrets.

    Raises:
        InputError: files are there already, all of them named, or one cannot be written; nothing is written then.
        InvalidInput: with the mistakes that the project would have in one of its environments.
    """
    if existing := [draft.file for draft in drafts if os.path.lexists(project.root / draft.file)]:
        raise InputError(
            "files are there already, nothing is written",
            where=listed(existing),
            fix="move them away, or name another folder: --to FOLDER",
        )
    secrets = {draft.address: draft.secret for draft in drafts if draft.secret is not None}
    with ExitStack() as undo:
        # First, so that no definition is written whose secret could not be kept.
        if secrets_to is not None and secrets:
            text = json.dumps({address: secret.reveal() for address, secret in secrets.items()}, indent=2)
            create_text(secrets_to, f"{text}\n", 0o600)  # for `iac secret import`; nobody else can read it
            undo.callback(secrets_to.unlink, missing_ok=True)
        write_together(
            project.root,
            {draft.file: draft.text for draft in drafts},
            lambda: _check(project, environment, known, drafts),
        )
        undo.pop_all()


def _check(project: Project, environment: str, before: ProjectSurvey, drafts: Iterable[DefinitionDraft]) -> None:
    known = {(diagnostic.id, diagnostic.location, diagnostic.summary) for diagnostic in before.mistakes}
    after = survey(project, environment, {draft.address: draft.read for draft in drafts if draft.read}).mistakes
    wrong = [
        diagnostic for diagnostic in after if (diagnostic.id, diagnostic.location, diagnostic.summary) not in known
    ]
    if wrong:
        raise InvalidInput(wrong)
