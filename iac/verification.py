"""Proof that rendered credentials work, for a project on disk: settings to session and prover."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iac.entering import pinned_issuer
from iac.wiring import open_project
from iac.workflow.verifying import verify

if TYPE_CHECKING:
    from collections.abc import Collection

    from iac.core.proof import Proof
    from iac.wiring import Caller


def prove(caller: Caller, addresses: Collection[str]) -> Proof:
    """What can be said of the credentials of these addresses, of all without any. No login is read.

    Raises:
        InvalidInput: iac.yaml or definitions are invalid.
        InputError: an address is none.
        UnreachableError: the server is not there.
    """
    from iac.providers.connection import Connection  # noqa: PLC0415
    from iac.providers.proving import OAuthProver  # noqa: PLC0415  # brings in the HTTP library
    from iac.reaching import issuer_transport  # noqa: PLC0415

    settings, session = open_project(caller)
    transport = issuer_transport(settings, parallelism=settings.parallelism)
    connection = Connection(settings.issuer, pinned_issuer(os.environ), transport)
    with OAuthProver(connection, session.clock) as prover:
        return verify(session, prover, addresses, settings.parallelism)
