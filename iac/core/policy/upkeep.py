"""Rules on who answers for a client and how long its tokens live. Pure."""

from __future__ import annotations

from iac.core.desired import Bound
from iac.core.errors import Diagnostic, hit
from iac.core.policy.rule import DefinitionRule, Level, Subject

_LIFETIMES = frozenset(
    {
        "access_token_validity_seconds",
        "refresh_token_validity_seconds",
        "id_token_validity_seconds",
        "device_code_validity_seconds",
    }
)
_ENDLESS = "refresh_token_validity_seconds"


def _lifetimes(subject: Subject) -> list[Diagnostic]:
    """Other lifetimes than that of refresh tokens are refused when they are 0 (zero-lifetime-is-the-default)."""
    bounds, fields = subject.terms.bounds, subject.fields
    return [
        hit(name, _summary(name, seconds, bound), fix=f"{name}: {_nearest(name, seconds, bound)}")
        for name, bound in bounds.items()
        if isinstance(seconds := fields.get(name), int)
        and (seconds or name == _ENDLESS)
        and seconds != _nearest(name, seconds, bound)
    ]


def _nearest(name: str, seconds: int, bound: Bound) -> int:
    """The value within the bounds that is closest; a refresh lifetime 0 has no end (rec: admin-lifetimes)."""
    least, most = bound
    if name == _ENDLESS and seconds == 0:
        return 0 if most is None else most
    if least is not None and seconds < least:
        return least
    return seconds if most is None or seconds <= most else most


def _summary(name: str, seconds: int, bound: Bound) -> str:
    least, most = bound
    wanted = " and ".join(
        text
        for text in (
            "" if least is None else f"at least {least}",
            "" if most is None else f"at most {most}",
        )
        if text
    )
    actual = "never ends" if name == _ENDLESS and seconds == 0 else f"is {seconds} seconds"
    return f"{name} {actual}, and must be {wanted}"


RULES = (
    DefinitionRule(
        id="lifetime-out-of-bounds",
        what="A lifetime of tokens is outside its bounds. Default of `lifetime_bounds`: 300 to 21600 seconds for "
        "access and ID tokens, 86400 to 2592000 for refresh tokens. A refresh token that never ends is outside.",
        why="A stolen token works until it ends. A token that ends too soon breaks jobs and loads the server.",
        source="WLCG Common JWT Profiles, guidance on token lifetimes; RFC 6750 section 5.3",
        fix="change the lifetime, or lifetime_bounds in iac.yaml",
        bad="access_token_validity_seconds: 864000",
        good="access_token_validity_seconds: 3600",
        reads=_LIFETIMES,
        check=_lifetimes,
    ),
    DefinitionRule(
        id="no-contact",
        level=Level.OFF,
        what="A definition without `contacts`.",
        why="After abuse, or before an upgrade, you must ask somebody. The rule is off, because the server "
        "may have contacts.",
        source="RFC 7591 section 2, contacts; Sirtfi 1.0 section 2.2, contacts for incident response",
        fix="contacts: [a team's address]",
        bad="client_description: a portal",
        good="contacts: [portal-ops@example.org]",
        reads=frozenset({"contacts"}),
        check=lambda subject: [] if "contacts" in subject.fields else [hit("contacts", "the client has no contact")],
    ),
    DefinitionRule(
        id="no-owner",
        level=Level.OFF,
        what="A definition without `owners`.",
        why="Only administrators see the client in IAM's dashboard, and only they can change it if this project's "
        "pipeline fails. The rule is off, because many projects want exactly that.",
        source="rec: admin-owners",
        fix="owners: [account UUIDs]",
        bad="client_description: a portal",
        good="owners: [80e5fb8d-b7c8-451a-89ba-346ae278a66f]",
        reads=frozenset({"owners"}),
        is_of_iam=True,
        check=lambda subject: [] if subject.has_owners else [hit("owners", "the client has no owner")],
    ),
)
"""Rules on contacts, owners and lifetimes."""
