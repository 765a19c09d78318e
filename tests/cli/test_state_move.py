"""A state moves from one backend to another: pull, another place in iac.yaml, push."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.core.state.model import ClientGone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Mended

FILE = "path: .iac/state.json"


@pytest.fixture
def hub(mended: Mended) -> Path:
    """A bare repository beside the project, of which the project's is a clone without a commit."""
    bare = mended.root.parent / "hub.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    subprocess.run(["git", "init", "--quiet", str(mended.root)], check=True)
    subprocess.run(["git", "-C", str(mended.root), "remote", "add", "origin", "../hub.git"], check=True)
    return bare


def edit(mended: Mended, old: str, new: str) -> None:
    path = mended.root / "iac.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def pulled(mended: Mended) -> str:
    (mended.root / "copy.json").write_text(mended.iac("state", "pull").out)
    return "copy.json"


@pytest.mark.usefixtures("hub")
class TestToGit:
    def test_everything_arrives_and_opens(self, mended: Mended) -> None:
        before, copy = mended.state(), pulled(mended)
        edit(mended, FILE, "backend: git")
        assert 0 == mended.iac("state", "push", copy).code
        after = mended.state()
        assert replace(before, serial=after.serial, run_id=after.run_id) == after
        assert "canary-id-a" == mended.secret("wlcg/a", after.clients["wlcg/a"].secret)

    def test_what_a_journal_of_the_file_held_arrives_too(self, mended: Mended) -> None:
        backend = mended.session().backend
        backend.load()
        backend.record([ClientGone("b", None)])
        assert (mended.root / ".iac/state.json.journal").exists()
        copy = pulled(mended)
        edit(mended, FILE, "backend: git")
        assert 0 == mended.iac("state", "push", copy).code
        assert ({"wlcg/a"}, {"wlcg/c"}) == (set(mended.state().clients), set(mended.state().intents))

    def test_it_can_be_mended_there_and_comes_back(self, mended: Mended) -> None:
        copy = pulled(mended)
        edit(mended, FILE, "backend: git")
        mended.iac("state", "push", copy)
        assert 0 == mended.iac("state", "rm", "b", "--yes").code
        copy = pulled(mended)
        edit(mended, "backend: git", FILE)
        assert 0 == mended.iac("state", "push", copy).code
        assert {"wlcg/a"} == set(mended.state().clients)

    def test_an_older_copy_is_refused_there_too(self, mended: Mended) -> None:
        copy = pulled(mended)
        edit(mended, FILE, "backend: git")
        mended.iac("state", "push", copy)
        mended.iac("state", "rm", "b", "--yes")
        said = mended.iac("state", "push", copy)
        assert 1 == said.code
        assert "the copy is older than the state" in said.err

    def test_a_copy_of_another_lineage_makes_no_state(self, mended: Mended, hub: Path) -> None:
        data = json.loads((mended.root / pulled(mended)).read_text())
        (mended.root / "copy.json").write_text(json.dumps({**data, "lineage": "another"}))
        edit(mended, FILE, "backend: git")
        said = mended.iac("state", "push", "copy.json")
        assert 1 == said.code
        assert "the state belongs to another lineage" in said.err
        refs = subprocess.run(["git", "-C", str(hub), "for-each-ref"], check=True, capture_output=True, text=True)
        assert "" == refs.stdout

    def test_before_the_push_there_is_no_state_and_the_message_has_the_way_on(self, mended: Mended) -> None:
        edit(mended, FILE, "backend: git")
        said = mended.iac("state", "list")
        assert 1 == said.code
        assert "there is no state: rucio/default.json in branch iac-state of origin" in said.err
        assert "iac state init" in said.err

    def test_two_projects_share_a_branch(self, mended: Mended, hub: Path) -> None:
        copy = pulled(mended)
        edit(mended, FILE, "backend: git")
        mended.iac("state", "push", copy)
        lineage = mended.state().lineage
        edit(mended, "project: rucio", "project: fts")
        edit(mended, f"lineage: {lineage}, ", "")
        assert 0 == mended.iac("state", "init").code
        tree = ["git", "-C", str(hub), "ls-tree", "-r", "--name-only", "iac-state"]
        files = subprocess.run(tree, check=True, capture_output=True, text=True).stdout.split()
        assert ["fts/default.json", "rucio/default.json"] == files
