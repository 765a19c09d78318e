"""A token from oidc-agent, which keeps its user's refresh tokens and renews them: `oidc-token ACCOUNT`.

The agent is asked again for each token: it keeps them itself. Scopes are passed on, so that the token can do no more
than is needed. The issuer of the token is checked like that of every other.
"""

from __future__ import annotations

import os

from iac.core.errors import CredentialsError
from iac.core.limits import LARGEST_TOKENS
from iac.core.secret import Secret
from iac.core.text import printable
from iac.ports import LoginSite
from iac.process import Child, Command, Failure, ProcessError, run
from iac.providers.bearer import Bearer
from iac.providers.discovery import KnownServer
from iac.providers.logins import Login
from iac.providers.logins.given import LocatedToken, check_token
from iac.providers.logins.settings import AgentAuth

PROGRAM = "oidc-token"

PATIENCE = 60.0
"""Seconds that the agent may take: it may ask its user to confirm, in a window of its own."""

LEAST_VALIDITY = 120
"""Seconds that the token is to be valid for at least."""

_LONGEST_WORDS = 300
_LINES = 3


def open_login(settings: AgentAuth, at: LoginSite) -> Login:
    """The account that is named."""
    return OidcAgent(settings.account, at.scopes, settings.audience)


class OidcAgent(Login):
    """An account of oidc-agent.

    Args:
        account: its short name.
        scopes: asked for; empty for all that the account has.
        audience: asked for; "" for none.
        patience: seconds that the agent may take.
    """

    def __init__(self, account: str, scopes: tuple[str, ...], audience: str = "", patience: float = PATIENCE) -> None:
        self._account = account
        self._scopes = scopes
        self._audience = audience
        self._patience = patience
        self._is_refused = False

    @property
    def kind(self) -> str:
        """The account."""
        return f"oidc-agent, account {self._account}"

    @property
    def where(self) -> str:
        """The account, for messages."""
        return f"{PROGRAM} {printable(self._account)}"

    def fetch(self, server: KnownServer) -> Bearer:
        """Ask the agent."""
        found = self._found()
        if found is None:
            raise self._failed("its answer is not that of oidc-token --all", f"try it: {self.where}")
        return check_token(found, server)

    def forget(self, refused: Bearer) -> None:
        """Have the agent get a new token instead of the one in its memory."""
        self._is_refused = True

    def _found(self) -> LocatedToken | None:
        """The token and its issuer: the first two of the three lines of `oidc-token --all`."""
        lines = self._ask().split("\n")  # in no frame that raises
        self._is_refused = False
        return LocatedToken(Secret(lines[0].strip()), self.where, lines[1].strip()) if len(lines) >= _LINES else None

    def _ask(self) -> str:
        try:
            ended = run(Command(Child.AGENT, self._command(), limit=LARGEST_TOKENS), seconds=self._patience)
        except FileNotFoundError as error:
            why = f"{PROGRAM} is not installed, or not on the PATH"
            raise self._failed(why, "install oidc-agent (Debian: apt install oidc-agent-cli)") from error
        except ProcessError as error:
            if error.failure is not Failure.LATE:
                raise self._failed("it printed too much", f"run {self.where}, and read what it prints") from None
            why = f"no answer within {self._patience:.0f} s; it may wait for a confirmation or a password"
            raise self._failed(why, f"load the account first: oidc-add {self._account}") from None
        except OSError as error:
            raise self._failed(str(error.strerror), f"check that {PROGRAM} can be run") from error
        if ended.code != 0:
            words = printable(" ".join(ended.err.decode("utf-8", "replace").split()))[:_LONGEST_WORDS]
            if "OIDC_SOCK" not in os.environ:
                fix = "start the agent in this shell: eval $(oidc-agent-service use)"
            else:
                fix = f"load the account: oidc-add {self._account}; it needs the scopes {' '.join(self._scopes)}"
            raise self._failed(f"it says: {words or 'nothing'}", fix)
        return ended.out.decode("utf-8", "replace")

    def _command(self) -> tuple[str, ...]:
        options = ["--all", "--name=iac", f"--time={LEAST_VALIDITY}"]
        if self._scopes:
            options.append(f"--scope={' '.join(self._scopes)}")
        if self._audience:
            options.append(f"--aud={self._audience}")
        if self._is_refused:
            options.append("--force-new")
        return (PROGRAM, *options, "--", self._account)

    def _failed(self, why: str, fix: str) -> CredentialsError:
        return CredentialsError("oidc-agent gives no token", where=self.where, why=why, fix=printable(fix))
