"""What must be true when a run, however it was interrupted, has been followed by a plain `iac apply`."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from iac.backends.age import AgeVault
from iac.core.state.model import SecretStatus
from iac.ports import Place
from iac.sealing import recipients_of
from tests.crash.situation import AFTER
from tests.fakes.provider import logs_in
from tests.fakes.world import OWNERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.state.model import ClientState, SealedSecret, State
    from tests.crash.situation import Situation

WITHOUT_SECRET = {"team/closed"}
KEPT = ("team-updated", "team-moved", "team-let-go", "team-staying", "grafana")
NEW = {"new-plain", "new-forced", "renamed", "team-staying.r2"}
GONE = {"team-gone", "team-renamed"}
RENEWED = ("team-rotated", "team-both", "team-opened", "team-closed")
OWNED = {"team-updated": OWNERS[1], "new-forced": OWNERS[1]}


@dataclass(slots=True)
class Verdict:
    """What is wrong after one interrupted run and the plain one after it."""

    wrong: list[str] = field(default_factory=list)
    duplicates: int = 0
    lost: list[str] = field(default_factory=list)

    @property
    def is_converged(self) -> bool:
        return not (self.wrong or self.duplicates or self.lost)


def judge(situation: Situation, repeats: int) -> Verdict:
    """Apply once more and look at everything: plan, server, state, files. Where state is elsewhere, on a new machine.

    Args:
        situation: after the interruption.
        repeats: rotations whose answers may be lost; where no secret is shown, only another one brings a new secret.
    """
    verdict = Verdict()
    ended = situation.end()
    if ended.code != 0:
        verdict.wrong.append(f"the run after it ends with {ended.code}: {ended.out}{ended.err}")
    verdict.wrong += _repeated(situation, repeats)
    verdict.wrong += _planned(situation)
    verdict.duplicates = _duplicates(situation)
    verdict.wrong += _registered(situation)
    state = situation.home.load(situation)
    secrets = dict(_secrets(situation, state))
    verdict.wrong += _remembered(state)
    verdict.lost += _lost(situation, state, secrets)
    verdict.wrong += _rendered(situation, secrets)
    verdict.wrong += [f"left behind: {name}" for name in situation.litter()]
    return verdict


def _hides_secrets(situation: Situation) -> bool:
    return situation.sandbox.iam.flavour == "1.14"


def _repeated(situation: Situation, repeats: int) -> Iterator[str]:
    """Every rotation ends what services log in with: none may be done twice without need."""
    rotated = Counter(
        path.split("/")[-2]
        for _, path, status in situation.sandbox.log
        if path.endswith("/secret") and status != HTTPStatus.UNAUTHORIZED  # cut off before its token
    )
    needed = {"team-rotated", "team-both"} | ({"team-opened"} if _hides_secrets(situation) else set())
    if rotated.keys() != needed or sum(rotated.values()) > len(needed) + repeats:
        yield f"rotations: {dict(rotated)}, needed: {sorted(needed)}"


def _planned(situation: Situation) -> Iterator[str]:
    ended = situation.iac("plan", "--detailed-exitcode", "--format", "json")
    plan = json.loads(ended.out)
    for change in plan["changes"]:
        yield f"still planned: {change['action']} {change['address']}: {change['reason']}"
    if ended.code != 0 or plan["pending"] or plan["guards"]:
        yield f"plan ends with {ended.code}, pending {plan['pending']}, guards {plan['guards']}"


def _duplicates(situation: Situation) -> int:
    """Clients too many: several of one name, or one that nobody wants."""
    names = Counter(client.client_name for client in situation.sandbox.iam.world.store.clients())
    known = {client.client_name for client in situation.store.clients()}
    known |= {"Another name", *(f"Client {address}" for address in AFTER)}
    names["Client team/staying"] -= 1  # its predecessor, in its grace time
    return sum(count - 1 if name in known else count for name, count in names.items())


def _registered(situation: Situation) -> Iterator[str]:
    store = situation.sandbox.iam.world.store
    ids = {client.client_id for client in store.clients()}
    wanted = {client.client_id for client in situation.store.clients()} - GONE | NEW
    if ids != wanted:
        yield f"registered: too many {ids - wanted}, missing {wanted - ids}"
    for client_id, owner in OWNED.items():
        client = store.find(client_id)
        owners = [account.uuid for account in store.owners(client)] if client else []
        if owners != [owner]:
            yield f"owners of {client_id}: {owners}"


def _opened(situation: Situation, state: State, address: str, secret: SealedSecret) -> str:
    vault = AgeVault(recipients_of(situation.identity), lambda: situation.identity)
    place = Place(state.lineage, state.environment, address, "client_secret")
    return vault.open(secret.sealed, place).reveal()


def _secrets(situation: Situation, state: State) -> Iterator[tuple[str, str]]:
    """Every secret in state, in clear, by client_id."""
    for address, client in state.clients.items():
        if client.secret:
            yield client.client_id, _opened(situation, state, address, client.secret)
    for grave in state.tombstones:
        if grave.client.secret:
            yield grave.client.client_id, _opened(situation, state, grave.address, grave.client.secret)


def _remembered(state: State) -> Iterator[str]:
    if state.clients.keys() != AFTER.keys():
        yield f"in state: {sorted(state.clients)}"
    if state.intents:
        yield f"pending in state: {sorted(state.intents)}"
    graves = [grave.address for grave in state.tombstones]
    if sorted(graves) != ["team/gone", "team/renamed"]:
        yield f"tombstones: {graves}"
    staying = [old.client.client_id for old in state.clients["team/staying"].predecessors if old.since]
    if staying != ["team-staying"]:
        yield f"predecessors in their grace time: {staying}"


def _lost(situation: Situation, state: State, secrets: dict[str, str]) -> Iterator[str]:
    """Secrets that nobody has any more, and those that are others without need: services hold the old ones."""
    for address, client in state.clients.items():
        expected = _expected_status(situation, address)
        if client.secret_status is not expected:
            yield f"{address}: the secret is {client.secret_status}"
        elif expected is SecretStatus.KNOWN and not _logs_in(situation, client, secrets):
            yield f"{address}: the secret in state does not log in"
    for client_id in KEPT:
        client_now = situation.sandbox.iam.world.store.find(client_id)
        if client_now is None or client_now.client_secret != situation.before(client_id).client_secret:
            yield f"{client_id}: has another secret without need"
    for client_id in RENEWED:
        client_now = situation.sandbox.iam.world.store.find(client_id)
        if client_now is None or client_now.client_secret == situation.before(client_id).client_secret:
            yield f"{client_id}: has its old secret"
    for client_id in GONE:
        if secrets.get(client_id) != situation.before(client_id).client_secret:
            yield f"{client_id}: its tombstone has not its secret"


def _expected_status(situation: Situation, address: str) -> SecretStatus:
    if address in WITHOUT_SECRET:
        return SecretStatus.NONE
    is_hidden = address == "hand/grafana" and _hides_secrets(situation)
    return SecretStatus.UNKNOWN if is_hidden else SecretStatus.KNOWN


def _logs_in(situation: Situation, client: ClientState, secrets: dict[str, str]) -> bool:
    secret = secrets.get(client.client_id)
    return secret is not None and logs_in(situation.sandbox.iam, client.client_id, secret)


def _rendered(situation: Situation, secrets: dict[str, str]) -> Iterator[str]:
    """Each output is there, holds the secrets that state holds, which log in, and no other file is."""
    found: dict[str, Any] = {}
    for path in (situation.root / "out").iterdir():
        text = path.read_text(encoding="utf-8")
        found[path.name] = list(_credentials(json.loads(text) if path.suffix == ".json" else _dotenv(text)))
    expected = dict(_expected_outputs(situation, secrets))
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            yield f"output {name} is not right" if name in found else f"output {name} is missing"


def _expected_outputs(
    situation: Situation, secrets: dict[str, str]
) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    for name in ("updated", "both", "opened", "moved"):
        yield f"{name}.env", [(f"team-{name}", secrets.get(f"team-{name}"))]
    yield "closed.env", [("team-closed", None)]
    yield "renamed.env", [("renamed", secrets.get("renamed"))]
    yield "staying.env", [("team-staying.r2", secrets.get("team-staying.r2"))]
    yield "plain.env", [("new-plain", secrets.get("new-plain"))]
    yield "rotated.json", [("team-rotated", secrets.get("team-rotated"))]
    yield "pair.json", [(client_id, secrets.get(client_id)) for client_id in ("team-rotated", "new-plain")]
    if not _hides_secrets(situation):
        yield "grafana.env", [("grafana", secrets.get("grafana"))]


def _dotenv(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.lower(): value.strip("'") for name, _, value in pairs}


def _credentials(value: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    if "client_id" in value:
        yield value["client_id"], value.get("client_secret")
    else:
        for inner in value.values():
            yield from _credentials(inner)
