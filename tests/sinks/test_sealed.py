"""What the sinks that encrypt promise beside the contract: no churn, and the right readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from iac.clock import SystemClock
from iac.core.errors import InputError, RenderError, StateError
from iac.core.text import install_extra
from iac.ports import Comparison
from iac.sealing import new_identity
from iac.sinks.age.cipher import AgeCipher
from iac.sinks.file.sink import FileSink
from iac.sinks.sealed import Readers, SealedSink
from iac.sinks.sops.cipher import SopsCipher
from tests.every import every
from tests.sinks.contract import SinkContract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from iac.core.secret import Secret
    from iac.sinks.sealed import Cipher

OURS, OUR_KEY = new_identity()
THEIRS, THEIR_KEY = new_identity()
CANARY = "canary-5c20aa"
CONTENTS = {
    "a.json": b'{"client_secret": "one", "n": 5, "yes": true, "nil": null, "l": ["a", {"k": ""}]}',
    "a.yaml": (
        b"client_secret: one\nn: 5\nyes: true\nnil: ~\n"
        b'l: [a, {k: "", m: [b]}, [c, [d]], [], {}]\n"on": "\\U0001F600\\n\\t\\x07"\n'
    ),
    "a.env": b"# iac\nCLIENT_SECRET=one\nQUOTED='a b'\nEMPTY=\n",
    "a.ini": b"; iac\n[client]\nclient_secret = one\nurl = https://x/?a=b\n\n[other]\nk = v\n",
    "a.cfg": b"any text\n\twith a secret: one\n",
}
"""A content for each form of SOPS files."""


def sealed_sink(
    root: Path, cipher: Cipher, keys: Sequence[str] = (OUR_KEY,), identity: Callable[[], Secret | None] = lambda: OURS
) -> SealedSink:
    return SealedSink(root, cipher, Readers(lambda _: keys, identity))


def sops(only: Sequence[str] = ()) -> SopsCipher:
    return SopsCipher(SystemClock(), only)


class TestAgeSink(SinkContract):
    """The contract, by age files."""

    @pytest.fixture
    def sink(self, tmp_path: Path) -> SealedSink:
        return sealed_sink(tmp_path, AgeCipher())


class TestSopsSink(SinkContract):
    """The contract, by SOPS files: dotenv and any text."""

    @pytest.fixture
    def sink(self, tmp_path: Path) -> SealedSink:
        return sealed_sink(tmp_path, sops())


class TestSopsJsonSink(TestSopsSink):
    """The contract, by SOPS files in JSON."""

    path: ClassVar[str] = "out/app/app.json"
    other: ClassVar[str] = "out/app/other.json"
    contents: ClassVar[tuple[bytes, bytes]] = (CONTENTS["a.json"], b'{"client_secret": "two"}')


class TestSopsYamlSink(TestSopsSink):
    """The contract, by SOPS files in YAML."""

    path: ClassVar[str] = "out/app/app.yaml"
    other: ClassVar[str] = "out/app/other.yml"
    contents: ClassVar[tuple[bytes, bytes]] = (CONTENTS["a.yaml"], b"client_secret: two\n")


class TestSopsIniSink(TestSopsSink):
    """The contract, by SOPS files in INI."""

    path: ClassVar[str] = "out/app/app.ini"
    other: ClassVar[str] = "out/app/other.ini"
    contents: ClassVar[tuple[bytes, bytes]] = (CONTENTS["a.ini"], b"[client]\nclient_secret = two\n")


CIPHERS = [AgeCipher(), sops()]


@pytest.mark.parametrize("cipher", CIPHERS, ids=["age", "sops"])
@pytest.mark.parametrize("name", CONTENTS)
def test_no_file_holds_the_content(tmp_path: Path, cipher: Cipher, name: str) -> None:
    sealed_sink(tmp_path, cipher).write(name, CONTENTS[name].replace(b"one", CANARY.encode()), mode=0o600)
    assert CANARY not in (tmp_path / name).read_text()


@pytest.mark.parametrize("cipher", CIPHERS, ids=["age", "sops"])
def test_a_file_that_holds_the_content_is_left_to_the_byte(tmp_path: Path, cipher: Cipher) -> None:
    sink = sealed_sink(tmp_path, cipher)
    sink.write("a.env", b"A=1\n", mode=0o600)
    before = (tmp_path / "a.env").read_bytes()
    assert not sink.write("a.env", b"A=1\n", mode=0o600, is_new=False)
    assert sink.write("a.env", b"A=1\n", mode=0o644, is_new=False), "its mode is put right"
    assert before == (tmp_path / "a.env").read_bytes()


@pytest.mark.parametrize("cipher", CIPHERS, ids=["age", "sops"])
@pytest.mark.parametrize("identity", [THEIRS, None], ids=["another", "none"])
def test_without_an_identity_that_opens_it_a_file_is_written_but_cannot_be_compared(
    tmp_path: Path, cipher: Cipher, identity: Secret | None
) -> None:
    sink = sealed_sink(tmp_path, cipher, identity=lambda: identity)
    sink.check("a.env", b"A=1\n")
    assert sink.write("a.env", b"A=1\n", mode=0o600)
    assert sink.write("a.env", b"A=1\n", mode=0o600, is_new=False)
    with pytest.raises(StateError, match="identity") as caught:
        sink.compare("a.env", b"A=1\n")
    assert caught.value.fix


def test_a_sops_file_for_other_readers_is_written_anew(tmp_path: Path) -> None:
    sealed_sink(tmp_path, sops(), [OUR_KEY, THEIR_KEY]).write("a.env", b"A=1\n", mode=0o600)
    assert not sealed_sink(tmp_path, sops(), [THEIR_KEY, OUR_KEY]).write("a.env", b"A=1\n", mode=0o600)
    sink = sealed_sink(tmp_path, sops())
    assert sink.compare("a.env", b"A=1\n") is Comparison.OTHER
    assert sink.write("a.env", b"A=1\n", mode=0o600)
    assert THEIR_KEY not in (tmp_path / "a.env").read_text()


def test_an_age_file_that_state_does_not_know_as_it_is_to_be_is_written_anew(tmp_path: Path) -> None:
    sealed_sink(tmp_path, AgeCipher(), [OUR_KEY, THEIR_KEY]).write("a.env", b"A=1\n", mode=0o600)
    assert sealed_sink(tmp_path, AgeCipher()).write("a.env", b"A=1\n", mode=0o600)
    with pytest.raises(StateError, match="does not open this file"):
        sealed_sink(tmp_path, AgeCipher(), identity=lambda: THEIRS).compare("a.env", b"A=1\n")


@pytest.mark.parametrize("cipher", CIPHERS, ids=["age", "sops"])
def test_each_recipient_opens_a_file(tmp_path: Path, cipher: Cipher) -> None:
    for identity in (OURS, THEIRS):
        sink = sealed_sink(tmp_path, cipher, [OUR_KEY, THEIR_KEY], lambda identity=identity: identity)  # type: ignore[misc]
        sink.write("a.env", b"A=1\n", mode=0o600)
        assert sink.compare("a.env", b"A=1\n") is Comparison.AS_WANTED


@pytest.mark.parametrize("cipher", CIPHERS, ids=["age", "sops"])
def test_nobody_to_encrypt_to_is_an_error_before_anything_is_written(tmp_path: Path, cipher: Cipher) -> None:
    sink = SealedSink(tmp_path, cipher, Readers(lambda _: (), lambda: OURS))
    for attempt in (lambda: sink.check("a.env", b"A=1\n"), lambda: sink.write("a.env", b"A=1\n", mode=0o600)):
        with pytest.raises(StateError, match="the output has no recipients"):
            attempt()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("cipher", CIPHERS, ids=["age", "sops"])
def test_an_encrypted_file_may_be_committed(tmp_path: Path, cipher: Cipher) -> None:
    assert {} == sealed_sink(tmp_path, cipher).exposed(["a.env"])


@pytest.mark.parametrize("cipher", CIPHERS, ids=["age", "sops"])
@pytest.mark.parametrize("old", [b"A=1\n", b"\xff", b""])
def test_a_clear_file_is_replaced(tmp_path: Path, cipher: Cipher, old: bytes) -> None:
    (tmp_path / "a.env").write_bytes(old)
    sink = sealed_sink(tmp_path, cipher)
    assert sink.compare("a.env", b"A=1\n") is Comparison.OTHER
    with pytest.raises(RenderError, match="or somebody changed it"):
        sink.read("a.env")
    assert sink.write("a.env", b"A=1\n", mode=0o600)
    assert sink.compare("a.env", b"A=1\n") is Comparison.AS_WANTED


@pytest.mark.parametrize("cipher", CIPHERS, ids=["age", "sops"])
def test_a_sealed_file_has_the_place_of_a_clear_one(tmp_path: Path, cipher: Cipher) -> None:
    assert FileSink(tmp_path).place("out/a.env") == sealed_sink(tmp_path, cipher).place("out/a.env")


def test_a_recipient_that_sops_does_not_have_is_told(tmp_path: Path) -> None:
    tag = "age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e"
    with pytest.raises(StateError, match="SOPS does not support such recipients"):
        sealed_sink(tmp_path, sops(), [tag]).check("a.env", b"A=1\n")


def test_a_library_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iac.sinks.sops.cipher.find_spec", lambda _: None)
    with pytest.raises(InputError, match="not installed") as caught:
        sealed_sink(tmp_path, sops()).check("a.env", b"A=1\n")
    assert install_extra("sops") == caught.value.fix


@every(
    "name, content, why",
    [
        ("a.json", b"[]", "a JSON object only"),
        ("a.json", b"{", "not JSON (line 1)"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.json", b'{"a": 1, "a": 2}', "there twice"),
        ("a.json", b'{"a": 1.5}', "write it as a string"),
        ("a.json", b'{"a": NaN}', "write it as a string"),
        ("a.json", b'{"a": 1234567890123456}', "write it as a string"),
        ("a.json", b'{"sops": 1}', "own part of the file"),
        ("a.json", b'{"l": [{"a_unencrypted": "x"}]}', "_unencrypted in clear"),
        ("a.json", b"\xff", "not UTF-8"),
        ("a.yaml", b"- a\n", "a YAML mapping only"),
        ("a.yaml", b"", "a YAML mapping only"),
        ("a.yaml", b"a: [", "line 2: invalid YAML"),
        ("a.yaml", b"a: 1\n---\nb: 1\n", "line 2: the file has a second document"),
        ("a.yaml", b"a: \x07\n", "line 1: invalid YAML"),
        ("a.yaml", b"a: " + b"[" * 5000, "line 1: "),  # libyaml's own limit or ours: that differs with its version
        ("a.yaml", b"a: " + b"[" * 50 + b"]" * 50, "line 1: the file is nested deeper"),
        ("a.yaml", b"a: &x 1\n", "line 1: &x names a value"),
        ("a.yaml", b"a: 1\nb: !!str 1\n", "line 2: the value has a tag"),
        ("a.yaml", b"a: 1\na: 2\n", "line 2: the key a is there twice"),
        ("a.yaml", b"1: 2\n", "line 1: the key is not text"),
        ("a.yaml", b"[a]: 2\n", "line 1: the key is not plain text"),
        ("a.yaml", b"a: 1.5\n", "line 1: each program reads this number differently: write it as a string"),
        ("a.yaml", b"a: 0777\n", "line 1: each program reads this number differently: write it as a string"),
        ("a.yaml", b"a: 0x1f\n", "line 1: each program reads this number differently: write it as a string"),
        ("a.env", b"A=1\nB\n", "line 2 is not NAME=VALUE"),
        ("a.env", b"A=1\nA=2\n", "line 2 is not NAME=VALUE"),
        ("a.env", b"sops_mac=1\n", "own part of the file"),
        ("a.ini", b"a = 1\n", "line 1 is not `key = value` of a section"),
        ("a.ini", b"[a]\nb\n", "line 2 is not `key = value`"),
        ("a.ini", b"[a]\nb = 1\n  c = 2\n", "line 3 is not `key = value`"),
        ("a.ini", b"[a]\nb: c = 1\n", "line 2 is not `key = value`"),
        ("a.ini", b"[a]\nb = 1\nb = 2\n", "line 3 is not `key = value`"),
        ("a.ini", b"[a]\nb = 1\n[a]\n", "line 3 begins a section"),
        ("a.ini", b"[a]\nb = x ; y\n", "[a] has a quote"),
        ("a.ini", b"[sops]\nb = x\n", "own part of the file"),
    ],
)
def test_what_sops_would_not_give_back_is_refused_before_anything_is_written(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    with pytest.raises(RenderError, match="cannot be encrypted by SOPS") as caught:
        sealed_sink(tmp_path, sops()).check(name, content)
    assert why in caught.value.why
    assert name == caught.value.where
    assert "NAME.txt" in caught.value.fix
    assert [] == list(tmp_path.iterdir())


def test_what_lies_below_other_keys_stays_readable(tmp_path: Path) -> None:
    manifest = b"kind: Secret\nmetadata: {name: app}\ndata: {a: b25l, b: ''}\n"
    sink = sealed_sink(tmp_path, sops(["data", "stringData"]))
    sink.write("s.yaml", manifest, mode=0o600)
    text = (tmp_path / "s.yaml").read_text()
    assert 'kind: "Secret"\nmetadata:\n    name: "app"\ndata:\n    a: "ENC[' in text
    assert 'encrypted_regex: "^(data|stringData)$"' in text
    assert sink.compare("s.yaml", manifest) is Comparison.AS_WANTED
    assert sealed_sink(tmp_path, sops()).compare("s.yaml", manifest) is Comparison.OTHER


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.env", b"CLIENT_SECRET=one\n"),
        ("a.json", b'{"data": "x", "client_secret": "one"}'),
        ("a.yaml", b"kind: Secret\nstringDate: {client_secret: one}\n"),
        ("a.ini", b"[client]\nsecret = one\n"),
    ],
)
def test_nothing_but_what_a_manifest_says_of_itself_stays_in_clear(tmp_path: Path, name: str, content: bytes) -> None:
    sink = sealed_sink(tmp_path, sops(["data", "stringData"]))
    for attempt in (lambda: sink.check(name, content), lambda: sink.write(name, content, mode=0o600)):
        with pytest.raises(RenderError, match="cannot be encrypted by SOPS") as caught:
            attempt()
        assert "would stay in clear: encrypted_regex of the sink is for Kubernetes manifests" in caught.value.why
    assert [] == list(tmp_path.iterdir())


def changed(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


@every(
    "change",
    [
        changed('kind: "Secret"', 'kind: "Other"'),
        changed('    a: "ENC[AES256_GCM,data:', '    a: "ENC[AES256_GCM,data:AAAA'),
        changed('    a: "ENC[', '    a: "END['),
        changed('    b: ""', '    b: "x"'),
        changed('    a: "ENC[', '    a: 5\n    c: "ENC['),
        changed('lastmodified: "2', 'lastmodified: "3'),
        changed('mac: "ENC', 'mac: "x'),
        changed("lastmodified", "pgp: [x]\n    lastmodified"),
        changed("recipient:", "recipients:"),
        changed('- recipient: "', '- "'),
        changed("    age:\n", "    age: x\n    hc_vault:\n"),
        changed("    age:\n        - ", "    age:\n        - x\n        - "),
        changed('encrypted_regex: "^(data)$"', 'encrypted_regex: ".*"'),
        changed("sops:", "sops: []\nother:"),
    ],
)
def test_a_sops_file_that_somebody_changed_is_seen(tmp_path: Path, change: Callable[[str], str]) -> None:
    manifest = b"kind: Secret\ndata: {a: b25l, b: ''}\n"
    sink = sealed_sink(tmp_path, sops(["data"]))
    sink.write("s.yaml", manifest, mode=0o600)
    file = tmp_path / "s.yaml"
    file.write_text(change(file.read_text()))
    assert sink.compare("s.yaml", manifest) is Comparison.OTHER
    assert sink.write("s.yaml", manifest, mode=0o600)
    assert sink.compare("s.yaml", manifest) is Comparison.AS_WANTED


@every(
    "name, change",
    [
        ("a.env", changed("sops_mac=", "sops_pgp__list_x__map_fp=")),
        ("a.env", changed("sops_mac=", "sops_mac__map_x=")),
        ("a.env", changed("sops_lastmodified=", "sops_mac__map_x=1\nsops_lastmodified=")),
        ("a.env", lambda text: "".join(line + "\n" for line in text.splitlines() if "sops_" not in line)),
        ("a.ini", changed("[sops]", "[other.sops]")),
        ("a.json", changed('"sops"', '"spos"')),
        ("a.cfg", changed('"data"', '"date"')),
    ],
)
def test_metadata_that_are_none_are_seen(tmp_path: Path, name: str, change: Callable[[str], str]) -> None:
    sink = sealed_sink(tmp_path, sops())
    sink.write(name, CONTENTS[name], mode=0o600)
    file = tmp_path / name
    file.write_text(change(file.read_text()))
    assert sink.compare(name, CONTENTS[name]) is Comparison.OTHER


def test_a_data_key_of_another_length_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sealed_sink(tmp_path, sops())
    monkeypatch.setattr(
        "iac.sinks.sops.cipher._seal_key", lambda _key, text: AgeCipher().seal("", b"short", [text]).decode()
    )
    sink.write("a.env", b"A=1\n", mode=0o600)
    with pytest.raises(StateError, match="does not open this file"):
        sink.compare("a.env", b"A=1\n")


def test_the_order_and_the_kinds_of_values_count(tmp_path: Path) -> None:
    sink = sealed_sink(tmp_path, sops())
    sink.write("a.json", b'{"a": 1, "b": "x"}', mode=0o600)
    for other in (b'{"b": "x", "a": 1}', b'{"a": true, "b": "x"}', b'{"a": "1", "b": "x"}'):
        assert sink.compare("a.json", other) is Comparison.OTHER
