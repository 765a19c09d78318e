"""A definition of what was found means just that, whatever the defaults of its place are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from iac.config.definition import ValuePool, canonical_fields
from iac.config.layers import Layer, MergedLayers, merge
from iac.core.model import FIELDS, Kind, Registration
from iac.core.plan.diff import compare
from iac.core.server import canonical_jwks
from iac.document import Document
from iac.workflow.importing.text import minimal_values
from tests.core import strategies as our
from tests.core.build import NEW
from tests.every import every

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient
    from iac.core.model import Fields

ALWAYS = {"grant_types": ["authorization_code"], "token_endpoint_auth_method": "client_secret_basic"}


def merged(*layers: dict[str, Any]) -> MergedLayers:
    return merge(Layer(Document("a.yaml", layer), (), layer) for layer in layers)


def written(base: dict[str, Any] | None = None, defaults: Fields | None = None, **fields: Any) -> dict[str, Any]:
    held = {"grant_types": ("authorization_code",), "token_endpoint_auth_method": "client_secret_basic", **fields}
    return minimal_values(Registration("a", held), merged(base or {}), defaults or {})


@every(
    "fields, base, more",
    [
        ({}, {}, {}),
        ({"scope": ("b", "a")}, {"scope": ["a", "b"]}, {"scope": ["b", "a"]}),
        ({"contacts": ("a@x",)}, {"contacts": ["a@x"]}, {}),
        ({"contacts": ("a@x",)}, {"contacts": ["b@x"], "contacts+": ["a@x"]}, {"contacts": ["a@x"]}),
        ({}, {"contacts": ["a@x"], "scope": "a", "jwks_uri": "https://a/"},
         {"scope": [], "jwks_uri": None, "contacts": []}),
        ({"access_token_validity_seconds": 3600}, {}, {}),
        ({"access_token_validity_seconds": 3600}, {"access_token_validity_seconds": 60},
         {"access_token_validity_seconds": 3600}),
        ({"access_token_validity_seconds": 0}, {}, {}),
        ({"refresh_token_validity_seconds": 0}, {}, {"refresh_token_validity_seconds": 0}),
        ({"reuse_refresh_token": False, "allow_introspection": True}, {}, {}),
        ({"reuse_refresh_token": True, "allow_introspection": False}, {},
         {"reuse_refresh_token": True, "allow_introspection": False}),
        ({"allow_introspection": True}, {"allow_introspection": False}, {"allow_introspection": True}),
        ({"jwk": "no key set"}, {}, {"jwk": "no key set"}),
    ],
)  # fmt: skip
def test_what_has_to_be_written(fields: dict[str, Any], base: dict[str, Any], more: dict[str, Any]) -> None:
    assert {**ALWAYS, **more} == written(base, **fields)


def test_lifetimes_that_this_server_gives_by_itself_are_not_written() -> None:
    given_here = {"access_token_validity_seconds": 60}
    assert ALWAYS == written(None, given_here, access_token_validity_seconds=60)
    assert {**ALWAYS, "access_token_validity_seconds": 3600} == written(
        None, given_here, access_token_validity_seconds=3600
    )


@pytest.mark.parametrize(
    ("owners", "base", "expected"),
    [
        (None, {}, {}),
        ((), {}, {}),
        (("u",), {}, {"owners": ["u"]}),
        (("u",), {"owners": ["U"]}, {}),
        ((), {"owners": ["u"]}, {"owners": []}),
    ],
)
def test_owners_are_written_where_they_are_others(
    owners: tuple[str, ...] | None, base: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = minimal_values(Registration("a", {}, owners=owners), merged(base), {})
    assert expected == {name: value for name, value in found.items() if name == "owners"}


def as_layer(fields: Fields) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


@pytest.mark.slow
@given(our.definitions(), our.definitions())
def test_laid_over_the_defaults_it_is_what_was_found(client: DesiredClient, other: DesiredClient) -> None:
    # A lifetime that the server has chosen by itself cannot be laid over another: import notes that.
    base = {name: value for name, value in as_layer(other.fields).items() if FIELDS[name].kind is not Kind.SECONDS}
    seen = Registration("app", client.fields)
    both = merged(base, minimal_values(seen, merged(base), {}))
    fields = canonical_fields(both, ValuePool())
    if "jwk" in fields:
        fields["jwk"] = canonical_jwks(str(fields["jwk"]))
    always = {name for name, field in FIELDS.items() if field.always}
    wanted = replace(client, fields=fields, declared=frozenset(always | both.parts.keys()))
    assert () == compare(wanted, seen, None, NEW, {})


def test_a_credential_that_a_server_has_under_a_name_of_its_own_is_not_written() -> None:
    held: dict[str, Any] = {
        "extra.second_secret": '"s"',
        "extra.push_token": '"t"',
        "extra.needs_token": "true",
        "extra.theme": '"u"',
    }

    assert {"needs_token": True, "theme": "u"} == written(**held)["extra"]
