"""What is wrong with the states that iac.yaml names: keys, addresses, encryption, and two in one place. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iac.config.catalogue import mistake
from iac.config.layers import overrides
from iac.config.path import INPUTS, STATE_DIR, folded, path_over, path_problem
from iac.config.place import KEYS, FilePlace, GitPlace, HttpPlace, S3Place
from iac.config.state_settings import backend_of, state_keys
from iac.config.url import repository_problem, url_problem
from iac.transport.origin import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from iac.config.document import Document
    from iac.config.event import Pointer
    from iac.config.place import Place
    from iac.config.settings import Settings
    from iac.core.diagnostics import Diagnostic, Location

_NEEDED = {
    "http": ("address", "address: https://gitlab.example.org/api/v4/projects/ID/terraform/state/NAME"),
    "s3": ("bucket", "bucket: NAME"),
}
_TOGETHER = (("username", "password"), ("access_key_id", "secret_access_key"))
_URLS = ("address", "lock_address", "unlock_address", "endpoint")
_HOW_URL = "an https URL, or http on localhost, without a login in it"
_ENCRYPT = "name recipients, encryption: {recipients: [age1...]}, or take the key out: iac state init then makes one"
_NAME_OF_FILE = {FilePlace: "path", GitPlace: "path", HttpPlace: "address", S3Place: "key"}


def check_states(document: Document, all_settings: Iterable[Settings]) -> Iterator[Diagnostic]:
    """What stops: in the state of each environment, and in all of them together."""
    top = document.value.get("state", {})
    yield from _check_keys(document, ("state",), top, backend_of(top))
    seen: dict[str, str] = {}
    for settings in all_settings:
        written = _Written.read(document, settings.environment)
        yield from written.check_keys()
        found = [*written.check_needed(), *written.check_addresses()]
        yield from found
        if settings.state.is_clear and isinstance(settings.state.place, GitPlace):
            yield _in_history(written)
        other = seen.setdefault(_same_place(settings.state.place), settings.environment)
        if other != settings.environment and not found:
            yield _shared(written, settings, other)


def check_exposure(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    """What is said: secrets in clear text on a server that others administrate."""
    if settings.state.is_clear and isinstance(settings.state.place, HttpPlace | S3Place):
        yield mistake(
            "secrets-in-clear",
            f"state keeps secrets in clear text at {settings.state.place.where}",
            _Written.read(document, settings.environment).at("encryption"),
            why="whoever reads the state there, or a backup of it, can log in as every client",
            fix=_ENCRYPT,
        )


def _check_keys(document: Document, pointer: Pointer, keys: Iterable[str], backend: str) -> Iterator[Diagnostic]:
    """Keys that say where a state of another backend lives."""
    for key in keys:
        others = [name for name, known in KEYS.items() if key in known]
        if others and backend not in others:
            yield mistake(
                "key-of-other-backend",
                f"{key} is no key of a state with backend {backend}",
                document.at_key(*pointer, key),
                why=f"it belongs to backend {others[0]}",
                fix=f"set backend: {others[0]}, or take {key} out",
            )


@dataclass(frozen=True, slots=True)
class _Written:
    """The state of one environment as it is written in iac.yaml."""

    document: Document
    environment: str
    own: Mapping[str, Any]
    keys: Mapping[str, Any]

    @classmethod
    def read(cls, document: Document, environment: str) -> _Written:
        own = overrides(document.value, environment).get("state", {})
        return cls(document, environment, own, state_keys(document.value, environment))

    @property
    def backend(self) -> str:
        return backend_of(self.keys)

    def at(self, key: str) -> Location:
        """Where a key's value stands, else the state that would have it."""
        is_own = key in self.own or (self.own and key not in self.document.value.get("state", {}))
        return self.document.at(*(("environments", self.environment) if is_own else ()), "state", key)

    def check_keys(self) -> Iterator[Diagnostic]:
        """Keys of other backends in the environment's own part."""
        pointer = ("environments", self.environment, "state")
        return _check_keys(self.document, pointer, self.own, self.backend)

    def check_needed(self) -> Iterator[Diagnostic]:
        """Keys that the backend cannot do without, and those that need each other."""
        key, example = _NEEDED.get(self.backend, ("", ""))
        if key and key not in self.keys:
            yield self._missing(key, f"backend {self.backend} needs it", example)
        for pair in _TOGETHER:
            for key, other in (pair, pair[::-1]):
                if other in self.keys and key not in self.keys:
                    yield self._missing(key, f"{other} is of no use without it", f"{key}: {{env: NAME}}")

    def check_addresses(self) -> Iterator[Diagnostic]:
        """URLs, repositories and paths that cannot be used. None of them is repeated: a password may be in it."""
        for key in (name for name in KEYS[self.backend] if name in _URLS and name in self.keys):
            if problem := url_problem(self.keys[key]):
                yield self._unusable(key, problem, _HOW_URL)
        if self.backend == "http":
            yield from self._check_locks()
        if self.backend == "git":
            yield from self._check_git()
        if self.backend == "file" and "path" in self.keys and (problem := _file_problem(self.keys["path"])):
            yield self._unusable("path", problem, "path: .iac/NAME.state.json")

    def _check_locks(self) -> Iterator[Diagnostic]:
        home = Address.parse(self.keys.get("address", ""))
        for key in ("lock_address", "unlock_address"):
            there = Address.parse(self.keys.get(key, ""))
            if home and there and there.origin != home.origin:
                why = "it leads to another server than state.address, and credentials go to that one only"
                yield self._unusable(key, why, "an address on the server of state.address")

    def _check_git(self) -> Iterator[Diagnostic]:
        if problem := repository_problem(self.keys.get("repository", "")):
            yield self._unusable("repository", problem, "repository: https://git.example.org/GROUP/STATE.git")
        if "repository" in self.keys and "remote" in self.keys:
            why = "repository names another repository, remote a remote of the project's own"
            yield self._unusable("remote", why, "take one of them out")
        path = self.keys.get("path", "state")
        if {"", ".", ".."} & set(path.split("/")) or path_problem(path) or path_over(path, ()):
            yield self._unusable("path", "it is no path of a file on a branch", "path: PROJECT/ENVIRONMENT.json")

    def _missing(self, key: str, why: str, fix: str) -> Diagnostic:
        return mistake("missing-key", f"the key {key} is missing in state", self.at(key), why=why, fix=f"add {fix}")

    def _unusable(self, key: str, why: str, fix: str) -> Diagnostic:
        return mistake("bad-state-place", f"state.{key} cannot be used", self.at(key), why=why, fix=fix)


