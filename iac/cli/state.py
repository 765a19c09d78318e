"""`iac state`: create, inspect and repair state. Secrets stay sealed; only `restore` asks the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from iac.cli import Group
from iac.cli.approval import AUTO_APPROVE, LOCK_TIMEOUT, ApprovalTerms, carry_out, end
from iac.cli.context import Shell, approve, check_terminal, read_given
from iac.cli.format import FORMAT, show
from iac.core.state.model import ClientState, State
from iac.core.text import printable
from iac.views.state import detail, predecessor_text, predecessors_of, secret_text, state_to_dict, value_words
from iac.views.words import counted

if TYPE_CHECKING:
    from iac.session import StateSession


@click.group("state", cls=Group)
def command() -> None:
    """Create, inspect and repair state. Secrets stay sealed, and only restore asks the server."""


def _open(shell: Shell) -> StateSession:
    from iac.wiring.sessions import open_state  # not needed by --help

    return open_state(shell)


@command.command("init", short_help="make the empty state of an environment")
@click.pass_obj
def init(shell: Shell) -> int:
    """Make the empty state of an environment, and write its lineage into iac.yaml.

    Where no recipients are named an age identity is made, as by `iac init`. A state that is there is left alone.
    """
    from iac.cli.init import tell_key  # not needed by the others
    from iac.clock import SystemClock
    from iac.config.project import load_project
    from iac.wiring.site import open_backend
    from iac.workflow.init import make_state

    settings = load_project(shell.root).settings(shell.environment)
    begun = make_state(settings, SystemClock(), open_backend)
    click.echo(printable(f"made an empty state for environment {settings.environment}, {begun.where}"))
    tell_key(shell, begun)
    shell.note(f"iac.yaml names its lineage, {begun.lineage}: commit iac.yaml")
    return 0


@command.command("list", short_help="the addresses in state")
@FORMAT
@click.pass_obj
def list_clients(shell: Shell, *, view: str) -> int:
    """List the addresses in state with their client_id and what is known of their secret."""
    state = _open(shell).backend.load()
    show(view, state_to_dict(state), _client_lines(state))
    shell.note(*_notes(state) if view == "text" else ())
    return 0


def _client_lines(state: State) -> Iterator[str]:
    width = max((len(address) for address in state.clients), default=0)
    for address, client in sorted(state.clients.items()):
        yield f"{address:<{width}}  {client.client_id}  secret {secret_text(client)}"
        for old in predecessors_of(client):
            yield f"{'':<{width}}  {predecessor_text(old)}"


def _notes(state: State) -> Iterator[str]:
    for _, intent in sorted(state.intents.items()):
        yield f"{intent.address}: {intent.action} of {intent.at} was interrupted; iac plan says more"
    for grave in state.tombstones:
        way = "replaced" if grave.address in state.clients else f"iac state restore {grave.address}"
        yield f"{grave.address}: {grave.client.client_id} was deleted {grave.deleted_at}; {way}"
    if not state.clients:
        yield "no clients are in state yet"


@command.command("mv", short_help="another address for a client of state")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.pass_obj
def move(shell: Shell, *, source: str, target: str) -> int:
    """Give a client of state another address. Its secret is sealed for the new one, which needs an identity.

    `moved:` in iac.yaml does the same through review; this is for what cannot wait.
    """
    from iac.workflow.state import rename

    client = rename(_open(shell), source, target)
    click.echo(printable(f"{source} is now {target} (client_id {client.client_id})"))
    shell.note(f"move its definition too: clients.d/{source}.yaml to clients.d/{target}.yaml")
    return 0


@command.command("pull", short_help="the state as one document, on stdout")
@click.pass_obj
def pull(shell: Shell) -> int:
    """Print the state, with its journal folded in. Secrets stay sealed. `iac state push` takes it back."""
    from iac.clock import SystemClock  # not needed by --help
    from iac.config.project import load_project
    from iac.core.state.document import render_state
    from iac.wiring.site import open_backend

    settings = load_project(shell.root).settings(shell.environment)
    click.echo(render_state(open_backend(settings, SystemClock()).load()), nl=False)
    if settings.state.is_clear:
        click.echo("its secrets are not encrypted: iac.yaml has encryption: none", err=True)
    return 0


@command.command("push", short_help="a copy of the state becomes the state")
@click.argument("file", metavar="FILE")
@click.option("--force", "is_forced", is_flag=True, help="Even when the copy is older than the state.")
@click.pass_obj
def push_copy(shell: Shell, *, file: str, is_forced: bool) -> int:
    """Let FILE be the state: a document of `iac state pull`, or an emergency copy. - reads stdin.

    An emergency copy that ends in .journal is added to the state. A copy of another project, environment, issuer or
    lineage is refused, and an older one without --force.
    """
    from iac.workflow.state import StateCopy, push

    push(_open(shell), StateCopy(read_given(shell, file), file), is_forced=is_forced)
    click.echo(printable(f"the state holds what {file} holds"))
    shell.note("run iac plan: it says what differs from the server; keep the copy until then")
    return 0


@command.command("rekey", short_help="seal all secrets again, for the current recipients")
@click.pass_obj
def rekey_secrets(shell: Shell) -> int:
    """Seal every secret of state anew, to the recipients of iac.yaml and of definitions.

    Needs an identity that opens them now, and no server. It also follows a change from encryption: none to recipients,
    or back.
    """
    from iac.wiring.sessions import open_rekey  # not needed by --help
    from iac.workflow.state import rekey

    done = rekey(open_rekey(shell))
    click.echo(f"sealed {counted(done.secrets, 'secret')} again")
    for address, recipients in sorted(done.recipients.items()):
        click.echo(printable(f"{address}: also to {counted(len(recipients), 'recipient')} of its definition"))
    if done.are_clear:
        shell.note("they are not encrypted now, as iac.yaml asks: whoever reads the state reads them")
        return 0
    if done.were_clear:
        shell.note(
            f"{done.were_clear} of them were not encrypted, and are not in older copies and backups of the state:",
            "remove those copies, or rotate with iac rotate",
        )
    shell.note(
        "older copies of the state still open for former recipients:",
        "rotate what they must not know any more, with iac rotate",
    )
    return 0


@command.command("restore", short_help="create a deleted client again, with its old id and secret")
@click.argument("address", metavar="ADDR")
@AUTO_APPROVE
@LOCK_TIMEOUT
@FORMAT
@click.pass_obj
def restore(shell: Shell, *, address: str, auto_approve: bool, lock_timeout: int, view: str) -> int:
    """Make a deleted client anew on the server, with its old id and secret: its services work again.

    State keeps deleted clients for 30 days. Without a definition the client is made as it last was. Needs an identity.
    """
    from iac.apply.run import apply_plan
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.restore import prepare_restore

    with (
        open_session(shell, Access.WRITE) as session,
        session.backend.lock(session.holder(), timeout=lock_timeout),
    ):
        is_defined = address in session.desired.clients
        alone, locked = prepare_restore(session, address)
        report = carry_out(shell, alone, locked, ApprovalTerms(view, is_approved=auto_approve), apply_plan)
    code = end(shell, report, view)
    if not is_defined:
        shell.note(
            f"now put its definition back, clients.d/{address}.yaml, and take it out of removed:",
            "until then iac apply refuses it, or deletes it again",
        )
    return code


@command.command("rm", short_help="forget an address; the client stays on the server")
@click.argument("address", metavar="ADDR")
@click.option("--yes", "is_approved", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(shell: Shell, *, address: str, is_approved: bool) -> int:
    """Forget an address. The client stays on the server as it is; its stored secret is gone from state.

    `removed: [{address, then: forget}]` in iac.yaml does the same through review.
    """
    from iac.workflow.state import find, forget

    session = _open(shell)
    state = session.backend.load()
    known = _known(state, address, find(state, address))
    if not is_approved:
        shell.note(
            f"{address} ({known}): the client stays on the server, the stored secret is lost to iac;",
            "iac state pull saves a copy of the state first",
        )
        check_terminal("--yes")
        approve("Forget it?", "Cancelled. Nothing was done.")
    forget(session, address)
    click.echo(printable(f"forgot {address} ({known})"))
    shell.note("rendered outputs are left as they are; a definition with adopt: true takes the client over again")
    return 0


def _known(state: State, address: str, client: ClientState | None) -> str:
    if client is not None:
        return f"client_id {' and '.join(client.client_ids)}"
    return "an interrupted create" if address in state.intents else "keys, and no client yet"


@command.command("show", short_help="what state holds of one address")
@click.argument("address", metavar="ADDR")
@FORMAT
@click.pass_obj
def show_client(shell: Shell, *, address: str, view: str) -> int:
    """Show what state holds of one address. Secrets are shown as "(sensitive)"."""
    from iac.workflow.state import not_in_state

    state = _open(shell).backend.load()
    client = state.clients.get(address)
    if client is None:
        raise not_in_state(state, address)
    show(view, {"address": address, **detail(client)}, _detail_lines(address, client))
    return 0


def _detail_lines(address: str, client: ClientState) -> Iterator[str]:
    yield f"{address}  client_id {client.client_id}"
    yield f"  secret {secret_text(client)}"
    yield from (f"  {predecessor_text(old)}" for old in predecessors_of(client))
    values = detail(client)
    for name, value in values.items():
        if name not in {"client_id", "secret", "predecessors", "applied"}:
            yield f"  {name:<32} {value_words(value)}"
    yield "applied:"
    yield from (f"  {name:<32} {value_words(value)}" for name, value in values["applied"].items())


@command.command("unlock", short_help="break the lock of a run that is gone")
@click.argument("run_id", metavar="RUN_ID")
@click.pass_obj
def unlock(shell: Shell, *, run_id: str) -> int:
    """Break the lock of a run that is gone. RUN_ID is in the message of the command that was refused.

    A lock of the file backend is the kernel's and ends with its process: while that lives this is refused (exit 6),
    afterwards only the note of who held it is left to clear. A lock of another backend is broken at once: be sure that
    its run is gone, perhaps on another machine.
    """
    holder = _open(shell).backend.unlock(run_id)
    click.echo(printable(f"run {holder.run_id} of {holder.who}, since {holder.since}, no longer holds the lock"))
    shell.note("run iac plan: it says what that run left unfinished")
    return 0
