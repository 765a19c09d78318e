"""Rules on what a client may ask for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from iac.core import vocabulary
from iac.core.errors import Diagnostic, hit
from iac.core.policy.rule import DefinitionRule, Level, Subject, hits

_SCOPE = frozenset({"scope"})


def _unknown(subject: Subject) -> list[Diagnostic]:
    extra = subject.terms.scopes
    return [
        hit("scope", f"scope {scope} is not a known one", scope, _meant(scope, extra))
        for scope in subject.scopes
        if not vocabulary.is_known(scope, extra)
    ]


def _meant(scope: str, extra: Collection[str]) -> str:
    close = vocabulary.closest(scope, extra)
    return f"did you mean {close}?" if close else f"if it is right, add it to scopes in iac.yaml: [{scope}]"


def _as_server_says(finding: Diagnostic, scopes: Collection[str]) -> Diagnostic | None:
    """None for a scope that the server lists, or one below a path that it lists; else what is close to its list."""
    value = finding.details["value"]
    if any(value == scope or (scope.endswith("/") and value.startswith(scope)) for scope in scopes):
        return None
    close = vocabulary.closest(value, scopes)
    return replace(finding, fix=f"did you mean {close}?") if close else finding


def _pathless(subject: Subject) -> list[Diagnostic]:
    return [
        hit("scope", f"scope {scope} has no path", scope, f"{scope.partition(':')[0]}:/ for all, or :/a/path")
        for scope in subject.scopes
        if scope.startswith("storage.") and _lacks_path(scope)
    ]


def _lacks_path(scope: str) -> bool:
    name, _, path = scope.partition(":")
    return name in vocabulary.STORAGE and not path.startswith("/")


def _pathful(subject: Subject) -> list[Diagnostic]:
    return [
        hit("scope", f"scope {scope} has a path", scope, scope.partition(":")[0])
        for scope in subject.scopes
        if scope.startswith("compute.") and ":" in scope
    ]


def _profiles(subject: Subject) -> Iterator[Diagnostic]:
    profiles = sorted(vocabulary.PROFILES.intersection(subject.scopes))
    if len(profiles) > 1:
        summary = f"scopes {' and '.join(profiles)} each ask for another form of tokens"
        yield hit("scope", summary, profiles[-1], f"keep one, such as {profiles[0]}")


RULES = (
    DefinitionRule(
        id="unknown-scope",
        what="A scope is not one of IAM's, of the WLCG profile, or of `scopes` in iac.yaml. A plan also knows the "
        "scopes that the server's discovery document lists.",
        why="Servers accept every name, so a typing error shows only when a service asks for a token.",
        source="rec: self-service-restricted-scopes",
        fix="correct it, or add it to scopes in iac.yaml",
        bad="scope: [openid, proflie]",
        good="scope: [openid, profile]",
        reads=_SCOPE,
        check=_unknown,
        refine=_as_server_says,
    ),
    DefinitionRule(
        id="privileged-scope",
        what="A scope with rights of an administrator, also to read: `scim:*`, `iam:admin.*`, `registration-token`.",
        why="Only an administrator can grant it, and here everybody who may merge can, too.",
        source="rec: admin-restricted-scopes, self-service-restricted-scopes",
        fix="check who can merge here; remove the scope, or waive it with the service's reason",
        bad="scope: [scim:write]",
        good="scope: [openid, profile]",
        reads=_SCOPE,
        check=lambda subject: hits(
            "scope",
            filter(vocabulary.is_privileged, subject.scopes),
            "scope {} gives the client rights of an administrator",
        ),
    ),
    DefinitionRule(
        id="restricted-scope",
        level=Level.OFF,
        what="A scope that only an administrator can give, without rights of an administrator: "
        "`storage.*:/`, `proxy:generate`, `ssh-keys`.",
        why="When an owner edits the client in IAM's dashboard, the server removes the scope silently. The "
        "rule is off, because services of the WLCG need such scopes.",
        source="rec: self-service-restricted-scopes; IAM issue 461",
        fix="remove the scope, or waive it with the service's reason",
        bad="scope: ['storage.modify:/']",
        good="scope: ['storage.modify:/portal']",
        reads=_SCOPE,
        is_of_iam=True,
        check=lambda subject: hits(
            "scope",
            (one for one in subject.scopes if vocabulary.is_restricted(one) and not vocabulary.is_privileged(one)),
            "scope {} is given by administrators only",
        ),
    ),
    DefinitionRule(
        id="storage-scope-without-path",
        what="A scope `storage.*` without a path that begins with `/`.",
        why="Storage services must refuse such a token.",
        source="WLCG Common JWT Profiles 1.1 section 2.2.1: the path must be specified",
        fix="storage.read:/ for all, or storage.read:/a/path",
        bad="scope: [storage.read]",
        good="scope: ['storage.read:/portal']",
        reads=_SCOPE,
        check=_pathless,
    ),
    DefinitionRule(
        id="compute-scope-with-path",
        what="A scope `compute.*` with a path.",
        why="Such a path has no defined meaning; a computing element that compares names refuses the token.",
        source="WLCG Common JWT Profiles 1.1 section 2.2.1",
        fix="compute.create, without : and the path",
        bad="scope: ['compute.create:/']",
        good="scope: [compute.create]",
        reads=_SCOPE,
        check=_pathful,
    ),
    DefinitionRule(
        id="two-token-profiles",
        what="Two of the scopes `iam`, `wlcg`, `aarc` and `kc`.",
        why="Each asks for another form of tokens. With two of them IAM uses the server's default, which may be "
        "neither, unless each request names one.",
        source="IAM documentation, JWT profiles; IAM's ScopeAwareProfileResolver",
        fix="keep one of them",
        bad="scope: [openid, aarc, wlcg]",
        good="scope: [openid, wlcg]",
        reads=_SCOPE,
        is_of_iam=True,
        check=_profiles,
    ),
)
"""Rules on scopes."""
