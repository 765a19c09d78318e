"""Every diagnostic of the configuration by its stable id; docs/reference/diagnostics.md has a section for each.

What a server is known to drop or refuse comes from `iac.core.server` under the id of the rule; what policy says of a
definition from `iac.core.policy`, which has ids of its own.
"""

from __future__ import annotations

from iac.core.diagnostics import Diagnostic, Location, Severity
from iac.core.limits import bounded
from iac.core.text import printable

ERRORS = frozenset(
    {
        # a file as text
        "file-unreadable", "file-too-large", "file-empty", "not-utf8", "hidden-character",
        # a file as YAML
        "yaml-syntax", "yaml-alias", "yaml-anchor", "yaml-tag", "yaml-directive", "yaml-documents", "yaml-key",
        "yaml-duplicate-key", "yaml-too-deep", "yaml-too-large", "yaml-number",
        # a file by its schema
        "unknown-key", "missing-key", "wrong-type", "not-one-of", "bad-format", "bad-length", "bad-number",
        "schema",
        # the project
        "no-project", "no-definitions", "no-issuer", "bad-issuer", "no-auth", "auth-does-not-fit",
        "key-without-certificate", "state-shared",
        "lineage-shared", "unknown-environment", "no-client-matches",
        # where state lives
        "key-of-other-backend", "bad-state-place", "secrets-in-history",
        # addresses
        "bad-address", "address-twice", "linked-folder", "outside-project", "unknown-address", "removed-twice",
        "removed-still-defined", "moved-twice", "moved-source-exists", "moved-target-missing",
        # a definition
        "no-client-id", "client-id-twice", "client-id-of-successor",
        "login-client", "protected-client", "no-redirect-uris", "bad-redirect-uri",
        "two-key-sources", "no-key", "bad-jwk", "needs-management-api", "scope-not-granted", "too-many-scopes",
        "tos-uri-is-dropped", "default-max-age-is-dropped", "zero-lifetime-is-the-default",
        "private-key-members-are-dropped", "auth-time-is-dropped", "placeholder",
        "recipients-without-encryption", "waiver-expired",
        # outputs
        "bad-path", "output-twice", "output-over-output", "output-over-input", "unknown-template",
        "bad-template", "unknown-sink", "no-recipients",
    }
)  # fmt: skip
"""Ids of mistakes that stop."""

WARNINGS = frozenset(
    {
        "login-is-nobody", "waiver-unused", "output-open-to-others", "secret-open-to-others", "secrets-in-clear",
        "adopted-without-key", "adopted-without-redirect-uris", "settings-changed",
    }
)  # fmt: skip
"""Ids of what is only said, unless `policy` of iac.yaml says otherwise; it can do so for those of policy too."""

FINDINGS = frozenset(
    {
        "nothing-to-adopt", "sealed-to-others", "rotation-due", "output-not-ignored", "output-not-checked", "not-read",
        "create-only", "not-understood", "older-state", "output-blocked", "output-missing", "output-differs",
        "secret-in-doubt",
        "grants-refused-to-users", "scopes-dropped-for-users",
    }
)  # fmt: skip
"""Ids of what only a plan says, for it needs state, server or disk; it never stops."""


def mistake(rule: str, summary: str, location: Location | None, *, why: str = "", fix: str = "") -> Diagnostic:
    """A diagnostic of the catalogue, its text made safe to show.

    Raises:
        KeyError: no such id, which is a fault of the caller.
    """
    if rule not in ERRORS and rule not in WARNINGS:
        raise KeyError(rule)
    severity = Severity.ERROR if rule in ERRORS else Severity.WARNING
    said, reason, way = (bounded(printable(text)) for text in (summary, why, fix))
    return Diagnostic(rule, said, location, reason, way, severity)
