"""`iac import`, on every flavour: definitions of what is registered, adopted without a change."""

from __future__ import annotations

import io
import json
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iac.core import server
from iac.core.model import FIELDS
from iac.document import parse_document
from iac.sandbox.model import Client
from iac.sandbox.seed import Seed
from iac.sandbox.server import Sandbox, start_sandbox
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.project import Project, Said

SEED = Path(__file__).parents[1] / "fixtures/iam/seed.json"
ONLY_NEWEST = pytest.mark.parametrize("flavour", ["1.14"])
LOGIN = "admin-client-rw"
CANARY = "canary-of-an-export"
WAIVING = ("--waive-until", "2999-12-31")


@pytest.fixture
def sandbox(flavour: str) -> Iterator[Sandbox]:
    """The IAM with the clients of its own test data."""
    with start_sandbox(flavour, seed=Seed.load(str(SEED))) as running:
        yield running


@pytest.fixture
def empty(project: Project) -> Project:
    """A project as `iac init` leaves it: no definition yet."""
    (project.root / "clients.d/team/portal.yaml").unlink()
    (project.root / "clients.d/team").rmdir()
    return project


def seeded(flavour: str) -> dict[str, dict[str, Any]]:
    clients = json.loads(SEED.read_text(encoding="utf-8"))[f"clients_{flavour}"]
    return {client["client_id"]: client for client in clients if client["client_id"] != LOGIN}


def registered(project: Project, **values: Any) -> Client:
    """Somebody registers a client by hand."""
    store = project.sandbox.iam.world.store
    given = {"client_id": "by-hand", "client_name": "Made by hand", "client_secret": "some-secret", **values}
    return store.put(Client(key=store.new_key(), **given))


def files(project: Project) -> dict[str, str]:
    found = sorted((project.root / "clients.d").rglob("*"))
    return {path.relative_to(project.root).as_posix(): path.read_text("utf-8") for path in found if path.is_file()}


def values(text: str) -> dict[str, Any]:
    document, mistakes = parse_document(text.encode(), "a.yaml")
    assert document is not None
    assert [] == mistakes
    found: dict[str, Any] = document.value
    return found


def adopts_alone(said: Said) -> bool:
    """Whether a plan adopts and changes no field of any client."""
    changes = said.json()["changes"]
    return bool(changes) and all(change["action"] == "adopt" and not change["fields"] for change in changes)


def test_all_clients_of_an_iam_are_taken_over_without_a_change(empty: Project, flavour: str) -> None:
    held = {client_id: empty.registered(client_id) for client_id in seeded(flavour)}
    said = empty.iac("import", "--match", "*", *WAIVING, "--format", "json")
    assert said.code == 0, said.err
    assert set(held) == {each["client_id"] for each in said.json()["written"]}
    assert [{"client_id": LOGIN, "reason": "it is the client that iac itself logs in with"}] == said.json()["skipped"]
    assert (empty.iac("validate").code, empty.iac("fmt", "--check", "clients.d").code) == (0, 0)
    assert adopts_alone(empty.iac("plan", "--format", "json"))
    applied = empty.apply()
    assert applied.code == 0, applied.out + applied.err
    assert "no changes" in empty.iac("plan").out
    assert empty.iac("plan", "--detailed-exitcode").code == 0
    assert held == {client_id: empty.registered(client_id) for client_id in held}


def test_a_definition_holds_no_default_beside_the_always_managed_fields(empty: Project, flavour: str) -> None:
    assert empty.iac("import", "--match", "*").code == 0
    defaults, clients = server.defaults(), seeded(flavour)
    assert len(clients) == len(files(empty))
    for text in files(empty).values():
        written = values(text)
        assert written["adopt"] is True
        for name, value in written.items():
            field = FIELDS.get(name)
            if field is not None and not field.always:
                assert value not in {None, defaults.get(name)} if not isinstance(value, list | dict) else value
        assert "grant_types" in written
        assert "token_endpoint_auth_method" in written


