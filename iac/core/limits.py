"""Limits of templates, of files, and of what is taken from a server. Pure."""

TEMPLATE_BYTES = 256 * 1024
"""Bytes of one template. The longest built-in has 2 kB.

What a template may use is far above what one that makes a configuration file needs. Templates of the project come with
pull requests, so their author may not be known. Jinja2's sandbox keeps them from files and from Python, not from using
up a machine: `{{ 10 ** 100000000 }}` is a short text.
"""

OUTPUT_BYTES = 1024 * 1024
"""Bytes of one rendered file; a Kubernetes Secret ends here too."""

WORKER_ANSWER_BYTES = 8 * OUTPUT_BYTES
"""Bytes that the worker may answer: a rendered file as JSON, of which a byte takes six at most (`\\u0001`)."""

TEMPLATE_SECONDS = 3
"""Processor time for one template: to compile it, to render it once or to read one file back. Usual are 0.01 s."""

TEMPLATE_GRACE = 2
"""Seconds of processor time after which the system ends a process in which the interpreter did not look at the time."""

TEMPLATE_FAILURES = 3
"""How often templates of the project may go beyond a limit in one command; then none of them is tried any more."""

WORKER_PATIENCE = 60
"""Seconds to wait for an answer: where processes share a processor, its time passes more slowly than the clock's."""

WORKER_MEMORY = 512 * 1024 * 1024
"""Bytes of address space of the worker. Python and Jinja2 take 60 MiB; a worker above half of it is replaced, so that
each template finds the other half, whatever those before it left behind."""

TOO_LONG = f"it takes too long: a template has {TEMPLATE_SECONDS} seconds"
TOO_MANY = f"it was not tried: {TEMPLATE_FAILURES} times templates took too long or too much memory before"
TOO_MUCH = f"it needs too much memory: a template has {WORKER_MEMORY // 2**20} MiB"


TIMEOUT = 30.0
"""Seconds that a server may be silent: `timeout` of iac.yaml."""

DEADLINE = 120.0
"""Seconds for a whole answer, from the first step to the last byte, repeated reads and pauses included: `deadline`."""

LARGEST_FILE = 256 * 2**20
"""Bytes of a file that is read, or of what a program prints: more than the largest state."""

LARGEST_SECRET = 64 * 2**10
"""Bytes of a file that holds one value, such as a password or a token."""

LARGEST_BODY = 32 * 2**20
"""Bytes of an answer, decoded; a page of 100 clients with the largest jwk that IAM takes is 7 MB."""

LARGEST_HEAD = 2**20
"""Bytes of an answer besides its body: status lines, headers, those of 1xx answers, sizes of chunks, trailers."""

DECODED_AT_ONCE = 2**16
"""Bytes that one step of decompression may make."""

LARGEST_TOKENS = 256 * 2**10
"""Bytes of a file of tokens, or of what oidc-token prints: an access token with many groups has some kB."""

LARGEST_KEY_SET = 256 * 2**10
"""Bytes of the key set behind a client's jwks_uri."""

LARGEST_LIST = 1_000_000
"""Entries of a list: a server that says it has more is not believed."""

LONGEST_FILE = 300.0
"""Seconds to read a file or to wait for a lock: its holder writes a file or renews a token, and else hangs."""

LONGEST_WRITE = 900.0
"""Seconds that a write of state may take. Each has lower limits of its own: deadlines of answers and of git."""
