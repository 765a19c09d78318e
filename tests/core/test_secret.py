from __future__ import annotations

import copy
import json
import logging
import pickle

import pytest

from iac.core.secret import Secret, Unshown
from tests.core.build import CANARY


@pytest.fixture
def secret() -> Secret:
    return Secret(CANARY)


def test_no_way_of_showing_a_secret_shows_it(secret: Secret, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("%s %r %s", secret, secret, [secret])
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", format(secret), str({"a": secret}), caplog.text]
    assert not [text for text in shown if CANARY in text]
    assert "         (sensitive)" == f"{secret:>20}"


def test_reveal_is_the_way_out(secret: Secret) -> None:
    assert CANARY == secret.reveal()


def test_secrets_are_equal_by_value_and_equal_to_nothing_else(secret: Secret) -> None:
    assert Secret(CANARY) == secret
    assert Secret("other") != secret
    assert secret != CANARY


def test_a_secret_is_neither_hashed_nor_pickled_nor_copied_nor_dumped(secret: Secret) -> None:
    for forbidden in (hash, pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            forbidden(secret)


def test_a_fingerprint_is_short_salted_and_stable(secret: Secret) -> None:
    assert 8 == len(secret.fingerprint("a"))
    assert secret.fingerprint("a") == Secret(CANARY).fingerprint("a")
    assert secret.fingerprint("a") != secret.fingerprint("b")
    assert secret.fingerprint("a") != Secret("other").fingerprint("a")


def test_what_is_unshown_shows_no_field_in_any_repr() -> None:
    class Sent(Unshown, frozen=True):
        body: str

    sent = Sent(CANARY)
    assert ("<Sent>", "<Sent>", []) == (repr(sent), str(sent), sent.__rich_repr__())
