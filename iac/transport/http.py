"""HTTP as the rest of the program sees it.

Synchronous, HTTP/1.1, thread-safe. No redirects, no cookies, one origin. What has no effect may be sent again;
a write is sent once, and the errors say whether it can have had an effect:

- `UnreachableError`: of a write no byte was sent, so it surely had no effect;
- `UnknownOutcome`: at least one byte of it was sent and no usable answer came back.

Which of them is decided by what went over the wire (`WireExchange.is_sent`), never by the kind of exception; both say
it as `sent`. What fails after `send` gave an answer is known by `iac.ports.foreign.watch_network`, whoever raises.

A call ends by its deadline, with its repetitions and pauses. Each request is logged (method, path, status), never a
header or a body: these carry secrets.
"""

from __future__ import annotations

import logging
import ssl
import time
from dataclasses import dataclass
from threading import BoundedSemaphore

from iac.core.errors import UnknownOutcome, UnreachableError
from iac.core.limits import LARGEST_HEAD
from iac.core.origin import HttpServer
from iac.ports import Clock
from iac.transport.certificate import FORM_ERRORS, cause, is_certificate_refused
from iac.transport.client import Transport, open_client
from iac.transport.message import Answer, Call, decode
from iac.transport.retry import PASSING, parse_date, parse_retry_after
from iac.transport.wire import WireExchange, httpx, serving

_log = logging.getLogger(__name__)

_UNSENDABLE = "a header, such as that of a token, has a character that HTTP does not carry (RFC 9110 section 5.5)"


@dataclass(frozen=True, slots=True)
class _NoAnswer:
    """No whole answer came back. What was not sent surely had no effect; what was sent in part may have had one."""

    error: Exception
    is_sent: bool


