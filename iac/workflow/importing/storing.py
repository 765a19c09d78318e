"""Definitions become files: all of them, or none; nothing that is there is overwritten."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from iac.config.edit.files import create_text, write_together
from iac.config.survey import survey
from iac.core.errors import InputError, InvalidInput
from iac.core.limits import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from iac.config.project import Project
    from iac.config.survey import Survey
    from iac.core.secret import Secret
    from iac.workflow.importing.drafting import Draft


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
        raise InputError("files are there already, nothing is written", where=listed(there), fix=fix)
    texts = {draft.file: draft.text for draft in drafts}
    write_together(root, texts, lambda: _check(project, environment, before))


def _check(project: Project, environment: str, before: Survey) -> None:
    known = {(each.id, each.location, each.summary) for each in before.mistakes}
    after = survey(project, environment).mistakes
    wrong = [each for each in after if (each.id, each.location, each.summary) not in known]
    if wrong:
        raise InvalidInput(wrong)


def store_secrets(path: Path, secrets: Mapping[str, Secret]) -> None:
    """Secrets by address as JSON for `iac secret import`, in a new file that nobody else can read.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    create_text(
        path, json.dumps({address: secret.reveal() for address, secret in secrets.items()}, indent=2) + "\n", 0o600
    )
