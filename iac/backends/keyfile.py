"""The key file of a project: where `iac init` puts its age identity, outside of the project and of version control.

$XDG_CONFIG_HOME/iac/identities/PROJECT.txt, by default under ~/.config (XDG Base Directory Specification), in the form
of age-keygen, mode 0600.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from iac import files, wait
from iac.backends.age import new_identity, recipients_of
from iac.core.errors import InputError, StateError
from iac.core.secret import Secret


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A project's key file and the recipient of its first identity. `is_new` when it was just made."""

    path: Path
    recipient: str
    is_new: bool


def key_path(project: str, environ: Mapping[str, str]) -> Path:
    """Where the key file of a project is, whether it exists or not."""
    base = environ.get("XDG_CONFIG_HOME") or ""
    root = Path(base) if Path(base).is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
    return root / "iac" / "identities" / f"{project}.txt"


def stored_identity(project: str, environ: Mapping[str, str]) -> Secret | None:
    """The text of a project's key file, None when there is none.

    Raises:
        StateError: it cannot be read.
    """
    path = key_path(project, environ)
    try:
        return Secret(wait.read(path).decode())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = str(error.strerror) if isinstance(error, OSError) else "it is not text"
    raise StateError("the key file cannot be read", where=str(path), why=why, fix=f"chmod 600 {path}")


def ensure_key(project: str, environ: Mapping[str, str], now: datetime) -> KeyFile:
    """The project's key file; made when there is none, never overwritten.

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
        raise StateError("the key file holds no age identity", where=str(path), fix=f"mv {path} {path}.old")
    return recipients[0]