class Http:
    """Requests to one origin. Close it after use.

    Attributes:
        skew: seconds by which the server's clock is ahead of this machine's, by its last answer (RFC 9110 section
            6.6.1); None when no answer said what time it is.
    """

    def __init__(self, server: HttpServer, transport: Transport, clock: Clock) -> None:
        self._origin = server.origin
        self._transport = transport
        self._clock = clock
        self._client = open_client(server, transport)
        self._free = BoundedSemaphore(transport.parallelism)
        self.skew: float | None = None

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def send(self, call: Call) -> Answer:
        """Send a call, again only when it has no effect, and give the server's answer, whatever its status.

        Raises:
            UnreachableError: not sent, or a read without an answer.
            UnknownOutcome: a write was sent and no answer came back.
        """
        outcome = self._persist(call)
        if isinstance(outcome, Answer):
            return outcome
        raise self._failure(call, outcome) from outcome.error

    def _persist(self, call: Call) -> Answer | _NoAnswer:
        ends = time.monotonic() + self._transport.deadline
        attempt = 1
        while True:
            outcome = self._attempt(call, ends)
            _log.info("%s %s: %s", call.method, call.shown, _brief(outcome))
            pause = self._pause(call, outcome, attempt)
            if pause is None or time.monotonic() + pause >= ends:
                return outcome
            _log.info("again in %.1f s", pause)
            self._clock.sleep(pause)
            attempt += 1

    def _attempt(self, call: Call, ends: float) -> Answer | _NoAnswer:
        limits = self._transport
        exchange = WireExchange(ends, limits.deadline, limits.largest_body + LARGEST_HEAD, call.is_read)
        if not self._free.acquire(timeout=max(0.0, ends - time.monotonic())):
            return _NoAnswer(httpx.PoolTimeout(f"all {limits.parallelism} connections were busy"), is_sent=False)
        try:
            with serving(exchange):
                return self._exchange(call)
        except Exception as error:
            return _NoAnswer(_told(error), exchange.is_sent)
        finally:
            self._free.release()

    def _exchange(self, call: Call) -> Answer:
        url = self._origin + call.path
        with self._client.stream(call.method, url, content=call.body or None, headers=call.headers) as response:
            self._note_time(response.headers.get("date"))
            encoding = response.headers.get("content-encoding", "")
            body = decode(response.iter_raw(), encoding, self._transport.largest_body)
            return Answer(response.status_code, response.headers, body, call)

    def _note_time(self, header: str | None) -> None:
        date = parse_date(header)
        if date is not None:
            self.skew = (date - self._clock.now()).total_seconds()

    def _pause(self, call: Call, outcome: Answer | _NoAnswer, attempt: int) -> float | None:
        # A write is sent once, whatever comes back: one that was done, and whose answer got lost, would be done twice.
        if not call.is_read:
            return None
        asked = None
        if isinstance(outcome, Answer):
            if outcome.status not in PASSING:
                return None
            asked = parse_retry_after(outcome.headers.get("retry-after"), self._clock.now())
        return self._transport.retry.pause(attempt, asked, self._transport.chance())

    def _failure(self, call: Call, outcome: _NoAnswer) -> UnreachableError | UnknownOutcome:
        where = f"{call.method} {self._origin}{call.path.partition('?')[0]}"
        why = str(outcome.error) or type(outcome.error).__name__
        if not outcome.is_sent:
            return self._unreachable(outcome.error, why)
        if call.is_read and is_certificate_refused(outcome.error):
            return self._certificate_refused(why)
        if call.is_read:
            return UnreachableError(
                "the server gave no answer", sent=True, where=where, why=why, fix=self._fix(outcome.error)
            )
        return UnknownOutcome(
            "the request was sent and no answer came back",
            where=where,
            why=f"{why}; the server may or may not have done it",
            fix="run it again: what the server holds is read first",
        )

    def _unreachable(self, error: Exception, why: str) -> UnreachableError:
        untrusted = cause(error, ssl.SSLCertVerificationError)
        if untrusted is not None:
            return self._untrusted(untrusted, why)
        if is_certificate_refused(error):
            return self._certificate_refused(why)
        if isinstance(error, httpx.LocalProtocolError):
            return UnreachableError(
                "the request cannot be sent",
                where=self._origin,
                why=why,
                fix="provide the token as it was given: one line, without spaces",
            )
        if isinstance(error, httpx.ProxyError):
            return UnreachableError(
                "the proxy does not let us through",
                where=self._origin,
                why=why,
                fix="check proxy in iac.yaml, or HTTPS_PROXY, which may have user and password, or set proxy: none",
            )
        return UnreachableError("the server cannot be reached", where=self._origin, why=why, fix=self._fix(error))

    def _untrusted(self, error: ssl.SSLCertVerificationError, why: str) -> UnreachableError:
        if self._transport.trust:
            fix = f"correct the one that {self._transport.setting} leads to"
        elif error.verify_code in FORM_ERRORS:
            fix = "tls: {ca: FILE} in iac.yaml, which accepts authorities of this form; SSL_CERT_FILE does not"
        else:
            fix = "tls: {ca: FILE} in iac.yaml, or export SSL_CERT_FILE=FILE"
        return UnreachableError(
            "the server's certificate is not trusted",
            where=self._origin,
            why=why,
            fix=f"name the certificate authority: {fix}",
        )

    def _certificate_refused(self, why: str) -> UnreachableError:
        return UnreachableError(
            "the server demands another client certificate",
            where=self._origin,
            why=why,
            fix="name one that it accepts: tls: {certificate: FILE, key: FILE} in iac.yaml",
        )

    def _fix(self, error: Exception) -> str:
        check = f"check that the server runs, and {self._transport.setting} in iac.yaml"
        is_late = isinstance(error, httpx.TimeoutException)
        return f"{check}; if it needs longer, raise timeout or deadline there" if is_late else check


def _told(error: Exception) -> Exception:
    """The exception as it may be told: the library's words about what it cannot send repeat it."""
    is_unsendable = isinstance(error, httpx.LocalProtocolError | UnicodeEncodeError)
    return httpx.LocalProtocolError(_UNSENDABLE) if is_unsendable else _bare(error)


def _bare(error: Exception) -> Exception:
    """The exception, and those behind it, without the frames that they came through: these hold what was sent."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def _brief(outcome: Answer | _NoAnswer) -> str:
    if isinstance(outcome, Answer):
        return str(outcome.status)
    return f"{'no answer' if outcome.is_sent else 'not sent'} ({type(outcome.error).__name__})"
