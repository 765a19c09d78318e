"""`iac state`: create, inspect and repair state. Secrets stay sealed; only `restore` asks the server."""

from __future__ import annotations

from collections.abc import Iterator

import click

from iac.cli.approval import AUTO_APPROVE, LOCK_TIMEOUT, ApprovalTerms, carry_out, end, with_ended
from iac.cli.context import CommandContext, approve, check_terminal, read_given, show
from iac.cli.options import FORMAT, Example, Group, complete_addresses
from iac.clock import SystemClock
from iac.core.state.document import render_state
from iac.core.state.model import ClientState, State, Tombstone
from iac.core.text import printable
from iac.registry import capabilities
from iac.session import StateSession
from iac.views.state import detail, predecessor_text, predecessors_of, secret_text, state_to_dict, value_words
from iac.views.words import counted
from iac.workflow.state import find, forget, not_in_state, push, rekey, rename


@click.group("state", cls=Group)
def command() -> None:
    """Create, inspect, move and repair state. Secrets stay encrypted. Only restore contacts the server."""


def _open(context: CommandContext) -> StateSession:
    from iac.wiring import open_state  # not needed by --help

    return open_state(context)


@command.command(
    "init",
    short_help="Create the empty state of an environment.",
    page="how-to/more-environments.md",
    examples=(Example("Create the state of a new environment", "iac --env dev state init"),),
    exits={1: "There is a state already."},
)
@click.pass_obj
def init(context: CommandContext) -> None:
    """Create the empty state of an environment, and write its lineage into iac.yaml.

    If iac.yaml names no recipients, iac makes an age identity, as `iac init` does. An existing state stays as it is.
    """
    from iac.cli.init import tell_key  # not needed by the others
    from iac.config.project import load_project
    from iac.workflow.init import make_state  # brings in the adapters

    settings = load_project(context.root).settings(context.environment)
    begun = make_state(settings)
    click.echo(printable(f"made an empty state for environment {settings.environment}, {begun.where}"))
    tell_key(context, begun)
    context.note(f"iac.yaml names its lineage, {begun.lineage}: commit iac.yaml")


@command.command(
    "list",
    short_help="List the clients in state.",
    page="reference/state.md",
    examples=(Example("List clients, deleted clients and interrupted runs", "iac state list"),),
)
@FORMAT
@click.pass_obj
def list_clients(context: CommandContext, *, view: str) -> None:
    """List addresses in state, with client_id and the status of the secret. Needs no server and no key."""
    state = _open(context).backend.load()
    show(view, state_to_dict(state), _client_lines(state))
    context.note(*_notes(state) if view == "text" else ())


def _client_lines(state: State) -> Iterator[str]:
    width = max((len(address) for address in state.clients), default=0)
    room = max((len(client.client_id) for client in state.clients.values()), default=0)
    for address, client in sorted(state.clients.items()):
        yield f"{address:<{width}}  {client.client_id:<{room}}  secret {secret_text(client)}"
        for old in predecessors_of(client):
            yield f"{'':<{width}}  {predecessor_text(old)}"


def _notes(state: State) -> Iterator[str]:
    for _, intent in sorted(state.intents.items()):
        yield f"{intent.address}: {intent.action} of {intent.at} was interrupted; iac plan says more"
    for grave in state.tombstones:
        yield f"{grave.address}: {grave.client.client_id} was deleted {grave.deleted_at}; {_way_back(state, grave)}"
    if not state.clients:
        yield "no clients are in state yet"


def _way_back(state: State, grave: Tombstone) -> str:
    if grave.address in state.clients:
        return "replaced"
    if capabilities(grave.client.provider).server_chooses:
        return "it cannot come back: the server chooses ids and secrets"
    return f"iac state restore {grave.address}"


@command.command(
    "show",
    short_help="Show what state holds of one client.",
    page="reference/state.md",
    examples=(Example("Show one client", "iac state show portal"),),
)
@click.argument("address", metavar="ADDR", shell_complete=complete_addresses)
@FORMAT
@click.pass_obj
def show_client(context: CommandContext, *, address: str, view: str) -> None:
    """Show what state holds of one client, and the recipients of its secret. Secrets are shown as "(sensitive)"."""
    state = _open(context).backend.load()
    client = state.clients.get(address)
    if client is None:
        raise not_in_state(state, address)
    show(view, {"address": address, **detail(client)}, _detail_lines(address, client))


