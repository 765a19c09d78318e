"""Templates as values: their text, that of what they include, and the hash of all of it.

A name with `.j2` is a file of the project, below `templates/`; a name without is built in, so no file can take the
place of a built-in unseen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct

from iac.core.errors import RenderError
from iac.core.explanation import page_url
from iac.core.limits import TEMPLATE_BYTES
from iac.core.text import nearest
from iac.files import read
from iac.services import template_files

References = Callable[[str, str], list[str]]

TEMPLATES_DIR = "templates"
FAILED = "the template cannot be rendered"
REFERENCE = f"see what a template can use: {page_url('reference/templates.md')}"
_SUFFIX = ".j2"
_MAY_REFER = re.compile(r"\{%[-+]?\s*(?:include|import|from|extends)\b")


class Template(Struct, frozen=True):
    """One template.

    Attributes:
        name: as the output names it.
        digest: `sha256:` over its text and that of every template it includes, imports or extends.
        texts: these texts by name, its own among them.
    """

    name: str
    digest: str
    texts: Mapping[str, str]

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def text(self) -> str:
        """Its own text."""
        return self.texts[self.name]

    @property
    def file(self) -> str:
        """What errors call it."""
        return template_file(self.name)


def is_builtin(name: str) -> bool:
    """Whether a name is that of a built-in, and not of a file of the project."""
    return not name.endswith(_SUFFIX)


def template_file(name: str) -> str:
    """The file of a template relative to the project, or `built-in NAME`."""
    return f"built-in {name}" if is_builtin(name) else f"{TEMPLATES_DIR}/{name}"


def load_templates(root: Path, names: Iterable[str], references: References) -> Mapping[str, Template]:
    """Templates by name, each read once with what it refers to.

    Args:
        root: the project's folder.
        names: as outputs name them, in any order, repeated or not.
        references: by a template's name and text, what it refers to; `Renderer.references` is one.

    Raises:
        RenderError: unknown, outside `templates/`, too large, not UTF-8, or a reference that is not a quoted name.
    """
    texts: dict[str, str] = {}
    return {name: _load(root, name, texts, references) for name in sorted(set(names))}


def _load(root: Path, name: str, texts: dict[str, str], references: References) -> Template:
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in needed:
            needed.add(current)
            texts[current] = texts[current] if current in texts else _read(root, current)
            waiting += references(current, texts[current]) if _MAY_REFER.search(texts[current]) else []
    closure = {part: texts[part] for part in sorted(needed)}
    total = hashlib.sha256(name.encode())
    for part, text in closure.items():
        total.update(hashlib.sha256(part.encode()).digest() + hashlib.sha256(text.encode()).digest())
    return Template(name, f"sha256:{total.hexdigest()}", closure)


def _read(root: Path, name: str) -> str:
    path = _builtin_path(name) if is_builtin(name) else _project_path(root, name)
    try:
        content = read(path, TEMPLATE_BYTES + 1)
    except OSError as error:
        raise RenderError(
            "the template cannot be read",
            where=template_file(name),
            why=str(error.strerror),
            fix="correct its permissions",
        ) from None
    if len(content) > TEMPLATE_BYTES:
        raise RenderError(
            "the template is too large",
            where=template_file(name),
            why=f"the limit is {TEMPLATE_BYTES} bytes",
            fix="move parts of it to other templates, and include them",
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RenderError(
            "the template is not text",
            where=template_file(name),
            why=f"byte {error.start + 1} is not UTF-8",
            fix="save the file as UTF-8",
        ) from None


def _builtin_path(name: str) -> Path:
    known = template_files()
    if name in known:
        return known[name]
    raise RenderError(
        "no such template",
        where=name,
        why=nearest(name, known) or "iac new --list names the built-in templates",
        fix=f"write one of these, or {name}{_SUFFIX} for the file {TEMPLATES_DIR}/{name}{_SUFFIX}",
    )


def _project_path(root: Path, name: str) -> Path:
    folder = (root / TEMPLATES_DIR).resolve()
    inside = PurePosixPath(name)
    path = (folder / inside).resolve()
    if (
        inside.is_absolute()
        or ".." in inside.parts
        or not path.is_relative_to(folder)
        or not folder.is_relative_to(root.resolve())  # templates may be a link
    ):
        raise RenderError(
            "the template lies outside",
            where=template_file(name),
            why=f"templates are read from {TEMPLATES_DIR}/ of the project only, symbolic links included",
            fix="move the file there",
        )
    if path.is_file():
        return path
    known = sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*{_SUFFIX}"))
    raise RenderError(
        "no such template",
        where=template_file(name),
        why=nearest(name, known) or f"{TEMPLATES_DIR}/ holds: {', '.join(known[:10]) or 'no template'}",
        fix=f"create {template_file(name)}",
    )
