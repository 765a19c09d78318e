from __future__ import annotations

import gzip

import pytest

from iac.transport.message import EncodingError, decode
from tests.every import every

WORDS = b'{"a": 1}' * 100_000


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_body_without_an_encoding_stays_as_it_is(encoding: str) -> None:
    assert b"abc" == decode([b"a", b"", b"bc"], encoding, 3)


@every("encoding", ["gzip", "x-gzip", "GZip "])
@every("size", [1, 7, 65536])
def test_a_body_in_gzip_is_undone(encoding: str, size: int) -> None:
    assert decode(pieces(gzip.compress(WORDS), size), encoding, len(WORDS)) == WORDS


def test_no_body_in_gzip_is_no_body() -> None:
    assert b"" == decode([], "gzip", 10)
    assert b"" == decode([gzip.compress(b"")], "gzip", 10)


@every("encoding", ["gzip, gzip", "gzip,identity", "br", "deflate", "zstd", "\x1b[31m"])
def test_another_encoding_or_more_than_one_is_refused(encoding: str) -> None:
    with pytest.raises(EncodingError, match="iac takes gzip or none"):
        decode([gzip.compress(b"a")], encoding, 10)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_that_is_too_large_is_refused_at_once(encoding: str) -> None:
    data = gzip.compress(WORDS) if encoding else WORDS
    with pytest.raises(EncodingError, match="larger than 1000 bytes"):
        decode([data], encoding, 1000)


@pytest.mark.parametrize(
    "data",
    [b"no gzip", gzip.compress(WORDS)[:-1], gzip.compress(WORDS)[:20], gzip.compress(b"a") + b"more"],
    ids=["no gzip", "a byte short", "cut off", "followed"],  # gzip's own bytes have the time in them
)
def test_what_is_broken_cut_off_or_followed_by_something_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError):
        decode([data], "gzip", len(WORDS))
