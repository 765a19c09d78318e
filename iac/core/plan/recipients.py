"""Who can open the secrets of a client: public keys, as state knows them and as they are wanted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from iac.core.state.model import SealedSecret


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who can open the secrets of one address, before and after.

    Attributes:
        before: to whom what state holds is sealed; None where not all of that is known, or nothing is sealed.
        after: whom iac.yaml and the definition name; empty where they name nobody.
        added: those that are surely new to one of the secrets.
        removed: those that surely go.
        is_sealed: whether apply seals to them; what it does not write again stays as it is until `iac state rekey`.
        is_clear: whether what was sealed will be stored in clear (`encryption: none`), for all who read the state.
    """

    before: tuple[str, ...] | None
    after: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    is_sealed: bool = False
    is_clear: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether somebody comes or goes."""
        return bool(self.added or self.removed or self.is_clear)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "before": None if self.before is None else list(self.before),
            "after": list(self.after),
            "added": list(self.added),
            "removed": list(self.removed),
            "sealed": self.is_sealed,
        }


def compare_recipients(
    of_state: tuple[str, ...] | None,
    of_definition: tuple[str, ...],
    secrets: Collection[SealedSecret],
    *,
    is_sealed: bool,
) -> Recipients:
    """What becomes of the recipients of an address.

    Of a secret that a state of format 1.0 holds only the recipients that the definition named are known. Then there is
    no `before`, and only what differs from those comes or goes.

    Args:
        of_state: whom iac.yaml names for every secret of the state; empty where it is not encrypted, None where it
            names nobody.
        of_definition: whom the definition names beside those.
        secrets: what state holds of the address.
        is_sealed: whether apply seals them, or new ones, to those who are wanted.
    """
    is_clear = of_state == () and any(not secret.is_clear for secret in secrets)
    after = set() if of_state == () else {*(of_state or ()), *of_definition}
    sealed = [secret for secret in secrets if not secret.is_clear]
    named = [{recipient(key) for key in secret.recipients} for secret in sealed]
    own = [{recipient(key) for key in secret.state_recipients} for secret in sealed]
    is_known = bool(sealed) and all(own)
    groups = [one | other for one, other in zip(named, own, strict=True)]
    before = set().union(*groups)
    shared = before.intersection(*groups) if is_known else before | set(of_state or ())
    is_compared = bool(sealed and after)
    return Recipients(
        before=tuple(sorted(before)) if is_known else None,
        after=tuple(sorted(after)),
        added=tuple(sorted(after - shared)) if is_compared else (),
        removed=tuple(sorted(before - after)) if is_compared else (),
        is_sealed=is_sealed,
        is_clear=is_clear,
    )


def parse_recipients(keys: Iterable[str]) -> tuple[str, ...]:
    """Public keys as they are compared, sorted."""
    return tuple(sorted({recipient(key) for key in keys}))


def recipient(key: str) -> str:
    """A public key as it is compared: an SSH key without its comment."""
    return " ".join(key.split()[:2])
