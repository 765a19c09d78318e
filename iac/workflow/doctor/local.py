"""What can be looked at without the server: versions, files, outputs, pipelines."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Iterator

from iac import __version__
from iac.config.project import Project
from iac.config.settings import Settings, check_sources
from iac.core.diagnostics import Severity
from iac.core.limits import listed
from iac.sealing import key_path
from iac.session import LocalSession
from iac.views.words import counted
from iac.wiring.sessions import Caller
from iac.workflow.doctor.check import Check, Verdict, ok, unknown, warning
from iac.workflow.exposure import find_exposures
from iac.workflow.pipelines import find_unlocked, find_written
from iac.workflow.validate import validate


def versions() -> Iterator[Check]:
    """Of what runs."""
    yield ok("versions", f"iac {__version__}, Python {platform.python_version()}, {platform.system()}")


def definitions(caller: Caller) -> Iterator[Check]:
    """The project as `iac validate` sees it."""
    found = validate(caller.root, environment=caller.environment)
    what = f"{counted(found.definitions, 'definition')}, environments: {listed(found.environments) or 'none'}"
    if not found.is_valid:
        mistakes = sum(each.severity is Severity.ERROR for each in found.diagnostics)
        yield Check(
            "project",
            Verdict.ERROR,
            f"{counted(mistakes, 'mistake')} in {what}",
            "iac validate says each, with its place",
        )
    elif any(each.severity is Severity.WARNING for each in found.diagnostics):
        yield warning("project", f"valid, with warnings: {what}", "iac validate says each, with its place")
    else:
        yield ok("project", f"valid: {what}")


def pin(settings: Settings) -> Iterator[Check]:
    """IAC_ISSUER; one that differs is an error of the server's part."""
    if os.environ.get("IAC_ISSUER"):
        yield ok("pinned", f"IAC_ISSUER is set: credentials go to {os.environ['IAC_ISSUER']} alone")
    else:
        says = "IAC_ISSUER is not set: whoever changes issuer in iac.yaml says where credentials go"
        yield warning("pinned", says, f"export IAC_ISSUER={settings.issuer} wherever the login is set")


_AGAIN = "git rm them, iac init --ci github (or gitlab), and look at git diff"


def files(project: Project, settings: Settings) -> Iterator[Check]:
    """Files with secrets that others on this machine can read."""
    key = key_path(settings.project, os.environ)
    found = [warning("files", each.summary, each.fix) for each in check_sources(project.document, settings)]
    if _is_open(str(key)):
        found.append(warning("files", f"the key file {key} can be read by others on this machine", f"chmod 600 {key}"))
    yield from found or [ok("files", "no file with a secret is open to others")]


def _is_open(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & (stat.S_IRWXG | stat.S_IRWXO))  # noqa: PTH116  # a name, not a path of the project
    except OSError:
        return False


def outputs(session: LocalSession) -> Iterator[Check]:
    """Rendered files that would get into version control."""
    found = find_exposures(session, session.desired.outputs)
    for _, said in sorted(found.items()):
        yield Check("outputs", Verdict(said.severity), said.summary, said.fix)
    if not found:
        yield ok("outputs", f"{counted(len(session.desired.outputs), 'output')}, none that git would take up")


def own_login(session: LocalSession, client_id: str) -> Iterator[Check]:
    """The client that iac logs in with is not to be managed by it."""
    managed = [
        address for address, client in session.desired.clients.items() if client_id and client.client_id == client_id
    ]
    if managed:
        says = f"{managed[0]} defines {client_id}, the client that iac logs in with: a mistake would lock iac out"
        yield Check("login-client", Verdict.ERROR, says, f"take the definition {managed[0]} out")
    else:
        yield ok("login-client", "no definition is of the client that iac logs in with")


def pipelines(caller: Caller) -> Iterator[Check]:
    """Pipelines that another version of iac wrote."""
    written = find_written(caller.root)
    unlocked = find_unlocked(caller.root)
    if unlocked:
        says = (
            "whoever takes the name indigo-iac on a package index gets the login of jobs that install iac by its name"
        )
        yield Check("pipelines", Verdict.ERROR, f"{listed(unlocked)}: {says}", _AGAIN)
    old = {path: version for path, version in written.items() if version != __version__}
    if old:
        says = f"written by another version: {listed(f'{path} ({version})' for path, version in old.items())}"
        yield warning("pipelines", says, _AGAIN)
    elif written and not unlocked:
        yield ok("pipelines", f"{counted(len(written), 'file')}, written by this version")
    elif not written:
        yield unknown("pipelines", "none are here", "iac init --ci github (or gitlab) writes some")
