"""A secret survives, or its loss is said and mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.plan.change import SecretChange
from iac.sandbox.flavour import Flavour
from tests.core.build import desired
from tests.fakes.provider import logs_in
from tests.traps.bench import trap

if TYPE_CHECKING:
    from tests.traps.bench import Bench


@trap("secret-is-shown-once")
def test_secret_is_shown_once(bench: Bench) -> None:
    """From 1.14 an answer without a secret does not mean that there is none."""
    with bench.place(Flavour.V1_14) as place:
        assert place.apply(desired()).is_complete
        assert place.plan(desired()).is_empty
        assert place.logs_in()


@trap("method-without-secret-drops-it")
def test_method_without_secret_drops_it(bench: Bench) -> None:
    """The plan says so before the service is locked out."""
    client = desired(adopt=True, token_endpoint_auth_method="none")
    for place in bench.places():
        place.register()
        assert [SecretChange.ERASED] == [change.secret for change in place.plan(client).changes]
        assert place.apply(client).is_complete
        assert not logs_in(place.iam, "app", "theirs-1234")


@trap("method-with-secret-needs-one-made")
def test_method_with_secret_needs_one_made(bench: Bench) -> None:
    """Up to 1.13 none is made, from 1.14 one that no answer shows: the same apply ends with one that logs in."""
    client = desired(adopt=True)
    for place in bench.places():
        place.register(client_secret=None, token_endpoint_auth_method="none")
        assert [SecretChange.CREATED] == [change.secret for change in place.plan(client).changes]
        assert place.apply(client).is_complete
        assert place.logs_in()
