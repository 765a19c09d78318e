"""Files of the project changed: comments kept, all files of one change or none, old or new and never in between."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iac import files
from iac.core.errors import InputError

if TYPE_CHECKING:
    from ruamel.yaml import YAML


WIDTH = 4096
"""Lines below this width are not broken."""

_PUBLIC = 0o644


def round_trip() -> YAML:
    """ruamel.yaml as we write: comments and quotes kept, two spaces, dashes indented."""
    from ruamel.yaml import YAML  # 30 ms, only where files are changed

    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _representer()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


@cache
def _representer() -> type[Any]:
    """Writes null as a word: an empty value looks forgotten."""
    from ruamel.yaml.representer import RoundTripRepresenter  # as above

    class Representer(RoundTripRepresenter):
        def represent_none(self, _: None) -> Any:
            return self.represent_scalar("tag:yaml.org,2002:null", "null")

    Representer.add_representer(type(None), Representer.represent_none)
    return Representer


def dump(yaml: YAML, value: Any) -> str:
    """The text of a value that was loaded with `round_trip`."""
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


_FIRST_MARK = re.compile(r"(?:[ \t]*(?:#.*)?\r?\n)*---[ \t]*(?:[ \t]#.*)?\r?\n")
_LAST_MARK = re.compile(r"^\.\.\.[ \t]*(?:[ \t]#.*)?\r?(?:\n[ \t]*(?:#.*)?\r?)*\Z", re.MULTILINE)


def split_marks(text: str) -> tuple[str, str, str]:
    """The text in three: up to the mark that begins the document, what it holds, and from the mark that ends it.

    ruamel.yaml drops the first, and a key that is added comes after the second.
    """
    start_mark, end_mark = _FIRST_MARK.match(text), _LAST_MARK.search(text)
    start, end = start_mark.end() if start_mark else 0, end_mark.start() if end_mark else len(text)
    return text[:start], text[start:end], text[end:]


def edited_text(path: Path, edit: Callable[[str], str]) -> str:
    """The text of a file as `edit` changes it: line ends, marks of the document and a byte order mark stay."""
    text = path.read_bytes().decode()
    plain = text.removeprefix("\ufeff")
    start, inner, end = split_marks(plain.replace("\r\n", "\n"))
    changed = f"{start}{edit(inner)}{end}"
    bom = text[: len(text) - len(plain)]
    return bom + (changed.replace("\n", "\r\n") if "\r\n" in plain else changed)


def replace_text(path: Path, text: str) -> None:
    """Put a text in the place of a file's content, its mode kept; a symbolic link stays one.

    Raises:
        InputError: the file cannot be written; it is as before.
    """
    target = path.resolve()
    with _explained(path):
        mode = target.stat().st_mode & 0o777 if target.exists() else _PUBLIC
        files.write(target, text.encode(), mode=mode)


def create_text(path: Path, text: str, mode: int = _PUBLIC, *, is_alone: bool = True) -> None:
    """Make a new file with this text, as a whole or not at all; `is_alone` as in `files.create`.

    Raises:
        InputError: there is a file of this name, or it cannot be written.
    """
    with _explained(path):
        files.create(path, text.encode(), mode=mode, is_alone=is_alone)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise InputError("the file is there already", where=str(path), fix="move it away, or choose another") from error
    except OSError as error:
        raise InputError(
            "the file cannot be written",
            where=str(path),
            why=str(error.strerror),
            fix="check permissions and free space",
        ) from error


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
    folders: dict[Path, str] = {}  # with the first file of each, for messages
    for file in texts:
        folders.setdefault((root / file).parent, file)
    # A folder that is a link may lead out of the project, and definitions behind one are not read.
    for folder, file in folders.items():
        if os.path.realpath(folder) != str(Path(os.path.realpath(root), file).parent):
            raise InputError(
                "the file cannot be written",
                where=file,
                why="a folder on its way is a symbolic link, which is not followed",
                fix="move the folder here",
            )
    with ExitStack() as undo:
        for folder in folders:
            _make_folders(folder, undo)
        for file, text in texts.items():
            path = root / file
            if file in replaced:
                undo.callback(replace_text, path, path.read_bytes().decode())
                replace_text(path, text)
            else:
                create_text(path, text, is_alone=False)
                undo.callback(_take_back, path.unlink)
        for folder in folders:
            with _explained(folder):
                files.sync(folder)
        check()
        undo.pop_all()


def _make_folders(folder: Path, undo: ExitStack) -> None:
    for path in [*takewhile(lambda path: not path.exists(), (folder, *folder.parents))][::-1]:
        try:
            path.mkdir()
        except OSError as error:
            raise InputError(
                "the folder cannot be made", where=str(path), why=str(error.strerror), fix="check permissions"
            ) from error
        undo.callback(_take_back, path.rmdir)


def _take_back(act: Callable[[], None]) -> None:
    with suppress(OSError):
        act()
