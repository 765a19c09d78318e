"""Changing files of the project: comments kept, what is read stays the same, old or new and never in between."""

from __future__ import annotations

import io
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from iac import files
from iac.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ruamel.yaml import YAML

WIDTH = 4096
"""Lines are not broken anew below this width."""

_PUBLIC = 0o644


def round_trip() -> YAML:
    """ruamel.yaml as we write: comments and quotes kept, two spaces, dashes indented."""
    from ruamel.yaml import YAML  # noqa: PLC0415  # 30 ms, only where files are changed

    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _representer()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


@cache
def _representer() -> type[Any]:
    """Writes null as a word: an empty value looks forgotten."""
    from ruamel.yaml.representer import RoundTripRepresenter  # noqa: PLC0415  # as above

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


def replace_text(path: Path, text: str) -> None:
    """Put a text in the place of a file's content, its mode kept; a symbolic link stays one.

    Raises:
        InputError: the file cannot be written; it is as before.
    """
    target = path.resolve()
    with _explained(path):
        mode = target.stat().st_mode & 0o777 if target.exists() else _PUBLIC
        files.write(target, text.encode(), mode=mode)


def create_text(path: Path, text: str, mode: int = _PUBLIC) -> None:
    """Make a new file with this text, as a whole or not at all.

    Raises:
        InputError: there is a file of this name, or it cannot be written.
    """
    with _explained(path):
        files.create(path, text.encode(), mode=mode)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise InputError("the file is there already", where=str(path), fix="move it away, or choose another") from error
    except OSError as error:
        fix = "check permissions and free space"
        raise InputError("the file cannot be written", where=str(path), why=str(error.strerror), fix=fix) from error
