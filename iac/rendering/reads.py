"""What a template reads of its clients, found in its text: names of entries, or everything where that cannot be told.

A client is followed through loops, `set`, `with`, macros and imports, by name and whatever the scope: a name that
stands for a client anywhere stands for one everywhere. Where a client as a whole gets anywhere else, such as into
`{{ client | json }}`, or an entry of it is named by an expression, everything counts as read. So what is found may be
too much, and never too little.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import cast

from jinja2 import nodes

from iac.rendering.context import Record
from iac.rendering.engine import JINJA_GLOBALS, parse_template
from iac.rendering.template import Template


class _Kind(Enum):
    """What the value of an expression is, as far as clients can be reached by it."""

    OTHER = auto()
    CLIENT = auto()
    CLIENTS = auto()  # the mapping of names to clients
    LIST = auto()  # clients one after another
    PAIRS = auto()  # a name and its client, one after another
    MODULE = auto()  # an imported template


class _WholeClientRead(Exception):
    """A client is used as a whole."""


_OTHER, _CLIENT, _CLIENTS, _LIST, _PAIRS, _MODULE = _Kind
_METHODS = {"items": _PAIRS, "keys": _OTHER, "values": _LIST}
_FILTERS: Mapping[tuple[_Kind, str], _Kind] = {
    **{(_CLIENTS, name): _OTHER for name in ("count", "first", "last", "length", "list")},
    **{(_CLIENTS, name): _PAIRS for name in ("dictsort", "items")},
    **{(_LIST, name): _LIST for name in ("list", "rejectattr", "reverse", "selectattr", "sort")},
    **{(_LIST, name): _CLIENT for name in ("first", "last")},
    **{(kind, name): _OTHER for kind in (_LIST, _PAIRS) for name in ("count", "length")},
}
"""What a filter makes of clients. `map` is the one whose arguments decide."""

_TESTS = frozenset({"defined", "mapping", "none", "undefined"})
_WORD = re.compile(r"\w+")


def entries_read(template: Template) -> frozenset[str] | None:
    """Names of entries of a client that a template may read; None for all of them.

    Raises:
        RenderError: its syntax.
    """
    try:
        return _Reader([parse_template(name, text) for name, text in template.texts.items()]).read()
    except (_WholeClientRead, RecursionError):
        return None


class _Reader:
    """Reads the texts of a template until nothing new is found."""

    def __init__(self, trees: Iterable[nodes.Template]) -> None:
        self._trees = list(trees)
        self._kinds = {"client": _CLIENT, "clients": _CLIENTS}
        self._macros: dict[str, list[nodes.Macro]] = {}
        self._names: set[str] = set()
        variables = {name.name for tree in self._trees for name in tree.find_all(nodes.Name) if name.ctx != "load"}
        for macro in (macro for tree in self._trees for macro in tree.find_all(nodes.Macro)):
            if macro.name not in {*variables, *JINJA_GLOBALS}:
                self._macros.setdefault(macro.name, []).append(macro)

    def read(self) -> frozenset[str]:
        """Each pass learns at least one name that stands for a client, or is the last."""
        known = -1
        while known < len(self._kinds):
            known = len(self._kinds)
            for tree in self._trees:
                self._plain(tree)
        return frozenset(self._names)

    def _kind(self, node: nodes.Node) -> _Kind:
        """What a node is; everything in it is looked at."""
        visit = _VISITS.get(type(node))
        return visit(self, node) if visit else self._others(node)

    def _plain(self, node: nodes.Node) -> None:
        """Look at a node whose value must not be a client, or lead to one."""
        if self._kind(node) is not _OTHER:
            raise _WholeClientRead

    def _others(self, node: nodes.Node) -> _Kind:
        for child in node.iter_child_nodes():
            self._plain(child)
        return _OTHER

    def _learn(self, name: str, kind: _Kind) -> None:
        """A name stands for this, whatever else it stands for elsewhere."""
        if kind is _OTHER:
            return
        if self._kinds.setdefault(name, kind) is not kind:
            raise _WholeClientRead

    def _bind(self, target: nodes.Node, kind: _Kind) -> None:
        if isinstance(target, nodes.Name):
            self._learn(target.name, kind)
        elif kind is not _OTHER:
            raise _WholeClientRead

    def name(self, node: nodes.Name) -> _Kind:
        return self._kinds.get(node.name, _OTHER) if node.ctx == "load" else _OTHER

    def const(self, node: nodes.Const) -> _Kind:
        self._names.update(_WORD.findall(str(node.value)))
        return _OTHER

    def attribute(self, node: nodes.Getattr) -> _Kind:
        return self._entry(self._kind(node.node), node.attr)

    def item(self, node: nodes.Getitem) -> _Kind:
        base = self._kind(node.node)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return self._entry(base, node.arg.value)
        self._plain(node.arg)
        if base is _OTHER or (base is _CLIENTS and not isinstance(node.arg, nodes.Slice)):
            return _CLIENT if base is _CLIENTS else _OTHER
        raise _WholeClientRead

    def _entry(self, base: _Kind, name: str) -> _Kind:
        self._names.add(name)
        if base is _MODULE:
            return self._kinds.get(name, _OTHER)
        if base in {_CLIENT, _CLIENTS} and not hasattr(Record, name):
            return _CLIENT if base is _CLIENTS else _OTHER
        if base is _OTHER and name not in {"nextitem", "previtem"}:  # of `loop`: they may be clients
            return _OTHER
        raise _WholeClientRead

    def test(self, node: nodes.Test) -> _Kind:
        if node.name not in _TESTS:
            return self._others(node)
        self._kind(node.node)
        return _OTHER

    def comparison(self, node: nodes.Compare) -> _Kind:
        self._plain(node.expr)
        for operand in node.ops:
            if not (operand.op in {"in", "notin"} and self._kind(operand.expr) is _CLIENTS):
                self._plain(operand.expr)
        return _OTHER

    def choice(self, node: nodes.CondExpr) -> _Kind:
        self._plain(node.test)
        kinds = {self._kind(part) for part in (node.expr1, node.expr2) if part is not None}
        if len(kinds) > 1:
            raise _WholeClientRead
        return kinds.pop()

    def filtered(self, node: nodes.Filter) -> _Kind:
        base = _OTHER if node.node is None else self._kind(node.node)
        arguments = [*node.args, *(keyword.value for keyword in node.kwargs)]
        arguments += [argument for argument in (node.dyn_args, node.dyn_kwargs) if argument is not None]
        for argument in arguments:
            self._plain(argument)
        if base is _OTHER:
            return _OTHER
        is_map = base is _LIST and node.name == "map" and [keyword.key for keyword in node.kwargs] == ["attribute"]
        is_known = (is_map and not node.args) or (base, node.name) in _FILTERS
        if not is_known or not all(isinstance(argument, nodes.Const) for argument in arguments):
            raise _WholeClientRead
        return _OTHER if is_map else _FILTERS[base, node.name]

    def call(self, node: nodes.Call) -> _Kind:
        callee = node.node
        if isinstance(callee, nodes.Getattr) and callee.attr in _METHODS and self._kind(callee.node) is _CLIENTS:
            return _METHODS[callee.attr]
        macros = self._macros.get(self._called(callee), ())
        if not macros or node.dyn_args or node.dyn_kwargs:
            return self._others(node)
        for macro in macros:
            names = [argument.name for argument in macro.args]
            arguments = [
                *zip(names, node.args, strict=False),
                *((keyword.key, keyword.value) for keyword in node.kwargs),
            ]
            for name, value in arguments:
                self._learn(name, self._kind(value))
            for value in [
                *node.args[len(names) :],
                *(keyword.value for keyword in node.kwargs if keyword.key not in names),
            ]:
                self._plain(value)
        return _OTHER

    def _called(self, callee: nodes.Node) -> str:
        """The name of the macro that is called; "" when it is not a macro."""
        if isinstance(callee, nodes.Getattr):
            return callee.attr if self._kind(callee.node) is _MODULE else ""
        return callee.name if isinstance(callee, nodes.Name) else ""

    def loop(self, node: nodes.For) -> _Kind:
        source = self._kind(node.iter)
        if source is _LIST:
            self._bind(node.target, _CLIENT)
        elif source is _PAIRS:
            _, target = node.target.items if isinstance(node.target, nodes.Tuple) else (None, None)
            self._bind(target or node.target, _CLIENT if target else _PAIRS)
        elif source not in {_OTHER, _CLIENTS}:
            raise _WholeClientRead
        for part in [*node.body, *node.else_, *([node.test] if node.test else [])]:
            self._plain(part)
        return _OTHER

    def assignment(self, node: nodes.Assign) -> _Kind:
        self._bind(node.target, self._kind(node.node))
        return _OTHER

    def scope(self, node: nodes.With) -> _Kind:
        for target, value in zip(node.targets, node.values, strict=True):
            self._bind(target, self._kind(value))
        for part in node.body:
            self._plain(part)
        return _OTHER

    def macro(self, node: nodes.Macro) -> _Kind:
        arguments = node.args[len(node.args) - len(node.defaults) :]
        for argument, value in zip(arguments, node.defaults, strict=True):
            self._bind(argument, self._kind(value))
        for part in node.body:
            self._plain(part)
        return _OTHER

    def module(self, node: nodes.Import) -> _Kind:
        self._plain(node.template)
        self._learn(node.target, _MODULE)
        return _OTHER

    def names_of_module(self, node: nodes.FromImport) -> _Kind:
        self._plain(node.template)
        for entry in node.names:
            name, alias = (entry, entry) if isinstance(entry, str) else entry
            self._learn(alias, self._kinds.get(name, _OTHER))
            self._macros.setdefault(alias, self._macros.get(name, []))
        return _OTHER


_VISITS = cast(
    Mapping[type[nodes.Node], Callable[[_Reader, nodes.Node], _Kind]],
    {
        nodes.Name: _Reader.name,
        nodes.Const: _Reader.const,
        nodes.Getattr: _Reader.attribute,
        nodes.Getitem: _Reader.item,
        nodes.Test: _Reader.test,
        nodes.Compare: _Reader.comparison,
        nodes.CondExpr: _Reader.choice,
        nodes.Filter: _Reader.filtered,
        nodes.Call: _Reader.call,
        nodes.For: _Reader.loop,
        nodes.Assign: _Reader.assignment,
        nodes.With: _Reader.scope,
        nodes.Macro: _Reader.macro,
        nodes.Import: _Reader.module,
        nodes.FromImport: _Reader.names_of_module,
    },
)
"""Nodes whose value, or whose names, can be clients; of all others each part is looked at by itself."""
