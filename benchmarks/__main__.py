"""`python -m benchmarks`: measure the cases and print their ratios to the floors."""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import sys
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.bench import Bench, WrongResultError
from benchmarks.cases import CASES, Case
from benchmarks.floors.bare import LIBRARY
from benchmarks.measure import compare
from benchmarks.process import ProcessError
from benchmarks.server import FLAVOURS, PACES, Load, RefusedError, remote, start_sandbox
from benchmarks.table import Row, render_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from benchmarks.server import Server


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    names = [case.name for case in CASES]
    parser.add_argument("--only", action="append", choices=names, metavar="CASE", help=", ".join(names))
    parser.add_argument("--runs", type=_positive, default=5, help="paired runs of each case (5)")
    parser.add_argument("--size", type=_positive, default=1000, help="registered clients; all else follows (1000)")
    parser.add_argument("--flavour", action="append", choices=FLAVOURS, help="of the sandbox; both when not given")
    parser.add_argument("--pace", action="append", choices=sorted(PACES), help="of the sandbox; both when not given")
    parser.add_argument("--url", metavar="ISSUER", help="an IAM to measure; login: IAC_CLIENT_ID, IAC_CLIENT_SECRET")
    parser.add_argument("--i-own-this-server", action="store_true", help="--url may be another machine")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 0 when all could be measured, whether the targets are met or not."""
    given = parse(arguments)
    cases = [case for case in CASES if not given.only or case.name in given.only]
    try:
        rows = [*_offline(given, cases), *_online(given, cases)]
    except (RefusedError, WrongResultError, ProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(_circumstances(given))
    print()
    print(render_table(rows))
    return 0


def _offline(given: argparse.Namespace, cases: Sequence[Case]) -> Iterator[Row]:
    for case in cases:
        if not case.needs_server:
            with _bench(given.size * case.factor) as bench:
                yield _row(case, bench, given.runs)


def _online(given: argparse.Namespace, cases: Sequence[Case]) -> Iterator[Row]:
    online = [case for case in cases if case.needs_server]
    for open_server, pace in _servers(given):
        chosen = [case for case in online if _is_told(case, pace)]
        for factor in sorted({case.factor for case in chosen}):
            with open_server() as server, _bench(given.size * factor, server) as bench:
                for case in chosen:
                    if case.factor == factor:
                        yield _row(case, bench, given.runs)


def _is_told(case: Case, pace: str | None) -> bool:
    """Memory does not depend on the pace; what is larger than --size is for the sandbox alone."""
    return pace == "full" or (case.unit != "MB" if pace else case.factor == 1)


def _servers(given: argparse.Namespace) -> Iterator[tuple[Callable[[], AbstractContextManager[Server]], str | None]]:
    """How to open each server, and the sandbox's pace."""
    if given.url:
        server = remote(given.url, os.environ, Load(given.size, given.runs), is_owned=given.i_own_this_server)
        yield lambda: nullcontext(server), None
        return
    for flavour, pace in product(given.flavour or FLAVOURS, given.pace or PACES):
        yield partial(start_sandbox, flavour, pace), pace


@contextmanager
def _bench(size: int, server: Server | None = None) -> Iterator[Bench]:
    with TemporaryDirectory(prefix="iac-benchmark-") as folder:
        bench = Bench(Path(folder), size, f"benchmark-{secrets.token_hex(4)}", server)
        try:
            yield bench
        finally:
            bench.leave()


def _row(case: Case, bench: Bench, runs: int) -> Row:
    label = bench.server.label if bench.server else "-"
    print(f"{case.name} ({bench.size} clients, server {label}) ...", file=sys.stderr, flush=True)
    with case.open(bench) as pair:
        return Row(case, bench.size, label, compare(pair, runs))


def _circumstances(given: argparse.Namespace) -> str:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    versions = f"Python {platform.python_version()}, iac {version('indigo-iac')}, {LIBRARY}"
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {load}, {versions}\n"
        f"medians of {given.runs} paired runs (least-most); ratio: median of the pairs' ratios"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