def test_what_is_not_always_managed_is_as_registered_or_a_default(empty: Project, flavour: str) -> None:
    assert empty.iac("import", "refresh-client", "public-dc-client", "client").code == 0
    written = values(files(empty)["clients.d/refresh-client.yaml"])
    assert {
        "client_id": "refresh-client",
        "client_name": "Refresh Flow client",
        "redirect_uris": ["http://localhost:4000/callback"],
        "grant_types": ["authorization_code", "password", "refresh_token", "device_code"],
        "scope": [
            "address",
            "email",
            "offline_access",
            "openid",
            "phone",
            "profile",
            "storage.read:/",
            "storage.write:/",
        ],
        "token_endpoint_auth_method": "client_secret_basic",
        "require_auth_time": True,
        "refresh_token_validity_seconds": 36000,
        "device_code_validity_seconds": 30,
        "reuse_refresh_token": True,
        "clear_access_tokens_on_refresh": True,
        "adopt": True,
    } == written
    assert values(files(empty)["clients.d/public-dc-client.yaml"])["allow_introspection"] is False
    assert sorted(seeded(flavour)["client"]["owners"]) == values(files(empty)["clients.d/client.yaml"])["owners"]


def test_the_key_of_a_client_comes_along_where_the_server_shows_it(empty: Project, flavour: str) -> None:
    said = empty.iac("import", "jwt-auth-private_key_jwt")
    text = empty.read("clients.d/jwt-auth-private_key_jwt.yaml")
    if flavour == "1.14":
        assert "the server does not show its key" in said.err
        assert "# the server does not show its key: declare jwks_uri (better) or jwk" in text
        assert "jwk" not in values(text)
    else:
        assert "its key" not in said.err
        assert [key["kid"] for key in values(text)["jwk"]["keys"]] == ["rsa1"]
    plan = empty.iac("plan", "--format", "json")
    assert adopts_alone(plan)
    ids = [finding["id"] for finding in plan.json()["findings"]]
    assert ("adopted-without-key" in ids) == (flavour == "1.14")
    assert empty.apply().code == 0
    assert "no changes" in empty.iac("plan").out


def test_an_update_that_would_erase_a_key_that_is_not_shown_is_refused(empty: Project, flavour: str) -> None:
    assert empty.iac("import", "jwt-auth-private_key_jwt").code == 0
    assert empty.apply().code == 0
    empty.edit("clients.d/jwt-auth-private_key_jwt.yaml", "private_key_jwt)", "private_key_jwt) 2")
    said = empty.apply()
    assert said.code == (3 if flavour == "1.14" else 0)
    assert ("hidden-field" in said.out) == (flavour == "1.14")


def test_no_secret_is_rotated_and_outputs_wait_for_those_that_are_not_shown(empty: Project, flavour: str) -> None:
    ids = ["client", "post-client", "jwt-auth-client_secret_jwt", "public-client"]
    secrets = {client_id: empty.registered(client_id).client_secret for client_id in ids}
    assert empty.iac("import", *ids).code == 0
    for client_id in ids:
        path = f"clients.d/{client_id}.yaml"
        empty.write(path, empty.read(path) + f"outputs: [{{template: dotenv, path: out/{client_id}.env}}]\n")
    plan = empty.iac("plan", "--format", "json")
    assert adopts_alone(plan)
    is_hidden = flavour == "1.14"
    assert empty.apply().code == 0
    assert is_hidden != (empty.root / "out/client.env").exists()
    handed = {client_id: secret for client_id, secret in secrets.items() if secret and client_id != "public-client"}
    empty.write("known.json", json.dumps(handed))
    if is_hidden:
        assert {"blocked"} == {
            output["action"]
            for change in plan.json()["changes"]
            if change["client_id"] in handed
            for output in change["outputs"]
        }
        assert empty.iac("secret", "import", "known.json").code == 0
        assert empty.apply().code == 0
    assert "no changes" in empty.iac("plan").out
    assert empty.iac("render", "--check").code == 0
    for client_id, secret in handed.items():
        assert secret in empty.read(f"out/{client_id}.env")
    assert secrets == {client_id: empty.registered(client_id).client_secret for client_id in ids}
    assert logs_in(empty.sandbox.iam, "post-client", "secret")


