"""From files to what planning gets: merging, canonical values, environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.config.definitions import load_environment, load_project, validate_project
from iac.core.desired import ChangeLimits, Disposition, Lifecycle, MovedEntry, OutputSpec, RemovedEntry
from iac.core.errors import InputError, InvalidInput, Location
from iac.core.model import FIELDS
from tests.config.given import CLIENT, PROJECT, RECIPIENT, client, write

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.desired import Desired, DesiredClient

ALWAYS = {name for name, field in FIELDS.items() if field.always}


def desired(root: Path, files: dict[str, str], environment: str | None = None) -> Desired:
    return load_environment(load_project(write(root, files)), environment)[0]


def one(root: Path, *lines: str, **files: str) -> DesiredClient:
    """The only definition: `a/portal`, a client without users."""
    text = client("portal", "grant_types: [client_credentials]", *lines)
    return desired(root, {"clients.d/a/portal.yaml": text, **files}).clients["a/portal"]


def test_a_definition_becomes_canonical(tmp_path: Path) -> None:
    text = """\
# the portal
client_id: portal
client_name: Portal
grant_types: [token-exchange, client_credentials, client_credentials, "urn:ietf:params:oauth:grant-type:device_code"]
scope: profile openid  openid
contacts: [b@example.org, a@example.org]
client_description: ""
jwks_uri: null
require_auth_time: false
owners: [80E5FB8D-B7C8-451A-89BA-346AE278A66F]
secret: {serial: 3}
adopt: true
lifecycle: {prevent_destroy: true, ignore_changes: [contacts], rotate_after: 2w}
"""
    found = desired(tmp_path, {"clients.d/a/portal.yaml": text}).clients["a/portal"]
    assert {
        "client_name": "Portal",
        "grant_types": (
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        "scope": ("openid", "profile"),
        "contacts": ("a@example.org", "b@example.org"),
        "require_auth_time": False,
        "token_endpoint_auth_method": "client_secret_basic",
    } == found.fields
    names = {"client_name", "contacts", "client_description", "require_auth_time"}
    assert ALWAYS | names == found.declared
    assert ("a/portal", "portal") == (found.address, found.client_id)
    assert Location("clients.d/a/portal.yaml", 2, 1) == found.location
    assert ("80e5fb8d-b7c8-451a-89ba-346ae278a66f",) == found.owners
    assert (3, True) == (found.secret_serial, found.adopt)
    assert Lifecycle(True, frozenset({"contacts"}), 14 * 86400) == found.lifecycle  # noqa: FBT003  # prevent_destroy


def test_what_is_not_declared_has_the_meaning_of_the_contract(tmp_path: Path) -> None:
    found = desired(tmp_path, {}).clients["portal"]
    assert {
        "client_name": "Portal",
        "grant_types": ("authorization_code",),
        "redirect_uris": ("https://portal.example.org/cb",),
        "token_endpoint_auth_method": "client_secret_basic",
    } == found.fields
    assert ALWAYS | {"client_name"} == found.declared
    assert (None, 1, False, Lifecycle()) == (found.owners, found.secret_serial, found.adopt, found.lifecycle)


def test_null_and_the_empty_list_mean_empty_and_declared(tmp_path: Path) -> None:
    found = one(tmp_path, "scope: []", "contacts: null", "token_endpoint_auth_method: null", "owners: []")
    assert not {"scope", "contacts"} & set(found.fields)
    assert "client_secret_basic" == found.fields["token_endpoint_auth_method"]
    assert {"scope", "contacts", "token_endpoint_auth_method"} <= found.declared
    assert () == found.owners


def test_no_grants_at_all_can_be_declared(tmp_path: Path) -> None:
    found = desired(tmp_path, {"clients.d/a.yaml": client("a", "grant_types: []")})
    assert "grant_types" not in found.clients["a"].fields


@pytest.mark.parametrize(
    "line",
    [
        """jwk: '{"keys": [{"y": "2", "x": "1", "kty": "EC", "crv": "P-256", "extra": 1}]}'""",
        "jwk: {keys: [{kty: EC, x: '1', crv: P-256, y: '2'}]}",
    ],
)
def test_a_key_is_the_same_as_text_and_as_a_mapping(line: str, tmp_path: Path) -> None:
    expected = '{"keys":[{"crv":"P-256","kty":"EC","x":"1","y":"2"}]}'
    assert expected == one(tmp_path, line, "token_endpoint_auth_method: private_key_jwt").fields["jwk"]


def test_each_layer_lies_over_the_one_before_it(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT
        + """\
