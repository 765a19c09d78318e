"""Definitions become files: all of them, or none; nothing that is there is overwritten."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from iac.config.survey import survey
from iac.config.writing import create_text
from iac.core.errors import InputError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from iac.config.project import Project
    from iac.config.survey import Survey
    from iac.core.secret import Secret
    from iac.importing.drafting import Draft


def store(project: Project, environment: str, before: Survey, drafts: Sequence[Draft]) -> None:
    """Write the definitions, if the project has no new mistakes with them.

    Raises:
        InputError: files are there already, all of them named, or one cannot be written; nothing is written then.
        InvalidInput: with the mistakes that the project would have in one of its environments.
    """
    root = project.root
    there = [draft.file for draft in drafts if os.path.lexists(root / draft.file)]
    if there:
        fix = "move them away, or name another folder: --to FOLDER"
        raise InputError("files are there already, nothing is written", where=", ".join(there), fix=fix)
    made: list[Path] = []
    try:
        for draft in drafts:
            made += _folders(root, (root / draft.file).parent)
            create_text(root / draft.file, draft.text)
            made.append(root / draft.file)
        _check(project, environment, before)
    except BaseException:
        _remove(made)
        raise


def _check(project: Project, environment: str, before: Survey) -> None:
    known = {(each.id, each.location, each.summary) for each in before.mistakes}
    after = survey(project, environment).mistakes
    wrong = [each for each in after if (each.id, each.location, each.summary) not in known]
    if wrong:
        raise InvalidInput(wrong)


def _folders(root: Path, folder: Path) -> Iterator[Path]:
    """Make the folders that are missing, outermost first."""
    missing = [each for each in (folder, *folder.parents) if each.is_relative_to(root) and not each.exists()]
    for each in reversed(missing):
        try:
            each.mkdir()
        except OSError as error:
            why = str(error.strerror)
            raise InputError("the folder cannot be made", where=str(each), why=why, fix="check permissions") from error
        yield each


def _remove(made: Sequence[Path]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()


def store_secrets(path: Path, secrets: Mapping[str, Secret]) -> None:
    """Secrets by address as JSON for `iac secret import`, in a new file that nobody else can read.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    create_text(
        path, json.dumps({address: secret.reveal() for address, secret in secrets.items()}, indent=2) + "\n", 0o600
    )
