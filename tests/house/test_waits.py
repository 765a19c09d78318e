"""Nothing waits without a limit: each call that can block gives one, or a comment says what the limit is."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.every import every

ROOT = Path(__file__).parents[2] / "iac"
SANDBOX = ROOT / "sandbox"  # a server, which serves until it is ended
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if SANDBOX not in path.parents]

BLOCKING = {"wait": 1, "wait_for": 2, "join": 1, "result": 1, "acquire": 1, "communicate": 2, "get": 1}
"""Methods that block without arguments, and how many positional arguments one with a limit has."""
NEED_TIMEOUT = {"subprocess.run", "subprocess.check_output", "subprocess.check_call", "urlopen"}
NEED_COMMENT = {
    "ThreadPoolExecutor", "click.confirm", "click.prompt", "click.pause", "input", "getpass", "sys.stdin.buffer.read",
    "sys.stdin.read",
}  # fmt: skip

NAMES = {name.rpartition(".")[2] for name in (*BLOCKING, *NEED_TIMEOUT, *NEED_COMMENT, "fcntl.flock")}


def unlimited(source: str) -> list[int]:
    """Lines of calls that may wait for ever."""
    lines, tree = source.splitlines(), ast.parse(source)
    variables = {f"{variable}.get" for variable in context_variables(tree)}
    return [
        call.lineno
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and last_name(call) in NAMES
        if not is_limited(call) and not is_explained(lines, call.lineno)
        if ast.unparse(call.func) not in variables
    ]


def last_name(call: ast.Call) -> str:
    """The name that is called, without that of its owner."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def context_variables(tree: ast.Module) -> set[str]:
    """Names of the module's ContextVars, whose `get` does not wait."""
    made = (node for node in tree.body if isinstance(node, ast.AnnAssign) and node.value is not None)
    return {ast.unparse(node.target) for node in made if ast.unparse(node.value or node).startswith("ContextVar(")}


def is_limited(call: ast.Call) -> bool:
    function = ast.unparse(call.func)
    has_timeout = any(keyword.arg == "timeout" for keyword in call.keywords)
    if function in NEED_COMMENT:
        return False
    if function in NEED_TIMEOUT:
        return has_timeout
    if function == "fcntl.flock":
        return "LOCK_NB" in ast.unparse(call) or "LOCK_UN" in ast.unparse(call)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return name not in BLOCKING or has_timeout or len(call.args) >= BLOCKING[name]


def is_explained(lines: list[str], number: int) -> bool:
    """A comment on the line, or in the two above it."""
    return any("# limit: " in line for line in lines[max(0, number - 3) : number])


@every(
    "line",
    [
        "thread.join()", "event.wait()", "queue.get()", "future.result()", "lock.acquire()", "process.wait()",
        "turn.wait_for(is_done)", "process.communicate(data)", "subprocess.run(['git'])", "click.confirm('?')",
        "fcntl.flock(file, fcntl.LOCK_EX)", "ThreadPoolExecutor(3)",
    ],
)  # fmt: skip
def test_a_call_without_a_limit_is_found(line: str) -> None:
    assert [1] == unlimited(line)


@every(
    "line",
    [
        "thread.join(5)", "''.join(words)", "event.wait(timeout=5)", "members.get('a')", "turn.wait_for(is_done, 5)",
        "process.communicate(data, timeout=5)", "subprocess.run(['git'], timeout=5)",
        "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)", "ThreadPoolExecutor(3)  # limit: each request ends",
    ],
)  # fmt: skip
def test_a_call_with_a_limit_is_let_through(line: str) -> None:
    assert [] == unlimited(line)


def test_nothing_waits_without_a_limit() -> None:
    assert MODULES
    found = {path.relative_to(ROOT).as_posix(): unlimited(path.read_text(encoding="utf-8")) for path in MODULES}
    assert {} == {module: lines for module, lines in found.items() if lines}
