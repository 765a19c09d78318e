from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from iac.core.errors import CredentialsError
from iac.providers.logins.given import find_token

if TYPE_CHECKING:
    from pathlib import Path

UID = os.geteuid()


def write(path: Path, content: str = "file-token", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """The three places for files, each with a token of its own."""
    return {
        "file": write(tmp_path / "mine" / "token", "from-file\n"),
        "runtime": write(tmp_path / "run" / f"bt_u{UID}", "from-runtime"),
        "temporary": write(tmp_path / "tmp" / f"bt_u{UID}", "from-temporary"),
    }


def find(environ: dict[str, str], places: dict[str, Path]) -> str:
    return find_token(environ, UID, places["temporary"].parent).value.reveal()


def test_the_places_are_looked_at_in_the_order_of_the_document(places: dict[str, Path]) -> None:
    environ = {
        "BEARER_TOKEN": "from-environment",
        "BEARER_TOKEN_FILE": str(places["file"]),
        "XDG_RUNTIME_DIR": str(places["runtime"].parent),
    }

    found = [find(environ, places)]
    for name in ("BEARER_TOKEN", "BEARER_TOKEN_FILE", "XDG_RUNTIME_DIR"):
        del environ[name]
        found.append(find(environ, places))

    assert found == ["from-environment", "from-file", "from-runtime", "from-temporary"]


def test_white_space_around_a_token_is_no_part_of_it(places: dict[str, Path]) -> None:
    assert find({"BEARER_TOKEN": " \f\v\r\n\tt \n"}, places) == "t"


def test_an_empty_token_is_passed_over(places: dict[str, Path]) -> None:
    write(places["file"], " \n")
    write(places["runtime"], "")
    environ = {
        "BEARER_TOKEN": "\n",
        "BEARER_TOKEN_FILE": str(places["file"]),
        "XDG_RUNTIME_DIR": str(places["runtime"].parent),
    }

    assert find(environ, places) == "from-temporary"


def test_a_missing_file_in_the_runtime_directory_is_passed_over(places: dict[str, Path]) -> None:
    places["runtime"].unlink()

    assert find({"XDG_RUNTIME_DIR": str(places["runtime"].parent)}, places) == "from-temporary"


def test_where_the_token_was_found_is_told(places: dict[str, Path]) -> None:
    found = find_token({"BEARER_TOKEN_FILE": str(places["file"])}, UID)

    assert found.where == f"BEARER_TOKEN_FILE={places['file']}"
    assert "from-file" not in repr(found)


def test_a_token_file_that_was_named_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="does not exist"):
        find_token({"BEARER_TOKEN_FILE": str(tmp_path / "none")}, UID)


def test_a_token_file_that_cannot_be_read_is_no_missing_one(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    for path in (tmp_path / "loop", tmp_path):
        with pytest.raises(CredentialsError, match="cannot be read"):
            find_token({"BEARER_TOKEN_FILE": str(path)}, UID)


def test_a_named_file_may_be_open_to_others_as_mounted_secrets_are(places: dict[str, Path]) -> None:
    places["file"].chmod(0o644)

    assert find({"BEARER_TOKEN_FILE": str(places["file"])}, places) == "from-file"


def test_no_token_anywhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError) as caught:
        find_token({}, UID, tmp_path)

    assert str(tmp_path / f"bt_u{UID}") in caught.value.where
    assert "BEARER_TOKEN" in caught.value.fix


@pytest.mark.parametrize("place", ["runtime", "temporary"])
def test_a_token_file_that_others_may_read_is_refused(places: dict[str, Path], place: str) -> None:
    places[place].chmod(0o640)
    environ = {"XDG_RUNTIME_DIR": str(places["runtime"].parent)} if place == "runtime" else {}

    with pytest.raises(CredentialsError, match="open to others") as caught:
        find(environ, places)

    assert caught.value.fix == f"chmod 600 {places[place]}"


def test_a_token_file_of_somebody_else_is_refused(places: dict[str, Path]) -> None:
    planted = write(places["temporary"].parent / f"bt_u{UID + 1}")

    with pytest.raises(CredentialsError, match="belongs to another user"):
        find_token({}, UID + 1, planted.parent)


def test_a_link_in_a_well_known_place_is_not_followed(places: dict[str, Path]) -> None:
    places["temporary"].unlink()
    places["temporary"].symlink_to(places["file"])

    with pytest.raises(CredentialsError, match="cannot be read"):
        find({}, places)


def test_a_pipe_in_a_well_known_place_does_not_hang(places: dict[str, Path]) -> None:
    places["temporary"].unlink()
    os.mkfifo(places["temporary"], 0o600)

    with pytest.raises(CredentialsError, match="belongs to another user"):
        find({}, places)
