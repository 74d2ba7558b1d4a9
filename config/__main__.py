"""`python -m config check [stack]` says what is wrong with a stack file; `schema` and `docs` write files."""

import argparse
import json
import sys
from pathlib import Path

from config.load import ROOT, ConfigurationError, read, stacks
from config.reference import markdown, schema

_SCHEMA = ROOT / "config" / "stack.schema.json"
_DOCS = ROOT / "docs" / "configuration.md"


def check(stack: str) -> bool:
    """Report on one stack file; true if it can be deployed."""
    try:
        loaded = read(stack)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return False
    for warning in loaded.warnings:
        print(f"Pulumi.{stack}.yaml: warning: {warning}")
    print(f"Pulumi.{stack}.yaml: {len(loaded.platform.services)} services, no mistakes")
    return True


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    print(f"wrote {path.relative_to(ROOT)}")


def main() -> int:
    """Run one command; the exit status is 1 when a stack file has mistakes."""
    parser = argparse.ArgumentParser(prog="python -m config", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="report every mistake").add_argument("stack", nargs="*", default=stacks())
    commands.add_parser("schema", help=f"write {_SCHEMA.name}, for editors")
    commands.add_parser("docs", help=f"write {_DOCS.name}")
    arguments = parser.parse_args()
    if arguments.command == "check":
        return 0 if all([check(stack) for stack in arguments.stack]) else 1
    if arguments.command == "schema":
        _write(_SCHEMA, json.dumps(schema(), indent=2) + "\n")
    else:
        _write(_DOCS, markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
