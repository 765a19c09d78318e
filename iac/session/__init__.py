"""What one run works with: desired clients, an adapter for each port, and its view of state (`iac.session.ledger`)."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from msgspec import Struct, field

from iac.core.desired import Desired
from iac.core.errors import Diagnostic, InputError, LockedError, RenderError
from iac.core.plan.change import sha256
from iac.core.plan.plan import PlanOptions, Reads
from iac.core.state.model import State
from iac.core.text import nearest
from iac.ports import Clock, Deliveries, Holder, Provider, Sink, StateBackend, Vault, find_newer
from iac.ports.progress import SILENT, Progress
from iac.rendering.context import ProjectFacts
from iac.rendering.renderer import Renderer
from iac.rendering.template import Template
from iac.session.ledger import Ledger

_LOCK_SECONDS = 600


class StateSession(Struct, frozen=True, kw_only=True):
    """One environment's state alone: enough to repair it."""

    backend: StateBackend
    vault: Vault
    clock: Clock
    run_id: str = field(default_factory=lambda: secrets.token_hex(8))
    progress: Progress = SILENT

    @contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """Hold the lock for a `with` block; who else holds it is told, and waited for `timeout` seconds."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self.backend.lock(self.holder(), timeout=0))
            except LockedError as error:
                if not timeout:
                    raise
                self.progress.wait(f"waiting up to {timeout:g} s for the lock: {error.why}")
                stack.enter_context(self.backend.lock(self.holder(), timeout=timeout))
            yield

    def holder(self) -> Holder:
        """How the lock names this run."""
        since = self.clock.now()
        until = since + timedelta(seconds=_LOCK_SECONDS)
        who = f"{_user()}@{socket.gethostname()} pid {os.getpid()}"
        return Holder(self.run_id, who, since.isoformat(timespec="seconds"), until.isoformat(timespec="seconds"))

    def ledger(self, state: State) -> Ledger:
        """This run's view of state. What it seals again keeps its recipients."""
        return Ledger(self.backend, self.vault, self.clock, state)


def _user() -> str:
    """Who runs iac, also where no variable says it, as in cron or a container."""
    import getpass  # only where a lock is taken

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        return f"uid {os.getuid()}"


class LocalSession(StateSession, frozen=True, kw_only=True):
    """One environment without its server: enough to render outputs.

    Attributes:
        templates: by name.
        deliveries: what this machine has written.
        accepts_older_state: whether a state may be older than that.
    """

    desired: Desired
    warnings: tuple[Diagnostic, ...] = ()
    sinks: Mapping[str, Sink]
    templates: Mapping[str, Template]
    deliveries: Deliveries
    accepts_older_state: bool = False
    renderer: Renderer = field(default_factory=Renderer)
    _reads: dict[str, Reads] = field(default_factory=dict)

    def options(self, targets: Collection[str] = (), recreate: Collection[str] = ()) -> PlanOptions:
        """Options of a plan.

        Raises:
            InputError: a target or an address to recreate is not an address of the project.
        """
        known = set(self.desired.clients) | {entry.address for entry in self.desired.removed}
        for address in [*targets, *recreate]:
            if address not in known:
                fix = nearest(address, known) or "the address is the path below clients.d without .yaml"
                raise InputError("no definition has this address", where=address, fix=fix)
        return PlanOptions(reads=self.reads, targets=frozenset(targets), recreate=frozenset(recreate))

    def ledger(self, state: State) -> Ledger:
        """This run's view of state. It seals to the current recipients, those of definitions too."""
        recipients = {address: client.recipients for address, client in self.desired.clients.items()}
        return Ledger(self.backend, self.vault, self.clock, state, recipients)

    def check_serial(self, state: State) -> None:
        """Refuse a state that is older than an output or a journal of this machine, unless the run accepts it.

        An older state holds secrets that may be dead since: nothing is written from it by mistake.

        Raises:
            StateError: it is older; names both serials.
        """
        if self.accepts_older_state:
            self.deliveries.accept(state.serial)
            self.deliveries.save()
        elif error := find_newer(self.deliveries, self.backend, state):
            raise error

    def issuer(self, state: State) -> str:
        """The issuer in outputs, as the server spells it: readers of tokens compare it to the character.

        Without the server, it is what the last apply learned. Before the first apply, it is what iac.yaml says.
        """
        return state.served_issuer or self.desired.issuer

    def digest(self, template: str, state: State) -> str:
        """Hash over all that a template may read beside clients: its text, the project, the environment, the issuer."""
        desired = self.desired
        return sha256([self.templates[template].digest, desired.project, desired.environment, self.issuer(state)])

    def digests(self, state: State) -> dict[str, str]:
        """The digest of each template, by its name."""
        return {name: self.digest(name, state) for name in self.templates}

    def reads(self, template: str) -> Reads:
        """What a template reads of a client: everything, where it cannot be told from its text."""
        if template not in self._reads:
            try:
                self._reads[template] = self.renderer.entries(self.templates[template])
            except RenderError:  # it cannot be rendered either, which is said there
                self._reads[template] = None
        return self._reads[template]

    def facts(self, state: State) -> ProjectFacts:
        """Where outputs come from, for their templates."""
        return ProjectFacts(self.desired.project, self.desired.environment, self.issuer(state))


class Session(LocalSession, frozen=True, kw_only=True):
    """One environment with its server."""

    provider: Provider
    parallelism: int = 8

    def issuer(self, _state: State) -> str:
        """The issuer in outputs, as the server's discovery document spells it."""
        return self.provider.served_issuer()
