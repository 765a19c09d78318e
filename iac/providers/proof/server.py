"""The server that is asked, and how a question that got no answer is told."""

from __future__ import annotations

from collections.abc import Callable

from iac.core.capabilities import Capabilities
from iac.core.errors import CredentialsError, UnreachableError
from iac.core.origin import Issuer
from iac.core.proof import Evidence, Grade
from iac.providers.answer import is_server_fault, read_failure
from iac.providers.discovery import KnownServer
from iac.transport.message import PASSING, Answer, Call


class AskedServer(KnownServer, frozen=True):
    """A server that is asked about its clients."""

    issuer: Issuer
    api: Capabilities

    def path(self, name: str) -> str:
        """The path of an endpoint by its name in the discovery document; "" when the server declares none.

        Raises:
            CredentialsError: it is on another origin.
        """
        url = self.endpoints.others.get(name, "")
        return self.issuer.path_of(url) if url else ""

    def send(self, call: Call) -> Answer:
        """The server's answer, whatever it is but a fault.

        Raises:
            UnreachableError: none came, or one that says nothing: the server broke off, or is busy.
        """
        answer = self.http.send(call)
        if answer.status in PASSING or is_server_fault(answer):
            raise read_failure(call, answer)
        return answer


def asked(name: str, ask: Callable[[], Evidence], subject: str = "") -> Evidence:
    """What `ask` found; a server that gives no answer, or one that may not be asked, says nothing of the client."""
    try:
        return ask()
    except UnreachableError as error:
        grade = Grade.UNPROVEN if isinstance(error, CredentialsError) else Grade.UNANSWERED
        return Evidence(name, grade, subject, "; ".join(filter(None, (error.summary, error.where, error.why))))
