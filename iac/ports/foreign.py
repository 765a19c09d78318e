"""Foreign exceptions end at the ports."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, cast

from iac.core.errors import IacError

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def only(
    error: type[IacError], summary: str
) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """A decorator of a port's public methods: what is no error of iac becomes `error`, with its words as the why."""

    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(self, *args, **kwargs)
            except IacError:
                raise
            except Exception as foreign:
                why = f"{type(foreign).__name__}: {foreign}"
                raise error(summary, why=why) from foreign

        return cast("Callable[Concatenate[S, P], R]", functools.update_wrapper(guarded, method))

    return decorate
