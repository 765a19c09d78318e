"""What the process for templates of the project does: one question about one template, one answer."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any, NoReturn

from iac.core.errors import RenderError
from iac.core.limits import TEMPLATE_SECONDS, TOO_LONG, TOO_MUCH, WORKER_MEMORY
from iac.rendering.engine import TemplateTimeout, compiled, exceeding, references, render
from iac.rendering.renderer import pack, read_output, read_template, unpack, write_error, write_found
from iac.rendering.template import template_file

_SIZE = Path("/proc/self/statm")  # of Linux; elsewhere the system does not hold a process to its memory either


def answer(question: bytes) -> bytes:
    """The answer to a question of `iac.rendering.renderer`."""
    asked = unpack(question)
    told = {"result": _rehearse(asked)} if asked["what"] == "rehearse" else _tell(asked)
    return pack({**told, "is_last": _is_large()})


def _rehearse(asked: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """The error of each output, None for one that can be rendered.

    It stops behind an output that takes too much, where this process is large, and when the time of one is over: the
    rest is asked again.
    """
    begun = process_time()
    errors: list[dict[str, Any] | None] = []
    for output in asked["outputs"]:
        errors.append(_tell({**asked, **output, "what": "render"}).get("error"))
        is_over = process_time() - begun > TEMPLATE_SECONDS
        if is_over or _is_large() or (errors[-1] and errors[-1]["why"] in {TOO_LONG, TOO_MUCH}):
            break
    return errors


def _tell(asked: Mapping[str, Any]) -> dict[str, Any]:
    with _limited():
        return _told(asked)


def _told(asked: Mapping[str, Any]) -> dict[str, Any]:
    from iac.rendering.content import NotAsRendered, Unreadable

    try:
        return {"result": _DO[asked["what"]](asked)}
    except RenderError as error:
        return {"error": write_error(error)}
    except Unreadable as error:
        return {"unreadable": str(error)}
    except NotAsRendered as error:
        return {"changed": str(error)}
    except (TemplateTimeout, MemoryError) as error:
        return {"error": write_error(exceeding(error, template_file(asked["name"])))}


def _references(asked: Mapping[str, Any]) -> list[str]:
    return references(asked["name"], asked["text"])


def _entries(asked: Mapping[str, Any]) -> list[str] | None:
    from iac.rendering.reads import entries_read

    names = entries_read(read_template(asked["template"]))
    return None if names is None else sorted(names)


def _check(asked: Mapping[str, Any]) -> None:
    compiled(read_template(asked["template"]))


def _render(asked: Mapping[str, Any]) -> str:
    return render(*read_output(asked)).decode()


def _read(asked: Mapping[str, Any]) -> dict[str, Any]:
    from iac.rendering.content import read_credentials  # brings in YAML, for iac verify alone

    return write_found(read_credentials(asked["content"].encode("latin-1"), *read_output(asked)))


_DO: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "references": _references,
    "entries": _entries,
    "check": _check,
    "render": _render,
    "read": _read,
}


@contextmanager
def _limited() -> Iterator[None]:
    """Processor time for what is done within.

    The timer ends what Python does, so that the error names a line; where the interpreter does not look at it, the
    system ends the process a second later.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + TEMPLATE_SECONDS + 2, hard))
    before = signal.signal(signal.SIGPROF, _end)
    signal.setitimer(signal.ITIMER_PROF, TEMPLATE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _end(*_: object) -> NoReturn:
    raise TemplateTimeout


def _is_large() -> bool:
    """Whether this process takes up more than half of what it may."""
    try:
        pages = int(_SIZE.read_text(encoding="ascii").split()[0])
    except OSError:
        return False
    return pages * os.sysconf("SC_PAGE_SIZE") > WORKER_MEMORY // 2
