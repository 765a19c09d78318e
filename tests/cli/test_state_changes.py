"""mv, rm, rekey, pull: state mended without a server."""

from __future__ import annotations

import json
import os
import pwd
import re
import sys
from typing import TYPE_CHECKING

import click
import pytest
from msgspec.structs import replace

from iac.core.errors import ClosedSecretError
from iac.core.state.document import TextOrigin, parse_state
from iac.sealing import new_identity
from tests.backends.given import written
from tests.terminal import pretend_terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Mended


def let_in(mended: Mended, address: str, line: str) -> None:
    """One more line in a definition."""
    with (mended.root / f"clients.d/{address}.yaml").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def without_encryption(mended: Mended) -> str:
    """iac.yaml says encryption: none; what it said before."""
    text = (mended.root / "iac.yaml").read_text()
    (mended.root / "iac.yaml").write_text(re.sub(r"encryption: {.*?}", "encryption: none", text))
    return text


class TestMove:
    def test_a_client_gets_another_address_and_keeps_its_secret(self, mended: Mended) -> None:
        said = mended.iac("state", "mv", "wlcg/a", "grid/a")
        assert 0 == said.code, said.err
        assert "wlcg/a is now grid/a (client_id id-a)" in said.out
        assert "clients.d/wlcg/a.yaml to clients.d/grid/a.yaml" in said.err
        state = mended.state()
        assert {"grid/a", "b"} == state.clients.keys()
        assert "canary-id-a" == mended.secret("grid/a", state.clients["grid/a"].secret)
        assert ("grid/a", "b") == state.outputs["out/ab.env"].clients

    def test_an_interrupted_write_goes_along(self, mended: Mended) -> None:
        intents = dict(mended.state().intents)
        rotation = replace(intents.pop("wlcg/c"), address="wlcg/a", action="rotate", secret=None)
        mended.change(intents={"wlcg/a": rotation})
        assert 0 == mended.iac("state", "mv", "wlcg/a", "grid/a").code
        assert {"grid/a": replace(rotation, address="grid/a")} == mended.state().intents

    def test_a_client_without_a_secret_moves_without_an_identity(
        self, mended: Mended, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("IAC_AGE_IDENTITY")
        assert 0 == mended.iac("state", "mv", "b", "b2").code
        assert "b2" in mended.state().clients

    @pytest.mark.parametrize(
        ("source", "target", "says"),
        [
            ("wlcg/x", "y", "did you mean wlcg/a?"),
            ("zzz", "y", "iac state list"),
            ("wlcg/a", "b", "the new address is in state already"),
            ("wlcg/a", "wlcg/c", "the new address is in state already"),
            ("wlcg/a", "wlcg/a", "the new address is in state already"),
            ("wlcg/c", "y", "run iac apply first"),
            ("wlcg/a", "../y", "invalid address"),
            ("wlcg/a", "", "invalid address"),
            ("wlcg/a", "a b", "invalid address"),
        ],
    )
    def test_a_wrong_address_changes_nothing(self, mended: Mended, source: str, target: str, says: str) -> None:
        before = mended.document()
        said = mended.iac("state", "mv", source, target)
        assert (1, before) == (said.code, mended.document())
        assert says in said.err

    def test_without_an_identity_nothing_changes(self, mended: Mended, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("IAC_AGE_IDENTITY")
        before = mended.document()
        said = mended.iac("state", "mv", "wlcg/a", "grid/a")
        assert (1, before) == (said.code, mended.document())
        assert "no age identity is configured" in said.err


class TestForget:
    def test_an_address_is_forgotten_with_its_own_outputs(self, mended: Mended) -> None:
        said = mended.iac("state", "rm", "wlcg/a", "--yes")
        assert 0 == said.code, said.err
        assert "forgot wlcg/a (client_id id-a)" in said.out
        state = mended.state()
        assert {"b"} == state.clients.keys()
        assert {"out/ab.env"} == state.outputs.keys()
        assert ["old"] == [grave.address for grave in state.tombstones]

    def test_an_interrupted_create_is_forgotten(self, mended: Mended) -> None:
        said = mended.iac("state", "rm", "--auto-approve", "wlcg/c")
        assert "forgot wlcg/c (an interrupted create)" in said.out
        assert {} == mended.state().intents

    def test_an_unknown_address_changes_nothing(self, mended: Mended) -> None:
        before = mended.document()
        said = mended.iac("state", "rm", "wlcg/x", "--yes")
        assert (1, before) == (said.code, mended.document())
        assert "did you mean wlcg/a?" in said.err

    def test_off_a_terminal_yes_is_needed(self, mended: Mended) -> None:
        before = mended.document()
        said = mended.iac("state", "rm", "wlcg/a")
        assert (64, before) == (said.code, mended.document())
        assert "--auto-approve" in said.err

    @pytest.mark.parametrize(("answer", "code", "left"), [(True, 0, {"b"}), (False, 1, {"wlcg/a", "b"})])
    def test_at_a_terminal_it_asks_and_says_what_it_means(
        self, mended: Mended, monkeypatch: pytest.MonkeyPatch, *, answer: bool, code: int, left: set[str]
    ) -> None:
        pretend_terminal(monkeypatch, lambda stream: stream is sys.stdin)
        monkeypatch.setattr(click, "confirm", lambda *_, **__: answer)
        said = mended.iac("state", "rm", "wlcg/a")
        assert (code, left) == (said.code, set(mended.state().clients))
        assert "stays on the server" in said.err
        assert "iac state pull" in said.err


class TestRekey:
    def test_every_secret_opens_for_the_recipients_of_now(
        self, mended: Mended, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        identity, recipient = new_identity()
        text = (mended.root / "iac.yaml").read_text()
        before = mended.state()
        start = text.index("recipients: [") + len("recipients: [")
        (mended.root / "iac.yaml").write_text(text[:start] + recipient + text[text.index("]", start) :])
        said = mended.iac("state", "rekey")
        assert 0 == said.code, said.err
        assert "sealed 3 secrets again" in said.out
        assert "iac rotate" in said.err
        monkeypatch.setenv("IAC_AGE_IDENTITY", identity.reveal())
        state = mended.state()
        assert "canary-id-a" == mended.secret("wlcg/a", state.clients["wlcg/a"].secret)
        assert "canary-c" == mended.secret("wlcg/c", state.intents["wlcg/c"].secret)
        assert "canary-old" == mended.secret("old", state.tombstones[0].client.secret)
        told, known = state.clients["wlcg/a"].secret, before.clients["wlcg/a"].secret
        assert told is not None
        assert known is not None
        assert replace(known, sealed=told.sealed, state_recipients=told.state_recipients) == told

    def test_with_the_wrong_identity_nothing_changes(self, mended: Mended, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IAC_AGE_IDENTITY", new_identity()[0].reveal())
        before = mended.document()
        said = mended.iac("state", "rekey")
        assert (1, before) == (said.code, mended.document())
        assert "not one of the state's recipients" in said.err
        assert "does not open this secret: wlcg/a" in said.err

    def test_a_recipient_that_is_none_changes_nothing(self, mended: Mended) -> None:
        text = (mended.root / "iac.yaml").read_text()
        (mended.root / "iac.yaml").write_text(text.replace("recipients: [age1", "recipients: [age1zz, age1"))
        before = mended.document()
        said = mended.iac("state", "rekey")
        assert (1, before) == (said.code, mended.document())
        assert "must be an age public key" in said.err

    def test_each_secret_is_sealed_to_the_recipients_of_its_definition_too(
        self, mended: Mended, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (host, recipient), (_, other) = new_identity(), new_identity()
        let_in(mended, "wlcg/a", f"recipients: [{recipient}, {other}]")
        let_in(mended, "wlcg/c", f"recipients: [{recipient}]")
        let_in(mended, "b", f"recipients: [{recipient}]")
        said = mended.iac("state", "rekey")
        assert 0 == said.code, said.err
        assert [
            "sealed 3 secrets again",
            "wlcg/a: also to 2 recipients of its definition",
            "wlcg/c: also to 1 recipient of its definition",
        ] == said.out.splitlines()
        state = mended.state()
        client = state.clients["wlcg/a"].secret
        assert client is not None
        assert tuple(sorted((recipient, other))) == client.recipients
        monkeypatch.setenv("IAC_AGE_IDENTITY", host.reveal())
        assert "canary-id-a" == mended.secret("wlcg/a", client)
        assert "canary-c" == mended.secret("wlcg/c", state.intents["wlcg/c"].secret)
        with pytest.raises(ClosedSecretError):
            mended.secret("old", state.tombstones[0].client.secret)
        shown = mended.iac("state", "show", "wlcg/a")
        assert "sealed also to 2 recipients of its definition" in shown.out
        assert (
            list(client.recipients)
            == json.loads(mended.iac("state", "show", "wlcg/a", "--format", "json").out)["secret"]["recipients"]
        )

    def test_a_recipient_that_leaves_its_definition_opens_no_more(
        self, mended: Mended, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host, recipient = new_identity()
        file = mended.root / "clients.d/wlcg/a.yaml"
        without = file.read_text()
        let_in(mended, "wlcg/a", f"recipients: [{recipient}]")
        assert 0 == mended.iac("state", "rekey").code
        file.write_text(without)
        said = mended.iac("state", "rekey")
        assert "sealed 3 secrets again\n" == said.out
        assert "former recipients" in said.err
        assert "iac rotate" in said.err
        monkeypatch.setenv("IAC_AGE_IDENTITY", host.reveal())
        with pytest.raises(ClosedSecretError):
            mended.secret("wlcg/a", mended.state().clients["wlcg/a"].secret)

    def test_a_recipient_of_a_definition_that_is_none_changes_nothing(self, mended: Mended) -> None:
        let_in(mended, "wlcg/a", "recipients: [ssh-ed25519 AAAA]")
        before = mended.document()
        said = mended.iac("state", "rekey")
        assert (1, before) == (said.code, mended.document())
        assert "a recipient is not an age or ssh public key: ssh-ed25519 AAAA" in said.err
        assert "recipients of a definition" in said.err

    def test_secrets_in_clear_are_encrypted_and_decrypted_again(
        self, mended: Mended, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = without_encryption(mended)
        said = mended.iac("state", "rekey")
        assert (0, "sealed 3 secrets again\n") == (said.code, said.out), said.err
        assert "they are not encrypted now" in said.err
        assert 3 == mended.document().count("clear:canary-")
        again = mended.iac("state", "rekey")
        assert "they are not encrypted now" in again.err

        (mended.root / "iac.yaml").write_text(text)
        with monkeypatch.context() as patched:
            patched.delenv("IAC_AGE_IDENTITY")
            said = mended.iac("state", "rekey")
        assert (0, "sealed 3 secrets again\n") == (said.code, said.out), said.err
        assert "3 of them were not encrypted" in said.err
        assert "canary" not in mended.document()
        assert "canary-id-a" == mended.secret("wlcg/a", mended.state().clients["wlcg/a"].secret)

    def test_only_rekey_opens_what_was_stored_under_the_other_setting(self, mended: Mended) -> None:
        text = without_encryption(mended)
        assert "iac state rekey" in mended.iac("state", "mv", "wlcg/a", "grid/a").err
        assert 0 == mended.iac("state", "rekey").code
        (mended.root / "iac.yaml").write_text(text)
        assert "iac state rekey" in mended.iac("state", "mv", "wlcg/a", "grid/a").err

    def test_to_clear_needs_an_identity_that_opens(self, mended: Mended, monkeypatch: pytest.MonkeyPatch) -> None:
        without_encryption(mended)
        before = mended.document()
        for identity in (None, new_identity()[0].reveal()):
            monkeypatch.setenv("IAC_AGE_IDENTITY", identity) if identity else monkeypatch.delenv("IAC_AGE_IDENTITY")
            said = mended.iac("state", "rekey")
            assert (1, before) == (said.code, mended.document())
            assert "IAC_AGE_IDENTITY" in said.err


class TestPull:
    def test_the_document_comes_with_its_journal_and_secrets_stay_sealed(self, mended: Mended) -> None:
        session = mended.session()
        state = session.backend.load()
        session.backend.record([written("new")])
        said = mended.iac("state", "pull")
        assert (0, "") == (said.code, said.err)
        assert {*state.clients, "wlcg/new"} == parse_state(said.out, TextOrigin("stdout")).clients.keys()

    def test_clear_secrets_are_warned_of(self, mended: Mended) -> None:
        (mended.root / "iac.yaml").write_text(
            (mended.root / "iac.yaml").read_text().partition("state:")[0] + "state: {encryption: none, path: c.json}\n"
        )
        assert 0 == mended.iac("state", "init").code
        assert "are not encrypted" in mended.iac("state", "pull").err


class TestUnlock:
    def test_a_run_that_lives_keeps_its_lock_and_is_named(self, mended: Mended) -> None:
        session = mended.session()
        with session.backend.lock(session.holder(), timeout=0):
            refused = mended.iac("state", "rm", "wlcg/a", "--yes")
            assert session.run_id in refused.err
            said = mended.iac("state", "unlock", session.run_id)
        assert (6, 6) == (refused.code, said.code)
        assert "is alive" in said.err
        assert f"pid {os.getpid()}" in said.err

    def test_a_run_is_named_by_its_user_where_no_variable_says_it(
        self, mended: Mended, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
            monkeypatch.delenv(name, raising=False)
        assert mended.session().holder().who.startswith(f"{pwd.getpwuid(os.getuid()).pw_name}@")
        monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
        assert mended.session().holder().who.startswith(f"uid {os.getuid()}@")

    def test_the_note_of_a_run_that_is_gone_is_cleared(self, mended: Mended) -> None:
        session = mended.session()
        with session.backend.lock(session.holder(), timeout=0):
            pass
        said = mended.iac("state", "unlock", session.run_id)
        assert 0 == said.code, said.err
        assert f"run {session.run_id} of " in said.out
        assert "" == (mended.root / ".iac/state.json.lock").read_text()

    def test_a_run_that_holds_nothing_is_told(self, mended: Mended) -> None:
        said = mended.iac("state", "unlock", "no-such-run")
        assert 1 == said.code
        assert "no run has locked this state yet" in said.err


@pytest.mark.parametrize(
    "arguments", [["mv", "a"], ["mv", "a", "b", "c"], ["rm"], ["rekey", "a"], ["pull", "--force"], ["unlock"], ["move"]]
)
def test_wrong_usage_is_told(mended: Mended, arguments: list[str]) -> None:
    said = mended.iac("state", *arguments)
    assert 64 == said.code
    assert "fix: iac state" in said.err


def test_without_a_state_each_says_so(mended: Mended) -> None:
    (mended.root / ".iac/state.json").unlink()
    (mended.root / ".iac/state.json.backup").unlink()
    for arguments in (["mv", "a", "b"], ["rm", "a", "--yes"], ["rekey"], ["pull"]):
        said = mended.iac("state", *arguments)
        assert (1, "") == (said.code, said.out)
        assert "there is no state" in said.err
