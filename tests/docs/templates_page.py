"""What the page of templates has of the code: filters, names of Jinja2, limits."""

from __future__ import annotations

import inspect
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jinja2.sandbox

import iac.services
from iac.core.limits import OUTPUT_BYTES, TEMPLATE_BYTES, TEMPLATE_SECONDS, WORKER_MEMORY
from iac.rendering.engine import JINJA_FILTERS, JINJA_GLOBALS
from iac.rendering.filters import FILTERS

EXAMPLES = {
    "apache": ('a "b"', "${HOME}"),
    "base64": ("s3cret", ["a"]),
    "dotenv": ("a b", "it's"),
    "env_name": ("wlcg-prod", "1st"),
    "indent": ("x", ["a"]),
    "ini": ("openid profile", "50%"),
    "join": (["a", "b"], [["a"]]),
    "json": (["a", True, None], "\ud800"),
    "secret_key": ("portal.client_id", "team/portal"),
    "shell": ("it's", "a\nb"),
    "spring": ("[https://x/]", "${HOME}"),
    "sql": ("it's", "a\\b"),
    "urlencode": ("a/b", None),
    "verbatim": ("a # b", "a\nb"),
    "xml": ("<a>", "\0"),
    "yaml": ("on", "\ud800"),
}
"""For each filter a value that it writes, and one that it refuses."""


def filter_table() -> Iterator[tuple[str, ...]]:
    """A row for each filter, in the words of its docstring."""
    for name in sorted(FILTERS):
        value, refused = EXAMPLES[name]
        about = " ".join((inspect.getdoc(FILTERS[name]) or "").split())
        yield f"`{name}`", about, f"`{json.dumps(value)}`", f"`{FILTERS[name](value)}`", f"`{json.dumps(refused)}`"


def jinja_names() -> Iterator[tuple[str, ...]]:
    """What Jinja2 has that stays."""
    for what, names in (("filters", JINJA_FILTERS), ("functions", JINJA_GLOBALS)):
        yield what, ", ".join(f"`{name}`" for name in names)


def limits() -> Iterator[tuple[str, ...]]:
    """The limits of templates."""
    yield "a template", f"{TEMPLATE_BYTES} bytes"
    yield "a rendered file", f"{OUTPUT_BYTES} bytes"
    yield "`range`", f"{jinja2.sandbox.MAX_RANGE} numbers"
    yield "processor time of a template of the project", f"{TEMPLATE_SECONDS} seconds"
    yield "memory of it (not on macOS)", f"{WORKER_MEMORY // 2**20} MiB"


def plain_templates() -> Iterator[tuple[str, str]]:
    """A row for each template of no service."""
    facts = tomllib.loads((Path(iac.services.__file__).parent / "plain/service.toml").read_text(encoding="utf-8"))
    for file in sorted(facts["files"], key=lambda file: str(file["template"])):
        yield f"`{file['template']}`", file["about"]
