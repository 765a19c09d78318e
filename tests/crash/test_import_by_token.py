"""kill -9 anywhere in `iac import --uri`, whose read may end the only token: the same import again ends it.

The token that is lost is one alone: that of an answer which was not stored yet.
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.crash.calls import Moment, points_of
from tests.forking import Commands
from tests.scenarios.standin import EVERY, standing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crash.calls import Point
    from tests.forking import Ended


@pytest.mark.parametrize("renews", [frozenset(), EVERY], ids=["same token", "new token"])
def test_the_same_import_ends_what_a_killed_one_began(tmp_path: Path, renews: frozenset[str]) -> None:
    with standing(tmp_path / "prepared", renews=renews) as (work, place):
        work.define()
        assert work.apply()[0] == 0
        made = place.register(client_name="Wiki")
        client_id, given = str(made["client_id"]), str(made["registration_access_token"])
        work.root, tokens = tmp_path / "project", {**place.tokens}
        command = ("-C", str(work.root), "import", client_id, "--uri", str(made["registration_client_uri"]))
        with closing(Commands({**os.environ, "HOME": str(tmp_path)}, tmp_path)) as commands:

            def run(last: Point | None = None) -> Ended:
                shutil.rmtree(work.root, ignore_errors=True)
                shutil.copytree(tmp_path / "prepared", work.root)
                place.tokens = {**tokens}
                return commands.run(*command, last=last, given=given)

            calls = run().calls
            asked = calls.index(f"send GET /register/{client_id} HTTP/1.1")
            stored = calls.index("write state.json.journal", asked) if renews else asked
            lost: list[Point] = []
            wrong: list[tuple[Point, str]] = []
            for point in points_of(calls):
                # nothing is done before it connects; after one call is before the next
                if point.moment is Moment.AFTER or point.number < calls.index("connect ..."):
                    continue
                assert run(point).code == -signal.SIGKILL
                again = commands.run(*command, given=given)
                if asked < point.number <= stored and "does not accept this token" in again.err:
                    lost.append(point)
                elif (again.code and "defined already" not in again.err) or not work.is_settled():
                    wrong.append((point, again.err))
            assert wrong == []
            assert bool(lost) == bool(renews)
