"""What the process for templates of the project does: one question about one template, one answer."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any, NoReturn

from msgspec.structs import replace

from iac.core.errors import RenderError
from iac.core.limits import TEMPLATE_GRACE, TEMPLATE_SECONDS, TOO_LONG, TOO_MUCH, WORKER_MEMORY
from iac.rendering.engine import TemplateTimeout, limit_error
from iac.rendering.renderer import Question, TemplateAnswer, pack, result_of, unpack

_SIZE = Path("/proc/self/statm")  # of Linux; elsewhere the system does not hold a process to its memory either


def answer(question: bytes) -> bytes:
    """The answer to a question of `iac.rendering.renderer`."""
    asked = unpack(question, Question)
    reply = TemplateAnswer(_rehearse(asked)) if asked.what == "rehearse" else _limited_reply(asked)
    return pack(replace(reply, is_last=_is_large()))


def _rehearse(asked: Question) -> list[RenderError | None]:
    """The error of each output, None for one that can be rendered.

    It stops behind an output that takes too much, where this process is large, and when the time of one is over: the
    rest is asked again.
    """
    begun = process_time()
    errors: list[RenderError | None] = []
    for output in asked.outputs:
        errors.append(_limited_reply(Question("render", asked.template, [output])).error)
        is_over = process_time() - begun > TEMPLATE_SECONDS
        if is_over or _is_large() or (errors[-1] and errors[-1].why in {TOO_LONG, TOO_MUCH}):
            break
    return errors


def _limited_reply(asked: Question) -> TemplateAnswer[Any]:
    """The result within the limits, or why there is none."""
    from iac.rendering.content import ContentMismatch, MalformedContent

    with _limited():
        try:
            return TemplateAnswer(result_of(asked))
        except RenderError as error:
            return TemplateAnswer(error=error)
        except MalformedContent as error:
            return TemplateAnswer(unreadable=str(error))
        except ContentMismatch as error:
            return TemplateAnswer(changed=str(error))
        except (TemplateTimeout, MemoryError) as error:
            return TemplateAnswer(error=limit_error(error, asked.template.file))


@contextmanager
def _limited() -> Iterator[None]:
    """Processor time for what is done within.

    The timer ends what Python does, so that the error names a line; where the interpreter does not look at it, the
    system ends the process.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(
        resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + TEMPLATE_SECONDS + TEMPLATE_GRACE, hard)
    )
    before = signal.signal(signal.SIGPROF, _raise_timeout)
    signal.setitimer(signal.ITIMER_PROF, TEMPLATE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _raise_timeout(*_: object) -> NoReturn:
    raise TemplateTimeout


def _is_large() -> bool:
    """Whether this process takes up more than half of what it may."""
    try:
        pages = int(_SIZE.read_text(encoding="ascii").split()[0])
    except OSError:
        return False
    return pages * os.sysconf("SC_PAGE_SIZE") > WORKER_MEMORY // 2
