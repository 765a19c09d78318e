"""Files that are changed: `iac fmt` and the lineage in iac.yaml. What a file says stays, comments too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.backends.file import FilePlace
from iac.config.definitions import load_project, validate_project
from iac.config.edit.files import dump, replace_text, round_trip
from iac.config.edit.format import format_text, schema_address
from iac.config.edit.project import edit_lineage
from iac.config.schema import load_schema
from iac.core.errors import InputError
from iac.core.model import FIELDS
from iac.document import Document, parse_document
from tests.config.given import CLIENT, PROJECT, RECIPIENT, write
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

LINE = "# yaml-language-server: $schema=x\n"


def parsed(text: str) -> Document:
    document, diagnostics = parse_document(text.encode(), "a.yaml")
    assert document is not None
    assert [] == diagnostics
    return document


def formatted(text: str, schema: str = "client", address: str = "x") -> str:
    return format_text(parsed(text), text, schema, address)


def test_keys_are_put_in_order_and_comments_go_along() -> None:
    text = """\
# What this file is about.

# of the scope
scope: [openid]   # at its end
outputs:
  - template: json
    # inside
    path: out/a
# of the name
# in two lines
client_name: Portal

client_id: portal
# at the end
"""
    assert (
        LINE
        + """\
# What this file is about.


client_id: portal
# of the name
# in two lines
client_name: Portal
# of the scope
scope: [openid]   # at its end
outputs:
  - template: json
    # inside
    path: out/a