def test_no_secret_that_the_server_shows_is_said_or_written(empty: Project, flavour: str) -> None:
    registered(empty, client_secret=CANARY, redirect_uris=("https://a.example.org/cb",))
    said = empty.iac("-vv", "import", "by-hand", "--match", "id=by*", "--secrets-to", "known.json")
    assert said.code == 0, said.err
    assert CANARY not in said.out + said.err
    assert not [text for text in files(empty).values() if CANARY in text]
    assert (empty.root / "known.json").exists() == (flavour != "1.14")


def test_what_policy_refuses_is_told_and_waived_only_when_asked_for(empty: Project) -> None:
    said = empty.iac("import", "client-cred", "public-client")
    assert "policy refuses (password-grant) until you fix or waive it: client-cred" in said.err
    assert "waive" not in empty.read("clients.d/client-cred.yaml")
    assert empty.iac("plan").code == 3
    (empty.root / "clients.d/client-cred.yaml").unlink()
    said = empty.iac("import", "client-cred", *WAIVING, "--format", "json")
    assert [["password-grant"]] == [each["waived"] for each in said.json()["written"]]
    assert [[]] == [each["refused_by_policy"] for each in said.json()["written"]]
    assert "policy refuses" not in said.err
    assert empty.iac("fmt", "--check", "clients.d").code == 0
    assert (empty.iac("validate").code, empty.iac("plan").code) == (0, 0)


@ONLY_NEWEST
class TestChoosing:
    @pytest.mark.parametrize(
        ("match", "expected"),
        [
            ("scim*", {"scim-client-ro", "scim-client-rw"}),
            ("name=*READ-ONLY*", {"admin-client-ro", "scim-client-ro"}),
            ("id=scim-client-r[ow]", {"scim-client-ro", "scim-client-rw"}),
            ("scope=proxy:*", {"password-grant"}),
            ("contact=*@example.org", set()),
            ("contact=test@example.com", {"device-code-client"}),
            ("owner=167e359e-*", {"client", "tasks-app"}),
        ],
    )
    def test_clients_are_found_by_what_they_are(self, empty: Project, match: str, expected: set[str]) -> None:
        said = empty.iac("import", "--match", match, "--format", "json")
        if expected:
            assert expected == {each["client_id"] for each in said.json()["written"]}
        else:
            assert (said.code, files(empty)) == (1, {})
            assert "no client fits, nothing is written" in said.err

    def test_names_and_patterns_go_together(self, empty: Project) -> None:
        said = empty.iac("import", "client", "--match", "scim*ro", "--match", "name=tasks*", "--format", "json")
        assert ["client", "scim-client-ro", "tasks-app"] == [each["client_id"] for each in said.json()["written"]]

    def test_a_client_id_that_is_not_there_keeps_all_from_being_written(self, empty: Project) -> None:
        said = empty.iac("import", "client", "no-such", "nor-this")
        assert (said.code, files(empty)) == (1, {})
        assert "no-such: there is no such client; nor-this: there is no such client" in said.err or (
            "nor-this: there is no such client; no-such: there is no such client" in said.err
        )

    def test_a_client_that_is_never_managed_is_refused_by_name_and_passed_over_by_pattern(self, empty: Project) -> None:
        registered(empty, client_id="dashboard")
        registered(empty, client_id="agent", client_name="oidc-agent:laptop")
        registered(empty, client_id="self-made", client_name="Own one", dynamically_registered=True)
        for client_id, why in {
            "dashboard": "IAM's own dashboard client",
            "agent": "a person's oidc-agent client",
            LOGIN: "the client that iac itself logs in with",
        }.items():
            said = empty.iac("import", "client", client_id)
            assert (said.code, files(empty)) == (1, {})
            assert f"{client_id}: it is {why}" in said.err
        said = empty.iac("import", "--match", "*")
        assert "self-made is not imported: somebody registered it in self service" in said.err
        assert not [
            text for text in files(empty).values() if values(text)["client_id"] in {"dashboard", "agent", LOGIN}
        ]
        assert empty.iac("import", "self-made", "--to", "mine").code == 0
        assert "clients.d/mine/self-made.yaml" in files(empty)

    def test_what_is_defined_already_is_not_defined_twice(self, empty: Project) -> None:
        assert empty.iac("import", "client", "--to", "team").code == 0
        before = files(empty)
        said = empty.iac("import", "client")
        assert (said.code, files(empty)) == (1, before)
        assert "client: it is defined already, as team/client" in said.err
        said = empty.iac("import", "--match", "client", "--match", "tasks-app")
        assert "client is not imported: it is defined already, as team/client" in said.err
        assert {*before, "clients.d/tasks-app.yaml"} == set(files(empty))

    def test_a_file_that_is_there_is_never_overwritten(self, empty: Project) -> None:
        empty.write("clients.d/client.yaml.bak", "kept")
        empty.write("clients.d/deeper/tasks-app.txt", "kept")
        (empty.root / "clients.d/client.yaml").symlink_to("nowhere")
        said = empty.iac("import", "client", "tasks-app")
        assert said.code == 1
        assert "client.yaml" in said.err
        assert not (empty.root / "clients.d/tasks-app.yaml").exists()

    def test_an_address_that_is_taken_gets_another_name_beside_it(self, empty: Project) -> None:
        empty.define("client", client_id="other", redirect_uris=["https://a.example.org/"])
        assert empty.iac("import", "client").code == 0
        assert "client" == values(empty.read("clients.d/client-test-client.yaml"))["client_id"]

    def test_wrong_words_on_the_command_line_are_told(self, empty: Project) -> None:
        for arguments, why in {
            (): "name a CLIENT_ID, --match [KIND=]GLOB or --from FILE",
            ("--match", "nick=a*"): "nick= is unknown: use id=, name=, scope=, contact=, owner=",
            ("--match", "name="): "the pattern is empty",
            ("client", "--to", "../out"): "--to FOLDER",
            ("client", "--waive-until", "soon"): "YYYY-MM-DD",
            ("client", "--waive-until", "2020-01-01"): "still to come",
            ("--from", "x.json", "--match", "owner=a"): "leave out --from",
        }.items():
            said = empty.iac("import", *arguments)
            assert (said.code, why in said.err) == (64, True), said.err


