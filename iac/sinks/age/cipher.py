"""Files that are encrypted with age as a whole (age-encryption.org/v1, armored)."""

from __future__ import annotations

from collections.abc import Sequence

from iac.core.errors import StateError
from iac.ports import OutputSite, Sink
from iac.sealing import CONFIGURE, parse_recipient
from iac.sinks.age import AgeSettings
from iac.sinks.sealed import Cipher, Readers, damaged, open_sealed

_ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"


def open_sink(_: AgeSettings, at: OutputSite) -> Sink:
    """Files of a project, each one age file."""
    return open_sealed(AgeCipher(), at)


class AgeCipher(Cipher):
    """A content as one age file; any content. To whom a file is sealed cannot be seen in it."""

    tells_recipients = False

    def seal(self, path: str, content: bytes, recipients: Sequence[str]) -> bytes:
        """See `Cipher`."""
        import pyrage  # only commands that meet secrets

        sealed: bytes = pyrage.encrypt(content, [parse_recipient(text) for text in recipients], armored=True)
        return sealed

    def open(self, path: str, sealed: bytes, readers: Readers) -> bytes:
        """See `Cipher`."""
        import pyrage  # only commands that meet secrets

        if not sealed.startswith(_ARMOR):
            raise damaged(path)
        try:
            plain: bytes = pyrage.decrypt(sealed, readers.identities)
        except pyrage.DecryptError as error:
            raise StateError(
                "the age identity does not open this file",
                where=path,
                why=f"it is damaged, or not sealed to the recipient of this identity ({error})",
                fix=f"iac render writes it again; to compare it, use an identity that opens it ({CONFIGURE})",
            ) from None
        return plain

    def holds(self, path: str, sealed: bytes, content: bytes, readers: Readers) -> bool:
        """See `Cipher`."""
        return sealed.startswith(_ARMOR) and self.open(path, sealed, readers) == content
