"""Encrypted outputs and the programs of others: SOPS and age, as IAC_TEST_SOPS and IAC_TEST_AGE name them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from iac.ports import Comparison
from iac.sinks.age.cipher import AgeCipher
from tests.sinks.test_sealed import CONTENTS, OUR_KEY, OURS, THEIR_KEY, THEIRS, sealed_sink, sops

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.secret import Secret

pytestmark = pytest.mark.live
DECRYPTED = {
    "a.json": (
        b'{\n\t"client_secret": "one",\n\t"n": 5,\n\t"yes": true,\n\t"nil": null,\n'
        b'\t"l": [\n\t\t"a",\n\t\t{\n\t\t\t"k": ""\n\t\t}\n\t]\n}\n'
    ),
    "a.env": b"CLIENT_SECRET=one\nQUOTED='a b'\nEMPTY=\n",
    "a.ini": b"[client]\nclient_secret = one\nurl           = https://x/?a=b\n\n[other]\nk = v\n",
    "a.cfg": CONTENTS["a.cfg"],
}
"""What SOPS makes of our files in its own style; YAML is compared as values."""


def program(variable: str) -> str:
    found = os.environ.get(variable)
    if not found:
        pytest.fail(f"{variable} names no program; tests/live/run.sh builds it")
    return found


def run(variable: str, *arguments: str, identity: Secret = OURS, home: Path) -> bytes:
    """What a program says, run with one identity."""
    (home / "key.txt").write_text(identity.reveal())
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "SOPS_AGE_KEY": identity.reveal()}
    command = [program(variable), *arguments]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=home, check=False, timeout=60)
    assert (0, b"") == (done.returncode, done.stderr), done.stderr
    return done.stdout


@pytest.mark.parametrize("identity", [OURS, THEIRS], ids=["one", "another"])
@pytest.mark.parametrize("name", DECRYPTED)
def test_sops_decrypts_our_files_for_each_recipient(tmp_path: Path, name: str, identity: Secret) -> None:
    sealed_sink(tmp_path, sops(), [OUR_KEY, THEIR_KEY]).write(name, CONTENTS[name], mode=0o600)
    assert DECRYPTED[name] == run("IAC_TEST_SOPS", "decrypt", name, identity=identity, home=tmp_path)


def test_sops_decrypts_our_yaml_to_the_same_values(tmp_path: Path) -> None:
    sink = sealed_sink(tmp_path, sops())
    sink.write("a.yaml", CONTENTS["a.yaml"], mode=0o600)
    plain = run("IAC_TEST_SOPS", "decrypt", "a.yaml", home=tmp_path)
    assert sink.compare("a.yaml", plain) is Comparison.AS_WANTED
    assert b"client_secret: one\n" in plain


def test_sops_decrypts_a_manifest_of_which_only_the_data_are_encrypted(tmp_path: Path) -> None:
    manifest = b'apiVersion: v1\nkind: Secret\nmetadata:\n    name: app\ndata:\n    a: b25l\n    b: ""\n'
    sealed_sink(tmp_path, sops(["data", "stringData"])).write("s.yaml", manifest, mode=0o600)
    assert b'kind: "Secret"\nmetadata:\n    name: "app"\n' in (tmp_path / "s.yaml").read_bytes()
    assert manifest == run("IAC_TEST_SOPS", "decrypt", "s.yaml", home=tmp_path)


@pytest.mark.parametrize("name", CONTENTS)
def test_our_code_reads_what_sops_encrypted(tmp_path: Path, name: str) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / name).write_bytes(CONTENTS[name])
    sealed = run("IAC_TEST_SOPS", "encrypt", "--age", OUR_KEY, f"plain/{name}", home=tmp_path)
    (tmp_path / name).write_bytes(sealed)
    sink = sealed_sink(tmp_path, sops())
    assert sink.compare(name, CONTENTS[name]) is Comparison.AS_WANTED
    assert sink.compare(name, CONTENTS[name].replace(b"one", b"two")) is Comparison.OTHER
    assert not sink.write(name, CONTENTS[name], mode=(tmp_path / name).stat().st_mode & 0o777)


def test_what_sops_changed_in_our_file_is_seen(tmp_path: Path) -> None:
    sink = sealed_sink(tmp_path, sops())
    sink.write("a.json", CONTENTS["a.json"], mode=0o600)
    run("IAC_TEST_SOPS", "set", "a.json", '["client_secret"]', '"two"', home=tmp_path)
    assert sink.compare("a.json", CONTENTS["a.json"]) is Comparison.OTHER
    assert sink.compare("a.json", CONTENTS["a.json"].replace(b"one", b"two")) is Comparison.AS_WANTED


def test_a_file_that_sops_has_given_another_data_key_is_left_alone(tmp_path: Path) -> None:
    sink = sealed_sink(tmp_path, sops())
    sink.write("a.env", CONTENTS["a.env"], mode=0o600)
    before = (tmp_path / "a.env").read_bytes()
    run("IAC_TEST_SOPS", "rotate", "--in-place", "a.env", home=tmp_path)
    assert before != (tmp_path / "a.env").read_bytes()
    assert sink.compare("a.env", CONTENTS["a.env"]) is Comparison.AS_WANTED


def test_sops_refuses_our_file_when_a_byte_of_it_was_changed(tmp_path: Path) -> None:
    sealed_sink(tmp_path, sops(["data"])).write("s.yaml", b"kind: Secret\ndata: {a: b25l}\n", mode=0o600)
    file = tmp_path / "s.yaml"
    file.write_text(file.read_text().replace('"Secret"', '"Public"'))
    command = [program("IAC_TEST_SOPS"), "decrypt", "s.yaml"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SOPS_AGE_KEY": OURS.reveal()}
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, check=False, timeout=60)
    assert 0 != done.returncode
    assert b"MAC mismatch" in done.stderr


@pytest.mark.parametrize("identity", [OURS, THEIRS], ids=["one", "another"])
def test_age_decrypts_our_files_to_the_byte(tmp_path: Path, identity: Secret) -> None:
    sealed_sink(tmp_path, AgeCipher(), [OUR_KEY, THEIR_KEY]).write("a.age", CONTENTS["a.cfg"], mode=0o600)
    plain = run("IAC_TEST_AGE", "--decrypt", "--identity", "key.txt", "a.age", identity=identity, home=tmp_path)
    assert CONTENTS["a.cfg"] == plain


def test_our_code_reads_what_age_encrypted(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(CONTENTS["a.cfg"])
    run("IAC_TEST_AGE", "--encrypt", "--armor", "--recipient", OUR_KEY, "--output", "a.age", "plain", home=tmp_path)
    sink = sealed_sink(tmp_path, AgeCipher())
    assert sink.compare("a.age", CONTENTS["a.cfg"]) is Comparison.AS_WANTED
    assert sink.compare("a.age", b"other") is Comparison.OTHER
