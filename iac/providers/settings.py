"""What a provider says of itself before it is opened. Light: no HTTP library is loaded for it."""

from __future__ import annotations

from dataclasses import dataclass

from iac.core.capabilities import Capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One provider.

    Attributes:
        api: what its API can do.
        opener: module and class of the provider, which are loaded when it is opened.
        login: what `iac init` writes into iac.yaml to log in.
        nobody: methods of `auth` by which nobody in particular logs in, and that its API takes.
        client_is_nobody: a client's own token counts as nobody's.
        scopes_of_login: the API's rights are scopes of the login's token, which doctor looks at.
    """

    api: Capabilities
    opener: str
    login: str
    nobody: frozenset[str] = frozenset()
    client_is_nobody: bool = False
    scopes_of_login: bool = False
