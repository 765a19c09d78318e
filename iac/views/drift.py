"""What drifted, for people at a terminal and in the issue of every night. Pure; text of others is inert.

That issue is also on secrets, and on clients whose grace time is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec.structs import replace

from iac.core.drift import ClientDrift, Drift
from iac.core.plan.change import Action, Cause
from iac.core.plan.plan import Plan
from iac.core.text import listed, printable
from iac.views.layout import TextLayout
from iac.views.markdown import field_diff, finding_entry, fold, place_line
from iac.views.text import field_lines, finding_lines
from iac.views.words import FINDINGS, CharacterBudget, code, counted

SECRETS = frozenset({"rotation-due", "secret-expires", "secret-unknown", "sealed-to-others"})
"""Ids of findings on secrets that somebody has to do something about."""
OUT_OF_REACH = "it was deleted, or its registration access token or owner has changed: the server does not say which"
DISABLED = "disabled on the server until an administrator enables it"
_NAME_WIDTH = 30
_ROOM_FOR_NOTES = 800


def drift_text(drift: Drift, *, color: bool, width: int | None = None) -> str:
    """Clients with what was changed of each, then counts; arguments as those of `iac.views.text.plan_text`."""
    page = TextLayout(color=color, width=width)
    title = f"{drift.project}, environment {drift.environment}, {drift.issuer} ({drift.provider})"
    findings = map(page.line, finding_lines(drift.findings, " " * 2))
    blocks = [*(_client(client, page) for client in drift.clients), *([findings] if drift.findings else [])]
    return page.text(title, blocks, _summary(drift)) + _not_compared(drift)


def _summary(drift: Drift) -> str:
    changed = f"{drift.changed:,} changed on the server" if drift.changed else ""
    gone = f"{drift.gone:,} gone from {'it' if changed else 'the server'}" if drift.gone else ""
    gone += ", or out of reach" if any(client.may_be_there for client in drift.clients) else ""
    changed += f" ({drift.disabled:,} disabled)" if drift.disabled else ""
    summary = ", ".join(part for part in (changed, gone) if part) or "nothing was changed on the server"
    if not (drift.clients or drift.unchanged or drift.unread):
        return "Drift: nothing to compare, no defined client is applied."
    unread = f", {len(drift.unread):,} that could not be read" if drift.unread else ""
    return f"Drift: {summary}; {drift.unchanged:,} as applied{unread}."


def _not_compared(drift: Drift) -> str:
    """Lines about what nobody can tell; "" for nothing."""
    unread = f"Not read: {printable(listed(drift.unread))}. iac plan says why.\n" if drift.unread else ""
    counts = Counter(name for names in drift.not_compared.values() for name in names)
    told = listed(f"{name} of {counted(number, 'client')}" for name, number in sorted(counts.items()))
    return unread + (f"Not compared (hidden by the server, or unknown to iac): {told}.\n" if told else "")


def _client(client: ClientDrift, page: TextLayout) -> Iterator[str]:
    symbol = "-" if client.gone else "~"
    name = f', "{printable(client.client_name)}"' if client.client_name else ""
    yield page.line(
        f"  {symbol} {printable(client.address)}: {client.words} ({printable(client.client_id)}{name})", symbol
    )
    yield page.line(f"      {printable(f'{client.location.file}:{client.location.line}')}")
    if client.disabled and not any(finding.id == "client-disabled" for finding in client.findings):
        yield f"      {DISABLED}"
    for field in client.fields:
        yield from field_lines(field, Action.UPDATE, page)
    if client.has_other_secret:
        yield f"      {'secret':<{_NAME_WIDTH}} {client.secret}"
    if client.gone:
        yield from (page.line(f"      {line}") for line in _ways_back(printable(client.address), client))
    yield from map(page.line, finding_lines((replace(finding, where="") for finding in client.findings), " " * 6))


def _ways_back(address: str, client: ClientDrift) -> list[str]:
    if not client.may_be_there:
        return [f"fix: iac apply --recreate {address} creates it again, with a new secret if it has one"]
    return [
        OUT_OF_REACH,
        f"fix: iac secret token {address}, if there is a new token",
        f"fix: if it was deleted: iac apply --recreate {address} creates another client, with a new client_id",
    ]


def drift_markdown(drift: Drift, budget: int) -> str:
    """The body of an issue: title, counts, names, folded diffs, and what can be done.

    Args:
        drift: what is to be shown.
        budget: most characters of the result, at least `iac.views.kind.SMALLEST_BUDGET`. Diffs are given up first, then
            names; what is left out is said after the title.
    """
    room = CharacterBudget(budget - _ROOM_FOR_NOTES)
    place = place_line(drift.project, drift.environment, drift.issuer, drift.provider)
    head = room.take([f"### {_summary(drift)}", place, "", *_not_compared(drift).splitlines(keepends=True)])
    names, hidden = room.section("#### Clients", [_entry(client) for client in drift.clients], most=room.left)
    entries = [finding_entry(finding, client.address) for client in drift.clients for finding in client.findings]
    entries += [finding_entry(finding, finding.where) for finding in drift.findings]
    findings, unsaid = room.section(FINDINGS, entries, most=room.left // 2)
    folds = room.take(_folded(client) for client in drift.clients)
    left_out = {"client": hidden, "finding": unsaid, "difference": len(drift.clients) - len(folds)}
    cut = ", ".join(f"{counted(number, noun)} left out" for noun, number in left_out.items() if number)
    notes = [f"> **Shortened to fit: {cut}.** `iac drift --format json` has everything.\n"] if cut else []
    return "\n".join([head[0], "", *notes, *head[1:], *names, *findings, *folds, *_ways(drift), ""])


def _entry(client: ClientDrift) -> str:
    what = [field.name for field in client.fields] + (["secret"] if client.has_other_secret else [])
    what += ["active"] if client.disabled else []
    told = f"**{client.words}**" if client.gone else ", ".join(code(name) for name in what)
    return f"- {code(client.address)}: {told}"


def _folded(client: ClientDrift) -> str:
    place = code(f"{client.location.file}:{client.location.line}")
    told = ", ".join(part for part in (f"client {code(client.client_id)}", code(client.client_name), place) if part)
    return fold((client.address, "gone" if client.gone else "changed"), told, list(_lines(client)))


def _lines(client: ClientDrift) -> Iterator[str]:
    if client.disabled:
        yield f"! {DISABLED}"
    for field in client.fields:
        # Drift is the server's: a cause is told only where the definition has changed the field, too.
        yield from field_diff(field, "changed here, too" if field.cause is Cause.BOTH else "")
    if client.has_other_secret:
        yield from ("@@ secret @@", f"! {client.secret}")


def _ways(drift: Drift) -> Iterator[str]:
    if drift.changed:
        yield "`iac apply` makes it as defined again."
        yield "`iac drift --accept ADDR` writes the server's values into the definition, for review."
    if drift.disabled:
        yield "An administrator of the server can enable a client that is disabled. iac does not enable it."
    if any(client.may_be_there for client in drift.clients):
        yield (
            "If the registration access token or owner has changed, `iac secret token ADDR` stores a new token."
            " If the client was deleted, `iac apply --recreate ADDR` creates another client, with a new client_id."
        )
    elif drift.gone:
        yield "`iac apply --recreate ADDR` creates a client again that is gone, with a new secret if it has one."


def nightly_title(drift: Drift, plan: Plan) -> str:
    """The title of the issue."""
    if drift.clients:
        return "Clients were changed on the server"
    return "Secrets need attention" if list(_secrets(plan)) else "Replaced clients"


def nightly_markdown(drift: Drift, plan: Plan, outcome: str, budget: int) -> str:
    """The body of the issue; "" when there is nothing to say.

    Args:
        drift: what was changed on the server.
        plan: what an apply would do; `predecessors` that are due are told.
        outcome: what became of those that are due, in words.
        budget: most characters.
    """
    secrets, graces = list(_secrets(plan)), list(_graces(plan, outcome))
    if not (drift.clients or secrets or graces):
        return ""
    room = CharacterBudget(budget // 2)
    parts = [drift_markdown(replace(drift, findings=()), budget // 2)]  # its findings are told with the secrets
    for title, entries in (("#### Secrets", secrets), ("#### Replaced clients", graces)):
        lines, _ = room.section(title, entries, most=budget // 4)
        parts += ["\n".join(lines)] if lines else []
    return "\n".join(parts)


def _secrets(plan: Plan) -> Iterator[str]:
    for finding in plan.diagnostics:
        if finding.id in SECRETS:
            yield finding_entry(finding, finding.where)
    for address, who in plan.recipients.items():
        if who.removed:
            head = f"- {code(address)}: former recipients can open the secret: {listed(map(code, who.removed))}"
            yield f"{head}\n  - fix: {code('iac state rekey')}, then {code(f'iac rotate {address}')}"


def _graces(plan: Plan, outcome: str) -> Iterator[str]:
    for standing in plan.predecessors:
        if standing.is_due:
            became = printable(outcome) if standing.address in plan.grace_ends else "the next apply there deletes it"
            yield (
                f"- {code(standing.address)}: the grace time of {code(standing.client_id)}, the predecessor of "
                f"{code(standing.successor)}, is over: {became}"
            )
