"""Which files a project has, and what their addresses are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

from iac.core.catalogue import mistake
from iac.core.errors import Diagnostic, Location, Severity
from iac.files import read
from iac.ports.path import CLIENTS_DIR, PROJECT_FILE

DEFAULTS_FILE = "_defaults.yaml"
_SUFFIXES = (".yaml", ".yml")
_JSON = ".json"
_KEYS = re.compile(rb"""^[{"'\s]*(?:client_id|client_name|redirect_uris|grant_types)["']?\s*:""", re.MULTILINE)
"""What a definition has; other files beside iac.yaml have none of it at the beginning of a line."""
_BEGINNING = 16_384
ADDRESS_RULE = "letters, digits and _.@+- are, each part beginning with a letter, digit or _"
"""What an address is made of, in words."""

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")


class Tree(Struct):
    """The files below clients.d: address -> file, folder (relative to clients.d, "" for itself) -> its defaults."""

    definitions: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def is_address(text: str) -> bool:
    """Whether a definition can have this address."""
    return all(_SEGMENT.fullmatch(segment) for segment in text.split("/"))


def is_defaults(file: str) -> bool:
    """Whether a file of this path holds the defaults of its folder: `_defaults.yaml`, or `_defaults.yml`."""
    name, dot, suffix = file.rpartition("/")[2].partition(".")
    return f"{name}.yaml" == DEFAULTS_FILE and dot + suffix in _SUFFIXES


def read_tree(root: Path) -> Tree:
    """Every definition and every folder's defaults; names that begin with a dot are skipped."""
    tree = Tree()
    _find_beside(tree, root)
    if not (root / CLIENTS_DIR).is_dir():
        _complain(tree, "no-definitions", f"there is no folder {CLIENTS_DIR}", CLIENTS_DIR, _EMPTY)
        return tree
    if (root / CLIENTS_DIR).is_symlink():
        _complain(tree, "linked-folder", _LINKED, CLIENTS_DIR, "move the folder here")
        return tree
    _walk(tree, root, "")
    _check_clashes(tree)
    if not tree.definitions and not any(diagnostic.severity is Severity.ERROR for diagnostic in tree.diagnostics):
        _complain(tree, "no-definitions", f"{CLIENTS_DIR} has no definition", CLIENTS_DIR, _EMPTY)
    return tree


_LINKED = "the folder is a symbolic link, which is not followed"
_EMPTY = (
    f"create {CLIENTS_DIR}/NAME.yaml, for example by iac new NAME; to delete every client, list them under removed: and"
    " keep one definition until that is applied"
)


_RENAME = "rename one of them: some file systems hold one only"


def _walk(tree: Tree, root: Path, folder: str) -> None:
    place = f"{CLIENTS_DIR}/{folder}".rstrip("/")
    try:
        entries = sorted(os.scandir(root / place), key=lambda entry: entry.name)
    except OSError as error:
        _complain(
            tree, "file-unreadable", f"the folder cannot be read: {error.strerror}", place, "correct its permissions"
        )
        return
    for entry in entries:
        if not entry.name.startswith("."):
            try:
                _enter(tree, root, folder, entry)
            except OSError as error:  # a symbolic link that leads to itself
                _complain(
                    tree,
                    "file-unreadable",
                    f"the file cannot be read: {error.strerror}",
                    f"{place}/{entry.name}",
                    "delete it",
                )


def _enter(tree: Tree, root: Path, folder: str, entry: os.DirEntry[str]) -> None:
    inner = f"{folder}/{entry.name}".lstrip("/")
    file = f"{CLIENTS_DIR}/{inner}"
    if entry.is_dir():
        if entry.is_symlink():
            _complain(tree, "linked-folder", _LINKED, file, "move the folder here")
        else:
            _walk(tree, root, inner)
    elif entry.name.endswith(_SUFFIXES):
        if entry.is_symlink() and not (root / file).resolve().is_relative_to(root.resolve()):
            _complain(tree, "outside-project", "the file is a symbolic link out of the project", file, "copy it here")
        elif not entry.is_file():
            _complain(tree, "file-unreadable", "this is not a file", file, "delete it")
        elif is_defaults(entry.name):
            other = tree.defaults.setdefault(folder, file)
            if other != file:
                _complain(
                    tree,
                    "address-twice",
                    f"the folder {folder or CLIENTS_DIR} has two files of defaults",
                    file,
                    f"delete this one or {other}",
                )
        else:
            _define(tree, inner.rpartition(".")[0], file)
    elif entry.name.lower().endswith((*_SUFFIXES, _JSON)) and entry.is_file():
        name = file.rpartition(".")[0]
        if not entry.name.lower().endswith(_JSON) or _is_definition(root / file):
            _warn_unread(tree, root, file, name, "names of definitions end in .yaml: rename it to")


def _find_beside(tree: Tree, root: Path) -> None:
    """Definitions that lie beside iac.yaml, where nothing is read."""
    try:
        files = sorted(root.iterdir())
    except OSError:  # a folder of another user that can be entered and not listed
        files = []
    for file in files:
        is_other = file.name != PROJECT_FILE and not file.name.startswith(".")
        if is_other and file.name.lower().endswith(_SUFFIXES) and file.is_file() and _is_definition(file):
            _warn_unread(
                tree,
                root,
                file.name,
                f"{CLIENTS_DIR}/{file.stem}",
                f"definitions lie below {CLIENTS_DIR}: move it to",
            )


def _is_definition(file: Path) -> bool:
    """Whether a file begins like a definition; False for a file that cannot be read."""
    try:
        return bool(_KEYS.search(read(file, _BEGINNING)))
    except OSError:
        return False


def _warn_unread(tree: Tree, root: Path, file: str, name: str, way: str) -> None:
    """A file that belongs at `name`.yaml, unless another one has that address."""
    # Some file systems find x.YAML as x.yaml, too: that is the file itself.
    others = (
        other
        for other in (f"{name}{suffix}" for suffix in _SUFFIXES)
        if (root / other).exists() and not (root / other).samefile(root / file)
    )
    fix = f"{other} exists: compare them, then delete this one" if (other := next(others, "")) else f"{way} {name}.yaml"
    _complain(tree, "definition-not-read", "this file looks like a definition, and iac does not read it", file, fix)


def _define(tree: Tree, address: str, file: str) -> None:
    if not is_address(address):
        _complain(
            tree, "bad-address", f"{address} is not an address: {ADDRESS_RULE}", file, "rename the file or folder"
        )
    elif address in tree.definitions:
        _complain(
            tree, "address-twice", f"{address} has two files", file, f"delete this one or {tree.definitions[address]}"
        )
    else:
        tree.definitions[address] = file


def _check_clashes(tree: Tree) -> None:
    addresses: dict[str, str] = {}
    for address, file in tree.definitions.items():
        other = addresses.setdefault(address.casefold(), address)
        if other != address and other.rpartition("/")[0] == address.rpartition("/")[0]:
            summary = f"{address} differs from {other} by upper and lower case only"
            _complain(tree, "address-twice", summary, file, _RENAME)
    folders: dict[str, str] = {}
    for folder in sorted(
        {
            folder
            for address in (*tree.definitions, *(f"{folder}/" for folder in tree.defaults if folder))
            for folder in _folders(address)
        }
    ):
        other = folders.setdefault(folder.casefold(), folder)
        if other != folder:
            summary = f"the folder {folder} differs from {other} by upper and lower case only"
            _complain(tree, "address-twice", summary, f"{CLIENTS_DIR}/{folder}", _RENAME)


def _folders(address: str) -> Iterator[str]:
    """The folders that an address lies in."""
    parts = address.split("/")
    yield from ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _complain(tree: Tree, rule: str, summary: str, file: str, fix: str) -> None:
    tree.diagnostics.append(mistake(rule, summary, Location(file), fix=fix))
