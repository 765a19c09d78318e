"""The main job from the command line, on every flavour: validate, plan, apply, render, plan again."""

from __future__ import annotations

import json
import re
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.e2e.project import Project

ADDRESS, CLIENT_ID = "team/portal", "team-portal"


def _secret_on_disk(project: Project) -> str:
    lines = project.read("out/portal.env").splitlines()
    (line,) = [line for line in lines if "SECRET" in line]
    return line.split("=", 1)[1].strip("'\"")


def test_apply_registers_renders_and_the_second_plan_is_empty(project: Project) -> None:
    first = project.iac("plan", "--format", "json", "--detailed-exitcode")
    assert first.code == 2
    assert first.json()["summary"]["create"] == 1
    done = project.apply()
    assert done.code == 0, done.err
    assert "Apply: 1 done." in done.out
    assert _secret_on_disk(project) == project.registered(CLIENT_ID).client_secret
    assert stat.S_IMODE((project.root / "out/portal.env").stat().st_mode) == 0o600
    again = project.iac("plan", "--detailed-exitcode")
    assert again.code == 0
    assert "Plan: no changes; 1 unchanged" in again.out
    assert project.iac("render", "--check").code == 0


def test_plan_needs_no_key_of_the_state_and_only_read_scope(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project.apply().code == 0
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
    said = project.iac("plan")
    assert said.code == 0
    assert "no changes" in said.out


def test_apply_with_a_read_only_login_sends_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
    said = project.apply()
    assert said.code == 6
    assert "iam:admin.write" in said.err
    assert project.sandbox.iam.world.store.find(CLIENT_ID) is None


def test_a_changed_redirect_uri_is_an_update_that_keeps_the_secret(project: Project) -> None:
    assert project.apply().code == 0
    secret = project.registered(CLIENT_ID).client_secret
    project.edit(f"clients.d/{ADDRESS}.yaml", "portal.example.org/cb", "portal.example.org/callback")
    plan = project.iac("plan", "--format", "json").json()
    (change,) = plan["changes"]
    assert change["action"] == "update"
    assert change["secret"] == "kept"
    (field,) = change["fields"]
    assert field["name"] == "redirect_uris"
    assert field["added"] == ["https://portal.example.org/callback"]
    assert field["cause"] == "definition"
    assert project.apply().code == 0
    assert project.registered(CLIENT_ID).redirect_uris == ("https://portal.example.org/callback",)
    assert project.registered(CLIENT_ID).client_secret == secret
    assert "no changes" in project.iac("plan").out


def test_an_undeclared_field_keeps_the_servers_value_through_an_update(project: Project) -> None:
    """failures.md 3 and 12: what the definition does not name is as it was."""
    assert project.apply().code == 0
    project.by_hand(CLIENT_ID, client_description="written by hand", access_token_validity_seconds=1234)
    assert "no changes" in project.iac("plan").out
    project.edit(f"clients.d/{ADDRESS}.yaml", "Client team/portal", "Client renamed")
    assert project.apply().code == 0
    client = project.registered(CLIENT_ID)
    assert client.client_name == "Client renamed"
    assert client.client_description == "written by hand"
    assert client.access_token_validity_seconds == 1234


def test_a_secret_rotated_by_hand_survives_an_unrelated_edit(project: Project, flavour: str) -> None:
    """failures.md 3: the server's secret is unchanged after; where it can be read it lands in state and outputs."""
    assert project.apply().code == 0
    project.by_hand(CLIENT_ID, client_secret="rotated-by-hand")
    project.edit(f"clients.d/{ADDRESS}.yaml", "Client team/portal", "Client renamed")
    assert project.apply().code == 0
    assert project.registered(CLIENT_ID).client_secret == "rotated-by-hand"
    if flavour != "1.14":
        assert _secret_on_disk(project) == "rotated-by-hand"
    assert "no changes" in project.iac("plan").out


def test_a_higher_secret_serial_rotates_and_renders(project: Project) -> None:
    assert project.apply().code == 0
    old = project.registered(CLIENT_ID).client_secret
    project.define(
        ADDRESS,
        **{**json.loads(project.read(f"clients.d/{ADDRESS}.yaml")), "secret": {"serial": 2}},
    )
    plan = project.iac("plan", "--format", "json").json()
    assert plan["summary"]["rotate"] == 1
    assert project.apply().code == 0
    new = project.registered(CLIENT_ID).client_secret
    assert new != old
    assert _secret_on_disk(project) == new
    assert "no changes" in project.iac("plan").out


def test_drift_is_named_and_mended(project: Project) -> None:
    assert project.apply().code == 0
    grants = (*project.registered(CLIENT_ID).grant_types, "password")
    project.by_hand(CLIENT_ID, grant_types=grants)
    said = project.iac("plan")
    assert "- password" in said.out
    assert "changed on the server" in said.out
    assert project.apply().code == 0
    assert "password" not in project.registered(CLIENT_ID).grant_types


def test_the_second_plan_is_empty_after_the_server_reordered_every_list(project: Project) -> None:
    """failures.md 10."""
    assert project.apply().code == 0
    client = project.registered(CLIENT_ID)
    project.by_hand(
        CLIENT_ID, scope=client.scope[::-1], grant_types=client.grant_types[::-1], contacts=client.contacts * 2
    )
    assert "no changes" in project.iac("plan").out


def test_a_removed_client_is_deleted_with_its_output(project: Project) -> None:
    assert project.apply().code == 0
    project.define("team/other", grant_types=["client_credentials"])
    (project.root / f"clients.d/{ADDRESS}.yaml").unlink()
    refused = project.apply()
    assert refused.code == 3
    assert "removed:" in refused.out
    project.write("iac.yaml", project.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: delete}}]\n")
    done = project.apply()
    assert done.code == 0, done.err
    assert project.sandbox.iam.world.store.find(CLIENT_ID) is None
    assert not (project.root / "out/portal.env").exists()
    assert "no changes" in project.iac("plan").out