@ONLY_NEWEST
class TestHostile:
    def test_half_of_a_character_is_told(self, empty: Project) -> None:
        client = {"client_id": "half", "client_name": "Half", "jwk": {"keys": [{"kty": "EC", "kid": "\ud800"}]}}
        empty.write("half.json", json.dumps(client))
        said = empty.iac("import", "--from", "half.json")
        assert (said.code, files(empty)) == (1, {})
        assert "half: no definition can say what it is" in said.err

    def test_a_folder_that_leads_out_of_the_project_gets_nothing(self, empty: Project) -> None:
        elsewhere = empty.root.parent / "elsewhere"
        elsewhere.mkdir()
        (empty.root / "clients.d/team").symlink_to(elsewhere)
        said = empty.iac("import", "client", "--to", "team")
        assert (said.code, list(elsewhere.iterdir())) == (1, [])
        assert "symbolic link" in said.err

    def test_text_of_users_goes_into_definitions_as_it_is_and_leads_nowhere(self, empty: Project) -> None:
        name = "&x *y ${A: [}] # - 'q' \"p\" NO: yes\ttab"
        registered(empty, client_id="../../etc/passwd~x".replace("/", "_"), client_name=name.replace("${A", "{A"))
        registered(empty, client_id="on", client_name="null")
        registered(empty, client_id="0x1F", client_name="12e3 is no number")
        said = empty.iac("import", "--match", "name=*no*", "--match", "name=null", "--format", "json")
        assert said.code == 0, said.err
        written = {each["client_id"]: values(empty.read(each["file"])) for each in said.json()["written"]}
        assert "null" == written["on"]["client_name"]
        assert "on" == written["on"]["client_id"]
        assert "0x1F" == written["0x1F"]["client_id"]
        assert all(path.startswith("clients.d/") and ".." not in path for path in files(empty))
        assert empty.iac("validate").code == 0
        assert empty.iac("fmt", "--check", "clients.d").code == 0
        assert adopts_alone(empty.iac("plan", "--format", "json"))

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ({"client_name": "abc"}, "client_name must be 4 to 256 characters long"),
            ({"client_name": "a\u202ebcdef"}, "client_name: it has invisible characters"),
            ({"scope": ("a\u200bb",)}, "scope: it has invisible characters"),
            ({"redirect_uris": ("https://a.example.org/${HOST}",)}, "contains the placeholder ${HOST}"),
            ({"redirect_uris": ("no-scheme",)}, "redirect"),
        ],
    )
    def test_what_no_definition_can_say_is_refused_with_the_reason(
        self, empty: Project, given: dict[str, Any], why: str
    ) -> None:
        client_id = str(registered(empty, **given).client_id)
        said = empty.iac("import", "--", client_id)
        assert (said.code, files(empty)) == (1, {})
        assert "no definition can say what it is" in said.err
        assert why in said.err
        assert empty.iac("import", "--match", f"id={client_id}", "--match", "client").code == 0
        assert {"clients.d/client.yaml"} == set(files(empty))

    def test_fields_that_no_definition_may_have_are_left_out_with_a_comment(self, empty: Project) -> None:
        registered(empty, client_description="a\u200bb", contacts=("no mail",), client_uri="not a uri")
        said = empty.iac("import", "by-hand")
        assert said.code == 0, said.err
        text = empty.read("clients.d/by-hand.yaml")
        for name in ("client_description", "contacts", "client_uri"):
            assert f"\n# {name} is left out: " in text
            assert f"by-hand: {name} is left out: " in said.err
            assert name not in values(text)
        assert adopts_alone(empty.iac("plan", "--format", "json"))

    def test_an_id_that_is_another_path_is_passed_over(self, empty: Project) -> None:
        for client_id in ("../../iac", "a/b", "c%2fd", "e;f", "g h", "i\u202ej"):
            registered(empty, client_id=client_id)
        said = empty.iac("import", "--match", "name=made by hand", "--match", "client")
        assert said.code == 0, said.err
        assert {"clients.d/client.yaml", "clients.d/g-h.yaml"} == set(files(empty))
        assert said.err.count("no definition can say what it is: client_id") == 5
        assert empty.iac("import", "--match", "owner=167e359e-*", "--to", "x").code == 0

    def test_an_entry_that_has_lost_its_id_is_stepped_over(self, empty: Project) -> None:
        registered(empty, client_id=None, client_name="Lost its id")
        assert empty.iac("import", "--match", "name=lost*").code == 1
        assert empty.iac("import", "--match", "name=lost*", "--match", "owner=167e359e-*").code == 0
        assert {"clients.d/client.yaml", "clients.d/tasks-app.yaml"} == set(files(empty))

    def test_owners_that_are_no_accounts_are_left_out(self, empty: Project) -> None:
        registered(empty, redirect_uris=("https://a.example.org/cb",))
        store = empty.sandbox.iam.world.store
        account = replace(next(iter(store.accounts.values())), uuid="not-a-uuid")
        store.accounts[account.uuid] = replace(account, representation={**account.representation, "id": account.uuid})
        store.link(empty.registered("by-hand"), store.accounts[account.uuid])
        said = empty.iac("import", "by-hand")
        assert said.code == 0, said.err
        assert "# owners is left out: " in empty.read("clients.d/by-hand.yaml")

    def test_clients_of_one_name_get_files_of_their_own(self, empty: Project) -> None:
        one, two = "11111111-2222-4333-8444-555555555555", "21111111-2222-4333-8444-555555555555"
        for client_id in (one, two):
            registered(empty, client_id=client_id, client_name="Zürich Portal / Öffentlich")
        assert empty.iac("import", one, two).code == 0
        assert {"clients.d/zurich-portal-offentlich.yaml", f"clients.d/zurich-portal-offentlich-{two}.yaml"} == set(
            files(empty)
        )


