"""Plan files edited at random: each is refused before anything is sent, or says the same of all that matters."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.core.errors import StalePlan
from iac.core.plan.approval import parse_saved_plans
from iac.core.state.codec import MalformedValue
from iac.workflow.plan import check_expected, check_saved
from tests.core.build import CANARY, OPTIONS, actual, applied, desired, output, plan, project, registered, sealed, state

SECRET = replace(sealed(), recipients=("age1host",), state_recipients=("age1ops",))
APPLIED = [desired(f"team/{name}") for name in ("portal", "rotated", "quiet")]
WANTED = [
    desired("team/portal", scope=("openid", "profile"), owners=("u1",)),
    desired("team/rotated", secret_serial=2, recipients=("age1host", "age1new")),
    desired("team/quiet", recipients=("age1new",)),
    desired("team/made", token_endpoint_auth_method="none"),
]
PLAN = plan(
    replace(
        project(*WANTED, outputs=(replace(output("out/all.env", ["team/portal"]), recipients=("age1host",)),)),
        recipients=("age1ops",),
    ),
    state({client.address: applied(client, secret=SECRET) for client in APPLIED}),
    actual(*(registered(client, secret=CANARY) for client in APPLIED)),
    OPTIONS,
)
DOCUMENT: Any = json.loads(json.dumps(PLAN.to_dict()))

PARTS = ("client_id", "action", "secret", "digest")
OF_FIELD = ("name", "before", "after", "cause", "added", "removed")
OF_OUTPUT = ("path", "sink", "action")

WORDS = st.sampled_from(
    [
        "",
        "create",
        "update",
        "delete",
        "kept",
        "none",
        "rotated",
        "openid",
        "team/portal",
        "team/made",
        "age1new",
        "\x00",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=3,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, part in inner for place in places(part, (*at, key)))]


PLACES = [place for place in places(DOCUMENT) if place]
OF_CHANGES = [place for place in PLACES if place[0] in {"changes", "recipients", "digest"}]


@st.composite
def edited(draw: st.DrawFn) -> str:
    """The file with one to three values replaced, taken out, doubled or moved."""
    document = json.loads(json.dumps(DOCUMENT))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(OF_CHANGES) | st.sampled_from(PLACES))
        try:
            edit(document, place, draw)
        except (KeyError, IndexError, TypeError):
            continue  # an edit before has taken the place away
    return json.dumps(document)


def edit(document: Any, place: tuple[Any, ...], draw: st.DrawFn) -> None:
    holder, key = document, place[-1]
    for part in place[:-1]:
        holder = holder[part]
    match draw(st.sampled_from(["replace", "take out", "double", "swap"])):
        case "replace":
            holder[key] = draw(VALUES)
        case "take out":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.append(holder[key])
        case _:
            other = draw(st.sampled_from(sorted(holder, key=str) if isinstance(holder, dict) else range(len(holder))))
            holder[key], holder[other] = holder[other], holder[key]


def is_refused(text: str) -> bool:
    try:
        (saved,) = parse_saved_plans(text).values()
        check_expected(PLAN, None, saved.digest)
        check_saved(PLAN, saved)
    except (MalformedValue, StalePlan):
        return True
    return False


def essence(document: Any) -> Any:
    """What matters of a file, without what a file of format 1.0 does not have."""
    changes = {
        change["address"]: (
            [change[name] for name in PARTS],
            [[field[name] for name in OF_FIELD] for field in change["fields"]],
            [[each[name] for name in OF_OUTPUT] for each in change["outputs"]],
        )
        for change in document["changes"]
    }
    return document["digest"], document["issuer"], document["environment"], changes


def recipients(document: Any) -> list[Any]:
    """Each value about recipients that a file has, with its place."""
    told = [("", each["address"], name, each[name]) for each in document.get("recipients", []) for name in each]
    for change in document["changes"]:
        told += [(change["address"], "", name, value) for name, value in (change.get("recipients") or {}).items()]
        told += [(change["address"], each["path"], "", each.get("recipients")) for each in change["outputs"]]
    return told


def test_the_file_as_it_was_saved_is_taken() -> None:
    assert not is_refused(json.dumps(DOCUMENT))
    assert ["create", "update", "rotate"] == [change["action"] for change in DOCUMENT["changes"]]
    assert ["team/quiet"] == [who["address"] for who in DOCUMENT["recipients"]]


@given(edited())
@settings(max_examples=1000)
def test_an_edit_is_refused_or_changes_nothing_that_matters(text: str) -> None:
    if is_refused(text):
        return
    document = json.loads(text)
    assert json.dumps(essence(DOCUMENT), sort_keys=True) == json.dumps(essence(document), sort_keys=True)
    ours = {tuple(place): json.dumps(value) for *place, value in recipients(DOCUMENT)}
    for *place, value in recipients(document):
        known = {name for _, _, name in ours}
        assert value is None or place[-1] not in known or ours.get(tuple(place)) == json.dumps(value)


@given(st.integers(0, len(json.dumps(DOCUMENT)) - 1), st.sampled_from(["cut", "byte", "tail"]), st.characters())
@settings(max_examples=500)
def test_a_file_that_is_cut_or_garbled_is_refused_or_says_the_same(at: int, how: str, character: str) -> None:
    whole = json.dumps(DOCUMENT)
    text = {"cut": whole[:at], "tail": whole[at:], "byte": whole[:at] + character + whole[at + 1 :]}[how]
    if not is_refused(text):
        assert json.dumps(essence(DOCUMENT)) == json.dumps(essence(json.loads(text)))


@given(VALUES)
def test_any_other_json_is_refused(value: Any) -> None:
    assert is_refused(json.dumps(value))
