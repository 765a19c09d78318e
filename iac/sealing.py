"""Keys of age (age-encryption.org/v1): who can open what is sealed, what opens it, and the key file of a project.

`iac init` puts a project's identity into its key file, outside of the project and of version control:
$XDG_CONFIG_HOME/iac/identities/PROJECT.txt, by default under ~/.config (XDG Base Directory Specification), in the form
of age-keygen, mode 0600.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from iac import files
from iac.core.errors import InputError, StateError
from iac.core.secret import Secret

_KEY = "AGE-SECRET-KEY-"
_PEM = "-----BEGIN"
CONFIGURE = (
    "set IAC_AGE_IDENTITY to the identity or to the path of its file,"
    " or name one in state.encryption.identity of iac.yaml"
)
"""The advice on how to name an identity."""


def parse_recipient(text: str) -> Any:
    """A recipient of pyrage from an age or ssh public key.

    Raises:
        StateError: the text is not a public key.
    """
    import pyrage  # only commands that meet secrets

    kinds = {"ssh-": pyrage.ssh, "age1tagpq1": pyrage.tagpq, "age1tag1": pyrage.tag}
    kind = next((kind for prefix, kind in kinds.items() if text.startswith(prefix)), pyrage.x25519)
    try:
        return kind.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise StateError(
            "a recipient is not an age or ssh public key",
            where="an identity, which is secret" if text.upper().startswith(_KEY) else text,
            fix="state.encryption.recipients of iac.yaml, and recipients of a definition, take age1..., age1tag1...,"
            " age1tagpq1... and ssh-...",
        ) from None


def parse_identities(source: Secret | None) -> list[Any]:
    """Identities of pyrage, from the text of a key file, or the path of one.

    Raises:
        StateError: no identity is named, or it cannot be used.
    """
    if source is None or not source.reveal().strip():
        raise StateError("no age identity is configured", why="opening secrets of the state needs one", fix=CONFIGURE)
    text = source if _is_key(source) else _key_file(source)
    identities = _ssh_identity(text) if _PEM in text.reveal() else age_identities(text)
    if not identities:
        raise StateError(
            "the age identity contains no key", why=f"a line that begins with {_KEY} is missing", fix=CONFIGURE
        )
    return identities


def _is_key(source: Secret) -> bool:
    text = source.reveal()
    return "\n" in text.strip() or text.strip().upper().startswith(_KEY) or _PEM in text


def _key_file(source: Secret) -> Secret:
    text, why = _read(source)
    if text is None:
        raise StateError(
            "the age identity is neither a key nor the path of a readable key file", why=why, fix=CONFIGURE
        )
    return text


def _read(path: Secret) -> tuple[Secret | None, str]:
    """A file's text, else why it cannot be read. The path may be a mistyped key, so no frame that raises holds it."""
    try:
        return Secret(files.read(Path(path.reveal().strip()).expanduser()).decode()), ""
    except OSError as error:
        return None, str(error.strerror)
    except (ValueError, RuntimeError):
        return None, "it is not text"


def age_identities(text: Secret) -> list[Any]:
    """Identities of pyrage from the lines of a key file.

    Raises:
        StateError: a line of it is not an age identity.
    """
    from pyrage import IdentityError, x25519  # only commands that open secrets

    lines = [Secret(line.strip()) for line in text.reveal().splitlines() if line.strip()[:1] not in {"", "#"}]
    try:
        return [x25519.Identity.from_str(line.reveal()) for line in lines]
    except IdentityError:
        pass
    raise StateError("the age identity is damaged", why="a line of it is not an age X25519 identity", fix=CONFIGURE)


def new_identity() -> tuple[Secret, str]:
    """A new X25519 identity and its recipient."""
    from pyrage import x25519  # only init

    identity = x25519.Identity.generate()
    return Secret(str(identity)), str(identity.to_public())


def recipients_of(identity: Secret) -> tuple[str, ...]:
    """The recipients of the age identities in a key file's text.

    Raises:
        StateError: a line of it is not an age identity.
    """
    return tuple(str(key.to_public()) for key in age_identities(identity))


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


class KeyFile(Struct, frozen=True):
    """A project's key file and the recipient of its first identity. `is_new` when it was just made."""

    path: Path
    recipient: str
    is_new: bool


def key_path(project: str, environ: Mapping[str, str]) -> Path:
    """The path of a project's key file, whether it exists or not."""
    base = environ.get("XDG_CONFIG_HOME") or ""
    root = Path(base) if Path(base).is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
    return root / "iac" / "identities" / f"{project}.txt"


def stored_identity(project: str, environ: Mapping[str, str]) -> Secret | None:
    """The text of a project's key file, None without one.

    Raises:
        StateError: it cannot be read.
    """
    path = key_path(project, environ)
    try:
        return Secret(files.read(path).decode())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = str(error.strerror) if isinstance(error, OSError) else "it is not text"
    raise StateError("the key file cannot be read", where=str(path), why=why, fix=f"chmod 600 {path}")


def ensure_key(project: str, environ: Mapping[str, str], now: datetime) -> KeyFile:
    """The project's key file; made where it is missing, never overwritten.

    Raises:
        InputError: it cannot be made.
        StateError: the one that is there cannot be used.
    """
    path = key_path(project, environ)
    identity, recipient = new_identity()
    text = f"# created: {now.isoformat(timespec='seconds')}\n# public key: {recipient}\n{identity.reveal()}\n"
    try:
        files.make_folder(path.parent)
        files.create(path, text.encode())
    except FileExistsError:
        return KeyFile(path, _recipient_of(project, environ), is_new=False)
    except OSError as error:
        raise InputError(
            "the key file cannot be made",
            where=str(path),
            why=str(error.strerror),
            fix="set XDG_CONFIG_HOME to a folder that you may write to",
        ) from error
    return KeyFile(path, recipient, is_new=True)


def _recipient_of(project: str, environ: Mapping[str, str]) -> str:
    stored = stored_identity(project, environ)
    recipients = recipients_of(stored) if stored else ()
    if not recipients:
        path = key_path(project, environ)
        raise StateError("the key file contains no age identity", where=str(path), fix=f"mv {path} {path}.old")
    return recipients[0]
