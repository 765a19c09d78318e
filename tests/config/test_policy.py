"""Policy on definitions and on changes: each rule by its examples, where it is said, severities and waivers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from msgspec.structs import replace

from iac.config.definitions import load_environment, validate_project
from iac.config.project import load_project
from iac.config.schema import load_schema
from iac.core.catalogue import CATALOGUE
from iac.core.errors import Severity
from iac.core.plan.make import make_plan
from iac.core.plan.plan import PlanOptions
from iac.core.policy import (
    CHANGE_RULES,
    DEFINITION_RULES,
    REGISTERED_RULES,
    RULES,
    Level,
    ReviewContext,
    asks_server,
    level,
    review,
)
from tests.config.given import CLIENT, PROJECT, write
from tests.core.build import NEW, OPTIONS, actual, applied, registered, sealed, state
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.desired import Desired
    from iac.core.errors import Diagnostic
    from iac.core.plan.plan import Plan
    from iac.core.policy import ChangeRule, DefinitionRule, RegisteredRule

FILE = "clients.d/portal.yaml"
TODAY = date(2026, 11, 23)
TODAY_SECONDS = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())
ALL_ON = f"policy: {{{', '.join(f'{rule.id}: warning' for rule in DEFINITION_RULES)}}}\n"
CHANGES_ON = f"policy: {{{', '.join(f'{rule.id}: warning' for rule in CHANGE_RULES)}}}\n"


def definition(*lines: str) -> str:
    """The usual definition, with lines instead of those that it has for the same keys."""
    keys = {line.partition(":")[0] for line in "\n".join(lines).splitlines() if not line.startswith(" ")}
    usual = [line for line in CLIENT.splitlines() if line.partition(":")[0] not in keys]
    return "\n".join([*usual[:2], *lines, *usual[2:], ""])


def said(root: Path, text: str, project: str = "", today: date | None = TODAY) -> list[Diagnostic]:
    """What validation says of one definition."""
    return list(validate_project(write(root, {"iac.yaml": PROJECT + project, FILE: text}), today=today).diagnostics)


def ids(found: list[Diagnostic]) -> list[str]:
    return [each.id for each in found]


# the registry


def test_ids_are_those_of_no_other_diagnostic() -> None:
    assert not RULES.keys() & CATALOGUE.keys()
    assert len(DEFINITION_RULES) + len(CHANGE_RULES) + len(REGISTERED_RULES) == len(RULES)


def test_schemas_offer_each_id_for_severities_and_waivers() -> None:
    assert RULES.keys() <= load_schema("project")["properties"]["policy"]["properties"].keys()
    assert list(RULES) == load_schema("client")["$defs"]["waive"]["items"]["properties"]["id"]["enum"]


def test_schemas_say_the_severity_that_is_meant_when_none_is_given() -> None:
    severities = load_schema("project")["properties"]["policy"]["properties"]
    assert {rule.id: f"Severity of {rule.id}. Default: {rule.level}." for rule in RULES.values()} == {
        name: severities[name]["description"] for name in RULES
    }


@every("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_says_what_why_whence_and_how_to_go_on(rule: DefinitionRule | ChangeRule) -> None:
    assert all([rule.what, rule.why, rule.fix])
    assert any(word in rule.source for word in ("RFC", "rec: ", "WLCG", "IAM documentation"))


# rules on definitions


@every("rule", DEFINITION_RULES, ids=lambda rule: rule.id)
def test_the_bad_example_of_a_rule_on_definitions_is_found_and_the_good_one_is_not(
    rule: DefinitionRule, tmp_path: Path
) -> None:
    assert rule.id in ids(said(tmp_path / "bad", definition(rule.bad), ALL_ON))
    assert rule.id not in ids(said(tmp_path / "good", definition(rule.good), ALL_ON))


SAID = [
    # the place is that of the item; what else is found of the same lines stands after it
    ("implicit-grant 3:15", "grant_types: [implicit]"),
    ("implicit-grant 3:24", "response_types: [code, token]"),
    ("password-grant 3:35", "grant_types: [authorization_code, password]"),
    ("public-client-without-pkce 1:1", "token_endpoint_auth_method: none"),
    ("public-client-without-pkce 4:24", "token_endpoint_auth_method: none\ncode_challenge_method: plain"),
    ("", "token_endpoint_auth_method: none\ngrant_types: [device_code]"),
    ("auth-method-enforced 3:29", "token_endpoint_auth_method: client_secret_jwt"),
    ("native-app-with-secret 1:1", "redirect_uris: ['http://127.0.0.1:8080/', 'http://[::1]/cb']"),
    ("", "redirect_uris: ['http://localhost/cb', 'https://a.example.org/cb']"),
    ("", "grant_types: [client_credentials]\nredirect_uris: []"),
    ("offline-access-without-user 4:9", "grant_types: [client_credentials, refresh_token]\nscope: [offline_access]"),
    ("", "grant_types: [client_credentials, token-exchange]\nscope: [offline_access]"),
    ("", "grant_types: [authorization_code]\nscope: [offline_access]"),
    ("refresh-token-without-offline-access 3:35", "grant_types: [authorization_code, refresh_token]"),
    ("http-redirect-uri 3:17 redirect-uri-refused 3:17", "redirect_uris: [HTTP://a.example.org/]"),
    ("custom-scheme-redirect-uri 3:34 redirect-uri-refused 3:34", "redirect_uris: [https://a.b.org, 'my.app:/c']"),
    ("custom-scheme-redirect-uri 3:34 redirect-uri-refused 3:34", "redirect_uris: [https://a.b.org, 'httpapp:/c']"),
    ("", "redirect_uris: ['edu.kit.data.oidc-agent:/redirect', 'https://a.example.org/']"),
    ("unreachable-redirect-uri 3:17", "redirect_uris: ['https:///cb']"),
    ("unreachable-redirect-uri 3:17", "redirect_uris: ['https://a.example.org:99999/cb']"),
    ("unreachable-redirect-uri 3:17", "redirect_uris: ['https://localhost:0/cb']"),
    ("unreachable-redirect-uri 3:17", "redirect_uris: ['https://[::1]:*']"),
    ("wildcard-redirect-uri 3:17", "redirect_uris: ['https://a.example.org/:*']"),
    ("wildcard-redirect-uri 3:17", "redirect_uris: ['https://a.example.org/*']"),
    ("unknown-scope 3:17", "scope: [openid, proflie]"),
    ("unknown-scope 3:8", "scope: openid proflie"),
    ("privileged-scope 3:9", "scope: [scim:read]"),
    ("storage-scope-without-path 3:9", "scope: [storage.modify]"),
    ("storage-scope-without-path 3:9", "scope: ['storage.stage:tape']"),
    ("unknown-scope 3:9", "scope: [storage.raed]"),
    ("compute-scope-with-path 3:9", "scope: ['compute.read:/a']"),
    ("two-token-profiles 3:8", "scope: kc openid iam"),
    ("lifetime-out-of-bounds 3:32", "access_token_validity_seconds: 299"),
    ("lifetime-out-of-bounds 3:28", "id_token_validity_seconds: 21601"),
    ("lifetime-out-of-bounds 3:33", "refresh_token_validity_seconds: 0"),
    ("", "refresh_token_validity_seconds: 2592000\naccess_token_validity_seconds: 300"),
    ("", "refresh_token_validity_seconds: 100000"),
    ("", "device_code_validity_seconds: 5"),
]  # fmt: skip


@every("expected, lines", SAID)
def test_a_finding_stands_at_its_place_and_nothing_else_is_said(expected: str, lines: str, tmp_path: Path) -> None:
    found = said(tmp_path, definition(lines))
    places = [f"{each.id} {each.location.line}:{each.location.column}" for each in found if each.location]
    assert expected == " ".join(places)


def test_what_services_need_is_found_only_when_it_is_asked_for(tmp_path: Path) -> None:
    text = definition("grant_types: [authorization_code, token-exchange]", "scope: ['storage.read:/']")
    assert [] == said(tmp_path / "usual", text)
    assert {"token-exchange", "restricted-scope", "no-contact", "no-owner"} == set(
        ids(said(tmp_path / "all", text, ALL_ON))
    )


def test_an_empty_list_of_owners_is_none(tmp_path: Path) -> None:
    assert ["no-owner"] == ids(said(tmp_path, definition("owners: []"), "policy: {no-owner: warning}\n"))


def test_a_field_with_a_mistake_is_not_judged(tmp_path: Path) -> None:
    lines = ("grant_types: [authorization_code, refresh_token]", "scope: [3]", "token_endpoint_auth_method: noen")
    assert ["wrong-type", "not-one-of"] == ids(said(tmp_path, definition(*lines)))


def test_an_item_with_a_mistake_is_not_judged_and_others_are(tmp_path: Path) -> None:
    text = definition("redirect_uris: ['http://a.example.org/#x', 'http://b.example.org/']")
    assert ["bad-redirect-uri", "http-redirect-uri", "redirect-uri-refused"] == ids(said(tmp_path, text))


def test_what_is_no_address_is_a_mistake_and_not_judged(tmp_path: Path) -> None:
    assert ["bad-redirect-uri"] == ids(said(tmp_path, definition("redirect_uris: ['http://[::1/cb']")))


def test_a_way_on_names_what_was_probably_meant(tmp_path: Path) -> None:
    lines = "scope: [proflie, storage.read, 'compute.create:/', made.up, iam, wlcg]\nid_token_validity_seconds: 3"
    assert [
        "did you mean profile?", "storage.read:/ for all, or :/a/path", "compute.create",
        "if it is right, add it to scopes in iac.yaml: [made.up]", "keep one, such as iam",
        "id_token_validity_seconds: 300",
    ] == [each.fix for each in said(tmp_path, definition(lines))]  # fmt: skip


BOUNDS = [
    ("{max: 100}", 101, ["access_token_validity_seconds is 101 seconds, and must be at most 100"]),
    ("{max: 100}", 100, []),
    ("{max: 100}", 1, []),
    ("{min: 50}", 49, ["access_token_validity_seconds is 49 seconds, and must be at least 50"]),
    ("{min: 50}", 50, []),
    ("{min: 50}", 9_999_999, []),
    ("{min: 5, max: 9}", 4, ["access_token_validity_seconds is 4 seconds, and must be at least 5 and at most 9"]),
    ("{}", 1, []),
]


@every("bound, seconds, expected", BOUNDS)
def test_bounds_of_lifetimes_are_the_project_s(bound: str, seconds: int, expected: list[str], tmp_path: Path) -> None:
    text = definition(f"access_token_validity_seconds: {seconds}")
    found = said(tmp_path, text, f"lifetime_bounds: {{access_token_validity_seconds: {bound}}}\n")
    assert expected == [each.summary for each in found]


def test_a_refresh_token_may_be_endless_where_no_most_is_given(tmp_path: Path) -> None:
    text = definition("refresh_token_validity_seconds: 0")
    assert ["refresh_token_validity_seconds never ends, and must be at least 86400 and at most 2592000"] == [
        each.summary for each in said(tmp_path / "usual", text)
    ]
    short = said(tmp_path / "short", definition("refresh_token_validity_seconds: 5"))
    assert ["refresh_token_validity_seconds is 5 seconds, and must be at least 86400 and at most 2592000"] == [
        each.summary for each in short
    ]
    bounds = "lifetime_bounds: {refresh_token_validity_seconds: {min: 9}}\n"
    assert [] == said(tmp_path / "own", text, bounds)


# severities


def test_severities_are_the_project_s(tmp_path: Path) -> None:
    text = definition("scope: [scim:read]")
    for wanted, expected in (("off", []), ("warning", [Severity.WARNING]), ("error", [Severity.ERROR])):
        found = said(tmp_path / wanted, text, f"policy: {{privileged-scope: {wanted}}}\n")
        assert expected == [each.severity for each in found]


def test_without_a_word_a_severity_is_the_rule_s(tmp_path: Path) -> None:
    text = definition("grant_types: [implicit, password]")
    assert {"implicit-grant": Severity.WARNING, "password-grant": Severity.ERROR} == {
        each.id: each.severity for each in said(tmp_path, text)
    }
    assert Level.OFF is level("no-owner", {"no-contact": "error"})
    assert Level.ERROR is level("no-owner", {"no-owner": "error"})


def test_an_unknown_id_is_a_mistake_that_is_told_with_what_was_meant(tmp_path: Path) -> None:
    found = said(tmp_path / "a", CLIENT, "policy: {pasword-grant: off}\n")
    assert [("unknown-key", "did you mean password-grant?")] == [(each.id, each.fix) for each in found]
    lines = "waive: [{id: pasword-grant, reason: a test, until: '2031-01-01'}]"
    found = said(tmp_path / "b", definition(lines))
    assert [("not-one-of", "did you mean password-grant?")] == [(each.id, each.fix) for each in found]


# waivers


def waive(rule: str, until: str = "2026-11-23", reason: str = "they know") -> str:
    return f"waive: [{{id: {rule}, reason: {reason}, until: '{until}'}}]"


def test_what_is_waived_is_said_and_stops_nothing(tmp_path: Path) -> None:
    text = definition("grant_types: [password]", waive("password-grant"))
    (found,) = said(tmp_path, text)
    assert ("password-grant", Severity.WAIVED) == (found.id, found.severity)
    assert "with the password grant the service sees its users' passwords" == found.summary
    assert "waived until 2026-11-23: they know" == found.why
    assert validate_project(tmp_path, today=TODAY).is_valid


def test_a_waiver_is_for_its_rule_alone(tmp_path: Path) -> None:
    text = definition("grant_types: [password, implicit]", waive("password-grant"))
    assert {("password-grant", "waived"), ("implicit-grant", "warning")} == {
        (each.id, str(each.severity)) for each in said(tmp_path, text)
    }


def test_a_waiver_is_for_its_definition_alone(tmp_path: Path) -> None:
    text = definition("grant_types: [password]", waive("password-grant"))
    other = definition("grant_types: [password]").replace("client_id: portal", "client_id: other")
    root = write(tmp_path, {"clients.d/a.yaml": text, "clients.d/b.yaml": other})
    assert [("clients.d/a.yaml", "waived"), ("clients.d/b.yaml", "error")] == [
        (each.location.file, str(each.severity))
        for each in validate_project(root, today=TODAY).diagnostics
        if each.location
    ]


def test_a_waiver_that_has_ended_is_an_error_and_waives_nothing(tmp_path: Path) -> None:
    text = definition("scope: [scim:read]", waive("privileged-scope", "2026-11-22"))
    found = said(tmp_path, text)
    assert [("privileged-scope", "warning", 3), ("waiver-expired", "error", 4)] == [
        (each.id, str(each.severity), each.location.line) for each in found if each.location
    ]
    assert "they know" in found[1].why
    assert not validate_project(tmp_path, today=TODAY).is_valid
    assert validate_project(tmp_path, today=date(2026, 11, 22)).is_valid


def test_a_waiver_that_has_ended_is_an_error_even_if_nothing_is_found_any_more(tmp_path: Path) -> None:
    assert ["waiver-expired"] == ids(said(tmp_path, definition(waive("privileged-scope", "2026-11-22"))))


def test_a_later_waiver_beside_one_that_has_ended_holds(tmp_path: Path) -> None:
    entries = ", ".join(
        f"{{id: privileged-scope, reason: why, until: '{day}'}}" for day in ("2026-11-22", "2027-01-01")
    )
    found = said(tmp_path, definition("scope: [scim:read]", f"waive: [{entries}]"))
    assert [("privileged-scope", "waived"), ("waiver-expired", "error")] == [
        (each.id, str(each.severity)) for each in found
    ]


@pytest.mark.parametrize("day", ["2026-11-31", "20261123", "tomorrow", "2026-1-1", "2026-W48-1"])
def test_a_day_is_a_day(day: str, tmp_path: Path) -> None:
    assert ["bad-format"] == ids(said(tmp_path, definition(waive("no-owner", day))))


@pytest.mark.parametrize("entry", ["{id: no-owner, reason: why}", "{id: no-owner, until: '2030-01-01'}"])
def test_reason_and_day_are_needed(entry: str, tmp_path: Path) -> None:
    assert ["missing-key"] == ids(said(tmp_path, definition(f"waive: [{entry}]")))


def test_a_waiver_that_waives_nothing_is_said(tmp_path: Path) -> None:
    text = definition(waive("privileged-scope", "2031-01-01"))
    (found,) = said(tmp_path / "usual", text)
    assert ("waiver-unused", Severity.WARNING, 3) == (found.id, found.severity, found.location and found.location.line)
    (found,) = said(tmp_path / "error", text, "policy: {waiver-unused: error}\n")
    assert Severity.ERROR is found.severity
    assert [] == said(tmp_path / "off", text, "policy: {waiver-unused: off}\n")


def test_a_waiver_of_what_is_off_waives_nothing(tmp_path: Path) -> None:
    text = definition("scope: [scim:read]", waive("privileged-scope"))
    assert ["waiver-unused"] == ids(said(tmp_path, text, "policy: {privileged-scope: off}\n"))


def test_a_waiver_of_a_change_is_no_matter_of_validation(tmp_path: Path) -> None:
    assert [] == said(tmp_path, definition(waive("redirect-uri-new-host")))


TWO = "environments: {dev: {state: {path: dev.json}}, prod: {}}\n"


def test_a_waiver_that_one_environment_needs_is_used(tmp_path: Path) -> None:
    text = definition("environments: {dev: {scope: [scim:read]}}", waive("privileged-scope"))
    assert [("privileged-scope", "waived")] == [(each.id, str(each.severity)) for each in said(tmp_path, text, TWO)]
    assert [] == list(validate_project(tmp_path, environment="prod", today=TODAY).diagnostics)


def test_a_waiver_can_be_for_one_environment(tmp_path: Path) -> None:
    entry = "{id: privileged-scope, reason: tests, until: '2027-01-01'}"
    text = definition(f"environments: {{dev: {{waive: [{entry}]}}}}", "scope: [scim:read]")
    assert ["waived", "warning"] == sorted(str(each.severity) for each in said(tmp_path, text, TWO))


def test_without_a_day_no_waiver_ends(tmp_path: Path) -> None:
    text = definition("scope: [scim:read]", waive("privileged-scope", "2000-01-01"))
    assert [Severity.WAIVED] == [each.severity for each in said(tmp_path, text, today=None)]


# rules on changes


def desired(root: Path, text: str, project: str = "") -> Desired:
    return load_environment(load_project(write(root, {"iac.yaml": PROJECT + project, FILE: text})))[0]


def changed(root: Path, before: str, after: str, project: str = "", scopes: frozenset[str] = frozenset()) -> Plan:
    """The reviewed plan of a definition that was applied as it was before."""
    was = desired(root / "before", definition(before), project).clients["portal"]
    wanted = desired(root / "after", definition(after), project)
    held = state({"portal": applied(was, secret=replace(sealed(), recipients=was.recipients))})
    plan = make_plan(wanted, held, actual(registered(was, facts=NEW), facts=NEW), OPTIONS)
    return review(plan, wanted, wanted.clients.values(), ReviewContext(TODAY, scopes))


def found(plan: Plan) -> list[tuple[str, str]]:
    of_plan = (finding for finding in plan.findings if finding.id in RULES)
    of_changes = (finding for change in plan.changes for finding in change.findings)
    return [(finding.id, str(finding.severity)) for finding in (*of_changes, *of_plan)]


@every("rule", CHANGE_RULES, ids=lambda rule: rule.id)
def test_the_bad_example_of_a_rule_on_changes_is_found_and_the_good_one_is_not(
    rule: ChangeRule, tmp_path: Path
) -> None:
    assert rule.id in dict(found(changed(tmp_path / "bad", rule.before, rule.bad)))
    assert rule.id not in dict(found(changed(tmp_path / "good", rule.before, rule.good)))


def as_held(root: Path, answer: str) -> Plan:
    """The reviewed plan of an unchanged definition whose client the server holds with these members, too."""
    wanted = desired(root, definition(""))
    client = wanted.clients["portal"]
    there = registered(client, facts=NEW)
    there = replace(there, answer={**there.answer, **yaml.safe_load(answer)})
    plan = make_plan(wanted, state({"portal": applied(client)}), actual(there, facts=NEW), OPTIONS)
    return review(plan, wanted, wanted.clients.values(), ReviewContext(TODAY, clients={"portal": there}))


@pytest.mark.parametrize("rule", REGISTERED_RULES, ids=lambda rule: rule.id)
def test_the_bad_example_of_a_rule_on_the_server_s_client_is_found_and_the_good_one_is_not(
    rule: RegisteredRule, tmp_path: Path
) -> None:
    assert rule.id in dict(found(as_held(tmp_path / "bad", rule.bad)))
    assert rule.id not in dict(found(as_held(tmp_path / "good", rule.good)))


@every(
    "seconds, words",
    [
        (TODAY_SECONDS - 86_400, "expired on"), (TODAY_SECONDS, "expires on"),
        (TODAY_SECONDS + 30 * 86_400, "expires on"),
        (TODAY_SECONDS + 31 * 86_400, ""), (10**40, ""), ("soon", ""), (True, ""), (-1, ""),
    ],
)  # fmt: skip
def test_a_secret_that_ends_within_30_days_is_found(seconds: object, words: str, tmp_path: Path) -> None:
    plan = as_held(tmp_path, f"client_secret_expires_at: {seconds}")
    said = [finding.summary for finding in plan.findings if finding.id == "secret-expires"]
    assert bool(words) == bool(said)
    assert all(words in summary for summary in said)


A = "redirect_uris: [https://a.example.org/cb]"
CHANGES = [
    (A, "redirect_uris: [https://a.example.org/cb, https://A.example.org:8443/]", []),
    (A, "redirect_uris: [https://b.example.org/cb]", ["redirect-uri-new-host"]),
    (A, "redirect_uris: [https://example.com/cb]", ["redirect-uri-other-domain"]),
    (A, "redirect_uris: ['http://localhost/cb', 'https://a.example.org/cb']", ["redirect-uri-other-domain"]),
    ("redirect_uris: [https://a.ac.uk/cb]", "redirect_uris: [https://b.ac.uk/cb]", ["redirect-uri-other-domain"]),
    ("redirect_uris: [https://a.x.ac.uk/cb]", "redirect_uris: [https://x.ac.uk/cb]", ["redirect-uri-new-host"]),
    ("redirect_uris: [https://a.github.io]", "redirect_uris: [https://b.github.io]", ["redirect-uri-other-domain"]),
    ("redirect_uris: [https://10.0.0.1/]", "redirect_uris: [https://10.1.0.1/]", ["redirect-uri-other-domain"]),
    ("redirect_uris: ['https://[fe80::1]/']", "redirect_uris: ['https://[fe80::2]/']", ["redirect-uri-other-domain"]),
    ("redirect_uris: []\ngrant_types: [client_credentials]", A + "\ngrant_types: [client_credentials]",
     ["redirect-uri-new-host"]),
    ("token_endpoint_auth_method: none\ncode_challenge_method: S256", "token_endpoint_auth_method: none", []),
    ("grant_types: [authorization_code, password]", "grant_types: [authorization_code]", []),
    ("", "grant_types: [authorization_code, token-exchange, implicit, password]", ["grant-added"] * 3),
    ("scope: [scim:read]", "scope: [openid, scim:read]", []),
    ("scope: [scim:read]", "scope: [scim:read, iam:admin.write]", ["privileged-scope-added"]),
    ("client_description: a", "client_description: b", []),
]  # fmt: skip


@every("before, after, expected", CHANGES)
def test_what_a_change_means(before: str, after: str, expected: list[str], tmp_path: Path) -> None:
    of_changes = {rule.id for rule in CHANGE_RULES}
    assert expected == [name for name, _ in found(changed(tmp_path, before, after)) if name in of_changes]


def test_a_finding_of_a_change_says_where_its_definition_is_and_what_is_meant(tmp_path: Path) -> None:
    (change,) = changed(tmp_path, "", "grant_types: [authorization_code, token-exchange]").changes
    (finding,) = change.findings
    assert (FILE, "the client gets the grant token-exchange") == (
        finding.location and finding.location.file,
        finding.summary,
    )


def test_a_new_secret_names_what_is_to_be_restarted(tmp_path: Path) -> None:
    output = "outputs: [{template: dotenv, path: out/a.env}]"
    for name, lines, who in (
        ("with", f"\n{output}", "what reads out/a.env"),
        ("without", "", "its services"),
    ):
        (change,) = changed(tmp_path / name, "secret: {serial: 1}" + lines, "secret: {serial: 2}" + lines).changes
        assert [f"the secret changes and the old one ends: restart {who}"] == [
            finding.summary for finding in change.findings
        ]


def test_a_client_that_is_made_is_judged_by_its_definition_alone(tmp_path: Path) -> None:
    wanted = desired(tmp_path, definition("scope: [scim:read]", "grant_types: [authorization_code, token-exchange]"))
    plan = review(
        make_plan(wanted, state(), actual(), PlanOptions()), wanted, wanted.clients.values(), ReviewContext(TODAY)
    )
    assert [("privileged-scope", "warning")] == found(plan)


def test_a_client_that_leaves_is_not_judged(tmp_path: Path) -> None:
    was = desired(tmp_path, definition("scope: [scim:read]"))
    client = was.clients["portal"]
    plan = make_plan(replace(was, clients={}), state({"portal": applied(client)}), actual(), PlanOptions())
    assert plan == review(plan, was, (), ReviewContext(TODAY))


def test_an_error_of_policy_refuses_the_plan_and_a_warning_does_not(tmp_path: Path) -> None:
    after = "grant_types: [authorization_code, token-exchange]"
    assert () == changed(tmp_path / "warning", "", after).refusals
    plan = changed(tmp_path / "error", "", after, "policy: {grant-added: error}\n")
    assert ["the client gets the grant token-exchange"] == [refusal.summary for refusal in plan.refusals]


def test_a_rule_on_changes_that_is_off_says_nothing(tmp_path: Path) -> None:
    after = "grant_types: [authorization_code, token-exchange]"
    assert [] == found(changed(tmp_path, "", after, "policy: {grant-added: off}\n"))


def test_a_change_can_be_waived_and_what_is_waived_refuses_nothing(tmp_path: Path) -> None:
    after = "grant_types: [authorization_code, token-exchange]\n" + waive("grant-added")
    plan = changed(tmp_path, "", after, "policy: {grant-added: error}\n")
    assert ([("grant-added", "waived")], ()) == (found(plan), plan.refusals)


def test_a_waiver_that_has_ended_refuses_a_plan(tmp_path: Path) -> None:
    plan = changed(tmp_path, "", waive("grant-added", "2026-11-22"))
    assert ([("waiver-expired", "error")], 1) == (
        [(finding.id, str(finding.severity)) for finding in plan.findings],
        len(plan.refusals),
    )


def test_a_waiver_of_a_change_that_is_not_made_is_said_by_the_plan(tmp_path: Path) -> None:
    plan = changed(tmp_path / "a", "", waive("grant-added"))
    assert [("waiver-unused", 3)] == [
        (finding.id, finding.location.line) for finding in plan.findings if finding.location
    ]
    assert () == changed(tmp_path / "b", "", waive("grant-added"), "policy: {waiver-unused: off}\n").findings
    assert () == changed(tmp_path / "c", "", waive("privileged-scope")).findings


def test_what_is_found_in_an_unchanged_definition_is_a_finding_of_the_plan(tmp_path: Path) -> None:
    plan = changed(tmp_path, "scope: [scim:read]", "scope: [scim:read]")
    assert ((), [("privileged-scope", "scope scim:read gives the client rights of an administrator", 3)]) == (
        plan.changes,
        [(each.id, each.summary, each.location.line) for each in plan.findings if each.location],
    )


@pytest.mark.parametrize(
    ("severity", "guards", "findings"),
    [
        ("off", [], []),
        ("warning", [], [("redirect-uri-refused", "warning")]),
        ("error", ["redirect-uri-refused"], []),
    ],
)
def test_what_planning_says_under_the_id_of_a_rule_is_said_once(
    severity: str, guards: list[str], findings: list[tuple[str, str]], tmp_path: Path
) -> None:
    """A 1.14 server's refusal of a redirect URI is known to planning too; the project's severity counts."""
    text = definition("redirect_uris: ['a.b:/c']", "token_endpoint_auth_method: none", "code_challenge_method: S256")
    own = f"policy: {{custom-scheme-redirect-uri: off, redirect-uri-refused: {severity}}}\n"
    wanted = desired(tmp_path, text, own)
    plan = review(
        make_plan(wanted, state(), actual(facts=NEW), PlanOptions()),
        wanted,
        wanted.clients.values(),
        ReviewContext(TODAY),
    )
    assert (guards, findings) == ([guard.id for guard in plan.guards], found(plan))


def test_what_planning_refuses_can_be_waived(tmp_path: Path) -> None:
    text = definition("redirect_uris: ['a.b:/c']", "token_endpoint_auth_method: none", "code_challenge_method: S256")
    wanted = desired(tmp_path, text + waive("redirect-uri-refused"), "policy: {custom-scheme-redirect-uri: off}\n")
    plan = review(
        make_plan(wanted, state(), actual(facts=NEW), PlanOptions()),
        wanted,
        wanted.clients.values(),
        ReviewContext(TODAY),
    )
    assert ((), [("redirect-uri-refused", "waived")]) == (plan.guards, found(plan))


def test_what_planning_alone_knows_under_the_id_of_a_rule_is_kept(tmp_path: Path) -> None:
    own = "policy: {redirect-uri-refused: warning}\n"
    wanted = desired(tmp_path, definition("redirect_uris: ['a.b:/c']"), own)
    clients = [replace(client, remarks=()) for client in wanted.clients.values()]
    plan = make_plan(wanted, state(), actual(facts=NEW), PlanOptions())
    assert [("redirect-uri-refused", "warning")] == found(review(plan, wanted, clients, ReviewContext(TODAY)))


def test_a_finding_of_planning_that_is_no_rule_s_is_kept(tmp_path: Path) -> None:
    wanted = desired(tmp_path, definition("adopt: true", "scope: [scim:read]"))
    plan = make_plan(wanted, state(), actual(), PlanOptions())
    reviewed = review(plan, wanted, wanted.clients.values(), ReviewContext(TODAY))
    assert ["nothing-to-adopt", "privileged-scope"] == [name for name, _ in found(reviewed)]


def test_only_what_a_run_looks_at_is_reviewed(tmp_path: Path) -> None:
    wanted = desired(tmp_path, definition("scope: [scim:read]"))
    plan = make_plan(wanted, state(), actual(), PlanOptions())
    assert plan == review(plan, wanted, (), ReviewContext(TODAY))


# scopes that the server knows

SCOPES = "scope: [openid, eos.wirte, 'data:/a/b', opnid]"


def unknown(plan: Plan) -> list[str]:
    return [finding.summary for finding in plan.findings if finding.id == "unknown-scope"]


@pytest.mark.parametrize(
    ("scopes", "left"),
    [
        ([], ["data:/a/b", "eos.wirte", "opnid"]),
        (["eos.wirte", "data:/"], ["opnid"]),
        (["data:/a", "eos.wirte"], ["data:/a/b", "opnid"]),
    ],
)
def test_a_plan_takes_the_server_s_word_for_its_scopes(scopes: list[str], left: list[str], tmp_path: Path) -> None:
    said_of = [message.split()[1] for message in unknown(changed(tmp_path, SCOPES, SCOPES, scopes=frozenset(scopes)))]
    assert left == said_of


def test_a_plan_offers_what_the_server_knows(tmp_path: Path) -> None:
    assert [
        "if it is right, add it to scopes in iac.yaml: [data:/a/b]",
        "did you mean eos.write?",
        "did you mean openid?",
    ] == fixes(changed(tmp_path, SCOPES, SCOPES, scopes=frozenset({"eos.write"})))


def fixes(plan: Plan) -> list[str]:
    return [finding.fix for finding in plan.findings if finding.id == "unknown-scope"]


def test_the_fix_of_a_rule_is_a_part_of_its_own(tmp_path: Path) -> None:
    lines = "redirect_uris: ['http://a.example.org/']"
    messages = [finding.summary for finding in changed(tmp_path, lines, lines).findings]
    assert [
        "redirect URI http://a.example.org/: the code crosses the network in clear",
        "redirect URI http://a.example.org/: http is for loopback hosts only, not a.example.org",
    ] == messages


def test_a_server_is_asked_only_where_it_can_settle_something(tmp_path: Path) -> None:
    for number, (lines, expected) in enumerate(((SCOPES, True), ("scope: [scim:read]", False), ("", False))):
        assert expected == asks_server(desired(tmp_path / str(number), definition(lines)).clients.values())
