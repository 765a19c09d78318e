"""What a template may use. Each limit is far above what a template that makes a configuration file needs.

Templates of the project come with pull requests, so their author may not be known. Jinja2's sandbox keeps them from
files and from Python, not from using up a machine: `{{ 10 ** 100000000 }}` is a short text.
"""

from __future__ import annotations

MAX_BYTES = 256 * 1024
"""Bytes of one template. The longest built-in has 2 kB."""

MAX_OUTPUT = 1024 * 1024
"""Bytes of one rendered file; a Kubernetes Secret ends here too."""

MAX_ANSWER = 8 * MAX_OUTPUT
"""Bytes that the worker may answer: a rendered file as JSON, of which a byte takes six at most (`\\u0001`)."""

SECONDS = 3
"""Processor time for one template: to compile it, to render it once or to read one file back. Usual are 0.01 s."""

MANY = 3
"""How often templates of the project may go beyond a limit in one command; then none of them is tried any more."""

PATIENCE = 60
"""Seconds to wait for an answer: where processes share a processor, its time passes more slowly than the clock's."""

MEMORY = 512 * 1024 * 1024
"""Bytes of address space of the worker. Python and Jinja2 take 60 MiB; a worker above half of it is replaced, so that
each template finds the other half, whatever those before it left behind."""

TOO_LONG = f"it takes too long: a template has {SECONDS} seconds"
TOO_MANY = f"it was not tried: {MANY} times templates took too long or too much memory before"
TOO_MUCH = f"it needs too much memory: a template has {MEMORY // 2**20} MiB"
