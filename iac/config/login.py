"""The login of a person in the place of the project's, so that people and a pipeline share one iac.yaml.

It stands in a file outside of the project, ~/.config/iac/auth.yaml or that of IAC_AUTH_FILE: for each issuer a login.
By the issuer, no project sends a login to a server that its owner did not name.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from iac.config.complaint import check_schema
from iac.config.settings import Settings
from iac.core.errors import InputError, InvalidInput
from iac.core.origin import Issuer
from iac.document import read_document
from iac.ports.path import path_inside
from iac.registry import LOGINS

VARIABLE = "IAC_AUTH_FILE"
SCHEMA = "logins"


def login_file(environ: Mapping[str, str]) -> Path | None:
    """The file with logins of this person, which may not be there; None where IAC_AUTH_FILE is empty."""
    if VARIABLE in environ:
        return Path(environ[VARIABLE]).expanduser() if environ[VARIABLE] else None
    base = Path(environ.get("XDG_CONFIG_HOME") or "")
    root = base if base.is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
    return root / "iac" / "auth.yaml"


def with_own_login(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings with the login that this person's file has for the issuer; as they are where it has none.

    Raises:
        InputError: IAC_AUTH_FILE names no file, one of the project, or one that others can write to.
        InvalidInput: the file has mistakes.
    """
    file = login_file(environ)
    if file is None or (VARIABLE not in environ and not file.exists()):
        return settings
    _check_file(file, settings.root)
    document, mistakes = read_document(file.parent, file.name)
    if document is not None:
        mistakes += [mistake for _, mistake in check_schema(document, SCHEMA)]
    if document is None or mistakes:
        there = [replace(one, location=one.location and one.location._replace(file=str(file))) for one in mistakes]
        raise InvalidInput(there)
    logins: Mapping[str, Any] = document.value
    own = next((login for issuer, login in logins.items() if Issuer.parse(issuer).is_same(settings.issuer)), None)
    if own is None:
        return settings
    return replace(settings, auth=LOGINS[own["method"]].parse(own), auth_file=str(file))


def _check_file(file: Path, root: Path) -> None:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        fix = f"write the file that {VARIABLE} names, or unset {VARIABLE}"
        raise InputError(
            "the file of logins cannot be read", where=str(file), why=str(error.strerror), fix=fix
        ) from error
    if path_inside(root, file):
        raise InputError(
            "the file of logins is in the project",
            where=str(file),
            why="who changes the project could change how you log in",
            fix=f"move it to ~/.config/iac/auth.yaml, or name another file by {VARIABLE}",
        )
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        why = "they could have you approve another client"
        raise InputError("others can write to the file of logins", where=str(file), why=why, fix=f"chmod go-w {file}")
