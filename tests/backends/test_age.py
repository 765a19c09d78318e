from __future__ import annotations

import base64
import json
import os
import subprocess
import traceback
from typing import TYPE_CHECKING

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.backends.age import AgeVault, ClearVault, RekeyVault
from iac.core.errors import ClosedSecretError, StateError
from iac.core.secret import Secret
from iac.ports import Place
from iac.sealing import new_identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iac.ports import Vault

PLACE = Place("lineage-1", "default", "wlcg/a", "client_secret")
CANARY = "CANARY-5f1f3a"
IDENTITY, RECIPIENT = new_identity()
OTHER_IDENTITY, OTHER_RECIPIENT = new_identity()
VAULT = AgeVault([RECIPIENT], lambda: IDENTITY)


@settings(deadline=None)
@given(st.text(), st.builds(Place, st.text(), st.text(), st.text(), st.text()))
def test_what_was_sealed_opens_at_its_place(text: str, place: Place) -> None:
    assert Secret(text) == VAULT.open(VAULT.seal(Secret(text), place), place)


def test_a_sealed_secret_is_text_that_says_age_and_not_the_secret() -> None:
    sealed = VAULT.seal(Secret(CANARY), PLACE)
    assert sealed.startswith("age:")
    assert sealed.isascii()
    assert CANARY.encode() not in base64.b64decode(sealed.removeprefix("age:"))
    assert sealed != VAULT.seal(Secret(CANARY), PLACE)


def test_what_is_sealed_is_an_age_file_that_names_its_place() -> None:
    encrypted = base64.b64decode(VAULT.seal(Secret(CANARY), PLACE).removeprefix("age:"))
    assert encrypted.startswith(b"age-encryption.org/v1\n")
    plain = json.loads(pyrage.decrypt(encrypted, [pyrage.x25519.Identity.from_str(IDENTITY.reveal())]))
    assert {
        "lineage": "lineage-1",
        "environment": "default",
        "address": "wlcg/a",
        "name": "client_secret",
        "value": CANARY,
    } == plain


@pytest.mark.parametrize("part", ["lineage", "environment", "address", "name"])
def test_a_value_that_was_moved_does_not_open(part: str) -> None:
    sealed = VAULT.seal(Secret(CANARY), PLACE)
    with pytest.raises(StateError, match="belongs elsewhere") as caught:
        VAULT.open(sealed, replace(PLACE, **{part: "elsewhere"}))
    assert "lineage-1/default/wlcg/a/client_secret" in caught.value.why
    assert caught.value.fix


def test_all_recipients_can_open() -> None:
    sealed = AgeVault([RECIPIENT, OTHER_RECIPIENT], lambda: None).seal(Secret(CANARY), PLACE)
    for identity in (IDENTITY, OTHER_IDENTITY):
        assert Secret(CANARY) == AgeVault([RECIPIENT], lambda one=identity: one).open(sealed, PLACE)  # type: ignore[misc]


def test_sealing_needs_no_identity() -> None:
    def never() -> Secret | None:
        raise AssertionError("the identity was asked for")

    assert AgeVault([RECIPIENT], never).seal(Secret(CANARY), PLACE)


def test_check_proves_that_the_identity_opens() -> None:
    VAULT.check()
    with pytest.raises(StateError, match="not one of the state's recipients"):
        AgeVault([RECIPIENT], lambda: OTHER_IDENTITY).check()