defaults: {contacts: [project@example.org], client_description: of the project, access_token_validity_seconds: 60}
environments:
  dev: {defaults: {contacts: [dev@example.org]}, state: {path: dev.json}}
  prod: {}
""",
        "clients.d/_defaults.yaml": "client_description: of the folder\nscope: [openid]\n",
        "clients.d/a/_defaults.yaml": "scope+: [profile]\nlifecycle: {prevent_destroy: true, rotate_after: 1h}\n",
        "clients.d/b/_defaults.yaml": "scope: [email]\n",
        "clients.d/a/portal.yaml": client(
            "portal",
            "grant_types: [client_credentials]",
            "scope+: email",
            "lifecycle: {rotate_after: 2h}",
            "environments: {dev: {scope+: [phone], client_description: of dev, lifecycle: {prevent_destroy: false}}}",
        ),
    }
    prod = desired(tmp_path, files, "prod").clients["a/portal"]
    assert ("email", "openid", "profile") == prod.fields["scope"]
    assert ("project@example.org",) == prod.fields["contacts"]
    assert "of the folder" == prod.fields["client_description"]
    assert 60 == prod.fields["access_token_validity_seconds"]
    assert Lifecycle(prevent_destroy=True, rotate_after=7200) == prod.lifecycle
    dev = desired(tmp_path, files, "dev").clients["a/portal"]
    assert ("email", "openid", "phone", "profile") == dev.fields["scope"]
    assert ("dev@example.org",) == dev.fields["contacts"]
    assert "of dev" == dev.fields["client_description"]
    assert Lifecycle(prevent_destroy=False, rotate_after=7200) == dev.lifecycle


def test_a_mistake_in_what_was_merged_is_said_where_it_was_written(tmp_path: Path) -> None:
    files = {
        "clients.d/_defaults.yaml": "scope: [openid,\n  proflie]\n",
        "clients.d/portal.yaml": client("portal", "grant_types: [client_credentials]", "scope+: [emial]"),
    }
    found = validate_project(write(tmp_path, files)).diagnostics
    assert [Location("clients.d/_defaults.yaml", 2, 3), Location("clients.d/portal.yaml", 4, 10)] == [
        each.location for each in found
    ]


@given(st.lists(st.sampled_from(["openid", "profile", "email", "phone"]), min_size=1), st.randoms())
def test_order_and_repetition_of_a_list_do_not_matter(names: list[str], chance: object) -> None:
    from iac.config.definition import ValuePool, canonical_fields  # not for the other tests
    from iac.config.layers import Layer, merge
    from iac.document import Document

    def scope(given: list[str] | str) -> object:
        value = {"scope": given}
        return canonical_fields(merge([Layer(Document("a", value), (), value)]), ValuePool())["scope"]

    shuffled = list(names)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert scope(names) == scope(shuffled) == scope(" ".join(names)) == tuple(sorted(set(names)))


def test_an_environment_has_the_clients_that_its_patterns_select(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT + "environments: {dev: {clients: ['dev/*', b]}, prod: {clients: [a], state: {path: p}}}\n",
        "clients.d/a.yaml": client("a", "grant_types: []"),
        "clients.d/b.yaml": client("b", "grant_types: []"),
        "clients.d/dev/x/y.yaml": client("y", "grant_types: []"),
    }
    assert ["b", "dev/x/y"] == list(desired(tmp_path, files, "dev").clients)
    assert ["a"] == list(desired(tmp_path, files, "prod").clients)


def test_a_client_id_can_differ_between_environments_and_be_shared_by_clients_of_different_ones(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT + "environments: {dev: {clients: [a]}, prod: {clients: [b]}}\n",
        "clients.d/a.yaml": client("portal", "grant_types: []", "environments: {dev: {client_id: dev-portal}}"),
        "clients.d/b.yaml": client("portal", "grant_types: []"),
    }
    assert "dev-portal" == desired(tmp_path, files, "dev").clients["a"].client_id
    assert validate_project(tmp_path).is_valid


SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO"


def test_recipients_are_a_set_of_keys_without_comments(tmp_path: Path) -> None:
    line = f"recipients: [{SSH} root@host, {RECIPIENT}, {SSH}]"
    assert (RECIPIENT, SSH) == one(tmp_path, line).recipients
    assert () == one(tmp_path, "recipients: null").recipients == one(tmp_path).recipients


@pytest.mark.parametrize(
    ("environment", "found"), [("dev", (SSH,)), ("prod", (RECIPIENT, SSH)), ("test", (RECIPIENT,))]
)
def test_an_environment_has_recipients_of_its_own(tmp_path: Path, environment: str, found: tuple[str, ...]) -> None:
    overlays = f"environments: {{dev: {{recipients: [{SSH}]}}, prod: {{recipients+: [{SSH}]}}}}"
    files = {
        "iac.yaml": PROJECT + "environments: {dev: {}, prod: {}, test: {}}\n",
        "clients.d/a.yaml": client("portal", "grant_types: []", f"recipients: [{RECIPIENT}]", overlays),
    }
    assert found == desired(tmp_path, files, environment).clients["a"].recipients


def test_an_environment_without_encryption_takes_the_recipients_out(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT + "environments: {dev: {state: {encryption: none}}, prod: {}}\n",
        "clients.d/a.yaml": client("portal", "grant_types: []", f"recipients: [{RECIPIENT}]"),
    }
    found = validate_project(write(tmp_path, files)).diagnostics
    assert ["recipients-without-encryption"] == [each.id for each in found]
    files["clients.d/a.yaml"] += "environments: {dev: {recipients: []}}\n"
    assert () == validate_project(write(tmp_path, files)).diagnostics


def test_outputs_of_definitions_and_of_the_project(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT
        + """\
