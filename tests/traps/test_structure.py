"""Traps that no row of the table can hold: the shape of the code does."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING

from iac.apply import step as apply_step
from iac.core.model import FIELDS
from iac.providers.iam_admin import api
from tests.core.build import desired

if TYPE_CHECKING:
    from tests.traps.bench import Bench

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/client.schema.json").read_text(encoding="utf-8"))


def test_two_clients_of_one_name_are_two(bench: Bench) -> None:
    """Trap 16: a name is shown and decides nothing."""
    for place in bench.places():
        place.register("theirs", client_name="An app")
        before = place.on_server("theirs")
        assert place.apply(desired("team/a"), desired("team/b")).is_complete
        assert place.plan(desired("team/a"), desired("team/b")).is_empty
        assert before == place.on_server("theirs")


def test_the_schema_takes_no_field_that_is_not_known() -> None:
    """Trap 18: the server never reports a typing error in the name of a field."""
    assert SCHEMA["additionalProperties"] is False
    assert FIELDS.keys() <= SCHEMA["properties"].keys()


def test_no_call_resets_or_disables() -> None:
    """Traps 9 and 25: what these calls do depends on the server and on whose token it is."""
    source = inspect.getsource(api)
    assert not [call for call in ("reset-client", "/enable", "/disable") if call in source]


def test_an_apply_revokes_no_tokens(bench: Bench) -> None:
    """Trap 25: a rotation promises a new secret; tokens are revoked where somebody asks for that."""
    for place in bench.places():
        place.apply(desired())
        assert place.apply(desired(secret_serial=2)).revocations == ()
    assert "revoke_tokens" not in inspect.getsource(apply_step)
