"""Each diagnostic of the catalogue has a project that brings it about, and says it at the right place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from iac.core.catalogue import CATALOGUE, mistake
from iac.core.errors import Severity
from iac.core.explanation import IdKind
from iac.workflow.validate import validate
from tests.config.given import CLIENT, PROJECT, RECIPIENT, client, write
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_renderer")

DEFINITION = "clients.d/portal.yaml"
OTHER = CLIENT.replace("client_id: portal", "client_id: other")
LITERAL = PROJECT.replace("{env: IAC_CLIENT_ID}", "portal")
MOVED = {"clients.d/q.yaml": OTHER, DEFINITION: CLIENT}
NOBODY = re.sub("auth:.*", "auth: {method: none}", PROJECT).replace("iam-admin", "iam-self-service")
TWO = "environments: {dev: {state: {path: dev.json}}, prod: {}}\n"


@dataclass(frozen=True)
class Case:
    """Files of a project, and the diagnostics that are expected, each as `id file:line:column`."""

    said: list[str]
    files: dict[str, str] = field(default_factory=dict)


def defined(place: str, *lines: str, name: str = "portal") -> Case:
    """A definition with more lines, and where its one mistake is."""
    rule, _, position = place.partition(" ")
    redirects = () if any("redirect_uris" in line for line in lines) else ("redirect_uris: [https://a.example.org/]",)
    return Case([f"{rule} {DEFINITION}:{position}"], {DEFINITION: client(name, *lines, *redirects)})


def configured(place: str, *lines: str, **files: str) -> Case:
    """An iac.yaml with more lines, and where its one mistake is."""
    rule, _, position = place.partition(" ")
    return Case([f"{rule} iac.yaml:{position}"], {"iac.yaml": PROJECT + "\n".join([*lines, ""]), **files})


OF_OTHERS = PROJECT.replace("iam-admin", "rfc7591")
EXTRAS = "extra: {jwks: {keys: []}, client_secret: a}"
SINKS = f"""\
sinks:
  sops: {{kind: sops}}
  age: {{kind: age}}
  cluster: {{kind: kubernetes}}
  sealed: {{kind: sops, recipients: [{RECIPIENT}]}}
