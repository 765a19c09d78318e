from __future__ import annotations

import json
from typing import Any

import pytest

from iac.core.codec import client_object, parse_client
from iac.core.members import Malformed
from tests.core.build import applied, desired


@pytest.mark.parametrize("value", [None, 1.5, {"a": 1}, [1], ["a", None]])
def test_an_applied_value_that_no_field_has_is_damage(value: Any) -> None:
    told = json.loads(json.dumps(client_object(applied(desired()))))
    told["applied"] = {**told["applied"], "scope": value}
    with pytest.raises(Malformed, match=r"applied\.scope"):
        parse_client(told, "clients.team/app")
