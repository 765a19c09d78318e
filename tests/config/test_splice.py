"""The server's values in a definition: these fields, and not a letter more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.config.edit.splice import DefinitionFile, make_edit, read_sources, write_edits
from iac.core.errors import InputError
from iac.core.server import canonical_jwks
from iac.document import parse_document
from tests.config.given import PROJECT, write
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "# our client\nclient_id: app  # never change\nclient_name: An app\n"
URI = "https://a.example.org/cb"
OTHER = "https://b.example.org/cb"
KEY = {"keys": [{"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ", "kid": "one"}]}


def _edited(text: str, environment: str = "default", **values: Any) -> str:
    return make_edit(DefinitionFile("clients.d/app.yaml", text.encode()), environment, values).text


@every(
    "before, values, after",
    [
        ("client_name: Old  # why\n", {"client_name": "New one"}, "client_name: New one  # why\n"),
        ("client_name: 'Old'\n", {"client_name": "Newer"}, 'client_name: "Newer"\n'),
        ("client_name: Old\n", {"client_name": "yes: 1 #"}, 'client_name: "yes: 1 #"\n'),
        ("client_name: Old\n", {"client_name": "true"}, 'client_name: "true"\n'),
        (
            "client_description: >\n  Many\n  words\n\n# next\nclient_name: Name\n",
            {"client_description": "Few"},
            "client_description: Few\n\n# next\nclient_name: Name\n",
        ),
        ("client_name: Name\ncontacts:\n", {"contacts": ("a@x.org",)}, "client_name: Name\ncontacts: [a@x.org]\n"),
        ("scope: [b, a]  # why\n", {"scope": ("a", "c")}, "scope: [a, c]  # why\n"),
        ("scope: b a\n", {"scope": ("a", "b", "c")}, "scope: b a c\n"),
        ("scope: b a\n", {"scope": None}, "scope: []\n"),
        (
            "contacts:\n  - a@x.org  # Ann\n  # Ben is on leave\n  - b@x.org\n  - c@x.org\n# end\nscope: [a]\n",
            {"contacts": ("a@x.org", "d@x.org")},
            "contacts:\n  - a@x.org  # Ann\n  - d@x.org\n  # Ben is on leave\n# end\nscope: [a]\n",
        ),
        ("contacts:\n- a@x.org\nscope: [a]\n", {"contacts": None}, "contacts:\n  []\nscope: [a]\n"),
        (
            "contacts:\n- a@x.org\n- b@x.org\nscope: [a]\n",
            {"contacts": ("c@x.org", "d@x.org")},
            "contacts:\n- c@x.org\n- d@x.org\nscope: [a]\n",
        ),
        ("contacts:\n  - a@x.org", {"contacts": ("a@x.org", "b@x.org")}, "contacts:\n  - a@x.org\n  - b@x.org"),
        (
            "contacts:\r\n  - a@x.org\r\n",
            {"contacts": ("a@x.org", "b@x.org"), "scope": ("a",)},
            "contacts:\r\n  - a@x.org\r\n  - b@x.org\r\nscope: [a]\r\n",
        ),
        (
            "grant_types: [device_code]\n",
            {"grant_types": ("password", "urn:ietf:params:oauth:grant-type:device_code")},
            "grant_types: [device_code, password]\n",
        ),
        (
            "grant_types:\n  - device_code\n",
            {"grant_types": ("urn:ietf:params:oauth:grant-type:token-exchange",)},
            "grant_types:\n  - token-exchange\n",
        ),
        ("require_auth_time: true\n", {"require_auth_time": None}, "require_auth_time: false\n"),
        ("id_token_validity_seconds: 60\n", {"id_token_validity_seconds": 90}, "id_token_validity_seconds: 90\n"),
        ("jwks_uri: https://a.org/k\n", {"jwks_uri": None}, "jwks_uri: null\n"),
        ("adopt: true\n", {"grant_types": ("implicit",)}, "adopt: true\ngrant_types: [implicit]\n"),
        ("scope+: [a]\n", {"scope": ("a", "b")}, "scope: [a, b]\n"),
        (
            "environments:\n  dev:\n    scope: [a]\nscope: [z]\n",
            {"scope": ("b",)},
            "environments:\n  dev:\n    scope: [b]\nscope: [z]\n",
        ),
        (
            "environments:\n  dev:\n    scope+: [a]\nscope: [z]\n",
            {"scope": ("a", "b", "z")},
            "environments:\n  dev:\n    scope: [a, b, z]\nscope: [z]\n",
        ),
        (
            "extra:\n  ui_theme: dark  # why\n  other: {a: 1}\n",
            {"extra.ui_theme": '"light"', "extra.other": '{"a":2}'},
            'extra:\n  ui_theme: "light"  # why\n  other: {"a":2}\n',
        ),
        ("extra: {ui_theme: dark}\n", {"extra.ui_theme": None}, "extra: {ui_theme: null}\n"),
        (
            "extra:\n  ui_theme:\n    by: hand\nscope: [a]\n",
            {"extra.ui_theme": "[1,2]"},
            "extra:\n  ui_theme:\n    [1,2]\nscope: [a]\n",
        ),
        (
            "environments:\n  dev:\n    extra: {ui_theme: dark}\nextra: {ui_theme: grey}\n",
            {"extra.ui_theme": "true"},
            "environments:\n  dev:\n    extra: {ui_theme: true}\nextra: {ui_theme: grey}\n",
        ),
    ],
)  # fmt: skip
def test_only_the_field_is_written(before: str, values: dict[str, Any], after: str) -> None:
    head = HEAD.rsplit("client_name", 1)[0] if "client_name" in before else HEAD
    lined = head.replace("\n", "\r\n") if "\r\n" in before else head
    assert lined + after == _edited(lined + before, "dev", **values)


def test_a_definition_in_json_stays_json() -> None:
    text = json.dumps({"client_id": "app", "client_name": "Gruss", "scope": ["a"]}, indent=1)
    edited = _edited(text, scope=("a", "b"), grant_types=("password",), client_name="Grüße")
    assert {"client_id": "app", "scope": ["a", "b"], "grant_types": ["password"], "client_name": "Grüße"} == json.loads(
        edited
    )


def test_a_key_set_is_written_as_json() -> None:
    key = canonical_jwks(json.dumps(KEY))
    edited = _edited("client_id: app\njwk:\n  keys: []\nclient_name: Name\n", jwk=key)
    assert f"client_id: app\njwk:\n  {key}\nclient_name: Name\n" == edited


def test_a_byte_order_mark_stays() -> None:
    assert "\ufeffclient_id: app\nclient_name: Name\nscope: [b]\n" == _edited(
        "\ufeffclient_id: app\nclient_name: Name\nscope: [a]\n", scope=("b",)
    )


def test_owners_are_accounts_in_lower_case() -> None:
    one, two = "6f9b1e0a-0000-4000-8000-00000000000a", "6f9b1e0a-0000-4000-8000-00000000000b"
    edited = _edited(f"client_id: app\nclient_name: Name\nowners:\n  - {one.upper()}\n", owners=(one, two))
    expected = f"client_id: app\nclient_name: Name\nowners:\n  - {one.upper()}\n  - {two}\n"
    assert expected == edited


@every(
    "text, values, why",
    [
        ("scope: [a]\nscope+: [b]\n", {"scope": ("c",)}, "side by side"),
        ("contacts: [\n  # Ann\n  a@x.org]\n", {"contacts": None}, "without changing other lines"),
        ("contacts:\n  -\n    a@x.org\n  - b@x.org\n", {"contacts": ("b@x.org",)}, ""),
        ("client_id: app\nclient_name: Name\n", {"client_name": "in\u202evisible"}, "invisible"),
        ("extra: {b: 1}\n", {"extra.a": "1"}, "add a: 1 under extra"),
        ("client_id: app\nscope: [a]\n", {"grant_types": ("nonsense",)}, "nonsense"),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_way_on(text: str, values: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError) as caught:
        _edited(text if "client_name" in text else f"client_name: Name\n{text}", **values)
    assert why in caught.value.why
    assert "by hand" in caught.value.fix


def test_a_file_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(InputError, match="not a mapping"):
        _edited("- client_id\n", scope=("a",))


_names = st.sets(st.from_regex(r"[a-z:./#-]{1,8}", fullmatch=True), max_size=4).map(lambda found: tuple(sorted(found)))


@given(_names, _names, st.sampled_from(["block", "flow", "text"]))
def test_any_set_is_written_and_all_else_stays(before: tuple[str, ...], after: tuple[str, ...], form: str) -> None:
    quoted = [json.dumps(entry) for entry in before]
    block = "\n" + "".join(f"  - {entry}\n" for entry in quoted)
    shown = {
        "block": block if quoted else " []\n",
        "flow": f" [{', '.join(quoted)}]\n",
        "text": f' "{" ".join(before)}"\n',
    }
    text = f"{HEAD}scope:{shown[form]}# the end\nclient_uri: https://x.org  # why\n"
    try:
        edited = _edited(text, scope=after or None)
    except InputError as error:
        assert "scope" in error.where  # noqa: PT017  # a value that the schema does not take
        return
    document, _ = parse_document(edited.encode(), "")
    assert document is not None
    found = document.value["scope"]
    assert set(after) == set(found.split() if isinstance(found, str) else found)
    assert edited.startswith(f"{HEAD}scope:")
    assert edited.endswith("# the end\nclient_uri: https://x.org  # why\n")


class TestWriting:
    FILE = "clients.d/app.yaml"
    TEXT = f"client_id: app\nclient_name: An app\nredirect_uris: [{URI}]\n"

    def _project(self, tmp_path: Path) -> tuple[Path, DefinitionFile]:
        root = write(tmp_path, {"iac.yaml": PROJECT, self.FILE: self.TEXT})
        return root, read_sources(root, ["app", "nothing"])["app"]

    def test_the_file_is_replaced_and_places_are_told(self, tmp_path: Path) -> None:
        root, source = self._project(tmp_path)
        edit = make_edit(source, "default", {"redirect_uris": (OTHER,)})
        write_edits(root, [edit])
        assert self.TEXT.replace(URI, OTHER) == (root / self.FILE).read_text()
        assert (self.FILE, 3) == (edit.places["redirect_uris"].file, edit.places["redirect_uris"].line)

    @pytest.mark.parametrize("change", ["write", "remove"])
    def test_a_file_that_has_changed_meanwhile_is_left_alone(self, tmp_path: Path, change: str) -> None:
        root, source = self._project(tmp_path)
        edit = make_edit(source, "default", {"redirect_uris": (OTHER,)})
        path = root / self.FILE
        path.write_text("# mine\n") if change == "write" else path.unlink()
        with pytest.raises(InputError, match="meanwhile"):
            write_edits(root, [edit])
        assert not path.exists() or path.read_text() == "# mine\n"

    def test_a_definition_that_would_have_mistakes_is_as_before(self, tmp_path: Path) -> None:
        root, source = self._project(tmp_path)
        edit = make_edit(source, "default", {"client_name": "${NAME}"})
        with pytest.raises(InputError, match="as before"):
            write_edits(root, [edit])
        assert self.TEXT == (root / self.FILE).read_text()
