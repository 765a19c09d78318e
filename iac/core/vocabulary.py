"""Scope names that are known, and what is special about some. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

KNOWN = frozenset(
    {
        # OpenID Connect Core section 5.4 and 11
        "openid", "profile", "email", "address", "phone", "offline_access",
        # INDIGO IAM: discovery, administration, registration, AARC and eduGAIN attributes
        "iam:admin.read", "iam:admin.write", "scim", "scim:read", "scim:write", "registration", "registration-token",
        "resource-token", "proxy:generate", "ssh-keys", "attr", "entitlements", "eduperson_assurance",
        "eduperson_entitlement", "eduperson_scoped_affiliation", "voperson_external_affiliation", "voperson_id",
        "cert_entitlement",
        # WLCG Common JWT Profiles 1.1 sections 2.2.1 and 2.2.2
        "wlcg.groups", "compute.read", "compute.modify", "compute.create", "compute.cancel",
        # profiles of tokens
        "iam", "wlcg", "aarc", "kc",
        # FTS
        "fts", "fts:submit-transfer",
        # EGI Check-in
        "egi-checkin", "eduperson_unique_id",
    }
)  # fmt: skip
"""Names without parameter."""

PROFILES = frozenset({"iam", "wlcg", "aarc", "kc"})
"""Scopes by which a client's tokens get another form (IAM documentation, JWT profiles)."""

STORAGE = frozenset({"storage.read", "storage.create", "storage.modify", "storage.stage", "storage.poll"})
"""Names that need a path: storage-scope-without-path says so where there is none."""

PARAMETRIC = ("storage.read:", "storage.create:", "storage.modify:", "storage.stage:", "storage.poll:", "wlcg.groups:")
"""What stands before a path or group: WLCG Common JWT Profiles 1.1 section 2.2."""

COMPUTE = frozenset({"compute.read", "compute.modify", "compute.create", "compute.cancel"})
"""Names that have no path: compute-scope-with-path says so where there is one."""

PRIVILEGED = frozenset(
    {
        "scim", "scim:read", "scim:write", "iam:admin.read", "iam:admin.write", "registration-token", "resource-token",
    }
)  # fmt: skip
"""Scopes with rights of an administrator of the server."""

_GUARDED = ("scim:", "iam:admin.")
"""What stands before others of that kind that a later version may have."""

RESTRICTED = frozenset(
    {
        "iam:admin.read", "iam:admin.write", "proxy:generate", "registration", "registration-token", "resource-token",
        "scim", "scim:read", "scim:write", "ssh-keys", "storage.create:/", "storage.modify:/", "storage.read:/",
        "storage.stage:/", "storage.write:/",
    }
)  # fmt: skip
"""What self service drops without a word on a stock server (rec: self-service-restricted-scopes)."""

_CLOSE = 2


def is_known(scope: str, extra: Iterable[str]) -> bool:
    """Whether a scope is one of the usual ones or of those that the project names (patterns)."""
    if scope in KNOWN or scope in STORAGE or scope.startswith(PARAMETRIC) or scope.partition(":")[0] in COMPUTE:
        return True
    return any(fnmatchcase(scope, pattern) for pattern in extra)


def is_privileged(scope: str) -> bool:
    """Whether a client with this scope has rights of an administrator; with a misspelt one it has not."""
    return scope in PRIVILEGED or (scope.startswith(_GUARDED) and not closest(scope, ()))


def is_restricted(scope: str) -> bool:
    """Whether only an administrator can give a client this scope."""
    return scope in RESTRICTED or is_privileged(scope)


def closest(scope: str, extra: Iterable[str]) -> str:
    """The known scope that was probably meant: at most two letters away; "" when there is none."""
    known = (name for name in (*KNOWN, *PARAMETRIC, *extra) if _may_be_close(scope, name))
    near = difflib.get_close_matches(scope, known, n=3, cutoff=0.6)
    return next((name for name in near if distance(scope, name) <= _CLOSE), "")


def _may_be_close(one: str, other: str) -> bool:
    """Whether length and letters leave it open: each step changes the length by one at most, and one letter.

    difflib takes half a millisecond for a name and all known ones, and a file may hold 25,000 unknown names.
    """
    return abs(len(one) - len(other)) <= _CLOSE and len(set(one).difference(other)) <= _CLOSE


def distance(one: str, other: str) -> int:
    """How many letters must be put in, taken out or changed, or neighbours swapped, to get from one to the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