def _same_place(place: Place) -> str:
    """One text for all places that are one file, on some file system at least."""
    return folded(posixpath.normpath(place.path)) if isinstance(place, FilePlace) else place.where


def _file_problem(path: str) -> str:
    """Why a state cannot be kept in this file; a path out of the project is the user's own choice."""
    inside = posixpath.normpath(path)
    if posixpath.isabs(inside) or inside.startswith("../"):
        return "" if path.isprintable() else "it holds a character that nobody sees"
    over = path_over(inside, (name for name in INPUTS if name != STATE_DIR))
    return path_problem(inside) or (f"{over} is there, which iac or git reads" if over else "")


def _in_history(written: _Written) -> Diagnostic:
    return mistake(
        "secrets-in-history",
        "state in git must be encrypted",
        written.at("encryption"),
        why="history keeps clear text for ever, in every clone",
        fix=_ENCRYPT,
    )


def _shared(written: _Written, settings: Settings, other: str) -> Diagnostic:
    name, place = settings.environment, settings.state.place
    key = _NAME_OF_FILE[type(place)]
    usual = f".iac/{name}.state.json" if isinstance(place, FilePlace) else f"{settings.project}/{name}.json"
    value = "URL" if isinstance(place, HttpPlace) else usual
    return mistake(
        "state-shared",
        f"environments {other} and {name} have the same state: {place.where}",
        written.at(key),
        why="a state belongs to one environment and one issuer",
        fix=f"state: {{{key}: {value}}} under environments.{name}",
    )
