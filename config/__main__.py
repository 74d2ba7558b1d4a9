"""`python -m config check [stack]` says what is wrong with a stack file; `schema` and `docs` write files."""

import argparse
import json
import sys
from pathlib import Path

from config.drawing import draw, section
from config.load import ROOT, ConfigurationError, read, shipped, stacks
from config.picture import svg
from config.reference import markdown, schema

_SCHEMA = ROOT / "config" / "stack.schema.json"
_DOCS = ROOT / "docs"


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


def docs() -> dict[Path, str]:
    """The pages and pictures that are made from the models and the catalogue, by path."""
    drawing, architecture = draw(shipped()), _DOCS / "ARCHITECTURE.md"
    return {
        _DOCS / "configuration.md": markdown(),
        architecture: section(architecture.read_text(), drawing),
        _DOCS / "architecture.svg": svg(drawing),
    }


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
    commands.add_parser("docs", help="write what is told and drawn from the models and the catalogue")
    arguments = parser.parse_args()
    if arguments.command == "check":
        return 0 if all([check(stack) for stack in arguments.stack]) else 1
    if arguments.command == "schema":
        _write(_SCHEMA, json.dumps(schema(), indent=2) + "\n")
    else:
        for path, text in docs().items():
            _write(path, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