# at the end
"""
    ) == formatted(text)


def test_a_definition_in_canonical_form_stays_byte_for_byte() -> None:
    text = LINE + 'client_id: a\nclient_name: "A name"\ncontacts:\n  - a@b.org\nscope: [openid, "storage.read:/"]\n'
    assert text == formatted(text)


def test_the_order_is_that_of_the_schema() -> None:
    keys = list(load_schema("client")["properties"])
    assert "client_id" == keys[0]
    assert [key for key in keys if key in FIELDS] == list(FIELDS)
    text = "".join(f"{key}: null\n" for key in reversed(keys))
    assert "".join(f"{key}: null\n" for key in keys) == formatted(text, address="")


def test_unknown_keys_come_last_and_stay() -> None:
    assert "client_id: a\nzzz: 1\n" == formatted("zzz: 1\nclient_id: a\n", address="")


@every(
    "text, expected",
    [
        ("client_name: a\r\nclient_id: b\r\n", "client_id: b\nclient_name: a\n"),
        ("\ufeffclient_id: b\n", "client_id: b\n"),
        ("client_id:    b", "client_id: b\n"),
        ("scope:\n- a\n- b\n", "scope:\n  - a\n  - b\n"),
        ("scope: [a,b]\n", "scope: [a, b]\n"),
        ("scope: |\n  a\n  b\nclient_id: x\n", "client_id: x\nscope: |\n  a\n  b\n"),
        ("client_description: NO\nclient_id: '12'\n", "client_id: '12'\nclient_description: NO\n"),
    ],
)
def test_style_is_made_the_same(text: str, expected: str) -> None:
    assert expected == formatted(text, address="")


@every(
    "text",
    [
        "{client_name: a, client_id: b}\n",
        "scope: |+\n  a\n\n\nclient_id: b\n",
        "[a, b]\n",
        "just text\n",
        "  scope: a\n  client_id: b\n",
        "client_name: 'a\n# b\n  c'\nclient_id: d\n",
        "client_id: a\nmode: 0777\nn: 0o17\nf: 1.10\n",
    ],
)
def test_unusual_style_says_the_same_afterwards(text: str) -> None:
    once = formatted(text)
    assert parsed(text).value == parsed(once).value
    assert once == formatted(once)


def test_a_comment_that_would_be_lost_keeps_a_file_as_it_is() -> None:
    text = "contacts:\n  -   - a\n      - []\n# at the end\n"
    assert text == formatted(text, address="")


def test_the_line_for_editors_is_added_once_and_another_one_is_kept() -> None:
    assert formatted(CLIENT).startswith(LINE)
    other = "# yaml-language-server: $schema=./mine.json\n" + CLIENT
    assert other == formatted(other)


def test_editors_are_sent_to_the_copy_in_the_project_or_to_the_published_schema(tmp_path: Path) -> None:
    published = schema_address(tmp_path, "clients.d/a.yaml", "client")
    assert published.startswith("https://")
    assert published.endswith("/client.schema.json")
    write(tmp_path, {"schemas/client.schema.json": "{}"})
    assert "../schemas/client.schema.json" == schema_address(tmp_path, "clients.d/a.yaml", "client")
    assert "../../schemas/client.schema.json" == schema_address(tmp_path, "clients.d/x/a.yaml", "client")
    assert schema_address(tmp_path, "iac.yaml", "project").startswith("https://")


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12),
    st.sampled_from(["NO", "on", "1.10", "0777", "1e3", "~", "null", "2026-11-23", "a: b", "# x", "- a", "", " a "]),
    st.sampled_from(["a\nb\n", "a\n\n", "\na", "a\n b"]),
)  # fmt: skip
keys = st.sampled_from(["client_id", "scope", "outputs", "NO", "1", "null", "a b", "x"])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))
files = st.dictionaries(st.sampled_from([*FIELDS, "client_id", "zzz", "NO"]), values, min_size=1, max_size=5)


@pytest.mark.slow
@given(files)
def test_what_we_write_both_readers_read_alike(value: dict[str, Any]) -> None:
    yaml = round_trip()
    text = dump(yaml, value)
    document, diagnostics = parse_document(text.encode(), "a.yaml")
    if document is not None and not diagnostics:
        assert document.value == yaml.load(text)
        assert document.value == value


@pytest.mark.slow
@given(files, st.lists(st.sampled_from(["# a comment\n", "\n", "  # a comment\n"]), max_size=4), st.randoms())
def test_fmt_is_idempotent_and_never_changes_what_a_file_says(
    value: dict[str, Any], more: list[str], chance: Any
) -> None:
    lines = dump(round_trip(), value).splitlines(keepends=True)
    for line in more:
        lines.insert(chance.randrange(len(lines) + 1), line)
    text = "".join(lines)
    document, diagnostics = parse_document(text.encode(), "a.yaml")
    if document is None or diagnostics:
        return
    once = format_text(document, text, "client", "x")
    assert repr(document.value) == repr({key: parsed(once).value[key] for key in document.value})
    assert once == format_text(parsed(once), once, "client", "x")
    assert text.count("# a comment") == once.count("# a comment")


def test_a_file_is_replaced_whole_with_its_mode_and_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("old")
    (tmp_path / "real.yaml").chmod(0o640)
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    replace_text(tmp_path / "link.yaml", "new")
    assert "new" == (tmp_path / "real.yaml").read_text()
    assert 0o640 == (tmp_path / "real.yaml").stat().st_mode & 0o777
    assert {"real.yaml", "link.yaml"} == {path.name for path in tmp_path.iterdir()}
    replace_text(tmp_path / "made.yaml", "x")
    assert "x" == (tmp_path / "made.yaml").read_text()


def test_a_file_that_cannot_be_written_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError) as raised:
        replace_text(tmp_path / "a.yaml", "new")
    assert "No space left on device" == raised.value.why
    assert ["a.yaml"] == [path.name for path in tmp_path.iterdir()]
    assert "old" == (tmp_path / "a.yaml").read_text()


def test_lineage_and_recipient_are_written_with_comments_kept(tmp_path: Path) -> None:
    text = f"# top\n{PROJECT}state:\n  # where\n  path: s.json   # here\n# below\nscopes: []\n"
    write(tmp_path, {"iac.yaml": text})
    edit_lineage(tmp_path, "default", "lineage-1", RECIPIENT)
    found = load_project(tmp_path).settings().state
    assert (FilePlace("s.json"), "lineage-1", (RECIPIENT,)) == (found.place, found.lineage, found.recipients)
    written = (tmp_path / "iac.yaml").read_text()
    assert all(comment in written for comment in ("# top\n", "  # where\n", "# here\n", "\n# below\nscopes"))
    edit_lineage(tmp_path, "default", "lineage-2", RECIPIENT)
    assert ("lineage-2", (RECIPIENT,)) == (
        load_project(tmp_path).settings().state.lineage, load_project(tmp_path).settings().state.recipients,
    )  # fmt: skip


def test_a_project_without_state_gets_one(tmp_path: Path) -> None:
    edit_lineage(write(tmp_path, {}), "default", "lineage-1")
    assert "lineage-1" == load_project(tmp_path).settings().state.lineage


def test_the_lineage_of_an_environment_stands_in_it_and_the_recipient_where_encryption_does(tmp_path: Path) -> None:
    text = PROJECT + f"environments:\n  dev:\n  prod:\n    state: {{encryption: {{recipients: [{RECIPIENT}]}}}}\n"
    write(tmp_path, {"iac.yaml": text})
    other = "ssh-ed25519 AAAA"
    edit_lineage(tmp_path, "dev", "lineage-dev", other)
    edit_lineage(tmp_path, "prod", "lineage-prod", other)
    project = load_project(tmp_path)
    dev, prod = project.settings("dev").state, project.settings("prod").state
    assert ("lineage-dev", (other,)) == (dev.lineage, dev.recipients)
    assert ("lineage-prod", (RECIPIENT, other)) == (prod.lineage, prod.recipients)


def test_clear_state_gets_no_recipient(tmp_path: Path) -> None:
    write(tmp_path, {"iac.yaml": PROJECT + "state: {encryption: none}\n"})
    edit_lineage(tmp_path, "default", "lineage-1", RECIPIENT)
    assert load_project(tmp_path).settings().state.is_clear


def test_an_environment_called_default_can_be_declared(tmp_path: Path) -> None:
    write(tmp_path, {"iac.yaml": PROJECT + "environments: {default: {}}\n"})
    edit_lineage(tmp_path, "default", "lineage-1")
    assert "lineage-1" == load_project(tmp_path).document.value["environments"]["default"]["state"]["lineage"]
    assert validate_project(tmp_path).is_valid


def test_a_lineage_that_would_not_be_read_as_meant_is_not_written(tmp_path: Path) -> None:
    write(tmp_path, {})
    before = (tmp_path / "iac.yaml").read_text()
    with pytest.raises(InputError) as raised:
        edit_lineage(tmp_path, "default", "a\u202eb")
    assert "by hand" in raised.value.fix
    assert before == (tmp_path / "iac.yaml").read_text()


def test_the_demo_project_keeps_its_shape(tmp_path: Path) -> None:
    write(tmp_path, {"iac.yaml": "project: a\nstate: {backend: file}\n"})
    edit_lineage(tmp_path, "default", "abcdefgh")
    assert "project: a\nstate: {lineage: abcdefgh, backend: file}\n" == (tmp_path / "iac.yaml").read_text()
