"""Tables whose rows are entries of a module's docstring: checks of doctor, exit codes, variables, logins, faults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from iac.cli import context, doctor, failure
from iac.config.schema import load_schema
from iac.sandbox.fault import Fault


def checks() -> Iterator[tuple[str, str]]:
    """A row for each check of `iac doctor`."""
    for name, about in _entries(doctor.__doc__, "Checks"):
        yield f"`{name}`", about


def exit_codes() -> list[tuple[str, str]]:
    """A row for each exit code."""
    return _entries(failure.__doc__, "Exit codes")


def variables() -> Iterator[tuple[str, str]]:
    """A row for each environment variable, or pair of them."""
    for names, about in _entries(context.__doc__, "Environment variables"):
        yield ", ".join(f"`{name}`" for name in names.split(", ")), about


def logins() -> Iterator[tuple[str, str, str]]:
    """A row for each way to log in, in the words of the schema."""
    for branch in load_schema("project")["$defs"]["auth"]["oneOf"]:
        needed = (f"`{key}`" for key in branch["required"] if key != "method")
        yield f"`{branch['properties']['method']['const']}`", ", ".join(needed), branch["description"]


def faults() -> Iterator[tuple[str, str]]:
    """A row for each key of a fault of the sandbox."""
    for names, about in _entries(inspect.getdoc(Fault), "Attributes"):
        yield ", ".join(f"`{name}`" for name in names.split(", ")), about


def _entries(docstring: str | None, head: str) -> list[tuple[str, str]]:
    part = (docstring or "").partition(f"{head}:\n")[2].partition("\n\n")[0]
    return re.findall(r"^ {4}([\w, -]+?): (.*)$", part, re.MULTILINE)
