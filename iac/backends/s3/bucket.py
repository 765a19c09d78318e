"""State in an object of an S3 bucket: the document at its key, the run's lock beside it.

An object is replaced under its ETag (`If-Match`) and made only where none is (`If-None-Match: *`; Amazon S3,
conditional writes). A conditional delete does not exist everywhere, so a lock that nobody holds is an object without a
byte. An ETag may be a hash of the content; that does no harm, for no two values that are written are alike, but for
free locks, and these are all the same to who takes one.

A server that knows nothing of conditions takes every write, and updates are lost in silence. So wherever the document
or the lock's object is made, two writes that must be refused are tried first, on the free lock.

obstore tells statuses apart by a few types and gives the rest as text: `.. status code: 403 Forbidden: BODY`, then a
page for developers. The body is S3's `<Error><Code>..</Code><Message>..</Message>..</Error>` (Amazon S3, error
responses), which may also hold the access key's id and the request as it was signed: only code and message are taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from html import unescape
from typing import Any, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import S3Store

from iac.backends.cell import Cell, NotStored, Stored
from iac.backends.remote import open_remote
from iac.backends.s3 import S3Place
from iac.core.errors import InputError, UnreachableError
from iac.core.limits import LARGEST_BODY
from iac.core.secret import Secret
from iac.core.text import printable
from iac.ports import Site, StateBackend

_STATUS = re.compile(r"status code: (\d{3})\b")
_CODE = re.compile(r"<Code>([\w.-]{1,64})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})")
_OF_ROLE = re.compile(r"Error performing [A-Z]+ \S+/latest/(?:api/token|meta-data)\b")
"""The addresses by which a machine is asked for its role (Amazon EC2, instance metadata)."""

_KIND = re.compile(r"kind: (Connect|Timeout)\b")

_KINDS = {"Connect": "no connection", "Timeout": "no answer in time"}
_AGAIN = {408, 409, 412, 425, 429}
"""Statuses under 500 that may pass with another try (RFC 9110 section 15.5; RFC 6585 section 4)."""

_MISTAKE = 4
"""The class of statuses that say it is the request's fault."""

_NOT_FOUND, _NOT_IMPLEMENTED = 404, 501


class S3Failure(Struct, frozen=True):
    """An answer that was no success.

    Attributes:
        status: HTTP's; 0 when there was none.
        code: S3's word for it; "" when the body had none.
        words: for people, printable, without signature.
        is_of_role: the answer is not the bucket's: this machine was asked for its role, for want of a key.
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
        """Whether trying again is useless."""
        is_mistake = self.status // 100 == _MISTAKE and self.status not in _AGAIN
        return self.is_of_role or is_mistake or self.status == _NOT_IMPLEMENTED


def parse_answer(text: str) -> S3Failure:
    """The answer in an exception's text."""
    status, code, message = (_first(pattern, text) for pattern in (_STATUS, _CODE, _MESSAGE))
    detail = f"{code}: {unescape(message)}" if code and message else code
    words = f"status {status} {detail}".rstrip() if status else _cause(text)
    return S3Failure(int(status or 0), code, printable(words), bool(_OF_ROLE.search(text)))


def _cause(text: str) -> str:
    """Why there was no answer: the end of the first line, which begins with the URL."""
    line = text.partition("\n")[0].rpartition(" - ")[2]
    kind = _first(_KIND, text)
    return f"{line} ({_KINDS[kind]})" if kind else line


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


Login = tuple[Secret | None, Secret | None]

T = TypeVar("T")

LOCK_SUFFIX = ".lock"
"""The end of the lock's key, after the document's."""

NOBODY = '"00000000000000000000000000000000"'
"""An ETag that no object has."""

