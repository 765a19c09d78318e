"""The scenarios on Keycloak and on django-oauth-toolkit, and a run that is killed at each of its calls."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from tests.crash.calls import Moment, Point
from tests.docs.transcript import bash, pattern, read_page, steps
from tests.forking import Commands
from tests.live.keycloak import FOLDER, Keycloak, start_keycloak
from tests.live.oidc import FOLDER as OIDC_PROVIDER
from tests.live.oidc import start_oidc_provider
from tests.live.toolkit import PYTHON, start_oauth_toolkit
from tests.scenarios.rewrite import write
from tests.scenarios.table import load, measure, name_of, working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.real import RealServer
    from tests.scenarios.place import Work

REFUSED = 3
HERE = {"keycloak": FOLDER, "toolkit": PYTHON, "toolkit without OIDC": PYTHON, "oidc-provider": OIDC_PROVIDER}

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]  # Keycloak takes minutes to start


@pytest.fixture(scope="module", params=HERE)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    if HERE[request.param] not in os.environ:
        pytest.skip(f"{HERE[request.param]} names no server")
    scratch = tmp_path_factory.mktemp("server")
    with ExitStack() as stack:
        match request.param:
            case "keycloak":
                yield stack.enter_context(start_keycloak(scratch))
            case "oidc-provider":
                yield stack.enter_context(start_oidc_provider())
            case name:
                yield stack.enter_context(start_oauth_toolkit(scratch, has_oidc="without" not in name))


def test_every_scenario_ends_as_the_table_says(place: RealServer, tmp_path: Path) -> None:
    """IAC_SCENARIOS_WRITE=1 writes the table instead."""
    found = measure(place, tmp_path)
    if os.environ.get("IAC_SCENARIOS_WRITE"):
        write({**load(), name_of(place): found})
    assert load()[name_of(place)] == found


def _prepared(work: Work) -> None:
    """One client to change, one to delete and one to make."""
    work.define("team/changed")
    work.define("team/gone")
    assert work.refusal() == ""
    work.define("team/changed", client_name="Changed name")
    work.define("team/new")
    work.undefine("team/gone")


ONE_BY_ONE = ("apply", "--auto-approve", "--parallelism", "1")


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_a_run_that_is_killed_at_a_call_leaves_no_second_client_without_a_word(
    place: RealServer, tmp_path: Path, moment: Moment
) -> None:
    if place.column.endswith("without OpenID Connect"):
        pytest.skip("the toolkit registers clients by the same code with OpenID Connect")
    calls, _ = _run(place, tmp_path / "whole")
    sends = [number for number, call in enumerate(calls) if call.startswith("send ")]
    wrong = [
        f"{moment} {calls[number]}: {said}"
        for number in sends
        for said in _run(place, tmp_path / str(number), Point(number, moment))[1]
    ]
    assert wrong == []


def _run(place: RealServer, folder: Path, last: Point | None = None) -> tuple[list[str], list[str]]:
    """The calls of a run, and what is wrong after one that dies."""
    environ = {"HOME": str(folder.parent)}
    with working(place, folder) as work, closing(Commands({**os.environ, **environ}, folder.parent)) as commands:
        _prepared(work)
        before = place.ids()
        ended = commands.run("-C", str(work.root), *ONE_BY_ONE, last=last)
        assert ended.code == (-signal.SIGKILL if last else 0), ended.err
        place.front.rest()  # what the dead process sent may still be done
        return ended.calls, list(_judged(work, before)) if last else []


def _judged(work: Work, before: set[str]) -> Iterator[str]:
    """What is not right when the next run is a plain one, and what was refused is consented to."""
    code, _, _ = work.apply()
    guards = [] if code == 0 else work.plan()["guards"]
    consents = [part for guard in guards for part in ("--recreate", guard["addresses"][0])]
    if (code == REFUSED) != bool(consents):
        yield f"the run after it ends with {code}"
    if consents and work.apply(*consents)[0] != 0:
        yield f"what was asked for is not done: {json.dumps(guards)}"
    if not work.is_settled():
        yield f"still planned: {json.dumps(work.plan()['changes'])}"
    for address in ("team/changed", "team/new"):
        if not work.logs_in(address):
            yield f"{address}: what was rendered does not log in"
    if len(work.place.ids() - before) > 1 + len(consents) // 2:
        yield f"a second client without a word: {work.place.ids() - before}"


def test_what_keycloak_refuses_of_somebody_without_a_token_is_said(place: RealServer, tmp_path: Path) -> None:
    """A new realm trusts no host, so it registers nobody who brings no initial access token."""
    if not isinstance(place, Keycloak):
        pytest.skip("the policy is Keycloak's")
    with working(place, tmp_path) as work:
        text = (tmp_path / "iac.yaml").read_text(encoding="utf-8")
        token = "{method: initial_access_token, token: {env: IAC_INITIAL_ACCESS_TOKEN}}"
        work.write("iac.yaml", text.replace(token, "{method: none}"))
        before = place.ids()
        work.define()
        code, out, err = work.apply()
        assert (5, before, []) == (code, place.ids(), work.plan()["pending"])
        assert "Policy 'Trusted Hosts' rejected request" in out + err
        assert "perhaps it asks for an initial access token (auth)" in out + err


def test_the_commands_of_the_page_about_keycloak_do_what_it_says(place: RealServer, tmp_path: Path) -> None:
    if not isinstance(place, Keycloak):
        pytest.skip("the page is about Keycloak")
    place.admin("POST", "", {"realm": "demo", "enabled": True})
    with bash(tmp_path) as shell:
        assert shell.run(f'PATH="{place.programs}:$PATH"; mkdir project; cd project')[0] == 0
        for step in steps(read_page("how-to/keycloak.md").partition("## Take over")[0]):
            code, said = shell.run(step.command.replace("http://localhost:8080", place.server))
            assert code == 0, f"{step.command}\n{said}"
            if step.output:  # kcadm.sh ends with an empty line
                wanted = pattern(step.output.replace("http://localhost:8080", place.server))
                assert re.fullmatch(wanted, said), f"{step.command}\n{said}"
