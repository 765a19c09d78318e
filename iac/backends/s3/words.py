"""What an exception of obstore says of the server's answer.

obstore tells statuses apart by a few types and gives the rest as text: `.. status code: 403 Forbidden: BODY`, then a
page for developers. The body is S3's `<Error><Code>..</Code><Message>..</Message>..</Error>` (Amazon S3, error
responses), which may also hold the access key's id and the request as it was signed: only code and message are taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from iac.core.text import printable

_STATUS = re.compile(r"status code: (\d{3})\b")
_CODE = re.compile(r"<Code>([\w.-]{1,64})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})")
_OF_ROLE = re.compile(r"Error performing [A-Z]+ \S+/latest/(?:api/token|meta-data)\b")
"""Where a machine is asked for its role (Amazon EC2, instance metadata)."""

_KIND = re.compile(r"kind: (Connect|Timeout)\b")

_KINDS = {"Connect": "no connection", "Timeout": "no answer in time"}
_AGAIN = {408, 409, 412, 425, 429}
"""Statuses under 500 that another try may mend (RFC 9110 section 15.5; RFC 6585 section 4)."""

_MISTAKE = 4
"""The class of statuses that say it is the request's fault."""

_NOT_FOUND, _NOT_IMPLEMENTED = 404, 501


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was no success.

    Attributes:
        status: HTTP's; 0 when there was none.
        code: S3's word for it; "" when the body had none.
        words: for people, printable, without signature.
        is_of_role: it is no answer of the bucket's: this machine was asked for its role, for want of a key.
    """

    status: int
    code: str
    words: str
    is_of_role: bool = False

    @property
    def is_astray(self) -> bool:
        """Whether something else than the object is not there: the bucket, the user, S3 itself."""
        return self.status == _NOT_FOUND and self.code != "NoSuchKey"

    @property
    def is_refusal(self) -> bool:
        """Whether trying again mends nothing."""
        is_mistake = self.status // 100 == _MISTAKE and self.status not in _AGAIN
        return self.is_of_role or is_mistake or self.status == _NOT_IMPLEMENTED


def parse_answer(text: str) -> Answer:
    """The answer in an exception's text."""
    status, code, message = (_first(pattern, text) for pattern in (_STATUS, _CODE, _MESSAGE))
    said = f"{code}: {unescape(message)}" if code and message else code
    words = f"status {status} {said}".rstrip() if status else _cause(text)
    return Answer(int(status or 0), code, printable(words), bool(_OF_ROLE.search(text)))


def _cause(text: str) -> str:
    """Why there was no answer: the end of the first line, which begins with the URL."""
    line = text.partition("\n")[0].rpartition(" - ")[2]
    kind = _first(_KIND, text)
    return f"{line} ({_KINDS[kind]})" if kind else line


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
