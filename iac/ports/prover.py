"""Whether credentials work at a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from iac.core.errors import UnreachableError
from iac.core.proof import Evidence, ServiceLogin
from iac.ports.foreign import only

_server = only(UnreachableError, "the server cannot be asked")


class Prover(ABC):
    """Asks a server as a service would, with the service's own credentials. Nothing is changed there.

    Tokens that it gets are neither kept nor shown. Safe to share between threads.
    """

    @_server
    def open(self) -> None:
        """See that the server is there and is the one that is meant.

        Raises:
            UnreachableError: it is not.
            CredentialsError: it is another one.
        """
        self._open()

    @_server
    def prove(self, subject: ServiceLogin) -> Sequence[Evidence]:
        """Every check that can be made for this client. A server that does not answer makes a check unanswered."""
        return self._prove(subject)

    @abstractmethod
    def _open(self) -> None: ...
    @abstractmethod
    def _prove(self, subject: ServiceLogin) -> Sequence[Evidence]: ...
