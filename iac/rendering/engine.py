"""Jinja2, confined: a sandbox that reads nothing but what it is given and prints nothing that a format could misread.

Differences from stock Jinja2: no loader but the texts at hand, no chance (`random`, `lipsum`), no HTML filters, our own
filters in `iac.rendering.filters`, an undefined value is an error, and `{{ x }}` goes through `filters.inline`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.meta import find_referenced_templates
from jinja2.optimizer import Optimizer
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from iac.core.desired import OutputSpec
from iac.core.errors import Location, RenderError
from iac.core.limits import OUTPUT_BYTES, TOO_LONG, TOO_MUCH
from iac.rendering.context import Credentials, ProjectFacts, Record, template_context
from iac.rendering.filters import FILTERS, FormattedText, UnsafeValue, inline
from iac.rendering.template import FAILED, REFERENCE, Template, template_file

if TYPE_CHECKING:
    import jinja2

_GIVEN = "a template is given client (when the output has one), clients, values, project, environment and issuer"
JINJA_FILTERS = (
    *("abs", "batch", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items"),
    *("last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round"),
    *("select", "selectattr", "slice", "sort", "string", "sum", "title", "trim", "unique", "upper"),
)
"""Filters of Jinja2 that a template can use; the rest makes HTML, or depends on chance."""
JINJA_GLOBALS = ("cycler", "dict", "joiner", "namespace", "range")
"""Functions of Jinja2 that a template can use."""


class TemplateTimeout(Exception):
    """A template has used up its time."""


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Our Jinja2. `texts` are all templates that exist for it."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(
            loader=FunctionLoader(lambda name: (texts[name], template_file(name), None) if name in texts else None),
            undefined=_undefined("\n".join(texts.values())),
            finalize=inline,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self.filters = {name: self.filters[name] for name in JINJA_FILTERS} | dict(FILTERS)
        self.globals = {name: self.globals[name] for name in JINJA_GLOBALS}

    @staticmethod
    def concat(parts: Iterable[str]) -> FormattedText:
        """What Jinja2 joins for macros and blocks: the parts are finalized already, so the whole is."""
        return FormattedText("".join(parts))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Entries of a record come before the methods of a mapping."""
        return obj[attribute] if isinstance(obj, Record) and attribute in obj else super().getattr(obj, attribute)


@lru_cache(maxsize=256)
def compile_template(template: Template) -> jinja2.Template:
    """The template, ready to render.

    Raises:
        RenderError: its syntax, or an unknown filter or test, with file and line.
    """
    environment = TemplateEnvironment(template.texts)
    for name, text in template.texts.items():
        with _readable(name):
            tree = environment.parse(text, name, template_file(name))
            _check(environment, tree, name)
            _Constants(environment, template_file(name)).visit(tree)
    with _readable(template.name):
        return environment.get_template(template.name)


def render(template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts) -> bytes:
    """The content of one output, UTF-8.

    Args:
        template: the template that `spec` names.
        spec: the output.
        clients: credentials by address, at least those of `spec.clients`.
        facts: the project.

    Raises:
        RenderError: with the template's file and line; it holds no value of the context.
    """
    program = compile_template(template)
    try:
        return b"".join(_limited(program.generate(template_context(spec, clients, facts))))
    except Exception as raw:
        error = _failure(raw, template)
    error.where = f"{error.where} (for {spec.path})"
    raise error


def _limited(parts: Iterator[str]) -> Iterator[bytes]:
    size = 0
    for part in parts:
        content = part.encode()
        size += len(content)
        if size > OUTPUT_BYTES:
            raise UnsafeValue(f"it makes more than {OUTPUT_BYTES} bytes", "check its loops")
        yield content


def parse_template(name: str, text: str) -> nodes.Template:
    """The nodes of a text; its filters and names are not looked at.

    Raises:
        RenderError: its syntax.
    """
    with _readable(name):
        return TemplateEnvironment({}).parse(text, name, template_file(name))


def references(name: str, text: str) -> list[str]:
    """Names of the templates that this text includes, imports or extends."""
    names = list(find_referenced_templates(parse_template(name, text)))
    if None in names:
        raise RenderError(
            FAILED,
            where=template_file(name),
            why="put the name of an included, imported or extended template in quotes, so that iac sees its changes",
            fix="write the name in quotes",
        )
    return [reference for reference in names if reference]