"""


def with_sinks(said: list[str], outputs: str) -> Case:
    """A definition with outputs to sinks, and where its mistakes are."""
    rules = [f"{rule} {DEFINITION}:{position}" for rule, position in (each.split() for each in said)]
    redirect = "redirect_uris: [https://a.example.org/]"
    return Case(rules, {"iac.yaml": PROJECT + SINKS, DEFINITION: client("portal", outputs, redirect)})


CASES = [
    # files as text and as YAML
    Case([f"file-empty {DEFINITION}:1:1"], {DEFINITION: ""}),
    Case([f"file-too-large {DEFINITION}:1:1"], {DEFINITION: "#" * 300_000}),
    Case([f"not-utf8 {DEFINITION}:1:1"], {DEFINITION: "\ud800"}),
    defined("hidden-character 3:24", "client_description: a b\u200b"),
    Case([f"yaml-syntax {DEFINITION}:2:1"], {DEFINITION: "a: [\n"}),
    defined("yaml-alias 3:11", "contacts: *a"),
    defined("yaml-anchor 3:11", "contacts: &a [a@b.org]"),
    defined("yaml-tag 3:11", "contacts: !x [a@b.org]"),
    Case([f"yaml-directive {DEFINITION}:1:1"], {DEFINITION: f"%YAML 1.2\n---\n{CLIENT}"}),
    Case([f"yaml-documents {DEFINITION}:4:1"], {DEFINITION: f"{CLIENT}---\na: 1\n"}),
    defined("yaml-key 3:1", "1: a"),
    defined("yaml-duplicate-key 3:1", "client_name: Name"),
    Case([f"yaml-too-deep {DEFINITION}:1:33"], {DEFINITION: "[" * 40 + "]" * 40}),
    Case([f"yaml-too-large {DEFINITION}:1:40000"], {DEFINITION: "[" + "a," * 20_001 + "]"}),
    defined("yaml-number 3:32", "access_token_validity_seconds: 9999999999999999999"),
    # schema
    defined("unknown-key 3:1", "contact: [a@b.org]"),
    Case([f"missing-key {DEFINITION}:1:1"], {DEFINITION: "client_id: a\nredirect_uris: [https://a.example.org/]\n"}),
    defined("wrong-type 3:11", "contacts: 3"),
    defined("not-one-of 3:18", "response_types: [kode]"),
    defined("bad-format 3:12", "contacts: [a]"),
    defined("bad-length 3:21", f"client_description: {'x' * 1025}"),
    defined("bad-number 3:32", "access_token_validity_seconds: -3"),
    # the project
    Case(["no-project iac.yaml:1:1"], {"iac.yaml": ""}),
    Case(["no-definitions clients.d:1:1"], {"clients.d/README.md": "nothing\n"}),
    Case(["no-issuer iac.yaml:1:1"], {"iac.yaml": PROJECT.replace("issuer:", "# issuer:")}),
    configured("key-without-certificate 5:12", "tls: {key: client.key}"),
    Case(["bad-issuer iac.yaml:2:9"], {"iac.yaml": PROJECT.replace("https:", "http:")}),
    Case(["no-auth iac.yaml:1:1"], {"iac.yaml": PROJECT.replace("auth:", "# auth:")}),
    configured("bad-registration-endpoint 5:24", "registration_endpoint: https://iam.example.org/register"),
    Case(
        ["bad-registration-endpoint iac.yaml:5:24"],
        {
            "iac.yaml": f"{OF_OTHERS}registration_endpoint: https://other.example.org/register\n",
            DEFINITION: CLIENT.replace("client_id: portal\n", ""),
        },
    ),
    Case(["auth-does-not-fit iac.yaml:4:7"], {"iac.yaml": re.sub("auth:.*", "auth: {method: none}", PROJECT)}),
    Case(["login-is-nobody iac.yaml:4:7"], {"iac.yaml": PROJECT.replace("iam-admin", "iam-self-service")}),
    configured("state-shared 5:15", "state: {path: x.json}", "environments: {dev: {}, prod: {}}"),
    configured("lineage-shared 5:9", "state: {lineage: abcdefgh}", TWO.strip()),
    defined("unknown-environment 3:16", "environments: {dve: {}}"),
    configured("no-client-matches 5:32", "environments: {dev: {clients: [prtal, portal]}}"),
    # where state lives
    configured("key-of-other-backend 5:23", "state: {backend: git, bucket: bkt}"),
    configured("missing-key 5:8", "state: {backend: http}"),
    configured("bad-state-place 5:33", "state: {backend: http, address: 'http://a.example.org/s'}"),
    configured("secrets-in-history 5:35", "state: {backend: git, encryption: none}"),
    configured("secrets-in-clear 5:47", "state: {backend: s3, bucket: bkt, encryption: none}"),
    # addresses
    Case(["bad-address clients.d/a b.yaml:1:1"], {"clients.d/a b.yaml": CLIENT}),
    Case(["address-twice clients.d/a.yml:1:1"], {"clients.d/a.yaml": CLIENT, "clients.d/a.yml": CLIENT}),
    Case(["address-twice clients.d/a.yaml:1:1"], {"clients.d/A.yaml": CLIENT, "clients.d/a.yaml": OTHER}),
    configured("unknown-address 5:49", "outputs: [{template: dotenv, path: o, clients: [prtal]}]"),
    configured("removed-twice 5:63", "removed: [{address: a, then: delete}, {then: forget, address: a}]"),
    configured("removed-still-defined 5:21", "removed: [{address: portal, then: delete}]"),
    configured("moved-twice 5:31", "moved: [{from: a, to: portal},{from: b, to: portal}]"),
    configured("moved-source-exists 5:16", "moved: [{from: portal, to: q}]", **MOVED),
    configured("moved-target-missing 5:23", "moved: [{from: a, to: b}]"),
    # definitions
    Case([f"no-client-id {DEFINITION}:2:1"], {DEFINITION: CLIENT.replace("client_id", "# client_id")}),
    Case(["client-id-twice clients.d/b.yaml:1:12"], {"clients.d/a.yaml": CLIENT, "clients.d/b.yaml": CLIENT}),
    Case(
        ["client-id-of-successor clients.d/b.yaml:1:12"],
        {
            "clients.d/a.yaml": client("app", "grant_types: []", "lifecycle: {rotation: replace}"),
            "clients.d/b.yaml": client("app.r2", "grant_types: []"),
        },
    ),
    Case([f"login-client {DEFINITION}:1:12"], {"iac.yaml": LITERAL, DEFINITION: CLIENT}),
    defined("protected-client 1:12", name="dashboard"),
    Case([f"no-redirect-uris {DEFINITION}:1:1"], {DEFINITION: client()}),
    defined("no-redirect-uris 3:16", "redirect_uris: []", "grant_types: [authorization_code]"),
    defined("bad-redirect-uri 3:17", "redirect_uris: ['https://a.example.org/#x']"),
    defined("bad-redirect-uri 3:17", "redirect_uris: [a.example.org]"),
    defined("bad-redirect-uri 3:17", "redirect_uris: ['https://a b/']"),
    defined("bad-redirect-uri 3:17", "redirect_uris: ['https://a.example.org/{x}']"),
    defined("client-id-unreachable 1:12", name="a%20b"),
    Case(["definition-not-read other.yml:1:1"], {DEFINITION: client("portal", "grant_types: []"), "other.yml": CLIENT}),
    defined("possible-placeholder 3:21", "client_description: made by __NAME__"),
    defined("placeholder 3:21", "client_description: __NAME__"),
    defined("placeholder 3:8", "scope: openid $(SCOPE)"),
    defined("placeholder 3:17", "redirect_uris: ['https://<name>/cb']"),
    defined("jwk-perhaps-too-long 3:6", f"jwk: {json.dumps({'keys': [{'kty': 'RSA', 'n': 'n' * 66_000}]})}"),
    defined("bad-redirect-uri 3:17", "redirect_uris: ['http://[::1/']"),
    defined("two-key-sources 3:6", "jwk: '{\"keys\": []}'", "jwks_uri: https://a.example.org/jwks"),
    defined("no-key 3:29", "token_endpoint_auth_method: private_key_jwt"),
    defined("adopted-without-key 3:29", "token_endpoint_auth_method: private_key_jwt", "adopt: true"),
    defined("adopted-without-redirect-uris 3:16", "redirect_uris: []", "adopt: true"),
    defined("bad-jwk 3:6", "jwk: hello"),
    defined("metadata-is-dropped 3:11", "logo_uri: https://a.example.org/logo.png"),
    defined("metadata-is-dropped 3:12", "extra: {a: {b: [1]}}"),
    defined("value-is-unknown 3:18", "response_types: [id_token]"),
    Case([f"client-name-too-short {DEFINITION}:2:14"], {DEFINITION: CLIENT.replace("Portal", "abc", 1)}),
    Case(
        [f"extra-has-a-key {DEFINITION}:4:15", f"extra-of-the-server {DEFINITION}:4:42"],
        {"iac.yaml": OF_OTHERS, DEFINITION: f"{CLIENT}{EXTRAS}\n"},
    ),
    defined("tos-uri-is-dropped 3:10", "tos_uri: https://a.example.org/"),
    defined("default-max-age-is-dropped 3:18", "default_max_age: 30"),
    defined("zero-lifetime-is-the-default 3:28", "id_token_validity_seconds: 0"),
    defined("private-key-members-are-dropped 3:6", "jwk: {keys: [{kty: EC, d: x}]}"),
    Case(
        [f"recipients-without-encryption {DEFINITION}:4:13"],
        {"iac.yaml": PROJECT + "state: {encryption: none}\n", DEFINITION: CLIENT + f"recipients: [{RECIPIENT}]\n"},
    ),
    defined("too-many-scopes 3:8", f"scope: {' '.join(f'fts:{number}' for number in range(513))}"),
    # warnings; those of policy are in test_policy
    defined("waiver-unused 3:9", "waive: [{id: no-owner, reason: a test, until: '2031-01-01'}]"),
    defined("waiver-expired 3:9", "waive: [{id: no-owner, reason: a test, until: '2020-01-01'}]"),
    defined("output-open-to-others 3:53", "outputs: [{template: dotenv, path: out/a.env, mode: '0644'}]"),
    # outputs
    defined("bad-path 3:36", "outputs: [{template: dotenv, path: ../a.env}]"),
    defined("bad-path 3:36", "outputs: [{template: dotenv, path: /etc/passwd}]"),
    defined("bad-path 3:36", "outputs: [{template: dotenv, path: .}]"),
    defined("output-over-input 3:36", "outputs: [{template: dotenv, path: clients.d/b.yaml}]"),
    defined("output-over-input 3:36", "outputs: [{template: dotenv, path: ./iac.yaml}]"),
    defined("output-over-input 3:36", "outputs: [{template: dotenv, path: .iac/state.json}]"),
    defined("output-over-input 3:36", "outputs: [{template: dotenv, path: .GIT/hooks/pre-push}]"),
    defined("output-over-input 3:36", "outputs: [{template: dotenv, path: vendor/.git/config}]"),
    defined("placeholder 3:21", "client_description: Portal of @@SITE@@"),
    defined("placeholder 3:44", 'redirect_uris: ["https://a.example.org/c", "https://a.example.org/@@PATH@@"]'),
    defined("unknown-template 3:22", "outputs: [{template: dotnev, path: out/a.env}]"),
    defined("unknown-template 3:22", "outputs: [{template: a.j2, path: out/a.env}]"),
    defined("unknown-template 3:22", "outputs: [{template: ../iac.yaml.j2, path: out/a.env}]"),
    Case(
        ["bad-template templates/a.j2:2:1"],
        {DEFINITION: CLIENT + "outputs: [{template: a.j2, path: out/a.env}]\n", "templates/a.j2": "\n{{ client. }}\n"},
    ),
    defined("output-twice 3:69", "outputs: [{template: dotenv, path: out/a}, {template: dotenv, path: out/A}]"),
    defined("output-over-output 3:69", "outputs: [{template: dotenv, path: out/a}, {template: dotenv, path: out/a/b}]"),
    # sinks
    with_sinks(["unknown-sink 3:45"], "outputs: [{template: dotenv, path: a, sink: clutser}]"),
    with_sinks(["no-recipients 3:45"], "outputs: [{template: dotenv, path: a, sink: sops}]"),
    with_sinks(["no-recipients 3:45"], "outputs: [{template: dotenv, path: a, sink: age}]"),
    with_sinks(["bad-path 3:36"], "outputs: [{template: dotenv, path: ../a, sink: sealed}]"),
    with_sinks(["output-over-input 3:36"], "outputs: [{template: dotenv, path: iac.yaml, sink: sealed}]"),
    with_sinks(["bad-path 3:36"], "outputs: [{template: dotenv, path: out, sink: cluster}]"),
    with_sinks(["bad-path 3:36"], "outputs: [{template: dotenv, path: ns/A/k, sink: cluster}]"),
    with_sinks(["bad-path 3:36"], "outputs: [{template: dotenv, path: ns/a./k, sink: cluster}]"),
    with_sinks(["bad-path 3:36"], "outputs: [{template: dotenv, path: ns/a/..k, sink: cluster}]"),
    with_sinks(["unknown-key 3:63"], "outputs: [{template: dotenv, path: ns/a, sink: cluster, mode: '0600'}]"),
    with_sinks(
        ["output-twice 3:85"],
        "outputs: [{template: dotenv, path: ns/a/b, sink: cluster}, {template: dotenv, path: ns/a/c, sink: cluster}]",
    ),
    with_sinks(
        ["output-twice 3:77"], "outputs: [{template: dotenv, path: a, sink: sealed}, {template: json, path: a}]"
    ),
    configured("not-one-of 5:22", "sinks: {sops: {kind: spos}}"),
    configured("bad-format 5:9", "sinks: {file: {kind: age}}"),
    configured("unknown-key 5:24", "sinks: {a: {kind: age, encrypted_regex: ^(data)$}}"),
    configured("bad-format 5:42", "sinks: {a: {kind: sops, encrypted_regex: data}}"),
    Case(
        [f"bad-output {DEFINITION}:3:11"],
        {
            DEFINITION: client("portal", "outputs: [{template: own.j2, path: out/a}]", "redirect_uris: [https://a.b/]"),
            "templates/own.j2": "{{ client.sekret }}",
        },
    ),
    # what only self service meets
    Case(
        [f"needs-management-api {DEFINITION}:3:22", f"scope-not-granted {DEFINITION}:4:9"],
        {
            "iac.yaml": NOBODY,
            DEFINITION: client("portal", "allow_introspection: true", "scope: [scim:read]", "redirect_uris: [https://a.b/]"),
        },
    ),
    Case(
        [f"needs-management-api {DEFINITION}:3:23"],
        {
            "iac.yaml": NOBODY,
            DEFINITION: client("portal", "lifecycle: {rotation: replace}", "redirect_uris: [https://a.b/]"),
        },
    ),
    Case(
        [f"auth-time-is-dropped {DEFINITION}:3:20"],
        {"iac.yaml": NOBODY, DEFINITION: client("portal", "require_auth_time: true", "redirect_uris: [https://a.b/]")},
    ),
]  # fmt: skip

ON_DISK = {"file-unreadable", "outside-project", "linked-folder", "secret-open-to-others", "settings-changed"}
"""Ids whose cases need more than files with text; see test_tree, test_settings and test_settings_from."""

NEVER = {"schema"}
"""For keywords that no schema of ours uses yet."""


def places(root: Path) -> list[str]:
    found = validate(root).diagnostics
    return [f"{each.id} {each.location}" for each in found]


@pytest.mark.slow
@every("case", CASES, ids=lambda case: str(case.said))
def test_a_mistake_is_said_at_its_place_with_a_way_on_and_nothing_else(case: Case, tmp_path: Path) -> None:
    found = validate(write(tmp_path, case.files)).diagnostics
    assert case.said == [f"{each.id} {each.location}" for each in found]
    for each in found:
        assert each.fix or each.why
        assert all(line.isprintable() and line.strip() for line in each.lines())
        assert each.severity == CATALOGUE[each.id].level


def test_every_diagnostic_of_the_catalogue_has_a_case() -> None:
    covered = {said.split()[0] for case in CASES for said in case.said}
    configured = {entry.id for entry in CATALOGUE.values() if entry.kind is not IdKind.FINDING}
    assert configured == covered | ON_DISK | NEVER


def test_a_valid_project_has_nothing_to_say(tmp_path: Path) -> None:
    found = validate(write(tmp_path, {}))
    assert ((), 1, ("default",), True) == (found.diagnostics, found.definitions, found.environments, found.is_valid)


def test_mistakes_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    files = {
        "iac.yaml": PROJECT + "limts: {}\n",
        "clients.d/a.yaml": "client_nam: x\nscope: [1]\n",
        "clients.d/b.yaml": "a: [\n",
        "clients.d/c d.yaml": "x",
        "clients.d/_defaults.yaml": "contct: []\n",
    }
    assert [
        "missing-key clients.d/a.yaml:1:1",
        "unknown-key clients.d/a.yaml:1:1",
        "wrong-type clients.d/a.yaml:2:9",
        "yaml-syntax clients.d/b.yaml:2:1",
        "bad-address clients.d/c d.yaml:1:1",
        "unknown-key clients.d/_defaults.yaml:1:1",
        "unknown-key iac.yaml:5:1",
    ] == sorted(places(write(tmp_path, files)), key=lambda place: place.split(" ", 1)[1].replace("_", "d"))


def test_a_mistake_is_not_followed_by_others_that_come_of_it(tmp_path: Path) -> None:
    """The grants have a mistake, so whether redirect URIs are needed is not known."""
    text = client("portal", "grant_types: [client_credential]", "scope: [openid, proflie]")
    assert [
        f"bad-format {DEFINITION}:3:15", f"unknown-scope {DEFINITION}:4:17",
    ] == places(write(tmp_path, {DEFINITION: text}))  # fmt: skip


def test_a_client_id_with_a_mistake_is_not_compared(tmp_path: Path) -> None:
    files = {name: CLIENT.replace("client_id: portal", "client_id: 3") for name in ("clients.d/a.yaml", DEFINITION)}
    assert ["wrong-type clients.d/a.yaml:1:12", f"wrong-type {DEFINITION}:1:12"] == places(write(tmp_path, files))


def test_a_mistake_in_several_environments_is_said_once(tmp_path: Path) -> None:
    files = {"iac.yaml": PROJECT + TWO, DEFINITION: client()}
    assert [f"no-redirect-uris {DEFINITION}:1:1"] == places(write(tmp_path, files))


def test_a_mistake_in_one_environment_alone_is_said(tmp_path: Path) -> None:
    files = {"iac.yaml": PROJECT + TWO, DEFINITION: CLIENT + "environments: {prod: {redirect_uris: []}}\n"}
    assert [f"no-redirect-uris {DEFINITION}:4:38"] == places(write(tmp_path, files))


def test_policy_changes_what_a_warning_is(tmp_path: Path) -> None:
    text = client("portal", "scope: [proflie, scim:read]", "redirect_uris: [https://a.example.org/]")
    policy = "policy: {unknown-scope: error, privileged-scope: off}\n"
    found = validate(write(tmp_path, {"iac.yaml": PROJECT + policy, DEFINITION: text}))
    assert [("unknown-scope", Severity.ERROR)] == [(each.id, each.severity) for each in found.diagnostics]
    assert not found.is_valid


def test_a_warning_does_not_stop(tmp_path: Path) -> None:
    text = client("portal", "scope: [proflie]", "redirect_uris: [https://a.example.org/]")
    found = validate(write(tmp_path, {DEFINITION: text}))
    assert ["did you mean profile?"] == [each.fix for each in found.diagnostics]
    assert found.is_valid


def test_a_report_can_be_limited_to_files_and_folders(tmp_path: Path) -> None:
    write(tmp_path, {"clients.d/a/b.yaml": "x: 1", "clients.d/c.yaml": "x: 1", "clients.d/ab.yaml": "x: 1"})
    for paths, expected in (
        (["clients.d/a"], {"clients.d/a/b.yaml"}),
        (["clients.d/c.yaml", "iac.yaml"], {"clients.d/c.yaml"}),
        (["."], {"clients.d/a/b.yaml", "clients.d/c.yaml", "clients.d/ab.yaml"}),
    ):
        found = validate(tmp_path, paths).diagnostics
        assert expected == {each.location.file for each in found if each.location}


def test_an_unknown_id_is_a_fault_of_the_caller() -> None:
    with pytest.raises(KeyError):
        mistake("no-such-id", "x", None)
    with pytest.raises(KeyError):
        mistake("rotation-due", "x", None)


def test_text_of_others_is_made_safe_to_show() -> None:
    found = mistake("schema", "a\x1b[31m\u202e", None, why="b\nc", fix="d\r").lines()
    assert all(line.isprintable() for line in found)


@pytest.mark.parametrize(
    "outputs",
    [
        "outputs: [{template: dotenv, path: out/a, sink: sealed, mode: '0644'}]",
        "outputs: [{template: dotenv, path: ns/a.b/A.env, sink: cluster}]",
        "outputs: [{template: dotenv, path: ns/a, sink: cluster}, {template: dotenv, path: ns/a}]",
    ],
)
def test_what_a_sink_takes_is_no_mistake(tmp_path: Path, outputs: str) -> None:
    assert [] == places(write(tmp_path, with_sinks([], outputs).files))
