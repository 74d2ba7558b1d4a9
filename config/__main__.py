"""`python -m config check [stack]` says what is wrong with a stack file; `schema` and `docs` write files."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from config.load import ROOT, ConfigurationError, build
from config.reference import markdown, schema

_SCHEMA = ROOT / "config" / "stack.schema.json"
_DOCS = ROOT / "docs" / "configuration.md"


def check(stack: str) -> bool:
    """Report on one stack file; true if it can be deployed."""
    path = ROOT / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        print(f"{path.name} is missing; there are {', '.join(_stacks())}", file=sys.stderr)
        return False
    try:
        values: dict[str, Any] = (yaml.safe_load(path.read_text()) or {}).get("config") or {}
    except yaml.YAMLError as error:
        print(f"{path.name} is no YAML: {error}", file=sys.stderr)
        return False
    own = {key.removeprefix("a4co:"): value for key, value in values.items() if key.startswith("a4co:")}
    secret = frozenset(key for key, value in own.items() if isinstance(value, dict) and set(value) == {"secure"})
    try:
        loaded = build(stack, own, secret=secret)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return False
    for warning in loaded.warnings:
        print(f"{path.name}: warning: {warning}")
    print(f"{path.name}: {len(loaded.platform.services)} services, no mistakes")
    return True


def _stacks() -> list[str]:
    return sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    print(f"wrote {path.relative_to(ROOT)}")


def main() -> int:
    """Run one command; the exit status is 1 when a stack file has mistakes."""
    parser = argparse.ArgumentParser(prog="python -m config", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="report every mistake").add_argument("stack", nargs="*", default=_stacks())
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
