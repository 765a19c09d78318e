"""States and events for the tests of backends: a few by hand, all others by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st
from msgspec.structs import replace

from iac.core.state.document import Owner
from iac.core.state.model import (
    Approval,
    ClientGone,
    ClientState,
    ClientWritten,
    Event,
    Intent,
    IntentDropped,
    IntentGiven,
    OutputRecord,
    OutputWritten,
    SealedSecret,
    SecretStatus,
    State,
    Tombstone,
)
from iac.ports import Holder

OWNER = Owner("rucio", "default", "https://iam.example.org/", "lineage-1")
EMPTY = State(OWNER.project, OWNER.environment, OWNER.issuer, OWNER.lineage, run_id="run-0")
SEALED = SealedSecret("age:c2VhbGVk", "00ff", "12345678", 1, "2026-11-23T12:00:00Z")
HOLDER = Holder("run-7", "ada@host 4711", "2026-11-23T11:58:57Z", "2026-11-23T12:30:00Z")


def client(name: str) -> ClientState:
    return ClientState(
        client_id=name,
        provider="iam-admin",
        applied={"client_name": name, "grant_types": ("authorization_code",), "reuse_refresh_token": True},
        declared=frozenset({"client_name", "grant_types"}),
        secret=SEALED,
        secret_status=SecretStatus.KNOWN,
        applied_at="2026-11-23T12:00:00Z",
    )


def written(name: str) -> ClientWritten:
    return ClientWritten(f"wlcg/{name}", client(name))


def intended(name: str) -> IntentGiven:
    return IntentGiven(Intent(f"wlcg/{name}", name, "create", "run-1", "2026-11-23T12:00:00Z", SEALED))


def holding(*names: str, serial: int = 0) -> State:
    """A state with these clients."""
    return replace(EMPTY, serial=serial, clients={f"wlcg/{name}": client(name) for name in names})


_texts = st.text(max_size=12)
_names = st.sampled_from(["wlcg/a", "wlcg/b", "c", "d/e/f", "ünïcode"]) | _texts
_lists = st.lists(_texts, max_size=3).map(tuple)
_plain = st.none() | _texts | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
_values = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=4,
)
_answers = st.dictionaries(
    _names,
    st.recursive(
        _plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3), max_leaves=4
    ),
    max_size=4,
)
_secrets = st.builds(SealedSecret, _texts, _texts, _texts, st.integers(0, 9), _texts, _lists, _lists)
_clients = st.builds(
    ClientState,
    client_id=_texts,
    provider=_texts,
    applied=st.dictionaries(_names, _values, max_size=4),
    declared=st.frozensets(_texts, max_size=4),
    owners=st.none() | _lists,
    secret=st.none() | _secrets,
    secret_status=st.sampled_from(SecretStatus),
    secret_serial=st.integers(0, 9),
    prevent_destroy=st.booleans(),
    applied_at=_texts,
    rat=st.none() | _secrets,
    registration_uri=_texts,
    answer=st.none() | _answers,
)
_intents = st.builds(
    Intent, _names, _texts, _texts, _texts, _texts, st.none() | _secrets, begun=st.none() | st.booleans()
)
_tombstones = st.builds(Tombstone, _names, _clients, _texts)
_outputs = st.builds(OutputRecord, _texts, _lists, _texts, st.integers(0, 9))
_approvals = st.builds(Approval, _texts, _lists, _texts, st.dictionaries(_texts, _texts, max_size=2))

states: st.SearchStrategy[State] = st.builds(
    State,
    project=_texts,
    environment=_texts,
    issuer=_texts,
    lineage=_texts,
    serial=st.integers(0, 10**9),
    run_id=_texts,
    clients=st.dictionaries(_names, _clients, max_size=4),
    outputs=st.dictionaries(_names, _outputs, max_size=3),
    intents=st.dictionaries(_names, _intents, max_size=3),
    tombstones=st.lists(_tombstones, max_size=3).map(tuple),
    approval=st.none() | _approvals,
    served_issuer=_texts,
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(ClientWritten, _names, _clients),
    st.builds(ClientGone, _names, st.none() | _tombstones),
    st.builds(IntentGiven, _intents),
    st.builds(IntentDropped, _names),
    st.builds(OutputWritten, _names, st.none() | _outputs),
)
