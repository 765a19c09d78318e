"""Everything that can be wrong around a project, looked at one after the other: `iac doctor`.

What is wrong with one thing keeps none of the others from being looked at. Checks that need no server come first.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from iac import __version__
from iac.apply.deliver import find_block_now, find_unfit_now
from iac.clock import SystemClock
from iac.config.project import Project, load_project
from iac.config.settings import Settings, check_sources
from iac.core.errors import Diagnostic, IacError, InvalidInput, Severity, UnreachableError
from iac.core.model import Actual
from iac.core.plan.change import recipient
from iac.core.policy import ReviewContext, review_registered
from iac.core.secret import Secret
from iac.core.text import listed
from iac.ports import Clock, Identity, find_newer
from iac.ports.settings import ProviderSettings
from iac.ports.site import SourceKind, ValueSource
from iac.providers.base import Connected
from iac.registry import PROVIDERS
from iac.sealing import key_path, recipients_of
from iac.session import LocalSession, Session
from iac.transport.message import TOLERANCE, skew_words
from iac.views.words import counted
from iac.wiring import (
    Access,
    Caller,
    find_identity,
    login_client_id,
    open_backend,
    open_deliveries,
    open_local,
    open_server,
    open_session,
    settings_of,
)
from iac.workflow.pipelines import find_unlocked, find_written
from iac.workflow.registrations import reading
from iac.workflow.render import UNREAD, find_damage, find_exposures
from iac.workflow.validate import validate

READ, WRITE = "iam:admin.read", "iam:admin.write"
_VALIDATE = "run iac validate: it shows each with its place"
_AGAIN = "git rm them, iac init --ci github (or gitlab), and look at git diff"


class Health(StrEnum):
    """How something stands. `unknown`: it could not be looked at, or need not be there."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


