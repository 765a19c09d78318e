"""Files that are encrypted, so that they may be committed: a cipher over the files of a project."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from iac.core.errors import Diagnostic, RenderError, StateError
from iac.core.secret import Secret
from iac.ports import Comparison, Delivery, OutputSite, Sink
from iac.sinks.file.sink import FileSink


def damaged(path: str) -> RenderError:
    """The error about a file of another form, or one that somebody changed."""
    return RenderError(
        "the encrypted file is not of this sink, or somebody changed it", where=path, fix="write it again: iac render"
    )


class Cipher(ABC):
    """A way to make a content a file that only its recipients can read.

    Attributes:
        tells_recipients: it can be seen in a file to whom it is sealed.
    """

    tells_recipients: ClassVar[bool]

    @abstractmethod
    def seal(self, path: str, content: bytes, recipients: Sequence[str]) -> bytes:
        """The content, encrypted. The same content gives other bytes each time.

        Raises:
            RenderError: this content cannot be encrypted in this form.
            StateError: a recipient is not a public key.
            InputError: a library is not installed.
        """

    @abstractmethod
    def open(self, path: str, sealed: bytes, readers: Readers) -> bytes:
        """The content of an encrypted file, as the usual program gives it.

        Raises:
            RenderError: the file has another form, or somebody changed it.
            StateError: the identity at hand does not open it, or there is none.
        """

    @abstractmethod
    def holds(self, path: str, sealed: bytes, content: bytes, readers: Readers) -> bool:
        """Whether an encrypted file is whole, holds the content, and is sealed to the recipients as far as it tells.

        Raises:
            StateError: the identity at hand does not open it, or there is none.
        """


class Readers:
    """The readers of what a sink seals.

    Args:
        recipients: gives the age or ssh public keys that an output is sealed to, by its path.
        identity: the text of a key file, or the path of one, or None; asked once, when a file is opened.
    """

    def __init__(self, recipients: Callable[[str], Sequence[str]], identity: Callable[[], Secret | None]) -> None:
        self._recipients = recipients
        self._identity = identity

    def recipients(self, path: str) -> Sequence[str]:
        """To whom an output is sealed."""
        recipients = self._recipients(path)
        if not recipients:
            raise StateError("the output has no recipients", where=path, fix="name recipients in its sink, in iac.yaml")
        return recipients

    @cached_property
    def identities(self) -> list[Any]:
        """The identities at hand, as pyrage has them.

        Raises:
            StateError: there are none.
        """
        from iac.sealing import parse_identities  # only where files are opened

        return parse_identities(self._identity())


def open_sealed(cipher: Cipher, at: OutputSite) -> Sink:
    """A cipher over the files of a project."""
    return SealedSink(at.site.root, cipher, Readers(at.recipients, at.identity))


class SealedSink(FileSink):
    """Encrypted files below one folder.

    A file that already holds what it should is left as it is: encrypted again it would differ in every byte, and
    git would show a change of nothing. To see that takes an identity that opens it; without one it is written.

    Args:
        root: the project's folder; nothing is written outside of it.
        cipher: how they are encrypted.
        readers: who can open them.
    """

    def __init__(self, root: Path, cipher: Cipher, readers: Readers) -> None:
        super().__init__(root)
        self._cipher = cipher
        self._readers = readers

    def _check(self, path: str, content: bytes) -> None:
        super()._check(path, self._cipher.seal(path, content, self._readers.recipients(path)))

    def _write(self, path: str, content: bytes, *, mode: int, is_new: bool) -> bool:
        sealed = super()._read(path)
        if sealed is None or not self._can_stay(path, sealed, content, is_new=is_new):
            sealed = self._cipher.seal(path, content, self._readers.recipients(path))
        return super()._write(path, sealed, mode=mode, is_new=is_new)

    def _can_stay(self, path: str, sealed: bytes, content: bytes, *, is_new: bool) -> bool:
        if is_new and not self._cipher.tells_recipients:
            return False
        try:
            return self._cipher.holds(path, sealed, content, self._readers)
        except StateError:
            return False

    def _compare(self, path: str, content: bytes, mode: int | None) -> Comparison:
        sealed = super()._read(path)
        if sealed is None:
            return Comparison.NOTHING
        return Comparison.AS_WANTED if self._cipher.holds(path, sealed, content, self._readers) else Comparison.OTHER

    def _look(self, path: str, delivery: Delivery | None, mode: int | None) -> Comparison:
        # What an encrypted file holds may have come from another machine, with git, which keeps no mode: that it is
        # there is all.
        return Comparison.NOTHING if super()._read(path) is None else Comparison.AS_WANTED

    def _read(self, path: str) -> bytes | None:
        sealed = super()._read(path)
        return None if sealed is None else self._cipher.open(path, sealed, self._readers)

    def _exposed(self, paths: Collection[str]) -> Mapping[str, Diagnostic]:  # it may be committed
        return {}
