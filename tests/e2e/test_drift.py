"""`iac drift` from the command line, against servers of both kinds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from iac.cli.context import CommandContext
from iac.sandbox.fault import Fault, FaultKind
from iac.wiring import Access, open_session

if TYPE_CHECKING:
    from tests.e2e.project import Project

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
FILE = f"clients.d/{ADDRESS}.yaml"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def applied(project: Project) -> Project:
    assert project.apply().code == 0
    return project


def _clients(project: Project, *arguments: str) -> list[dict[str, Any]]:
    said = project.iac("drift", "--format", "json", *arguments)
    found: list[dict[str, Any]] = said.json()["clients"]
    assert said.code == (2 if found else 0), said.err
    return found


def _redefine(project: Project, **changes: Any) -> None:
    project.define(ADDRESS, **{**json.loads(project.read(FILE)), **changes})


def test_without_drift_the_exit_code_is_0_and_what_is_hidden_is_said(applied: Project, flavour: str) -> None:
    said = applied.iac("drift")
    assert (0, "") == (said.code, said.err)
    assert "Drift: nothing was changed on the server; 1 as applied." in said.out
    assert ("secret of 1 client." in said.out) == (flavour == "1.14")
    hidden = {"1.12": {}, "1.14": {ADDRESS: ["secret"]}}[flavour]
    assert hidden == applied.iac("drift", "--format", "json").json()["not_compared"]


def test_a_change_by_hand_is_told_with_exit_2_and_gone_after_apply(applied: Project) -> None:
    applied.by_hand(CLIENT_ID, grant_types=(*applied.registered(CLIENT_ID).grant_types, "password"))
    said = applied.iac("drift")
    assert said.code == 2
    assert "+ password" in said.out
    assert "### Drift: 1 changed" in applied.iac("drift", "--format", "markdown").out
    (client,) = _clients(applied, ADDRESS)
    assert [("grant_types", ["password"], "server")] == [
        (field["name"], field["added"], field["cause"]) for field in client["fields"]
    ]
    assert applied.apply().code == 0
    assert [] == _clients(applied)


def test_it_needs_no_key_no_lock_and_read_access_only(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    applied.by_hand(CLIENT_ID, client_name="Theirs")
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
    before = {path: path.read_bytes() for path in applied.root.rglob("*") if path.is_file()}
    assert 1 == len(_clients(applied))
    assert before == {path: path.read_bytes() for path in applied.root.rglob("*") if path.is_file()}


def test_what_only_the_definition_changed_is_no_drift(applied: Project) -> None:
    _redefine(applied, client_name="Renamed here", contacts=["new@example.org"])
    applied.define("team/new", grant_types=["client_credentials"])
    assert [] == _clients(applied)


def test_ignored_changes_are_no_drift(applied: Project) -> None:
    _redefine(applied, lifecycle={"ignore_changes": ["contacts"]})
    applied.by_hand(CLIENT_ID, contacts=("theirs@example.org",))
    assert [] == _clients(applied)


def test_a_secret_changed_by_hand_is_told_where_the_server_shows_it(applied: Project, flavour: str) -> None:
    applied.by_hand(CLIENT_ID, client_secret="changed-by-hand", client_name="Theirs")
    (client,) = _clients(applied)
    assert {"1.12": "changed", "1.14": "unknown"}[flavour] == client["secret"]


def test_a_client_that_is_gone_is_told(applied: Project) -> None:
    applied.sandbox.iam.world.store.remove(applied.registered(CLIENT_ID))
    (client,) = _clients(applied)
    assert client["gone"]
    assert "- team/portal: gone from the server" in applied.iac("drift").out


def test_a_server_that_is_down_is_no_drift(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    applied.sandbox.faults.add(Fault(kind=FaultKind.STATUS, times=1000))
    said = applied.iac("drift")
    assert (6, "") == (said.code, said.out)


def test_an_address_that_is_not_there_is_exit_1_with_the_nearest(applied: Project) -> None:
    said = applied.iac("drift", "team/portl")
    assert said.code == 1
    assert "did you mean team/portal?" in said.err


def test_a_run_under_way_is_said(applied: Project) -> None:
    with (
        open_session(CommandContext(directory=str(applied.root)), Access.READ) as session,
        session.backend.lock(session.holder(), timeout=0),
    ):
        said = applied.iac("drift")
    assert said.code == 0
    assert "has locked the state since" in said.err


class TestAccept:
    YAML = """\
# the portal of the team
client_id: team-portal  # never change
client_name: Client team/portal
grant_types:
  - authorization_code  # people
  - refresh_token