PATIENCE: dict[str, Any] = {
    "client_options": {"timeout": timedelta(seconds=20), "connect_timeout": timedelta(seconds=4)},
    "retry_config": {
        "max_retries": 2,
        "retry_timeout": timedelta(seconds=6),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
    },
}
"""No request is begun again after 6 s, none lasts longer than 20: what a failed write did is found out by reading.

obstore may send a conditional write again. One that took effect the first time then fails on its own condition, which
the caller finds out by reading, too.
"""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_NO_LOGIN = "no access key is set, and this machine has no role: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def open_backend(place: S3Place, site: Site) -> StateBackend:
    """The state of an environment in a bucket."""
    key_id, secret = (site.read(source) for source in place.login)
    return open_remote(site, *open_s3(place, (key_id, secret)))


def open_s3(place: S3Place, login: Login = (None, None)) -> tuple[Cell, Cell]:
    """The cells of the document and of the lock. Nothing is sent yet.

    Args:
        place: where the document is.
        login: id and secret of the access key; None for obstore's own way.

    Raises:
        InputError: no object can be named like that, or half a login is given.
    """
    if problem := _problem(place):
        raise InputError(
            "the settings of the S3 state are invalid",
            where=printable(place.where),
            why=problem,
            fix="correct bucket, key, endpoint or the access key under state in iac.yaml",
        )
    try:
        store = S3Store(place.bucket, **_options(place, login))
    except Exception as error:
        words = parse_answer(str(error)).words
        raise InputError(
            "the S3 backend cannot be opened",
            where=place.where,
            why=words,
            fix="correct the keys of state in iac.yaml and the AWS_* variables",
        ) from None
    bucket = Bucket(store, place.where, login[0])
    lock = LockCell(bucket, place.key + LOCK_SUFFIX)
    return DocumentCell(bucket, place.key, lock), lock


def _problem(place: S3Place) -> str:
    """Why no request can be made; "" when one can. obstore panics on some of these settings."""
    if not _BUCKET.fullmatch(place.bucket):
        return "state.bucket is not the name of a bucket"
    if not place.key.isprintable() or {"", ".", ".."} & set(place.key.split("/")):
        return "state.key has a part that is empty, . or .., or a character that cannot be printed"
    return "" if not place.endpoint or _is_url(place.endpoint) else "state.endpoint is not a URL"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _options(place: S3Place, login: Login) -> dict[str, Any]:
    """Arguments of obstore's S3Store; what is not among them it takes from the environment."""
    options: dict[str, Any] = {**PATIENCE, "conditional_put": "etag"}
    if place.endpoint:
        is_http = urlsplit(place.endpoint).scheme == "http"
        options["client_options"] = {**PATIENCE["client_options"], "allow_http": is_http}
        options |= {"endpoint": place.endpoint.rstrip("/"), "virtual_hosted_style_request": False}
    if place.region:
        options["region"] = place.region
    for name, value in zip(("access_key_id", "secret_access_key"), login, strict=True):
        if value:
            options[name] = value.reveal()
    return options


class ConditionFailed(NotStored):
    """A write whose condition did not hold."""


