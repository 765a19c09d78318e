"""Plans whose every text wants to be something else, and plans of the same shape whose texts are harmless."""

from __future__ import annotations

from iac.core.capabilities import Capabilities
from iac.core.errors import Diagnostic, Location, Severity
from iac.core.model import Registration
from iac.core.plan.change import (
    Action,
    Cause,
    Change,
    FieldChange,
    OutputAction,
    OutputChange,
    PredecessorChange,
    SecretChange,
)
from iac.core.plan.guards import guard
from iac.core.plan.plan import PendingWrite, Plan

TEXTS = (
    "plain",
    " ",
    "`",
    "``` `` `",
    " `edges` ",
    "a\n\n# heading\n\n- list",
    "a\r\nb\u2028c\u0085d",
    "</code></summary></details><script>alert(1)</script>",
    "<!-- comment",
    "&lt;b&gt; &amp; &#64;team",
    "@team @org/team @all",
    "~label #123 !123 &epic %milestone $snippet GH-1 owner/repo#1 [vulnerability:1]",
    "0123456789abcdef0123456789abcdef01234567",
    "![image](https://evil.example/i.png)",
    "[link](javascript:alert(1)) [ref][1] [1]: https://evil.example",
    "https://evil.example www.evil.example someone@evil.example <https://evil.example>",
    "| table | cell |\n|---|---|",
    "**bold** _em_ ~~gone~~ :boom: $`math`$ $$x$$",
    "::error file=x::y",
    "##[error]y ##[stop-commands]z",
    "/approve",
    "\x1b[31mred\x1b]8;;https://evil.example\x07link",
    "a\u202eb\u2066c\u200bd\ufeffe\u00ade",
    "\ud800\ufffe\uffff\x00\x08",
    "```\nout of it\n~~~",
    "+++ b\n--- a\n@@ -1 +1 @@",
    "{0} {{x}} \\[a\\](b)",
    "]]> <![CDATA[ <?xml?> <!DOCTYPE x>",
    "%0A::error::x %25",
    "\U0001f4a5\u0301 Grüße 日本",
)
LOADED = " ".join(TEXTS)
"""All of it in one name."""


def everywhere(text: str) -> Plan:
    """A plan with the text wherever somebody could have put it, in a change of every action."""
    changes = tuple(_change(action, text) for action in Action)
    return Plan(
        text,
        text,
        text,
        Capabilities(provider=text),
        changes,
        guards=(
            guard("odd", text, (text,), why=text, **dict.fromkeys(("limit", "value", "setting", "flag"), text)),
            guard("even", text, (text,), setting=text),
        ),
        findings=tuple(Diagnostic("odd", text, Location(text), text, text, severity, text) for severity in Severity),
        released={text: (text,)},
        pending=(PendingWrite(text, text, text, text),),
        moved=((text, text),),
        complete=False,
    )


def _change(action: Action, text: str) -> Change:
    return Change(
        address=text,
        client_id=text,
        client_name=text,
        action=action,
        reason=text,
        location=Location(text, 3),
        fields=(
            FieldChange(text, text, text, Cause.BOTH),
            FieldChange("scope", (text,), (text,), Cause.SERVER, (text,), (text,)),
        ),
        secret=SecretChange.ROTATED,
        outputs=(OutputChange(text, text, OutputAction.UPDATE),),
        findings=tuple(Diagnostic("odd", text, None, text, text, severity) for severity in Severity),
    )


def diagnostics(text: str) -> list[Diagnostic]:
    """A diagnostic of each severity, with a place and without."""
    return [
        Diagnostic("odd", text, place, text, text, severity)
        for severity in Severity
        for place in (Location(text, 3, 7), None)
    ]


def many(count: int, name: str = LOADED) -> Plan:
    """Changes of every action in turn, each with a hostile name of its own and hostile values."""
    actions = list(Action)
    return Plan(
        "rucio",
        "prod",
        "https://iam.example.org/",
        Capabilities(provider="iam-admin"),
        tuple(_numbered(number, actions[number % len(actions)], name) for number in range(count)),
        unmanaged=7,
        findings=tuple(Diagnostic("odd", f"{number} {name}", severity=Severity.WARNING) for number in range(count)),
        guards=(
            guard(
                "max-deletes",
                f"{count} are too many",
                [f"team/app-{n}" for n in range(count)],
                limit="3",
                value=str(count),
            ),
        ),
    )


def _numbered(number: int, action: Action, name: str) -> Change:
    return Change(
        address=f"team/app-{number}",
        client_id=f"app-{number}",
        client_name=f"{number} {TEXTS[number % len(TEXTS)]}",
        action=action,
        reason=name,
        location=Location(f"clients.d/team/app-{number}.yaml", 2),
        fields=(
            FieldChange("client_name", name, f"{number} {name}", Cause.BOTH),
            FieldChange("scope", ("a",), ("b",), Cause.DEFINITION, (f"b {name}",), (f"a {name}",)),
        ),
        secret=SecretChange.KEPT,
        findings=(Diagnostic("odd", name, severity=Severity.WARNING),),
        leaving=(PredecessorChange("before", Registration("before", {})),) if action is Action.REPLACE else (),
    )