class CheckResult(Struct, frozen=True):
    """One thing that was looked at: how it stands, and the message that says so; its id is that of the check."""

    health: Health
    message: Diagnostic

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `says` is the message in one sentence."""
        message = self.message
        says = "; ".join(part for part in (message.summary, message.where, message.why) if part)
        return {**message.to_dict(), "severity": str(self.health), "verdict": str(self.health), "says": says}


def ok(name: str, says: str) -> CheckResult:
    """All is well; such a message counts for nothing, as a waived one does."""
    return CheckResult(Health.OK, Diagnostic(name, says, severity=Severity.WAIVED))


def unknown(name: str, says: str, fix: str = "") -> CheckResult:
    """It could not be looked at, or is not needed here."""
    return CheckResult(Health.UNKNOWN, Diagnostic(name, says, fix=fix, severity=Severity.WAIVED))


def warning(name: str, says: str, fix: str) -> CheckResult:
    """It works, and somebody should know something."""
    return told(name, Diagnostic(name, says, fix=fix, severity=Severity.WARNING))


def error(name: str, says: str, fix: str) -> CheckResult:
    """It does not work, or must not stay so."""
    return told(name, Diagnostic(name, says, fix=fix))


def told(name: str, message: Diagnostic) -> CheckResult:
    """What another part of iac says of it."""
    return CheckResult(Health(message.severity), replace(message, id=name))


def failed(name: str, error: IacError) -> CheckResult:
    """It ended in an error."""
    if isinstance(error, InvalidInput):
        return told(name, Diagnostic(name, error.summary, fix=_VALIDATE))
    return told(name, Diagnostic(name, error.summary, None, error.why, error.fix, where=error.where))


class Checkup(Struct):
    """What was found, check by check.

    Attributes:
        is_reached: whether the server and the state answered, wherever they were asked.
    """

    checks: list[CheckResult] = field(default_factory=list)
    is_reached: bool = True

    @property
    def has_errors(self) -> bool:
        """Whether something keeps iac from its work."""
        return any(check.health is Health.ERROR for check in self.checks)

    @property
    def is_valid(self) -> bool:
        """Whether definitions can be used."""
        return not any(check.message.id == "project" and check.health is Health.ERROR for check in self.checks)

    def is_well(self, name: str) -> bool:
        """Whether a check found all well."""
        return any(check.message.id == name and check.health is Health.OK for check in self.checks)

    def look(self, name: str, at: Callable[[], Iterator[CheckResult]]) -> None:
        """Take what one check finds; an error is what it finds, too."""
        try:
            self.checks.extend(at())
        except IacError as error:
            self.is_reached = self.is_reached and not isinstance(error, UnreachableError)
            self.checks.append(failed(name, error))


def run_checkup(caller: Caller) -> Checkup:
    """Look at everything, of the environment that the caller names."""
    checkup = Checkup()
    checkup.look("versions", versions)
    checkup.look("project", lambda: definitions(caller))
    checkup.look("pipelines", lambda: pipelines(caller))
    checkup.look("settings", lambda: _with_settings(caller, checkup))
    return checkup


def _with_settings(caller: Caller, checkup: Checkup) -> Iterator[CheckResult]:
    """What needs the settings of one environment."""
    project, clock = load_project(caller.root), SystemClock()
    settings = project.settings(caller.environment)
    checkup.look("pinned", lambda: pin(settings))
    checkup.look("files", lambda: files(project, settings))
    if checkup.is_valid:
        checkup.look("outputs", lambda: exposures(open_local(caller)))
        checkup.look("login-client", lambda: own_login(open_local(caller), login_client_id(settings_of(caller))))
    checkup.look("encryption", lambda: encryption(settings))
    checkup.look("identity", lambda: identity(settings, find_identity(settings)))
    checkup.look("state", lambda: state(settings, clock))
    if checkup.is_valid and checkup.is_well("state"):
        checkup.look("rendered", lambda: rendered(open_local(caller)))
    checkup.look("server", lambda: _server(caller))
    if checkup.is_valid and checkup.is_reached and checkup.is_well("state") and checkup.is_well("login"):
        checkup.look("clients", lambda: _clients(caller))
    return iter(())


def _clients(caller: Caller) -> Iterator[CheckResult]:
    with open_session(caller, Access.READ) as session:
        yield from clients(session)


def _server(caller: Caller) -> Iterator[CheckResult]:
    with open_server(caller, Access.ALL) as (settings, provider):
        yield from server(provider, PROVIDERS[settings.provider], settings.issuer)


def versions() -> Iterator[CheckResult]:
    """Of what runs."""
    yield ok("versions", f"iac {__version__}, Python {platform.python_version()}, {platform.system()}")


def definitions(caller: Caller) -> Iterator[CheckResult]:
    """The project as `iac validate` sees it."""
    found = validate(caller.root, environment=caller.environment)
    what = f"{counted(found.definitions, 'definition')}, environments: {listed(found.environments) or 'none'}"
    if not found.is_valid:
        mistakes = counted(sum(each.severity is Severity.ERROR for each in found.diagnostics), "mistake")
        yield error("project", f"{mistakes} in {what}", _VALIDATE)
    elif any(each.severity is Severity.WARNING for each in found.diagnostics):
        yield warning("project", f"valid, with warnings: {what}", _VALIDATE)
    else:
        yield ok("project", f"valid: {what}")


def pin(settings: Settings) -> Iterator[CheckResult]:
    """IAC_ISSUER; one that differs is an error of the server's part."""
    if os.environ.get("IAC_ISSUER"):
        yield ok("pinned", f"IAC_ISSUER is set: credentials go to {os.environ['IAC_ISSUER']} alone")
    else:
        yield warning(
            "pinned",
            "IAC_ISSUER is not set: a change of issuer in iac.yaml can send credentials elsewhere",
            f"export IAC_ISSUER={settings.pin} wherever the login is set",
        )


def files(project: Project, settings: Settings) -> Iterator[CheckResult]:
    """Files with secrets that others on this machine can read."""
    key = key_path(settings.project, os.environ)
    found = [told("files", each) for each in check_sources(project.document, settings)]
    if ValueSource("", SourceKind.FILE, str(key)).is_open_to_others(settings.root):
        found.append(warning("files", f"the key file {key} can be read by others on this machine", f"chmod 600 {key}"))
    yield from found or [ok("files", "no file with a secret of the login, the state or the key is open to others")]


def exposures(session: LocalSession) -> Iterator[CheckResult]:
    """Rendered files that would get into version control."""
    outputs = session.desired.outputs
    yield from [told("outputs", message) for _, message in sorted(find_exposures(session, outputs).items())] or [
        ok("outputs", f"{counted(len(outputs), 'output')}, none in git, and none that git would add")
    ]


