"""`python -m iac.sandbox`: the sandbox without the rest of `iac`."""

import argparse
import sys
from functools import partial

from iac.sandbox.flavour import Flavour
from iac.sandbox.run import RunOptions, SandboxError, run
from iac.sandbox.seed import PEOPLE
from iac.sandbox.world import Registrants


def main(arguments: list[str]) -> int:
    """Run until interrupted. Returns 0, or 1 when it cannot start."""
    parser = argparse.ArgumentParser("python -m iac.sandbox", description="A local INDIGO IAM. Not for production.")
    parser.add_argument("--host", default="localhost", help="address to listen on (localhost)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on, 0 for a free one (8080)")
    parser.add_argument("--flavour", type=Flavour, choices=list(Flavour), default=Flavour.V1_14)
    parser.add_argument("--seed", default=PEOPLE, help="the packaged set `people`, or a JSON file")
    parser.add_argument("--faults", default="", help="JSON: what is to happen to coming requests")
    parser.add_argument("--registration", type=Registrants, choices=list(Registrants), default=Registrants.ANYONE)
    parser.add_argument("--shuffle", type=int, help="a number: lists in answers come in a random order")
    try:
        run(RunOptions(**vars(parser.parse_args(arguments))), partial(print, flush=True))
    except SandboxError as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
