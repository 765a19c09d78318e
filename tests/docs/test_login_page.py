"""docs/reference/login.md says what the code does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import iac.providers
import iac.transport
from iac.config.definitions import validate_project
from iac.core import origin
from iac.core.server import switch
from iac.providers import logins, probe
from iac.providers.iam_admin import api
from iac.providers.logins.proof import SharedSecret
from iac.transport import retry
from tests.config.given import PROJECT, write
from tests.docs.transcript import read_page

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/login.md").read_text(encoding="utf-8")
ERRORS = {"CredentialsError", "InputError", "ServerError", "UnknownOutcome", "UnreachableError"}


def summaries() -> set[str]:
    """Every first argument of an error of the network, and every value of a variable `summary`."""
    found: set[str] = set()
    rooms = (Path(room.__path__[0]) for room in (iac.providers, iac.transport))
    for path in [Path(origin.__file__), *(path for room in rooms for path in room.rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found.update(_raised(node))
    return found


def _raised(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
        return _text(node.args[0])
    if isinstance(node, ast.Assign):
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            target, value = target.elts[0], value.elts[0]
        if isinstance(target, ast.Name) and target.id == "summary":
            return _text(value)
    return []


def _text(node: ast.AST) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def documented() -> set[str]:
    table = PAGE.partition("## Errors")[2]
    cells = (line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| "))
    return {cell for cell in cells if cell != "Message"}


def test_the_table_of_errors_is_that_of_the_code() -> None:
    assert summaries() == documented()
    assert len(documented()) > 30


@pytest.mark.parametrize(
    "fact",
    [
        *(f"`{scope}`" for scope in logins.READ_SCOPES),
        f"`{' '.join(logins.WRITE_SCOPES)}`",
        f"`{probe.SCOPE}`",
        f"sent up to {retry.RetryPolicy().attempts} times",
        f"pauses of at most {retry.RetryPolicy().first}, 1 and 2 seconds",
        f"more than {retry.RetryPolicy().longest:.0f} seconds",
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
    assert frozenset({429, 502, 503, 504}) == retry.PASSING
