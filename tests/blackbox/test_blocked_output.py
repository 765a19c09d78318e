"""An output whose secret nobody knows is not written, and everything that looks at it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import Project, by_hand, register_by_hand

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox

FIX = "iac secret set team/found"


@pytest.fixture
def blocked(project: Project, sandbox: Sandbox) -> Project:
    """An adopted client whose secret the server does not show, applied; then it gets an output."""
    register_by_hand(sandbox, "team-found")
    values = {"grant_types": ["client_credentials"], "scope": ["openid"], "adopt": True}
    values["token_endpoint_auth_method"] = "client_secret_post"
    project.define("team/found", **values, client_name="Client team-found")
    project.done("apply", "--auto-approve")
    project.define(
        "team/found",
        **values,
        client_name="Client team-found",
        outputs=[{"template": "dotenv", "path": "out/found.env"}],
    )
    return project


def test_plan_says_so(blocked: Project) -> None:
    plan = blocked.done("plan")
    assert "out/found.env" in plan.out
    assert FIX in plan.out


def test_the_plan_document_and_the_markdown_say_so(blocked: Project) -> None:
    assert "out/found.env" in blocked.done("plan", "--format", "json").out
    assert "out/found.env" in blocked.done("plan", "--format", "markdown").out


def test_apply_says_so(blocked: Project) -> None:
    applied = blocked.apply()
    assert 0 == applied.code
    assert "out/found.env" in applied.out
    assert FIX in applied.text
    report = blocked.iac("apply", "--auto-approve", "--format", "json")
    assert "out/found.env" in report.out


def test_doctor_says_so(blocked: Project) -> None:
    blocked.apply()
    assert FIX in blocked.iac("doctor").text


def test_render_check_exits_2(blocked: Project) -> None:
    blocked.apply()
    checked = blocked.iac("render", "--check")
    assert 2 == checked.code, checked.text
    assert FIX in checked.text


def test_the_plan_that_adopts_says_so(project: Project, sandbox: Sandbox) -> None:
    register_by_hand(sandbox, "team-found")
    project.define(
        "team/found",
        adopt=True,
        grant_types=["client_credentials"],
        scope=["openid"],
        outputs=[{"template": "dotenv", "path": "out/found.env"}],
    )
    plan = project.done("plan")
    assert "out/found.env" in plan.out
    assert FIX in plan.out
    # The fix works as it stands: a secret cannot be stored before there is a client in state.
    assert f"run iac apply, then {FIX}" in plan.out
    project.done("apply", "--auto-approve")
    project.done("secret", "set", "team/found", stdin="made-by-hand")
    project.done("apply", "--auto-approve")
    assert "made-by-hand" in project.read("out/found.env")


def test_the_fix_of_a_client_that_moves_is_for_its_address_after_the_apply(blocked: Project) -> None:
    blocked.apply()
    (blocked.root / "clients.d/new").mkdir()
    (blocked.root / "clients.d/team/found.yaml").rename(blocked.root / "clients.d/new/found.yaml")
    blocked.write("iac.yaml", blocked.read("iac.yaml") + "moved: [{from: team/found, to: new/found}]\n")
    said = blocked.done("plan").out
    assert "run iac apply, then iac secret set new/found" in said


def test_verify_and_show_have_the_fix(blocked: Project) -> None:
    blocked.apply()
    verified = blocked.iac("verify")
    assert 2 == verified.code
    assert FIX in verified.out
    assert "iac render" not in verified.out
    assert FIX in blocked.done("show", "team/found").out


def test_render_names_the_file_once(blocked: Project) -> None:
    assert 1 == blocked.iac("render", "--check").out.count("out/found.env")


def test_an_output_of_two_clients_names_each_whose_secret_is_unknown(project: Project, sandbox: Sandbox) -> None:
    for name in ("one", "two"):
        register_by_hand(sandbox, f"team-{name}", client_name=f"Client team/{name}")
        project.define(f"team/{name}", adopt=True, grant_types=["client_credentials"], scope=["openid"])
    project.write(
        "templates/both.j2", "{% for one in clients.values() %}{{ one.client_secret | verbatim }}{% endfor %}\n"
    )
    output = "outputs: [{template: both.j2, path: out/both, clients: [team/one, team/two]}]\n"
    project.write("iac.yaml", project.read("iac.yaml") + output)
    assert "run iac apply, then iac secret set team/one and iac secret set team/two" in project.done("plan").out
    assert "the secret of team/one, team/two" in project.apply().out


def test_what_a_guard_refuses_is_not_said_to_wait_for_an_apply(project: Project) -> None:
    """A definition that was moved without a word: what keeps its output back is the guard."""
    values = {"grant_types": ["client_credentials"], "outputs": [{"template": "json", "path": "out/job.json"}]}
    project.define("team/job", **values)
    project.done("apply", "--auto-approve")
    (project.root / "clients.d/team/job.yaml").unlink()
    project.define("ops/job", client_id="team-job", **values)
    plan = project.iac("plan")
    assert 3 == plan.code
    assert "out/job.json" not in plan.text


UNFIT = "pa$$word"


@pytest.mark.parametrize("flavour", ["1.12"])
def test_a_secret_that_an_output_cannot_hold_is_said_by_plan_where_the_server_shows_it(
    project: Project, sandbox: Sandbox
) -> None:
    register_by_hand(sandbox, "team-old", client_secret=UNFIT, grant_types=("client_credentials",))
    output = {"template": "dotenv", "path": "out/old.env"}
    project.define("team/old", adopt=True, grant_types=["client_credentials"], outputs=[output])
    plan = project.done("plan")
    assert "output-unfit" in plan.out
    assert UNFIT not in plan.text


def test_a_secret_that_an_output_cannot_hold_is_said_when_it_is_provided(project: Project, sandbox: Sandbox) -> None:
    output = {"template": "dotenv", "path": "out/job.env"}
    project.define("team/job", grant_types=["client_credentials"], outputs=[output])
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-job", client_secret=UNFIT)
    stored = project.done("secret", "set", "team/job", stdin=UNFIT)
    assert "output-unfit" in stored.err
    assert UNFIT not in stored.text


@pytest.mark.parametrize("flavour", ["1.14"])
def test_a_secret_that_a_new_output_cannot_hold_is_said_by_plan_where_the_key_is_at_hand(
    project: Project, sandbox: Sandbox
) -> None:
    """The server does not show it."""
    project.define("team/job", grant_types=["client_credentials"])
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-job", client_secret=UNFIT)
    project.done("secret", "set", "team/job", stdin=UNFIT)
    output = {"template": "dotenv", "path": "out/job.env"}
    project.define("team/job", grant_types=["client_credentials"], outputs=[output])
    plan = project.done("plan")
    assert "output-unfit" in plan.out
    assert UNFIT not in plan.text
    project.define("team/job", grant_types=["client_credentials"], outputs=[{**output, "template": "json"}])
    assert "output-unfit" not in project.done("plan").out


@pytest.mark.parametrize("flavour", ["1.14"])
@pytest.mark.parametrize("before", ["nothing", "another secret"])
def test_each_command_says_of_an_output_that_cannot_hold_its_secret_that_it_is_not_written(
    project: Project, sandbox: Sandbox, before: str
) -> None:
    """None names a command that would fail."""
    output = {"template": "dotenv", "path": "out/job.env"}
    project.define(
        "team/job", grant_types=["client_credentials"], outputs=[output] if before == "another secret" else []
    )
    project.done("apply", "--auto-approve")
    project.define("team/job", grant_types=["client_credentials"], outputs=[output])
    by_hand(sandbox, "team-job", client_secret=UNFIT)
    said = "out/job.env is not written, and iac apply ends with 5: filter dotenv: the value has a `$`"
    stored = project.done("secret", "set", "team/job", stdin=UNFIT).err
    assert (True, False) == (said in stored, "renders the outputs that waited" in stored)
    assert said in project.done("plan").out
    assert 5 == project.apply().code
    for command in ("verify", "doctor"):
        told = project.iac(command).out
        assert (True, False) == ("iac rotate makes such a secret" in told, "iac render" in told), told
    assert said in told
    assert UNFIT not in told


def test_a_secret_that_an_output_waited_for_is_rendered_by_the_next_apply(blocked: Project) -> None:
    stored = blocked.done("secret", "set", "team/found", stdin="made-by-hand")
    assert "run iac apply: it renders the outputs that waited for this" in stored.err
    blocked.done("apply", "--auto-approve")
    assert "made-by-hand" in blocked.read("out/found.env")
