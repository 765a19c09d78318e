"""Many small cases in one test that names each that fails: a test for each costs more than it tells."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Test = Callable[..., None]


def every(names: str, cases: Iterable[Any]) -> Callable[[Test], Test]:
    """Run a test for every case, as `pytest.mark.parametrize` would, but as one test.

    All cases share the fixtures of that test: take it for what changes none of them.
    """
    keys, listed = names.split(", "), list(cases)

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(**given: Any) -> None:
            failures = []
            for case in listed:
                try:
                    test(**given, **dict(zip(keys, case if len(keys) > 1 else (case,), strict=True)))
                except Exception as failure:
                    failure.add_note(f"{names}: {case!r}")
                    failures.append(failure)
            if failures:
                raise ExceptionGroup(f"{len(failures)} of {len(listed)} cases failed", failures)

        signature = inspect.signature(test)
        left = [parameter for name, parameter in signature.parameters.items() if name not in keys]
        run.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return run

    return decorate
