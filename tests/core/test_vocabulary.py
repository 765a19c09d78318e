"""Which scope names are known, and what is offered for a misspelled one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.core.vocabulary import KNOWN, _may_be_close, closest, distance, is_known, is_privileged, is_restricted
from tests.every import every


@every(
    "scope",
    ["openid", "storage.read:/", "storage.modify:/atlas/disk", "compute.create", "iam:admin.read", "scim:read",
     "wlcg.groups:/wlcg", "fts:submit-transfer", "eos.write", "eduperson_entitlement"],
)  # fmt: skip
def test_usual_names_and_those_of_the_project_are_known(scope: str) -> None:
    assert is_known(scope, ["eos.*"])


@every(
    "scope",
    [
        "opneid",
        "storage.raed",
        "made.up",
        "eosx",
        "iam:admin.raed",
        "iam:admin",
        "scim:raed",
        "compute.raed",
        "fts:submit",
        "compute.",
        "scim:delete",
    ],
)
def test_other_names_are_not(scope: str) -> None:
    assert not is_known(scope, ["eos.*"])


@every(
    "scope, expected",
    [
        ("opneid", "openid"), ("proflie", "profile"), ("offline-access", "offline_access"),
        ("wlcg.group", "wlcg.groups"),
        ("storage.raed", "storage.read:"), ("eos", "eos2"), ("made.up", ""), ("open_id_x", ""),
    ],
)  # fmt: skip
def test_a_name_at_most_two_letters_away_is_offered(scope: str, expected: str) -> None:
    assert expected == closest(scope, ["eos2"])


def test_what_lets_a_client_into_the_server_is_privileged_and_never_self_service() -> None:
    assert {"scim", "scim:read", "scim:write", "iam:admin.read", "iam:admin.write", "registration-token",
            "resource-token"} == {name for name in KNOWN if is_privileged(name)}  # fmt: skip
    assert all(is_restricted(name) for name in KNOWN if is_privileged(name))
    assert is_restricted("storage.read:/")
    assert not is_restricted("openid")


@pytest.mark.parametrize("scope", ["iam:admin.raed", "scim:wrtie", "scims", "registration-tokens"])
def test_a_misspelt_name_gives_no_rights(scope: str) -> None:
    assert not is_privileged(scope)
    assert not is_restricted(scope)


def test_a_name_of_its_kind_that_is_nothing_misspelt_counts_as_privileged() -> None:
    """A later version may have it, and nobody should get it unseen."""
    assert is_privileged("scim:delete-everything")
    assert is_restricted("iam:admin.impersonate")


words = st.text("abc", max_size=6)


@given(words, words, words)
def test_distance_is_a_distance(one: str, other: str, third: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert distance(one, other) <= max(len(one), len(other))
    assert distance(one, third) <= 2 * (distance(one, other) + distance(other, third))


@given(words, words)
def test_the_quick_look_before_the_distance_passes_over_no_name_that_is_close(one: str, other: str) -> None:
    assert distance(one, other) > 2 or _may_be_close(one, other)


def test_neighbours_swapped_are_one_step() -> None:
    assert (1, 1, 1, 2) == (distance("ab", "ba"), distance("ab", "abc"), distance("ab", "ac"), distance("ab", "cd"))