outputs:
  - {template: two.j2, path: ./out//two, clients: {auth: a, admin: b}, values: {idp: wlcg}}
environments:
  dev:
    outputs+: [{template: json, path: out/list, clients: [b, a], mode: "0640"}]
""",
        "templates/two.j2": "",
        "clients.d/a.yaml": client("a", "grant_types: []", "outputs: [{template: dotenv, path: out/a.env}]"),
        "clients.d/b.yaml": client("b", "grant_types: []"),
    }
    assert (
        OutputSpec("dotenv", "out/a.env", ("a",), Location("clients.d/a.yaml", 4, 11)),
        OutputSpec(
            "two.j2", "out/two", ("a", "b"), Location("iac.yaml", 6, 5), names=("auth", "admin"), values={"idp": "wlcg"}
        ),
        OutputSpec("json", "out/list", ("b", "a"), Location("iac.yaml", 9, 16), mode=0o640),
    ) == desired(tmp_path, files).outputs


def test_an_environment_can_replace_the_outputs_of_the_project(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT
        + "outputs: [{template: json, path: out/a, clients: [portal]}]\n"
        + "environments: {dev: {outputs: []}, prod: {state: {path: p}}}\n"
    }
    assert () == desired(tmp_path, files, "dev").outputs
    assert ["out/a"] == [spec.path for spec in desired(tmp_path, files, "prod").outputs]


def test_an_output_of_a_client_that_the_environment_lacks_is_a_mistake(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT
        + "outputs: [{template: json, path: out/a, clients: [a]}]\n"
        + "environments: {dev: {clients: [b]}, prod: {clients: [a], state: {path: p}}}\n",
        "clients.d/a.yaml": client("a", "grant_types: []"),
        "clients.d/b.yaml": client("b", "grant_types: []"),
    }
    found = validate_project(write(tmp_path, files)).diagnostics
    assert [("unknown-address", "environment dev has no definition a")] == [(e.id, e.summary) for e in found]


def test_leaving_and_moving_are_taken_over(tmp_path: Path) -> None:
    text = """\
removed: [{address: old/one, then: delete}]
moved: [{from: old/portal, to: portal}]
limits: {max_deletes: null, max_updates: 7}
server_defaults: {access_token_validity_seconds: 3600}
environments: {dev: {removed: [{address: old/two, then: forget}]}}
"""
    found = desired(tmp_path, {"iac.yaml": PROJECT + text})
    assert (
        RemovedEntry("old/one", Disposition.DELETE, Location("iac.yaml", 5, 11)),
        RemovedEntry("old/two", Disposition.FORGET, Location("iac.yaml", 9, 32)),
    ) == found.removed
    assert (MovedEntry("old/portal", "portal", Location("iac.yaml", 6, 9)),) == found.moved
    assert ChangeLimits(None, 7) == found.limits
    assert {"access_token_validity_seconds": 3600} == found.server_defaults


def test_the_project_is_named_in_what_is_desired(tmp_path: Path) -> None:
    found = desired(tmp_path, {"iac.yaml": PROJECT.replace("{env: IAC_CLIENT_ID}", "iac-login")})
    assert ("demo", "default", "https://iam.example.org/", "iam-admin", "iac-login") == (
        found.project, found.environment, found.issuer, found.api.provider, found.login_client_id,
    )  # fmt: skip
    assert ChangeLimits(3, None) == found.limits


def test_invalid_definitions_are_refused_with_every_error_and_no_warning(tmp_path: Path) -> None:
    write(tmp_path, {"clients.d/a.yaml": "client_id: a\nx: 1", "clients.d/b.yaml": client("b", "scope: [proflie]")})
    project = load_project(tmp_path)
    with pytest.raises(InvalidInput) as raised:
        load_environment(project)
    assert ["missing-key", "no-redirect-uris", "unknown-key", "no-redirect-uris"] == [
        each.id for each in raised.value.diagnostics
    ]


def test_warnings_are_handed_on(tmp_path: Path) -> None:
    write(tmp_path, {"clients.d/b.yaml": client("b", "grant_types: []", "scope: [proflie]")})
    desired, _, warnings = load_environment(load_project(tmp_path))
    assert [] == warnings
    assert ["unknown-scope"] == [each.id for each in desired.clients["b"].remarks]


def test_which_environment_must_be_said_when_there_are_several(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, {"iac.yaml": PROJECT + "environments: {dev: {}, prod: {}}\n"}))
    assert ["dev", "prod"] == list(project.environments)
    for name, words in ((None, "several environments"), ("prd", "no such environment"), ("zzz", "no such environment")):
        with pytest.raises(InputError) as raised:
            project.settings(name)
        assert words in raised.value.summary
        assert raised.value.fix
    assert "prod" == project.settings("prod").environment


def test_of_one_environment_alone_the_name_can_be_left_out(tmp_path: Path) -> None:
    assert "default" == load_project(write(tmp_path, {})).settings().environment
    project = load_project(write(tmp_path, {"iac.yaml": PROJECT + "environments: {prod: {}}\n"}))
    assert "prod" == project.settings().environment
    with pytest.raises(InputError):
        project.settings("default")


def test_an_invalid_project_is_refused_with_every_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        load_project(write(tmp_path, {"iac.yaml": "project: demo\nissuer: 3\nprovder: iam-admin\n"}))
    assert ["missing-key", "wrong-type", "unknown-key"] == [each.id for each in raised.value.diagnostics]


def test_a_definition_without_a_client_id_is_for_a_provider_that_needs_none(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT.replace("iam-admin", "rfc7591"),
        "clients.d/a.yaml": CLIENT.replace("client_id", "# client_id"),
    }
    found = desired(tmp_path, files).clients["a"]
    assert "" == found.client_id
    assert {"scope", "code_challenge_method"}.isdisjoint(found.declared)


def test_ten_thousand_equal_lists_are_kept_once(tmp_path: Path) -> None:
    files = {f"clients.d/{n}.yaml": client(f"c{n}", "grant_types: []", "scope: [openid, email]") for n in range(3)}
    clients = desired(tmp_path, files).clients.values()
    assert 1 == len({id(each.fields["scope"]) for each in clients})
    assert 1 == len({id(each.declared) for each in clients})


@pytest.mark.parametrize("order", [("dev", "prod"), ("prod", "dev")])
@pytest.mark.parametrize(
    ("own", "line", "rule"),
    [
        ("defaults: {scope: [phon]}", "client_description: x", "unknown-scope"),
        (
            "auth: {method: client_credentials, client_id: portal, client_secret: {env: S}}",
            "contacts: []",
            "login-client",
        ),
    ],
    ids=["defaults", "login"],
)
def test_an_environment_shares_checks_only_with_those_that_judge_alike(
    tmp_path: Path, order: tuple[str, str], own: str, line: str, rule: str
) -> None:
    settings = {"dev": f"{{state: {{path: d}}, {own}}}", "prod": "{state: {path: p}}"}
    text = ", ".join(f"{name}: {settings[name]}" for name in order)
    files = {
        "iac.yaml": PROJECT + f"environments: {{{text}}}\n",
        "clients.d/a.yaml": client("portal", "grant_types: []", line),
    }
    found = validate_project(write(tmp_path, files)).diagnostics
    assert rule in {diagnostic.id for diagnostic in found}
    alone = validate_project(tmp_path, environment="prod").diagnostics
    assert rule not in {diagnostic.id for diagnostic in alone}
