"""Rules of the house that no linter holds."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from statistics import median

import pytest

from tests.house.measures import nodes, tree

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

MAX_MODULE, MAX_FUNCTION, MEDIAN_FUNCTION = 450, 40, 8
"""A module is as long as its subject: 300 lines ask a question, 450 are the limit."""

PLACES = re.compile(r"(?<![\w.~$}])/(?:home|root|work|Users|mnt|media)/\w")
"""A path on somebody's own machine."""

UNDONE = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> list[tuple[str, int]]:
    """Name and lines of each function, decorators and docstring left out."""
    found = []
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            found.append((f"{name(path)}:{node.lineno} {node.name}", (node.end_lineno or 0) - first.lineno + 1))
    return found


def test_a_module_has_at_most_450_lines() -> None:
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PRODUCT}
    assert {} == {module: count for module, count in lines.items() if count > MAX_MODULE}


def test_a_mistake_is_made_with_its_fix() -> None:
    calls = [
        (f"{name(path)}:{node.lineno}", {keyword.arg: keyword.value for keyword in node.keywords})
        for path in PRODUCT
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "mistake"
    ]
    assert len(calls) > 50
    assert [] == [where for where, given in calls if not getattr(given.get("fix"), "value", True) or "fix" not in given]


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
    # A file-wide or nameless exception hides whatever comes later.
    nameless = re.compile(r"#\s*type:\s*ignore(?!\[)|#\s*noqa(?!: [A-Z]+\d+)|#\s*(?:ruff|mypy):\s*\w+")
    reasonless = re.compile(r"#\s*(?:type:\s*ignore\[[\w, -]+\]|noqa: [A-Z0-9, ]+)\s*$")
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
    docs = {name(path): ast.get_docstring(tree(path)) or "" for path in modules}
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


REGEX = {"compile", "match", "search", "fullmatch", "sub", "split", "findall", "finditer"}
CLASS = re.compile(r"(?<!\\)\[(?!\\s\\S\])(?:\\.|[^\]\\])+\]")
"""Characters of which one is meant; `$` is plain among them. `[\\s\\S]` is left for the next pattern."""

BARE_END = re.compile(r"(?<!\\)(?:\\\\)*\$(?!\(\?!\[\\s\\S\]\))")
"""A `$` that is not escaped, and not followed by `(?![\\s\\S])`: in Python it lets a trailing line break through."""


def has_bare_end(pattern: str) -> bool:
    return BARE_END.search(CLASS.sub("", pattern)) is not None


def text_of(node: ast.Constant | ast.JoinedStr) -> str:
    """A text as it is written; what is put into it counts as a letter."""
    if isinstance(node, ast.Constant):
        return node.value.decode() if isinstance(node.value, bytes) else str(node.value)
    return "".join(text_of(part) if isinstance(part, ast.Constant) else "x" for part in node.values)


def patterns(path: Path) -> list[str]:
    """The constant parts of a module's regular expressions, but for those in which `$` ends a line on purpose."""
    found: list[str] = []
    for node in nodes(path):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REGEX):
            continue
        is_ours = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
        if is_ours and isinstance(node.args[0], ast.Constant | ast.JoinedStr) and "MULTILINE" not in ast.unparse(node):
            found.append(text_of(node.args[0]))
    return found


def test_no_pattern_lets_a_trailing_line_break_through() -> None:
    in_code = {name(path): [each for each in patterns(path) if has_bare_end(each)] for path in PRODUCT}
    assert {} == {module: found for module, found in in_code.items() if found}
    for schema in sorted((ROOT / "schemas").glob("*.json")):
        text = schema.read_text(encoding="utf-8")
        written = [json.loads(each) for each in re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', text)]
        assert written
        assert [] == [each for each in written if each.endswith("$")]


@pytest.mark.parametrize("pattern", ["a$", "(a|$)b", r"\\$"])
def test_a_bare_end_is_noticed(pattern: str) -> None:
    assert has_bare_end(pattern)


@pytest.mark.parametrize("pattern", [r"a\$", r"a$(?![\s\S])", r"a\Z"])
def test_an_end_that_is_meant_is_none(pattern: str) -> None:
    assert not has_bare_end(pattern)


def test_decisions_are_numbered_one_after_the_other() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    titles = [page.read_text(encoding="utf-8").partition(".")[0] for page in pages]
    assert [f"# {int(page.name[:4])}" for page in pages] == titles
    assert [f"# {number}" for number in range(1, len(pages) + 1)] == titles


def _calls(path: Path) -> set[str]:
    """Dotted names that a module imports or calls, such as `os.replace` and `.write_text`."""
    names: set[str] = set()
    for node in nodes(path):
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