def own_login(session: LocalSession, client_id: str) -> Iterator[CheckResult]:
    """The client that iac logs in with is not to be managed by it."""
    if managed := [
        address for address, client in session.desired.clients.items() if client_id and client.client_id == client_id
    ]:
        yield error(
            "login-client",
            f"{managed[0]} defines {client_id}, the client that iac logs in with: a mistake would lock iac out",
            f"take the definition {managed[0]} out",
        )
    else:
        yield ok("login-client", "no definition names the client that iac logs in with")


def pipelines(caller: Caller) -> Iterator[CheckResult]:
    """Pipelines that another version of iac wrote."""
    written = find_written(caller.root)
    if unlocked := find_unlocked(caller.root):
        yield error(
            "pipelines",
            f"{listed(unlocked)}: these jobs install iac by name; a package of that name could take their login",
            _AGAIN,
        )
    if old := {path: version for path, version in written.items() if version != __version__}:
        yield warning(
            "pipelines",
            f"written by another version: {listed(f'{path} ({version})' for path, version in old.items())}",
            _AGAIN,
        )
    elif written and not unlocked:
        yield ok("pipelines", f"{counted(len(written), 'file')}, written by this version")
    elif not written:
        yield unknown("pipelines", "none are here", "iac init --ci github (or gitlab) writes some")


def server(provider: Connected, known: ProviderSettings, issuer: str) -> Iterator[CheckResult]:
    """Reachable, the one that it says it is, and how it takes the login; scopes and lists where it has them."""
    identity = provider.identify()
    if identity.issuer == issuer:
        yield ok("server", f"{identity.issuer} answers and is the issuer of iac.yaml")
    else:
        yield warning(
            "server",
            f"iac.yaml spells the issuer {issuer}, the server {identity.issuer}; outputs carry the server's spelling",
            f"change iac.yaml to issuer: {identity.issuer}",
        )
    yield ok("login", f"logged in as {identity.subject or 'a client that the token does not name'}")
    if known.scopes_of_login:
        yield _scopes(identity)
    if not known.api.is_iam:
        provider.check_create()
        yield ok("registration", "the server, or iac.yaml, says where clients are registered")
    actual = provider.read([])
    if known.api.reads_all:
        yield ok("flavour", f"behaves like IAM {actual.facts.flavour}, {counted(actual.total, 'client')}")
        yield _exposure(actual)
    yield _clock(provider.skew)


def _scopes(identity: Identity) -> CheckResult:
    scopes = identity.scopes
    if scopes is None:
        return unknown("scopes", "the token does not say its scopes; the server's answers will tell")
    if READ not in scopes:
        return error(
            "scopes",
            f"the login may not read clients; its scopes: {' '.join(sorted(scopes)) or 'none'}",
            f"an administrator of the IAM has to give it {READ}",
        )
    if others := sorted(scopes - {READ, WRITE}):
        return warning(
            "scopes",
            f"the login may do more than iac needs: {' '.join(others)}",
            f"use a client that has {READ}, and {WRITE} where it applies, and nothing else",
        )
    if WRITE in scopes:
        return ok("scopes", f"may read and write, as apply needs; for plans alone, use a login with {READ} only")
    return ok("scopes", f"may read: right for plan, drift and secret; apply needs {WRITE}")


def _exposure(actual: Actual) -> CheckResult:
    if not actual.facts.shows_secrets and not actual.facts.has_up_scoping:
        return unknown("exposure", "iac saw no client that shows whether this login can read secrets")
    if not actual.facts.shows_secrets:
        return ok("exposure", "the server shows no client secrets")
    return warning(
        "exposure",
        f"the login can read the secrets of all {actual.total} clients, and so can each job that plans",
        "require an approval for the environment of these jobs; IAM 1.14 and newer show no secrets",
    )


def _clock(skew: float | None) -> CheckResult:
    if skew is None:
        return unknown("clock", "the server does not say its time")
    if words := skew_words(skew):
        return warning("clock", f"{words}: tokens may look expired", "set the clock, as by NTP")
    return ok("clock", f"within {TOLERANCE:g} seconds of the server's")