def _detail_lines(address: str, client: ClientState) -> Iterator[str]:
    yield f"{address}  client_id {client.client_id}"
    yield f"  secret {secret_text(client)}"
    yield from (f"  {predecessor_text(old)}" for old in predecessors_of(client))
    values = detail(client)
    told = {"client_id", "secret", "predecessors", "applied"}
    yield from (f"  {name:<32} {value_words(value)}" for name, value in values.items() if name not in told)
    yield "applied:"
    yield from (f"  {name:<32} {value_words(value)}" for name, value in values["applied"].items())


@command.command(
    "mv",
    short_help="Give a client another address.",
    page="how-to/remove-or-move-a-client.md",
    examples=(
        Example(
            "Rename an address, and its definition",
            "iac state mv portal data-portal\nmv clients.d/portal.yaml clients.d/data-portal.yaml",
        ),
    ),
)
@click.argument("source", metavar="FROM", shell_complete=complete_addresses)
@click.argument("target", metavar="TO")
@click.pass_obj
def move(context: CommandContext, *, source: str, target: str) -> None:
    """Give a client in state another address. Move its definition, too.

    Needs an age identity, because iac encrypts the secret again for the new address. To do the same through review, use
    `moved:` in iac.yaml.
    """
    client = rename(_open(context), source, target)
    click.echo(printable(f"{source} is now {target} (client_id {client.client_id})"))
    context.note(f"move its definition too: clients.d/{source}.yaml to clients.d/{target}.yaml")


@command.command(
    "rm",
    short_help="Forget a client. It stays on the server.",
    page="how-to/remove-or-move-a-client.md",
    examples=(
        Example(
            "Save a copy of the state, then forget a client", "iac state pull > state-copy.json\niac state rm portal"
        ),
    ),
)
@click.argument("address", metavar="ADDR", shell_complete=complete_addresses)
@click.option(
    "--auto-approve", "--yes", "is_approved", is_flag=True, help="Do not ask. Without a terminal iac cannot ask."
)
@click.pass_obj
def remove(context: CommandContext, *, address: str, is_approved: bool) -> None:
    """Forget a client and its stored secret. The client stays on the server, and rendered outputs stay on disk.

    A definition with `adopt: true` takes the client over again. IAM 1.14 and newer do not show its secret then. To do
    the same through review, use `removed: [{address: ADDR, then: forget}]` in iac.yaml.
    """
    session = _open(context)
    state = session.backend.load()
    known = _known(state, address, find(state, address))
    if not is_approved:
        context.note(
            f"{address} ({known}): the client stays on the server, the stored secret is lost to iac;",
            "iac state pull saves a copy of the state first",
        )
        check_terminal("--auto-approve")
        approve("Forget it?", "Cancelled. Nothing was done.")
    forget(session, address)
    click.echo(printable(f"forgot {address} ({known})"))
    context.note("rendered outputs are left as they are; a definition with adopt: true takes the client over again")


def _known(state: State, address: str, client: ClientState | None) -> str:
    if client is not None:
        return f"client_id {' and '.join(client.client_ids)}"
    return "an interrupted create" if address in state.intents else "keys, and no client yet"


@command.command(
    "restore",
    short_help="Create a deleted client again, with its old secret.",
    page="how-to/remove-or-move-a-client.md",
    examples=(Example("Find a deleted client, and bring it back", "iac state list\niac state restore wiki"),),
    exits={
        0: "Restored.",
        3: "A guard refused it: another client has this client_id now.",
        5: "Restored in part. Run it again.",
    },
)
@click.argument("address", metavar="ADDR", shell_complete=complete_addresses)
@AUTO_APPROVE
@LOCK_TIMEOUT
@FORMAT
@click.pass_obj
def restore(context: CommandContext, *, address: str, auto_approve: bool, lock_timeout: int, view: str) -> int:
    """Create a deleted client again, with its old client_id and secret. Its services work again.

    State keeps deleted clients for 30 days. The client comes back as the server last answered it; if there is a
    definition, its fields win. The plan shows all of it. Afterwards take the address out of `removed:`, and put its
    definition back. Needs an age identity.
    """
    from iac.apply.run import apply_plan
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.restore import prepare_restore

    context = with_ended(context, view)
    with (
        open_session(context, Access.WRITE) as session,
        session.locked(lock_timeout),
    ):
        is_defined = address in session.desired.clients
        alone, locked = prepare_restore(session, address)
        report = carry_out(context, alone, locked, ApprovalTerms(view, is_approved=auto_approve), apply_plan)
    code = end(context, report, view)
    if not is_defined:
        context.note(
            f"now put its definition back, clients.d/{address}.yaml, and take it out of removed:",
            "until then iac apply refuses it, or deletes it again",
        )
    return code


