"""What hypothesis draws: canonical fields, answers of a server, definitions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from iac.core.model import FIELDS, GRANT_TYPES, Field, Kind
from iac.core.server import canonical_jwks
from tests.core.build import NEW, OLD, desired

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient

facts = st.sampled_from([OLD, NEW])
words = st.text("abcdefghijklmnopqrstuvwxyz:/.-_", min_size=1, max_size=12).filter(lambda word: bool(word.strip()))
_uris = st.integers(0, 50).map("https://app.example.org/cb{}".format)
_hosts = st.integers(0, 50).map("https://app.example.org/{}".format)
_contacts = st.integers(0, 50).map("ops{}@example.org".format)
_keys = st.lists(
    st.fixed_dictionaries({"kty": st.just("EC"), "crv": st.just("P-256"), "x": words, "y": words, "kid": words}),
    min_size=1,
    max_size=3,
)
_MEMBERS = {
    "redirect_uris": _uris,
    "contacts": _contacts,
    "grant_types": st.sampled_from(sorted(set(GRANT_TYPES.values()) - {GRANT_TYPES["jwt-bearer"]})),  # IAM has none
    "response_types": st.sampled_from(["code", "token"]),
    "scope": st.sampled_from(["openid", "profile", "email", "offline_access", "wlcg.groups", "storage.read:/"]),
}
_TEXTS = {
    "client_name": st.text("abcdefgh ", min_size=4, max_size=20).filter(lambda name: len(name.strip()) >= 4),
    "client_uri": _hosts,
    "policy_uri": _hosts,
    "jwks_uri": _hosts,
    "token_endpoint_auth_method": st.sampled_from(
        ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
    ),
    "code_challenge_method": st.sampled_from(["none", "plain", "S256"]),
}
_BY_KIND: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: words,
    Kind.FLAG: st.booleans(),
    Kind.SECONDS: st.integers(1, 10**7),
    Kind.JWKS: _keys.map(lambda keys: canonical_jwks(json.dumps({"keys": keys}))),
}


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.kind is Kind.SET:
        return st.sets(_MEMBERS[field.name], min_size=1, max_size=4).map(lambda found: tuple(sorted(found)))
    return _TEXTS.get(field.name, _BY_KIND[field.kind])


VALUES = {name: _values(field) for name, field in FIELDS.items() if not field.of_others}
fields = st.fixed_dictionaries({}, optional=VALUES)
"""Canonical fields of a client."""

names = st.frozensets(st.sampled_from(sorted(FIELDS)))

_KEPT = sorted(set(VALUES) - {"tos_uri", "default_max_age", "up_scoping_enabled", "require_auth_time"})


def _wire(found: dict[str, Any]) -> dict[str, Any]:
    wire = {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
    return {**wire, "scope": " ".join(found["scope"])} if "scope" in found else wire


answers = st.builds(
    lambda found, nulls, more, rest: {
        "client_id": "app",
        **dict.fromkeys(nulls),
        **_wire(found),
        **{f"x_{name}": value for name, value in more.items()},
        **rest,
    },
    fields,
    st.sets(st.sampled_from(["scope", "contacts", "client_uri", "grant_types", "jwk"])),
    st.dictionaries(words, st.one_of(st.integers(), words, st.booleans(), st.none()), max_size=3),
    st.fixed_dictionaries(
        {},
        optional={
            "active": st.booleans(),
            "created_at": st.integers(0),
            "entity_id": words,
            "client_secret": words,
            "registration_access_token": words,
            "last_used": words,
        },
    ),
)
"""Answers of a server for one client, with members that nobody knows and members that are answered only."""


@st.composite
def definitions(draw: st.DrawFn, address: str = "team/app") -> DesiredClient:
    """A definition that IAM takes and keeps: what it is known to drop is left out."""
    found = draw(st.fixed_dictionaries({}, optional={name: VALUES[name] for name in _KEPT}))
    if found.get("token_endpoint_auth_method") == "private_key_jwt" and "jwk" not in found:
        found.setdefault("jwks_uri", "https://app.example.org/jwks")
    if "jwks_uri" in found:
        found.pop("jwk", None)
    emptied = draw(st.sets(st.sampled_from(["contacts", "client_uri", "scope", "response_types", "policy_uri"])))
    found |= {name: None for name in emptied if name not in found}
    if "authorization_code" in found.get("grant_types", ("authorization_code",)):
        found.setdefault("redirect_uris", ("https://app.example.org/cb",))
    return desired(address, **found, secret_serial=draw(st.integers(1, 3)))
