"""`python -m ops COMMAND STACK`: what operators run besides pulumi."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from ops.checklist.run import checklist
from ops.compare import report
from ops.images import matrix, pin
from ops.impact import changes
from ops.impact import table as impact_table
from ops.plan import diagnostics
from ops.policy import check
from ops.promote import promote
from ops.recover import recover
from ops.releases import rollback, show
from ops.stack import OperationError, Stack
from ops.status import status


def preview(stack: Stack, options: list[str]) -> int:
    """Print the changes of a stack as a table; the exit status is pulumi's."""
    command = ["pulumi", "preview", "--json", "--non-interactive", "--stack", stack.name, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    result = json.loads(done.stdout) if done.stdout.strip().startswith("{") else {"steps": []}
    said = diagnostics(result)
    for line in said:
        print(line, file=sys.stderr)
    if done.returncode:
        print(done.stderr.strip(), file=sys.stderr)
    # With --expect-no-changes it fails because there are some, and these are what one wants to see.
    if not done.returncode or not any(line.startswith("error:") for line in said):
        print(impact_table(changes(result)), end="")
    return done.returncode


def up(stack: Stack, options: list[str]) -> int:
    """Deploy, after what a killed run left is taken away; the exit status is pulumi's."""
    recover(stack)
    return stack.up(*options)


def main() -> int:
    """Run one command; 1 when it can't be done."""
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, meaning: str, *, options: bool = False, release: bool = False) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=meaning)
        one.add_argument("stack")
        if options:
            one.add_argument("options", nargs=argparse.REMAINDER, help="passed on to pulumi")
        if release:
            one.add_argument("--to", metavar="RELEASE", help="its id, as `releases` lists it")
        return one

    command("preview", "what `pulumi up` would change, and who would notice", options=True)
    command("up", "deploy; a killed run's leftovers are taken away first", options=True)
    command("recover", "take away what a killed run left: its lock, its half-made resources")
    command("status", "the live release, and every container's health and use")
    command("releases", "what was released, and can be again")
    command("rollback", "make an earlier release live again, by default the one before", release=True)
    proof = command("checklist", "what must hold in production: proved on the stack, or who must prove it")
    proof.add_argument("--write", metavar="FILE", type=Path, help="the filled list, as Markdown")
    command("promote", "let the stack's file name what the stack before it has proved")
    command("matrix", "the images that a pipeline builds for the stack, as jobs of a matrix")
    command("pin", "let the stack's file name these images").add_argument("images", nargs="+", help="…@sha256:…")
    command("policy", "what of the stack breaks a rule; needs no credential")
    command("compare", "what this checkout changes; needs no credential").add_argument("base", help="commit")
    arguments = parser.parse_args()
    stack = Stack(arguments.stack)
    try:
        match arguments.command:
            case "preview":
                return preview(stack, arguments.options)
            case "up":
                return up(stack, arguments.options)
            case "recover":
                recover(stack)
            case "status":
                print(status(stack), end="")
            case "releases":
                print(show(stack), end="")
            case "rollback" | "checklist":
                rolls = arguments.command == "rollback"
                return rollback(stack, arguments.to) if rolls else checklist(stack, arguments.write)
            case "promote":
                print(promote(stack), end="")
            case "matrix":
                print(f"matrix={matrix(stack.platform)}")
            case "pin":
                pin(stack.file, arguments.images)
            case "policy" | "compare":
                text, kept = check(stack.name) if arguments.command == "policy" else report(stack.name, arguments.base)
                print(text, end="")
                return 0 if kept else 1
    except OperationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
