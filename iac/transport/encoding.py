"""The body of an answer, decoded with a bound: gzip or none, which is all that requests ask for. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from iac.core.text import printable
from iac.transport.limit import DECODED_AT_ONCE

_PLAIN, _GZIP = frozenset({"", "identity"}), frozenset({"gzip", "x-gzip"})
"""Values of Content-Encoding (RFC 9110 section 8.4.1)."""


class EncodingError(ValueError):
    """A body that cannot be decoded, or not within its bound."""


def decode(chunks: Iterable[bytes], encoding: str, largest: int) -> bytes:
    """The whole body of at most `largest` bytes.

    Args:
        chunks: as they come from the network.
        encoding: the value of Content-Encoding. Only one encoding is undone: each one more multiplies what a small
            answer can grow to.
        largest: bytes that the body may have when it is decoded.

    Raises:
        EncodingError: the body is larger, broken, cut off, or in an encoding that was not asked for.
    """
    name = encoding.strip().lower()
    if name not in _PLAIN | _GZIP:
        raise EncodingError(f"the answer has Content-Encoding {printable(encoding)[:80]}; iac takes gzip or none")
    body = bytearray()
    for piece in _gunzip(chunks) if name in _GZIP else chunks:
        body += piece
        if len(body) > largest:
            raise EncodingError(f"the answer is larger than {largest} bytes")
    return bytes(body)


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """In small pieces, so that whoever counts them can stop."""
    decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    is_empty = True
    try:
        for chunk in chunks:
            is_empty = is_empty and not chunk
            piece = decoder.decompress(chunk, DECODED_AT_ONCE)
            while piece:
                yield piece
                piece = decoder.decompress(decoder.unconsumed_tail, DECODED_AT_ONCE)
    except zlib.error as error:
        raise EncodingError(f"the answer is no gzip, as its Content-Encoding says: {error}") from error
    if not is_empty and (not decoder.eof or decoder.unused_data):
        raise EncodingError("the answer's gzip is cut off, or followed by something else")
