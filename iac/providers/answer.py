"""The client of an answer: that the answer is one, about the client that was asked for, and makes sense. Pure.

The one place where an answer about a client is held against the question. After a write what fails here is an unknown
outcome: the server may have done what it was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.core.capabilities import Capabilities
from iac.core.errors import GarbledError, UnknownOutcome
from iac.core.registration import Registration
from iac.core.server import parse_answer
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.transport.message import Answer, Call

READ_AGAIN = "run it again: what the server holds is read first"
ASK = "if it stays, ask an administrator of the server to correct the client"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a success says of one client.

    Attributes:
        client: as far as it could be understood; None when the answer is about no client, or about another one.
        problem: what is wrong with the answer; "" for nothing.
    """

    client: Registration | None
    problem: str = ""

    def of_read(self, call: Call, client_id: str) -> Registration:
        """The client that was read.

        Raises:
            GarbledError: the answer makes no sense.
        """
        if self.client is None or self.problem:
            raise garbled(call, client_id, self.problem, self.client)
        return self.client

    def of_write(self, call: Call, answer: Answer) -> Registration:
        """The client that was written.

        Raises:
            UnknownOutcome: the answer makes no sense.
        """
        if self.client is None or self.problem:
            raise misunderstood(call, answer, self.problem, self.client)
        return self.client

    def of_rotation(self, call: Call, answer: Answer) -> Registration:
        """The client with its new secret. The rest of the answer is not looked at: the old secret is dead already.

        Raises:
            UnknownOutcome: the answer has no secret of this client.
        """
        if self.client is None or self.client.secret is None:
            raise misunderstood(call, answer, self.problem or "it has no client_secret", self.client)
        return self.client


def read_reply(answer: Answer, api: Capabilities, client_id: str) -> Reply:
    """The client of a success.

    Args:
        answer: the answer.
        api: what the API that answered can do.
        client_id: whom the question was about; "" when the server was to choose the id.
    """
    body = answer.json()
    if not isinstance(body, dict):
        return Reply(None, "an empty answer" if not answer.body else "the answer is no JSON object")
    client = parse_answer(body, api)
    answered = client.client_id
    if client_id and answered and answered != client_id:
        asked, other = printable(client_id), printable(answered)
        return Reply(None, f"the answer is about another client: asked about {asked}, answered about {other}")
    if not answered or not answered.isprintable():
        return Reply(None, "the answer names no client: it has no client_id of printable characters")
    return Reply(client, client.misfit_words)


def garbled(call: Call, client_id: str, problem: str, partial: Registration | None = None) -> GarbledError:
    """The error of a read that cannot be understood."""
    error = GarbledError(
        "the server's answer makes no sense",
        where=f"client_id {printable(client_id)}, {_where(call)}",
        why=problem,
        fix=f"run it again; {ASK}",
    )
    error.partial = partial
    return error


def misunderstood(call: Call, answer: Answer, problem: str, partial: Registration | None = None) -> UnknownOutcome:
    """The error of a write whose answer cannot be understood."""
    error = UnknownOutcome(
        "the server did it and its answer makes no sense",
        status=answer.status,
        where=_where(call),
        why=problem,
        fix=READ_AGAIN,
    )
    error.partial = partial
    return error


def is_done(answer: Answer) -> bool:
    """Whether a call whose success has no content succeeded. A page in its place comes from something between."""
    return answer.is_ok and not answer.body.strip()


def _where(call: Call) -> str:
    return f"{call.method} {call.path.partition('?')[0]}"
