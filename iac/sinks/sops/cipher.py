"""Files in the format of SOPS, sealed with age: keys stay readable, values do not, and no byte can be changed unseen.

Written and read by our own code. The rules were seen in SOPS 3.13.3, which `make live` runs against these files:

- a value is AES-256-GCM under the file's data key; its additional data are its path, each key with a colon behind it,
  list indexes left out;
- the data key is sealed to each recipient by itself;
- the MAC is a SHA-512 over all values in the order of the file, encrypted with the time of the last change as its
  additional data;
- null and empty strings stay as they are.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from importlib.util import find_spec

from iac.core.errors import InputError, RenderError, StateError
from iac.core.text import install_extra, listed
from iac.ports import Clock, OutputSite, Sink
from iac.sealing import CONFIGURE, parse_recipient
from iac.sinks.sealed import Cipher, Readers, damaged, open_sealed
from iac.sinks.sops import SopsSettings
from iac.sinks.sops.form import METADATA, Binary, Dotenv, Form, FormError, Ini, Json, Yaml
from iac.sinks.sops.tree import (
    UNENCRYPTED,
    Branch,
    DamagedValue,
    ForeignMetadata,
    Metadata,
    decrypt_branch,
    encrypt_branch,
    keys,
    parse_metadata,
)

_KEY_BYTES = 32
_MANIFEST = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
"""Keys of a Secret beside its data."""


def open_sink(settings: SopsSettings, at: OutputSite) -> Sink:
    """Files of a project, each one of SOPS."""
    return open_sealed(SopsCipher(at.site.clock, settings.encrypted_keys), at)


class SopsCipher(Cipher):
    """A content as a SOPS file, in the form that its name says: JSON, YAML, dotenv, INI, else any text as one value.

    Args:
        clock: says when a file was changed.
        encrypted_keys: what lies below these keys is encrypted and nothing else; empty for all values.
    """

    tells_recipients = True

    def __init__(self, clock: Clock, encrypted_keys: Sequence[str] = ()) -> None:
        self._clock = clock
        self._encrypted_keys = tuple(encrypted_keys)

    def seal(self, path: str, content: bytes, recipients: Sequence[str]) -> bytes:
        """See `Cipher`."""
        _check_installed()
        branch = read_branch(path, content, self._encrypted_keys)
        key = secrets.token_bytes(_KEY_BYTES)
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        sealed, mac = encrypt_branch(branch, key, self._encrypted_keys, now)
        sealed_keys = tuple((text, _seal_key(key, text)) for text in recipients)
        return form_of(path).seal(sealed, Metadata(sealed_keys, now, mac, self._encrypted_keys)).encode()

    def open(self, path: str, sealed: bytes, readers: Readers) -> bytes:
        """See `Cipher`."""
        _check_installed()
        try:
            branch, metadata = parse_file(path, sealed)
            return form_of(path).show(_open(path, branch, metadata, readers)).encode()
        except (FormError, ForeignMetadata, DamagedValue):
            raise damaged(path) from None

    def holds(self, path: str, sealed: bytes, content: bytes, readers: Readers) -> bool:
        """See `Cipher`."""
        _check_installed()
        try:
            branch, metadata = parse_file(path, sealed)
            wanted = sorted(readers.recipients(path)), self._encrypted_keys
            if (sorted(recipient for recipient, _ in metadata.keys), metadata.encrypted_keys) != wanted:
                return False
            opened = _open(path, branch, metadata, readers)
        except (FormError, ForeignMetadata, DamagedValue):
            return False
        return json.dumps(opened) == json.dumps(read_branch(path, content, self._encrypted_keys))


def _open(path: str, branch: Branch, metadata: Metadata, readers: Readers) -> Branch:
    """The values in clear; raises `DamagedValue`."""
    key = _open_key(path, metadata, readers)
    return decrypt_branch(branch, key, metadata.encrypted_keys, (metadata.mac, metadata.modified))


_FORMS: dict[str, type[Form]] = {"json": Json, "yaml": Yaml, "yml": Yaml, "env": Dotenv, "ini": Ini}


def form_of(path: str) -> Form:
    """The form of a file, by its name as SOPS has it."""
    _, dot, end = path.rpartition(".")
    return _FORMS.get(end if dot else "", Binary)()


def parse_file(path: str, sealed: bytes) -> tuple[Branch, Metadata]:
    """An encrypted file as it stands; raises `FormError` or `ForeignMetadata` for a file of another program."""
    try:
        branch, metadata = form_of(path).split(sealed.decode())
    except UnicodeDecodeError:
        raise ForeignMetadata from None
    return branch, parse_metadata(metadata)


def read_branch(path: str, content: bytes, encrypted_keys: Sequence[str] = ()) -> Branch:
    """The values of a content.

    Raises:
        RenderError: it has not the form that its name says, or values that SOPS would not give back or leave in clear.
    """
    try:
        branch = form_of(path).read(content.decode())
        _check_names(branch)
        _check_clear(branch, encrypted_keys)
    except (FormError, UnicodeDecodeError) as error:
        raise RenderError(
            "the output cannot be encrypted by SOPS",
            where=path,
            why=str(error) if isinstance(error, FormError) else "it is not UTF-8",
            fix="correct the template, or give the file a name by which SOPS takes it as one text, such as NAME.txt",
        ) from None
    return branch


def _check_names(branch: Branch) -> None:
    if METADATA in branch or any(name.startswith(f"{METADATA}_") for name in branch):
        raise FormError(f"{METADATA} is the key of SOPS's own part of the file")
    if any(name.endswith(UNENCRYPTED) for name in keys(branch)):
        raise FormError(f"SOPS leaves keys that end in {UNENCRYPTED} in clear")


def _check_clear(branch: Branch, encrypted_keys: Sequence[str]) -> None:
    """Refuse clear values where not all is encrypted, but for what a manifest says of itself."""
    if not encrypted_keys:
        return
    if clear := [name for name in branch if name not in encrypted_keys and name not in _MANIFEST]:
        raise FormError(f"{clear[0]} would stay in clear: encrypted_regex of the sink is for Kubernetes manifests")


def _check_installed() -> None:
    if find_spec("cryptography") is None:
        raise InputError(
            "sinks of kind sops are not installed", why="the package cryptography is missing", fix=install_extra("sops")
        )


def _seal_key(key: bytes, recipient: str) -> str:
    import pyrage  # only commands that meet secrets

    if recipient.startswith("age1tag"):
        raise StateError(
            "SOPS does not support such recipients",
            where=recipient,
            why="it takes X25519 and ssh keys",
            fix="name age1... or ssh-... recipients in the sink",
        )
    sealed: bytes = pyrage.encrypt(key, [parse_recipient(recipient)], armored=True)
    return sealed.decode()


def _open_key(path: str, metadata: Metadata, readers: Readers) -> bytes:
    import pyrage  # only commands that meet secrets

    identities = readers.identities
    for _, sealed in metadata.keys:
        try:
            key: bytes = pyrage.decrypt(sealed.encode(), identities)
        except pyrage.DecryptError:
            continue
        if len(key) == _KEY_BYTES:
            return key
    raise StateError(
        "the age identity does not open this file",
        where=path,
        why=f"it is sealed to {listed(recipient for recipient, _ in metadata.keys)}",
        fix=f"iac render writes it again; to compare it, use an identity that opens it ({CONFIGURE})",
    )
