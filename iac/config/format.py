"""What `format` of our schemas means. Pure. jsonschema would need nine more packages for half of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from iac.core.origin import is_uri

_BECH32 = {char: value for value, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def is_recipient(text: object) -> bool:
    """Whether the text is an age recipient whose checksum is right (BIP 173), or may be an SSH public key."""
    if not isinstance(text, str) or text.startswith("ssh-"):
        return True
    human, _, data = text.rpartition("1")
    if not human or text != text.lower() or not set(data) <= _BECH32.keys():
        return False
    values = [ord(char) >> 5 for char in human] + [0] + [ord(char) & 31 for char in human]
    return _checksum(values + [_BECH32[char] for char in data]) == 1


def _checksum(values: list[int]) -> int:
    total = 1
    for value in values:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for index, term in enumerate(_GENERATOR):
            if top >> index & 1:
                total ^= term
    return total


def is_date(text: object) -> bool:
    """Whether the text is a day, YYYY-MM-DD (RFC 3339 full-date)."""
    if not isinstance(text, str):
        return True
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


FORMATS: Mapping[str, Callable[[object], bool]] = {"uri": is_uri, "age-recipient": is_recipient, "date": is_date}
"""Format name -> whether a value has it; what is no text has every format (JSON Schema 2020-12, validation 7.1)."""