def _failure(raw: Exception, template: Template) -> RenderError:
    """What went wrong in rendering, without any value: messages of Jinja2 and Python can hold values."""
    where = _place(raw.__traceback__, template)
    match raw:
        case UnsafeValue():
            return RenderError(FAILED, where=where, why=raw.why, fix=raw.fix)
        case SecurityError():
            return RenderError(FAILED, where=where, why="it asks for what templates may not touch", fix=REFERENCE)
        case UndefinedError():
            return RenderError(FAILED, where=where, why=str(raw), fix=REFERENCE)
        case TemplateTimeout() | MemoryError():
            return limit_error(raw, where)
    return RenderError(FAILED, where=where, why=f"an expression fails ({type(raw).__name__})", fix=REFERENCE)


def limit_error(raw: TemplateTimeout | MemoryError, where: str) -> RenderError:
    """A template takes more than it may."""
    return RenderError(
        FAILED,
        where=where,
        why=TOO_LONG if isinstance(raw, TemplateTimeout) else TOO_MUCH,
        fix="simplify the expression, or put the value into `values`",
    )


class _Constants(Optimizer):
    """Evaluates what is constant, as Jinja2 does when it compiles a template, which drops all errors of it.

    For Jinja2 an expression that needs too much memory is one that it leaves to the rendering; here it is a mistake.
    """

    def __init__(self, environment: TemplateEnvironment, file: str) -> None:
        super().__init__(environment)
        self._file = file

    def generic_visit(self, node: nodes.Node, *args: Any, **more: Any) -> nodes.Node:
        if isinstance(node, nodes.TemplateData):
            return node
        NodeTransformer.generic_visit(self, node, *args, **more)
        if not isinstance(node, nodes.Expr):
            return node
        try:
            return nodes.Const.from_untrusted(node.as_const(), lineno=node.lineno, environment=self.environment)
        except Exception as error:
            self._refuse(error, node.lineno)
        return node

    def _refuse(self, error: BaseException | None, line: int) -> None:
        while error:
            if isinstance(error, TemplateTimeout | MemoryError):
                refusal = limit_error(error, self._file)
                raise RenderError(FAILED, location=Location(self._file, line), why=refusal.why, fix=refusal.fix)
            error = error.__cause__


_HINTS = {
    "No first item, sequence was empty.": "`first` is asked of an empty list",
    "No last item, sequence was empty.": "`last` is asked of an empty list",
}
"""Jinja2's own words for what a template may well do -> ours."""


def _undefined(texts: str) -> type[StrictUndefined]:
    class MissingValue(StrictUndefined):
        """An undefined value that tells what there is instead; a name that no template spells out is not repeated."""

        __slots__ = ()

        @property
        def _undefined_message(self) -> str:
            name, owner = self._undefined_name, self._undefined_obj
            if self._undefined_hint:
                return _HINTS.get(self._undefined_hint, self._undefined_hint)
            if not isinstance(name, str) or name not in texts:
                return "there is no such entry"
            if isinstance(owner, Record):
                return owner.absence(name)
            return f"nothing is called `{name}`; {_GIVEN}" if owner is missing else f"the value has no `{name}`"

    return MissingValue


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turn what Jinja2 and Python's own compiler raise for a template into our error."""
    try:
        yield
    except RenderError:
        raise
    except Exception as error:
        raise _unreadable(name, error) from None


def _check(environment: TemplateEnvironment, tree: nodes.Template, name: str) -> None:
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        kind, known = ("filter", environment.filters) if isinstance(node, nodes.Filter) else ("test", environment.tests)
        if node.name not in known:
            near = difflib.get_close_matches(node.name, known, n=1, cutoff=0.4)
            raise RenderError(
                FAILED,
                location=Location(template_file(name), node.lineno),
                why=f"there is no {kind} `{node.name}`" + (f"; did you mean `{near[0]}`?" if near else ""),
                fix=REFERENCE,
            )


def _unreadable(name: str, error: Exception) -> RenderError:
    if isinstance(error, TemplateTimeout):
        return limit_error(error, template_file(name))
    if isinstance(error, TemplateSyntaxError):
        return RenderError(
            FAILED,
            location=Location(template_file(error.name or name), error.lineno),
            why=error.message or "syntax error",
            fix="correct the template",
        )
    return RenderError(
        FAILED,
        where=template_file(name),
        why=f"it is nested too deeply, or a value in it is too large ({type(error).__name__})",
        fix="split the template, or simplify it",
    )


def _place(traceback: TracebackType | None, template: Template) -> str:
    files = {template_file(name) for name in template.texts}
    where = template.file
    while traceback:
        file = traceback.tb_frame.f_code.co_filename
        where = f"{file}:{traceback.tb_lineno}" if file in files else where
        traceback = traceback.tb_next
    return where
