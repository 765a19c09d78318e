"""Vaults: secrets sealed value by value with age (age-encryption.org/v1), or left in clear where a project asks for it.

What is encrypted names its place (lineage, environment, address, field), so a value that is moved to another place in
the document does not open there. Sealing needs recipients only, opening an identity.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any

from msgspec import convert
from msgspec.structs import asdict, astuple

from iac.core.errors import ClosedSecretError, StateError
from iac.core.secret import Secret
from iac.core.state.model import CLEAR
from iac.ports import Place, Vault
from iac.sealing import CONFIGURE, parse_identities, parse_recipient

_AGE = "age:"
_PROBE = Place("probe", "probe", "probe", "probe")


class AgeVault(Vault):
    """Seals to age recipients, opens with an age identity. Thread-safe.

    Args:
        recipients: public keys: `age1...`, `age1tag1...`, `age1tagpq1...` or an ssh public key; all can open.
        identity: gives the text of a key file, or the path of one, or None; asked once, when the first value is opened.
    """

    def __init__(self, recipients: Sequence[str], identity: Callable[[], Secret | None]) -> None:
        self._recipients = tuple(recipients)
        self._identity = identity

    @property
    def recipients(self) -> tuple[str, ...]:
        """Public keys that everything is sealed to."""
        return self._recipients

    def _seal(self, secret: Secret, place: Place, also: Sequence[str]) -> str:
        import pyrage  # only commands that meet secrets

        encrypted: bytes = pyrage.encrypt(_bound(secret, place), _parsed(self._recipients, tuple(also)))
        return _AGE + base64.b64encode(encrypted).decode()

    def _open(self, sealed: str, place: Place) -> Secret:
        if not sealed.startswith(_AGE):
            raise StateError(
                "a secret of the state is not encrypted",
                where=place.address,
                why="iac.yaml asks for encryption, so it was put there by something else, or under encryption: none",
                fix="if you changed the setting, run iac state rekey; else raise secret.serial in the definition",
            )
        plain = _decrypt(sealed, self._identities)
        if plain is not None:
            return _unbound(plain, place)
        if not self._recipients or not self._is_recipient():
            raise ClosedSecretError(
                "the age identity does not open this secret",
                [place.address],
                why=f"it is not one of the state's recipients ({', '.join(self._recipients) or 'iac.yaml names none'}),"
                " nor one that the definition named when the secret was sealed",
                fix=f"use an identity that opens it ({CONFIGURE}),"
                " or have its owner add yours to recipients and run iac state rekey",
            )
        raise StateError(
            "a secret of the state cannot be decrypted",
            where=place.address,
            why="it is damaged, or was sealed before the recipients of iac.yaml were changed",
            fix="put a copy of the state back, or use the identity it was sealed to,"
            " or raise secret.serial in the definition for a new secret",
        )

    @cached_property
    def _identities(self) -> list[Any]:
        return parse_identities(self._identity())

    def _is_recipient(self) -> bool:
        return _decrypt(self._seal(Secret("probe"), _PROBE, ()), self._identities) is not None

    def _check(self) -> None:
        if not self._is_recipient():
            raise StateError(
                "the age identity is not one of the state's recipients",
                why=f"the recipients of iac.yaml are {', '.join(self._recipients)}",
                fix=f"use the identity of one of them ({CONFIGURE}),"
                " or have its owner add yours and run iac state rekey",
            )


class ClearVault(Vault):
    """Keeps secrets in clear: for `encryption: none` only, where the disk is as safe as the secrets must be."""

    recipients = ()

    def _seal(self, secret: Secret, place: Place, also: Sequence[str]) -> str:
        return CLEAR + secret.reveal()

    def _open(self, sealed: str, place: Place) -> Secret:
        if not sealed.startswith(CLEAR):
            raise StateError(
                "a secret of the state is encrypted, but iac.yaml says encryption: none",
                where=place.address,
                fix="set state.encryption in iac.yaml as it was, or run iac state rekey with an identity that opens it",
            )
        return Secret(sealed.removeprefix(CLEAR))

    def _check(self) -> None:
        """Clear text needs no identity."""


class RekeyVault(Vault):
    """Seals as iac.yaml says now, opens what was sealed under any `encryption`: for `iac state rekey` alone.

    Args:
        now: the vault of every other command.
        sealed: opens what is encrypted.
    """

    def __init__(self, now: Vault, sealed: AgeVault) -> None:
        self._now = now
        self._sealed = sealed

    @property
    def recipients(self) -> tuple[str, ...]:
        """Public keys that everything is sealed to from now on."""
        return self._now.recipients

    def _seal(self, secret: Secret, place: Place, also: Sequence[str]) -> str:
        return self._now.seal(secret, place, also)

    def _open(self, sealed: str, place: Place) -> Secret:
        return (ClearVault() if sealed.startswith(CLEAR) else self._sealed).open(sealed, place)

    def _check(self) -> None:
        self._now.check()


def _bound(secret: Secret, place: Place) -> bytes:
    return json.dumps({**asdict(place), "value": secret.reveal()}, separators=(",", ":")).encode()


def _unbound(plain: Secret, place: Place) -> Secret:
    sealed = _parse(plain)
    if sealed is None:
        raise StateError(
            "a secret of the state was not sealed by iac",
            where=place.address,
            fix="put a copy of the state back, or raise secret.serial in the definition for a new secret",
        )
    origin, secret = sealed
    if origin != place:
        there, here = "/".join(astuple(origin)), "/".join(astuple(place))
        raise StateError(
            "a secret of the state belongs elsewhere",
            where=place.address,
            why=f"it was encrypted for {there}, and is at {here}",
            fix="somebody edited the state: put a copy of it back",
        )
    return secret


def _parse(plain: Secret) -> tuple[Place, Secret] | None:
    try:
        members = json.loads(plain.reveal())
        return convert(members, Place), Secret(convert(members["value"], str))
    except (ValueError, KeyError):
        return None


def _decrypt(sealed: str, identities: Sequence[Any]) -> Secret | None:
    import pyrage  # only commands that meet secrets

    try:
        encrypted = base64.b64decode(sealed.removeprefix(_AGE), validate=True)
        return Secret(pyrage.decrypt(encrypted, identities).decode())
    except (ValueError, pyrage.DecryptError):
        return None


@cache
def _parsed(texts: tuple[str, ...], also: tuple[str, ...]) -> list[Any]:
    """The recipients; parsing them costs more than sealing to them."""
    if not texts:
        raise StateError(
            "iac.yaml names no recipients for the secrets of the state",
            fix="set state.encryption.recipients in iac.yaml; iac init and iac state init write it for a new state",
        )
    return [parse_recipient(text) for text in dict.fromkeys([*texts, *also])]
