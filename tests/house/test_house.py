"""Rules of the house that no linter holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("iac", "tests", "benchmarks", "docs", "schemas", "examples", "templates", "clients.d", ".ci", "requirements")
PRODUCT = sorted((ROOT / "iac").rglob("*.py"))
PYTHON = [path for folder in ("iac", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
RECORDED = ROOT / "tests" / "fixtures"
KINDS = {"", ".cfg", ".ini", ".j2", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
GENERATED = {".coverage", "__pycache__"}
TEXTS = [
    path
    for path in [*ROOT.glob("*"), *(found for folder in FOLDERS for found in (ROOT / folder).rglob("*"))]
    if path.is_file()
    and path.suffix in KINDS
    and RECORDED not in path.parents
    and not {*GENERATED, ".git"} & set(path.parts)
]

MAX_MODULE, MAX_FUNCTION, MEDIAN_FUNCTION = 300, 40, 8

PLACES = re.compile(r"(?<![\w.~$}])/(?:home|root|work|Users|mnt|media)/\w")
"""A path on somebody's own machine."""

UNDONE = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> list[tuple[str, int]]:
    """Name and lines of each function, decorators and docstring left out."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            found.append((f"{name(path)}:{node.lineno} {node.name}", (node.end_lineno or 0) - first.lineno + 1))
    return found


def test_a_module_has_at_most_300_lines() -> None:
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PRODUCT}
    assert {} == {module: count for module, count in lines.items() if count > MAX_MODULE}


def test_a_function_has_at_most_40_lines() -> None:
    assert [] == [(where, lines) for path in PRODUCT for where, lines in functions(path) if lines > MAX_FUNCTION]


def test_most_functions_are_short() -> None:
    assert MEDIAN_FUNCTION >= median(lines for path in PRODUCT for _, lines in functions(path))


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "common", "misc"])
def test_a_module_is_named_after_what_is_in_it(word: str) -> None:
    assert [] == [name(path) for path in PYTHON if path.stem == word]


def test_nothing_is_left_undone() -> None:
    assert [] == [name(path) for path in TEXTS if UNDONE.search(path.read_text(encoding="utf-8"))]


def test_every_exception_from_a_check_names_its_rule_and_its_reason() -> None:
    # A file-wide or nameless exception hides whatever comes later. Late imports all have the same reason: speed.
    nameless = re.compile(r"#\s*type:\s*ignore(?!\[)|#\s*noqa(?!: [A-Z]+\d+)|#\s*(?:ruff|mypy):\s*\w+")
    reasonless = re.compile(r"#\s*(?:type:\s*ignore\[[\w, -]+\]|noqa: (?!PLC0415)[A-Z0-9, ]+)\s*$")
    lines = [
        f"{name(path)}:{number}"
        for path in PRODUCT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if nameless.search(line) or reasonless.search(line)
    ]
    assert [] == lines


def test_every_module_of_the_core_says_that_it_is_pure() -> None:
    modules = [path for path in PRODUCT if path.is_relative_to(ROOT / "iac" / "core")]
    assert modules
    docs = {name(path): ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in modules}
    assert [] == [module for module, text in docs.items() if not re.search(r"\bpure\b", text, re.IGNORECASE)]


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    here = re.escape(str(ROOT))
    found = {name(path): path.read_text(encoding="utf-8") for path in TEXTS}
    assert [] == [where for where, text in found.items() if PLACES.search(text) or re.search(rf"{here}\b", text)]


def test_an_exception_of_the_linter_for_all_files_has_a_reason() -> None:
    block = re.search(
        r"^ignore = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert block
    assert [] == [line for line in block[1].splitlines() if not re.search(r'"[A-Z]+\d*",\s+# \S', line)]


def test_decisions_are_numbered_one_after_the_other() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    titles = [page.read_text(encoding="utf-8").partition(".")[0] for page in pages]
    assert [f"# {int(page.name[:4])}" for page in pages] == titles
    assert [f"# {number}" for number in range(1, len(pages) + 1)] == titles


def _calls(path: Path) -> set[str]:
    """Dotted names that a module imports or calls, such as `os.replace` and `.write_text`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            names |= {f".{node.attr}", f"{owner}.{node.attr}"}
    return names


def _users(*words: str) -> list[str]:
    return [name(path) for path in PRODUCT if "sandbox" not in path.parts and _calls(path) & set(words)]


def test_programs_are_started_in_one_place() -> None:
    starts = ("subprocess", "multiprocessing", "pty", "os.system", "os.popen", "os.fork", "os.posix_spawn", "os.execv")
    assert ["iac/process.py"] == _users(*starts)


def test_files_are_put_in_place_in_one_place() -> None:
    puts = (".write_text", ".write_bytes", ".hardlink_to", "os.replace", "os.rename", "os.link", "os.fsync", "tempfile")
    assert ["iac/files.py"] == _users(*puts)
