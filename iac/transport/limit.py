"""What is taken from a server, and how long it is waited for: every limit of the network, in one place."""

from __future__ import annotations

TIMEOUT = 30.0
"""Seconds that a server may be silent: `timeout` of iac.yaml."""

DEADLINE = 120.0
"""Seconds for a whole answer, from the first step to the last byte, repeated reads and pauses included: `deadline`."""

LARGEST_BODY = 32 * 2**20
"""Bytes of an answer, decoded; a page of 100 clients with the largest jwk that IAM takes is 7 MB."""

LARGEST_HEAD = 2**20
"""Bytes of an answer besides its body: status lines, headers, those of 1xx answers, sizes of chunks, trailers."""

DECODED_AT_ONCE = 2**16
"""Bytes that one step of decompression may make."""