class Bucket:
    """A bucket's objects, and what errors say of them.

    Args:
        store: obstore's way there.
        where: the place, for messages.
        key_id: of the access key, which no message repeats; None for that of the environment.
    """

    def __init__(self, store: S3Store, where: str, key_id: Secret | None) -> None:
        self.where = where
        self._store = store
        self._key_id = key_id.reveal() if key_id else os.environ.get("AWS_ACCESS_KEY_ID", "")

    def get(self, key: str) -> Stored | None:
        """The object; None when the server says that there is none."""
        try:
            data, etag = _unpanicked(lambda: self._fetch(key))
        except Exception as error:
            answer = parse_answer(str(error))
            if isinstance(error, FileNotFoundError) and not answer.is_astray:
                return None
            raise self._unreadable(answer) from None
        if not etag:
            raise self._unreadable(S3Failure(200, "", "the answer has no ETag: this is not S3"))
        return Stored(data, etag)

    def put(self, key: str, data: bytes, etag: str) -> Stored:
        """Replace the object that has this ETag; "" where there must be none.

        Raises:
            ConditionFailed: it is another one, or there is one.
            NotStored: anything else.
        """
        condition: Any = {"e_tag": etag} if etag else "create"
        try:
            result = _unpanicked(lambda: self._store.put(key, data, mode=condition, use_multipart=False))
        except Exception as error:
            answer = parse_answer(str(error))
            if isinstance(error, AlreadyExistsError | PreconditionError) and not answer.is_astray:
                raise ConditionFailed(self._say(answer)) from None
            raise NotStored(self._say(answer), is_refusal=answer.is_refusal) from None
        return Stored(data, str(result["e_tag"]))

    def _fetch(self, key: str) -> tuple[bytes, str | None]:
        result = self._store.get(key)
        if result.meta["size"] > LARGEST_BODY:
            raise ValueError(f"the object is larger than {LARGEST_BODY} bytes")
        return bytes(result.bytes()), result.meta["e_tag"]

    def _say(self, answer: S3Failure) -> str:
        """The words of an answer. Some servers repeat the key's id in them: then the code alone."""
        if answer.is_of_role:
            return f"{_NO_LOGIN} ({answer.words})"
        is_telling = bool(self._key_id) and self._key_id in answer.words
        return answer.code or f"status {answer.status}" if is_telling else answer.words

    def _unreadable(self, answer: S3Failure) -> UnreachableError:
        fix = "see that the endpoint is right and can be reached: region and endpoint of state in iac.yaml"
        if answer.is_of_role:
            fix = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or access_key_id and secret_access_key of state"
        elif answer.code == "NoSuchBucket":
            fix = "make the bucket, or correct bucket, region and endpoint of state in iac.yaml"
        elif answer.status in {401, 403}:
            fix = "see that the access key is right and may do s3:GetObject, s3:PutObject and s3:ListBucket there"
        return UnreachableError("the state cannot be read", where=self.where, why=self._say(answer), fix=fix)


def _unpanicked(call: Callable[[], T]) -> T:
    """The result of `call`. obstore panics where AWS_* of the environment make no URL, past `except Exception`."""
    try:
        return call()
    except Exception:
        raise
    except BaseException as panic:
        if type(panic).__module__ != "pyo3_runtime":
            raise
        raise ValueError(f"obstore panicked: {panic}") from None


class S3Cell(Cell):
    """An object."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self.where = bucket.where
        self._bucket = bucket
        self._key = key

    def _read(self) -> Stored | None:
        return self._bucket.get(self._key)

    def _swap(self, data: bytes, old: Stored | None) -> Stored:
        return self._bucket.put(self._key, data, old.version if old else "")

    def _clear(self, old: Stored) -> None:
        self._bucket.put(self._key, b"", old.version)


class LockCell(S3Cell):
    """The lock's object. It is made free, proves the server, and stays for ever."""

    def _swap(self, data: bytes, old: Stored | None) -> Stored:
        return super()._swap(data, old or self._make_free())

    def prove(self) -> None:
        """See the server refuse what it must.

        Raises:
            NotStored: it does not.
        """
        with suppress(ConditionFailed):
            self._bucket.put(self._key, b"", "")
        self._must_refuse()

    def _make_free(self) -> Stored:
        free = self._bucket.put(self._key, b"", "")
        self._must_refuse()
        return free

    def _must_refuse(self) -> None:
        for etag in ("", NOBODY):
            try:
                self._bucket.put(self._key, b"", etag)
            except ConditionFailed:
                continue
            raise NotStored(
                "the server ignores If-Match or If-None-Match, so that two runs would overwrite each other:"
                " it needs conditional writes",
                is_refusal=True,
            )


class DocumentCell(S3Cell):
    """The document's object, made only on a server that has been proven."""

    def __init__(self, bucket: Bucket, key: str, lock: LockCell) -> None:
        super().__init__(bucket, key)
        self._lock = lock

    def _swap(self, data: bytes, old: Stored | None) -> Stored:
        if old is None:
            self._lock.prove()
        return super()._swap(data, old)
