"""Answers of a server: the client of one that makes sense, the error of one that is no success. Pure.

The one place where an answer about a client is held against the question. After a write what fails here is an unknown
outcome: the server may have done what it was asked for.

Answers that are no success become errors. IAM's errors have four shapes: a JSON object with `error`
(rec: admin-create-rejected), one with `error` and `error_description` (rec: admin-authorization), an empty body
(rec: admin-scope-null), an HTML page (rec: admin-list-paging). Decisions are made by status and shape alone: texts
differ between versions and come in random order.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from msgspec import Struct

from iac.core.capabilities import Capabilities
from iac.core.errors import CredentialsError, GarbledError, IacError, ServerError, UnknownOutcome, UnreachableError
from iac.core.model import Registration
from iac.core.secret import Secret
from iac.core.server import parse_answer, switch
from iac.core.text import is_id, printable
from iac.providers.bearer import parse_claims, parse_time
from iac.transport.message import LONGEST, Answer, Call, parse_date, server_words

READ_AGAIN = "run it again: iac first reads what the server has"
ASK = "if it stays, ask an administrator of the server to correct the client"


class Reply(Struct, frozen=True):
    """The client in a success.

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
        return Reply(None, "an empty answer" if not answer.body else "the answer is not a JSON object")
    client = parse_answer(body, api)
    answered = client.client_id
    if client_id and answered and answered != client_id:
        asked, other = printable(client_id), printable(answered)
        return Reply(None, f"the answer is about another client: asked about {asked}, answered about {other}")
    if not is_id(answered):
        return Reply(None, "the answer names no client: it has no client_id of printable characters")
    return Reply(client, client.invalid_words)


def garbled(call: Call, client_id: str, problem: str, partial: Registration | None = None) -> GarbledError:
    """The error of a read that cannot be understood."""
    error = GarbledError(
        "the server's answer is invalid",
        where=f"client_id {printable(client_id)}, {_where(call)}",
        why=problem,
        fix=f"run it again; {ASK}",
    )
    error.partial = partial
    return error


def misunderstood(call: Call, answer: Answer, problem: str, partial: Registration | None = None) -> UnknownOutcome:
    """The error of a write whose answer cannot be understood."""
    error = UnknownOutcome(
        "the server accepted the write, but its answer is invalid",
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


_CHECK_ISSUER = "check that issuer in iac.yaml is the address of the server that you mean"


def error_code(answer: Answer) -> str:
    """The `error` of an OAuth refusal (RFC 6749 section 5.2), a code and no text; "" for none."""
    body = answer.json()
    return str(body.get("error", "")) if isinstance(body, dict) else ""


def is_missing(answer: Answer) -> bool:
    """Whether IAM itself says that there is no such client (rec: admin-delete), not just some web server."""
    body = answer.json() if answer.status == HTTPStatus.NOT_FOUND else None
    return isinstance(body, dict) and "error" in body


def is_empty_405(answer: Answer) -> bool:
    """Whether it is IAM's error page to anything but a GET: most often of a crash (rec: admin-scope-null)."""
    return answer.status == HTTPStatus.METHOD_NOT_ALLOWED and not answer.body


def is_server_fault(answer: Answer) -> bool:
    """Whether the server broke off: a 5xx, or an empty 405, which is a crash too (rec: admin-scope-null)."""
    is_crash = is_empty_405(answer) and bool(switch("empty-405-is-a-fault"))
    return is_crash or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def read_failure(call: Call, answer: Answer, scope: str = "") -> UnreachableError:
    """The error of a read that gave nothing to use; `scope` is what the token needs, where the API has one for it."""
    where = _where(call)
    match answer.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return _not_allowed(call, answer, scope)
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            summary, fix = "the server is busy", _later(answer)
        case status if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            summary, fix = "the server redirects; iac does not follow with credentials", _CHECK_ISSUER
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            summary, fix = "the server has an error of its own", "run it again; if it stays, see the server's log"
        case status if answer.is_ok:  # cut, or a page in its place: discovery has found the issuer before
            summary, fix = "the server's answer is invalid", "run it again; if it stays, ask who runs a proxy between"
        case _:
            summary, fix = "the server's answer is invalid", _CHECK_ISSUER
    return UnreachableError(summary, where=where, why=server_words(answer), fix=fix)


def write_failure(call: Call, answer: Answer, hidden: Iterable[Secret | None] = (), scope: str = "") -> IacError:
    """The error of a write: `UnknownOutcome` when it may have had an effect, else it surely had none."""
    where, words = _where(call), server_words(answer, hidden)
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return _not_allowed(call, answer, scope)
    if answer.is_ok:
        return misunderstood(call, answer, words)
    # 303 sends to what came of the request (RFC 9110 section 15.4.4): it was perhaps carried out
    if is_server_fault(answer) or answer.status == HTTPStatus.SEE_OTHER:
        return UnknownOutcome(
            "the server failed during a write, which may have taken effect",
            status=answer.status,
            where=where,
            why=words,
            fix=READ_AGAIN,
        )
    return ServerError(
        "the server refuses it",
        status=answer.status,
        where=where,
        why=words,
        fix=_later(answer) if answer.status == HTTPStatus.TOO_MANY_REQUESTS else "",
    )


def _not_allowed(call: Call, answer: Answer, scope: str) -> CredentialsError:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return CredentialsError(
            "the server does not accept the token",
            where=_where(call),
            why=_why_refused(answer),
            fix="get a new token, or check auth in iac.yaml with: iac whoami",
        )
    scope = scope if isinstance(answer.json(), dict) else ""  # IAM says it in JSON (rec: admin-authorization)
    return CredentialsError(
        "the token may not do this",
        where=_where(call),
        why=f"it needs the scope {scope}" if scope else server_words(answer),
        fix=f"ask an administrator of the IAM to give the login client the scope {scope}"
        if scope
        else "check auth in iac.yaml with: iac whoami; or ask the server's operator what this login may do",
    )


def _why_refused(answer: Answer) -> str:
    """Why the server refuses a token: it is over by the server's clock, where that can be seen."""
    token = answer.call.headers.get("Authorization", "").removeprefix("Bearer ") if answer.call else ""
    ends, date = parse_time(parse_claims(token).get("exp")), parse_date(answer.headers.get("date"))
    if ends is not None and date is not None and ends <= date:
        return f"it ended at {ends:%Y-%m-%dT%H:%M:%SZ}, and the server's clock says {date:%Y-%m-%dT%H:%M:%SZ}"
    return "it has expired, was revoked, or is another server's"


def _later(answer: Answer) -> str:
    asked = printable(answer.headers.get("retry-after", ""))[:LONGEST]
    return f"run it again later (Retry-After: {asked})" if asked else "run it again later"