def test_a_client_deleted_on_the_server_is_made_anew_only_when_asked(project: Project) -> None:
    assert project.apply().code == 0
    project.sandbox.iam.world.store.remove(project.registered(CLIENT_ID))
    refused = project.apply()
    assert refused.code == 3
    assert f"--recreate {ADDRESS}" in refused.out
    assert project.apply("--recreate", ADDRESS).code == 0
    assert _secret_on_disk(project) == project.registered(CLIENT_ID).client_secret


def test_a_taken_client_id_is_refused_and_adopted_when_asked(project: Project, flavour: str) -> None:
    project.define("hand/grafana", client_id="grafana", client_name="Grafana", grant_types=["client_credentials"])
    refused = project.apply()
    assert refused.code == 3
    assert "adopt: true" in refused.out
    before = project.registered("grafana")
    project.define(
        "hand/grafana",
        client_id="grafana",
        client_name=before.client_name,
        grant_types=list(before.grant_types),
        redirect_uris=list(before.redirect_uris),
        scope=list(before.scope),
        token_endpoint_auth_method=before.token_endpoint_auth_method,
        adopt=True,
        outputs=[{"template": "dotenv", "path": "out/grafana.env"}],
    )
    done = project.apply()
    assert done.code == 0, done.err
    assert project.registered("grafana").client_secret == before.client_secret
    is_readable = flavour != "1.14"
    assert (project.root / "out/grafana.env").exists() is is_readable
    assert "no changes" in project.iac("plan").out


def test_a_saved_plan_is_applied_as_it_was_reviewed_or_not_at_all(project: Project) -> None:
    """failures.md 9."""
    assert project.iac("plan", "--out", str(project.root / "plan.json")).code == 0
    project.edit(f"clients.d/{ADDRESS}.yaml", "Client team/portal", "Client renamed")
    stale = project.iac("apply", str(project.root / "plan.json"))
    assert stale.code == 4
    assert ADDRESS in stale.err
    assert project.sandbox.iam.world.store.find(CLIENT_ID) is None
    project.edit(f"clients.d/{ADDRESS}.yaml", "Client renamed", "Client team/portal")
    assert project.iac("apply", str(project.root / "plan.json")).code == 0


def test_owners_are_assigned_and_removed(project: Project) -> None:
    account = project.sandbox.iam.world.store.account_by_name("test")
    assert account is not None
    values = json.loads(project.read(f"clients.d/{ADDRESS}.yaml"))
    project.define(ADDRESS, **{**values, "owners": [account.uuid]})
    assert project.apply().code == 0
    assert CLIENT_ID in [client.client_id for client in project.sandbox.iam.world.store.owned(account)]
    assert "no changes" in project.iac("plan").out
    project.define(ADDRESS, **{**values, "owners": []})
    assert "owners" in project.iac("plan").out
    assert project.apply().code == 0
    assert CLIENT_ID not in [client.client_id for client in project.sandbox.iam.world.store.owned(account)]


