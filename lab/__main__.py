"""`python -m lab COMMAND`, as the Makefile calls it."""

import argparse
import os
import sys
from contextlib import nullcontext
from pathlib import Path

from lab import deploy, leftovers, shell
from lab.checkout import Checkout
from lab.commands import COMMANDS
from lab.steps import StepError, Steps


def main() -> int:
    """Run one command; a failure is its cause, the way out and the log."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("command", choices=[*COMMANDS, "shell"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="go on to pulumi, pytest or bash")
    options = parser.parse_args()
    # In `make shell` docker means the lab's engine; here it means this machine's.
    if os.environ.get("DOCKER_HOST") == shell.DOCKER_HOST:
        del os.environ["DOCKER_HOST"]
    checkout = Checkout(Path(__file__).resolve().parent.parent)
    try:
        deploy.own_agent(sys.argv[1:])
        if options.command == "shell":
            shell.become(checkout, options.arguments)
        mark = leftovers.mark(checkout)
        # A test that calls a command runs under the lock of `make test`.
        inside = mark.items() <= os.environ.items()
        with nullcontext() if inside else checkout.lock(options.command, _waits):
            if not inside:
                leftovers.end(checkout)
            steps = Steps(checkout.dir / "log", mark)
            with steps.shown():
                return COMMANDS[options.command](steps, checkout, options.arguments)
    except StepError as error:
        print(f"{error}\nway out: {error.way_out}" + (f"\nlog: {error.log}" if error.log else ""), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run it again: it carries on from here", file=sys.stderr)
        return 130


def _waits(holder: str) -> None:
    print(f"… waiting: this checkout is in use ({holder or 'by another run'})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
