"""`python -m ops preview [STACK]`: what a change means, from pulumi's own preview."""

import argparse
import json
import subprocess
import sys

from ops.impact import changes, table


def preview(arguments: argparse.Namespace) -> int:
    """Print the changes of a stack as a table; the exit status is pulumi's."""
    command = ["pulumi", "preview", "--json", "--non-interactive", "--stack", arguments.stack, *arguments.options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    result = json.loads(done.stdout) if done.stdout.strip().startswith("{") else {"steps": []}
    for diagnostic in result.get("diagnostics") or []:
        message = diagnostic["message"].strip().removeprefix("warning: ")
        if diagnostic["severity"] in ("warning", "error") and not message.startswith("using pulumi-"):
            print(f"{diagnostic['severity']}: {message}", file=sys.stderr)
    if done.returncode:
        print(done.stderr.strip(), file=sys.stderr)
        return done.returncode
    print(table(changes(result)), end="")
    return 0


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("preview", help="what `pulumi up` would change, and who would notice")
    one.add_argument("stack")
    one.add_argument("options", nargs=argparse.REMAINDER, help="passed on to pulumi")
    one.set_defaults(run=preview)
    arguments = parser.parse_args()
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
