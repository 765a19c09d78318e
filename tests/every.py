"""Many small cases in one test that names each that fails: a test for each costs more than it tells."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Test = Callable[..., None]


def every(
    names: str, cases: Iterable[Any], *, ids: Iterable[str] | Callable[[Any], str] | None = None
) -> Callable[[Test], Test]:
    """Run a test for every case, as `pytest.mark.parametrize` would, but as one test.

    Each case has a `tmp_path` of its own. All share the other fixtures: take it for what changes none of them.
    """
    keys, listed = names.split(", "), list(cases)
    named = list(map(ids or repr, listed)) if ids is None or callable(ids) else list(ids)

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(*instance: Any, **given: Any) -> None:
            failures = []
            for number, (name, case) in enumerate(zip(named, listed, strict=True)):
                values = dict(zip(keys, case if len(keys) > 1 else (case,), strict=True))
                try:
                    test(*instance, **_with_own_folder(given, number), **values)
                # What `pytest.raises` fails with is no Exception.
                except (Exception, pytest.fail.Exception) as failure:
                    failure.add_note(f"{names}: {name}")
                    failures.append(failure)
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(listed)} cases failed", failures)

        signature = inspect.signature(test)
        left = [parameter for name, parameter in signature.parameters.items() if name not in keys]
        run.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return run

    return decorate


def _with_own_folder(given: dict[str, Any], number: int) -> dict[str, Any]:
    if "tmp_path" not in given:
        return given
    folder = given["tmp_path"] / str(number)
    folder.mkdir()
    return {**given, "tmp_path": folder}