class TestIdentity:
    def test_a_key_file_may_hold_comments_and_several_keys(self) -> None:
        text = (
            f"# created: today\n# public key: {OTHER_RECIPIENT}\n{OTHER_IDENTITY.reveal()}\n\n{IDENTITY.reveal()}\r\n"
        )
        AgeVault([RECIPIENT], lambda: Secret(text)).check()

    def test_the_path_of_a_key_file_will_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "key.txt").write_text(f"# a comment\n{IDENTITY.reveal()}\n")
        AgeVault([RECIPIENT], lambda: Secret(f"{tmp_path}/key.txt\n")).check()
        monkeypatch.setenv("HOME", str(tmp_path))
        AgeVault([RECIPIENT], lambda: Secret("~/key.txt")).check()

    def test_an_ssh_key_will_do(self, tmp_path: Path) -> None:
        public = _ssh_key(tmp_path / "key", "")
        AgeVault([public], lambda: Secret((tmp_path / "key").read_text())).check()
        AgeVault([public], lambda: Secret(str(tmp_path / "key"))).check()

    def test_an_ssh_key_with_a_passphrase_is_refused_with_a_way_on(self, tmp_path: Path) -> None:
        public = _ssh_key(tmp_path / "key", "a passphrase")
        with pytest.raises(StateError, match="ssh identity cannot be used") as caught:
            AgeVault([public], lambda: Secret(str(tmp_path / "key"))).check()
        assert "without passphrase" in caught.value.fix

    @pytest.mark.parametrize(
        ("text", "summary"),
        [
            (None, "no age identity is configured"),
            (" \n", "no age identity is configured"),
            ("/no/such/file", "neither a key nor the path"),
            (CANARY, "neither a key nor the path"),
            ("a" * 5000, "neither a key nor the path"),
            ("AGE-SECRET-KEY-1" + CANARY, "identity is damaged"),
            (f"# a comment\n{CANARY}\n", "identity is damaged"),
            ("# nothing\n# but comments\n", "contains no key"),
            (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n-----END", "ssh identity cannot be used"),
        ],
    )
    def test_an_unusable_identity_is_told_with_a_way_on_and_never_shown(self, text: str | None, summary: str) -> None:
        sealed = VAULT.seal(Secret("x"), PLACE)
        with pytest.raises(StateError, match=summary) as caught:
            AgeVault([RECIPIENT], lambda: Secret(text) if text is not None else None).open(sealed, PLACE)
        assert caught.value.fix
        assert not list(_leaks(caught.value))

    def test_a_key_file_that_is_no_text_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(StateError, match="neither a key") as caught:
            AgeVault([RECIPIENT], lambda: Secret(str(tmp_path / "key"))).check()
        assert "it is not text" == caught.value.why

    def test_the_identity_is_asked_for_once(self) -> None:
        asked: list[int] = []

        def identity() -> Secret:
            asked.append(1)
            return IDENTITY

        vault = AgeVault([RECIPIENT], identity)
        vault.check()
        vault.check()
        assert [1] == asked


class TestRecipients:
    def test_without_recipients_nothing_is_sealed(self) -> None:
        with pytest.raises(StateError, match="names no recipients") as caught:
            AgeVault([], lambda: None).seal(Secret(CANARY), PLACE)
        assert "iac state init" in caught.value.fix

    @pytest.mark.parametrize("text", ["age1xyz", "", "ssh-ed25519 AAAA", "age1tag1xyz", "age1tagpq1xyz", "bob"])
    def test_what_is_no_recipient_is_named(self, text: str) -> None:
        with pytest.raises(StateError, match="not an age or ssh public key") as caught:
            AgeVault([RECIPIENT, text], lambda: None).seal(Secret(CANARY), PLACE)
        assert text == caught.value.where

    def test_an_identity_among_the_recipients_is_not_shown(self) -> None:
        with pytest.raises(StateError, match="not an age or ssh public key") as caught:
            AgeVault([IDENTITY.reveal()], lambda: None).seal(Secret("x"), PLACE)
        assert "AGE-SECRET" not in str(caught.value)


class TestSeveral:
    """Several recipients: those of the state, and those of one client."""

    def test_each_of_three_identities_opens_alone_and_another_does_not(self, tmp_path: Path) -> None:
        keys = [new_identity() for _ in range(2)]
        identities = [*(identity for identity, _ in keys), Secret(str(tmp_path / "key"))]
        recipients = [*(recipient for _, recipient in keys), _ssh_key(tmp_path / "key", "")]
        sealed = AgeVault(recipients, lambda: None).seal(Secret(CANARY), PLACE)
        for identity in identities:
            assert Secret(CANARY) == AgeVault(recipients, lambda one=identity: one).open(sealed, PLACE)  # type: ignore[misc]
        with pytest.raises(ClosedSecretError):
            AgeVault(recipients, lambda: OTHER_IDENTITY).open(sealed, PLACE)

    def test_an_rsa_key_is_a_recipient_too(self, tmp_path: Path) -> None:
        public = _ssh_key(tmp_path / "key", "", kind="rsa")
        AgeVault([RECIPIENT, public], lambda: Secret(str(tmp_path / "key"))).check()

    def test_sixty_four_recipients_open_each(self) -> None:
        keys = [new_identity() for _ in range(64)]
        sealed = AgeVault([recipient for _, recipient in keys], lambda: None).seal(Secret(CANARY), PLACE)
        for identity, _ in keys:
            assert Secret(CANARY) == AgeVault([RECIPIENT], lambda one=identity: one).open(sealed, PLACE)  # type: ignore[misc]

    def test_what_is_sealed_also_to_a_host_opens_there_and_nothing_else_does(self) -> None:
        host = AgeVault([RECIPIENT], lambda: OTHER_IDENTITY)
        theirs = VAULT.seal(Secret(CANARY), PLACE, [OTHER_RECIPIENT])
        ours = VAULT.seal(Secret(CANARY), PLACE)
        assert Secret(CANARY) == host.open(theirs, PLACE) == VAULT.open(theirs, PLACE)
        with pytest.raises(ClosedSecretError, match="does not open this secret") as caught:
            host.open(ours, PLACE)
        assert ("wlcg/a",) == caught.value.addresses
        assert RECIPIENT in caught.value.why
        assert "iac state rekey" in caught.value.fix
        assert not list(_leaks(caught.value))

    def test_a_recipient_that_is_named_twice_counts_once(self) -> None:
        sealed = VAULT.seal(Secret(CANARY), PLACE, [RECIPIENT, OTHER_RECIPIENT, OTHER_RECIPIENT])
        assert 2 == base64.b64decode(sealed.removeprefix("age:")).count(b"-> X25519 ")

    def test_sealing_to_one_client_adds_nobody_to_the_next(self) -> None:
        vault = AgeVault([RECIPIENT], lambda: OTHER_IDENTITY)
        vault.seal(Secret(CANARY), PLACE, [OTHER_RECIPIENT])
        with pytest.raises(ClosedSecretError):
            vault.open(vault.seal(Secret(CANARY), PLACE), PLACE)

    def test_recipients_of_a_client_do_not_stand_for_those_of_the_state(self) -> None:
        with pytest.raises(StateError, match="names no recipients"):
            AgeVault([], lambda: None).seal(Secret(CANARY), PLACE, [OTHER_RECIPIENT])


class TestRekey:
    def test_from_clear_to_age(self) -> None:
        vault = RekeyVault(VAULT, AgeVault([RECIPIENT], lambda: None))
        clear = vault.open(f"clear:{CANARY}", PLACE)
        assert Secret(CANARY) == clear == VAULT.open(vault.seal(clear, PLACE), PLACE)
        vault.check()

    def test_from_age_to_clear_without_recipients(self) -> None:
        vault = RekeyVault(ClearVault(), AgeVault([], lambda: IDENTITY))
        clear = vault.open(VAULT.seal(Secret(CANARY), PLACE), PLACE)
        assert f"clear:{CANARY}" == vault.seal(clear, PLACE)

    def test_from_age_to_clear_with_another_identity(self) -> None:
        vault = RekeyVault(ClearVault(), AgeVault([], lambda: OTHER_IDENTITY))
        with pytest.raises(ClosedSecretError, match="does not open") as caught:
            vault.open(VAULT.seal(Secret(CANARY), PLACE), PLACE)
        assert "iac.yaml names none" in caught.value.why


class TestDamage:
    @pytest.mark.parametrize(
        "damage",
        [
            lambda sealed: sealed[:-8],
            lambda sealed: sealed[:40],
            lambda _: "age:",
            lambda _: "age:ünïcode",
            lambda sealed: sealed[:-6] + "AAAA" + sealed[-2:],
        ],
        ids=["cut", "header", "empty", "no base64", "flipped"],
    )
    def test_a_damaged_value_is_told_with_its_address(self, damage: object) -> None:
        assert callable(damage)
        with pytest.raises(StateError, match="cannot be decrypted") as caught:
            VAULT.open(damage(VAULT.seal(Secret(CANARY), PLACE)), PLACE)
        assert "wlcg/a" == caught.value.where
        assert "secret.serial" in caught.value.fix

    def test_a_value_for_former_recipients_is_not_blamed_on_the_identity(self) -> None:
        sealed = AgeVault([OTHER_RECIPIENT], lambda: None).seal(Secret(CANARY), PLACE)
        with pytest.raises(StateError, match="cannot be decrypted") as caught:
            VAULT.open(sealed, PLACE)
        assert "before the recipients of iac.yaml were changed" in caught.value.why

    @pytest.mark.parametrize("plain", [CANARY, "[]", '{"value": "CANARY-5f1f3a"}', f'"{CANARY}'])
    def test_something_else_that_was_encrypted_to_us_is_no_secret_of_ours(self, plain: str) -> None:
        encrypted = pyrage.encrypt(plain.encode(), [pyrage.x25519.Recipient.from_str(RECIPIENT)])
        with pytest.raises(StateError, match="was not sealed by iac") as caught:
            VAULT.open("age:" + base64.b64encode(encrypted).decode(), PLACE)
        assert not list(_leaks(caught.value))

    def test_a_clear_value_is_refused_where_encryption_is_asked_for(self) -> None:
        with pytest.raises(StateError, match="is not encrypted") as caught:
            VAULT.open(f"clear:{CANARY}", PLACE)
        assert "iac state rekey" in caught.value.fix
        assert not list(_leaks(caught.value))


class TestClear:
    def test_a_secret_is_kept_as_it_is(self) -> None:
        vault = ClearVault()
        vault.check()
        assert f"clear:{CANARY}" == vault.seal(Secret(CANARY), PLACE)
        assert Secret(CANARY) == vault.open(f"clear:{CANARY}", PLACE)

    def test_an_encrypted_value_is_refused_with_a_way_on(self) -> None:
        with pytest.raises(StateError, match="encryption: none") as caught:
            ClearVault().open(VAULT.seal(Secret(CANARY), PLACE), PLACE)
        assert "state.encryption" in caught.value.fix


class TestCanary:
    @pytest.mark.parametrize("vault", [VAULT, ClearVault()], ids=["age", "clear"])
    def test_no_repr_shows_a_secret(self, vault: Vault) -> None:
        secret = vault.open(vault.seal(Secret(CANARY), PLACE), PLACE)
        assert CANARY not in f"{secret} {secret!r} {vault!r} {vars(vault)!r}"

    def test_no_error_about_a_value_shows_it(self) -> None:
        sealed = VAULT.seal(Secret(CANARY), PLACE)
        stranger = AgeVault([RECIPIENT], lambda: OTHER_IDENTITY)
        for vault, value, place in (
            (VAULT, sealed, replace(PLACE, address="wlcg/b")),
            (VAULT, sealed[:-8], PLACE),
            (stranger, sealed, PLACE),
            (AgeVault(["age1xyz"], lambda: IDENTITY), f"clear:{CANARY}", PLACE),
        ):
            with pytest.raises(StateError) as caught:
                vault.open(value, place)
            assert not list(_leaks(caught.value))


def _leaks(error: BaseException) -> Iterator[str]:
    """Where in an error, its causes, their attributes and the locals of its frames in iac the canary stands."""
    seen: BaseException | None = error
    while seen is not None:
        text = f"{seen!r} {seen} {vars(seen)!r}"
        if CANARY in text:
            yield text
        for frame in traceback.StackSummary.extract(traceback.walk_tb(seen.__traceback__), capture_locals=True):
            values = str(frame.locals)
            if f"{os.sep}iac{os.sep}backends" in frame.filename and CANARY in values and "clear:" not in values:
                yield f"{frame.name}: {values}"
        seen = seen.__cause__ or seen.__context__


def _ssh_key(path: Path, passphrase: str, kind: str = "ed25519") -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text().strip()