@ONLY_NEWEST
class TestDefaults:
    def test_what_the_defaults_say_is_not_said_again_and_what_they_do_not_mean_is(self, empty: Project) -> None:
        empty.edit("iac.yaml", "state:\n", "server_defaults: {refresh_token_validity_seconds: 36000}\nstate:\n")
        empty.write("iac.yaml", empty.read("iac.yaml") + "defaults: {contacts: [admin@example.com]}\n")
        empty.write(
            "clients.d/web/_defaults.yaml", "reuse_refresh_token: true\nscope: [openid]\njwks_uri: https://a.org/\n"
        )
        assert empty.iac("import", "refresh-client", "client", "jwt-auth-client_secret_jwt", "--to", "web").code == 0
        refresh = values(empty.read("clients.d/web/refresh-client.yaml"))
        assert "refresh_token_validity_seconds" not in refresh
        assert "reuse_refresh_token" not in refresh
        assert refresh["contacts"] == []
        assert refresh["jwks_uri"] is None
        assert "contacts" not in values(empty.read("clients.d/web/client.yaml"))
        assert adopts_alone(empty.iac("plan", "--format", "json"))

    def test_what_a_plan_will_change_all_the_same_is_told(self, empty: Project) -> None:
        empty.write("clients.d/_defaults.yaml", "access_token_validity_seconds: 7200\n")
        said = empty.iac("import", "tasks-app")
        assert "tasks-app: a plan changes access_token_validity_seconds" in said.err

    def test_defaults_with_a_mistake_stop_it(self, empty: Project) -> None:
        empty.write("clients.d/_defaults.yaml", "scopes: [openid]\n")
        said = empty.iac("import", "client")
        assert said.code == 1
        assert "clients.d/_defaults.yaml:1:1: error: unknown key scopes" in said.err
        assert {"clients.d/_defaults.yaml"} == set(files(empty))

    def test_defaults_that_are_no_yaml_stop_it(self, empty: Project) -> None:
        empty.write("clients.d/web/_defaults.yaml", "scope: [\n")
        said = empty.iac("import", "client", "--to", "web/deeper")
        assert said.code == 1
        assert "clients.d/web/_defaults.yaml:2:1: error" in said.err

    def test_mistakes_elsewhere_stop_nobody(self, empty: Project) -> None:
        empty.write("clients.d/broken.yaml", "client_id: [\n")
        empty.write("clients.d/web/_defaults.yaml", "scopes: [openid]\n")
        assert empty.iac("import", "client").code == 0

    def test_environments_that_have_the_definitions_too_are_named(self, empty: Project) -> None:
        text = empty.read("iac.yaml")
        lineage = next(line.strip() for line in text.splitlines() if "lineage" in line)
        kept = [line for line in text.splitlines() if "lineage" not in line and "path" not in line]
        state = f"state: {{path: .iac/state.json, {lineage}}}"
        more = [
            "environments:",
            "  dev: {state: {path: dev.json}}",
            f"  prod: {{clients: [prod/*], {state}}}",
        ]
        empty.write("iac.yaml", "\n".join([*kept, *more, ""]))
        said = empty.iac("--env", "prod", "import", "client")
        assert (said.code, files(empty)) == (1, {})
        assert "environments.prod.clients selects no client; --to FOLDER" in said.err
        said = empty.iac("--env", "prod", "import", "client", "--to", "prod", "--format", "json")
        assert said.json()["other_environments"] == ["dev"]
        assert "these definitions also count for dev" in said.err
        assert empty.iac("import", "client").code == 1


