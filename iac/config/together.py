"""Several files of a project written as one: all of them, or none."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from iac.config.writing import create_text, replace_text
from iac.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path


def write_together(
    root: Path, texts: Mapping[str, str], check: Callable[[], None], *, replaced: Collection[str] = ()
) -> None:
    """Write files and make the folders that they need; take all back when one cannot be written, or `check` refuses.

    Args:
        root: the project's folder.
        texts: file, relative to it -> text.
        check: looks at the project with the files in it, and raises what is wrong.
        replaced: files that are there already; each other file is made, and put over none.

    Raises:
        InputError: a file is there already, or cannot be written.
    """
    with ExitStack() as undo:
        for file, text in texts.items():
            path = root / file
            _make_folders(path.parent, undo)
            if file in replaced:
                undo.callback(replace_text, path, path.read_bytes().decode())
                replace_text(path, text)
            else:
                create_text(path, text)
                undo.callback(_take_back, path.unlink)
        check()
        undo.pop_all()


def _make_folders(folder: Path, undo: ExitStack) -> None:
    for each in [each for each in (folder, *folder.parents) if not each.exists()][::-1]:
        try:
            each.mkdir()
        except OSError as error:
            why = str(error.strerror)
            raise InputError("the folder cannot be made", where=str(each), why=why, fix="check permissions") from error
        undo.callback(_take_back, each.rmdir)


def _take_back(act: Callable[[], None]) -> None:
    with suppress(OSError):
        act()
