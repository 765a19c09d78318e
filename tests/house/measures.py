"""What can be counted of the house. As a script it prints the counts: `python -m tests.house.measures`."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SANDBOX = ROOT / "iac" / "sandbox"
NOUNS_IN_ING = frozenset({"rendering", "sealing", "wiring", "importing"})
"""Names of modules and packages that end so and are nouns of the field (house rule)."""


@cache
def nodes(path: Path) -> list[ast.AST]:
    """The syntax of a file: the module first, then all that is in it. Most rules ask for it."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def tree(path: Path) -> ast.Module:
    """The module of a file."""
    module = nodes(path)[0]
    assert isinstance(module, ast.Module)
    return module


@cache
def _trees() -> dict[Path, ast.Module]:
    return {path: tree(path) for path in sorted((ROOT / "iac").rglob("*.py"))}


@cache
def _modules() -> dict[str, Path]:
    """The modules by their dotted names."""
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in _trees()}


def statements() -> int:
    """Statements of Python outside the sandbox."""
    paths = [path for path in _trees() if SANDBOX not in path.parents]
    return sum(isinstance(node, ast.stmt) for path in paths for node in nodes(path))


def shared_class_names() -> list[str]:
    """Names of public classes that stand in more than one module."""
    names = Counter(
        node.name
        for module in _trees().values()
        for node in module.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    return sorted(name for name, count in names.items() if count > 1)


def message_types() -> list[str]:
    """Classes, but exceptions, that say what is wrong and beside it why, how bad it is or what to do.

    Only an exception may hold such parts beside `Diagnostic`; other types hold one.
    """
    return [
        node.name
        for path in _trees()
        if SANDBOX not in path.parents
        for node in nodes(path)
        if isinstance(node, ast.ClassDef)
        and not any(name.endswith(("Error", "Exception")) for name in map(ast.unparse, node.bases))
        and {"summary", "message"} & (fields := _fields(node))
        and {"why", "fix", "severity"} & fields
    ]


def _fields(node: ast.ClassDef) -> set[str]:
    """Names that a class declares, and the parameters of its `__init__`."""
    inits = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
    parameters = {parameter.arg for init in inits for parameter in (*init.args.args, *init.args.kwonlyargs)}
    return parameters | {
        item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }


def exceptions_from_lint() -> list[str]:
    """Lines with a noqa."""
    return [
        f"{path.relative_to(ROOT).as_posix()}:{number}"
        for path in _trees()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"#\s*noqa\b", line)
    ]


def gerunds() -> list[str]:
    """Modules and packages whose own name ends in -ing and is no noun of the field."""
    return sorted(
        name
        for name in _modules()
        if (last := name.rpartition(".")[2].removeprefix("_")).endswith("ing") and last not in NOUNS_IN_ING
    )


def circles() -> list[list[str]]:
    """Groups of modules that import each other, by imports of every kind: late ones and those for types too."""
    imports = _imports()
    reached = {name: _reached(name, imports) for name in imports}
    groups: dict[frozenset[str], None] = {}
    for name, others in reached.items():
        group = frozenset({name, *(other for other in others if name in reached[other])})
        if len(group) > 1:
            groups[group] = None
    return [sorted(group) for group in groups]


def _imports() -> dict[str, set[str]]:
    """The modules that each module imports."""
    imports: dict[str, set[str]] = defaultdict(set)
    for name, path in _modules().items():
        imports[name] = set()
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    imports[name].add(full if full in _modules() else node.module)
        imports[name] = {other for other in imports[name] if other in _modules() and other != name}
    return imports


def _reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    """All modules that a module imports, directly or by others."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for other in imports[waiting.pop()] - reached:
            reached.add(other)
            waiting.append(other)
    return reached


@cache
def counts() -> dict[str, int]:
    """Every measure."""
    return {
        "modules": len(_modules()),
        "statements outside the sandbox": statements(),
        "class names with two meanings": len(shared_class_names()),
        "types for a message": len(message_types()),
        "exceptions from lint": len(exceptions_from_lint()),
        "circles of imports": len(circles()),
        "modules with a gerund for a name": len(gerunds()),
    }


if __name__ == "__main__":
    for measure, count in counts().items():
        print(f"{count:6} {measure}")  # noqa: T201  # a script
    for names in (shared_class_names(), message_types(), gerunds(), circles()):
        print(*names)  # noqa: T201  # a script