@command.command(
    "pull",
    short_help="Print the state.",
    page="how-to/recover.md",
    examples=(Example("Save a copy of the state", "iac state pull > state-copy.json"),),
)
@click.pass_obj
def pull(context: CommandContext) -> None:
    """Print the state as one JSON document, journal included.

    Secrets stay encrypted. With `encryption: none` they are readable, and iac warns you. `iac state push` takes the
    copy back.
    """
    from iac.config.project import load_project
    from iac.wiring import open_backend

    settings = load_project(context.root).settings(context.environment)
    click.echo(render_state(open_backend(settings, SystemClock()).load()), nl=False)
    if settings.state.is_clear:
        click.echo("its secrets are not encrypted: iac.yaml has encryption: none", err=True)


@command.command(
    "push",
    short_help="Replace the state by a copy.",
    page="how-to/share-state.md",
    examples=(
        Example("Put a copy back that is older than the state", "iac state push state-copy.json --force"),
        Example(
            "Move the state to another backend",
            "iac state pull > state-copy.json\n# change state: in iac.yaml\niac state push state-copy.json",
        ),
    ),
    exits={1: "The copy is older, or belongs to another project, environment, issuer or lineage."},
)
@click.argument("file", metavar="FILE")
@click.option("--force", "is_forced", is_flag=True, help="Push a copy that is older than the state.")
@click.pass_obj
def push_copy(context: CommandContext, *, file: str, is_forced: bool) -> None:
    """Replace the state by FILE: a copy of `iac state pull`, or an emergency copy. `-` is stdin.

    An emergency copy that ends in .journal is added to the state. No other command may run between pull and push.
    Afterwards run `iac plan`: it shows how state and server differ.
    """
    push(_open(context), read_given(context, file), file, is_forced=is_forced)
    click.echo(printable(f"the state holds what {file} holds"))
    context.note("run iac plan: it says what differs from the server; keep the copy until then")


@command.command(
    "rekey",
    short_help="Encrypt all secrets again, for the current recipients.",
    page="explanation/state-and-secrets.md",
    examples=(Example("Encrypt for the recipients that iac.yaml names now", "iac state rekey"),),
)
@click.pass_obj
def rekey_secrets(context: CommandContext) -> None:
    """Encrypt every secret again, to the recipients of iac.yaml and of the definitions.

    Run it after a change of recipients, or of `encryption: none`. Needs an identity that opens the secrets now, and no
    server. Former recipients can still open older copies of the state: rotate the secrets that they must not know.
    """
    from iac.wiring import open_rekey  # not needed by --help

    done = rekey(open_rekey(context.with_progress()))
    click.echo(f"sealed {counted(done.secrets, 'secret')} again")
    for address, recipients in sorted(done.recipients.items()):
        click.echo(printable(f"{address}: also to {counted(len(recipients), 'recipient')} of its definition"))
    if done.are_clear:
        context.note("they are not encrypted now, as iac.yaml says: everybody who can read the state can read them")
        return
    if done.were_clear:
        context.note(
            f"{done.were_clear} of them were not encrypted before, so older copies and backups of the state show them:",
            "remove those copies, or run iac rotate",
        )
    context.note(
        "older copies of the state still open for former recipients:",
        "run iac rotate for the secrets that they must not know",
    )


@command.command(
    "unlock",
    short_help="Break the lock of a run that died.",
    page="how-to/recover.md",
    examples=(Example("Break a lock; the error message shows the id of its run", "iac state unlock 3f9c2a7be1d04c58"),),
    exits={6: "The run is alive (file backend)."},
)
@click.argument("run_id", metavar="RUN_ID")
@click.pass_obj
def unlock(context: CommandContext, *, run_id: str) -> None:
    """Break the lock of a run that died. The error message of the command that was refused shows RUN_ID.

    File backend: the lock ends with its process, so iac refuses while the process lives. Other backends: iac breaks the
    lock at once. Make sure that the run is dead, also on other machines.
    """
    holder = _open(context).backend.unlock(run_id)
    click.echo(printable(f"run {holder.run_id} of {holder.who}, since {holder.since}, no longer holds the lock"))
    context.note("run iac plan: it says what that run left unfinished")
