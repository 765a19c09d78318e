"""What is told to be in style by a look at its lines is what ruamel.yaml writes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iac.config.edit.format import _style, is_styled
from iac.document import parse_document
from tests.every import every

TYPICAL = """\
# yaml-language-server: $schema=https://example.org/client.schema.json
# Why it is here.

client_id: portal
client_name: Portal of the collaboration (test), see https://example.org/a?b=c
contacts:
  - somebody@example.org
  # the second one
  - "a # b: c"
client_uri: 'https://portal.example.org'

redirect_uris: [https://portal.example.org/cb, "http://localhost:4242"]  # two of them
scope: [openid, storage.read:/data]
access_token_validity_seconds: 3600
require_auth_time: true
policy_uri: null
jwk: {keys: [{kty: RSA, n: abc_-, e: AQAB}, {"kty": "EC", "crv": "P-256"}]}
waive:
  - id: password-grant
    reason: old, until the end of the year
    until: 2026-12-31
outputs: []
lifecycle:
  prevent_destroy: true
  rotate_after: 90d
environments:
  test: # a server of its own
    client_id: 12345678-0123-abcd-0123-0123456789ab
    outputs+:
      - template: dotenv
        path: ../out/portal.env

# the end
"""
VALUES = (
    "a", "b c", "-", "- x", '"x: y"', "'z'", "12", "007", "-1", "1.5", "2026-01-02", "7d", "true", "True", "null", "~",
    "yes", "a:b", "a, b", "a,b", "x - y", "é", "[]", "{}", "[a, b]", "[a,b]", "[a, ]", "[ a]", "[[a, b], c]",
    "[{a: b}]", "[{a: b, c: d}]", "{a: b}", "{a: [b, {c: d}]}", "{a}", "{a: b, c}", "[a: b]", "{a: }", '["[a", b]',
    "[']', b]", "a # b", "[a] # x", "|", "it's", "*a", "&a b", "!a b", '"a\\nb"', "", ".iac/x", ".inf", "../a", "~/a",
)  # fmt: skip
lines = st.one_of(
    st.builds(
        lambda indent, dash, key, value: f"{' ' * indent}{dash}{key}{value}".rstrip(),
        st.sampled_from((0, 0, 0, 2, 2, 4, 4, 1, 6)),
        st.sampled_from(("", "", "- ", "-  ")),
        st.sampled_from(("", "a: ", "b: ", "c: ", "d: ", "e+: ", "f:  ", '"g": ')),
        st.sampled_from(VALUES),
    ),
    st.sampled_from(("", "# c", "  # c", "    #", "a:", "  b:")),
)


def test_a_file_as_iac_writes_it_is_in_style() -> None:
    assert is_styled(TYPICAL)
    assert _style(TYPICAL) == TYPICAL


@every(
    "text",
    [
        "a:   b\n", "a: b \n", "a: b", "\na: b\n", "a:\n- b\n", "a:\n    b: c\n", "a:\n   - b\n", "a:\n", "a: b\n  c\n",
        "a: b\n  - c\n", "a:\n  -\n    b: c\n", "a:\n  -   b: c\n", "a: [b,c]\n", "a: [{b: c}]\n", "a: [b,\n  c]\n",
        "a: True\n", "a: ~\n", "a: |\n  b\n", f"a: {'b' * 5000}\n", f"a: [{'b, ' * 2000}c]\n", "- a\n", "[a]\n",
        "a: b\n---\n",
    ],
)  # fmt: skip
def test_what_is_not_plainly_in_style_is_left_to_ruamel(text: str) -> None:
    assert not is_styled(text)


@pytest.mark.slow
@given(st.lists(lines, min_size=1, max_size=6))
@settings(max_examples=300)
def test_ruamel_would_write_what_is_in_style_as_it_stands(drawn: list[str]) -> None:
    text = "".join(f"{line}\n" for line in drawn)
    document, mistakes = parse_document(text.encode(), "x")
    if document is not None and not mistakes and is_styled(text):
        assert _style(text) == text


@pytest.mark.slow
@given(st.integers(0, TYPICAL.count("\n") - 1), st.sampled_from(VALUES))
def test_a_value_in_its_place_makes_no_difference(number: int, value: str) -> None:
    rows = TYPICAL.splitlines(keepends=True)
    start, sign, _ = rows[number].partition(": ")
    rows[number] = f"{start}{sign}{value}\n" if sign else f"{start[:4]}{value}\n"
    text = "".join(rows)
    document, mistakes = parse_document(text.encode(), "x")
    if document is not None and not mistakes and is_styled(text):
        assert _style(text) == text
