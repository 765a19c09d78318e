"""Login by a token that stands in the variable PASTED_TOKEN."""

from __future__ import annotations

from typing import ClassVar

from iac.core.secret import Secret
from iac.ports import LoginSite
from iac.ports.settings import LoginSettings
from iac.providers.logins import Login


class PastedAuth(LoginSettings, frozen=True):
    """Login by a token that somebody pasted."""

    method: ClassVar = "pasted"
    opener: ClassVar = "iac.providers.logins.pasted"


def open_login(_: PastedAuth, at: LoginSite) -> Login:
    """The token of the variable."""
    from iac.providers.logins.given import LocatedToken, TokenLogin

    return TokenLogin(lambda: LocatedToken(Secret(at.site.environ["PASTED_TOKEN"]), "PASTED_TOKEN"), "pasted")
