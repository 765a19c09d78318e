"""Clients that were found, and which of them are meant: by client_id, or by a pattern on what they are. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from msgspec import Struct

from iac.core import server
from iac.core.model import Registration
from iac.core.plan.identity import predecessor_id


class Candidate(Struct, frozen=True):
    """One client that may become a definition.

    Attributes:
        registration: its client_id is "" where the source names none.
        unkept: members of the source that no definition has and no server of ours keeps.
    """

    registration: Registration
    unkept: tuple[str, ...] = ()

    @property
    def client_id(self) -> str:
        """The identity on the server; "" for a request that has none yet."""
        return self.registration.client_id

    @property
    def name(self) -> str:
        """The client's name; "" when it has none."""
        return str(self.registration.fields.get("client_name", ""))


class SkippedClient(Struct, frozen=True):
    """A client that is not imported, and why, completing "not imported: it is ..."."""

    client_id: str
    reason: str


KINDS = ("id", "name", "scope", "contact", "owner")
"""What a pattern can be on."""

_FIELDS: Mapping[str, str] = {"name": "client_name", "scope": "scope", "contact": "contacts"}


class ClientPattern(Struct, frozen=True):
    """A pattern (`*`, `?`, `[..]`), in which upper and lower case are the same; `kind` is "" for id or name."""

    kind: str
    pattern: str

    @classmethod
    def parse(cls, text: str) -> ClientPattern:
        """`GLOB` or `KIND=GLOB`.

        Raises:
            ValueError: no such kind, or no pattern.
        """
        kind, sign, pattern = text.partition("=")
        if not sign:
            kind, pattern = "", text
        elif kind not in KINDS:
            raise ValueError(f"{kind}= is unknown: use {', '.join(f'{known}=' for known in KINDS)}")
        if not pattern:
            raise ValueError("the pattern is empty")
        return cls(kind, pattern.casefold())

    def fits(self, registration: Registration) -> bool:
        """Whether the client is meant; of owners and scopes one is enough."""
        kinds = (self.kind,) if self.kind else ("id", "name")
        words = (word for kind in kinds for word in _words(kind, registration))
        return any(fnmatchcase(word.casefold(), self.pattern) for word in words)


def _words(kind: str, registration: Registration) -> Iterator[str]:
    if kind == "id":
        yield registration.client_id
    elif kind == "owner":
        yield from registration.owners or ()
    else:
        value = registration.fields.get(_FIELDS[kind], ())
        yield from value if isinstance(value, tuple) else (str(value),)


class ClientSelection(Struct, frozen=True):
    """What the user asked for: these client_ids, and all that fit one of the patterns; nothing at all means all."""

    ids: tuple[str, ...] = ()
    matches: tuple[ClientPattern, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether neither client_id nor pattern is named."""
        return not self.ids and not self.matches

    @property
    def reads_owners(self) -> bool:
        """Whether owners have to be known to choose."""
        return any(match.kind == "owner" for match in self.matches)

    def chosen(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those that are meant, by client_id."""
        named = set(self.ids)
        meant = (
            candidate
            for candidate in candidates
            if self.is_everything
            or candidate.client_id in named
            or any(match.fits(candidate.registration) for match in self.matches)
        )
        return sorted(meant, key=lambda candidate: (candidate.client_id, candidate.name))

    def missing(self, candidates: Iterable[Candidate]) -> list[str]:
        """The client_ids that were named and are not there."""
        return sorted(set(self.ids) - {candidate.client_id for candidate in candidates})


class Exclusions(Struct, frozen=True):
    """What is never imported: the tool's own login client, what has a definition, and what has taken its place.

    Attributes:
        defined: client_id -> address.
        replaced: the same, of definitions with `rotation: replace`.
    """

    login_client_id: str
    defined: Mapping[str, str]
    replaced: Mapping[str, str]

    def reason(self, client_id: str) -> str:
        """Why definitions that are there keep this client from having one; "" when they do not."""
        if client_id in self.defined:
            return f"it is defined already, as {self.defined[client_id]}"
        before = self.replaced.get(predecessor_id(client_id))
        return f"its name is that of a successor of {before}, which has rotation: replace" if before else ""


def separate(
    chosen: Iterable[Candidate], bounds: Exclusions, named: Collection[str]
) -> tuple[list[Candidate], list[SkippedClient]]:
    """Those that may become definitions, and the others.

    Args:
        chosen: the clients that are meant.
        bounds: what is not imported.
        named: client_ids that were named one by one: a client of somebody's own registering is imported only then.
    """
    taken: list[Candidate] = []
    left: list[SkippedClient] = []
    for candidate in chosen:
        if reason := _reason(candidate, bounds, is_named=candidate.client_id in named):
            left.append(SkippedClient(candidate.client_id, reason))
        else:
            taken.append(candidate)
    return taken, left


def _reason(candidate: Candidate, bounds: Exclusions, *, is_named: bool) -> str:
    if candidate.client_id and candidate.client_id == bounds.login_client_id:
        return "it is the client that iac itself logs in with"
    if reason := server.protected({**candidate.registration.answer, "client_name": candidate.name}):
        return f"it is {reason}"
    if reason := bounds.reason(candidate.client_id):
        return reason
    if candidate.registration.answer.get("dynamically_registered") is True and not is_named:
        return "somebody registered it in self service; name its client_id to take it over"
    return ""