def state(settings: Settings, clock: Clock) -> Iterator[CheckResult]:
    """There, whole, as new as this machine knows, and not locked by a run that is gone."""
    backend = open_backend(settings, clock)
    held = backend.load()
    yield ok("state", f"serial {held.serial}, {counted(len(held.clients), 'client')}, {settings.state.place.where}")
    if older := find_newer(open_deliveries(settings, clock), backend, held):
        yield failed("older-state", older)
    holder, now = backend.holder(), clock.now().isoformat(timespec="seconds")
    is_over = holder is not None and not backend.ends_with_process and holder.expires < now
    if held.intents and (holder is None or is_over):
        yield warning(
            "interrupted",
            f"an interrupted run left writes open: {listed(sorted(held.intents))}",
            "run iac plan: it says how each goes on",
        )
    if holder is None:
        yield ok("lock", "free")
    elif backend.ends_with_process:
        fix = "wait for that run, or end its process: then the lock is free"
        yield warning("lock", f"held since {holder.since} by {holder.who}", fix)
    elif is_over:
        yield warning(
            "lock",
            f"held since {holder.since} by {holder.who}, and over since {holder.expires}",
            f"be sure that this run is gone, then iac state unlock {holder.run_id}",
        )
    else:
        yield warning(
            "lock",
            f"held since {holder.since} by {holder.who}, until {holder.expires}",
            f"wait for it; if you are sure that this run is gone: iac state unlock {holder.run_id}",
        )


def rendered(session: LocalSession) -> Iterator[CheckResult]:
    """Outputs that cannot be written from state, and those of this machine that differ from what was written."""
    held, outputs = session.backend.load(), session.desired.outputs
    # Those of clients that are not applied yet are the plan's matter: a new project is in order.
    specs = [spec for spec in outputs if held.clients.keys() >= set(spec.clients)]
    blocks = (find_block_now(spec, held) for spec in specs if spec.id not in held.outputs)
    unfit = find_unfit_now(session, held)
    yield from [
        unknown("rendered", message.summary, message.fix) if message.id == UNREAD else told("rendered", message)
        for message in (*filter(None, blocks), *unfit.values(), *find_damage(session, held, outputs, unfit))
    ] or [
        ok(
            "rendered",
            f"state has the credentials of {counted(len(specs), 'output')};"
            " no file that was written here is missing, changed or of another mode",
        )
    ]


def clients(session: Session) -> Iterator[CheckResult]:
    """Clients of the state that are not on the server or disabled there, and secrets that end."""
    with reading(session) as read:
        actual = read.actual(session.options())
    by_address = {
        address: actual.registrations[client.client_id]
        for address, client in read.state.clients.items()
        if client.client_id in actual.registrations
    }
    context = ReviewContext(session.clock.now().date(), clients=by_address)
    messages = review_registered(session.desired, context)
    results = [told("clients", message) for message in sorted(messages, key=lambda message: message.where)]
    missing = sorted(read.state.clients.keys() - by_address.keys())
    if unread := [address for address in missing if read.state.clients[address].client_id in actual.unread]:
        results.insert(0, warning("clients", f"not read: {listed(unread)}", "run iac plan: it says why"))
    if gone := [address for address in missing if address not in unread]:
        unclear = "" if session.desired.api.reads_all else ", or out of reach"
        results.insert(
            0, warning("clients", f"not found on the server{unclear}: {listed(gone)}", "run iac drift: it shows each")
        )
    yield from results or [
        ok(
            "clients",
            f"{counted(len(by_address), 'client')} of the state read: none disabled, no secret that ends soon,"
            " but for what is waived",
        )
    ]


def encryption(settings: Settings) -> Iterator[CheckResult]:
    """Whether secrets in state are sealed, and to whom."""
    sealing = settings.state
    if sealing.is_clear:
        yield warning(
            "encryption",
            "none: who reads the state reads every secret",
            "name recipients in state.encryption, run iac state rekey, and rotate",
        )
    elif sealing.recipients:
        yield ok("encryption", f"age, {counted(len(sealing.recipients), 'recipient')}")
    else:
        yield error(
            "encryption",
            "no recipients are named: nothing can be stored",
            "iac state init makes one, or name some in state.encryption",
        )


def identity(settings: Settings, found: Secret | None) -> Iterator[CheckResult]:
    """Whether secrets can be opened here; that is not needed everywhere."""
    if settings.state.is_clear:
        return
    if found is None:
        yield unknown("identity", "no identity here: plan and drift need none; render, and some applies, need one")
        return
    if {recipient(key) for key in recipients_of(found)} & {recipient(key) for key in settings.state.recipients}:
        yield ok("identity", "opens the secrets in state")
    else:
        yield warning(
            "identity",
            "the identity that is here is not one of the state's recipients",
            "right on a host that has clients of its own (recipients); else use another one",
        )
