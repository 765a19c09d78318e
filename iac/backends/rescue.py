"""Emergency copies: what the state could not take is put elsewhere, sealed as it is, before the error is told."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from iac import files, wait
from iac.core.errors import StateError
from iac.core.state.document import TextOrigin, parse_state
from iac.core.state.journal import is_journal, parse_journal

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def places() -> tuple[Path, ...]:
    """Directories on what may be other file systems: temporary, memory, home."""
    return files.temporary_folder(), Path("/dev/shm"), Path.home()  # noqa: S108  # a place of last resort


class Rescue:
    """Writes emergency copies of one state and tells how they come back.

    Args:
        directories: tried in order.
        environment: of the state.
    """

    def __init__(self, directories: Sequence[Path], environment: str) -> None:
        self._directories = tuple(directories)
        self._push = "iac state push" if environment == "default" else f"iac --env {environment} state push"
        self._written: set[Path] = set()

    def failure(self, where: str, data: bytes, run_id: str, reason: str) -> StateError:
        """Keep `data`, which the state could not take at `where`; the error that says how it gets there."""
        copy = self._copy(data, run_id)
        if copy is None:
            return self._nowhere(where, reason)
        return StateError(
            "the state cannot be written",
            where=where,
            why=f"{reason}; what it should hold is in an emergency copy, {copy}",
            fix="make room or mend permissions, then bring the copy back before the next run:"
            f" {self._push} {shlex.quote(str(copy))}",
        )

    def conflict(self, where: str, data: bytes, run_id: str, conflict: StateError) -> StateError:
        """Keep `data`, which `where` must not take, for it was changed by somebody else; the error that says so."""
        copy = self._copy(data, run_id)
        if copy is None:
            return self._nowhere(where, conflict.summary)
        return StateError(
            conflict.summary,
            where=conflict.where,
            why=f"{conflict.why}; what this run did since is in an emergency copy, {copy}",
            fix="keep the copy, end the other run, then run iac plan: it says what differs from the server; "
            f"{self._push} --force {shlex.quote(str(copy))} {_effect(data)}",
        )

    def newest(self, lineage: str) -> tuple[str, int]:
        """The copy of this state, made by this user, that names the highest serial; 0 when there is none."""
        copies = (copy for directory in self._directories for copy in directory.glob("iac-state-emergency-*.json*"))
        serials = {str(copy): _serial(copy, lineage) for copy in copies}
        return max(serials.items(), key=lambda named: named[1], default=("", 0))

    def clear(self) -> None:
        """Remove copies: the state holds it all now."""
        for copy in self._written:
            copy.unlink(missing_ok=True)
        self._written.clear()

    def _copy(self, data: bytes, run_id: str) -> Path | None:
        suffix = ".json.journal" if is_journal(data) else ".json"
        name = f"iac-state-emergency-{_UNSAFE.sub('', run_id)[:40] or 'run'}{suffix}"
        for directory in self._directories:
            try:
                files.write(directory / name, data)
            except OSError:
                continue
            self._written.add(directory / name)
            return directory / name
        return None

    def _nowhere(self, where: str, reason: str) -> StateError:
        tried = ", ".join(str(directory) for directory in self._directories)
        return StateError(
            "the state cannot be written",
            where=where,
            why=f"{reason}; an emergency copy could not be written either (tried {tried})",
            fix="make room or mend permissions, then run iac plan: it says what differs from the server",
        )


def _serial(copy: Path, lineage: str) -> int:
    """The highest serial that a copy of this lineage names; 0 for another one, and for what cannot be read."""
    try:
        if copy.stat().st_uid != os.getuid():  # anybody may put a file into a temporary directory
            return 0
        data = wait.read(copy)
        if not is_journal(data):
            state = parse_state(data.decode(), TextOrigin(str(copy)))
            return state.serial if state.lineage == lineage else 0
        batches = parse_journal(data, TextOrigin(str(copy))).batches
    except (OSError, UnicodeDecodeError, StateError):
        return 0
    return max((batch.serial for batch in batches if batch.lineage == lineage), default=0)


def _effect(data: bytes) -> str:
    recorded = "adds what this run recorded to the state"
    return recorded if is_journal(data) else "puts the copy in the place of the state"
