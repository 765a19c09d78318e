"""Every adapter there is, by the name that iac.yaml or an option has for it. This is the only list of them.

What is named here is light (`iac.ports.settings`): nothing heavy is imported before an adapter is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.backends.file import FilePlace
from iac.backends.git import GitPlace
from iac.backends.http import HttpPlace
from iac.backends.s3 import S3Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.ports.settings import BackendSettings

BACKENDS: Mapping[str, type[BackendSettings]] = {
    backend.name: backend for backend in (FilePlace, GitPlace, HttpPlace, S3Place)
}
"""Value of `state.backend` -> its settings; the first is that of a state which names none."""
