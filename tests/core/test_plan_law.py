"""Laws of every plan, whatever was defined, remembered and read."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from iac.core.desired import Disposition, Lifecycle, MovedEntry, RemovedEntry
from iac.core.errors import Location
from iac.core.plan.change import Action
from iac.core.plan.make import make_plan
from iac.core.plan.plan import PlanOptions
from iac.core.secret import Secret
from iac.core.state.model import OutputRecord, SecretStatus
from iac.views.text import plan_text
from tests.core import strategies as our
from tests.core.build import CANARY, NEW, actual, applied, intent, output, project, registered, sealed, state

if TYPE_CHECKING:
    from iac.core.desired import Desired, DesiredClient
    from iac.core.model import Actual, Facts, Registration
    from iac.core.plan.plan import Plan
    from iac.core.state.model import ClientState, State

HERE = Location("iac.yaml", 3)
ADDRESSES = ("team/a", "team/b", "team/c")
FEWER = settings(max_examples=settings().max_examples * 3 // 5)
"""An example is a whole project."""

SECRETS = (CANARY, "another-" + CANARY)


@cache
def validator() -> Draft202012Validator:
    schema = json.loads((Path(__file__).parents[2] / "schemas/plan.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


def a_state(draw: st.DrawFn, client: DesiredClient) -> ClientState:
    status = draw(st.sampled_from(SecretStatus))
    secret = replace(sealed(draw(st.sampled_from(SECRETS))), sealed=CANARY) if status is SecretStatus.KNOWN else None
    return applied(client, secret=secret, secret_status=status, prevent_destroy=draw(st.booleans()))


def a_registration(draw: st.DrawFn, client: DesiredClient, facts: Facts) -> Registration:
    secret = None if facts is NEW else draw(st.sampled_from([None, *SECRETS]))
    return registered(client, facts=facts, secret=secret, owners=draw(st.sampled_from([None, (), ("u1",)])))


@st.composite
def inputs(draw: st.DrawFn) -> tuple[Desired, State, Actual, PlanOptions]:
    """Definitions, a state that may know them otherwise, and a server that may hold something else again."""
    facts = draw(our.facts)
    drawn = {address: draw(our.definitions(address)) for address in ADDRESSES}
    clients = [
        replace(
            drawn[address],
            adopt=draw(st.booleans()),
            owners=draw(st.sampled_from([None, (), ("u1", "u2")])),
            lifecycle=Lifecycle(
                draw(st.booleans()), draw(st.sampled_from([frozenset(), frozenset({"scope", "owners"})]))
            ),
        )
        for address in draw(st.sets(st.sampled_from(ADDRESSES)))
    ]
    held = {a: a_state(draw, draw(our.definitions(a))) for a in draw(st.sets(st.sampled_from(ADDRESSES)))}
    seen = [
        a_registration(draw, draw(our.definitions(address)), facts)
        for address in draw(st.sets(st.sampled_from(ADDRESSES)))
    ]
    intents = {
        address: intent(drawn[address], draw(st.sampled_from(["create", "rotate", "update"])), sealed())
        for address in draw(st.sets(st.sampled_from(ADDRESSES)))
    }
    defined = {client.address for client in clients}
    specs = tuple(output(f"out/{address}.env", [address]) for address in sorted(defined)) if draw(st.booleans()) else ()
    desired = project(
        *clients,
        outputs=specs,
        removed=tuple(RemovedEntry(a, draw(st.sampled_from(Disposition)), HERE) for a in ADDRESSES if a not in defined),
        moved=(MovedEntry("team/a", "team/b", HERE),),
        login_client_id=draw(st.sampled_from(["", "c"])),
    )
    records = {"out/old.env": OutputRecord("sha256:x", (draw(st.sampled_from(ADDRESSES)),))}
    targets = frozenset(draw(st.sets(st.sampled_from(ADDRESSES), max_size=2)))
    options = PlanOptions(templates={"dotenv": "sha256:t"}, targets=targets)
    return desired, state(held, intents=intents, outputs=records), actual(*seen, facts=facts, others=2), options


@given(inputs())
@FEWER
def test_every_plan_is_as_its_schema_says_and_has_no_secret(given_: Any) -> None:
    plan = make_plan(*given_)
    told = json.dumps(plan.to_dict())
    assert [] == [error.message for error in validator().iter_errors(json.loads(told))]
    assert CANARY not in told
    assert CANARY not in plan_text(plan, color=True)
    assert CANARY not in repr(plan)


@given(inputs())
@FEWER
def test_every_plan_counts_what_it_shows(given_: Any) -> None:
    desired, held, seen, _ = given_
    plan = make_plan(*given_)
    summary = plan.summary()
    assert len(plan.changes) == sum(summary[action] for action in Action)
    assert 0 <= plan.unmanaged <= seen.total
    addresses = [change.address for change in plan.changes]
    assert sorted(set(addresses)) == addresses
    rendered = {address for record in held.outputs.values() for address in record.clients}
    assert set(addresses) <= desired.clients.keys() | held.clients.keys() | rendered | {"team/b"}


@given(inputs())
@FEWER
def test_every_refusal_names_what_it_is_about_and_a_way_on(given_: Any) -> None:
    guards = make_plan(*given_).guards
    assert [] == [
        guard
        for guard in guards
        if not (guard.summary and guard.details["addresses"] and (guard.details["setting"] or guard.details["flag"]))
    ]


@given(inputs(), st.randoms())
@FEWER
def test_a_plan_does_not_depend_on_the_order_of_what_it_is_made_from(given_: Any, chance: Any) -> None:
    desired, held, seen, options = given_

    def shuffled(mapping: Any) -> dict[Any, Any]:
        items = list(mapping.items())
        chance.shuffle(items)
        return dict(items)

    other: Plan = make_plan(
        replace(desired, clients=shuffled(desired.clients)),
        replace(held, clients=shuffled(held.clients), intents=shuffled(held.intents)),
        replace(seen, registrations=shuffled(seen.registrations)),
        options,
    )
    plan = make_plan(*given_)
    assert (plan.digest, plan.changes) == (other.digest, other.changes)
    assert set(plan.guards) == set(other.guards)


@given(our.definitions("team/a"), our.facts)
def test_a_plan_of_what_was_applied_is_empty(client: DesiredClient, facts: Facts) -> None:
    secret = None if facts is NEW else CANARY
    has_secret = client.fields["token_endpoint_auth_method"] not in {"none", "private_key_jwt"}
    known: dict[str, Any] = {} if has_secret else {"secret": None, "secret_status": SecretStatus.NONE}
    seen = registered(client, facts=facts, secret=secret if has_secret else None)
    plan = make_plan(
        project(client), state({client.address: applied(client, **known)}), actual(seen, facts=facts), PlanOptions()
    )
    assert ((), (), 1) == (plan.changes, plan.guards, plan.no_op)


def test_the_canary_is_a_secret_that_would_be_seen() -> None:
    assert CANARY in json.dumps({"secret": Secret(CANARY).reveal()})
