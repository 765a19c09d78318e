"""Several files of a project written as one: all of them, or none."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from iac.config.writing import create_text, replace_text
from iac.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping


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
        InputError: a file is there already, cannot be written, or would lie behind a symbolic link.
    """
    _check_folders(root, texts)
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


def _check_folders(root: Path, files: Iterable[str]) -> None:
    """A folder that is a link may lead out of the project, and definitions behind one are not read."""
    for file in files:
        folder = (root / file).parent
        if os.path.realpath(folder) != str(Path(os.path.realpath(root), file).parent):
            why = "a folder on its way is a symbolic link, which is not followed"
            raise InputError("the file cannot be written", where=file, why=why, fix="move the folder here")


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