scope: openid profile offline_access
redirect_uris: [https://portal.example.org/cb]
contacts:
  # on call
  - ops@example.org
outputs: [{template: dotenv, path: out/portal.env}]
"""

    @pytest.fixture
    def applied(self, project: Project) -> Project:
        project.write(FILE, self.YAML)
        assert project.apply().code == 0
        return project

    def test_the_servers_values_are_written_and_comments_kept(self, applied: Project) -> None:
        client = applied.registered(CLIENT_ID)
        applied.by_hand(
            CLIENT_ID,
            client_name="Theirs: renamed",
            grant_types=(*client.grant_types, DEVICE),
            contacts=("new@example.org", "ops@example.org"),
            token_endpoint_auth_method="client_secret_post",
        )
        said = applied.iac("drift", "--accept", ADDRESS)
        assert said.code == 0, said.err
        assert f"{FILE}:4: grant_types is now authorization_code refresh_token device_code" in said.out
        expected = (
            self.YAML.replace("Client team/portal", '"Theirs: renamed"')
            .replace("- refresh_token\n", "- refresh_token\n  - device_code\n")
            .replace("- ops@example.org\n", "- ops@example.org\n  - new@example.org\n")
        )
        assert expected + "token_endpoint_auth_method: client_secret_post\n" == applied.read(FILE)
        assert [] == _clients(applied)
        plan = applied.iac("plan", "--format", "json").json()
        assert [] == [field for change in plan["changes"] for field in change["fields"]]
        assert applied.apply().code == 0
        assert applied.iac("plan", "--detailed-exitcode").code == 0

    def test_json_names_what_was_written(self, applied: Project) -> None:
        applied.by_hand(CLIENT_ID, client_name="Theirs")
        (written,) = applied.iac("drift", "--accept", ADDRESS, "--format", "json").json()["accepted"]
        assert (ADDRESS, FILE, 3, "client_name", "Theirs") == (
            written["address"],
            written["location"]["file"],
            written["location"]["line"],
            written["name"],
            written["after"],
        )

    def test_without_drift_nothing_is_written(self, applied: Project) -> None:
        said = applied.iac("drift", "--accept", ADDRESS)
        assert (0, "", self.YAML) == (said.code, said.out, applied.read(FILE))
        assert "nothing to accept" in said.err

    def test_other_fields_of_the_definition_stay_to_be_applied(self, applied: Project) -> None:
        applied.by_hand(CLIENT_ID, contacts=("theirs@example.org",))
        applied.edit(FILE, "Client team/portal", "Renamed here")
        assert applied.iac("drift", "--accept", ADDRESS).code == 0
        (change,) = applied.iac("plan", "--format", "json").json()["changes"]
        assert ["client_name"] == [field["name"] for field in change["fields"]]

    @pytest.mark.parametrize(
        ("secret", "words"), [("theirs", "`iac apply` takes the server's"), (None, "`iac apply` asks for a new one")]
    )
    def test_a_secret_cannot_be_accepted(self, applied: Project, flavour: str, secret: str | None, words: str) -> None:
        applied.by_hand(CLIENT_ID, client_secret=secret, client_name="Theirs")
        said = applied.iac("drift", "--accept", ADDRESS)
        assert (2 if flavour == "1.12" else 0) == said.code
        assert (words in said.err) is (flavour == "1.12")
        assert "client_name: Theirs\n" in applied.read(FILE)

    def test_a_hidden_key_is_said_not_to_be_known(self, applied: Project, flavour: str) -> None:
        key = {"kty": "EC", "crv": "P-256", "kid": "one", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
               "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}  # fmt: skip
        applied.write(FILE, self.YAML + f"jwk: {json.dumps({'keys': [key]})}\n")
        assert applied.apply().code == 0
        applied.by_hand(CLIENT_ID, client_name="Theirs")
        said = applied.iac("drift", "--accept", ADDRESS)
        assert ("this server does not show jwk" in said.err) is (flavour == "1.14")

    def test_a_client_that_is_gone_has_nothing_to_accept(self, applied: Project) -> None:
        applied.sandbox.iam.world.store.remove(applied.registered(CLIENT_ID))
        said = applied.iac("drift", "--accept", ADDRESS)
        assert (1, self.YAML) == (said.code, applied.read(FILE))
        assert "--recreate" in said.err

    def test_what_policy_refuses_is_not_written(self, applied: Project) -> None:
        applied.by_hand(CLIENT_ID, grant_types=(*applied.registered(CLIENT_ID).grant_types, "password"))
        said = applied.iac("drift", "--accept", ADDRESS)
        assert (1, self.YAML) == (said.code, applied.read(FILE))
        assert "password grant" in said.err

    def test_a_value_that_no_definition_may_have_is_refused(self, applied: Project) -> None:
        applied.by_hand(CLIENT_ID, client_name="${NAME}")
        said = applied.iac("drift", "--accept", ADDRESS)
        assert (1, self.YAML) == (said.code, applied.read(FILE))
        assert "fix: write them by hand" in said.err

    def test_it_goes_with_no_other_address_and_not_as_markdown(self, applied: Project) -> None:
        assert applied.iac("drift", "team/other", "--accept", ADDRESS).code == 64
        assert applied.iac("drift", "--format", "markdown", "--accept", ADDRESS).code == 64

    def test_an_unknown_address_is_exit_1(self, applied: Project) -> None:
        assert applied.iac("drift", "--accept", "team/portl").code == 1
