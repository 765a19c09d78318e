"""Keys of age (age-encryption.org/v1): who can open what is sealed, and what opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from iac.core.errors import StateError
from iac.core.secret import Secret
from iac.wait import read

_KEY = "AGE-SECRET-KEY-"
_PEM = "-----BEGIN"
CONFIGURE = (
    "set IAC_AGE_IDENTITY to the identity or to the path of its file,"
    " or name one in state.encryption.identity of iac.yaml"
)
"""How an identity is named."""


def parse_recipient(text: str) -> Any:
    """A recipient of pyrage from an age or ssh public key.

    Raises:
        StateError: it is none.
    """
    import pyrage  # only commands that meet secrets

    kinds = {"ssh-": pyrage.ssh, "age1tagpq1": pyrage.tagpq, "age1tag1": pyrage.tag}
    kind = next((kind for prefix, kind in kinds.items() if text.startswith(prefix)), pyrage.x25519)
    try:
        return kind.Recipient.from_str(text)
    except pyrage.RecipientError:
        shown = "an identity, which is secret" if text.upper().startswith(_KEY) else text
        raise StateError(
            "a recipient is not an age or ssh public key",
            where=shown,
            fix="state.encryption.recipients of iac.yaml, and recipients of a definition, take age1..., age1tag1...,"
            " age1tagpq1... and ssh-...",
        ) from None


def parse_identities(source: Secret | None) -> list[Any]:
    """Identities of pyrage, from the text of a key file, or the path of one.

    Raises:
        StateError: there is none, or it cannot be used.
    """
    if source is None or not source.reveal().strip():
        raise StateError("no age identity is configured", why="opening secrets of the state needs one", fix=CONFIGURE)
    text = source if _is_key(source) else _key_file(source)
    found = _ssh_identity(text) if _PEM in text.reveal() else age_identities(text)
    if not found:
        raise StateError(
            "the age identity holds no key", why=f"a line that begins with {_KEY} is missing", fix=CONFIGURE
        )
    return found


def _is_key(source: Secret) -> bool:
    text = source.reveal()
    return "\n" in text.strip() or text.strip().upper().startswith(_KEY) or _PEM in text


def _key_file(source: Secret) -> Secret:
    text, why = _read(source)
    if text is None:
        summary = "the age identity is neither a key nor the path of a readable key file"
        raise StateError(summary, why=why, fix=CONFIGURE)
    return text


def _read(path: Secret) -> tuple[Secret | None, str]:
    """A file's text, else why there is none. The path may be a mistyped key, so no frame that raises holds it."""
    try:
        return Secret(read(Path(path.reveal().strip()).expanduser()).decode()), ""
    except OSError as error:
        return None, str(error.strerror)
    except (ValueError, RuntimeError):
        return None, "it is not text"


def age_identities(text: Secret) -> list[Any]:
    """Identities of pyrage from the lines of a key file.

    Raises:
        StateError: a line of it is no age identity.
    """
    from pyrage import IdentityError, x25519  # only commands that open secrets

    lines = [Secret(line.strip()) for line in text.reveal().splitlines() if line.strip()[:1] not in {"", "#"}]
    try:
        return [x25519.Identity.from_str(line.reveal()) for line in lines]
    except IdentityError:
        pass
    raise StateError("the age identity is damaged", why="a line of it is no age X25519 identity", fix=CONFIGURE)


def _ssh_identity(text: Secret) -> list[Any]:
    from pyrage import IdentityError, ssh  # only commands that open secrets

    try:
        return [ssh.Identity.from_buffer(text.reveal().encode())]
    except IdentityError:
        pass
    raise StateError(
        "the ssh identity cannot be used",
        why="it is damaged, of an unknown kind, or protected by a passphrase",
        fix="use an ed25519 or RSA key without passphrase, or an age identity",
    )