def exported(**more: Any) -> dict[str, Any]:
    return {
        "client_id": "exported",
        "client_name": "From elsewhere",
        "client_secret": CANARY,
        "registration_access_token": f"{CANARY}-rat",
        "redirect_uris": ["https://app.example.org/cb"],
        "grant_types": ["authorization_code"],
        "scope": "openid profile",
        **more,
    }


@ONLY_NEWEST
class TestFiles:
    def import_json(self, project: Project, value: Any, *arguments: str) -> Said:
        project.write("export.json", json.dumps(value))
        said = project.iac("import", "--from", "export.json", *arguments)
        assert CANARY not in said.out + said.err
        assert not [text for text in files(project).values() if CANARY in text]
        return said

    def test_it_needs_no_login(self, empty: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("IAC_CLIENT_ID")
        monkeypatch.delenv("IAC_CLIENT_SECRET")
        empty.sandbox.log.clear()
        assert self.import_json(empty, [exported()]).code == 0
        assert [] == list(empty.sandbox.log)

    def test_a_secret_goes_into_a_file_for_secret_import_and_nowhere_else(self, empty: Project) -> None:
        registered(empty, client_id="exported", client_name="From elsewhere", client_secret=CANARY,
                   redirect_uris=("https://app.example.org/cb",), grant_types=("authorization_code",),
                   scope=("openid", "profile"))  # fmt: skip
        said = self.import_json(empty, exported(), "--secrets-to", "secrets.json")
        assert said.code == 0, said.err
        assert "secrets.json holds secrets in clear (1)" in said.err
        secrets = empty.root / "secrets.json"
        assert {"exported": CANARY} == json.loads(secrets.read_text("utf-8"))
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
        assert adopts_alone(empty.iac("plan", "--format", "json"))
        assert empty.apply().code == 0
        assert empty.iac("secret", "import", "secrets.json").code == 0
        assert "no changes" in empty.iac("plan").out

    def test_that_secrets_stay_where_they_are_is_told(self, empty: Project) -> None:
        said = self.import_json(empty, exported())
        assert (
            "secrets in export.json are not imported (--secrets-to FILE, or iac secret set ADDR): exported" in said.err
        )

    def test_a_source_without_secrets_makes_no_file_for_them(self, empty: Project) -> None:
        said = empty.iac("import", "client", "--secrets-to", "secrets.json")
        assert said.code == 0
        assert "the source shows no secret: secrets.json is not written" in said.err
        assert not (empty.root / "secrets.json").exists()

    def test_nothing_is_written_when_the_file_for_secrets_is_there(self, empty: Project) -> None:
        empty.write("secrets.json", "kept")
        said = self.import_json(empty, exported(), "--secrets-to", "secrets.json")
        assert (said.code, files(empty), empty.read("secrets.json")) == (1, {}, "kept")

    def test_a_request_is_a_client_to_be_made(self, empty: Project) -> None:
        request = {
            "client_name": "New Portal",
            "redirect_uris": ["https://new.example.org/cb"],
            "logo_uri": "https://a/",
        }
        said = self.import_json(empty, request)
        assert said.code == 0, said.err
        assert {
            "client_id": "new-portal",
            "client_name": "New Portal",
            "redirect_uris": ["https://new.example.org/cb"],
            "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "client_secret_basic",
        } == values(empty.read("clients.d/new-portal.yaml"))
        assert "new-portal: left out, because IAM drops it: logo_uri" in said.err
        plan = empty.iac("plan", "--format", "json").json()
        assert ["create"] == [change["action"] for change in plan["changes"]]

    def test_a_client_that_is_there_twice_is_told(self, empty: Project) -> None:
        said = self.import_json(empty, [exported(), exported(client_name="The same"), exported(client_id="second")])
        assert (said.code, {"clients.d/exported.yaml", "clients.d/second.yaml"}) == (0, set(files(empty)))
        assert "exported is not imported: the source has this client_id twice" in said.err

    def test_a_folder_and_stdin_are_read_too(self, empty: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        empty.write("old/a.json", json.dumps(exported()))
        empty.write("old/deeper/b.json", json.dumps({"Resources": [exported(client_id="second")], "totalResults": 1}))
        empty.write("old/notes.txt", "no client")
        assert empty.iac("import", "--from", "old", "--match", "id=second").code == 0
        assert {"clients.d/second.yaml"} == set(files(empty))
        with monkeypatch.context() as patch:
            data = json.dumps(exported()).encode()
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
            assert empty.iac("import", "--from", "-").code == 0
        assert {"clients.d/second.yaml", "clients.d/exported.yaml"} == set(files(empty))

    def test_what_is_wrong_in_a_file_is_told_at_once_and_nothing_is_written(self, empty: Project) -> None:
        said = self.import_json(
            empty,
            [
                exported(scope=7, redirect_uris="https://a"),
                exported(jwk={"keys": [{"kty": "EC", "d": CANARY}]}),
                exported(),
            ],
        )
        assert (said.code, files(empty)) == (1, {})
        for why in (
            "[0]: redirect_uris is not a list of texts",
            "[0]: scope is not a list of texts",
            "[1]: jwk holds private",
        ):
            assert f"export.json{why}" in said.err

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (f'{{"client_secret": "{CANARY}",\n oops}}', "line 2, column 2: it is not JSON"),
            ("\ufeff[1, 2]", "[0] is not a client"),
            ("7", "it is not a client"),
            ('{"colour": "red"}', "it is not a client"),
            ("[" * 100_000, "it is nested too deep"),
        ],
    )
    def test_a_file_that_holds_no_clients_is_told(self, empty: Project, content: str, why: str) -> None:
        empty.write("export.json", content)
        said = empty.iac("import", "--from", "export.json")
        assert (said.code, files(empty)) == (1, {})
        assert f"export.json: {why}" in said.err
        assert CANARY not in said.err

    def test_a_file_that_is_not_there_is_told(self, empty: Project) -> None:
        (empty.root / "none").mkdir()
        assert "the folder has no file *.json: none" in empty.iac("import", "--from", "none").err
        said = empty.iac("import", "--from", "no-such.json")
        assert said.code == 1
        assert "the file cannot be read" in said.err


