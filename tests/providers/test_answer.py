"""The client of an answer, and a write whose answer cannot be read by any means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from iac.core.errors import GarbledError, InputError, UnknownOutcome, UnreachableError
from iac.core.model import NewClient
from iac.ports.foreign import note_write
from iac.providers.answer import is_done, read_reply
from iac.providers.base import check_reachable, client_path
from iac.registry import capabilities
from iac.transport.message import Answer, Call
from tests.every import every
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.core.model import Registration

CANARY = "canary-secret"


ADMIN = capabilities("iam-admin")


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@every(
    "body, words",
    [
        (b"", "an empty answer"),
        (b"[]", "not a JSON object"),
        (b'{"client_id": "app", "client_id": "app"}', "not a JSON object"),
        (b'{"client_id": "app", "x": NaN}', "not a JSON object"),
        (b'{"client_id": "app", "x": 1e999}', "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        ({}, "names no client"),
        ({"client_id": None}, "names no client"),
        ({"client_id": ["app"]}, "names no client"),
        ({"client_id": "other\n"}, r"asked about app, answered about other\u000a"),
        ({"client_id": "app", "client_name": {}}, "client_name: expected a text, got an object"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_after_a_read_and_after_a_write(body: Any, words: str) -> None:
    reply = read_reply(answer(body), ADMIN, "app")
    assert words in reply.problem
    with pytest.raises(GarbledError) as read:
        reply.of_read(Call.read("/clients/app"), "app")
    with pytest.raises(UnknownOutcome) as written:
        reply.of_write(Call.write("PUT", "/clients/app?x"), answer(body))
    assert ("client_id app, GET /clients/app", "PUT /clients/app") == (read.value.where, written.value.where)
    assert words in read.value.why
    assert words in written.value.why


def test_what_can_be_understood_of_an_answer_goes_along_with_its_error() -> None:
    body = {"client_id": "chosen", "client_secret": CANARY, "client_name": 5}
    reply = read_reply(answer(body), capabilities("rfc7591"), "")
    with pytest.raises(UnknownOutcome) as caught:
        reply.of_write(Call.write("POST", "/reg"), answer(body))
    assert caught.value.partial is not None
    assert caught.value.partial.secret is not None
    assert (CANARY, "chosen") == (caught.value.partial.secret.reveal(), caught.value.partial.client_id)
    assert CANARY not in str(caught.value)


def test_an_answer_about_another_client_brings_nothing() -> None:
    body = {"client_id": "other", "client_secret": CANARY}
    with pytest.raises(UnknownOutcome) as caught:
        read_reply(answer(body), ADMIN, "app").of_rotation(Call.write("POST", "/secret"), answer(body))
    assert caught.value.partial is None


@pytest.mark.parametrize("wrong", [{}, {"client_secret": None}, {"client_secret": 5}])
def test_a_rotation_without_a_secret_is_an_unknown_outcome(wrong: dict[str, Any]) -> None:
    body = {"client_id": "app", **wrong}
    with pytest.raises(UnknownOutcome, match="client_secret"):
        read_reply(answer(body), ADMIN, "app").of_rotation(Call.write("POST", "/secret"), answer(body))


def test_a_rotation_is_done_when_its_answer_has_a_secret_of_the_client() -> None:
    body = {"client_id": "app", "client_secret": CANARY, "client_name": 5}
    found = read_reply(answer(body), ADMIN, "app").of_rotation(Call.write("POST", "/secret"), answer(body))
    assert found.secret is not None


def test_a_success_without_content_has_none() -> None:
    assert [True, True, False, False] == [
        is_done(answer(b"", 204)), is_done(answer(b" \n")), is_done(answer(b"<html>")), is_done(answer(b"", 404)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("client_id", "path"),
    [("../../x", "/c/..%2F..%2Fx/s"), ("..", "/c/%2E%2E/s"), (".", "/c/%2E/s"), ("a b%ü;", "/c/a%20b%25%C3%BC%3B/s")],
)
def test_an_id_is_one_segment_of_a_path(client_id: str, path: str) -> None:
    assert path == client_path("/c", client_id, "/s")
    with pytest.raises(InputError, match="part of an address"):
        check_reachable(client_id)


class Faulty(FakeProvider):
    """Fails after it has sent something, or before."""

    def __init__(self, *, is_sent: bool) -> None:
        self.is_sent = is_sent

    def _create(self, client: NewClient) -> Registration:
        del client
        self._fail()

    def _fail(self, *_: object, **__: object) -> NoReturn:
        if self.is_sent:
            note_write()
        raise TypeError(f"unhashable: {CANARY}")

    _update = _rotate = _delete = _assign_owners = _revoke_tokens = _redeem = _fail


WRITES: dict[str, Callable[[Faulty], object]] = {
    "create": lambda provider: provider.create(NewClient("app", {}, None)),
    "rotate": lambda provider: provider.rotate("app"),
    "delete": lambda provider: provider.delete("app"),
    "owners": lambda provider: provider.assign_owners("app", ["a"], []),
    "revoke": lambda provider: provider.revoke_tokens("app"),
    "redeem": lambda provider: provider.redeem("app"),
}


@every("name", WRITES)
@every("is_sent", [True, False])
def test_a_foreign_exception_of_a_write_is_an_unknown_outcome_once_something_was_sent(
    name: str, *, is_sent: bool
) -> None:
    provider = Faulty(is_sent=is_sent)
    with pytest.raises(UnknownOutcome if is_sent else UnreachableError) as caught:
        WRITES[name](provider)
    assert is_sent is isinstance(caught.value, UnknownOutcome)
    assert not is_sent or CANARY not in str(caught.value)
