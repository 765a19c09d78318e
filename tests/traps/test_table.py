"""Every rule of the table has one test, and that test fails without the rule."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from iac.core import server
from iac.core.errors import IacError
from iac.core.server.table import TABLE
from tests.traps import test_answers, test_puts, test_refusals, test_rfc7591, test_secrets, test_self_service
from tests.traps.bench import TRAPS

if TYPE_CHECKING:
    from iac.core.server.rule import ServerRule
    from tests.traps.bench import Bench

MODULES = (test_answers, test_puts, test_refusals, test_rfc7591, test_secrets, test_self_service)


def test_every_rule_has_exactly_one_test_and_it_is_named_after_the_rule() -> None:
    assert Counter(rule.id for rule in TABLE) == Counter(rule_id for rule_id, _ in TRAPS)
    names = {rule_id: "test_" + rule_id.replace("-", "_").replace(".", "_") for rule_id, _ in TRAPS}
    assert names == {rule_id: test.__name__ for rule_id, test in TRAPS}
    assert not [rule_id for rule_id, test in TRAPS if not test.__doc__]
    assert {module.__name__ for module in MODULES} == {test.__module__ for _, test in TRAPS}


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: rule.id)
def test_without_its_rule_a_test_fails(rule: ServerRule, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [other for other in TABLE if other is not rule]
    monkeypatch.setattr(server, "RULES", server.Rules(others))
    with pytest.raises((AssertionError, IacError)):
        dict(TRAPS)[rule.id](bench)
