"""Secrets that a person provides, from text; no message repeats one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.core.errors import InputError
from iac.core.secret import Secret
from iac.workflow.secrets import parse_secret, parse_secrets
from tests.every import every

CANARY = "canary-4242"
_secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
_addresses = st.from_regex(r"[a-z0-9_]{1,4}(/[a-z0-9_.@+-]{1,4})?", fullmatch=True)


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_secrets(text, "given.env")
    assert "given.env" == caught.value.where
    assert CANARY not in "\n".join(caught.value.lines())
    assert caught.value.__cause__ is None
    return caught.value.why


@pytest.mark.parametrize("text", [CANARY, f"{CANARY}\n", f"{CANARY}\r\n"])
def test_a_secret_is_the_text_without_its_line_break(text: str) -> None:
    assert Secret(CANARY) == parse_secret(text)


@every("text", ["", "\n", "a ", f"{CANARY}\n{CANARY}\n", f"{CANARY}\n\n", "a\tb", "a\0", "\ufeffx"])
def test_what_is_no_secret_is_refused_unsaid(text: str) -> None:
    with pytest.raises(InputError, match="invalid secret") as caught:
        parse_secret(text)
    assert CANARY not in "\n".join(caught.value.lines())


def test_a_token_is_called_a_token() -> None:
    with pytest.raises(InputError, match="invalid token") as caught:
        parse_secret("", "token")
    assert "secret" not in "\n".join(caught.value.lines())


@given(st.dictionaries(_addresses, _secrets, min_size=1, max_size=4))
def test_json_gives_what_was_written(secrets: dict[str, str]) -> None:
    found = parse_secrets(json.dumps(secrets), "given.json")
    assert secrets == {address: secret.reveal() for address, secret in found.items()}


@given(st.dictionaries(_addresses, _secrets.filter(lambda text: text[0] not in "'\""), min_size=1, max_size=4))
def test_dotenv_gives_what_was_written(secrets: dict[str, str]) -> None:
    found = parse_secrets("\n".join(f"{address}={secret}" for address, secret in secrets.items()), "given.env")
    assert secrets == {address: secret.reveal() for address, secret in found.items()}


def test_dotenv_knows_comments_exports_and_quotes() -> None:
    text = '# clients\n\nexport wlcg/a=plain=with#signs\n  b = \'single $quoted\'\nc="double\\"quoted"\n'
    found = parse_secrets(text, "given.env")
    expected = {"wlcg/a": "plain=with#signs", "b": "single $quoted", "c": 'double"quoted'}
    assert expected == {address: secret.reveal() for address, secret in found.items()}


@every(
    "text, why",
    [
        ("", "it holds no secrets"),
        ("# nothing\n", "it holds no secrets"),
        ("{}", "it holds no secrets"),
        (CANARY, "line 1: not of the form ADDR=secret"),
        (f"={CANARY}", "line 1: not of the form ADDR=secret"),
        ("a=", "line 1: the secret is empty"),
        (f"a='{CANARY}", "line 1: quotes or spaces that fit no secret"),
        (f"a='{CANARY}' 'x'", "line 1: quotes or spaces that fit no secret"),
        (f"a={CANARY} x", "line 1: quotes or spaces that fit no secret"),
        (f"a='{CANARY} '", "line 1: the secret has a space or an unprintable character where it can have none"),
        (f"a={CANARY}\nb=1\na=2\n", "line 3: it is given twice"),
        (f'{{"a": "{CANARY}", "a": "x"}}', "a: it is given twice"),
        (f'{{"a": "{CANARY}"', "it is not JSON"),
        ('{"a":' * 100_000, "it is not JSON"),
        (f'{{"a": {{"b": "{CANARY}"}}}}', "a: the secret must be a string"),
        ('{"a": 1, "b": ""}', "a: the secret must be a string; b: the secret is empty"),
        (f"a={CANARY}\nnothing\nb=", "line 2: not of the form ADDR=secret; line 3: the secret is empty"),
    ],
)
def test_every_mistake_is_named_and_no_secret(text: str, why: str) -> None:
    assert why == refused(text)
