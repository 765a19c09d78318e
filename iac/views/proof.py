"""What verification found, for people at a terminal and as JUnit XML. Pure; text of others is inert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iac.core.errors import Diagnostic, Severity
from iac.core.proof import ClientProof, Evidence, Grade, Proof
from iac.core.text import printable
from iac.views.junit import Case, failed_suites, junit_document
from iac.views.layout import TextLayout
from iac.views.words import Failures

_SYMBOLS = {Grade.OK: "+", Grade.FAILED: "!", Grade.UNPROVEN: "?", Grade.UNANSWERED: "!"}
_NAME_WIDTH = 20
_VERDICT_WIDTH = 10


def proof_text(proof: Proof, *, color: bool, width: int | None = None) -> str:
    """Each client with its checks, then counts; arguments as those of `iac.views.text.plan_text`."""
    page = TextLayout(color=color, width=width)
    return page.text(proof_title(proof), (client_lines(client, page) for client in proof.clients), proof_summary(proof))


def proof_title(proof: Proof) -> str:
    """What is verified."""
    return f"{proof.project}, environment {proof.environment}, {proof.issuer}"


def proof_summary(proof: Proof) -> str:
    """Counts of clients in one line."""
    counts = [f"{proof.count(verdict):,} {verdict.words}" for verdict in Grade if proof.count(verdict)]
    return f"Verified: {', '.join(counts) or 'no clients'}."


def client_lines(client: ClientProof, page: TextLayout) -> Iterator[str]:
    """One client with its checks."""
    symbol = _SYMBOLS[client.verdict]
    named = f", client {printable(client.client_id)}" if client.client_id else ""  # a server may choose it, later
    yield page.line(f"  {symbol} {printable(client.address)}: {client.verdict.words}{named}", symbol)
    for check in client.checks:
        told = ": ".join(printable(part) for part in (check.subject, check.why) if part)
        yield page.line(
            f"      {printable(check.name):<{_NAME_WIDTH}} {check.verdict.words:<{_VERDICT_WIDTH}} {told}".rstrip(),
            _SYMBOLS[check.verdict] if check.verdict is not Grade.OK else "",
            hanging=_NAME_WIDTH + _VERDICT_WIDTH + 2,
        )
        if check.fix and check.verdict is not Grade.OK:
            yield page.line(f"        fix: {printable(check.fix)}")


def proof_junit(proofs: Iterable[Proof], failed: Failures = ()) -> str:
    """A case for each check: what failed or was not answered fails it, what could not be proven skips it."""
    suites = {
        f"iac verify {proof.environment}": [_case(client, check) for client in proof.clients for check in client.checks]
        or [Case("iac.yaml", "no clients")]
        for proof in proofs
    }
    return junit_document({**suites, **failed_suites("iac verify", failed)})


def _case(client: ClientProof, check: Evidence) -> Case:
    name = f"{client.address} {check.name}" + (f" {check.subject}" if check.subject else "")
    if check.verdict is Grade.OK:
        return Case(client.address, name)
    if check.verdict is Grade.UNPROVEN:
        return Case(client.address, name, skipped=check.why or check.verdict.words)
    diagnostic = Diagnostic(str(check.verdict), check.why or check.name, None, "", check.fix, Severity.ERROR)
    return Case(client.address, name, (diagnostic,))