def test_owners_that_are_ignored_are_left_as_people_made_them(project: Project) -> None:
    account = project.sandbox.iam.world.store.account_by_name("test")
    assert account is not None
    values = json.loads(project.read(f"clients.d/{ADDRESS}.yaml"))
    assert project.apply().code == 0
    project.define(ADDRESS, **{**values, "owners": [account.uuid], "lifecycle": {"ignore_changes": ["owners"]}})
    assert project.apply().code == 0
    assert CLIENT_ID not in [client.client_id for client in project.sandbox.iam.world.store.owned(account)]
    assert project.iac("plan", "--detailed-exitcode").code == 0


def test_moving_a_definition_keeps_client_and_secret(project: Project) -> None:
    assert project.apply().code == 0
    secret = project.registered(CLIENT_ID).client_secret
    text = project.read(f"clients.d/{ADDRESS}.yaml")
    (project.root / f"clients.d/{ADDRESS}.yaml").unlink()
    project.write("clients.d/new/place.yaml", text)
    project.write("iac.yaml", project.read("iac.yaml") + f"moved: [{{from: {ADDRESS}, to: new/place}}]\n")
    assert "moved" in project.iac("plan").out
    assert project.apply().code == 0
    assert project.registered(CLIENT_ID).client_secret == secret
    (project.root / "out/portal.env").unlink()
    assert project.iac("render").code == 0
    assert _secret_on_disk(project) == secret


def test_json_report_and_exit_code_agree(project: Project) -> None:
    """failures.md 17."""
    done = project.apply("--format", "json")
    assert done.code == 0
    report = done.json()
    assert report["complete"] is True
    assert [entry["address"] for entry in report["done"]] == [ADDRESS]
    assert project.apply("--format", "json").json()["done"] == []


def test_show_and_whoami_say_no_secret(project: Project) -> None:
    assert project.apply().code == 0
    secret = project.registered(CLIENT_ID).client_secret
    assert secret is not None
    for command in (["show", ADDRESS], ["show", CLIENT_ID, "--format", "json"], ["whoami"], ["state", "show", ADDRESS]):
        said = project.iac(*command)
        assert said.code == 0, said.err
        assert secret not in said.out + said.err


def test_flags_are_shown_to_people_in_words(project: Project, flavour: str) -> None:
    assert project.apply().code == 0
    assert re.search(r"^  require_auth_time +false$", project.iac("show", ADDRESS).out, re.MULTILINE)
    said = project.iac("whoami").out
    assert re.search(rf"^shows_secrets +{'no' if flavour == '1.14' else 'yes'}$", said, re.MULTILINE)


def test_a_released_field_is_said_once_and_keeps_the_servers_value(project: Project) -> None:
    values = {**json.loads(project.read(f"clients.d/{ADDRESS}.yaml")), "outputs": []}
    project.define(ADDRESS, **{**values, "client_description": "declared"})
    assert project.apply().code == 0
    project.define(ADDRESS, **values)
    said = project.iac("plan", "--detailed-exitcode")
    assert said.code == 0
    assert "released team/portal: client_description" in said.out
    assert project.apply().code == 0
    assert "released" not in project.iac("plan").out
    assert project.registered(CLIENT_ID).client_description == "declared"


def test_the_login_client_is_never_managed(project: Project) -> None:
    project.define("own", client_id="admin-client-rw", grant_types=["client_credentials"], adopt=True)
    said = project.apply()
    assert said.code == 3
    assert "iac itself logs in with" in said.out


def test_whoami_needs_neither_definitions_nor_state(project: Project) -> None:
    """The first thing to try in a new project."""
    shutil.rmtree(project.root / "clients.d")
    shutil.rmtree(project.root / ".iac")
    said = project.iac("whoami", "--format", "json")
    assert said.code == 0, said.err
    assert said.json()["subject"] == "admin-client-rw"


def test_a_template_that_cannot_be_compiled_is_said_by_the_plan(project: Project) -> None:
    project.write("templates/portal.j2", "{% if client %}\nno end")
    project.edit(f"clients.d/{ADDRESS}.yaml", '"dotenv"', '"portal.j2"')
    said = project.iac("plan")
    assert said.code == 1
    assert "templates/portal.j2" in said.err
