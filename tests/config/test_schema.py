"""The schemas: every property described, every mistake in our words, the quick check never laxer than jsonschema."""

from __future__ import annotations

import copy
import json
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import referencing
from hypothesis import given
from hypothesis import strategies as st

from iac.config.complaint import check_schema, validator_of
from iac.config.schema import FORMATS, compile_schema, is_recipient, load_schema, schema_text
from iac.core.catalogue import CATALOGUE
from iac.core.errors import Location
from iac.core.explanation import IdKind
from iac.core.model import FIELDS, GRANT_TYPES
from iac.core.origin import is_uri
from iac.core.policy import RULES
from iac.document import Document, parse_document
from tests.config.given import CLIENT, PROJECT, RECIPIENT
from tests.every import every

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMED = "client_name: Name\n"


def document(text: str) -> Document:
    found, diagnostics = parse_document(text.encode(), "a.yaml")
    assert found is not None
    assert [] == diagnostics
    return found


def said(text: str, name: str) -> list[str]:
    return [said.lines()[0] for _, said in check_schema(document(text), name)]


def subschemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from subschemas(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from subschemas(value)


@pytest.mark.parametrize("name", ["client", "project", "plan"])
def test_a_schema_is_valid_and_its_own_text(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(load_schema(name))
    assert f"/{name}.schema.json" in load_schema(name)["$id"]
    assert json.loads(schema_text(name)) == load_schema(name)


@pytest.mark.parametrize("name", ["client", "project", "plan"])
def test_every_property_of_a_schema_has_a_description(name: str) -> None:
    schema = load_schema(name)
    for part in subschemas(schema):
        properties = part.get("properties")
        for key, value in (properties or {}).items():
            target = schema["$defs"][value["$ref"].removeprefix("#/$defs/")] if "$ref" in value else value
            if isinstance(target, dict):
                assert value.get("description") or target.get("description"), key


@pytest.mark.parametrize("name", ["client", "project", "plan"])
def test_no_object_of_a_schema_takes_unknown_keys(name: str) -> None:
    schema = load_schema(name)
    free = {"values", "jwk", "sinks", "extra"}
    for part in subschemas({key: value for key, value in schema.items() if key != "$defs"}):
        if "properties" in part and part.get("type") in ("object", ["object", "null"]):
            assert part["additionalProperties"] is False
    for key, part in schema["$defs"].items():
        if key not in free and part.get("type") == "object":
            assert part["additionalProperties"] is False, key


def test_fields_are_those_of_the_model_in_its_order_and_the_same_in_both_schemas() -> None:
    client, project = load_schema("client"), load_schema("project")
    fields = [key for key in client["properties"] if key in FIELDS]
    assert list(FIELDS) == fields
    for name in fields:
        if name != "client_name":
            assert client["$defs"][name] == project["$defs"][name]
    for name in ("owners", "lifecycle"):
        assert client["$defs"][name] == project["$defs"][name]


def test_an_overlay_takes_what_a_definition_takes_but_environments() -> None:
    client = load_schema("client")
    expected = {key: value for key, value in client["properties"].items() if key != "environments"}
    assert expected == client["$defs"]["overlay"]["properties"]


def test_grants_have_short_names_and_those_of_the_wire() -> None:
    known = load_schema("client")["$defs"]["grant_types"]["items"]["examples"]
    assert {*GRANT_TYPES, *GRANT_TYPES.values()} == set(known)


def test_policy_takes_the_ids_of_warnings() -> None:
    warnings = {entry.id for entry in CATALOGUE.values() if entry.kind is IdKind.WARNING}
    assert set(load_schema("project")["properties"]["policy"]["properties"]) == warnings | set(RULES)


def test_valid_files_pass_without_jsonschema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "iac.config.complaint", None)
    assert [] == check_schema(document(CLIENT), "client")
    assert [] == check_schema(document(PROJECT), "project")


@every(
    "text, expected",
    [
        ("client_id: x", "1:1: error: the key client_name is missing [missing-key]"),
        ("- a", "1:1: error: the file must be a mapping [wrong-type]"),
        (
            f"client_name: {'a' * 257}",
            f'1:14: error: client_name must be 1 to 256 characters long, not "{"a" * 59}... [bad-length]',
        ),
        ("client_name: '    '", '1:14: error: client_name must be a name that is not blank, not "    " [bad-format]'),
        ("client_name: 12345", "1:14: error: client_name must be text, not 12345 [wrong-type]"),
        ("client_nam: xxxx", "1:1: error: unknown key client_nam [unknown-key]"),
    ],
)
def test_a_mistake_in_the_only_line_is_said_in_words(text: str, expected: str) -> None:
    (line,) = [line for line in said(text, "client") if "missing" not in line or "missing" in expected]
    assert line.startswith(f"a.yaml:{expected}")


@every(
    "text, expected",
    [
        ("scope: {a: b}", "2:8: error: scope must be text or a list [wrong-type]"),
        ("scope: [3]", "2:9: error: scope[1] must be text, not 3 [wrong-type]"),
        ("scope: 'a\"b'", "2:8: error: scope must be scopes with single spaces between them"),
        ("contacts: [x]", '2:12: error: contacts[1] must be an e-mail address, not "x" [bad-format]'),
        ("contacts: a@b", '2:11: error: contacts must be a list, not "a@b" [wrong-type]'),
        ("allow_introspection: NO", "2:22: error: allow_introspection must be true or false"),
        ("jwk: hunter2\nclient_uri: ftp://x", "3:13: error: client_uri must be an http or https URL"),
        ("client_uri: https://a:b/", "2:13: error: client_uri must be an http or https URL"),
        ("access_token_validity_seconds: -1", "2:32: error: access_token_validity_seconds must be 0"),
        ("environments: {'a b': {}}", "2:16: error: the name a b in environments must be letters"),
        ("secret: {serial: 0}", "2:18: error: secret.serial must be 1 to 1000000 [bad-number]"),
        ("lifecycle: {rotate_after: 180}", "2:27: error: lifecycle.rotate_after must be text, not 180"),
        ("lifecycle: {rotate_after: 180m}", "2:27: error: lifecycle.rotate_after must be a number and"),
        ("outputs: [{template: a, path: b, mode: 0600}]", "2:40: error: outputs[1].mode must be text"),
        ("outputs: [{template: a}]", "2:11: error: the key path is missing in outputs[1] [missing-key]"),
        ("owners: [x]", '2:10: error: owners[1] must be an account\'s UUID, not "x" [bad-format]'),
    ],
)  # fmt: skip
def test_a_mistake_in_a_definition_is_said_in_words(text: str, expected: str) -> None:
    (line,) = said(NAMED + text, "client")
    assert line.startswith(f"a.yaml:{expected}")


@every(
    "text, expected",
    [
        ("provider: iam-admn", ': error: provider must be one of iam-admin, iam-self-service, rfc7591, not "iam-admn"'),
        ("auth: {method: tken}", ":3:16: error: auth.method must be one of client_credentials, private_key_jwt,"),
        ("auth: {method: token}", ": error: the key token is missing in auth [missing-key]"),
        ("auth: {method: wlcg, token: {env: A}}", ": error: unknown key token in auth [unknown-key]"),
        ("auth: {method: token, token: {env: 1A}}", ": error: auth.token.env must be the name of an environment"),
        ("auth: {method: token, token: {env: A, file: b}}", ": error: auth.token must be {env: ...} or {file: ...}"),
        ("removed: [{address: a, then: kill}]", ': error: removed[1].then must be one of delete, forget, not "kill"'),
        ("outputs: [{template: a, path: b, clients: []}]", ": error: outputs[1].clients must be at least 1 items long"),
        ("outputs: [{template: a, path: b, clients: {}}]", ": error: outputs[1].clients must be a mapping with at"),
        ("state: {encryption: non}", ": error: state.encryption must be a mapping or none [wrong-type]"),
        ("state: {backend: fil}", ': error: state.backend must be one of file, git, http, s3, not "fil"'),
        ("environments: {}", ": error: environments must be a mapping with at least 1 key"),
        ("policy: {unknown-scope: of}", ": error: policy.unknown-scope must be one of off, warning, error"),
        ("parallelism: 65", ": error: parallelism must be 1 to 64, not 65 [bad-number]"),
        ("timeouts: 3", ": error: unknown key timeouts [unknown-key]"),
        ("issuer: https://iam.example.org/?x", ": error: issuer must be an https URL without query"),
        ("server_defaults: {foo: 1}", ": error: unknown key foo in server_defaults [unknown-key]"),
        ("moved: [{from: a b, to: c}]", ": error: moved[1].from must be an address: the path below clients.d/"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_project_is_said_in_words(text: str, expected: str) -> None:
    base = "project: demo\n" if text.startswith("provider") else "project: demo\nprovider: iam-admin\n"
    (line,) = said(base + text, "project")
    assert expected in line


@every(
    "text, name, fix",
    [
        ("client_name: Name\nclent_id: x", "client", "did you mean client_id?"),
        ("client_name: Name\nscopes: [openid]", "client", "did you mean scope?"),
        ("client_name: Name\nclient_secret: x", "client", "a secret does not belong in a file of the project"),
        ("client_name: Name\ncreated_at: 3", "client", "only the server sets it; remove it"),
        ("client_name: Name\nzzz: 3", "client", "known keys: client_id"),
        ("client_name: Name\ngrant_types: [autorization_code]", "client", "did you mean authorization_code?"),
        ("client_name: Name\ncontacts: a@b", "client", "write a list: [..]"),
        ("client_name: 12345", "client", "put it in quotes if it is text"),
        ("project: demo\nprovider: iam-admn", "project", "did you mean iam-admin?"),
        ("project: demo\nprovider: iam-admin\nnme: 3\n", "project", "known keys: project"),
        ("redirect_uri: []", "defaults", "did you mean redirect_uris?"),
        (f"{PROJECT}auth2: 1", "project", "did you mean auth?"),
        ("client_name: Name\nresponse_types: [zzz]", "client", "choose one of them"),
        ("client_name: Name\nadopt: [x]", "client", "write true or false"),
        ("client_name: Name\nwaive: [{id: no-owner, reason: a, until: 2030-01-01}]", "client", "write more"),
        (f"client_name: {'x' * 300}", "client", "shorten it"),
        ("client_name: Name\nclient_uri: x", "client", "use an http or https URL"),
        (f"{PROJECT}parallelism: 0", "project", "choose 1 to 64"),
        (f"{PROJECT}environments: {{'a b': {{}}}}", "project", "rename it: "),
        (f"{PROJECT}state: {{encryption: x}}", "project", "write "),
    ],
)  # fmt: skip
def test_a_mistake_has_a_way_on(text: str, name: str, fix: str) -> None:
    ((_, said),) = check_schema(document(text), name)
    assert said.fix.startswith(fix)


@every(
    "line",
    [
        "auth: {method: client_credentials, client_id: a, client_secret: hunter2}",
        "auth: {method: token, token: hunter2}",
        "auth: hunter2",
        "auth: {method: client_credentials, client_id: a, client_secret: {env: [hunter2]}}",
        "state: {encryption: {identity: hunter2}}",
        "state: {encryption: {recipients: [hunter2]}}",
        "state: {encryption: hunter2}",
    ],
)
def test_what_may_be_a_secret_is_never_repeated(line: str) -> None:
    complaints = check_schema(document(f"project: demo\nprovider: iam-admin\n{line}"), "project")
    assert complaints
    assert not any("hunter2" in text for _, said in complaints for text in said.lines())


def test_a_literal_secret_is_told_where_it_belongs() -> None:
    text = "project: demo\nprovider: iam-admin\nauth: {method: client_credentials, client_id: a, client_secret: x}"
    ((_, said),) = check_schema(document(text), "project")
    assert "name a place, never the secret itself: {env: NAME} or {file: PATH}" == said.fix


def test_a_key_is_never_repeated_by_value() -> None:
    for line in ("jwk: [hunter2]", "jwk: 3", "client_secret: hunter2", "secret: hunter2", "recipients: [hunter2]"):
        complaints = check_schema(document(f"client_name: Name\n{line}"), "client")
        assert complaints
        assert not any("hunter2" in text for _, said in complaints for text in said.lines())


def test_a_long_value_is_cut() -> None:
    (line,) = said(f"client_name: Name\nclient_uri: {'x' * 500}", "client")
    assert len(line) < 200


def test_all_mistakes_are_said_at_once_each_at_its_place() -> None:
    text = "client_nam: x\nscope: [1]\ngrant_types: [foo, bar]\nlifecycle: {x: 1, rotate_after: 3}\n"
    found = [said.location for _, said in check_schema(document(text), "client")]
    lines = sorted(location.line for location in found if location)
    assert [1, 1, 2, 3, 3, 4, 4] == lines


def test_a_complaint_names_the_value_that_cannot_be_used() -> None:
    text = "client_name: Name\nzzz: 1\nscope: [1]\noutputs: [{template: a}]\nenvironments: {'a b': {}}"
    found = {pointer for pointer, _ in check_schema(document(text), "client")}
    assert {("zzz",), ("scope", 0), ("outputs", 0, "path"), ("environments", "a b")} == found


def test_nothing_is_fetched_for_a_reference() -> None:
    asking = validator_of("client").evolve(schema={"$ref": "http://127.0.0.1:9/other.json"})
    with pytest.raises(referencing.exceptions.Unresolvable):
        asking.is_valid({})


def test_an_unknown_keyword_would_be_noticed() -> None:
    with pytest.raises(ValueError, match="add its check"):
        compile_schema({"dependentRequired": {}})


VALID: dict[str, Any] = {
    "client_id": "portal",
    "client_name": "Portal",
    "client_description": None,
    "client_uri": "https://portal.example.org/",
    "contacts": ["ops@example.org"],
    "redirect_uris": ["https://portal.example.org/cb"],
    "grant_types": ["authorization_code", "device_code"],
    "scope": ["openid"],
    "scope+": "profile email",
    "token_endpoint_auth_method": "none",
    "jwk": {"keys": [{"kty": "EC"}]},
    "access_token_validity_seconds": 3600,
    "require_auth_time": True,
    "owners": ["80e5fb8d-b7c8-451a-89ba-346ae278a66f"],
    "lifecycle": {"prevent_destroy": True, "ignore_changes": ["contacts"], "rotate_after": "180d"},
    "secret": {"serial": 2},
    "recipients": [RECIPIENT, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 root@host"],
    "outputs": [{"template": "dotenv", "path": "out/a", "mode": "0640", "values": {"a": [1, None]}}],
    "environments": {"dev": {"scope": [], "outputs+": []}},
}
VALID_PROJECT: dict[str, Any] = {
    "project": "demo",
    "issuer": "https://iam.example.org/",
    "provider": "iam-admin",
    "auth": {"method": "client_credentials", "client_id": "iac", "client_secret": {"env": "SECRET"}},
    "state": {"backend": "file", "encryption": {"recipients": [RECIPIENT], "identity": {"file": "~/.iac/key"}}},
    "limits": {"max_deletes": None, "max_updates": 3},
    "timeout": 2.5,
    "deadline": 60,
    "scopes": ["eos*"],
    "policy": {"unknown-scope": "off"},
    "defaults": {"contacts": ["ops@example.org"], "scope+": ["openid"]},
    "outputs": [{"template": "a.j2", "path": "out/b", "clients": {"auth": "wlcg/auth"}}],
    "removed": [{"address": "a/b", "then": "forget"}],
    "moved": [{"from": "a", "to": "b"}],
    "environments": {"dev": None, "prod": {"clients": ["prod/*"], "auth": {"method": "wlcg"}}},
}
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2**40), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6), st.sampled_from(["openid", "https://a.example.org/", "none", "0640", "180d", "x@y.z"]),
    st.sampled_from([[], {}, [[]], {"env": "A"}, {"method": "wlcg"}, [None]]),
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*at, key))


@st.composite
def mutants(draw: st.DrawFn, valid: dict[str, Any]) -> Any:
    """A valid document with one to three values or keys replaced, added or taken out."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from([each for each in places(value) if each]))
        holder: Any = value
        for key in place[:-1]:
            holder = holder[key]
        if isinstance(holder, dict) and draw(st.booleans()):
            holder[draw(st.sampled_from(["x", "env", "method", "scope", "contacts+"]))] = holder.pop(place[-1])
        else:
            holder[place[-1]] = draw(leaves)
    return value


@pytest.mark.parametrize(("name", "valid"), [("client", VALID), ("project", VALID_PROJECT)])
def test_the_quick_check_passes_what_is_valid(name: str, valid: dict[str, Any]) -> None:
    assert compile_schema(load_schema(name))(valid)


@pytest.mark.slow
@given(st.one_of(mutants(VALID).map(lambda v: ("client", v)), mutants(VALID_PROJECT).map(lambda v: ("project", v))))
def test_what_the_quick_check_passes_jsonschema_passes_and_what_it_does_not_is_explained(case: tuple[str, Any]) -> None:
    name, value = case
    is_valid = validator_of(name).is_valid(value)
    if compile_schema(load_schema(name))(value):
        assert is_valid
    complaints = check_schema(Document("a.yaml", value), name)
    assert is_valid == (not complaints)
    assert {Location("a.yaml")} >= {said.location for _, said in complaints}


@every(
    "text, expected",
    [
        ("https://a.example.org/x?y#z", True), ("edu.kit.data.oidc-agent:/redirect", True),
        ("http://[::1]:8080/", True),
        ("", False), ("a/b", False), ("https://", False), ("https://a b/", False), ("http://[::1", False),
        ("https://a:99999/", False), ("https://ä/", False), (3, True), (None, True),
    ],
)  # fmt: skip
def test_what_is_a_uri(text: object, *, expected: bool) -> None:
    assert expected == is_uri(text)


@every(
    "text, expected",
    [
        (RECIPIENT, True), ("ssh-ed25519 AAAAC3Nz", True), (3, True),
        (RECIPIENT[:-1] + "q", False), (RECIPIENT.upper(), False), (RECIPIENT.replace("z7h", "7zh"), False),
        ("age1", False), ("nothing", False), ("age1bio", False),
    ],
)  # fmt: skip
def test_a_recipient_with_a_typing_error_is_noticed(text: object, *, expected: bool) -> None:
    assert expected == is_recipient(text)


def test_each_format_of_the_schemas_has_a_meaning() -> None:
    used = {
        part["format"]
        for name in ("client", "project", "plan")
        for part in subschemas(load_schema(name))
        if "format" in part
    }
    assert used == set(FORMATS)
