"""docs/reference/login.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iac.config.definitions import validate_project
from iac.core.server import switch
from iac.providers import logins, probe
from iac.providers.iam_admin import api
from iac.providers.logins.endpoint import SharedSecret
from iac.transport.http import RetryPolicy
from iac.transport.message import PASSING
from tests.config.given import PROJECT, write
from tests.docs.transcript import read_page
from tests.every import every

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/login.md").read_text(encoding="utf-8")
ERRORS = {"CredentialsError", "InputError", "ServerError", "UnknownOutcome", "UnreachableError"}


@every(
    "fact",
    [
        *(f"`{scope}`" for scope in logins.READ_SCOPES),
        f"`{' '.join(logins.WRITE_SCOPES)}`",
        f"`{probe.SCOPE}`",
        f"sent up to {RetryPolicy().attempts} times",
        f"pauses of at most {RetryPolicy().first}, 1 and 2 seconds",
        f"more than {RetryPolicy().longest:.0f} seconds",
        "429, 502, 503 or 504",
        f"Up to {api.FEW} clients are read one by one",
        f"pages of {switch('page-size')}",
        "`BEARER_TOKEN`",
        "`BEARER_TOKEN_FILE`",
        "`$XDG_RUNTIME_DIR/bt_u$UID`",
        "`/tmp/bt_u$UID`",
        f"is `{SharedSecret.__dataclass_fields__['method'].default}` unless",
    ],
)
def test_the_page_has_the_numbers_and_names_of_the_code(fact: str) -> None:
    assert fact in " ".join(PAGE.split())


@pytest.mark.parametrize("page", ["reference/login.md", "how-to/log-in.md", "reference/project.md"])
def test_the_settings_that_pages_show_are_right(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n((?:auth|tls):.*?)```", read_page(page), re.DOTALL)
    assert blocks
    for block in blocks:
        keys = {line.partition(":")[0] for line in block.splitlines()}
        rest = [line for line in PROJECT.splitlines() if line.partition(":")[0] not in keys]
        write(tmp_path, {"iac.yaml": "\n".join([*rest, block])})
        assert not validate_project(tmp_path).diagnostics, block


def test_the_statuses_that_pass_are_those_of_the_page() -> None:
    assert frozenset({429, 502, 503, 504}) == PASSING