@ONLY_NEWEST
class TestNothingHalf:
    """All definitions are written, or none, and what was there stays."""

    def test_a_project_that_would_have_a_mistake_in_another_environment_is_as_before(self, empty: Project) -> None:
        text = empty.read("iac.yaml")
        lineage = next(line.strip() for line in text.splitlines() if "lineage" in line)
        kept = [line for line in text.splitlines() if "lineage" not in line and "path" not in line]
        more = [
            "environments:",
            f"  here: {{state: {{path: .iac/state.json, {lineage}}}}}",
            "  there: {state: {path: there.json}, defaults: {jwk: {keys: []}}}",
        ]
        empty.write("iac.yaml", "\n".join([*kept, *more, ""]))
        registered(empty, jwks_uri="https://a.example.org/jwks", redirect_uris=("https://a.example.org/cb",))
        empty.write("secrets-of.json", json.dumps([exported(jwks_uri="https://a.example.org/jwks")]))
        for arguments in (("by-hand",), ("--from", "secrets-of.json", "--secrets-to", "known.json")):
            said = empty.iac("--env", "here", "import", *arguments, "--to", "new/folder")
            assert (said.code, files(empty)) == (1, {})
            assert "the definition has both jwk and jwks_uri" in said.err
            assert not (empty.root / "clients.d/new").exists()
            assert not (empty.root / "known.json").exists()

    def test_a_folder_that_cannot_be_made_is_told(self, empty: Project) -> None:
        empty.write("clients.d/web", "a file")
        for folder in ("web", "web/deeper"):
            said = empty.iac("import", "client", "--to", folder)
            assert said.code == 1
            assert "Not a directory" in said.err
            assert {"clients.d/web"} == set(files(empty))

    def test_without_the_variables_of_the_login_nothing_is_read(
        self, empty: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("IAC_CLIENT_ID")
        said = empty.iac("import", "client")
        assert said.code == 1
        assert "IAC_CLIENT_ID" in said.err

    def test_two_requests_of_one_name_become_two_clients(self, empty: Project) -> None:
        request = {"client_name": "Twice", "grant_types": ["client_credentials"]}
        empty.write("two.json", json.dumps([request, request, {**request, "client_name": "日本のサービス"}]))
        said = empty.iac("import", "--from", "two.json", "--format", "json")
        assert ["twice", "twice-2", "client"] == [each["client_id"] for each in said.json()["written"]]
        assert ["twice", "twice-2", "client"] == [each["address"] for each in said.json()["written"]]

    def test_a_definition_that_would_be_too_large_is_refused(self, empty: Project) -> None:
        registered(empty, redirect_uris=tuple(f"https://a.example.org/{'x' * 2000}/{n}" for n in range(200)))
        said = empty.iac("import", "by-hand")
        assert (said.code, files(empty)) == (1, {})
        assert "the file is larger than 256 KiB" in said.err
