from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iac.backends.age import AgeVault
from iac.core.errors import InputError, StateError
from iac.core.secret import Secret
from iac.sealing import ensure_key, key_path, recipients_of, stored_identity

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path / "home")}


def test_a_new_key_opens_what_is_sealed_to_its_recipient(environ: dict[str, str]) -> None:
    key = ensure_key("rucio", environ, NOW)
    assert key.is_new
    assert Path(environ["XDG_CONFIG_HOME"]) / "iac/identities/rucio.txt" == key.path
    AgeVault([key.recipient], lambda: stored_identity("rucio", environ)).check()
    AgeVault([key.recipient], lambda: Secret(str(key.path))).check()


def test_a_new_key_is_for_its_owner_alone(environ: dict[str, str]) -> None:
    path = ensure_key("rucio", environ, NOW).path
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)


def test_a_key_file_looks_like_that_of_age_keygen(environ: dict[str, str]) -> None:
    key = ensure_key("rucio", environ, NOW)
    lines = key.path.read_text().splitlines()
    assert ["# created: 2026-11-23T12:00:00+00:00", f"# public key: {key.recipient}"] == lines[:2]
    assert lines[2].startswith("AGE-SECRET-KEY-1")


def test_a_key_that_is_there_is_used_and_never_overwritten(environ: dict[str, str]) -> None:
    first = ensure_key("rucio", environ, NOW)
    text = first.path.read_text()
    again = ensure_key("rucio", environ, NOW)
    assert not again.is_new
    assert first.recipient == again.recipient
    assert text == first.path.read_text()


def test_without_xdg_the_home_directory_is_meant(environ: dict[str, str]) -> None:
    home = Path(environ["HOME"])
    for base in ("", "relative/path"):
        where = key_path("rucio", {**environ, "XDG_CONFIG_HOME": base})
        assert home / ".config/iac/identities/rucio.txt" == where
    assert Path.home() / ".config/iac/identities/rucio.txt" == key_path("rucio", {})


def test_without_a_key_file_there_is_no_identity(environ: dict[str, str]) -> None:
    assert stored_identity("rucio", environ) is None


@pytest.mark.parametrize("content", [b"", b"# nothing but a comment\n", b"not a key\n", b"\xff\xfe"])
def test_an_unusable_key_file_is_told_and_left_alone(environ: dict[str, str], content: bytes) -> None:
    path = key_path("rucio", environ)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(StateError) as caught:
        ensure_key("rucio", environ, NOW)
    assert caught.value.fix
    assert content == path.read_bytes()


def test_a_key_file_that_is_a_directory_is_told(environ: dict[str, str]) -> None:
    key_path("rucio", environ).mkdir(parents=True)
    with pytest.raises(StateError, match="key file cannot be read"):
        stored_identity("rucio", environ)


def test_a_place_where_no_key_can_be_made_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")
    with pytest.raises(InputError, match="key file cannot be made") as caught:
        ensure_key("rucio", environ, NOW)
    assert "XDG_CONFIG_HOME" in caught.value.fix


def test_all_recipients_of_a_key_file_are_known(environ: dict[str, str]) -> None:
    texts = [ensure_key(name, environ, NOW).path.read_text() for name in ("one", "two")]
    expected = tuple(ensure_key(name, environ, NOW).recipient for name in ("one", "two"))
    assert expected == recipients_of(Secret(os.linesep.join(texts)))
