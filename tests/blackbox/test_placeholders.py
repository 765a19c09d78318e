"""What other tools would expand does not reach a file or the server unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import Ended, Project, register_by_hand

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox

PLACEHOLDERS = ["$(NAME)", "#{NAME}#", "__NAME__", "<name>", "((name))", "CHANGEME"]


@pytest.mark.parametrize("secret", ["pa${HOME}ss-0123456789", "pa$HOME-0123456789"])
def test_a_dollar_is_not_written_where_readers_of_dotenv_expand_it(
    project: Project, sandbox: Sandbox, secret: str
) -> None:
    register_by_hand(sandbox, "team-found", client_secret=secret, token_endpoint_auth_method="client_secret_post")
    project.define(
        "team/found",
        client_name="Client team-found",
        adopt=True,
        grant_types=["client_credentials"],
        scope=["openid"],
        token_endpoint_auth_method="client_secret_post",
    )
    project.done("apply", "--auto-approve")
    project.done("secret", "set", "team/found", stdin=secret)
    project.edit(
        "clients.d/team/found.yaml",
        '"scope"',
        '"outputs": [{"template": "dotenv", "path": "out/found.env"}],\n "scope"',
    )
    applied = project.apply()
    assert 5 == applied.code
    assert "filter dotenv: the value has a `$`" in applied.text
    assert secret not in applied.text
    assert not (project.root / "out/found.env").exists()


def define_each(project: Project, placeholders: list[str], key: str, value: str) -> None:
    """A client for each placeholder, which stands in the place of `@`."""
    for number, placeholder in enumerate(placeholders):
        text = value.replace("@", placeholder)
        values = {"redirect_uris": ["https://portal.example.org/cb"], "scope": ["openid"]}
        project.define(f"team/c{number}", **{**values, key: [text] if key == "redirect_uris" else text})


def named(ended: Ended, placeholders: list[str], severity: str) -> list[str]:
    """The placeholders that a line of this severity shows, at their definition."""
    lines = [line for line in ended.text.splitlines() if f" {severity}: " in line]
    numbered = enumerate(placeholders)
    return [text for number, text in numbered if any(f"team/c{number}.yaml" in line and text in line for line in lines)]


@pytest.mark.parametrize("key", ["client_name", "client_description"])
def test_a_placeholder_that_is_a_whole_value_is_an_error(project: Project, key: str) -> None:
    define_each(project, PLACEHOLDERS, key, "@")
    said = project.iac("validate")
    assert 1 == said.code
    assert PLACEHOLDERS == named(said, PLACEHOLDERS, "error")


@pytest.mark.parametrize(("key", "value"), [("redirect_uris", "https://@/cb"), ("client_uri", "https://www.@/")])
def test_a_placeholder_in_a_host_is_an_error(project: Project, key: str, value: str) -> None:
    define_each(project, PLACEHOLDERS, key, value)
    said = project.iac("validate")
    assert 1 == said.code
    assert PLACEHOLDERS == named(said, PLACEHOLDERS, "error")


def test_a_placeholder_within_a_text_is_a_warning(project: Project) -> None:
    define_each(project, PLACEHOLDERS[:-1], "client_description", "The job of @ at night")
    assert PLACEHOLDERS[:-1] == named(project.done("validate"), PLACEHOLDERS[:-1], "warning")
